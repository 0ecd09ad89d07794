"""A table becomes one Batch JSONL file."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from converting import convert
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import InputError, OutputExists, StorageError, TableError, UsageError

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
POSTS = 'id,post,title\n007,"a ""b""\nc",T1\n8,,T2\n9,é 中 🙂,\n'


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(POSTS, encoding="utf-8", newline="")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def user_texts(path: Path) -> dict[str, str]:
    return {line["custom_id"]: line["body"]["messages"][-1]["content"] for line in lines_of(path)}


def test_the_classic_tool_s_lines(posts, tmp_path):
    """
    With its options and its prefix, the lines have the JSON values that the classic tool made.
    """
    out = tmp_path / "out.jsonl"
    report = convert(
        posts,
        out,
        text="post",
        model="gpt-4o-mini",
        system="Be brief.",
        max_tokens=100,
        temperature=1.0,
        id_prefix="request-",
    )

    def classic(number: int, post: str) -> dict[str, Any]:
        return {
            "custom_id": f"request-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": post},
                ],
                "temperature": 1,
                "max_tokens": 100,
            },
        }

    assert lines_of(out) == [classic(1, 'a "b"\nc'), classic(2, ""), classic(3, "é 中 🙂")]
    assert list(lines_of(out)[0]["body"]) == ["model", "messages", "temperature", "max_tokens"]
    assert "é 中 🙂".encode() in out.read_bytes()
    assert (report.rows, report.requests, report.empty_rows) == (3, 3, 1)
    assert report.size_bytes == out.stat().st_size


def test_what_is_not_asked_for_is_left_out(posts, tmp_path):
    """
    Without a system message, a temperature or a limit, the body has none, and the provider's own count.
    """
    out = tmp_path / "out.jsonl"
    convert(posts, out, text="post", model="m")
    assert list(lines_of(out)[0]["body"]) == ["model", "messages"]
    assert [message["role"] for message in lines_of(out)[0]["body"]["messages"]] == ["user"]


def test_a_template_has_several_columns(posts, tmp_path):
    """
    Columns are put in wherever the template or the system message names them.
    """
    out = tmp_path / "out.jsonl"
    convert(posts, out, template='{{title}}: "{{ post }}"\n{{title}}', system="No. {{id}}", model="m")
    assert list(user_texts(out).values()) == ['T1: "a "b"\nc"\nT1', 'T2: ""\nT2', ': "é 中 🙂"\n']
    assert [line["body"]["messages"][0]["content"] for line in lines_of(out)] == ["No. 007", "No. 8", "No. 9"]


def test_empty_rows_that_are_left_out_keep_their_numbers(tmp_path):
    """
    Rows without a text are left out on request, and the others keep the number of their row.
    """
    table, out = tmp_path / "t.csv", tmp_path / "out.jsonl"
    table.write_text("a,b\nx,1\n,2\n \t,3\ny,4\n\u3000,5\nz,6\n", encoding="utf-8")
    report = convert(table, out, text="a", model="m", skip_empty=True)
    assert user_texts(out) == {"row-1": "x", "row-4": "y", "row-6": "z"}
    assert (report.rows, report.requests, report.empty_rows) == (6, 3, 3)


def test_a_row_is_empty_when_all_columns_of_its_template_are(tmp_path):
    """
    One column with text is enough to ask.
    """
    table, out = tmp_path / "t.csv", tmp_path / "out.jsonl"
    table.write_text("a,b,c\n,,1\n,y,2\nx,,3\n", encoding="utf-8")
    convert(table, out, template="{{a}}/{{b}}", model="m", skip_empty=True)
    assert user_texts(out) == {"row-2": "/y", "row-3": "x/"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({}, "say what the user message is", id="no-message"),
        pytest.param({"text": "post", "template": "{{post}}"}, "not both", id="two-messages"),
        pytest.param({"template": "{{post"}, "without its partner", id="broken-template"),
        pytest.param({"text": "post", "system": "{{}}"}, "no column", id="broken-system"),
        pytest.param({"text": "post", "temperature": float("nan")}, "temperature", id="temperature-nan"),
        pytest.param({"text": "post", "temperature": float("inf")}, "temperature", id="temperature-inf"),
        pytest.param({"text": "post", "id_prefix": "wave2"}, "ends in a digit", id="prefix-with-a-digit"),
        pytest.param({"text": "post", "system": "caf\udce9"}, "the system is not valid text", id="not-utf-8"),
        pytest.param({"text": "post", "encoding": "klingon"}, "no encoding", id="encoding"),
        pytest.param({"text": "post", "delimiter": "::"}, "one character", id="delimiter"),
    ],
)
def test_options_that_do_not_fit_together(posts, tmp_path, options, said):
    """
    What cannot be meant is refused before anything is written.
    """
    with pytest.raises(UsageError) as caught:
        convert(posts, tmp_path / "out.jsonl", model="m", **options)
    assert said in caught.value.message
    assert caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["posts.csv"]


@pytest.mark.parametrize(
    "options", [{"text": "Posts"}, {"template": "{{id}} {{Posts}}"}, {"text": "id", "system": "{{Posts}}"}]
)
def test_a_column_that_is_not_there(posts, tmp_path, options):
    """
    A wrong name in any place of the request suggests the nearest one, and writes nothing.
    """
    with pytest.raises(TableError, match="did you mean 'post'"):
        convert(posts, tmp_path / "out.jsonl", model="m", **options)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_output_is_replaced_only_on_request(posts, tmp_path):
    """
    A file of that name is refused without leave, and replaced whole with it.
    """
    out = tmp_path / "out.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExists):
        convert(posts, out, text="post", model="m")
    assert out.read_text(encoding="utf-8") == "mine"
    convert(posts, out, text="post", model="m", overwrite=True)
    assert len(lines_of(out)) == 3


@pytest.mark.parametrize("link", [False, True])
def test_the_table_is_never_replaced(posts, tmp_path, link):
    """
    The table cannot be the output, under any name and with any leave.
    """
    out = posts
    if link:
        out = tmp_path / "link.jsonl"
        os.link(posts, out)
    with pytest.raises(UsageError, match="would be replaced"):
        convert(posts, out, text="post", model="m", overwrite=True)
    assert posts.read_text(encoding="utf-8") == POSTS


@pytest.mark.parametrize("content", [POSTS + "1,2\n", POSTS + '1,"2', "id,post,title\n"])
def test_a_broken_table_leaves_nothing(tmp_path, content):
    """
    An error far down the table leaves no half of an output.
    """
    table = tmp_path / "posts.csv"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        convert(table, tmp_path / "out.jsonl", text="post", model="m")
    assert [entry.name for entry in tmp_path.iterdir()] == ["posts.csv"]


def test_a_full_disk_leaves_the_old_output(posts, tmp_path, monkeypatch):
    """
    When the disk is full, the old output stays as it was.
    """
    out = tmp_path / "out.jsonl"
    out.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rowbatch.store.atomic.os.fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        convert(posts, out, text="post", model="m", overwrite=True)
    assert out.read_text(encoding="utf-8") == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.jsonl", "posts.csv"]


def test_a_full_disk_leaves_no_parts(posts, tmp_path, monkeypatch):
    """
    Parts are forced to disk behind the writer's back, and yet none appears before all are.
    """

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rowbatch.store.atomic.os.fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        convert(posts, tmp_path / "parts", text="post", model="m", limits=ShardLimits(1, 10_000))
    assert [entry.name for entry in tmp_path.iterdir()] == ["posts.csv"]


def test_many_rows_keep_their_numbers_over_chunks(tmp_path):
    """
    The numbers go on from chunk to chunk, whichever rows were left out.
    """
    table, out = tmp_path / "t.csv", tmp_path / "out.jsonl"
    table.write_text(
        "a,b\n" + "".join(f"{n if n % 3 else ''},x\n" for n in range(1, 45_001)), encoding="utf-8"
    )
    report = convert(table, out, text="a", model="m", skip_empty=True)
    assert user_texts(out) == {f"row-{n}": str(n) for n in range(1, 45_001) if n % 3}
    assert (report.rows, report.requests, report.empty_rows) == (45_000, 30_000, 15_000)


def test_real_texts_are_what_csv_and_json_would_make(tmp_path):
    """
    5,480 real texts, with newlines and quotes, make the lines that Python's csv and json modules would.
    """
    table = SHARED / "politeness_gpt4o.csv"
    if not table.exists():
        pytest.skip("the shared data are not here (ROWBATCH_SHARED_DATA)")
    out = tmp_path / "out.jsonl"
    convert(
        table,
        out,
        template='Polite?\n\n"{{Text}}" ({{Feature_1}})',
        system="{{Text}}",
        model="m",
        max_tokens=5,
    )
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "m",
                "messages": [
                    {"role": "system", "content": row["Text"]},
                    {"role": "user", "content": f'Polite?\n\n"{row["Text"]}" ({row["Feature_1"]})'},
                ],
                "max_tokens": 5,
            },
        }
        for number, row in enumerate(rows, start=1)
    ]
    assert len(expected) == 5_480
    assert lines_of(out) == expected
    assert out.read_bytes().decode().splitlines() == [
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in expected
    ]


def test_fields_in_fields_are_named_with_dots(tmp_path):
    """
    As the text column and in a template; and rows may be somewhere in a document.
    """
    rows = [{"data": {"text": "one", "who": {"age": 3}}}, {"data": {"text": "two"}}]
    path, out = tmp_path / "t.json", tmp_path / "out.jsonl"
    path.write_text(json.dumps({"items": rows, "others": [{"x": 1}]}), encoding="utf-8")
    with pytest.raises(TableError, match="items"):
        convert(path, out, text="data.text", model="m")
    convert(path, out, text="data.text", model="m", rows="items")
    assert list(user_texts(out).values()) == ["one", "two"]
    convert(path, out, template="{{data.who.age}}: {{data.text}}", model="m", rows="items", overwrite=True)
    assert list(user_texts(out).values()) == ["3: one", ": two"]
