"""
What an assistant is told. All of it goes to whoever runs the assistant's model, so no cell of a table is in
it unless a person said so: names of columns, counts, prices and states are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rowbatch import api, desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.words.notice import Notice
from rowbatch.words.telling import tell

MOST_ROWS = 50
"""Of a table, at once."""
_MOST_CHARS = 2_000
# A file without a header has its first row in the place of names, and that may be anything.
_LONGEST_NAME = 60
_NAMES_NOT_TOLD = (
    "not told: nothing shows that the first line has names, and it may be a row; the person knows which it is"
)
_CODEBOOKS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Answers:
    """
    The answers to what an assistant asks.

    Attributes:
        folder: Files are looked at in here, and nowhere else.
        allow_rows: Whether it may see cells.
    """

    folder: Path
    allow_rows: bool = False

    def runs(self) -> list[dict[str, Any]]:
        """Every run of this computer, oldest first."""
        return [_short(one) for one in api.list_runs(most_states=0, most_events=0)]

    def status(self, run: str) -> dict[str, Any]:
        """How a run stands."""
        found = api.find_status(self._known(run), most_states=0, most_events=0)
        progress = found.progress
        return {
            **_short(found),
            "table": found.table,
            "output": None if found.output is None else str(found.output),
            "rows": None if found.built is None else found.built.rows,
            "rows_by_status": {str(status): count for status, count in found.statuses.items()},
            "batches": None
            if progress is None
            else {
                "not_sent": progress.shards_unsent,
                "running": progress.shards_running,
                "over": progress.shards_over,
            },
            "waits_for": [] if progress is None else [self._in_words(one) for one in progress.waiting],
            "warning": found.warning,
        }

    def table(self, path: str) -> dict[str, Any]:
        """What a table is: its columns and how many rows it has."""
        found = api.look_at_table(self._table(path))
        # The title of a letter is one column, too; a table of one column has another ending.
        is_text = found.is_running_text or (len(found.columns) == 1 and found.path.suffix.lower() == ".txt")
        if is_text and not self.allow_rows:
            raise UsageError("mcp-running-text", path=path)
        is_told = found.names_are_sure or self.allow_rows
        return {
            "format": found.format,
            "rows": found.rows,
            "columns": [
                _name(one) if is_told else f"(column {number:,})"
                for number, one in enumerate(found.columns, start=1)
            ],
            "names": "as they stand" if is_told else _NAMES_NOT_TOLD,
            "broken_rows": found.bad_rows,
            "encoding_guessed": found.encoding_guessed,
        }

    def codebook(self, path: str) -> dict[str, Any]:
        """What is asked of each row, and whether that is understood."""
        place = self._codebook(path)
        found = api.check_codebook(place)
        return {
            "variables": [{"name": one.name, "kind": one.kind} for one in found.variables],
            "instructions": found.instructions,
            "answer_schema": found.schema,
            "left_out": [str(one) for one in found.left_out],
        }

    def estimate(
        self,
        table: str,
        text: str,
        *,
        provider: str,
        model: str | None,
        codebook: str | None,
        labels: list[str] | None,
        prompt: str | None,
    ) -> dict[str, Any]:
        """What it would cost. Requests are written to a folder that is gone afterwards; nothing is sent."""
        with TemporaryDirectory(prefix="rowbatch-") as folder:
            made = api.create(
                self._table(table),
                text=text,
                provider=provider,
                model=model,
                codebook=None if codebook is None else self._codebook(codebook),
                labels=labels or None,
                prompt=prompt,
                run=Path(folder) / "run",
                is_listed=False,
            )
            found = made.preview()
        cost = found.cost
        return {
            "rows": found.built.rows,
            "to_ask": found.requests,
            "without_a_text": found.built.skipped,
            "answered_by_earlier_runs": found.built.taken_over,
            "model": found.model,
            "texts_go_to": found.destination,
            "is_free": cost.is_free,
            "low_usd": _usd(cost.low_usd),
            "likely_usd": _usd(cost.likely_usd),
            "high_usd": _usd(cost.high_usd),
            "prompt_tokens": [cost.prompt_tokens_low, cost.prompt_tokens_high],
            "answer_tokens": [cost.answer_tokens_low, cost.answer_tokens_likely],
            "notes": [str(one) for one in found.notes],
        }

    def rows(self, run: str, first: int, count: int) -> dict[str, Any]:
        """Rows of a labelled table, their texts included."""
        if not self.allow_rows:
            raise UsageError("mcp-rows-not-allowed")
        found = api.find_status(self._known(run), most_states=0, most_events=0)
        if found.state != "collected":
            raise UsageError("mcp-not-labelled", run=run)
        frame = api.open_run(found.path).table()
        cut = frame.slice(max(first - 1, 0), min(max(count, 1), MOST_ROWS))
        return {
            "rows_in_all": frame.height,
            "first": first,
            "rows": [{name: _cut(value) for name, value in row.items()} for row in cut.iter_rows(named=True)],
            "note": "These texts are now with the provider of the model that reads this.",
        }

    def told(self, error: RowbatchError, asked: Mapping[str, Any]) -> str:
        """
        What went wrong, in words. Words that the question did not have itself may be a cell's.

        Args:
            error: What was raised.
            asked: The question.
        """
        if self.allow_rows:
            return f"{error.message}. {error.hint}".removesuffix(" ")
        said = " ".join(str(one) for one in asked.values())
        here = f"{self.folder}{os.sep}"
        values = {name: _harmless(value, said, here) for name, value in error.values.items()}
        return tell(error.kind, values, "terminal").message

    def _in_words(self, notice: Notice) -> str:
        """What is told, without the words of a provider, which may quote what it was sent."""
        values = {
            name: _harmless(value, "", f"{self.folder}{os.sep}") for name, value in notice.values.items()
        }
        return tell(notice.kind, values, "terminal").message

    def _inside(self, path: str) -> Path:
        if api.as_address(path):
            raise UsageError("mcp-outside-folder", path=path, folder=str(self.folder))
        if "\0" in path:
            raise UsageError("mcp-no-table", path=path.replace("\0", "?"))
        place = (self.folder / path).resolve()
        if not place.is_relative_to(self.folder.resolve()):
            raise UsageError("mcp-outside-folder", path=path, folder=str(self.folder))
        return place

    def _table(self, path: str) -> Path:
        place = self._inside(path)
        within = place.relative_to(self.folder.resolve())
        is_hidden = any(part.startswith(".") for part in within.parts)
        # Whatever is no table is read as CSV, and the first line of `.env` would be a name of a column.
        if is_hidden or (place.is_file() and not desk.known_ending(place.name)):
            raise UsageError("mcp-no-table", path=path)
        return place

    def _codebook(self, path: str) -> Path:
        place = self._inside(path)
        # Of any other file each line, or each cell, may be taken for a label, and told as one.
        if not self.allow_rows and place.suffix.lower() not in _CODEBOOKS:
            raise UsageError("mcp-codebook-not-yaml", path=path)
        return place

    def _known(self, run: str) -> Path:
        known = [one.path for one in api.list_runs(most_states=0, most_events=0)]
        found = [one for one in known if run in (one.name, str(one))]
        if len(found) > 1:
            raise UsageError("runs-of-one-name", count=len(found), name=run, paths=[*map(str, found)])
        if not found:
            raise UsageError("mcp-no-such-run", run=run)
        return found[0]


def _short(found: api.Status) -> dict[str, Any]:
    return {
        "run": found.path.name,
        "path": str(found.path),
        "state": found.state,
        "made": found.created_at,
        "provider": found.provider,
        "model": found.model,
        "labelled": found.labelled,
        "to_label": found.to_label,
        "spent_usd": _usd(found.spent_usd),
    }


def _usd(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _name(column: str) -> str:
    if api.looks_like_key(column):
        return "(a name that looks like a key)"
    return column if len(column) <= _LONGEST_NAME else f"(a name of {len(column):,} characters)"


def _cut(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"


def _harmless(value: object, said: str, here: str) -> object:
    """A value of an error that may be told: a number, or what the question said itself."""
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, str):
        own = value.removeprefix(here)
        return own if own in said or value == here.rstrip(os.sep) else "…"
    if isinstance(value, list | tuple):
        return [_harmless(one, said, here) for one in value]
    return "…"
