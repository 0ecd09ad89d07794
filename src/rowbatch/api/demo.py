"""The demo: tweets that people have rated, and a run that labels them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowbatch.core.document import Shown
from rowbatch.errors import OutputExists, from_os_error
from rowbatch.objects.address import require_here
from rowbatch.store.home import cache, private_folder
from rowbatch.store.rundir import (
    free_run_path,
)

if TYPE_CHECKING:
    pass


from rowbatch.api.local import require_provider
from rowbatch.api.runs import Run, create, model_note
from rowbatch.core.agreement import Agreement
from rowbatch.tools.demo_data import fetch_tweets


@dataclass(frozen=True, slots=True, repr=False)
class DemoRun(Shown):
    """
    The demo, ready to be run.

    Attributes:
        run: A new run.
        table: The input.
        rows: How many.
        text, gold, variable: Columns: the text, the people's label, the model's label.
        source, licence: Of the data.
        note: What must be known about the model.
    """

    run: Run
    table: Path
    rows: int
    text: str
    gold: str
    variable: str
    source: str
    licence: str
    note: str

    def agreement(self) -> Agreement:
        """How far the model's labels agree with people's."""
        found = self.run.agreement(self.gold)
        assert isinstance(found, Agreement)
        return found


def prepare_demo(*, rows: int = 200, folder: str | Path | None = None) -> DemoRun:
    """
    Fetch tweets that people have rated, and make a run that labels them with the local model.

    Args:
        rows: How many tweets.
        folder: Where the table, the run and the labelled table go; None means a new `rowbatch-demo`.
    """
    from shutil import copyfile

    require_provider("local")
    place = require_here(Path(folder)) if folder else free_run_path(Path(), "rowbatch-demo")
    data = fetch_tweets(private_folder(cache() / "demo"), rows=rows)
    table = place / "tweets.csv"
    if table.exists():
        raise OutputExists(str(table), hint="give --folder another name")
    try:
        place.mkdir(parents=True, exist_ok=True)
        copyfile(data.path, table)
    except OSError as error:
        raise from_os_error(error, str(table)) from error
    run = create(
        table,
        text=data.text_column,
        codebook=DEMO_CODEBOOK,
        provider="local",
        output=place / "tweets.labelled.csv",
        run=place / "run",
        # It is to show the model at work.
        fresh=True,
    )
    return DemoRun(
        run=run,
        table=table,
        rows=data.rows,
        text=data.text_column,
        gold=data.gold_column,
        variable=run.codebook.variables[0].name,
        source=data.source,
        licence=data.licence,
        note=model_note(run),
    )


DEMO_CODEBOOK: Mapping[str, Any] = {
    "instructions": "You read tweets and say what mood they are in.",
    "variables": [
        {
            "name": "sentiment",
            "question": "What is the sentiment of the tweet?",
            "labels": [
                {"name": "positive", "definition": "The writer is happy, pleased, grateful or hopeful."},
                {"name": "negative", "definition": "The writer is sad, angry, afraid or disappointed."},
                {"name": "neutral", "definition": "No feeling shows, or both kinds in balance."},
            ],
        }
    ],
}
