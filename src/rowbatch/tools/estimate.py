"""`estimate`: what requests will take: tokens, shards, money, and how much of the provider's queue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

from rowbatch.core.cost import NO_ANSWER, Price, Tokens, estimate_cost, expected_answer
from rowbatch.core.document import Shown
from rowbatch.core.endpoint import output_limit
from rowbatch.core.model_rules import Model
from rowbatch.core.policy import Policy
from rowbatch.core.schedule import Schedule, plan_schedule
from rowbatch.core.shard import ShardCutter
from rowbatch.errors import InputError, from_os_error
from rowbatch.providers.catalog import (
    Provider,
    QueueLimits,
    find_model,
    find_price,
    find_queue_limits,
    find_room,
)
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import TableRequests
from rowbatch.tables.compressed import open_binary
from rowbatch.tools.json_document import require_lines
from rowbatch.words.notice import Notice

_BATCH = 2_000


@dataclass(frozen=True, slots=True, repr=False)
class Estimate(Shown):
    """
    What requests will take.

    Attributes:
        requests: How many.
        size_bytes: Of their lines.
        model: The model of the first request.
        encoding: By which tokens were counted; "" for an estimate by the letters.
        counted: Requests whose tokens were counted; the others were taken to be like these.
        prompt_tokens_low, prompt_tokens_high: Of all prompts; equal where they were counted exactly.
        largest_tokens, largest_id: The longest prompt that was counted, and its custom_id.
        answer_tokens_low, answer_tokens_high: Of all answers; the high one by the output limit of the
            requests.
        shards: Files within the provider's limits.
        known: What is known of the model, or None.
        price: Its batch price, or None.
        low_usd, likely_usd, high_usd: As in `CostEstimate`; None where the price is not known.
        queue: The provider's queue limits for the model, or None.
        schedule: What so many batches mean: hours, turns of the queue, files; None for this computer.
        notes: How the table was read, where it was one.
    """

    requests: int
    size_bytes: int
    model: str
    encoding: str
    counted: int
    prompt_tokens_low: int
    prompt_tokens_high: int
    largest_tokens: int
    largest_id: str
    answer_tokens_low: int
    answer_tokens_high: int
    shards: int
    known: Model | None
    price: Price | None
    low_usd: Decimal | None
    likely_usd: Decimal | None
    high_usd: Decimal | None
    queue: QueueLimits | None
    schedule: Schedule | None = None
    notes: tuple[Notice, ...] = ()


def estimate_files(
    files: Sequence[Path],
    provider: Provider,
    *,
    model: str = "",
    every: int = 1,
    answer_tokens: int | None = None,
    policy: Policy | None = None,
) -> Estimate:
    """
    Estimate what the requests in batch files will take. Nothing is sent.

    Args:
        files: JSONL files of requests, in the form of any provider.
        provider: Whose limits and prices.
        model: Which one, where the lines don't say it, as those of Gemini and Mistral.
        every: Count the tokens of each so-many-th request only; the range then holds three standard errors.
        answer_tokens: What an answer has, where it was measured; None means a wide range.
        policy: What the user says of their own limits at the provider.
    Raises:
        InputError: A file is not there, empty, or a line of it is no request.
    """
    found = estimate_lines(
        _batches(files), provider, model=model, every=every, answer_tokens=answer_tokens, policy=policy
    )
    if found is None:
        raise InputError("file-empty", path=str(files[0]))
    return found


def estimate_lines(
    batches: Iterable[Sequence[tuple[str, bytes]]],
    provider: Provider,
    *,
    model: str = "",
    every: int = 1,
    answer_tokens: int | None = None,
    policy: Policy | None = None,
) -> Estimate | None:
    """
    As `estimate_files`, of lines that come from anywhere.

    Args:
        batches: Some lines at a time: where each stands, for messages, and its bytes with the line end.
    Returns:
        None when there are no lines.
    """
    cutter, tally, shards = ShardCutter(provider.limits), _Tally(model), 0
    for lines in batches:
        sizes = [len(line) for _, line in lines]
        for cut in cutter.cut(sizes, range(tally.requests + 1, tally.requests + 1 + len(sizes))):
            shards = max(shards, cut.shard)
        for place, line in lines:
            if tally.requests % every == 0:
                tally.add(place, line)
            tally.requests += 1
            tally.size_bytes += len(line)
    return tally.result(provider, shards, answer_tokens, policy or Policy()) if tally.requests else None


class _Tally:
    def __init__(self, model: str) -> None:
        self.requests = self.size_bytes = self.counted = 0
        self._tokens = self._high = self._squares = self._limits = self._limited = 0
        self._largest, self._largest_id = 0, ""
        self._lines = LineTokens(model)

    def add(self, place: str, line: bytes) -> None:
        try:
            custom_id, body, tokens = self._lines.read(line)
        except InputError as error:
            raise InputError("line-no-request-at", place=place, **error.values) from error
        self.counted += 1
        self._tokens += tokens
        self._high += self._lines.high(tokens)
        self._squares += tokens * tokens
        limit = output_limit(body)
        if limit is not None:
            self._limits += limit
            self._limited += 1
        if tokens > self._largest:
            self._largest, self._largest_id = tokens, custom_id

    def _standard_error(self) -> float:
        """Of the mean tokens of a prompt."""
        mean = self._tokens / self.counted
        variance = max(0.0, self._squares / self.counted - mean * mean)
        return math.sqrt(variance / self.counted)

    def result(self, provider: Provider, shards: int, answer_tokens: int | None, policy: Policy) -> Estimate:
        model = self._lines.model
        known = find_model(provider.name, model) or find_model("", model)
        scale = self.requests / self.counted
        prompts = self._lines.range_of(round(self._high * scale), self.requests)
        if self.counted < self.requests:
            error = 3 * self._standard_error() * self.requests
            prompts = Tokens(max(0, int(prompts.low - error)), int(prompts.high + error) + 1)
        has_answers = known is None or known.max_output > 0
        answer = expected_answer(
            None,
            limit=self._limits // self._limited if self._limited else None,
            model=known,
            measured=answer_tokens,
        )
        price = find_price(provider.name, model)
        cost = estimate_cost(
            self.requests, prompts, answer if has_answers else NO_ANSWER, price, is_free=provider.is_free
        )
        return Estimate(
            requests=self.requests,
            size_bytes=self.size_bytes,
            model=model,
            encoding=self._lines.encoding,
            counted=self.counted,
            prompt_tokens_low=cost.prompt_tokens_low,
            prompt_tokens_high=cost.prompt_tokens_high,
            largest_tokens=self._largest,
            largest_id=self._largest_id,
            answer_tokens_low=cost.answer_tokens_low,
            answer_tokens_high=cost.answer_tokens_high,
            shards=shards,
            known=known,
            price=price,
            low_usd=cost.low_usd,
            likely_usd=cost.likely_usd,
            high_usd=cost.high_usd,
            queue=find_queue_limits(provider.name, model),
            schedule=None
            if provider.is_free
            else plan_schedule(
                find_room(provider.name, model, policy),
                batches=shards,
                requests=self.requests,
                request_bytes=self.size_bytes,
                prompt_tokens=cost.prompt_tokens_high,
                # Nobody knows the question: its answers are short, unless they were measured.
                answer_tokens=cost.answer_tokens_low,
                frees_inputs=policy.free_inputs,
            ),
        )


def table_lines(requests: TableRequests) -> Iterator[list[tuple[str, bytes]]]:
    """The requests of a table as `estimate_lines` takes them."""
    for found in requests.chunks():
        yield [("a request", line) for line in found.lines.to_list()]


def _batches(files: Sequence[Path]) -> Iterator[list[tuple[str, bytes]]]:
    for path in files:
        require_lines(path)
        try:
            with open_binary(path) as file:
                number = 0
                while lines := list(islice(file, _BATCH)):
                    places = range(number + 1, number + 1 + len(lines))
                    number += len(lines)
                    yield [
                        (f"{path}, line {place:,}", line)
                        for place, line in zip(places, lines, strict=True)
                        if line.strip()
                    ]
        except OSError as error:
            raise from_os_error(error, str(path)) from error
