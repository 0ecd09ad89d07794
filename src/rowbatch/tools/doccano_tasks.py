"""
A sample for doccano: the texts as JSONL, and the labels as JSON.

A project of doccano has one list of labels, for whole texts or for parts of them. Several variables whose
values are listed go into one list, with their names before the labels; a number, a date or free text has no
place.

Source: `data_import`, `label_types/serializers.py` and `label_types/models.py` of doccano 1.8.4: a label
has at most 100 characters, and a key of one digit or letter that no other has; a field `label` is a label,
and all others are kept beside the text and exported again.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from pathlib import Path

from rowbatch.core.coding import ROW_KEY, CodingJob, context_names
from rowbatch.core.kinds.base import Variable
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.errors import CannotHold
from rowbatch.store.atomic import atomic_file

_OWN = (
    "text",
    "data",
    "label",
    "labels",
    "cats",
    "categories",
    "entities",
    "relations",
    "Comments",
    "filename",
)
_OWN_OF_IMPORT = ("upload_name", "example_uuid", "id", "meta")
_LONGEST_LABEL = 100
_KEYS = "1234567890" + string.ascii_lowercase
# Light colours on which black is read; doccano takes any otherwise, with white on it.
_COLOURS = ("#a6cee3", "#b2df8a", "#fb9a99", "#fdbf6f", "#cab2d6", "#ffff99", "#8dd3c7", "#d9d9d9")
BETWEEN = ": "
"""Between the name of a variable and a label, where several variables have labels."""


def write_doccano(job: CodingJob, path: Path, *, overwrite: bool) -> Path:
    """
    Write texts and labels.

    Args:
        job: What is asked.
        path: Of the texts, `….jsonl`; the labels lie beside it, `…-labels.json`.
        overwrite: Whether they may be replaced.
    Returns:
        Where the labels are.
    Raises:
        CannotHold: A variable or a label has no place in doccano.
        OutputExists: A file is there.
        StorageError: One cannot be written.
    """
    labels = doccano_labels(job.variables, path)
    called = context_names(job.context, ["label"], (ROW_KEY, *_OWN, *_OWN_OF_IMPORT))
    config = path.with_name(f"{path.stem}-labels.json")
    with (
        atomic_file(path, overwrite=overwrite) as file,
        atomic_file(config, overwrite=overwrite) as other,
    ):
        for task in job.tasks:
            context = dict(zip(called, task.context.values(), strict=True))
            record = {"text": task.text, "label": [], ROW_KEY: task.key, **context}
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        other.write(json.dumps(labels, ensure_ascii=False, indent=1).encode())
    return config


def doccano_labels(variables: Sequence[Variable], path: Path) -> list[dict[str, str]]:
    """
    The labels of a project.

    Raises:
        CannotHold: A variable or a label has no place there.
    """
    are_quotes = all(isinstance(one, QuoteVariable) for one in variables)
    names: list[str] = []
    for variable in variables:
        if not variable.choices and not are_quotes:
            raise CannotHold("doccano-cannot-ask", path=str(path), variable=variable.name)
        begin = f"{variable.name}{BETWEEN}" if len(variables) > 1 else ""
        names += [variable.name] if are_quotes else [f"{begin}{label}" for label in variable.choices]
    for name in names:
        if len(name) > _LONGEST_LABEL:
            raise CannotHold(
                "doccano-label-too-long",
                path=str(path),
                label=name[:80],
                chars=len(name),
                most=_LONGEST_LABEL,
            )
    keys = [{"suffixKey": key} for key in _KEYS]
    return [
        {
            "text": name,
            **(keys[at] if at < len(keys) else {}),
            "backgroundColor": _COLOURS[at % len(_COLOURS)],
            "textColor": "#000000",
        }
        for at, name in enumerate(names)
    ]
