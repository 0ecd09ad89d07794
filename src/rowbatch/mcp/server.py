"""The server itself: what an assistant is offered. On stdout there is the protocol, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

import rowbatch
from rowbatch.errors import RowbatchError
from rowbatch.mcp.answers import MOST_ROWS, Answers

_ABOUT = """\
rowbatch labels the rows of a table with a language model. Here you can look at tables, codebooks, prices and
runs. Nothing here sends, changes or spends anything: to start a run, tell the person which command to type.
Money is in US dollars. A file is named by its path in the folder that this server was started for.
"""
_NO_ROWS = """\
Cells of tables are not shown, since they would go to the provider of your model: a person can allow it.
"""
_ROWS = """\
The person lets you see rows. Ask for as few as will do: their texts go to the provider of your model.
"""

_Found = TypeVar("_Found")
_Run = Annotated[str, Field(description="Name of the run, or its path, as list_runs has them.")]
_Path = Annotated[str, Field(description="Path of the file, in the folder of this server.")]


def serve(folder: Path, *, allow_rows: bool = False) -> None:
    """
    Answer one assistant on stdin and stdout, until it goes.

    Args:
        folder: Files are looked at in here.
        allow_rows: Whether it may see cells of tables.
    """
    make_server(Answers(folder.resolve(), allow_rows)).run("stdio")


def make_server(answers: Answers) -> MCPServer[Any]:
    """The server with its tools; `rows` is one of them where rows are allowed."""
    server: MCPServer[Any] = MCPServer(
        "rowbatch",
        title="rowbatch",
        version=rowbatch.__version__,
        instructions=_ABOUT + (_ROWS if answers.allow_rows else _NO_ROWS),
        log_level="WARNING",
    )
    looks = server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    # Tools are called in threads, and what reads a table may be asked by one at a time.
    one_at_a_time = threading.Lock()

    def answer(asked: dict[str, Any], found: Callable[[], _Found]) -> _Found:
        try:
            with one_at_a_time:
                return found()
        except RowbatchError as error:
            raise ToolError(answers.told(error, asked)) from None

    @looks
    def list_runs() -> dict[str, Any]:
        """List every run of this computer, oldest first, with its state and how many rows are labelled."""
        return answer({}, lambda: {"runs": answers.runs()})

    @looks
    def run_status(run: _Run) -> dict[str, Any]:
        """Say how a run stands: rows by status, batches, money spent, what it waits for."""
        return answer({"run": run}, lambda: answers.status(run))

    @looks
    def check_table(path: _Path) -> dict[str, Any]:
        """Say what a table is: its format, columns, and rows. Cells are not shown."""
        return answer({"path": path}, lambda: answers.table(path))

    @looks
    def check_codebook(path: _Path) -> dict[str, Any]:
        """Check a codebook in YAML: its variables, what the model reads, and what is wrong with it."""
        return answer({"path": path}, lambda: answers.codebook(path))

    @looks
    def estimate_cost(
        table: _Path,
        *,
        text: Annotated[str, Field(description="Column with the texts.")],
        provider: Annotated[str, Field(description="openai, anthropic, gemini, mistral, … or local.")],
        model: Annotated[str | None, Field(description="As the provider names it.")] = None,
        codebook: Annotated[str | None, Field(description="Path of a codebook in YAML.")] = None,
        labels: Annotated[
            list[str] | None, Field(description="Allowed labels, instead of a codebook.")
        ] = None,
        prompt: Annotated[str | None, Field(description="The question, beside labels or alone.")] = None,
    ) -> dict[str, Any]:
        """Estimate what labelling a table would cost, and say where its texts would go. Nothing is sent."""
        asked = {
            "table": table,
            "text": text,
            "provider": provider,
            "model": model,
            "codebook": codebook,
            "labels": labels,
        }
        return answer(
            asked,
            lambda: answers.estimate(
                table,
                text,
                provider=provider,
                model=model,
                codebook=codebook,
                labels=labels,
                prompt=prompt,
            ),
        )

    if answers.allow_rows:

        @looks
        def labelled_rows(
            run: _Run,
            first: Annotated[int, Field(ge=1, description="Number of the first row.")] = 1,
            count: Annotated[int, Field(ge=1, le=MOST_ROWS, description="How many rows.")] = 10,
        ) -> dict[str, Any]:
            """Show rows of a labelled table, with their texts. These go to the provider of your model."""
            return answer({"run": run}, lambda: answers.rows(run, first, count))

    return server
