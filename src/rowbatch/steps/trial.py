"""`try`: a few rows, one call each, before thousands are sent."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rowbatch.core.answer import AnswerReader
from rowbatch.core.cost import Price
from rowbatch.core.document import Shown
from rowbatch.core.forms import Forgiveness, forgiven_notices
from rowbatch.core.result import read_line
from rowbatch.core.samples import row_of_request
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.core.weaker_forms import KnownForm, form_of, weaker_after, with_weaker_form
from rowbatch.errors import ServiceError, from_os_error
from rowbatch.http import was_sent
from rowbatch.providers.base import BatchClient
from rowbatch.store.home import private_file_of_ours
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.words.notice import Notice

# Refusals that are about the text of one row, in OpenAI's words and in those of the local server.
_OF_ONE_ROW = ("context_length_exceeded", "string_above_max_length")


@dataclass(frozen=True, slots=True)
class TriedRow:
    """
    One row that was tried.

    Attributes:
        row: Its number.
        text: The user message.
        status, reason: As in the labelled table.
        values: The answer through the codebook.
        raw: The model's own words.
        prompt_tokens, answer_tokens: As the provider counted; 0 when it did not answer.
        forgiven: What had to be forgiven of the answer.
    """

    row: int
    text: str
    status: RowStatus
    reason: str
    values: tuple[str, ...]
    raw: str
    prompt_tokens: int
    answer_tokens: int
    forgiven: tuple[Forgiveness, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class TrialReport(Shown):
    """
    What came of the trial.

    Attributes:
        rows: All rows that were tried, also earlier ones.
        columns: Names of the values.
        usd: What all of them cost, at the full price; None where the price is not known.
        prompt_tokens, answer_tokens: Means of the rows that were answered, or None.
        is_form_weaker: The form of the answer was refused, and a weaker one asked for.
    """

    rows: tuple[TriedRow, ...]
    columns: tuple[str, ...]
    usd: Decimal | None
    prompt_tokens: float | None
    answer_tokens: float | None
    is_form_weaker: bool = False

    @property
    def notices(self) -> tuple[Notice, ...]:
        """How the rows were asked, and what was forgiven of the answers, in words for every face."""
        asked = (Notice("mended-json-schema"),) if self.is_form_weaker else ()
        return asked + forgiven_notices(Counter(word for row in self.rows for word in row.forgiven))


def try_rows(
    run: RunDirectory,
    client: BatchClient,
    reader: AnswerReader,
    *,
    rows: int,
    price: Price | None,
    progress: Callable[[int], None] | None = None,
) -> TrialReport:
    """
    Ask rows one by one. Each answer is on disk before the next call; a row is asked once. The caller holds
    the run lock.

    Args:
        run: A run that is built.
        client: The provider's calls.
        reader: Of the codebook.
        rows: How many, spread evenly over the requests.
        price: Of the model's calls without a batch, or None.
        progress: Called with the number of rows done so far.
    Raises:
        ServiceError: The first call was refused: so would be all others.
    """
    known = _read(run)
    with run.ledger() as ledger:
        uncut = [s for s in ledger.shards() if s.state is not ShardState.CUT]
    # Rows whose answers were taken over are tried where there are no others.
    shards = [s for s in uncut if s.round == 1] or [s for s in uncut if s.round == 0]
    form = KnownForm()
    for entry in known.values():
        _learn(form, entry)
    for number, request in enumerate(_spread(run, shards, rows), start=1):
        custom_id = str(request["custom_id"])
        if custom_id in known:
            continue
        result, weaker = _ask(client, request, form.weaker, is_first=not known)
        known[custom_id] = {"request": request, "result": result, "weaker": weaker}
        _learn(form, known[custom_id])
        _append(run, known[custom_id])
        if progress:
            progress(number)
    return _report(known, reader, price, run.plan().asking.samples)


def measured_answer_tokens(run: RunDirectory) -> float | None:
    """Mean tokens of an answer in the trial; None when there was none."""
    counts = [_tokens(entry["result"])[1] for entry in _read(run).values() if _is_answer(entry["result"])]
    return sum(counts) / len(counts) if counts else None


def _learn(form: KnownForm, entry: Mapping[str, Any]) -> None:
    if _is_answer(entry["result"]) and form_of(entry["request"]["body"]) == "json_schema":
        form.answered(int(entry.get("weaker", 0)))


def _ask(
    client: BatchClient, request: Mapping[str, Any], weaker: int = 0, *, is_first: bool
) -> tuple[dict[str, Any], int]:
    """
    Ask one row. Where the form of its answer is refused, which is not billed, it is asked for a weaker one.

    Args:
        client: The provider's calls.
        request: Of the row.
        weaker: How much weaker a form to ask for, as `weaker_after` has it.
        is_first: No row was asked before.
    Returns:
        Its result, and how much weaker a form it took.
    Raises:
        ServiceError: It is the first, and all others would be refused too.
    """
    try:
        while True:
            sent = with_weaker_form(request["body"], weaker)
            try:
                answer = client.ask(str(request["url"]), sent)
                break
            except ServiceError as error:
                said = f"{error.code} {error.message}"
                less = weaker_after(request["body"], sent, weaker, error.status, said)
                if less is None:
                    raise
                weaker = less
    except ServiceError as error:
        # What the first row is refused for, the others would be too; so where nobody could be reached. But
        # one text that is too long says nothing of the others.
        is_refused = error.status is not None and error.status < 500 and error.code not in _OF_ONE_ROW
        if is_first and (is_refused or not was_sent(error)):
            raise
        told = {"message": error.message, "code": error.code or None}
        response = {"status_code": error.status or 0, "body": {"error": told}}
    else:
        response = {"status_code": 200, "body": dict(answer)}
    return {"custom_id": request["custom_id"], "response": response, "error": None}, weaker


def _spread(run: RunDirectory, shards: list[Shard], rows: int) -> list[dict[str, Any]]:
    samples = run.plan().asking.samples
    total = sum(shard.requests for shard in shards) // samples
    count = min(rows, total)
    # Of a row that is asked several times the first request.
    wanted = {index * total // count * samples for index in range(count)} if count else set()
    found, at = [], 0
    for shard in shards:
        here = sorted(number - at for number in wanted if at <= number < at + shard.requests)
        if here:
            with run.request_path(shard.name).open("rb") as file:
                for number, line in enumerate(file):
                    if number in here:
                        found.append(json.loads(line))
                    if number >= here[-1]:
                        break
        at += shard.requests
    return found


def _read(run: RunDirectory) -> dict[str, dict[str, Any]]:
    if not run.trial_path.is_file():
        return {}
    found = {}
    with run.trial_path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                # The last line of a program that was killed while it wrote.
                continue
            found[str(entry["result"]["custom_id"])] = entry
    return found


def _append(run: RunDirectory, entry: Mapping[str, Any]) -> None:
    try:
        private_file_of_ours(run.trial_path)
        with run.trial_path.open("ab") as file:
            # After a line that was cut by a crash a new one begins.
            if file.tell() and not _ends_line(run):
                file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise from_os_error(error, str(run.trial_path)) from error


def _ends_line(run: RunDirectory) -> bool:
    with run.trial_path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _is_answer(result: Mapping[str, Any]) -> bool:
    return bool(result["response"]["status_code"] == 200)


def _tokens(result: Mapping[str, Any]) -> tuple[int, int]:
    read, _ = read_line(json.dumps(result).encode())
    return read.prompt_tokens or 0, read.completion_tokens or 0


def _report(
    known: Mapping[str, Mapping[str, Any]], reader: AnswerReader, price: Price | None, samples: int
) -> TrialReport:
    rows = []
    for entry in known.values():
        read, _ = read_line(json.dumps(entry["result"]).encode())
        answer = reader.read(read.status, read.content, read.reason)
        rows.append(
            TriedRow(
                row=row_of_request(int(str(read.custom_id).rpartition("-")[2]), samples),
                text=_said(entry["request"]["body"]),
                status=answer.status,
                reason=answer.reason,
                values=answer.values,
                raw=read.content,
                prompt_tokens=read.prompt_tokens or 0,
                answer_tokens=read.completion_tokens or 0,
                forgiven=answer.forgiven,
            )
        )
    rows.sort(key=lambda tried: tried.row)
    answered = [tried for tried in rows if tried.prompt_tokens or tried.answer_tokens]
    usd = None
    if price is not None:
        usd = sum(
            (price.usd(tried.prompt_tokens, tried.answer_tokens) for tried in rows),
            Decimal(0),
        )
    return TrialReport(
        rows=tuple(rows),
        columns=reader.columns,
        usd=usd,
        prompt_tokens=sum(t.prompt_tokens for t in answered) / len(answered) if answered else None,
        answer_tokens=sum(t.answer_tokens for t in answered) / len(answered) if answered else None,
        is_form_weaker=any(entry.get("weaker") and _is_answer(entry["result"]) for entry in known.values()),
    )


def _said(body: Mapping[str, Any]) -> str:
    said = body.get("messages", body.get("input", ""))
    content = said[-1]["content"] if isinstance(said, list) and said else said
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "[image]")) for part in content)
    return str(content)
