"""Results beside a CSV table by the kernels: the bytes and the report of the way without, whatever comes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import answer_forms
import odd_results
from cases import cases
from lagging import lagging
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import RowbatchError
from rowbatch.kernels import machine
from rowbatch.results import answer_cells
from rowbatch.tables import csv_reader
from rowbatch.tables.csv_writer import CsvTableWriter
from rowbatch.tools import cell_join, id_evidence
from rowbatch.tools import extract as extract_module
from rowbatch.tools.extract import extract

TEXTS = st.text(
    st.one_of(
        st.sampled_from('"""\'\',,;\t|\n\n\r \\\\/{}[]:#é中🙂\u2028\x85\xa0\x00\x01\x7f\ufeff'),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
)
TABLE = b'id,post\n007,"a\n""b"""\n1e5,\nNA,"c"\n"x,y",plain\n'
HEADER = ["content", "status", "status_reason"]
USAGE = {
    "prompt_tokens": 171,
    "completion_tokens": 23,
    "total_tokens": 194,
    "details": {"cached": [0, 1.5e3]},
}


@pytest.fixture(autouse=True, scope="module")
def small_files_too() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "_MIN_FAST_BYTES", 0)
        patch.setattr(extract_module, "_FEWEST_BYTES", 0)
        patch.setattr(extract_module, "_MOST_ODD", 2)
        # One thread is soonest ready for so little.
        patch.setattr(answer_cells, "_MOST_THREADS", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cells")


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    """Rows that were written by the kernels, of each call that they served to the end."""
    found: list[int] = []
    real = extract_module._joined_cells

    def joined(*arguments: Any, **named: Any) -> Any:
        report = real(*arguments, **named)
        found.append(report.rows)
        return report

    monkeypatch.setattr(extract_module, "_joined_cells", joined)
    return found


def line_of(number: int | str, content: Any, **body: Any) -> bytes:
    """A line as OpenAI writes it."""
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    answer = {"id": "c", "model": "m-1", "choices": [choice], "usage": USAGE, **body}
    custom_id = number if isinstance(number, str) else f"row-{number}"
    line = {
        "id": "r",
        "custom_id": custom_id,
        "response": {"status_code": 200, "body": answer},
        "error": None,
    }
    return json.dumps(line).encode() + b"\n"


def labelled(number: int | str, label: Any = "x", reason: Any = "y", **more: Any) -> bytes:
    return line_of(number, json.dumps({"label": label, "reason": reason, **more}))


def response_of(number: int, *items: Any, **body: Any) -> bytes:
    """A line as OpenAI writes it for `/v1/responses`."""
    usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 8}
    answer = {"id": "r", "status": "completed", "error": None, "model": "m-2", "output": list(items)}
    response = {"status_code": 200, "body": answer | {"usage": usage, "text": {"format": {}}} | body}
    return json.dumps({"custom_id": f"row-{number}", "response": response, "error": None}).encode() + b"\n"


def message_of(text: Any, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {
        "id": "msg",
        "type": "message",
        "status": "completed",
        "content": [part],
        "role": "assistant",
    } | more


def both_ways(folder: Path, files: Sequence[bytes], table: bytes = TABLE, **options: Any) -> list[Any]:
    """What is written, and reported, or said: by the kernels and without."""
    (folder / "t.csv").write_bytes(table)
    paths = []
    for number, content in enumerate(files):
        paths.append(folder / f"{number}.jsonl")
        paths[-1].write_bytes(content)
    out = folder / options.pop("out", "out.csv")
    found: list[Any] = []
    for without in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(machine.WITHOUT, without)
            out.unlink(missing_ok=True)
            try:
                report = extract(paths, out, join=folder / "t.csv", overwrite=True, **options)
            except RowbatchError as error:
                found.append((type(error), str(error), out.exists()))
            else:
                found.append((out.read_bytes(), report))
    return found


def assert_same(folder: Path, files: Sequence[bytes], **options: Any) -> None:
    by_kernels, without = both_ways(folder, files, **options)
    assert by_kernels == without


def test_plain_answers_are_written_by_the_kernels(folder, taken):
    """
    Where all is as it should be, the kernels write it; a failure, a row without an answer and a blank line
    are no hindrance.
    """
    failed = json.dumps(
        {"custom_id": "row-3", "response": {"status_code": 500, "body": {"error": {"message": 'a, "b"'}}}}
    )
    found, without = both_ways(
        folder,
        [labelled(4, 'é,"\n', 1.50) + b"\r\n" + labelled(1, None, True), failed.encode()],
        as_json=True,
        extras=("model", "usage"),
    )
    assert found == without
    assert taken == [4]
    label = json.dumps({"label": 'é,"\n', "reason": 1.5})
    assert list(csv.reader(io.StringIO(found[0].decode(), newline=""))) == [
        ["id", "post", "label", "reason", *HEADER, "model", "prompt_tokens", "completion_tokens"],
        ["007", 'a\n"b"', "", "true", '{"label": null, "reason": true}', "ok", "", "m-1", "171", "23"],
        ["1e5", "", "", "", "", "missing", "in no result file", "", "", ""],
        ["NA", "c", "", "", "", "error", '500: a, "b"', "", "", ""],
        ["x,y", "plain", 'é,"\n', "1.5", label, "ok", "", "m-1", "171", "23"],
    ]


@settings(max_examples=cases(25, 1_000), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), TEXTS, TEXTS, st.booleans()), min_size=1, max_size=8), st.booleans()
)
def test_any_text(folder, answers, as_json):
    """
    Whatever texts the answers are, also several for one row, both ways write the same.
    """
    lines = [
        labelled(number, label, reason)
        if escaped or not as_json
        else line_of(number, json.dumps({"label": label, "reason": reason}, ensure_ascii=False))
        for number, label, reason, escaped in answers
    ]
    table = b"text\n" + b"a\n" * max(number for number, *_ in answers)
    assert_same(folder, [b"".join(lines)], table=table, as_json=as_json)


@settings(max_examples=cases(30, 5_000), deadline=None)
@given(st.data())
def test_a_line_with_a_byte_that_does_not_belong_there(folder, data):
    """
    A line that is no JSON any more, or another one, is taken by the kernels only as it is without them.
    """
    content = json.dumps({"label": "é\n中", "reason": [1, -2.5e3, True, None, "🙂"], "note": "a\\b"})
    # The lines around it have the same form, so that it is read as one of these was.
    one, good, three = [
        line_of(number, content, deep={"a": [{"b": [[]]}], "n": -0.5}) for number in (1, 2, 3)
    ]
    if data.draw(st.booleans()):
        one, good, three = [response_of(number, REASONING, message_of(content)) for number in (1, 2, 3)]
    place = data.draw(st.integers(0, len(good) - 2))
    removed = data.draw(st.integers(0, 3))
    put = data.draw(
        st.one_of(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b"\\",
                    b"{",
                    b"}",
                    b"[",
                    b"]",
                    b",",
                    b":",
                    b"0",
                    b".",
                    b"e",
                    b"-",
                    b"\xff",
                    b"\xc3",
                    b"\x00",
                    b"\n",
                    b"\t",
                    b" ",
                    b"u",
                    b"\\u",
                    b"\\ud83d",
                    b"\\u0000",
                    b"null",
                    b"200",
                    b"1e999",
                ]
            ),
            st.binary(max_size=3),
        )
    )
    line = good[:place] + put + good[place + removed :]
    files = [one + line + three]
    for as_json, extras in ((True, ()), (False, ("model", "usage"))):
        assert_same(folder, files, as_json=as_json, extras=extras)


@pytest.mark.parametrize("form", sorted(odd_results.FORMS))
def test_a_line_that_is_not_as_its_provider_says(folder, form):
    """
    Such a line among others is read as without the kernels.
    """
    shape = odd_results.SHAPES[0]
    odd = odd_results.FORMS[form](labelled(2), shape)
    assert_same(folder, [labelled(1) + odd + labelled(3)], extras=("usage",))


@pytest.mark.parametrize("form", sorted(answer_forms.FORMS))
def test_an_answer_that_is_not_as_it_was_asked_for(folder, form):
    """
    Such an answer among others is read, and forgiven, as without the kernels.
    """
    content = answer_forms.FORMS[form].write(json.dumps({"label": "b"}))
    lines = [line_of(1, '{"label": "a"}'), line_of(2, content), line_of(3, '{"label": "c"}')]
    assert_same(folder, [b"".join(lines)], as_json=True)


REASONING = {
    "id": "rs",
    "type": "reasoning",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "h"}],
}
CALL = {"type": "function_call", "arguments": "{}", "name": "f"}
PART = {"type": "output_text", "text": "p"}


def test_responses_are_written_by_the_kernels(folder, taken, monkeypatch):
    """
    Answers of `/v1/responses` are plain too, with reasoning before them or without.
    """
    lines = [
        response_of(2, REASONING, message_of(json.dumps({"label": "é", "reason": 'a "b"'}))),
        response_of(1, message_of(json.dumps({"label": "x", "reason": None}), phase="final_answer")),
        response_of(4, message_of(json.dumps({"label": "", "reason": 1}), phase=None), usage=None),
    ]
    monkeypatch.setattr(extract_module, "_MOST_ODD", 0)
    assert_same(folder, [b"".join(lines)], as_json=True, extras=("model", "usage"))
    assert taken == [4]


@pytest.mark.parametrize(
    "line",
    [
        response_of(2),
        response_of(2, REASONING),
        response_of(2, REASONING, CALL),
        response_of(2, CALL, message_of("a")),
        response_of(2, message_of("a"), message_of("b")),
        response_of(2, message_of("a", phase="commentary")),
        response_of(2, message_of("a", phase="commentary"), message_of("b")),
        response_of(2, message_of("a", content=[])),
        response_of(2, message_of("a", content=[PART, PART])),
        response_of(2, message_of("a", content=[PART | {"refusal": "no"}])),
        response_of(2, message_of("a", content=[{"type": "refusal", "refusal": "no"}])),
        response_of(2, message_of("a", content=[PART | {"thought": True}])),
        response_of(2, message_of("a", content=[PART | {"type": "reasoning_text"}])),
        response_of(2, message_of("a", content="text")),
        response_of(2, {"content": [PART], "type": "message"}),
        response_of(2, {"type": "web_search_call", "content": 7}, message_of("a")),
        response_of(2, message_of("a"), status="incomplete", incomplete_details={"reason": "content_filter"}),
        response_of(2, message_of("a"), status="failed"),
        response_of(2, message_of("a"), status=None),
        response_of(2, message_of("a"), choices=[]),
        response_of(2, message_of("a"), choices=None),
        response_of(2, message_of("a"), usage=5),
        response_of(2, message_of("a"), usage={"input_tokens": "5"}),
        response_of(2, message_of(None)),
        response_of(2, 5, message_of("a")),
        line_of(2, "a", output=[message_of("b")]),
        line_of(2, "a", status="failed"),
        line_of(2, "a", status=None, output=None),
    ],
)
def test_a_response_that_says_something_else(folder, line):
    """
    Of other items, other parts and other ends both ways say the same.
    """
    assert_same(folder, [labelled(1) + line + labelled(3)], as_json=True)
    assert_same(folder, [labelled(1) + line + labelled(3)], extras=("model", "usage"))


RAW = {
    "a-key-twice": b'{"custom_id":"row-2","custom_id":"row-3"',
    "an-escape-in-a-key": b'{"custom\\u005fid":"row-2"',
    "an-escape-in-an-id": b'{"custom_id":"row\\u002d2"',
    "zeros-in-front": b'{"custom_id":"row-0002"',
    "many-digits": b'{"custom_id":"row-2000000000000"',
    "no-number": b'{"custom_id":"row-"',
    "a-number": b'{"custom_id":2',
    "another-prefix": b'{"custom_id":"line-2"',
    "blanks": b' { "custom_id"\t:\r"row-2" ',
}


@pytest.mark.parametrize("begin", sorted(RAW))
def test_an_id_that_is_written_otherwise(folder, begin):
    """
    Of an id that is not a prefix and a number both ways say the same.
    """
    odd = RAW[begin] + labelled(2)[len(b'{"id": "r", "custom_id": "row-2"') :]
    assert json.loads(odd)
    assert_same(folder, [labelled(1) + odd + labelled(4)], as_json=True)


@pytest.mark.parametrize(
    "body",
    [
        {"usage": None},
        {"usage": 5},
        {"usage": {"prompt_tokens": 1.5, "completion_tokens": True}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": "2"}},
        {"usage": {"prompt_tokens": None, "input_tokens": 7, "output_tokens": 8}},
        {"usage": {"prompt_tokens": 12345678901234567890}},
        {"model": None},
        {"model": 7},
        {"model": 'a "b",\n中'},
        {"choices": []},
        {"choices": [{"message": {"content": "{}"}, "finish_reason": "length"}]},
        {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}] * 2},
        {"choices": [{"message": {"content": [{"text": "{}"}]}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": "{}", "refusal": "no"}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": "{}", "tool_calls": [{}]}, "finish_reason": "stop"}]},
        {"choices": [{"text": "{}", "finish_reason": "stop"}]},
    ],
)
@pytest.mark.parametrize("extras", [(), ("model", "usage"), ("usage", "finish_reason")])
def test_a_body_that_says_something_else(folder, body, extras):
    """
    What a body tells besides is taken, and left out, as without the kernels.
    """
    odd = line_of(2, '{"label": "a", "reason": "b"}', **body)
    assert_same(folder, [labelled(1) + odd], as_json=True, extras=extras)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        " {\n} ",
        '{"reason": "r", "label": "l"}',
        '{"reason": "r"}',
        '{"label": "l", "label": "m"}',
        '{"label": "l", "other": 1}',
        '{"label": {"a": 1}, "reason": {}}',
        '{"label": [1, {"a": 2}], "reason": [ ]}',
        '{"label": 1E5, "reason": 100000000000000000000000}',
        '{"label": 1e999, "reason": -0}',
        '{"label": NaN, "reason": 01}',
        '{"label": "a"} {"label": "b"}',
        '[{"label": "a"}]',
        '"label"',
        "",
        None,
        '{"label": "half \\ud83d", "reason": "\\u0000"}',
    ],
)
def test_an_answer_of_another_shape(folder, content):
    """
    JSON that is not the fields of the first answers is read as without the kernels.
    """
    assert_same(folder, [labelled(1) + line_of(2, content) + labelled(3)], as_json=True)
    assert_same(folder, [line_of(2, content) + labelled(3)], as_json=True)


def test_several_results_of_a_row(folder, taken):
    """
    The first plain answer of a row stays, and goes before a failure; how many others there were is counted.
    """
    failed = json.dumps({"custom_id": "row-2", "response": {"status_code": 500, "body": {}}}).encode() + b"\n"
    files = [
        failed + labelled(1) + labelled(2, "a"),
        failed + labelled(2, "b") + labelled(2, "a") + labelled(1),
    ]
    found, without = both_ways(folder, files, as_json=True)
    assert found == without
    assert taken == [4]
    assert (found[1].repeated_ids, found[1].differing_ids) == (5, 3)


def test_a_good_answer_that_is_no_plain_one_is_compared_without_the_kernels(folder, taken):
    """
    Which of two good answers came first, the kernels do not know where one of them is no plain one.
    """
    parts = line_of(2, [{"type": "text", "text": '{"label": "p", "reason": "q"}'}])
    assert_same(folder, [labelled(1) + parts + labelled(2)], as_json=True)
    assert not taken


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_several_ranges_also_by_way_of_the_disk(folder, taken, monkeypatch, first):
    """
    Answers come together again wherever they lay, and nothing is left on the disk.
    """
    for module in (answer_cells, cell_join):
        monkeypatch.setattr(module, "NUMBERS_PER_RANGE", 10)
    monkeypatch.setattr(answer_cells, "_MOST_THREADS", 2)
    monkeypatch.setattr(answer_cells.CellsByRange.__init__, "__kwdefaults__", {"max_bytes": 2_000})
    numbers = [number for number in range(first, 95 + first) if number % 7]
    lines = [labelled(number, "n" * (number % 5)) for number in [*numbers[::-2], first, *numbers[-2::-2]]]
    files = [b"".join(lines[start : start + 20]) for start in range(0, len(lines), 20)]
    table = b"text\n" + b"".join(b'"%d,"\n' % row for row in range(95))
    before = set(folder.iterdir())
    assert_same(folder, files, table=table, as_json=True)
    assert taken == [95]
    assert {path.suffix for path in set(folder.iterdir()) - before} <= {".csv", ".jsonl"}


def test_lines_and_rows_that_are_longer_than_a_block(folder, taken, monkeypatch):
    """
    A line, and a row, that fits nowhere is taken all the same.
    """
    monkeypatch.setattr(answer_cells, "_BLOCK_BYTES", 4_000)
    monkeypatch.setattr(cell_join, "_OUT_BYTES", 300)
    long = b"".join(labelled(number, "a" * 500) for number in (1, 3))
    assert_same(folder, [long, labelled(2, "b" * 5_000), labelled(4, 'c"' * 700)], as_json=True)
    assert taken == [4]


@pytest.mark.parametrize(
    "table",
    [
        b'id;post\n1,5;a\n2;"b;"\n',
        b'id\tpost\r\n1,5\ta\r\n2\t"b\t"\r\n',
        b'\xef\xbb\xbfid,post\n1,a\n2,"b\nc"\n',
        'id,post\n1,é\n2,"ü,"'.encode("cp1252"),
        b'id,post\n1,a\n2,"b"c\n',
        b"id,post\n1,a\n2\n",
        b"id,post\n1,a\n\n2,b\n",
        b"id,post\nrow-2,a\nrow-1,b\n",
        b"id,post\n2,a\n1,b\n",
        b"post\n\n\n",
        b"id,post\n1,a\n",
        b"id,post\n",
    ],
)
@pytest.mark.parametrize("out", ["out.csv", "out.tsv"])
def test_any_table(folder, table, out):
    """
    However a table is written, and whatever it says about the ids: what is written and said is the same.
    """
    assert_same(folder, [labelled(1) + labelled(2)], table=table, out=out, as_json=True)


def test_rows_that_are_written_late(folder, taken, monkeypatch):
    """
    Rows are there as long as they may wait to be written: no buffer is filled anew before.
    """
    monkeypatch.setattr(cell_join, "_OUT_BYTES", 300)
    monkeypatch.setattr(extract_module, "read_ahead", lagging)
    table = b"id,post\n" + b"".join(b"%d,%s\n" % (n, b"p" * (n % 60)) for n in range(1, 400))
    by_kernels, without = both_ways(
        folder, [b"".join(labelled(n, n) for n in range(1, 400))], table, as_json=True
    )
    assert by_kernels == without
    assert taken == [399]


@settings(max_examples=cases(15, 500), deadline=None)
@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_any_cells(folder, rows, delimiter):
    """
    Whatever stands in the cells of the table, stands in the output.
    """
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([["a", "b", "c"], *rows])
    table = text.getvalue().encode()
    assert_same(folder, [labelled(1) + labelled(len(rows))], table=table, as_json=True)


@pytest.mark.parametrize("first_number", [0, 1])
def test_where_the_caller_says_what_the_ids_count(folder, taken, first_number):
    """
    Ids of any prefix are rows by the word of the caller; one that is beyond the table is told.
    """
    lines = [line_of(f"tweet {number}", "x") for number in (1, 2, 3)]
    assert_same(folder, [b"".join(lines)], first_number=first_number)
    assert taken == [4]
    assert_same(folder, [b"".join([*lines, line_of("tweet 40", "x")])], first_number=first_number)


@pytest.mark.parametrize(
    "options",
    [{"writing": WriteOptions(bom=True)}, {"writing": WriteOptions(formula_safe=True)}, {"out": "out.jsonl"}],
)
def test_other_outputs(folder, options):
    """
    With a byte order mark, with marks for spreadsheets, and in another format.
    """
    assert_same(folder, [labelled(1, "=1+1") + labelled(3)], as_json=True, **options)


def test_a_full_disk_is_told_and_leaves_the_old_output(folder, monkeypatch, taken):
    """
    When a write fails in the middle, the old table stays as it was.
    """
    monkeypatch.setenv(machine.WITHOUT, "")
    (folder / "t.csv").write_bytes(TABLE)
    (folder / "r.jsonl").write_bytes(labelled(1))
    (folder / "kept.csv").write_text("old", encoding="utf-8")
    real = CsvTableWriter.write_lines

    def full(self: Any, lines: memoryview) -> None:
        self._file.close()
        self._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - the writer closes it
        real(self, lines)

    monkeypatch.setattr(CsvTableWriter, "write_lines", full)
    with pytest.raises(RowbatchError, match=r"no space left.*kept\.csv"):
        extract([folder / "r.jsonl"], folder / "kept.csv", join=folder / "t.csv", overwrite=True)
    assert (folder / "kept.csv").read_text(encoding="utf-8") == "old"


def test_too_little_memory_is_for_the_other_way(folder, monkeypatch, taken):
    """
    Where the kernels get no room, the table is written without them.
    """

    def none(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(machine.Machine, "room", none)
    assert_same(folder, [labelled(1)], as_json=True)
    assert not taken


@pytest.mark.parametrize("height", [3, 300])
def test_columns_that_may_hold_the_ids_are_looked_at_to_the_end(folder, taken, height, monkeypatch):
    """
    Only the columns that may be what the ids were made of are read, and what they show is seen.
    """
    seen: list[list[str]] = []
    real = id_evidence.IdEvidence.look

    def look(self: Any, chunk: Any) -> None:
        seen.append(chunk.frame.columns)
        real(self, chunk)

    monkeypatch.setattr(id_evidence.IdEvidence, "look", look)
    monkeypatch.setattr("rowbatch.tables.csv_cells._BLOCK_BYTES", 256)
    monkeypatch.setattr("rowbatch.tables.csv_cells.max_cell_bytes", lambda: 1 << 20)
    numbered = b"".join(b"%d,text,row-%d\n" % (row, row) for row in range(1, height + 1))
    found, without = both_ways(folder, [labelled(1) + labelled(2)], table=b"n,t,key\n" + numbered)
    assert found == without
    assert taken == [height]
    assert seen[0] == ["0", "1", "2"]
    if height > 3:
        assert ["0", "2"] in seen
    swapped = (
        numbered.replace(b"row-1\n", b"row-0\n")
        .replace(b"row-2\n", b"row-1\n")
        .replace(b"row-0\n", b"row-2\n")
    )
    assert_same(folder, [labelled(1) + labelled(2)], table=b"n,t,key\n" + swapped)
    assert_same(
        folder, [labelled(1) + labelled(2)], table=b"n,t,key\n" + b"".join(numbered.splitlines(True)[::-1])
    )
