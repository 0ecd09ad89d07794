"""`prepare`: the rows of a task become request files. Names and bytes depend on the task alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rowbatch.core.request import RequestLines
from rowbatch.core.shard import ShardCutter
from rowbatch.errors import from_os_error
from rowbatch.objects.stores import Store, open_store
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import RepeatCount
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import RowRequests
from rowbatch.steps.build import output_check, text_columns
from rowbatch.tasks.pieces import TaskTable
from rowbatch.tasks.plan import TaskPlan, read_duplicates, read_task_plan
from rowbatch.tasks.records import find_record, keep_file, keep_record
from rowbatch.tasks.scratch import scratch_file, scratch_place


def prepare(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Write the request files of some rows.

    A file is closed where the next request would not fit, and no file has rows of two tasks: so how large the
    texts of one task are moves no request of another.

    Args:
        task: As the plan has it, with `store`: where the plan lies, and where the files go.
    Returns:
        `id`; `rows`, `skipped`, `duplicates`, `bad_rows` as counted; `first_bad`; `files`, each with `name`,
        `first_row`, `last_row`, `requests`, `bytes`, `sha256`, `tokens` (0 where nobody counts).
    Raises:
        TableError: A row cannot be read.
        TableChanged: The file is not what it was when the work was planned.
        RequestTooLarge: A row makes a request that no file can hold.
        CannotHold: The labelled table would not fit into the format of the output.
        StorageError: No space left.
    """
    store = open_store(task["store"])
    done = find_record(store, task["id"])
    return done if done is not None else _prepared(store, read_task_plan(store), task)


MOST_COMPARED_ROWS = 20_000_000
"""Of a table in which repeated texts are counted: it takes 8 bytes a row, and some times as much memory."""


def hashes_name(task: str) -> str:
    """Under what name a task keeps what stands for its texts, 8 bytes each, see `RepeatCount`."""
    return f"hashes/{task}.u64"


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    skipped: int = 0
    duplicates: int = 0


def task_table(plan: TaskPlan, task: Mapping[str, Any], store: Store) -> TaskTable:
    """The rows of a task."""
    source = plan.plan.source
    return TaskTable(
        source.path, plan.header, task["pieces"], source.reading, store, not_asked=plan.not_asked
    )


def _prepared(store: Store, plan: TaskPlan, task: Mapping[str, Any]) -> dict[str, Any]:
    place = scratch_place(store)
    table = task_table(plan, task, store)
    counter = None if find_provider(plan.plan.asking.provider).is_free else LineTokens()
    counts = _Counts()
    is_compared = not plan.plan.asking.dedupe and plan.rows <= MOST_COMPARED_ROWS
    repeats = RepeatCount(table, *text_columns(plan.plan)) if is_compared else None
    files: list[dict[str, Any]] = []
    current = 0
    try:
        with ExitStack() as last:
            entry: dict[str, Any] = {}
            path, file = Path(), None
            for number, lines, rows in _pieces(store, plan, table, counts, repeats):
                if number != current:
                    if file is not None:
                        file.close()
                        _finish(store, entry, path)
                        last.close()
                    current = number
                    path = last.enter_context(scratch_file(place))
                    file = last.enter_context(path.open("wb", buffering=0))
                    entry = {
                        "name": f"prepare/{task['id']}-{number:04d}.jsonl",
                        "first_row": rows[0],
                        "requests": 0,
                        "tokens": 0,
                    }
                    files.append(entry)
                assert file is not None
                lines.write(file)
                entry["last_row"] = rows[-1]
                entry["requests"] += len(lines)
                if counter is not None:
                    entry["tokens"] += sum(map(counter.count, lines.to_list()))
            if file is not None:
                file.close()
                _finish(store, entry, path)
            if repeats is not None:
                path = last.enter_context(scratch_file(place))
                path.write_bytes(repeats.hashes.to_numpy().astype("<u8").tobytes())
                store.commit(hashes_name(task["id"]), path)
    except OSError as error:
        raise from_os_error(error, str(place)) from error
    record = {
        "id": task["id"],
        "rows": counts.rows,
        "skipped": counts.skipped,
        "duplicates": counts.duplicates,
        "bad_rows": table.bad_rows.count,
        "first_bad": [asdict(bad) for bad in table.bad_rows.first],
        "files": files,
    }
    return keep_record(store, task["id"], record)


def _finish(store: Store, entry: dict[str, Any], path: Path) -> None:
    entry["bytes"], entry["sha256"] = keep_file(store, entry["name"], path)


def _pieces(
    store: Store, plan: TaskPlan, table: TaskTable, counts: _Counts, repeats: RepeatCount | None
) -> Iterator[tuple[int, RequestLines, list[int]]]:
    """Request lines of one file at a time: its number, the lines, and the rows that they are of."""
    asked = plan.plan
    requests = RowRequests(asked.question, asked.asking, table.column, table.path, not_asked=table.not_asked)
    duplicates = read_duplicates(store, plan)
    cutter = ShardCutter(plan.limits)
    fits = output_check(asked, asked.output.path or Path("labelled.csv"), table)
    for chunk in table.chunks(requests.settings.rows_per_chunk()):
        fits.look(chunk)
        if repeats is not None:
            repeats.look(chunk)
        found = requests.of(chunk, duplicates.mask(chunk.first_row, chunk.frame.height))
        counts.rows += chunk.frame.height
        counts.skipped += int(found.blank.sum())
        counts.duplicates += int(found.repeats.sum())
        numbers = found.rows.to_list()
        for cut in cutter.cut(found.lines.sizes.to_list(), numbers):
            yield cut.shard, found.lines.slice(cut.start, cut.stop), numbers[cut.start : cut.stop]
