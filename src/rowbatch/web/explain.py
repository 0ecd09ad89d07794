"""Errors in the words of the person they happen to: what happened, what it means, what to do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch import desk
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
from rowbatch.words.masking import masked

if TYPE_CHECKING:
    from rowbatch.desk import Trouble, TroubleKind
    from rowbatch.web.words import Words
    from rowbatch.words.notice import Notice


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
    if not isinstance(error, RowbatchError):
        # A fault of the program, which nobody should have to read.
        return Shown(
            *_program_words(w),
            _details(type(error).__name__, {"text": str(error)}),
            secrets.token_hex(4),
        )
    if _is_of_removed_table(error.notice):
        return _removed(w, error.notice, _details(type(error).__name__, error.notice.to_plain(), names=names))
    message, hint = error.told("page", w.language)
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
        case _:
            title = w.t("That did not work")
    return Shown(
        title,
        sentence(w, message, of=error.notice),
        sentence(w, hint, of=error.notice),
        _details(type(error).__name__, error.notice.to_plain(), names=names),
        secrets.token_hex(4),
    )


def _program_words(w: Words) -> tuple[str, str, str]:
    return (
        w.t("The program made a mistake"),
        w.t("Your tables and answers are as they were; nothing was sent because of this."),
        w.t("Try again; if it happens again, please report it with the details below."),
    )


def _is_of_removed_table(told: Notice) -> bool:
    return told.kind == "path-missing" and desk.Library().is_place(Path(str(told.values["path"])))


def _removed(w: Words, told: Notice, details: str) -> Shown:
    """Nobody knows the folder in which the program kept a table that was handed to it."""
    safe, key = w.t("The answers that came are safe."), secrets.token_hex(4)
    if Path(str(told.values["path"])).exists():
        return Shown(
            w.t("The table of this job was removed, and is there again"),
            safe,
            w.t("Continue: the job goes on with it."),
            details,
            key,
        )
    return Shown(
        w.t("The table of this job was removed from the program"),
        safe,
        w.t("Drop the same file on the first page again: then the job has its table back."),
        details,
        key,
    )


def explain_trouble(w: Words, trouble: Trouble) -> Shown:
    """Why a job stands still."""
    if trouble.kind == "table" and _is_of_removed_table(trouble.told):
        return _removed(w, trouble.told, _details(trouble.kind, trouble.told.to_plain(), at=trouble.at))
    title, means, advice = trouble_words(w, trouble.kind)
    told = sentence(w, trouble.told.told("page", w.language)) if trouble.kind in _TOLD else ""
    hint = trouble.told.values.get("hint")
    # A sentence of an older version is for the command line.
    hint = trouble.told.hint("page", w.language) if hint is None else _without_options(str(hint))
    return Shown(
        title or w.t("The job stopped"),
        " ".join(filter(None, (told, means))),
        advice or sentence(w, hint),
        _details(
            trouble.kind,
            trouble.told.to_plain(),
            code=" ".join(filter(None, (str(trouble.status or ""), trouble.code))),
            at=trouble.at,
        ),
        secrets.token_hex(4),
    )


def trouble_words(w: Words, kind: TroubleKind) -> tuple[str, str, str]:
    """Title, meaning and advice for a kind of trouble; "" where only what it was told can tell."""
    safe = w.t("The answers that came are safe.")
    words: dict[TroubleKind, tuple[str, str, str]] = {
        "key": (
            w.t("The provider refused the key, or there is none"),
            w.t("Nothing was sent with it, and nothing was charged. %(safe)s", safe=safe),
            w.t("Replace the key, then continue."),
        ),
        "credit": (
            w.t("Your account has no credit left"),
            w.t("%(safe)s The job is paused.", safe=safe),
            w.t("Top up your account at the provider, then continue."),
        ),
        "model": (
            w.t("This model is not offered, or not to you"),
            w.t("Nothing was charged for it. %(safe)s", safe=safe),
            w.t("Make a new job with another model; the recipe of this one can be taken over."),
        ),
        "cap": (
            w.t("The limit you set would be passed"),
            w.t("What could cost more was not sent. %(safe)s", safe=safe),
            w.t("Raise the limit and continue, or leave it: the table has what came."),
        ),
        "price-unknown": (
            w.t("The price of this model is not known"),
            w.t("So the limit you set cannot be kept, and nothing was sent. %(safe)s", safe=safe),
            "",
        ),
        "answers-unbounded": (
            w.t("Nobody says how long an answer of this model can be"),
            w.t("So the limit you set cannot be kept, and nothing was sent. %(safe)s", safe=safe),
            "",
        ),
        "network": (
            w.t("No connection to the provider"),
            w.t("What runs at the provider goes on there. %(safe)s", safe=safe),
            w.t("Look at your network, then continue."),
        ),
        "disk": (
            w.t("The disk is full, or refuses"),
            w.t("Nothing is lost. %(safe)s", safe=safe),
            w.t("Make room on the disk, then continue."),
        ),
        "lost-answer": (
            w.t("It is not known whether one part was taken by the provider"),
            w.t(
                "The answer to the call was lost, and the provider's list does not show the part. Sending it "
                "again could pay for it twice if the list is wrong."
            ),
            w.t(
                "Look at the provider once more; or say which batch it is, if the provider's page shows it; or send "
                "the part again."
            ),
        ),
        "lost-rows": (
            w.t("The answers of some rows were lost on the way"),
            w.t(
                "These rows were asked one by one, and may have been billed. All others are in the table. Asking "
                "them again could pay for them twice, so it is not done by itself."
            ),
            w.t("Ask them again, or leave them without a label."),
        ),
        "late-batch": (
            w.t("A part does not come back from the provider"),
            w.t(
                "The provider still works on it, forgot it, or lost its results. It is not sent again. %(safe)s",
                safe=safe,
            ),
            w.t(
                "Look at the provider once more; or stop this job there: what was answered is brought and kept. Or "
                "give the part up: its rows have no label then, and can be asked again, which may be paid twice."
            ),
        ),
        "requests-changed": (
            w.t("A file of this job was changed after it was checked"),
            w.t("Nothing of it was sent. %(safe)s", safe=safe),
            w.t("Make a new job from the table; the recipe of this one can be taken over."),
        ),
        "ledger": (
            w.t("The record of what was sent is lost or damaged"),
            w.t(
                "Nothing is sent, because it could be paid for twice. Recovering makes the record anew, of the files "
                "here and of what the provider says of each batch; it sends nothing and costs nothing."
            ),
            w.t("Recover the job, then continue."),
        ),
        "ledger-undecided": (
            w.t("It is not known whether some parts were sent"),
            w.t(
                "No file here and no batch in the provider's list tells of them. If they were sent, sending them "
                "again would be paid for twice."
            ),
            w.t("Look at the provider's page for batches of these parts before you say that there are none."),
        ),
        "many-failures": (
            w.t("Too many rows failed, or have no answer that can be used"),
            w.t("Nothing more was sent, so that no money is lost on rows that would go the same way."),
            w.t("Look at these rows and mend the cause; or send the rest all the same."),
        ),
        "local-model": (w.t("The model of this computer is not installed"), "", ""),
        "table": (w.t("The table of this job was changed or is gone"), safe, ""),
        "program": _program_words(w),
        "other": ("", safe, ""),
    }
    return words[kind]


# Where the words of the kind alone say too little.
_TOLD = (
    "cap",
    "late-batch",
    "ledger",
    "ledger-undecided",
    "local-model",
    "lost-answer",
    "many-failures",
    "other",
    "requests-changed",
    "table",
)
TROUBLES: tuple[TroubleKind, ...] = (
    "key",
    "credit",
    "model",
    "cap",
    "price-unknown",
    "network",
    "disk",
    "lost-answer",
    "lost-rows",
    "late-batch",
    "requests-changed",
    "ledger",
    "many-failures",
)
"""Kinds that the help page explains."""


_NAMES = ("variable", "column", "name")


def sentence(w: Words, text: str, *, of: Notice | None = None) -> str:
    """A text as a sentence of its own; `of` names what is spelled as its owner spells it."""
    text = text.strip()
    if not text:
        return ""
    end = "" if text[-1] in ".!?…。！？" else "。" if w.language == "zh" else "."
    # A name of a file or a column is spelled as its owner spells it.
    names = [of.values.get(name) for name in _NAMES] if of is not None else []
    is_name = re.match(r"\S+\.\w{1,8}\b", text) or any(
        isinstance(name, str) and name and text.startswith(name) for name in names
    )
    return (text if is_name else text[0].upper() + text[1:]) + end


def _without_options(hint: str) -> str:
    """Hints are for the command line too; those that only name its options help nobody here."""
    return "" if "--" in hint or "pip install" in hint or "rowbatch " in hint else hint


def _details(
    kind: str,
    told: Mapping[str, object],
    *,
    code: str = "",
    at: str = "",
    names: Mapping[str, str] | None = None,
) -> str:
    """Kinds and values: the same in every language."""
    lines = [
        f"kind: {kind}",
        f"time: {at or datetime.now(UTC).isoformat(timespec='seconds')}",
        *([f"code: {code}"] if code else []),
        *_values(told),
    ]
    text = "\n".join(lines)
    for path, name in (names or {}).items():
        text = text.replace(path, name)
    return masked(text)


def _values(told: Mapping[str, object], above: str = "") -> list[str]:
    found = []
    for name, value in told.items():
        if isinstance(value, Mapping):
            found += _values(value, above if name == "values" else f"{above}{name}.")
        elif value not in (None, ""):
            found.append(f"{above}{'told' if name == 'kind' and 'values' in told else name}: {value}")
    return found
