"""What the tools do beyond the plain way: equal rows once, images, parts, fields, estimates, checks."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from converting import convert
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.lint import LineRules, line_problems
from rowbatch.core.problem import FileState
from rowbatch.core.shard import ShardLimits
from rowbatch.core.strict_schema import strict_problems
from rowbatch.errors import InputError, OutputExists, StorageError, TableError, UsageError
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import Duplicates, find_duplicates
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.results.files import receive_piece, result_frames
from rowbatch.results.rows_by_number import Cursor, RowsByNumber
from rowbatch.results.workers import ResultWorkers
from rowbatch.tables.csv_reader import open_csv
from rowbatch.tools.check import CheckReport, check
from rowbatch.tools.convert import duplicates_path
from rowbatch.tools.estimate import estimate_files
from rowbatch.tools.extract import extract

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
OPENAI = find_provider("openai")


def answer_line(custom_id: str, content: str) -> bytes:
    body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
    return (
        json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": body}}).encode() + b"\n"
    )


def requests_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_equal_rows_are_asked_once_and_all_get_the_answer(tmp_path):
    """
    What was asked once comes out at every row that asks it, also far below, and the file of pairs says so.
    """
    table, count = tmp_path / "t.csv", 50_000
    table.write_text("id,post\n" + "".join(f"{n},text {n % 7}\n" for n in range(count)))
    out, answers, joined = tmp_path / "o.jsonl", tmp_path / "a.jsonl", tmp_path / "j.csv"
    report = convert(table, out, text="post", model="m", dedupe=True)
    asked = requests_in(out)
    assert [request["custom_id"] for request in asked] == [f"row-{n}" for n in range(1, 8)]
    assert (report.requests, report.duplicates, report.rows) == (7, count - 7, count)
    answers.write_bytes(
        b"".join(
            answer_line(request["custom_id"], "to " + request["body"]["messages"][0]["content"])
            for request in asked
        )
    )
    found = extract([answers], joined, join=table, duplicates=duplicates_path(out))
    assert [row["content"] for row in rows_in(joined)] == [f"to text {n % 7}" for n in range(count)]
    assert found.statuses == {"ok": count}


cells = st.sampled_from(["", " ", "a", "b", "c", "é"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=40))
def test_duplicates_are_those_that_ask_the_same(tmp_path, rows):
    """
    Each row that is asked has the lowest row with equal cells in its place, and no other.
    """
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "".join(f"{a},{b},{n}\n" for n, (a, b) in enumerate(rows)), encoding="utf-8")
    found = find_duplicates(open_csv(path), ["a", "b"], [0, 1])
    first: dict[tuple[str, str], int] = {}
    expected = []
    for number, row in enumerate(rows, start=1):
        if any(cell.strip() for cell in row) and first.setdefault(row, number) != number:
            expected.append((number, first[row]))
    assert found.pairs.rows() == expected
    mask = found.mask(1, len(rows))
    assert [number for number, again in enumerate(mask, start=1) if again] == [row for row, _ in expected]
    found.save(tmp_path / "d.csv", overwrite=True)
    assert Duplicates.load(tmp_path / "d.csv").pairs.rows() == expected


def test_a_list_of_duplicates_that_is_none(tmp_path):
    """
    Any other file in its place is one clear error.
    """
    path = tmp_path / "d.csv"
    path.write_text("x\ny\n")
    with pytest.raises(TableError, match="no list of duplicates"):
        Duplicates.load(path)


def test_images_are_read_inside_their_folder_only(tmp_path):
    """
    A cell names a file of the folder, or no file at all; what is no image, or lies elsewhere, is an error.
    """
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (tmp_path / "images" / "b.txt").write_bytes(b"text")
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    table, out = tmp_path / "t.csv", tmp_path / "o.jsonl"
    options: dict[str, Any] = {"text": "t", "model": "m", "image": "i", "overwrite": True}
    table.write_text("t,i\nlook,a.png\nno image,\n")
    convert(table, out, image_folder=tmp_path / "images", **options)
    first, second = (request["body"]["messages"][0]["content"] for request in requests_in(out))
    assert first[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert second == [{"type": "text", "text": "no image"}]
    for cell in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "b.txt", "none.png"):
        table.write_text(f"t,i\nlook,{cell}\n")
        with pytest.raises(TableError, match="row 1, column 'i'"):
            convert(table, out, image_folder=tmp_path / "images", **options)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:x", "a.png", "//x/y.png"])
def test_only_addresses_of_the_web_are_passed_on(tmp_path, address):
    """
    An image's address begins as one of the web does.
    """
    table, out = tmp_path / "t.csv", tmp_path / "o.jsonl"
    table.write_text("t,i\nlook,https://example.org/a.png\n")
    convert(table, out, text="t", model="m", image="i", endpoint=Endpoint.RESPONSES)
    (request,) = requests_in(out)
    assert request["body"]["input"][0]["content"][1] == {
        "type": "input_image",
        "image_url": "https://example.org/a.png",
    }
    table.write_text(f"t,i\nlook,{address}\n")
    with pytest.raises(TableError, match="row 1"):
        convert(table, out, text="t", model="m", image="i", overwrite=True)


@pytest.mark.parametrize(
    "limits",
    [
        ShardLimits(7, 1 << 40),
        ShardLimits(1 << 40, 2_000),
        ShardLimits(1 << 40, 1 << 40, 60),
        ShardLimits(1, 400),
    ],
)
def test_parts_of_a_table_are_the_whole(tmp_path, limits):
    """
    Written in parts, a table's requests are the same bytes; no part is over a limit, and none could take
    more.
    """
    table = tmp_path / "t.csv"
    table.write_text("post\n" + "".join(f"text {'x' * (n % 50)} {n}\n" for n in range(100)))
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts"
    convert(table, whole, text="post", model="gpt-4o-mini")
    report = convert(table, parts, text="post", model="gpt-4o-mini", limits=limits)
    files = [parts / part.name for part in report.parts]
    assert sorted(parts.iterdir()) == files
    assert b"".join(file.read_bytes() for file in files) == whole.read_bytes()
    for file, part in zip(files, report.parts, strict=True):
        assert part.lines == file.read_bytes().count(b"\n") <= limits.max_requests
        assert part.size_bytes == file.stat().st_size <= limits.max_bytes
        tokens = estimate_files([file], OPENAI).prompt_tokens_high
        assert limits.max_tokens is None or tokens <= limits.max_tokens or part.lines == 1
    with pytest.raises(OutputExists):
        convert(table, parts, text="post", model="gpt-4o-mini", limits=limits)


def test_fields_of_json_answers(tmp_path):
    """
    Each field is a column; an answer that is no object is invalid and keeps its text; our own names win.
    """
    table, answers, out = tmp_path / "t.csv", tmp_path / "a.jsonl", tmp_path / "o.csv"
    table.write_text("id,label\n1,mine\n2,\n3,\n")
    answers.write_bytes(
        answer_line("row-1", '{"label": "x", "why": {"short": "y"}, "status": "s"}')
        + answer_line("row-2", "no JSON")
    )
    errors = tmp_path / "errors.csv"
    extract([answers], out, join=table, as_json=True, errors=errors)
    rows = rows_in(out)
    assert rows[0]["label"] == "mine"
    assert rows[0]["rowbatch_label"] == "x"
    assert rows[0]["why.short"] == "y"
    assert rows[0]["answer.status"] == "s"
    assert [row["status"] for row in rows] == ["ok", "invalid", "missing"]
    assert rows[1]["content"] == "no JSON"
    assert [(row["row"], row["status"], row["content"]) for row in rows_in(errors)] == [
        ("2", "invalid", "no JSON"),
        ("3", "missing", ""),
    ]


def test_embeddings_become_lists_of_a_fixed_size(tmp_path):
    """
    Embeddings go to Parquet as they are, beside the table.
    """
    table, answers = tmp_path / "t.csv", tmp_path / "a.jsonl"
    table.write_text("id\n1\n2\n")
    body = {"data": [{"embedding": [0.5, 1.0]}], "model": "m", "usage": {"prompt_tokens": 3}}
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": body}}
    answers.write_text(json.dumps(line) + "\n")
    extract([answers], tmp_path / "o.parquet", join=table, extras=("model", "usage"))
    frame = pl.read_parquet(tmp_path / "o.parquet")
    assert frame.schema["embedding"] == pl.Array(pl.Float32, 2)
    assert frame["embedding"].to_list() == [[0.5, 1.0], None]
    assert frame["prompt_tokens"].to_list() == [3, None]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    numbers=st.lists(st.integers(0, 60), max_size=60),
    max_bytes=st.sampled_from([0, 400, 10**9]),
    cuts=st.lists(st.integers(0, 70), max_size=5),
)
def test_rows_come_back_in_order(tmp_path, numbers, max_bytes, cuts):
    """
    In memory or on disk, every row comes back once, sorted, and equal numbers in the order they came.
    """
    with RowsByNumber(tmp_path, max_bytes=max_bytes, numbers_per_range=7) as rows:
        for position, number in enumerate(numbers):
            frame = {"number": [number], "text": [str(position)]} | ({"more": ["x"]} if number % 2 else {})
            rows.add(pl.DataFrame(frame))
        cursor = Cursor(rows.in_order(lambda part: part))
        found: list[tuple[int, str]] = []
        for cut in sorted(cuts):
            part = [row[:2] for frame in cursor.until(cut) for row in frame.iter_rows()]
            assert all(number < cut for number, _ in part)
            found += part
        found += [row[:2] for frame in cursor.rest() for row in frame.iter_rows()]
    assert found == sorted(((n, str(i)) for i, n in enumerate(numbers)), key=lambda row: row[0])
    assert not list(tmp_path.iterdir())


def test_several_processes_read_what_one_reads(tmp_path, monkeypatch):
    """
    Cut into pieces for several processes, files give the same frames and the same line numbers; and when a
    process is killed, its pieces are read all the same.
    """
    monkeypatch.setattr("rowbatch.results.files._PIECE_BYTES", 5_000)
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        lines = [answer_line(f"row-{number}-{n}", f"text {n}") for n in range(200)]
        lines[50:50] = [b"nope\n", b"\n", b"{}\n"]
        path.write_bytes(b"".join(lines).rstrip(b"\n") if number else b"".join(lines))
        paths.append(path)

    def whole(processes: int) -> tuple[list[Any], list[Any]]:
        parts = list(result_frames(paths, ("usage",), processes=processes))
        rows = [row for _, part in parts for row in part.frame.iter_rows()]
        return rows, [(path.name, *entry) for path, part in parts for entry in part.unreadable]

    assert whole(2) == whole(1)
    assert whole(1)[1][:2] == [("0.jsonl", 51, whole(1)[1][0][2]), ("0.jsonl", 53, "it has no custom_id")]
    monkeypatch.setattr("rowbatch.results.workers.python_module", lambda _: ["false"])
    assert whole(2) == whole(1)


def test_a_process_that_is_killed_is_replaced_and_its_piece_read_again(tmp_path, monkeypatch):
    """
    Whichever process is killed, another one takes its place and finds what it was asked for; nothing is lost,
    and nothing is there twice. One that is killed again and again is not replaced for ever.
    """
    monkeypatch.setattr("rowbatch.results.files._PIECE_BYTES", 5_000)
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"".join(answer_line(f"row-{n}", f"text {n}") for n in range(300)))
    alone = [row for _, part in result_frames([path], processes=1) for row in part.frame.iter_rows()]
    received: list[bool] = []

    def noted(source: Any) -> Any:
        part = receive_piece(source)
        received.append(part is not None)
        return part

    monkeypatch.setattr("rowbatch.results.files.receive_piece", noted)
    with ResultWorkers([], 2) as workers:
        (worker,) = workers
        first = worker._process
        assert first is not None
        first.kill()
        first.wait()
        found = [row for _, part in result_frames([path], workers=workers) for row in part.frame.iter_rows()]
        second = worker._process
    assert found == alone
    assert second is not None
    assert second.pid != first.pid
    assert any(received)
    with ResultWorkers([], 2) as workers:
        (worker,) = workers
        monkeypatch.setattr("rowbatch.results.workers.python_module", lambda _: ["false"])
        assert [worker.replace() for _ in range(4)] == [True, True, True, False]
        found = [row for _, part in result_frames([path], workers=workers) for row in part.frame.iter_rows()]
    assert found == alone
    assert not worker.replace()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sessions")
def test_ctrl_c_is_not_for_the_processes_that_read(tmp_path):
    """
    A signal from the terminal does not reach them, so that none says anything while it starts.
    """
    with ResultWorkers([], 3) as workers:
        processes = [worker._process for worker in workers]
        assert len(processes) == 2
        for process in processes:
            assert process is not None
            assert os.getsid(process.pid) not in (0, os.getsid(0))
    assert all(process is not None and process.returncode is not None for process in processes)


def test_a_missing_file_is_named_by_several_processes_too(tmp_path):
    """
    However many work at it, a file that is not there is one clear error.
    """
    with pytest.raises(InputError, match=r"none\.jsonl does not exist"):
        list(result_frames([tmp_path / "none.jsonl"], processes=2))


def test_what_does_not_fit_into_memory_lies_on_disk(tmp_path, monkeypatch):
    """
    Answers in any order that are more than the memory may hold come out at their rows.
    """
    monkeypatch.setattr("rowbatch.results.rows_by_number._MAX_BYTES", 1_000)
    monkeypatch.setattr(
        RowsByNumber.__init__, "__kwdefaults__", {"max_bytes": 1_000, "numbers_per_range": 100}
    )
    table, answers, out = tmp_path / "t.csv", tmp_path / "a.jsonl", tmp_path / "o.csv"
    table.write_text("id\n" + "".join(f"{n}\n" for n in range(1, 1_001)))
    order = sorted(range(1, 1_001), key=lambda n: n * 7919 % 1_009)
    answers.write_bytes(b"".join(answer_line(f"row-{n}", f"text {n}") for n in order))
    extract([answers], out, join=table)
    assert [row["content"] for row in rows_in(out)] == [f"text {n}" for n in range(1, 1_001)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "o.csv", "t.csv"]


def test_an_estimate_counts_what_is_there(tmp_path):
    """
    Tokens, limits, shards and price are those of the requests; a sample gives a range that holds the truth.
    """
    table, out = tmp_path / "t.csv", tmp_path / "o.jsonl"
    table.write_text("post\n" + "".join(f"{'word ' * (n % 40 + 1)}\n" for n in range(2_000)))
    convert(table, out, text="post", model="gpt-4o-mini", system="Be brief.", max_tokens=10)
    whole = estimate_files([out], OPENAI)
    assert whole.requests == whole.counted == 2_000
    assert whole.size_bytes == out.stat().st_size
    assert whole.answer_tokens_high == 20_000
    assert whole.low_usd is not None
    assert whole.high_usd is not None
    assert 0 < whole.low_usd < whole.high_usd
    sample = estimate_files([out], OPENAI, every=7)
    assert sample.counted == 286
    assert sample.prompt_tokens_low <= whole.prompt_tokens_low
    assert sample.prompt_tokens_high >= whole.prompt_tokens_high
    (tmp_path / "bad.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="line 1"):
        estimate_files([tmp_path / "bad.jsonl"], OPENAI)


GOOD: dict[str, Any] = {
    "custom_id": "row-1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]},
}


def checked(tmp_path: Path, content: bytes, **options: Any) -> CheckReport:
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    return check([path], OPENAI, **options)


def request(**changes: Any) -> bytes:
    found = {**GOOD, **changes}
    return json.dumps({name: value for name, value in found.items() if value is not ...}).encode() + b"\n"


def body(**changes: Any) -> bytes:
    found = {**GOOD["body"], **changes}
    return request(body={name: value for name, value in found.items() if value is not ...})


STRICT = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        pytest.param(request(), set(), id="good"),
        pytest.param(b"\xef\xbb\xbf" + request(), {"byte_order_mark"}, id="mark"),
        pytest.param(request()[:-1], {"no_line_end"}, id="no-line-end"),
        pytest.param(request()[:-1] + b"\r\n", {"carriage_return"}, id="crlf"),
        pytest.param(request() + b"\n", {"blank_line"}, id="blank"),
        pytest.param(b"{\n", {"invalid_json_line"}, id="json"),
        pytest.param(b"[]\n", {"invalid_json_line"}, id="no-object"),
        pytest.param(request()[:-2] + b', "url": "x"}\n', {"invalid_json_line"}, id="key-twice"),
        pytest.param(request().replace(b'"x"', b"NaN"), {"invalid_json_line"}, id="nan"),
        pytest.param(request().replace(b'"x"', b'"\xff"'), {"invalid_json_line"}, id="not-utf-8"),
        pytest.param(request(custom_id=...), {"missing_required_parameter"}, id="no-id"),
        pytest.param(request(custom_id=7), {"invalid_type"}, id="id-a-number"),
        pytest.param(request(custom_id="a b"), {"custom_id_form"}, id="id-form"),
        pytest.param(request(custom_id="x" * 65), {"custom_id_form", "custom_id_too_long"}, id="id-long"),
        pytest.param(request(method=...), {"missing_required_parameter"}, id="no-method"),
        pytest.param(request(method="GET"), {"invalid_method"}, id="method"),
        pytest.param(request(url="/v1/nothing"), {"invalid_url"}, id="url"),
        pytest.param(
            request() + request(custom_id="b", url="/v1/embeddings"),
            {"invalid_url", "missing_required_parameter"},
            id="two-urls",
        ),
        pytest.param(request(body=...), {"missing_required_parameter"}, id="no-body"),
        pytest.param(body(model=...), {"missing_required_parameter"}, id="no-model"),
        pytest.param(
            request() + request(custom_id="b", body={**GOOD["body"], "model": "o3"}),
            {"mismatched_model"},
            id="two-models",
        ),
        pytest.param(body(stream=True), {"streaming_unsupported"}, id="stream"),
        pytest.param(body(messages=[]), {"missing_required_parameter"}, id="no-messages"),
        pytest.param(body(messages=[{"role": "user", "content": ""}]), {"empty_message"}, id="empty-message"),
        pytest.param(
            body(messages=[{"role": "user", "content": [{"type": "x"}]}]), {"invalid_value"}, id="part"
        ),
        pytest.param(body(model="gpt-5", max_tokens=5), {"unsupported_parameter"}, id="rules"),
        pytest.param(body(response_format=STRICT), {"invalid_schema"}, id="schema"),
        pytest.param(
            body(messages=[{"role": "user", "content": "\ud800"}]), {"lone_surrogate"}, id="surrogate"
        ),
        pytest.param(request().replace(b'"x"', '"\u2028"'.encode()), {"line_separator"}, id="u2028"),
        pytest.param(request() + request(), {"duplicate_line"}, id="same-line"),
        pytest.param(request() + body(seed=1), {"duplicate_custom_id"}, id="same-id"),
        pytest.param(request()[:-2] + b', "x": 1}\n', {"unknown_parameter"}, id="unknown-key"),
    ],
)
def test_each_problem_is_called_by_its_name(tmp_path, content, codes):
    """
    What would fail is found before it is sent, with its line, and a repaired copy has nothing left to repair.
    """
    report = checked(tmp_path, content, fix=tmp_path / "fixed.jsonl")
    (found,) = report.files
    assert set(found.codes) == codes
    assert report.is_clean == (found.errors == 0)
    again = (
        check([tmp_path / "fixed.jsonl"], OPENAI, fix=tmp_path / "again.jsonl")
        if codes != {"blank_line"}
        else None
    )
    if again is not None:
        assert not again.files[0].fixed
        assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "fixed.jsonl").read_bytes()


def test_what_convert_writes_is_clean(tmp_path):
    """
    Our own requests have no problem, for every endpoint; nor have real ones of other people.
    """
    table = tmp_path / "t.csv"
    table.write_text("post\nx\ny\u2028\n", encoding="utf-8")
    for endpoint in Endpoint:
        model = "text-embedding-3-small" if endpoint is Endpoint.EMBEDDINGS else "gpt-5-mini"
        out = tmp_path / f"{endpoint.name}.jsonl"
        limit = None if endpoint is Endpoint.EMBEDDINGS else 20
        convert(table, out, text="post", model=model, endpoint=endpoint, max_tokens=limit)
        assert not check([out], OPENAI).files[0].codes
    if SHARED.is_dir():
        for path in SHARED.glob("batch/*/input.jsonl"):
            assert check([path], OPENAI).is_clean


def test_ids_across_files_and_a_copy_in_the_way(tmp_path):
    """
    One id in two files is a warning; a copy replaces neither its source nor another file.
    """
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(request())
    report = check([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], OPENAI)
    assert set(report.files[1].codes) == {"id_in_another_file"}
    assert report.is_clean
    with pytest.raises(UsageError):
        check([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], OPENAI, fix=tmp_path / "c.jsonl")
    with pytest.raises(UsageError):
        check([tmp_path / "a.jsonl"], OPENAI, fix=tmp_path / "a.jsonl", overwrite=True)
    with pytest.raises(OutputExists):
        check([tmp_path / "a.jsonl"], OPENAI, fix=tmp_path / "b.jsonl")
    with pytest.raises((InputError, StorageError)):
        check([tmp_path / "none.jsonl"], OPENAI)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "object", "properties": {}, "required": [], "additionalProperties": False}, None),
        ({"type": "array"}, "root"),
        ({"anyOf": []}, "anyOf"),
        ({"type": "object"}, "additionalProperties"),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
            "required",
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string", "enum": [str(n) for n in range(1_001)]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            "enum values",
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"allOf": []}},
                "required": ["a"],
                "additionalProperties": False,
            },
            "allOf",
        ),
        ("x", "no object"),
    ],
)
def test_schemas_that_strict_mode_refuses(schema, says):
    """
    Each limit of strict mode is known, and a good schema has no problem.
    """
    problems = strict_problems(schema, "answer")
    assert bool(problems) == (says is not None)
    assert says is None or any(says in problem for problem in problems)


def with_a_flipped_bit(line: bytes) -> st.SearchStrategy[bytes]:
    places = st.integers(0, len(line) - 1)
    return places.map(lambda at: line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :])


@given(st.binary(max_size=80) | st.sampled_from([request(), body(stream=True)]).flatmap(with_a_flipped_bit))
def test_no_bytes_make_a_traceback(line):
    """
    Whatever a line is, it has problems or is a request.
    """
    problems, found = line_problems(line, 1, FileState(), LineRules())
    assert found is not None or list(problems)


def test_a_labelled_table_of_stata_reads_as_labels(tmp_path):
    """
    From Python the labels are labels, although Stata has codes for them.
    """
    from rowbatch.api.runs import _read_frame
    from rowbatch.tables.base import TableChunk
    from rowbatch.tables.writer import AddedColumn, TableShape, open_writer

    path = tmp_path / "t.dta"
    shape = TableShape(("id",), (), (AddedColumn("mood", labels=("good", "bad")), AddedColumn("status")))
    with open_writer(path, "stata", shape) as writer:
        added = pl.DataFrame({"mood": ["bad", "", "good"], "status": ["ok", "skipped", "ok"]})
        writer.write(TableChunk(1, pl.DataFrame({"0": ["1", "2", "3"]})), added)
    assert _read_frame(path, ["mood", "status"])["mood"].to_list() == ["bad", "", "good"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_tokens_are_those_that_were_billed():
    """
    The prompts of a real batch have as many tokens as its provider counted.
    """
    pytest.importorskip("quicktok")
    folder, counter = SHARED / "batch" / "chat_gpt4o_65", LineTokens()
    counted = {}
    with (folder / "input.jsonl").open("rb") as file:
        for line in file:
            custom_id, _, tokens = counter.read(line)
            counted[custom_id] = tokens
    billed = {
        row["custom_id"]: row["prompt_tokens"]
        for _, part in result_frames([folder / "output.jsonl"], ("usage",))
        for row in part.frame.iter_rows(named=True)
    }
    assert counted == billed
    assert len(billed) == 65
