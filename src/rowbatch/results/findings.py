"""What the results of a shard hold: whether they are whole, what they cost, and how the rows fared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from rowbatch.core.cost import Price
from rowbatch.core.fate import decides
from rowbatch.core.plan import ROW_PREFIX
from rowbatch.core.result import LOST_CAUSE
from rowbatch.core.retry import is_lasting
from rowbatch.core.states import RowStatus
from rowbatch.errors import StorageError, from_os_error
from rowbatch.results.lines import COUNTS, TOLD, Lines

_ID_BEGIN = b'{"custom_id":"' + ROW_PREFIX.encode()
_LEAST_ROWS = 100
_LEAST_SPREAD = 3.0
_DOUBT_BELOW = 0.5
_MOST_REASON_CHARS = 200


class Findings(msgspec.Struct, frozen=True):
    """
    Counts over the result files of one shard.

    Attributes:
        asked: Rows that were asked.
        answered: Of these, rows with a result line.
        unknown, repeated, unreadable: Lines that are no row's, a row's second one, or no result.
        statuses: Rows of each status, as the labelled table has it; rows without a line are `missing`. Older
            versions took the status that the lines tell, by which an answer that the codebook does not allow
            is `ok`.
        told: Rows of each status as the lines tell it, for a comparison with the provider's counters; empty
            where an older version counted.
        reasons: The commonest reason of the rows of a status that is not `ok`.
        lasting: Failures that asking again does not mend, by cause.
        prompt_tokens, cached_tokens, answer_tokens: As the provider counted them. Cached ones were read from
            its cache; they, and those that were written to it, are among those of the prompts.
        written_tokens: Written to the cache.
        tokens_of: Prompt and answer tokens by status.
        match: How well the tokens of the prompts go with the sizes of the requests they are said to be of
            (-1 to 1); None where that says nothing: few rows, texts of one length, nothing counted.
        lost: Rows that were asked one by one, may have been billed, and whose answer was lost.
    """

    asked: int
    answered: int
    unknown: int = 0
    repeated: int = 0
    unreadable: int = 0
    statuses: dict[str, int] = {}
    told: dict[str, int] = {}
    reasons: dict[str, str] = {}
    lasting: dict[str, int] = {}
    prompt_tokens: int = 0
    cached_tokens: int = 0
    answer_tokens: int = 0
    written_tokens: int = 0
    tokens_of: dict[str, tuple[int, int]] = {}
    match: float | None = None
    lost: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every row that was asked has a line, and every line can be read."""
        return self.answered == self.asked and not self.unreadable

    @property
    def is_doubted(self) -> bool:
        """
        Whether answers seem to stand under the ids of other rows, as a provider did to files of over 10,000
        requests (googleapis/python-genai#1909). A few that changed places cannot be seen in this way.
        """
        return self.match is not None and self.match < _DOUBT_BELOW

    def with_fates_of(self, other: Findings) -> Findings:
        """These counts of lines, with the other's counts of how the rows fared."""
        return msgspec.structs.replace(
            self,
            statuses=other.statuses,
            told=other.told,
            reasons=other.reasons,
            lasting=other.lasting,
            tokens_of=other.tokens_of,
            match=other.match,
            lost=other.lost,
        )

    def to_json(self) -> str:
        """As the ledger keeps it."""
        return msgspec.json.encode(self).decode()

    def cost_usd(self, price: Price | None) -> Decimal | None:
        """What the provider bills for these results; None without a price."""
        if price is None:
            return None
        return price.billed_usd(
            self.prompt_tokens,
            self.answer_tokens,
            read_tokens=self.cached_tokens,
            written_tokens=self.written_tokens,
        )


def read_findings(text: str | None) -> Findings | None:
    """
    What `Findings.to_json` wrote.

    Raises:
        StorageError: It is not that: the ledger is damaged.
    """
    try:
        return msgspec.json.decode(text, type=Findings) if text else None
    except msgspec.MsgspecError as error:
        raise StorageError("ledger-findings-damaged", path="ledger.sqlite", told=str(error)) from error


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
