"""The tools, each usable alone: tables to batch files, batch files looked at, result files to tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from rowbatch.core.endpoint import find_endpoint
from rowbatch.core.plan import ROW_PREFIX, Asking, Question, Source
from rowbatch.core.policy import Policy
from rowbatch.core.table_options import ReadingKeywords, ReadOptions, WriteOptions, reading_of
from rowbatch.errors import UsageError, from_os_error
from rowbatch.kernels.machine import may_run
from rowbatch.objects.address import as_address
from rowbatch.requests.asking import Said, asking_for_model
from rowbatch.store.copies import is_same_object, local_path, output_path, require_outside, told_by_address

if TYPE_CHECKING:
    from rowbatch.core.result_columns import Extra
    from rowbatch.core.table_options import ReadOptions, WriteOptions
    from rowbatch.results.extract_report import ExtractReport
    from rowbatch.tools.check import CheckReport
    from rowbatch.tools.convert import ConvertReport
    from rowbatch.tools.estimate import Estimate

from rowbatch.api import model_list as _models  # noqa: F401 - the user's own prices are known from here on
from rowbatch.api.parts import part_limits
from rowbatch.providers.catalog import find_provider

LineKind = Literal["requests", "results", "document", "other", "unknown"]

_MOST_LABELS = 30
_SAMPLE_ROWS = 200
_SAMPLE_LINES = 20
_LINE_BYTES = 16 << 20
_CSV = re.compile(r"\.(?:csv|tsv)(?:\.\w+)?\Z", re.IGNORECASE)
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class RequestOptions(ReadingKeywords, total=False):
    """
    How a table becomes requests that no run keeps.

    Attributes:
        model: Which model the requests are for.
        text: Column that is the user message.
        template: The user message with `{{column}}`; instead of `text`.
        system: The system message, may have `{{column}}`.
        endpoint: `chat`, `responses` or `embeddings`.
        max_tokens, temperature: Of each request; None leaves a parameter out.
        parameters: Any others, as the endpoint names them.
        image: Column with an image beside the text.
        image_folder: Where the files lie that it names; None means that it holds addresses of the web.
        dedupe: Ask rows that ask the same once.
        id_prefix: Before the row number; must not end in a digit.
        id_column: Ids are the values of this column instead, or what a template with `{{column}}` makes.
        skip_empty: Leave rows with an empty text out.
        encoding, delimiter, sheet, on_bad_rows, header, skip_rows, quote, escape, rows, program: How the
            table is read, see `ReadOptions`.
    """

    model: str | None
    text: str | None
    template: str | None
    system: str | None
    endpoint: str | None
    max_tokens: int | None
    temperature: float | None
    parameters: Mapping[str, Any] | None
    image: str | None
    image_folder: str | Path | None
    dedupe: bool
    id_prefix: str
    id_column: str | None
    skip_empty: bool


@told_by_address()
def convert(
    table: str | Path,
    output: str | Path,
    *,
    max_requests: int | None = None,
    max_bytes: int | None = None,
    max_prompt_tokens: int | None = None,
    limits: str | None = None,
    overwrite: bool = False,
    **requests: Unpack[RequestOptions],
) -> ConvertReport:
    """A table becomes a Batch JSONL file; see `rowbatch.tools.convert.convert`."""
    from rowbatch.tools import convert as convert_tool

    if is_same_object(output, table):
        raise UsageError("table-would-be-its-requests", path=str(as_address(table)))
    require_outside(output, table)
    with output_path(output, overwrite=overwrite) as out:
        source, question, asking = planned(table, requests)
        report = convert_tool.convert(
            source,
            question,
            asking,
            out,
            id_column=requests.get("id_column"),
            skip_empty=requests.get("skip_empty", False),
            limits=part_limits(limits, max_requests, max_bytes, max_prompt_tokens),
            overwrite=overwrite,
        )
    if out == Path(output):
        return report
    beside = Path(output).with_name(report.duplicates_path.name)
    return replace(report, out=Path(output), duplicates_path=beside)


def planned(table: str | Path, requests: RequestOptions) -> tuple[Source, Question, Asking]:
    """
    What a batch file of a table asks.

    Raises:
        UsageError: Its parts do not fit together.
    """
    text, template = requests.get("text"), requests.get("template")
    if (text is None) == (template is None):
        raise UsageError("text-and-template" if text else "message-missing")
    folder = requests.get("image_folder")
    question = Question(
        text=text or "",
        template=template or "",
        system=requests.get("system") or "",
        image=requests.get("image") or "",
        image_folder=Path(folder) if folder else None,
    )
    said = Said(requests.get("temperature"), requests.get("max_tokens"), requests.get("parameters") or {})
    asking = asking_for_model(
        said,
        model=requests.get("model") or "",
        endpoint=find_endpoint(requests.get("endpoint") or "chat"),
        dedupe=requests.get("dedupe", False),
        id_prefix=requests.get("id_prefix", ROW_PREFIX),
    )
    return Source(local_path(table), reading=reading_of(requests, RequestOptions)), question, asking


@told_by_address()
def estimate(
    source: str | Path | Sequence[str | Path],
    *,
    provider: str = "openai",
    every: int = 1,
    answer_tokens: int | None = None,
    tier: int | None = None,
    queue_tokens: int | None = None,
    creations_per_hour: int | None = None,
    storage_bytes: int | None = None,
    free_inputs: bool = False,
    **requests: Unpack[RequestOptions],
) -> Estimate:
    """
    Estimate tokens, shards and price, before anything is sent.

    Args:
        source: Batch files (JSONL) of requests in the form of any provider, with `model` where their lines
            don't say it; or a table, with `model` and `text` or `template`.
        provider: Whose limits and prices.
        every: Count the tokens of each so-many-th request only.
        answer_tokens: What an answer has, where it was measured.
        tier, queue_tokens, creations_per_hour, storage_bytes, free_inputs: What you know of your limits at
            the provider, as in `Policy`; for `schedule`.
        requests: How a table becomes requests, as `convert` takes it.
    """
    from rowbatch.tools import estimate as estimate_tool
    from rowbatch.tools.convert import table_requests

    chosen = find_provider(provider)
    policy = Policy(
        tier=tier,
        queue_tokens=queue_tokens,
        creations_per_hour=creations_per_hour,
        storage_bytes=storage_bytes,
        free_inputs=free_inputs,
    )
    paths = [local_path(path) for path in ([source] if isinstance(source, str | Path) else source)]
    if not requests.get("text") and not requests.get("template"):
        return estimate_tool.estimate_files(
            paths,
            chosen,
            model=requests.get("model") or "",
            every=every,
            answer_tokens=answer_tokens,
            policy=policy,
        )
    if len(paths) != 1 or not requests.get("model"):
        raise UsageError("estimate-without-model")
    table = table_requests(
        *planned(paths[0], requests),
        skip_empty=requests.get("skip_empty", False),
        id_column=requests.get("id_column"),
    )
    found = estimate_tool.estimate_lines(
        estimate_tool.table_lines(table), chosen, every=every, answer_tokens=answer_tokens, policy=policy
    )
    if found is None:
        raise UsageError("no-row-has-text", rows=table.counts.rows)
    return replace(found, notes=table.table.told())


def first_request(table: str | Path, **requests: Unpack[RequestOptions]) -> str:
    """
    The first line that `convert` would write.

    Args:
        table: The table.
        requests: As for `convert`.
    Raises:
        UsageError: No row has a text.
    """
    from rowbatch.tools.convert import table_requests

    found = table_requests(
        *planned(table, requests),
        skip_empty=requests.get("skip_empty", False),
        id_column=requests.get("id_column"),
    )
    for chunk in found.chunks():
        if len(chunk.lines):
            return chunk.lines.slice(0, 1).to_list()[0].decode()
    raise UsageError("no-row-has-text", rows=found.counts.rows)


def header_of(table: str | Path, reading: ReadOptions | None = None) -> tuple[str, ...]:
    """Names of the columns of a table."""
    from rowbatch.programs.opening import open_table

    return open_table(local_path(table), reading).header


def likely_text_column(table: str | Path, reading: ReadOptions | None = None) -> str:
    """
    Name of the column that looks most like texts in the first rows, see `tables.text_column`; "" for none.

    Raises:
        TableError: The table is broken there, or has no rows.
    """
    from rowbatch.programs.opening import open_table
    from rowbatch.tables.text_column import likely_text_column as guess

    opened = open_table(local_path(table), reading)
    first = next(opened.chunks(_SAMPLE_ROWS), None)
    position = guess(opened.header, first.frame) if first is not None else None
    return "" if position is None else opened.header[position]


def coded_columns(table: str | Path, reading: ReadOptions | None = None) -> list[str]:
    """
    Names of the columns whose first rows look like labels: few different values, of which two columns at
    least have some in common. Those of the largest such family, in the order of the table.

    Raises:
        TableError: The table is broken there.
    """
    from rowbatch.programs.opening import open_table

    opened = open_table(local_path(table), reading)
    frame = next(iter(opened.chunks(_SAMPLE_ROWS)), None)
    if frame is None:
        return []
    values = {}
    for position, name in enumerate(opened.header):
        cells = frame.frame[str(position)]
        said = set(cells.unique().to_list()) - {"", None}
        if 1 <= len(said) <= max(2, min(_MOST_LABELS, frame.frame.height // 2)):
            values[name] = said
    families = [[other for other, theirs in values.items() if theirs & own] for own in values.values()]
    best = max(families, key=len, default=[])
    return best if len(best) > 1 else []


def kind_of_lines(file: str | Path) -> LineKind:
    """
    What the first lines of a file look like, so that a wrong file is told before anything is made of it.

    Args:
        file: A file of any kind.
    Returns:
        `document` where it is one JSON document; `requests` or `results` by the first line that is either, so
        a few broken ones before it do no harm; `other` where none of the first ones is; `unknown` where that
        cannot be seen: the file is empty or compressed, a line is too long to look at, or it has a custom_id
        and nothing else that is known.
    """
    from rowbatch.tools.json_document import is_document

    looked_at = 0
    try:
        with Path(file).open("rb") as lines:
            if lines.read(4).startswith(_COMPRESSED):
                return "unknown"
            # The last line of a list over many lines looks like a request.
            if is_document(Path(file)):
                return "document"
            lines.seek(0)
            while looked_at < _SAMPLE_LINES and (line := lines.readline(_LINE_BYTES)):
                line = line.removeprefix(b"\xef\xbb\xbf").strip()
                if not line:
                    continue
                looked_at += 1
                kind = _kind_of(line)
                if kind != "other":
                    return kind
    except OSError as error:
        raise from_os_error(error, str(file)) from error
    return "other" if looked_at else "unknown"


def _kind_of(line: bytes) -> LineKind:
    if line.startswith(b"{") and len(line) > _LINE_BYTES - 8:
        # Its end was not read.
        return "unknown"
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return "other"
    # Gemini has `key` and `request`, Anthropic `params`.
    if not isinstance(found, dict) or not found.keys() & {"custom_id", "key"}:
        # Gemini's key may be left out.
        is_asked = isinstance(found, dict) and isinstance(found.get("request"), dict)
        return "requests" if is_asked and "contents" in found["request"] else "other"
    if found.keys() & {"response", "error", "result"}:
        return "results"
    if found.keys() & {"body", "params", "request"}:
        return "requests"
    return "unknown" if "custom_id" in found else "other"


@told_by_address()
def check(
    files: Sequence[str | Path],
    *,
    provider: str = "openai",
    fix: str | Path | None = None,
    count_tokens: bool = True,
    overwrite: bool = False,
) -> CheckReport:
    """Look at batch files before money is spent; see `rowbatch.tools.check.check`."""
    from rowbatch.tools import check as check_step

    report = check_step.check(
        [local_path(file) for file in files],
        find_provider(provider),
        fix=Path(fix) if fix else None,
        count_tokens=count_tokens,
        overwrite=overwrite,
    )
    named = zip(report.files, files, strict=True)
    return replace(report, files=tuple(replace(found, path=Path(file)) for found, file in named))


@told_by_address()
def extract(
    results: Sequence[str | Path],
    output: str | Path,
    *,
    join: str | Path | None = None,
    id_column: str | None = None,
    several: Literal["rows", "columns"] | None = None,
    first_number: Literal[0, 1] | None = None,
    duplicates: str | Path | None = None,
    extras: Sequence[Extra] = (),
    as_json: bool = False,
    unpack: bool = False,
    unpack_id: str | None = None,
    unpack_list: str | None = None,
    errors: str | Path | None = None,
    requests: Sequence[str | Path] = (),
    unanswered: str | Path | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> ExtractReport:
    """Result files become a table; see `rowbatch.tools.extract.extract`."""
    for source in (*results, *requests, *([join] if join else [])):
        if is_same_object(output, source):
            raise UsageError("file-would-be-its-answers", path=str(as_address(source)))
    if join:
        require_outside(output, join)
    from rowbatch.results.workers import ResultWorkers

    paths = [local_path(result) for result in results]
    if unanswered and not requests:
        raise UsageError("unanswered-without-requests")
    # Machine code needs no further processes; where it is not for these answers after all, they start later.
    is_text = all(path and _CSV.search(str(path)) for path in (join, output))
    is_usual = not (id_column or several or duplicates or errors or unpack or unpack_id or unpack_list)
    starting = nullcontext(None) if is_text and is_usual and may_run() else ResultWorkers(paths)
    with output_path(output, overwrite=overwrite) as out, starting as workers:
        # They start while this is imported.
        from rowbatch.results.pile import Unpacking
        from rowbatch.tools import extract as extract_step

        asked: Requests | None = None
        if requests:
            from rowbatch.tools.compare import Requests

            sent = [local_path(request) for request in requests]
            asked = Requests(sent, Path(unanswered) if unanswered else None, overwrite)

        report = extract_step.extract(
            paths,
            out,
            join=local_path(join) if join else None,
            id_column=id_column,
            several=several,
            first_number=first_number,
            duplicates=Path(duplicates) if duplicates else None,
            extras=extras,
            as_json=as_json,
            unpacking=Unpacking(unpack_id, unpack_list) if unpack or unpack_id or unpack_list else None,
            errors=Path(errors) if errors else None,
            requests=asked,
            writing=writing,
            reading=reading_of(reading),
            overwrite=overwrite,
            workers=workers,
        )
    return report if out == Path(output) else replace(report, out=Path(output))
