"""Runs whose request files are written by tasks, of tables in every form."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import polars as pl

from driving import LABELS, texts
from rowbatch.core.codebook import codebook_document, codebook_from_labels
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps.create import create
from rowbatch.store.copies import Copy
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import TableChunk
from rowbatch.tables.writer import TableShape, format_of, open_writer
from rowbatch.tasks.plan import make_plan

FORMS = (
    "posts.csv",
    "posts.tsv",
    "latin.csv",
    "old-mac.csv",
    "packed.csv.gz",
    "posts.parquet",
    "posts.arrow",
    "posts.jsonl",
    "posts.xlsx",
    "posts.dta",
    "posts.sav",
    "folder-of-parquet",
    "folder-of-csv",
    "folder-of-texts",
)
"""Names that `write_table` knows."""


def frame_of(rows: int, *, is_plain: bool = False) -> pl.DataFrame:
    """A table with everything that breaks careless programs, or with texts that any format can hold."""
    said = [f"text {n}" if n % 7 != 2 else "" for n in range(rows)] if is_plain else texts(rows)
    return pl.DataFrame({"id": [str(n) for n in range(1, rows + 1)], "text": said})


def write_table(place: Path, rows: int) -> Path:
    """
    Write a table of so many rows.

    Args:
        place: Its name is one of `FORMS`.
        rows: How many.
    """
    match place.name:
        case "folder-of-texts":
            place.mkdir()
            for n, text in enumerate(texts(rows), start=1):
                (place / f"{n:05d}.txt").write_text(text, encoding="utf-8")
        case "folder-of-parquet" | "folder-of-csv":
            place.mkdir()
            ending = place.name.rpartition("-")[2]
            # One that is larger than a task, one that is much smaller, one that is empty.
            for number, (first, height) in enumerate([(0, rows * 2 // 3), (rows * 2 // 3, 3), (0, 0)]):
                _write(place / f"part-{number}.{ending}", frame_of(rows).slice(first, height))
            _write(place / f"part-9.{ending}", frame_of(rows).slice(rows * 2 // 3 + 3))
        case "packed.csv.gz":
            place.write_bytes(gzip.compress(frame_of(rows).write_csv().encode()))
        case "latin.csv":
            frame = frame_of(rows, is_plain=True).with_columns(pl.col("text").str.replace("text", "déjà"))
            place.write_bytes(frame.write_csv().encode("latin-1"))
        case "old-mac.csv":
            text = frame_of(rows, is_plain=True).write_csv(line_terminator="\r")
            place.write_bytes(text.encode())
        case "posts.dta" | "posts.sav" | "posts.xlsx":
            _write(place, frame_of(rows, is_plain=True))
        case _:
            _write(place, frame_of(rows))
    return place


def _write(place: Path, frame: pl.DataFrame) -> None:
    shape = TableShape(tuple(frame.columns), (), ())
    positional = frame.rename({name: str(at) for at, name in enumerate(frame.columns)})
    with open_writer(place, format_of(place), shape) as writer:
        writer.write(TableChunk(1, positional), pl.DataFrame())


def create_run(
    place: Path, table: Path | Copy, *, provider: str = "openai", dedupe: bool = False
) -> RunDirectory:
    """
    A run that is not built, of a table with a column `text`; what it asks is the same for each form. Of a
    table on object storage its copy is given.
    """
    run = RunDirectory(place)
    question = Question(
        text="text", answer=codebook_document(codebook_from_labels("label", LABELS, "Which?"))
    )
    asking = asking_of(question, Said(max_tokens=20), provider=provider, model="m", dedupe=dedupe, fresh=True)
    source = (
        Source(table)
        if isinstance(table, Path)
        else Source(table.path, origin=table.origin, origin_version=table.version)
    )
    create(run, Plan(source, question, asking, Output(place.with_suffix(".labelled.csv"))))
    return run


def planned_run(
    place: Path,
    table: Path | Copy,
    rows_per_task: int = 9,
    *,
    provider: str = "openai",
    dedupe: bool = False,
    store: str = "",
) -> RunDirectory:
    """A run whose tasks are planned, perhaps at an address on object storage."""
    run = create_run(place, table, provider=provider, dedupe=dedupe)
    make_plan(run, "array", rows_per_task=rows_per_task, store=store)
    return run


def digests(run: RunDirectory) -> list[str]:
    """Of the request files of round 1, by their names."""
    return [f"{path.name} {_digest(path)}" for path in sorted(run.requests.glob("r1-*.jsonl"))]


def requests_of(run: RunDirectory) -> bytes:
    """All request lines of round 1."""
    return b"".join(path.read_bytes() for path in sorted(run.requests.glob("r1-*.jsonl")))


def unfinished(run: RunDirectory) -> list[Path]:
    """Files that nobody finished."""
    return [path for path in run.path.rglob(".*.part") if path.is_file()]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
