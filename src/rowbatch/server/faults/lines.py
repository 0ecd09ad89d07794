"""
Result files that are spoiled: rows and answers of a batch as they came, and what a plan makes of them.

Pure: the same files, plan and number of the batch give the same bytes.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rowbatch.server.faults.plan import FaultPlan, Rule

_MARK = "\ue000"
"""Stands for what no text of Python's JSON can be; taken from the private use area of Unicode."""
_PROSE = "Sure! Here is what I think about it: it depends on how you look at it."
_DEEP = "[" * 10_000
_REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(slots=True)
class Row:
    """
    A line of results.

    Attributes:
        kind: `output` or `error`.
        entry: What it says.
        raw: Its bytes, end included, where they are no longer those of the entry.
    """

    kind: str
    entry: dict[str, Any]
    raw: bytes | None = None

    @property
    def bytes(self) -> bytes:
        """The line as it is sent."""
        return json_line(self.entry) if self.raw is None else self.raw


@dataclass(slots=True)
class Spoiled:
    """
    The files of a batch, spoiled.

    Attributes:
        files: Bytes, by `output` and `error`; b"" where there is no file.
        counts: Rows with an answer, and without.
        happened: Names of the faults, with the custom ids that they befell, or "".
        usage: Tokens of prompts and of answers.
    """

    files: dict[str, bytes]
    counts: tuple[int, int]
    happened: list[tuple[str, str]] = field(default_factory=list)
    usage: tuple[int, int] = (0, 0)


def spoil(files: Mapping[str, bytes], plan: FaultPlan, batch: int, *, keep: float = 1.0) -> Spoiled:
    """
    What a plan makes of the files of a batch.

    Args:
        files: As they came, by `output` and `error`.
        plan: Of the faults of rows, answers and files.
        batch: Its number, from 1.
        keep: The part of its rows that it came to before it expired.
    """
    rows = [
        Row(kind, json.loads(line))
        for kind in ("output", "error")
        for line in files.get(kind, b"").split(b"\n")
        if line
    ]
    happened: list[tuple[str, str]] = []
    if keep < 1:
        _expire(rows, keep)
    # A row's number is its place by its name: which answer came first is chance.
    order = sorted(range(len(rows)), key=lambda at: _natural(str(rows[at].entry["custom_id"])))
    usage = _usage(rows)
    spoiled: dict[int, list[Row]] = {}
    for number, at in enumerate(order, start=1):
        row = rows[at]
        for rule_at, rule in enumerate(plan.rules):
            custom_id = str(row.entry["custom_id"])
            if not _befalls(plan, rule_at, batch, number, custom_id):
                continue
            if rule.name == "answers-swapped":
                if number < len(order) and _swap(row, rows[order[number]]):
                    happened.append((rule.name, custom_id))
                continue
            made = _of_row(row, rule)
            if made is not None:
                happened.append((rule.name, custom_id))
                spoiled[at] = made
                break
    sent = [one for at, row in enumerate(rows) for one in spoiled.get(at, [row])]
    # One that is not there, or that cannot be read, was answered all the same.
    kinds = [next(iter(spoiled.get(at) or [row])).kind for at, row in enumerate(rows)]
    answered = kinds.count("output")
    told = {kind: b"".join(row.bytes for row in sent if row.kind == kind) for kind in ("output", "error")}
    for rule_at, rule in enumerate(plan.rules):
        if rule.kind.scope != "file" or (rule.batches and batch not in rule.batches):
            continue
        for number, kind in enumerate(("output", "error"), start=1):
            if told[kind] and plan.happens(rule_at, number, "file", batch):
                told[kind] = _of_file(told[kind], rule, plan, batch)
                happened.append((rule.name, kind))
    return Spoiled(told, (answered, len(rows) - answered), happened, usage)


def spoil_answer(body: dict[str, Any], rule: Rule) -> bytes | None:
    """The bytes of an answer to a direct call, spoiled; None where it has nothing that could be."""
    made = _of_answer(copy.deepcopy(body), rule)
    return None if made is None else _unmarked(json.dumps(made, ensure_ascii=False), rule)


def json_line(entry: Mapping[str, Any]) -> bytes:
    """A line of results as our server writes them: in ASCII, so that half of a surrogate pair has a form."""
    return json.dumps(entry).encode() + b"\n"


def _befalls(plan: FaultPlan, at: int, batch: int, number: int, custom_id: str) -> bool:
    rule = plan.rules[at]
    if rule.kind.scope not in ("row", "answer") or (rule.batches and batch not in rule.batches):
        return False
    return plan.happens(at, number, "row", batch, custom_id)


def _of_row(row: Row, rule: Rule) -> list[Row] | None:
    """What stands in place of a row; None where the fault cannot befall it."""
    if rule.kind.scope == "answer":
        body = (row.entry.get("response") or {}).get("body")
        made = _of_answer(copy.deepcopy(body), rule) if row.kind == "output" and body else None
        if made is None:
            return None
        entry = {**row.entry, "response": {**row.entry["response"], "body": made}}
        return [Row(row.kind, entry, _unmarked(json.dumps(entry, ensure_ascii=False), rule) + b"\n")]
    return _ROWS[rule.name](row, rule)


def _missing(row: Row, rule: Rule) -> list[Row]:
    del row, rule
    return []


def _twice(row: Row, rule: Rule) -> list[Row] | None:
    if row.kind != "output":
        return None
    other = copy.deepcopy(row)
    if rule.values["differs"]:
        body = other.entry["response"]["body"]
        _put_text(body, _text_of(body)[::-1])
    return [row, other]


def _unknown(row: Row, rule: Rule) -> list[Row]:
    del rule
    stranger = copy.deepcopy(row)
    stranger.entry["custom_id"] = f"nobody-asked-{row.entry['custom_id']}"
    return [row, stranger]


def _in_both(row: Row, rule: Rule) -> list[Row] | None:
    del rule
    return (
        None if row.kind != "output" else [row, _failed(row, 500, "server_error", "The server had an error.")]
    )


def _fails(row: Row, rule: Rule) -> list[Row]:
    status = int(rule.number("status"))
    codes = {429: "rate_limit_exceeded", 408: "timeout"}
    return [_failed(row, status, codes.get(status, "server_error"), "Please try again.")]


def _refused(row: Row, rule: Rule) -> list[Row]:
    del rule
    return [_failed(row, 400, "content_policy_violation", "This request is refused.")]


def _out_of_money(row: Row, rule: Rule) -> list[Row]:
    del rule
    told = "You exceeded your current quota, please check your plan and billing details."
    return [_failed(row, 429, "insufficient_quota", told)]


def _cut(row: Row, rule: Rule) -> list[Row]:
    del rule
    whole = row.bytes
    return [Row(row.kind, row.entry, whole[: len(whole) // 2] + b"\n")]


def _id_changed(row: Row, rule: Rule) -> list[Row]:
    del rule
    custom_id = str(row.entry["custom_id"])
    capitals = custom_id.upper()
    changed = capitals if capitals != custom_id else f"0{custom_id}"
    return [Row(row.kind, {**row.entry, "custom_id": changed})]


_ROWS: Mapping[str, Callable[[Row, Rule], list[Row] | None]] = {
    "row-missing": _missing,
    "row-twice": _twice,
    "row-unknown": _unknown,
    "row-in-both": _in_both,
    "row-fails": _fails,
    "row-refused": _refused,
    "out-of-money": _out_of_money,
    "row-cut": _cut,
    "id-changed": _id_changed,
}


def _failed(row: Row, status: int, code: str, message: str) -> Row:
    """A row of the error file, as OpenAI writes one; a fault of its own has the status 0 and no body."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}} if status else {}
    response = {"status_code": status, "request_id": "", "body": body}
    return Row("error", {**row.entry, "response": response, "error": None})


def _swap(row: Row, other: Row) -> bool:
    if row.kind != "output" or other.kind != "output":
        return False
    row.entry["response"], other.entry["response"] = other.entry["response"], row.entry["response"]
    return True


def _expire(rows: list[Row], keep: float) -> None:
    """Rows behind the part that is kept were not asked in time."""
    order = sorted(range(len(rows)), key=lambda at: _natural(str(rows[at].entry["custom_id"])))
    for at in order[int(len(rows) * keep) :]:
        told = "This request could not be executed before the completion window expired."
        error = {"code": "batch_expired", "message": told}
        rows[at] = Row("error", {**rows[at].entry, "response": None, "error": error})


def _of_answer(body: dict[str, Any], rule: Rule) -> dict[str, Any] | None:
    """An answer, spoiled; None where it has no text, or what it would lose."""
    if rule.name == "no-usage":
        return None if body.pop("usage", None) is None else body
    if rule.name == "nan":
        return {**body, "score": float("nan")}
    text = _text_of(body)
    if not text:
        return None
    match rule.name:
        case "refusal":
            _refuse(body)
        case "empty-content":
            _put_text(body, "")
        case "length-stop":
            _put_text(body, text[: len(text) // 2])
            _stop_for_length(body)
        case "prose":
            _put_text(body, _PROSE)
        case "deep-json":
            _put_text(body, _DEEP)
        case _:
            # Where a reader of JSON would keep it: inside the last text of the answer.
            at = text.rfind('"') if text.rstrip().endswith(('"}', '"]', '"')) else len(text)
            at = len(text) if at < 0 else at
            _put_text(body, text[:at] + _MARK + text[at:])
    return body


_IN_PLACE_OF_MARK = {
    "nul": b"\\u0000",
    "bad-utf8": b"\xff",
    "strange-breaks": "\u2028\u2029\u0085".encode(),
    "lone-surrogate": b"\\ud800",
}


def _unmarked(text: str, rule: Rule) -> bytes:
    """JSON as bytes, with what the mark stands for."""
    # What cannot be encoded was half of a surrogate pair before us, which JSON can say in ASCII alone.
    raw = text.encode("utf-8", "surrogatepass") if text.isascii() else _encoded(text)
    return raw.replace(_MARK.encode(), _IN_PLACE_OF_MARK.get(rule.name, b""))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _text_of(body: Mapping[str, Any]) -> str:
    """The text of an answer: of chat completions, completions or responses; "" where there is none."""
    part = _part(body)
    return "" if part is None else str(part[0].get(part[1]) or "")


def _put_text(body: Mapping[str, Any], text: str) -> None:
    part = _part(body)
    if part is not None:
        part[0][part[1]] = text


def _part(body: Mapping[str, Any]) -> tuple[dict[str, Any], str] | None:
    """Where the text of an answer stands: what has it, and its name there."""
    for choice in _dicts(body.get("choices")):
        message = choice.get("message")
        return (message, "content") if isinstance(message, dict) else (choice, "text")
    for item in _dicts(body.get("output")):
        for content in _dicts(item.get("content")):
            if "text" in content:
                return content, "text"
    return None


def _refuse(body: dict[str, Any]) -> None:
    part = _part(body)
    assert part is not None
    if part[1] == "content":
        part[0].update(content=None, refusal=_REFUSAL)
    elif "type" in part[0]:
        part[0].clear()
        part[0].update(type="refusal", refusal=_REFUSAL)
    else:
        part[0]["text"] = _REFUSAL


def _stop_for_length(body: dict[str, Any]) -> None:
    for choice in _dicts(body.get("choices")):
        choice["finish_reason"] = "length"
    if "output" in body:
        body.update(status="incomplete", incomplete_details={"reason": "max_output_tokens"})


def _of_file(content: bytes, rule: Rule, plan: FaultPlan, batch: int) -> bytes:
    lines = content.split(b"\n")[:-1]
    match rule.name:
        case "shuffled":
            lines.sort(key=lambda line: plan.draw("shuffled", batch, line.partition(b'"custom_id"')[2][:80]))
            return b"".join(line + b"\n" for line in lines)
        case "file-cut":
            return content[: max(1, int(len(content) * rule.number("keep")))].rstrip(b"\n")
        case "no-last-newline":
            return content.removesuffix(b"\n")
        case "blank-lines":
            return content.replace(b"\n", b"\n\n")
        case "crlf":
            return content.replace(b"\n", b"\r\n")
        case _:
            return b"\xef\xbb\xbf" + content


def _usage(rows: Iterable[Row]) -> tuple[int, int]:
    """Tokens of prompts and answers, of the rows that have some."""
    prompt = answer = 0
    for row in rows:
        if row.kind != "output":
            continue
        counted = row.entry["response"]["body"].get("usage") or {}
        prompt += int(counted.get("prompt_tokens") or counted.get("input_tokens") or 0)
        answer += int(counted.get("completion_tokens") or counted.get("output_tokens") or 0)
    return prompt, answer


def _dicts(found: object) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _natural(custom_id: str) -> list[tuple[int, str]]:
    """As people sort: row-2 before row-10."""
    parts = re.split(r"([0-9]{1,18})", custom_id)
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts]
