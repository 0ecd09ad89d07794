"""One JSON document is never torn at its line ends: it is named, and made lines on demand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from rowbatch import api
from rowbatch.errors import InputError, TableError
from rowbatch.tables import bounds
from rowbatch.tools.json_document import is_document, lines_of
from rowbatch.tools.split import split

REQUEST = (
    '{"custom_id":"a-1","method":"POST","url":"/v1/responses","body":{"model":"m","input":"ä 1.50 \\u00e9"}}'
)
OTHER = REQUEST.replace("a-1", "a-2")
PRETTY = json.dumps(json.loads(REQUEST), indent=2, ensure_ascii=False)
BODY = REQUEST.encode(), OTHER.encode()

DOCUMENTS = {
    "list": f"[{REQUEST},{OTHER}]",
    "list-over-lines": f"[\n{REQUEST},\n{OTHER}\n]\n",
    "list-open": f" [ {REQUEST},\n {OTHER} ]",
    "pretty-list": json.dumps([json.loads(REQUEST), json.loads(OTHER)], indent=4, ensure_ascii=False),
    "requests": f'{{"requests":[{REQUEST},{OTHER}],"note":"x"}}',
    "pretty-requests": json.dumps({"requests": [json.loads(REQUEST), json.loads(OTHER)]}, indent=1),
    "requests-over-lines": f'{{"requests":[\n{REQUEST},\n{OTHER}\n]}}',
    "pretty-objects": f"{PRETTY}\n{PRETTY.replace('a-1', 'a-2')}\n",
    "pretty-crlf": f"{PRETTY}\n{PRETTY.replace('a-1', 'a-2')}\n".replace("\n", "\r\n"),
    "mark": f"\ufeff[{REQUEST},\n{OTHER}]",
}

LINES = {
    "lines": f"{REQUEST}\n{OTHER}\n",
    "one-line": REQUEST,
    "blank-first": f"\n\n{REQUEST}\n",
    "first-line-cut": f"{REQUEST[:30]}\n{OTHER}\n",
    "last-line-cut": f"{REQUEST}\n{OTHER[:30]}",
    "cut-behind-a-comma": f'{{"custom_id":"a",\n{OTHER}\n',
    "lists": "[1,2]\n[3,4]\n",
    "text": "custom_id,text\n1,2\n",
    "result-with-list": '{"custom_id":"a","response":{"status_code":200},"tags":[{"a":1}]}\n',
    "only-a-cut-line": REQUEST[:30],
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_named_at_every_door(tmp_path, name):
    """
    Lists, objects with a list, and objects over many lines: no tool takes them for lines, nothing is written.
    """
    path = tmp_path / "r.jsonl"
    path.write_text(DOCUMENTS[name], encoding="utf-8", newline="")
    doors: list[Callable[[], object]] = [
        lambda: api.split(path, tmp_path / "parts", parts=2),
        lambda: api.check([path]),
        lambda: api.estimate(path),
        lambda: api.extract([path], tmp_path / "out.csv"),
    ]
    for door in doors:
        with pytest.raises(InputError) as caught:
            door()
        assert caught.value.kind == "file-is-document"
        assert "rowbatch split r.jsonl -o FOLDER --to-lines" in caught.value.hint
    assert not (tmp_path / "parts").exists()
    assert not (tmp_path / "out.csv").exists()
    packed = tmp_path / "r.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert is_document(packed)


@pytest.mark.parametrize("name", LINES)
def test_lines_are_lines(tmp_path, name):
    """
    A broken line, blank ones before it, lists a line: split cuts them as ever.
    """
    path = tmp_path / "r.jsonl"
    path.write_text(LINES[name], encoding="utf-8", newline="")
    assert not is_document(path)
    report = split(path, tmp_path / "parts", max_requests=1)
    parts = [(tmp_path / "parts" / part.name).read_bytes() for part in report.parts]
    assert b"".join(parts) == path.read_bytes()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_entries_become_lines(tmp_path, name):
    """
    The entries of a document, in order, a line each; what is in them stays as it is spelled.
    """
    path = tmp_path / "r.json"
    path.write_text(DOCUMENTS[name], encoding="utf-8", newline="")
    found = list(lines_of(path))
    assert [json.loads(line) for line in found] == [json.loads(REQUEST), json.loads(OTHER)]
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in found)
    if not name.startswith("pretty"):
        assert [line.rstrip(b"\n") for line in found] == list(BODY)
    report = api.split(path, tmp_path / "parts", to_lines=True)
    assert [(part.name, part.lines) for part in report.parts] == [("part_01_of_01.jsonl", 2)]
    report = api.split(path, tmp_path / "two.zip", to_lines=True, max_requests=1)
    assert [part.lines for part in report.parts] == [1, 1]
    assert api.check([tmp_path / "parts" / "part_01_of_01.jsonl"]).is_clean
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["parts", "r.json", "two.zip"]


def test_numbers_keep_their_spelling(tmp_path):
    """
    msgspec 0.22.0, `json.format`: it changes blanks alone, so 1.50, 1e5 and escapes stay.
    """
    path = tmp_path / "r.json"
    path.write_text(
        '[ {"a" : 1.50, "b": 1e5, "c": 12345678901234567890123, "d": "\\u00e9 é\\/"} ]', encoding="utf-8"
    )
    assert list(lines_of(path)) == [
        '{"a":1.50,"b":1e5,"c":12345678901234567890123,"d":"\\u00e9 é\\/"}\n'.encode()
    ]


@pytest.mark.parametrize("content", ['[{"a":1},', '{"a":1}\n{"b"', "a,b\n1,2\n", "[1,2"])
def test_what_is_no_document_is_said(tmp_path, content):
    """
    A list that is cut, and what is no JSON, are errors with the reason; nothing is left behind.
    """
    path = tmp_path / "r.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        split(path, tmp_path / "parts", to_lines=True)
    assert caught.value.kind == "document-unreadable"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]


def test_a_document_has_room_in_memory_or_is_refused(tmp_path, monkeypatch):
    """
    A document lies in memory as a whole: where that has no room it is said before it is read.
    """
    path = tmp_path / "r.json"
    path.write_text(f"[{REQUEST}]", encoding="utf-8")
    monkeypatch.setenv(bounds.MEMORY_VARIABLE, "0.0000001")
    with pytest.raises(TableError):
        list(lines_of(path))
