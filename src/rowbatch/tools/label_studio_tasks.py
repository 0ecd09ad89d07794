"""
A sample for Label Studio: the tasks as JSON, and the labelling configuration as XML.

Source: "Label Studio task format" and "Tags" of its documentation; label-studio-sdk 2.1.2, whose
`LabelInterface.validate` and `validate_task` took what this writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

from rowbatch.core.coding import CANT_SAY_FIELD, ROW_KEY, CodingJob, context_names
from rowbatch.core.kinds.base import Variable
from rowbatch.core.kinds.choice import ChoiceVariable, Label
from rowbatch.core.kinds.date import DateVariable
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.kinds.number import NumberVariable
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.numbers import spelled
from rowbatch.store.atomic import atomic_file

_TEXT, _CONTEXT = "text", "context"
# Source: "Extensible Markup Language (XML) 1.0", production Char.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_label_studio(job: CodingJob, path: Path, *, overwrite: bool) -> Path:
    """
    Write tasks and the configuration.

    Args:
        job: What is asked.
        path: Of the tasks, `….json`; the configuration lies beside it, `….xml`.
        overwrite: Whether they may be replaced.
    Returns:
        Where the configuration is.
    Raises:
        OutputExists: A file is there.
        StorageError: One cannot be written.
    """
    own = (ROW_KEY, _TEXT, _CONTEXT, "id")
    called = context_names(job.context, [one.name for one in job.variables], own)
    tasks = []
    for task in job.tasks:
        data = {ROW_KEY: task.key, _TEXT: task.text, **dict(zip(called, task.context.values(), strict=True))}
        if called:
            # What is shown has one name, however the columns are called.
            data[_CONTEXT] = "\n".join(f"{name}: {cell}" for name, cell in task.context.items())
        tasks.append({"data": data})
    config = path.with_suffix(".xml")
    with (
        atomic_file(path, overwrite=overwrite) as file,
        atomic_file(config, overwrite=overwrite) as other,
    ):
        file.write(json.dumps(tasks, ensure_ascii=False, indent=1).encode())
        other.write(labelling_config(job).encode())
    return config


def labelling_config(job: CodingJob) -> str:
    """The configuration that asks all variables of a text."""
    lines = ["<View>"]
    if job.instructions:
        lines.append(_header(job.instructions))
    if job.context:
        lines.append(_tag("Text", name=_CONTEXT, value=f"${_CONTEXT}"))
    lines.append(_tag("Text", name=_TEXT, value=f"${_TEXT}"))
    for variable in job.variables:
        lines.append(_header(variable.question or variable.name))
        lines += _control(variable)
        if variable.cant_say and not isinstance(variable, ChoiceVariable | LabelsVariable):
            lines += _choices(
                f"{variable.name}{CANT_SAY_FIELD}", [Label(name=variable.cant_say_word)], "multiple"
            )
    return "\n".join([*lines, "</View>", ""])


def _control(variable: Variable) -> Iterator[str]:
    name = variable.name
    match variable:
        case ChoiceVariable():
            yield from _choices(name, variable.options, "single-radio")
        case LabelsVariable():
            named = {label.name: label for label in variable.labels}
            options = [named.get(choice) or Label(name=choice) for choice in variable.choices]
            yield from _choices(name, options, "multiple")
        case NumberVariable():
            bounds = {
                key: spelled(bound)
                for key, bound in (("min", variable.min), ("max", variable.max))
                if bound is not None
            }
            yield _tag("Number", name=name, toName=_TEXT, step="1" if variable.whole else "any", **bounds)
        case DateVariable():
            yield _tag("DateTime", name=name, toName=_TEXT, only="date", format="%Y-%m-%d")
        case QuoteVariable():
            yield _tag("Labels", name=name, toName=_TEXT).replace("/>", ">")
            yield f"  {_tag('Label', value=name)}"
            yield "</Labels>"
        case _:
            yield _tag("TextArea", name=name, toName=_TEXT, rows="3", maxSubmissions="1", editable="true")


def _choices(name: str, options: Iterable[Label], choice: str) -> Iterator[str]:
    yield _tag("Choices", name=name, toName=_TEXT, choice=choice).replace("/>", ">")
    for option in options:
        hint = {"hint": option.definition} if option.definition else {}
        yield f"  {_tag('Choice', value=option.name, **hint)}"
    yield "</Choices>"


def _header(text: str) -> str:
    # What begins with this sign is taken for the name of a field.
    return _tag("Header", value=f" {text}" if text.startswith("$") else text, size="5")


def _tag(tag: str, **attributes: str) -> str:
    plain = {name: _NO_XML.sub("\ufffd", value) for name, value in attributes.items()}
    said = " ".join(f"{name}={quoteattr(value)}" for name, value in plain.items())
    return f"<{tag} {said}/>"
