"""Before a run: what would be sent of a table, and a few rows of it asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from rowbatch.api.hooks import Hooks
from rowbatch.api.runs import Preview, Run, create, open_run, question_of, runs_to_go_on_with, without_column
from rowbatch.api.standing import RUNS_FOLDER
from rowbatch.core.document import Block, Paragraph, Shown, Table, named
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import ReadingKeywords, reading_of
from rowbatch.errors import OutputExists, RowbatchError
from rowbatch.programs.opening import open_table
from rowbatch.steps.trial import TriedRow
from rowbatch.store.copies import copy_of
from rowbatch.store.rundir import RunDirectory, free_run_path, remove_run
from rowbatch.tools.drawn_rows import draw_rows
from rowbatch.words.notice import Notice
from rowbatch.words.printing import dollars

_QUESTION = ("text", "labels", "prompt", "codebook", "variable", "template", "image", "image_folder")


@dataclass(frozen=True, slots=True, repr=False)
class TriedTable(Shown):
    """
    What came of some rows of a table.

    Attributes:
        rows: Those that were drawn, with their numbers in the table.
        columns: What their values are called.
        usd: What was billed; None where nothing was, or the price is not known.
        known: So many of them had been answered before, and were not asked again.
        run: Where the answers are kept; None where nothing was asked.
        of_all: What a run of the whole table will send and cost, by how long these answers were.
        remarks: What the server of the model was seen to ignore or refuse.
    """

    rows: tuple[TriedRow, ...]
    columns: tuple[str, ...]
    usd: Decimal | None
    known: int
    run: Path | None
    of_all: Preview
    remarks: tuple[Notice, ...] = ()

    def as_blocks(self) -> Iterator[Block]:
        yield Table(
            ("row", "text", *self.columns),
            [(f"{row.row:,}", row.text, *self._said(row)) for row in self.rows],
            numbers=(0,),
        )
        yield named(
            {
                "answered before": f"{self.known:,}" if self.known else "",
                "cost": dollars(self.usd) if self.usd else "",
                "kept in": "" if self.run is None else str(self.run),
            }
        )
        yield from (Paragraph(str(remark)) for remark in self.remarks)
        yield Paragraph("All of the table:")
        yield from self.of_all.as_blocks()

    def _said(self, row: TriedRow) -> Sequence[str]:
        """Its values; in the place of the first one why there is none."""
        if row.status is RowStatus.OK:
            return row.values
        return [f"({row.status}: {row.reason})", *[""] * (len(self.columns) - 1)]


class Trial(Shown):
    """
    Rows of a table, drawn at random, that are to be asked. Nothing is sent before `ask`.

    Attributes:
        run: Of these rows alone. What they are answered is kept there, so that a run of the whole table does
            not ask them again.
        numbers: Of the rows, in the table.
    """

    def __init__(self, run: Run, numbers: tuple[int, ...], of_all: Callable[..., Preview]) -> None:
        self.run, self.numbers, self._of_all = run, numbers, of_all

    def as_blocks(self) -> Iterator[Block]:
        yield named(
            {"rows": ", ".join(f"{number:,}" for number in self.numbers), "kept in": str(self.run.path)}
        )
        yield Paragraph("preview() says what they cost, ask() asks them.")

    @property
    def _is_direct(self) -> bool:
        """Whether rows are asked one by one, at once; the model on this computer takes a batch at once."""
        return all(one.can_go_direct for one in (self.run, *self.run.members))

    def preview(self, hooks: Hooks | None = None) -> Preview:
        """What will be sent of these rows, to whom, and what it costs."""
        self.run.build(hooks)
        found = self.run.preview(hooks, direct=self._is_direct)
        # The number that the row has in the table.
        return replace(found, first_row=self.numbers[found.first_row - 1])

    def ask(self, hooks: Hooks | None = None) -> TriedTable:
        """
        Ask them. They cost the full price, once: the same rows are not asked again, by a run neither.

        Args:
            hooks: Told how it goes.
        Raises:
            ServiceError: The provider refused, or cannot be reached. Where nothing was sent, nothing is left.
        """
        built = self.run.build(hooks)
        try:
            report = self.run.resume(hooks, direct=self._is_direct)
        except RowbatchError:
            self.run.discard_untouched()
            raise
        rows = self._rows()
        answered = sum(row.status is RowStatus.OK for row in rows)
        measured = report.answer_tokens / answered if answered and report.answer_tokens else None
        columns = tuple(column.name for _, column in self.run.codebook.in_table())
        remarks = self.run.status(most_states=0).remarks
        is_new = any(_was_sent(one) for one in (self.run, *self.run.members))
        if not is_new:
            # It has nothing that other runs have not; or the cap allowed nothing.
            remove_run(RunDirectory(self.run.path))
        return TriedTable(
            rows=rows,
            columns=columns,
            usd=report.cost_usd if is_new else None,
            known=built.taken_over,
            run=self.run.path if is_new else None,
            of_all=self._of_all(answer_tokens=measured),
            remarks=remarks,
        )

    def _rows(self) -> tuple[TriedRow, ...]:
        added = self.run.plan.output.columns
        values = added[: sum(1 for _ in self.run.codebook.in_table())]
        status, reason, raw, _ = added[-4:]
        asked = self.run.plan.question.asked_columns
        return tuple(
            TriedRow(
                row=number,
                text="\n".join(_cell(row[name]) for name in asked),
                status=RowStatus(row[status]),
                reason=_cell(row[reason]),
                values=tuple(_cell(row[name]) for name in values),
                raw=_cell(row[raw]),
                prompt_tokens=0,
                answer_tokens=0,
            )
            for number, row in zip(self.numbers, self.run.table().iter_rows(named=True), strict=True)
        )


def try_table(table: str | Path, *, count: int = 10, seed: int = 1, **options: Any) -> Trial:
    """
    Draw a few rows of a table, to be asked before all of them are. Nothing is sent yet.

    Args:
        table: A file, a folder, or an address on object storage.
        count: How many; those without a text are never drawn.
        seed: Another one draws other rows.
        options: As of `create`, but for where the run and its labelled table go.
    Raises:
        TableError, CodebookError, UsageError: Something does not fit; nothing was made.
    """
    copy = copy_of(table)
    reading = {name: options[name] for name in ReadingKeywords.__annotations__ if name in options}
    asked = {name: options[name] for name in _QUESTION if name in options}
    read_as = reading_of(cast(ReadingKeywords, reading))
    if asked.get("text") is None and not asked.get("template"):
        raise without_column(copy.path, None, read_as)
    numbers, frame = draw_rows(open_table(copy.path, read_as), question_of(**asked), count, seed)
    # What was said of the file says nothing of these rows.
    others = {name: value for name, value in options.items() if name not in reading}
    run = create(frame, run=free_run_path(Path(RUNS_FOLDER), f"{Path(copy.path).stem}-try"), **others)
    if (begun := _begun(run)) is not None:
        cap = run.policy().max_cost_usd
        run.discard_untouched()
        run = open_run(begun, headers=options.get("headers") or ())
        if cap is not None:
            run.change_policy(max_cost_usd=cap)
    return Trial(run, tuple(numbers), partial(preview_table, table, **options))


_UNREAD = ("running", "over", "downloaded")
"""States in which something was sent, and its answers may not be in a table yet."""


def _begun(run: Run) -> Path | None:
    """A trial of the same rows that was stopped: it may have paid for answers that nobody has read yet."""
    for place in sorted(run.path.parent.glob("*-try*")):
        if place == run.path or not (place / "run.toml").is_file():
            continue
        try:
            plan = RunDirectory(place).plan()
            source = replace(plan.source, path=run.plan.source.path)
            same = replace(plan, source=source, output=run.plan.output).asks_the_same(run.plan)
            if same and Run(place).status(most_states=0, most_events=0).state in _UNREAD:
                return place
        except RowbatchError:
            # Whatever is wrong with it is told where it is opened by name.
            continue
    return None


def preview_table(
    table: str | Path,
    hooks: Hooks | None = None,
    *,
    answer_tokens: float | None = None,
    run: str | Path | None = None,
    **options: Any,
) -> Preview:
    """
    What a run would send of a table, and what it would cost. Nothing is sent, and no run is made.

    Args:
        table: As of `create`.
        hooks: Told how it goes.
        answer_tokens: Of an answer, where they were measured; None means as estimated.
        run: Where the run would lie; None means `rowbatch-runs/<table>`, numbered.
        options: As of `create`.
    Returns:
        The preview; where such a run is there already, `same_run` says which.
    Raises:
        TableError, CodebookError, OutputExists, UsageError: As of `create`.
    """
    there = runs_to_go_on_with(Path(run) if run else None)
    with TemporaryDirectory(prefix="rowbatch-") as folder:

        def made(**more: Any) -> Run:
            return create(table, run=Path(folder) / "run", is_listed=False, **{**options, **more})

        try:
            planned = made()
            same = _same_run(planned, there)
        except OutputExists:
            # That of the very run that goes on is no obstacle.
            planned = made(overwrite=True)
            same = _same_run(planned, there)
            if same is None:
                raise
        return replace(planned.preview(hooks, answer_tokens=answer_tokens), same_run=same)


def _was_sent(run: Run) -> bool:
    """Whether some of a run's own requests went out."""
    now = run.status(most_states=0, most_events=0).progress
    return run.build().requests > 0 and now is not None and now.shards_running + now.shards_over > 0


def _same_run(planned: Run, there: Sequence[RunDirectory]) -> Path | None:
    """The run with which a run of the same plan would go on."""
    return next((one.path for one in there if one.plan().asks_the_same(planned.plan)), None)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
