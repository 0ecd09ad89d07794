"""Hints name arguments where they are seen from Python."""

from __future__ import annotations

import inspect
import re
import traceback

import pytest

import rowbatch
from rowbatch import api
from rowbatch.api.tools import RequestOptions
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import RowbatchError, TableError, UsageError
from rowbatch.words.entries import ENTRIES
from rowbatch.words.in_python import ARGUMENTS, ONLY_TYPED, in_python


def arguments():
    """Names of all arguments that public functions and methods have."""
    found = {*RequestOptions.__annotations__, *api.Policy.__dataclass_fields__}
    found |= {*WriteOptions.__dataclass_fields__}
    for name in dir(api):
        if inspect.isfunction(one := getattr(api, name)):
            found |= {*inspect.signature(one).parameters}
    for owner in (api.Run, api.OpenCodingSet, api.Variants):
        for _, method in inspect.getmembers(owner, inspect.isfunction):
            found |= {*inspect.signature(method).parameters}
    return found


def test_every_option_in_a_sentence_is_an_argument():
    """
    By its own name or by another one, or it is known that there is none.
    """
    known = arguments()
    said = {option for entry in ENTRIES.values() for option in re.findall(r"--([a-z][a-z-]*)", f"{entry}")}
    for option in sorted(said - ONLY_TYPED):
        name = ARGUMENTS.get(option, option.replace("-", "_")).partition("=")[0]
        assert name in known, option
    assert set(ARGUMENTS) | ONLY_TYPED <= said


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("say --sheet {sheets}; it is", "say sheet={sheets!r}; it is"),
        ("give --text COLUMN, or --template with", "give text=COLUMN, or template with"),
        ("--on-bad-rows skip leaves it out", 'on_bad_rows="skip" leaves it out'),
        ("leave --no-header out", 'leave header="none" out'),
        ("`rowbatch resume RUN --ask-again missing` asks", "`rowbatch resume RUN --ask-again missing` asks"),
        ("pip install --upgrade rowbatch", "pip install --upgrade rowbatch"),
        ("as in --id 'doc-{{{{doc}}}}'", "as in id_column='doc-{{{{doc}}}}'"),
        ("it goes on -- as ever", "it goes on -- as ever"),
    ],
)
def test_a_sentence_about_options_is_one_about_arguments(typed, told):
    """
    Values stay, and so do commands as they are typed.
    """
    assert in_python(typed) == told


def test_an_error_shows_arguments_in_python_and_options_in_a_terminal(tmp_path):
    """
    The same error: below its message in a notebook, and as its hint on the command line.
    """
    table = tmp_path / "posts.csv"
    table.write_text("id;post\n1;good\n", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        rowbatch.convert(table, tmp_path / "out.jsonl", text="post", model="m", delimiter=",")
    shown = "".join(traceback.format_exception_only(caught.value))
    assert "delimiter=" in shown
    assert "--delimiter" not in shown
    assert "--delimiter" in caught.value.hint
    with pytest.raises(UsageError) as refused:
        rowbatch.convert(table, tmp_path / "out.jsonl", model="m")
    assert "--" not in "".join(traceback.format_exception_only(refused.value))


def test_all_sentences_can_be_told_in_python():
    """
    Their placeholders are the same.
    """
    for kind, entry in ENTRIES.items():
        for sentence in (entry.message, entry.hint):
            before = set(re.findall(r"{(\w+)", sentence))
            assert set(re.findall(r"{(\w+)", in_python(sentence))) == before, kind
    assert isinstance(UsageError("message-missing"), RowbatchError)
