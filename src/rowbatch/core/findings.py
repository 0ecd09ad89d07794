"""What is known of the results of a shard: whether they are whole, what they cost, and how the rows fared."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rowbatch.core.cost import Price
from rowbatch.errors import StorageError

_DOUBT_BELOW = 0.5


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
