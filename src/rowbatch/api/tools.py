"""The tools, each usable alone: tables to batch files, batch files looked at, result files to tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.errors import UsageError, from_os_error
from rowbatch.results.workers import ResultWorkers

if TYPE_CHECKING:
    from rowbatch.core.result_columns import Extra
    from rowbatch.results.extract_report import ExtractReport
    from rowbatch.tables.base import BadRows, ReadOptions
    from rowbatch.tables.writer import WriteOptions
    from rowbatch.tools.check import CheckReport
    from rowbatch.tools.convert import ConvertReport
    from rowbatch.tools.estimate import Estimate

from rowbatch.api import model_list as _models  # noqa: F401 - the user's own prices are known from here on
from rowbatch.api.parts import part_limits

LineKind = Literal["requests", "results", "other", "unknown"]

_SAMPLE_ROWS = 200
_SAMPLE_LINES = 20
_LINE_BYTES = 16 << 20
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


def convert(
    table: str | Path,
    output: str | Path,
    *,
    model: str,
    text: str | None = None,
    template: str | None = None,
    system: str | None = None,
    endpoint: str = "chat",
    max_tokens: int | None = None,
    temperature: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    image: str | None = None,
    image_folder: str | Path | None = None,
    dedupe: bool = False,
    id_prefix: str = "row-",
    skip_empty: bool = False,
    max_requests: int | None = None,
    max_bytes: int | None = None,
    max_prompt_tokens: int | None = None,
    limits: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    on_bad_rows: BadRows = "stop",
    overwrite: bool = False,
) -> ConvertReport:
    """A table becomes a Batch JSONL file; see `rowbatch.tools.convert.convert`."""
    from rowbatch.core.endpoint import find_endpoint
    from rowbatch.tables.base import ReadOptions
    from rowbatch.tools import convert as convert_step

    return convert_step.convert(
        Path(table),
        Path(output),
        text=text,
        template=template,
        system=system,
        model=model,
        endpoint=find_endpoint(endpoint),
        max_tokens=max_tokens,
        temperature=temperature,
        parameters=parameters,
        image=image,
        image_folder=Path(image_folder) if image_folder else None,
        dedupe=dedupe,
        id_prefix=id_prefix,
        skip_empty=skip_empty,
        limits=part_limits(limits, max_requests, max_bytes, max_prompt_tokens),
        reading=ReadOptions(encoding, delimiter, sheet, on_bad_rows),
        overwrite=overwrite,
    )


def estimate(
    source: str | Path | Sequence[str | Path],
    *,
    provider: str = "openai",
    every: int = 1,
    answer_tokens: int | None = None,
    **requests: Any,
) -> Estimate:
    """
    Estimate tokens, shards and price, before anything is sent.

    Args:
        source: Batch files (JSONL) of requests; or a table, with `model` and `text` or `template`.
        provider: Whose limits and prices.
        every: Count the tokens of each so-many-th request only.
        answer_tokens: What an answer has, where it was measured.
        requests: How a table becomes requests, as `convert` takes it.
    """
    from rowbatch.core.endpoint import find_endpoint
    from rowbatch.providers.catalog import find_provider
    from rowbatch.tables.base import ReadOptions
    from rowbatch.tools import convert as convert_step
    from rowbatch.tools import estimate as estimate_step

    chosen = find_provider(provider)
    paths = [Path(path) for path in ([source] if isinstance(source, str | Path) else source)]
    if not requests.get("text") and not requests.get("template"):
        return estimate_step.estimate_files(paths, chosen, every=every, answer_tokens=answer_tokens)
    if len(paths) != 1 or not requests.get("model"):
        raise UsageError(
            "a table is estimated by itself, and for a model", hint="give one table and --model NAME"
        )
    requests["endpoint"] = find_endpoint(requests.get("endpoint") or "chat")
    reading = ReadOptions(
        requests.pop("encoding", None),
        requests.pop("delimiter", None),
        requests.pop("sheet", None),
        requests.pop("on_bad_rows", "stop"),
    )
    table = convert_step.TableRequests(paths[0], reading=reading, **requests)
    found = estimate_step.estimate_lines(
        estimate_step.table_lines(table), chosen, every=every, answer_tokens=answer_tokens
    )
    if found is None:
        raise UsageError("no row has a text, so there is nothing to ask", hint="is --text the right column?")
    return found


def first_request(table: str | Path, *, reading: ReadOptions | None = None, **requests: Any) -> str:
    """
    The first line that `convert` would write.

    Args:
        table: The table.
        reading: How to read it.
        requests: As for `convert`: model, text, template, system, endpoint, max_tokens, temperature, …
    Raises:
        UsageError: No row has a text.
    """
    from rowbatch.core.endpoint import find_endpoint
    from rowbatch.tools import convert as convert_step

    requests["endpoint"] = find_endpoint(requests.get("endpoint") or "chat")
    for lines in convert_step.TableRequests(Path(table), reading=reading, **requests).chunks():
        if len(lines):
            return lines.slice(0, 1).to_list()[0].decode()
    raise UsageError("no row has a text, so there is nothing to ask", hint="is it the right column?")


def header_of(table: str | Path, reading: ReadOptions | None = None) -> tuple[str, ...]:
    """Names of the columns of a table."""
    from rowbatch.tables.formats import open_table

    return open_table(Path(table), reading).header


def likely_text_column(table: str | Path, reading: ReadOptions | None = None) -> str:
    """
    Name of the column that looks most like texts: the one with the longest cells in the first rows.

    Raises:
        TableError: The table is broken there, or has no rows.
    """
    from rowbatch.tables.formats import open_table

    opened = open_table(Path(table), reading)
    columns = next(opened.chunks(_SAMPLE_ROWS)).frame.get_columns()
    # A name that stands twice names no column.
    chars = {
        name: int(cells.str.len_chars().sum() or 0)
        for name, cells in zip(opened.header, columns, strict=True)
        if opened.header.count(name) == 1
    }
    return max(chars, key=chars.__getitem__, default="")


def kind_of_lines(file: str | Path) -> LineKind:
    """
    What the first lines of a file look like, so that a wrong file is told before anything is made of it.

    Args:
        file: A file of any kind.
    Returns:
        `requests` or `results` by the first line that is either, so a few broken ones before it do no harm;
        `other` where none of the first ones is; `unknown` where that cannot be seen: the file is empty or
        compressed, a line is too long to look at, or it has a custom_id and nothing else that is known.
    """
    looked_at = 0
    try:
        with Path(file).open("rb") as lines:
            if lines.read(4).startswith(_COMPRESSED):
                return "unknown"
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
        return "other"
    if found.keys() & {"response", "error", "result"}:
        return "results"
    if found.keys() & {"body", "params", "request"}:
        return "requests"
    return "unknown" if "custom_id" in found else "other"


def check(
    files: Sequence[str | Path],
    *,
    provider: str = "openai",
    fix: str | Path | None = None,
    count_tokens: bool = True,
    overwrite: bool = False,
) -> CheckReport:
    """Look at batch files before money is spent; see `rowbatch.tools.check.check`."""
    from rowbatch.providers.catalog import find_provider
    from rowbatch.tools import check as check_step

    return check_step.check(
        [Path(file) for file in files],
        find_provider(provider),
        fix=Path(fix) if fix else None,
        count_tokens=count_tokens,
        overwrite=overwrite,
    )


def extract(
    results: Sequence[str | Path],
    output: str | Path,
    *,
    join: str | Path | None = None,
    first_number: Literal[0, 1] | None = None,
    duplicates: str | Path | None = None,
    extras: Sequence[Extra] = (),
    as_json: bool = False,
    errors: str | Path | None = None,
    writing: WriteOptions | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    on_bad_rows: BadRows = "stop",
    overwrite: bool = False,
) -> ExtractReport:
    """Result files become a table; see `rowbatch.tools.extract.extract`."""
    paths = [Path(result) for result in results]
    with ResultWorkers(paths) as workers:
        # They start while this is imported.
        from rowbatch.tables.base import ReadOptions
        from rowbatch.tools import extract as extract_step

        return extract_step.extract(
            paths,
            Path(output),
            join=Path(join) if join else None,
            first_number=first_number,
            duplicates=Path(duplicates) if duplicates else None,
            extras=extras,
            as_json=as_json,
            errors=Path(errors) if errors else None,
            writing=writing,
            reading=ReadOptions(encoding, delimiter, sheet, on_bad_rows),
            overwrite=overwrite,
            workers=workers,
        )
