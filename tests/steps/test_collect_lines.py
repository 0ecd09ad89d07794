"""The labelled table of a CSV table by the kernels: the bytes and the report of the way without."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driving import POLICY, build_run, drive, make_run, rows_of, unknown_label
from fake_providers import FakeProvider
from lagging import lagging
from rowbatch.core.codebook import codebook_document
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import RowbatchError
from rowbatch.kernels import machine
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps import collect as collect_module
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.store.codebook_file import read_codebook
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.tables import csv_beside, csv_cells, csv_reader
from rowbatch.tables.csv_writer import CsvTableWriter

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def small_files_too(monkeypatch) -> None:
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 0)


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    """Rows that were written by the kernels, of each call that they served to the end."""
    found: list[int] = []
    real = collect_module._by_kernels

    def by_kernels(plain: Any, answered: Any, target: Any) -> Iterator[Any]:
        rows = 0
        for frame in real(plain, answered, target):
            rows += frame.height
            yield frame
        found.append(rows if target.digest else 0)

    monkeypatch.setattr(collect_module, "_by_kernels", by_kernels)
    return found


def both_ways(run: RunDirectory, **options: Any) -> list[Any]:
    """What is written, noted and reported, or said: by the kernels and without."""
    output = options.pop("output", None)
    out = output or run.output_of(run.plan())
    errors = run.path.with_name("errors.csv")
    found: list[Any] = []
    for without in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(machine.WITHOUT, without)
            for path in (out, errors):
                path.unlink(missing_ok=True)
            try:
                report = collect(run, output=output, overwrite=True, errors=errors, **options)
            except RowbatchError as error:
                found.append((type(error), str(error), error.kind, str(error.instead), out.exists()))
                continue
            with run.ledger() as ledger:
                assert ledger.output_digest(out) == digest_file(out)
            told = {one.name: getattr(report, one.name) for one in dataclasses.fields(report)}
            tallies = {name: tally.facts() for name, tally in report.tallies.items()}
            metadata = json.loads(out.with_name(f"{out.name}-metadata.json").read_text(encoding="utf-8"))
            found.append((out.read_bytes(), errors.read_bytes(), metadata, told | {"tallies": tallies}))
    return found


def assert_same(run: RunDirectory, **options: Any) -> None:
    by_kernels, without = both_ways(run, **options)
    assert by_kernels == without


def driven(folder: Path, provider: str = "openai", *, spoiled: tuple[int, ...] = (), **options: Any) -> Any:
    run, fake = make_run(folder, provider=provider, **options), FakeProvider(provider)
    fake.spoil = unknown_label(spoiled)
    drive(run, fake, provider=provider)
    return run


def rewritten(run: RunDirectory, content: bytes) -> None:
    """Another table, which the run takes for its own."""
    path = run.plan().source.path
    path.write_bytes(content)
    place = run.path / "run.toml"
    lines = place.read_text(encoding="utf-8").splitlines()
    for name, value in (("sha256", f'"{digest_file(path)}"'), ("size_bytes", str(len(content)))):
        lines = [f"{name} = {value}" if line.startswith(f"{name} = ") else line for line in lines]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_plain_table_is_written_by_the_kernels(tmp_path, taken):
    """
    Every row stands there as it was, with its answer; rows that were skipped, and answers that cannot be
    used, are no hindrance.
    """
    run = driven(tmp_path, spoiled=(5, 9), rows=30)
    assert_same(run)
    assert taken == [30]
    rows = rows_of(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == [str(n) for n in range(1, 31)]
    assert {row["status"] for row in rows} == {"ok", "invalid", "skipped"}


@pytest.mark.parametrize(
    "options",
    [
        {"dedupe": True, "rows": 40},
        {"samples": 3},
        {"confidence": True},
        {"output": "out.tsv"},
        {"provider": "anthropic"},
    ],
    ids=str,
)
def test_however_it_was_asked(tmp_path, taken, options):
    """
    Equal rows that were asked once, several samples, confidences, another provider: all stand there.
    """
    run = driven(tmp_path, spoiled=(3,), **options)
    assert_same(run)
    assert taken


def test_answers_of_several_rounds_and_rows_without_one(tmp_path, taken):
    """
    The later round counts; rows that nobody has asked yet are said to be so.
    """
    run, fake = make_run(tmp_path, rows=30), FakeProvider("openai")
    assert_same(run)
    fake.spoil = unknown_label((2, 9, 10))
    drive(run, fake, policy=dataclasses.replace(POLICY, ask_invalid_again=True))
    assert_same(run)
    with run.ledger() as ledger:
        assert max(shard.round for shard in ledger.shards()) > 1
    assert taken == [30, 30]


@pytest.mark.parametrize("output", ["out.csv", "out.tsv"])
def test_rows_that_are_written_late_in_small_blocks(tmp_path, taken, monkeypatch, output):
    """
    Rows are there as long as they may wait to be written, also longer ones than a buffer.
    """
    monkeypatch.setattr(csv_beside, "_OUT_BYTES", 200)
    monkeypatch.setattr(csv_beside, "_BLOCK_BYTES", 256)
    monkeypatch.setattr(csv_cells, "max_cell_bytes", lambda: 1 << 20)
    monkeypatch.setattr(collect_module, "read_ahead", lagging)
    run = driven(tmp_path, rows=60, shard_rows=7, output=output)
    assert_same(run)
    assert taken == [60]


def test_a_table_that_is_not_plain_from_some_row_on(tmp_path, taken, monkeypatch):
    """
    Rows that no two readers can differ on go by the kernels, the others by another reader.
    """
    run = driven(tmp_path, rows=30)
    lines = run.plan().source.path.read_bytes()
    monkeypatch.setattr(csv_beside, "_BLOCK_BYTES", 256)
    monkeypatch.setattr(csv_cells, "max_cell_bytes", lambda: 1 << 20)
    rewritten(run, lines.replace(b"\r\n20,", b'\r\n2"0,'))
    assert_same(run)
    assert taken == [0]
    assert b'\n"2""0",' in (tmp_path / "out.csv").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: b"\xef\xbb\xbf" + table,
        lambda table: table.replace(b"\r\n", b"\n"),
        lambda table: table.rstrip(b"\r\n"),
        lambda table: table.replace(b"\r\n", b",\r\n"),
        lambda table: b'id,text\r\n1,a "b" c\r\n' + table.partition(b"\r\n1,")[2].partition(b"\r\n")[2],
    ],
)
def test_any_table(tmp_path, change):
    """
    However the table is written, the output is the same both ways.
    """
    run = driven(tmp_path)
    rewritten(run, change(run.plan().source.path.read_bytes()))
    assert_same(run)


@pytest.mark.parametrize(
    "options",
    [
        {"writing": WriteOptions(bom=True)},
        {"writing": WriteOptions(formula_safe=True)},
        {"output": "other.parquet"},
        {"output": "other.jsonl"},
    ],
    ids=str,
)
def test_other_outputs(tmp_path, options):
    """
    With a byte order mark, with marks for spreadsheets, and in other formats.
    """
    run = driven(tmp_path)
    if "output" in options:
        options = options | {"output": tmp_path / options["output"]}
    assert_same(run, **options)


def other_rows(run: RunDirectory) -> None:
    path = run.plan().source.path
    path.write_bytes(path.read_bytes().replace(b"one, and", b"two, and"))


def fewer_rows(run: RunDirectory) -> None:
    path = run.plan().source.path
    path.write_bytes(path.read_bytes().rpartition(b"\r\n14,")[0] + b"\r\n")


def no_table(run: RunDirectory) -> None:
    run.plan().source.path.unlink()


def broken_table(run: RunDirectory) -> None:
    path = run.plan().source.path
    path.write_bytes(b"x" * path.stat().st_size)


def other_results(run: RunDirectory) -> None:
    path = next(iter(sorted(run.path.glob("results/*.output.jsonl"))))
    path.write_bytes(path.read_bytes().replace(b"completion", b"completioN"))


@pytest.mark.parametrize("change", [other_rows, fewer_rows, no_table, broken_table, other_results])
def test_what_was_changed_is_told(tmp_path, taken, change):
    """
    A table or a result file that is not what it was ends it, in the words of the other way, and nothing is
    written.
    """
    run = driven(tmp_path)
    change(run)
    by_kernels, without = both_ways(run)
    assert by_kernels == without
    assert not taken
    assert by_kernels[-1] is False
    assert not list(tmp_path.glob(".out.csv*"))


def test_a_table_that_was_moved_while_another_has_its_name(tmp_path, taken):
    """
    Its digest decides: the one that was moved with the run is taken, and not the one that is where it was.
    """
    run = driven(tmp_path)
    path = run.plan().source.path
    (run.path / path.name).write_bytes(path.read_bytes())
    other_rows(run)
    assert_same(run)
    assert not taken
    assert rows_of(tmp_path / "out.csv")[0]["text"] == "one, and a half 0"


def test_quotes_are_looked_up_without_the_kernels(tmp_path, taken):
    """
    What a quote is has to be found in the text: such a table goes the other way.
    """
    table = tmp_path / "posts.csv"
    table.write_bytes(b"id,text\n" + b"".join(b"%d,rents rise %d\n" % (n, n) for n in range(9)))
    run = RunDirectory(tmp_path / "run")
    question = Question(text="text", answer=codebook_document(read_codebook(EXAMPLES / "speeches.en.yaml")))
    asking = asking_of(question, Said(max_tokens=900), provider="openai", model="m")
    create(run, Plan(Source(table), question, asking, Output(tmp_path / "out.csv")))
    build_run(run, "openai", 4)
    drive(run, FakeProvider(seed=1))
    assert_same(run)
    assert not taken


def test_a_full_disk_is_told_and_the_table_is_saved_elsewhere(tmp_path, monkeypatch):
    """
    When a write fails in the middle, the answers are in the run directory, by the kernels as without.
    """
    run = driven(tmp_path)
    real = CsvTableWriter.write_lines

    def full(self: Any, lines: memoryview) -> None:
        if self._path.name.startswith(".out.csv"):
            self._file.close()
            self._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - the writer closes it
        real(self, lines)

    monkeypatch.setattr(CsvTableWriter, "write_lines", full)
    with pytest.raises(RowbatchError, match=r"no space left.*out\.csv") as raised:
        collect(run, overwrite=True)
    assert raised.value.instead is not None
    with (run.labelled).open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 14


def test_too_little_memory_is_for_the_other_way(tmp_path, monkeypatch, taken):
    """
    Where the kernels get no room, the table is written without them.
    """

    def none(*_: object) -> int:
        raise MemoryError

    run = driven(tmp_path)
    monkeypatch.setattr(machine.Machine, "room", none)
    assert_same(run)
    assert not taken


def test_progress_is_told(tmp_path):
    """
    How many rows are done is told up to the last one.
    """
    seen: list[int] = []
    collect(driven(tmp_path), overwrite=True, progress=seen.append)
    assert seen[-1] == 14
    assert json.loads((tmp_path / "out.csv-metadata.json").read_text(encoding="utf-8"))
