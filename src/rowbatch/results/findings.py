"""What the results of a shard hold: whether they are whole, what they cost, and how the rows fared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from rowbatch.core.fate import decides
from rowbatch.core.findings import Findings
from rowbatch.core.plan import ROW_PREFIX
from rowbatch.core.result import LOST_CAUSE
from rowbatch.core.retry import is_lasting
from rowbatch.core.states import RowStatus
from rowbatch.errors import from_os_error
from rowbatch.results.lines import COUNTS, TOLD, Lines

_ID_BEGIN = b'{"custom_id":"' + ROW_PREFIX.encode()
_LEAST_ROWS = 100
_LEAST_SPREAD = 3.0
_MOST_REASON_CHARS = 200


def row_of_request(line: bytes) -> int:
    """The row of a request line of ours."""
    return int(line[len(_ID_BEGIN) : line.index(b'"', len(_ID_BEGIN))])


def asked_requests(path: Path) -> pl.DataFrame:
    """
    The requests of a file of ours, in its order.

    Returns:
        `row` and `size_bytes`: 64-bit integers.
    """
    rows: list[int] = []
    sizes: list[int] = []
    try:
        with path.open("rb") as file:
            for line in file:
                rows.append(row_of_request(line))
                sizes.append(len(line))
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return pl.DataFrame({"row": rows, "size_bytes": sizes}, schema={"row": pl.Int64, "size_bytes": pl.Int64})


def findings_of(parts: Iterable[Lines], requests: pl.DataFrame) -> Findings:
    """
    Count what the lines of a shard say, read through the codebook.

    Failures that asking again does not mend are those that the lines tell of: an answer that the codebook
    does not allow may be another one the next time.

    Args:
        parts: All its lines, in order.
        requests: What was asked, of `asked_requests`.
    """
    asked = requests["row"]
    frames: list[pl.DataFrame] = []
    unreadable = 0
    for part in parts:
        unreadable += part.unreadable
        counts = [pl.col(name).fill_null(0) for name in COUNTS]
        reason = pl.col("status_reason").str.slice(0, _MOST_REASON_CHARS)
        frames.append(part.frame.select("row", "status", reason, TOLD, "cause", *counts))
    if not frames:
        missing = {RowStatus.MISSING.value: len(asked)} if len(asked) else {}
        return Findings(len(asked), 0, unreadable=unreadable, statuses=missing, told=missing)
    found = pl.concat(frames)
    known = found.filter(pl.col("row").is_in(asked.implode()))
    once = known.filter(decides(known))
    by_status = once.group_by("status").agg(
        pl.len().alias("rows"), pl.col("prompt_tokens").sum(), pl.col("completion_tokens").sum()
    )
    statuses = {str(row["status"]): int(row["rows"]) for row in by_status.iter_rows(named=True)}
    told = {str(status): int(rows) for status, rows in once[TOLD].value_counts().iter_rows()}
    if once.height < len(asked):
        statuses[RowStatus.MISSING.value] = told[RowStatus.MISSING.value] = len(asked) - once.height
    as_told = once.select(pl.col(TOLD).alias("status"), "cause")
    lasting = Counter(as_told.filter(is_lasting())["cause"].to_list())
    return Findings(
        asked=len(asked),
        answered=once.height,
        unknown=found.height - known.height,
        repeated=known.height - once.height,
        unreadable=unreadable,
        statuses=statuses,
        told=told,
        reasons=_commonest_reasons(once),
        lasting=dict(lasting.most_common(20)),
        prompt_tokens=int(known["prompt_tokens"].sum()),
        cached_tokens=int(known["cached_tokens"].sum()),
        written_tokens=int(known["cache_write_tokens"].sum()),
        answer_tokens=int(known["completion_tokens"].sum()),
        match=_match(once, requests),
        lost=int((once["cause"] == LOST_CAUSE).sum()),
        tokens_of={
            str(row["status"]): (int(row["prompt_tokens"]), int(row["completion_tokens"]))
            for row in by_status.iter_rows(named=True)
        },
    )


def _commonest_reasons(answers: pl.DataFrame) -> dict[str, str]:
    """The commonest reason of the rows of each status but `ok`; of those as common the first by letters."""
    counted = (
        answers.filter((pl.col("status") != RowStatus.OK.value) & (pl.col("status_reason") != ""))
        .group_by("status", "status_reason")
        .len()
        .sort("len", "status_reason", descending=[True, False])
        .unique("status", keep="first", maintain_order=True)
    )
    return {str(status): str(reason) for status, reason, _ in counted.iter_rows()}


def _match(answers: pl.DataFrame, requests: pl.DataFrame) -> float | None:
    """Correlation of the requests' bytes with the tokens that the provider counted in them."""
    counted = answers.filter(pl.col("prompt_tokens") > 0).join(requests, on="row", how="inner")
    if counted.height < _LEAST_ROWS:
        return None
    told = counted.select(
        pl.col("size_bytes").std().alias("bytes"),
        pl.col("prompt_tokens").std().alias("tokens"),
        pl.corr("size_bytes", "prompt_tokens").alias("match"),
    ).row(0, named=True)
    is_telling = min(told["bytes"] or 0.0, told["tokens"] or 0.0) >= _LEAST_SPREAD
    return float(told["match"]) if is_telling else None
