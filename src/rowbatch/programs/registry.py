"""The programs whose exports are known, in the order in which a file is looked at."""

from __future__ import annotations

from rowbatch.programs import (
    doccano,
    documents,
    hxl,
    kobo,
    label_studio,
    limesurvey,
    meta,
    odk,
    potato,
    prodigy,
    qualtrics,
    redcap,
    reddit,
    refi_qda,
    surveymonkey,
    telegram,
    twarc,
    whatsapp,
    x_archive,
    youtube,
)
from rowbatch.programs.base import Program

PROGRAMS: tuple[Program, ...] = (
    x_archive.PROGRAM,
    twarc.PROGRAM,
    telegram.PROGRAM,
    odk.PROGRAM,
    redcap.PROGRAM,
    whatsapp.PROGRAM,
    meta.PROGRAM,
    reddit.PROGRAM,
    youtube.PROGRAM,
    refi_qda.PROGRAM,
    potato.PROGRAM,
    prodigy.PROGRAM,
    doccano.PROGRAM,
    documents.PROGRAM,
    qualtrics.PROGRAM,
    surveymonkey.PROGRAM,
    limesurvey.PROGRAM,
    kobo.PROGRAM,
    hxl.PROGRAM,
    label_studio.PROGRAM,
)
