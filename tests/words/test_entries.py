"""The source, read: whatever is told has a kind, and a kind has words in every face and language."""

from __future__ import annotations

import ast
import functools
import inspect
import pickle
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import rowbatch
from rowbatch import errors
from rowbatch.words.entries import ENTRIES, ROOMS
from rowbatch.words.notice import Notice, notice_of, read_notice
from rowbatch.words.telling import Entry, Face, Language, has_words, placeholders, tell

SOURCE = Path(rowbatch.__file__).parent
_ERRORS = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, errors.RowbatchError)
}
# Values that a class adds by itself.
_OWN = {
    "TableError": {"path", "line", "row", "column"},
    "CodebookError": {"path", "line", "field"},
    "ServiceError": {"status", "code"},
    "OutputExists": {"path"},
}
# Their words stand in one entry, whoever raises them.
_FIXED = {"RequestTooLarge": "request-too-large"}


_FACES: tuple[tuple[Face, Language], ...] = (("terminal", "en"), ("page", "en"), ("page", "zh"))


class Told(NamedTuple):
    """One place of the source where something is told."""

    place: str
    name: str
    kind: str | None
    values: set[str] | None


def told_in_source() -> Iterator[Told]:
    """Every call of an error's class or of `Notice`; kind None where it is no constant."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "words"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            name = node.func.id
            if name not in _ERRORS and name != "Notice":
                continue
            if name == "Notice" and path.name == "errors.py":
                # An error hands on its own kind.
                continue
            place = f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}"
            named = {keyword.arg for keyword in node.keywords if keyword.arg}
            is_open = any(keyword.arg is None for keyword in node.keywords)
            if name in _FIXED:
                continue
            if name == "OutputExists":
                given = next(
                    (k.value for k in node.keywords if k.arg == "kind"), ast.Constant("output-exists")
                )
                kinds = _constants(given)
            elif name == "Notice":
                kinds = _constants(node.args[0]) if node.args else [None]
                values = node.args[1] if len(node.args) > 1 else None
                if isinstance(values, ast.Dict):
                    named = {str(key.value) for key in values.keys if isinstance(key, ast.Constant)}
                    is_open = None in values.keys
                else:
                    named, is_open = set(), values is not None
            else:
                kinds = _constants(node.args[0]) if node.args else [None]
            for kind in kinds:
                yield Told(place, name, kind, None if is_open else named | _OWN.get(name, set()))


def _constants(node: ast.expr) -> list[str | None]:
    """The texts that an expression may be: a constant, or a choice of several."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=other):
            return [*_constants(body), *_constants(other)]
        case _:
            return [None]


@functools.cache
def told() -> list[Told]:
    """All of them; reading the source takes seconds, which each worker would spend that only collects."""
    return list(told_in_source())


def test_every_error_and_notice_has_a_kind_with_words():
    """
    Whatever is raised or told names a kind by a constant, and that kind has an entry.
    """
    strange = [f"{one.place} {one.name} {one.kind!r}" for one in told() if one.kind not in ENTRIES]
    assert not strange, "\n".join(strange)


def test_every_value_that_words_name_is_given():
    """
    Each place gives all values that the words of its kind name, in every face.
    """
    missing = [
        f"{one.place} {one.kind}: {sorted(lacking)}"
        for one in told()
        if one.kind in ENTRIES and one.values is not None
        for lacking in [_named(ENTRIES[one.kind]) - one.values]
        if lacking
    ]
    assert not missing, "\n".join(missing)


def _named(entry: Entry) -> set[str]:
    return {
        name
        for face in ("terminal", "page")
        for sentence in entry.sentences(face)
        for name in placeholders(sentence)
    }


def test_no_entry_is_left_over():
    """
    Each entry is told somewhere.
    """
    used = {one.kind for one in told()} | set(_FIXED.values()) | {"said"}
    assert set(ENTRIES) <= used


def test_no_value_is_called_as_the_kind_is_kept():
    """
    A notice is kept as its kind and its values, side by side: no value is named `kind`.
    """
    assert not [kind for kind, entry in ENTRIES.items() if "kind" in _named(entry)]


def test_no_kind_stands_twice():
    """
    A kind has its words in one room only.
    """
    assert sum(map(len, ROOMS)) == len(ENTRIES)


def test_pages_name_no_options():
    """
    What a page says to do can be done on a page: it names no option, no command and no function; and where
    the command line has a next step, a page has one.
    """
    for kind, entry in ENTRIES.items():
        message, hint = entry.sentences("page")
        for sentence in (message, hint):
            assert "--" not in sentence, kind
            assert "rowbatch " not in sentence.replace("newer rowbatch", ""), kind
            assert "pip install" not in sentence, kind
        assert bool(entry.hint) <= bool(hint), f"a page needs a next step too: {kind}"


def test_every_kind_is_told_in_chinese():
    """
    What a page says stands in Chinese too, with the same values.
    """
    for kind, entry in ENTRIES.items():
        for english, chinese in zip(entry.sentences("page"), entry.zh, strict=True):
            if has_words(english):
                assert any("\u4e00" <= character <= "\u9fff" for character in chinese), kind
                assert placeholders(chinese) == placeholders(english), kind
            else:
                assert not chinese, kind


def test_a_notice_of_another_version_is_told():
    """
    Whatever its values are: what cannot be put into words is told by its kind.
    """
    for values in ({"tokens": None}, {"tokens": [None]}, {}):
        found = notice_of({"kind": "note-limit-is-ours", "values": values})
        assert found is not None
        assert "note-limit-is-ours" in str(found) or "at most" in str(found)


def test_values_in_words():
    """
    Numbers have commas, lists are told one by one, one thing is singular, money has its sign.
    """
    sentence = Entry("{n:,} {n:row|rows} of {names} cost {usd:$}", "not {names!r}, not {names:\n}")
    values = {"n": 1200, "names": ["a", "b"], "usd": 3}
    ENTRIES["test-only"] = sentence
    try:
        assert tell("test-only", values, "page") == (
            "1,200 rows of a, b cost $3.00",
            "not 'a', 'b', not a\nb",
        )
        assert tell("test-only", {**values, "n": 1}, "page").message == "1 row of a, b cost $3.00"
    finally:
        del ENTRIES["test-only"]


def test_a_notice_within_words():
    """
    A value that is a notice, or a list of notices, is told in the same language as the sentence around it.
    """
    ENTRIES["test-only"] = Entry("twice: {one}; {all}", zh=("两次：{one}；{all}", ""))
    try:
        values = {
            "one": Notice("path-missing", {"path": "a"}),
            "all": [Notice("path-missing", {"path": "b"})],
        }
        assert tell("test-only", values, "page", "zh").message == "两次：a 不存在；b 不存在"
        assert tell("test-only", values, "terminal").message == "twice: a does not exist; b does not exist"
    finally:
        del ENTRIES["test-only"]


def _example(entry: Entry) -> dict[str, Any]:
    """A value for each that the words name: a number or a list where they format one, else a text."""
    found: dict[str, Any] = {}
    for face, language in _FACES:
        for sentence in entry.sentences(face, language):
            for _, name, form, _ in string.Formatter().parse(sentence):
                if name and form and (form in {",", "$"} or "|" in form or form.endswith("f")):
                    found[name] = 2
                elif name and form:
                    found[name] = ["one", "two"]
                elif name:
                    found.setdefault(name, f"the {name}")
    return found


def test_every_error_crosses_and_is_told():
    """
    Each error that is raised can cross to another process, and is told there as here, in every face and
    language.
    """
    pairs = {(one.name, one.kind) for one in told() if one.name != "Notice" and one.kind in ENTRIES}
    assert pairs
    for name, kind in pairs:
        values = _example(ENTRIES[str(kind)])
        make: Any = _ERRORS[name]
        if "path" in inspect.signature(make).parameters:
            values.setdefault("path", "a.csv")
        error = make(kind=kind, **values) if name == "OutputExists" else make(kind, **values)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error), kind
        assert vars(again) == vars(error), kind
        for face, language in _FACES:
            words = again.told(face, language)
            assert words == error.told(face, language), kind
            assert words.message, kind


def test_a_request_too_large_crosses():
    """
    So does the error whose words stand in one entry, whoever raises it.
    """
    error = errors.RequestTooLarge(3, 200, 100)
    again = pickle.loads(pickle.dumps(error))
    assert (vars(again), again.told("page", "zh")) == (vars(error), error.told("page", "zh"))


def test_a_notice_is_kept_and_read_again():
    """
    A notice comes back from the ledger as it was; a sentence of an older version is told as it is.
    """
    notice = Notice("path-missing", {"path": "a.csv"})
    assert read_notice(notice.to_json()) == notice
    within = Notice("stopped", {"why": notice})
    assert read_notice(within.to_json()) == within
    # A value may be called as the kind is.
    assert read_notice(Notice("said", {"text": "a", "kind": "b"}).to_json()) == Notice(
        "said", {"text": "a", "kind": "b"}
    )
    # What only a newer version has words for is no reason to show nothing.
    assert str(read_notice('{"kind": "of-tomorrow", "values": {}}')) == "of-tomorrow"
    assert str(read_notice("the provider's queue is full")) == "the provider's queue is full"
    assert read_notice("") is None


def test_options_are_shown_as_they_are_typed():
    """
    A number behind an option has no groups of thousands: `--max-tokens 1,448` is refused.
    """
    for kind, entry in ENTRIES.items():
        for face, language in _FACES:
            for sentence in entry.sentences(face, language):
                assert not re.search(r"--[a-z-]+[ =]\{\w+:[^}]*,", sentence), kind
