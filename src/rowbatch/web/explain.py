"""Errors in the words of the person they happen to: what happened, what it means, what to do."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rowbatch.errors import (
    CannotHold,
    CodebookError,
    LocalModelError,
    OutputExists,
    RowbatchError,
    RunLocked,
    ServiceError,
    StorageError,
    TableError,
)

if TYPE_CHECKING:
    from rowbatch.api import Trouble
    from rowbatch.web.words import Words


@dataclass(frozen=True, slots=True)
class Shown:
    """
    An error on a page.

    Attributes:
        title: What happened.
        means: What it means for the data and the money.
        next: What to do.
        details: For the help desk: kind, time, words of the program. No key, no text of a table.
        key: Names it on its page.
    """

    title: str
    means: str = ""
    next: str = ""
    details: str = ""
    key: str = ""


def explain(w: Words, error: BaseException, *, names: dict[str, str] | None = None) -> Shown:
    """
    An error, for people.

    Args:
        w: The language.
        error: What was raised.
        names: What people call the files whose paths may stand in its message.
    """
    message = str(getattr(error, "message", "")) or type(error).__name__
    hint = str(getattr(error, "hint", ""))
    for path, name in (names or {}).items():
        message, hint = message.replace(path, name), hint.replace(path, name)
    match error:
        case CannotHold():
            title = w.t("The format of the output cannot hold this table")
        case TableError():
            title = w.t("This file cannot be read as a table to its end")
        case CodebookError():
            title = w.t("The codebook is not complete")
        case LocalModelError():
            title = w.t("The model of this computer is not installed")
        case StorageError():
            title = w.t("The disk is full, or refuses")
        case RunLocked():
            title = w.t("Another program is working on this job")
        case OutputExists():
            title = w.t("There is a file of this name already")
        case ServiceError():
            title = w.t("The provider said no, or cannot be reached")
        case RowbatchError():
            title = w.t("That did not work")
        case _:
            # Not one of ours: a fault of the program, which nobody should have to read.
            return Shown(
                w.t("The program made a mistake"),
                w.t("Your tables and answers are as they were; nothing was sent because of this."),
                w.t("Try again; if it happens again, please report it with the details below."),
                _details(type(error).__name__, str(error), ""),
                secrets.token_hex(4),
            )
    return Shown(
        title,
        _sentence(message),
        _sentence(_without_options(hint)),
        _details(type(error).__name__, message, hint),
        secrets.token_hex(4),
    )


def explain_trouble(w: Words, trouble: Trouble) -> Shown:
    """Why a job stands still."""
    title, means, advice = trouble_words(w, trouble.kind)
    told = _sentence(trouble.message)
    return Shown(
        title or w.t("The job stopped"),
        " ".join(
            filter(
                None,
                (
                    told if trouble.kind in ("other", "cap", "many-failures", "local-model", "table") else "",
                    means,
                ),
            )
        ),
        advice or _sentence(_without_options(trouble.hint)),
        _details(
            trouble.kind,
            trouble.message,
            trouble.hint,
            code=" ".join(filter(None, (str(trouble.status or ""), trouble.code))),
            at=trouble.at,
        ),
        secrets.token_hex(4),
    )


def trouble_words(w: Words, kind: str) -> tuple[str, str, str]:
    """Title, meaning and advice for a kind of trouble; "" where only its message can tell."""
    safe = w.t("The answers that came are safe.")
    match kind:
        case "key":
            return (
                w.t("The provider refused the key, or there is none"),
                w.t("Nothing was sent with it, and nothing was charged. %(safe)s", safe=safe),
                w.t("Replace the key, then continue."),
            )
        case "credit":
            return (
                w.t("Your account has no credit left"),
                w.t("%(safe)s The job is paused.", safe=safe),
                w.t("Top up your account at the provider, then continue."),
            )
        case "model":
            return (
                w.t("This model is not offered, or not to you"),
                w.t("Nothing was charged for it. %(safe)s", safe=safe),
                w.t("Make a new job with another model; the recipe of this one can be taken over."),
            )
        case "cap":
            return (
                w.t("The limit you set would be passed"),
                w.t("What could cost more was not sent. %(safe)s", safe=safe),
                w.t("Raise the limit and continue, or leave it: the table has what came."),
            )
        case "network":
            return (
                w.t("No connection to the provider"),
                w.t("What runs at the provider goes on there. %(safe)s", safe=safe),
                w.t("Look at your network, then continue."),
            )
        case "disk":
            return (
                w.t("The disk is full, or refuses"),
                w.t("Nothing is lost. %(safe)s", safe=safe),
                w.t("Make room on the disk, then continue."),
            )
        case "lost-answer":
            return (
                w.t("It is not known whether one part was taken by the provider"),
                w.t(
                    "The answer to the call was lost, and the provider's list does not show the part. Sending it "
                    "again could pay for it twice if the list is wrong."
                ),
                w.t("Look at the provider once more, or send the part again."),
            )
        case "many-failures":
            return (
                w.t("Too many rows failed for the same reason"),
                w.t("Nothing more was sent, so that no money is lost on rows that would fail as well."),
                w.t("Look at the failed rows and mend the cause; or send the rest all the same."),
            )
        case "local-model":
            return (w.t("The model of this computer is not installed"), "", "")
        case "table":
            return (w.t("The table of this job was changed or is gone"), safe, "")
        case _:
            return ("", safe, "")


TROUBLES = ("key", "credit", "model", "cap", "network", "disk", "lost-answer", "many-failures")
"""Kinds that the help page explains."""


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    end = "" if text[-1] in ".!?…。！？" else "."
    # A name of a file is spelled as its owner spells it.
    is_name = re.match(r"\S+\.\w{1,8}\b", text)
    return (text if is_name else text[0].upper() + text[1:]) + end


def _without_options(hint: str) -> str:
    """Hints are for the command line too; those that only name its options help nobody here."""
    return "" if "--" in hint or "pip install" in hint or "rowbatch " in hint else hint


def _details(kind: str, message: str, hint: str, *, code: str = "", at: str = "") -> str:
    lines = [
        f"kind: {kind}",
        f"time: {at or datetime.now(UTC).isoformat(timespec='seconds')}",
        *([f"code: {code}"] if code else []),
        f"message: {message}",
        *([f"hint: {hint}"] if hint else []),
    ]
    return "\n".join(lines)
