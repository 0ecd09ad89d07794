"""Who is told how a long verb goes: a program by its hooks, else the person who sits there by a bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.core.document_html import progress_html
from rowbatch.steps.progress import Progress
from rowbatch.store.ledger import Shard
from rowbatch.words.notice import Notice
from rowbatch.words.printing import printable

if TYPE_CHECKING:
    from rich.console import Console

Stage = Literal["build", "submit", "watch", "download", "collect", "distil", "compare"]

_STAGES: dict[Stage, str] = {
    "build": "writing requests",
    "submit": "submitting",
    "watch": "labelling",
    "download": "downloading",
    "collect": "writing the table",
    "distil": "learning and labelling",
    "compare": "comparing answers",
}


@dataclass(slots=True)
class Hooks:
    """
    Functions that are told how a long verb goes; each may be left out.

    Attributes:
        stage: A verb begins.
        rows: Rows read so far, in `build` and `collect`.
        progress: How the batches stand, in `watch`.
        shard: A shard was submitted, or its files came.
        said: Something that a person may want to know; `str` of it is a sentence.
        sleep: Waits so many seconds in the place of `time.sleep`. What it raises ends the verb; nothing is
            lost by that.
    """

    stage: Callable[[Stage], None] | None = None
    rows: Callable[[int], None] | None = None
    progress: Callable[[Progress], None] | None = None
    shard: Callable[[Shard], None] | None = None
    said: Callable[[Notice], None] | None = None
    sleep: Callable[[float], None] | None = None


@contextmanager
def told_how_it_goes(hooks: Hooks | None) -> Iterator[Hooks]:
    """
    Hooks for a long verb.

    Args:
        hooks: Those that the caller gave. None means a bar below the cell in a notebook, a bar on stderr at a
            terminal, and silence where nobody looks: in a script whose output goes elsewhere.
    """
    if hooks is not None:
        yield hooks
        return
    shell = _notebook()
    if shell is not None:
        cell = _Cell(shell)
        try:
            yield Hooks(stage=cell.stage, rows=cell.rows, progress=cell.progress, said=cell.said)
        finally:
            cell.end()
        return
    with terminal_bar() as shown:
        yield shown or Hooks()


@contextmanager
def terminal_bar() -> Iterator[Hooks | None]:
    """A bar on stderr, fed by the hooks that it yields; None where that is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        # What draws bars takes its time to import.
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with _drawn(console) as hooks:
        yield hooks


@contextmanager
def _drawn(console: Console) -> Iterator[Hooks]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=console, transient=True) as display:
        task = display.add_task("", total=None, note="")

        def stage(name: Stage) -> None:
            display.reset(task, description=_STAGES[name], total=None, completed=0, note="")

        def rows(count: int) -> None:
            display.update(task, completed=count, note="rows")

        def progress(now: Progress) -> None:
            display.update(task, completed=now.done, total=now.requests, note=_note(now))

        def shard(_: object) -> None:
            display.refresh()

        def said(notice: object) -> None:
            console.print(printable(str(notice)), markup=False, highlight=False)

        yield Hooks(stage=stage, rows=rows, progress=progress, shard=shard, said=said)


def _note(now: Progress) -> str:
    notes = [f"round {now.rounds}"] if now.rounds > 1 else []
    notes += [f"{now.failed:,} without a usable answer"] if now.failed else []
    return ", ".join(notes)


def _notebook() -> Any:
    """The shell of the notebook that this process works for; None of any other process."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


class _Cell:
    """
    What stands below the cell of a notebook while a verb goes on, and one line when it is over.

    It is shown anew for each hundredth that was done, not for each row: all that is shown is kept in the
    notebook's messages.
    """

    def __init__(self, shell: Any) -> None:
        self._publish = shell.display_pub.publish
        self._id = f"rowbatch-{id(self):x}"
        self._is_there = False
        self._shown: tuple[object, ...] = ()
        self._stage = ""
        self._told = self._counted = ""
        self._notes: list[str] = []

    def stage(self, name: Stage) -> None:
        self._stage, self._counted = _STAGES[name], ""
        self._show(self._stage)

    def rows(self, count: int) -> None:
        self._counted = f"{self._stage}: {count:,} rows"
        self._show(self._counted)

    def progress(self, now: Progress) -> None:
        note = _note(now)
        self._told = f"{now.done:,} of {now.requests:,} rows answered{f', {note}' if note else ''}"
        self._show(f"{self._stage}: {self._told}", now.done, now.requests)

    def said(self, notice: Notice) -> None:
        self._notes.append(str(notice))
        self._show(self._stage)

    def end(self) -> None:
        """Leave what came of it."""
        if self._is_there:
            self._show(self._told or self._counted or self._stage)

    def _show(self, told: str, done: int = 0, of: int = 0) -> None:
        seen = (len(self._notes), done * 100 // of if of else told)
        if seen == self._shown:
            return
        self._shown = seen
        text = "\n".join([told, *self._notes])
        self._publish(
            data={
                "text/plain": printable(text, lines=True),
                "text/html": progress_html(told, self._notes, done, of),
            },
            metadata={},
            transient={"display_id": self._id},
            update=self._is_there,
        )
        self._is_there = True
