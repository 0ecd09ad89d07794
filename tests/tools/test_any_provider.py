"""The tools read the lines of every provider that runs speak to."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from rowbatch import api
from rowbatch.core.lint_dialects import _ANTHROPIC_PARTS
from rowbatch.core.result_columns import Extra
from rowbatch.errors import InputError
from rowbatch.providers.anthropic import AnthropicDialect
from rowbatch.providers.base import Dialect
from rowbatch.providers.batch_lines import house_result, read_any_request, request_id
from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.providers.gemini import GeminiDialect
from rowbatch.providers.mistral import MistralDialect
from rowbatch.results.files import result_frames
from rowbatch.tools.check import check
from rowbatch.tools.estimate import estimate_files
from rowbatch.tools.extract import extract
from rowbatch.tools.split import split

HOUSE = {
    "custom_id": "row-1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Say the mood in one word."},
            {"role": "user", "content": "What a lovely day, and what a nice evening."},
        ],
        "max_tokens": 20,
    },
}
TOKEN = "0123456789abcdef-run-1"


def request_of(dialect: str, custom_id: str = "row-1") -> dict[str, Any]:
    """A request as the house sends it to a provider; ids of Anthropic without the mark of a run."""
    line = json.dumps(HOUSE | {"custom_id": custom_id}).encode()
    writers: dict[str, Dialect] = {
        "anthropic": AnthropicDialect(),
        "gemini": GeminiDialect(),
        "mistral": MistralDialect(),
    }
    if dialect == "openai":
        plain: dict[str, Any] = json.loads(line)
        return plain
    found: dict[str, Any] = json.loads(writers[dialect].request_line(line, TOKEN))
    return found | ({"custom_id": custom_id} if dialect == "anthropic" else {})


def answer_of(dialect: str, custom_id: str, text: str) -> dict[str, Any]:
    """An answer as the provider gives it."""
    if dialect == "anthropic":
        message = {
            "id": "m",
            "model": "claude",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 7, "output_tokens": 2},
        }
        return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}
    if dialect == "gemini":
        candidate = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}
        usage = {"promptTokenCount": 7, "candidatesTokenCount": 2}
        return {"key": custom_id, "response": {"candidates": [candidate], "usageMetadata": usage}}
    body: dict[str, Any] = {
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    if dialect == "responses":
        message = {"type": "message", "content": [{"type": "output_text", "text": text}]}
        usage = {"input_tokens": 7, "output_tokens": 2}
        body = {"status": "completed", "output": [message], "usage": usage}
    return {"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


def failure_of(dialect: str, custom_id: str) -> dict[str, Any]:
    """A request that failed."""
    if dialect == "anthropic":
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
    if dialect == "gemini":
        return {"key": custom_id, "error": {"code": 3, "message": "too long"}}
    body = {"error": {"message": "too long"}}
    return {"custom_id": custom_id, "response": {"status_code": 400, "body": body}}


def written(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


DIALECTS = ["openai", "mistral", "anthropic", "gemini"]


@pytest.mark.parametrize("how", ["lines", "joined", "extras"])
@pytest.mark.parametrize("dialect", [*DIALECTS, "responses"])
def test_results_of_every_provider_become_a_table(tmp_path, dialect, how):
    """
    An answer and a failure in each form, with and without extras, alone and beside the table.
    """
    lines = [answer_of(dialect, "row-2", "gut, ja"), failure_of(dialect, "row-1")]
    results = written(tmp_path / "o.jsonl", lines)
    table = tmp_path / "t.csv"
    table.write_text("text\na\nb\nc\n", encoding="utf-8")
    extras: tuple[Extra, ...] = (
        "usage",
        "finish_reason",
        "raw",
        "choices",
        "refusal",
        "confidence",
        "model",
        "cause",
    )
    report = extract(
        [results],
        tmp_path / "out.csv",
        join=table if how == "joined" else None,
        extras=extras if how == "extras" else (),
    )
    assert report.unreadable_lines == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    good = next(row for row in rows if row["status"] == "ok")
    bad = next(row for row in rows if row["status"] == "error")
    assert good["content"] == "gut, ja"
    assert "too long" in bad["status_reason"]
    if how == "extras":
        assert (good["prompt_tokens"], good["completion_tokens"]) == ("7", "2")
        # The line as it came, not as it was translated.
        assert json.loads(good["raw"]) == lines[0]


@pytest.mark.parametrize("processes", [1, 3])
def test_one_file_may_hold_lines_of_all(tmp_path, processes):
    """
    Lines of several providers in one file, and blank and broken ones, each as what it is; also by processes.
    """
    lines = [answer_of(dialect, f"row-{number}", dialect) for number, dialect in enumerate(DIALECTS, 1)]
    path = written(tmp_path / "o.jsonl", lines)
    path.write_bytes(
        b"\xef\xbb\xbf" + path.read_bytes() + b'\n{"custom_id":"x","result":{"type":"odd"}}\n{"key":\n'
    )
    parts = [part for _, part in result_frames([path], any_provider=True, processes=processes)]
    assert [text for part in parts for text in part.frame["content"]] == DIALECTS
    assert [number for part in parts for number, _ in part.unreadable] == [6, 7]


def test_lines_of_a_run_are_read_as_before(tmp_path):
    """
    What is translated already is not looked at again: a line with neither response nor error is an error.
    """
    path = written(tmp_path / "o.jsonl", [answer_of("anthropic", "row-1", "x")])
    ((_, part),) = result_frames([path], ("usage",))
    assert part.frame["status"].to_list() == ["error"]


def test_the_mark_of_a_run_is_no_part_of_the_id():
    """
    A raw file of a run for Anthropic has ids with our mark; other ids are left as they are.
    """
    marked = json.loads(AnthropicDialect().request_line(json.dumps(HOUSE).encode(), TOKEN))["custom_id"]
    assert marked != "row-1"
    line = json.dumps(answer_of("anthropic", marked, "x")).encode()
    assert json.loads(house_result(line))["custom_id"] == "row-1"
    other = marked.replace("row-1", "comment-1")
    line = json.dumps(answer_of("anthropic", other, "x")).encode()
    assert json.loads(house_result(line))["custom_id"] == other


@pytest.mark.parametrize("dialect", DIALECTS)
def test_requests_of_every_provider_are_counted(tmp_path, dialect):
    """
    The same question has the same tokens and output limit in each form, and its model where it is said.
    """
    files = {
        name: written(tmp_path / f"{name}.jsonl", [request_of(name)] * 3) for name in ("openai", dialect)
    }
    plain, found = (
        estimate_files([files[name]], find_provider(name), model="m") for name in ("openai", dialect)
    )
    assert found.requests == 3
    assert found.prompt_tokens_high == plain.prompt_tokens_high
    assert found.answer_tokens_high == plain.answer_tokens_high
    assert (found.model, found.largest_id) == ("m", "row-1")
    parts = split(files[dialect], tmp_path / "parts", max_tokens=found.prompt_tokens_high // 2).parts
    assert len(parts) > 1


def test_what_is_no_request_is_said(tmp_path):
    """
    Other objects, and forms with something else in the place of what is asked, are no requests.
    """
    for line in (
        b"[]",
        b'{"a":1}',
        b'{"custom_id":"a","params":3}',
        b'{"key":"a","request":[]}',
        b"{",
        b'{"body":null}',
    ):
        with pytest.raises(ValueError, match=r"."):
            read_any_request(line)
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"custom_id":"a","params":3}\n')
    with pytest.raises(InputError) as caught:
        api.estimate(path)
    assert "params is no object" in caught.value.message
    assert [request_id(line) for line in (b'{"key":"k"}', b'{"custom_id":7}', b"{", b'{"custom_id":[]}')] == [
        "k",
        "7",
        "",
        "",
    ]


@pytest.mark.parametrize("asked", DIALECTS)
@pytest.mark.parametrize("written_for", DIALECTS)
def test_lines_are_judged_by_the_form_of_the_provider(tmp_path, written_for, asked):
    """
    A file for one provider has nothing wrong there, and for another one the first thing said is whose it is.
    """
    path = written(tmp_path / "r.jsonl", [request_of(written_for, f"row-{number}") for number in (1, 2)])
    (found,) = check([path], find_provider(asked)).files
    if written_for == asked:
        assert not found.codes
    elif {written_for, asked} == {"openai", "mistral"}:
        assert "form_of_another_provider" not in found.codes
        assert found.codes
    else:
        assert found.codes == {"form_of_another_provider": 2}
        assert "form" in found.problems[0].message


def params(**changes: Any) -> dict[str, Any]:
    """A request for Anthropic with other parameters; None leaves one out."""
    line = request_of("anthropic")
    line["params"] = {
        name: value for name, value in {**line["params"], **changes}.items() if value is not None
    }
    return line


def asked(**changes: Any) -> dict[str, Any]:
    """A request for Gemini with other contents."""
    line = request_of("gemini")
    line["request"] = line["request"] | changes
    return line


def named(dialect: str, **changes: Any) -> dict[str, Any]:
    """A request with other keys; None leaves one out."""
    line = request_of(dialect) | changes
    return {name: value for name, value in line.items() if value is not None}


@pytest.mark.parametrize(
    ("dialect", "line", "code"),
    [
        ("anthropic", params(max_tokens=None), "missing_required_parameter"),
        ("anthropic", params(max_tokens=0), "invalid_value"),
        ("anthropic", params(model=None), "missing_required_parameter"),
        ("anthropic", params(messages=[]), "missing_required_parameter"),
        ("anthropic", params(messages=["x"]), "invalid_type"),
        ("anthropic", params(messages=[{"role": "system", "content": "x"}]), "invalid_value"),
        ("anthropic", params(messages=[{"role": "user", "content": ""}]), "missing_required_parameter"),
        (
            "anthropic",
            params(messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
            "invalid_value",
        ),
        ("anthropic", params(stream=True), "streaming_unsupported"),
        ("anthropic", params(speed="fast"), "unsupported_parameter"),
        ("anthropic", params(temperature=1.5), "invalid_value"),
        ("anthropic", params(model="claude-opus-5", temperature=0.5), "unsupported_parameter"),
        ("anthropic", params(system="\ud800"), "lone_surrogate"),
        ("anthropic", named("anthropic", custom_id="a b"), "custom_id_form"),
        ("anthropic", named("anthropic", custom_id="a" * 65), "custom_id_form"),
        ("anthropic", named("anthropic", custom_id=None), "missing_required_parameter"),
        ("anthropic", named("anthropic", params=7), "invalid_type"),
        ("anthropic", named("anthropic", url="/v1/messages"), "unknown_parameter"),
        ("gemini", named("gemini", key=None), "missing_key"),
        ("gemini", named("gemini", key=7), "invalid_type"),
        ("gemini", named("gemini", request=[]), "invalid_type"),
        ("gemini", asked(contents=[]), "missing_required_parameter"),
        ("gemini", asked(contents=["x"]), "invalid_type"),
        ("gemini", asked(contents=[{"role": "assistant", "parts": [{"text": "x"}]}]), "invalid_value"),
        ("gemini", asked(contents=[{"parts": []}]), "missing_required_parameter"),
        ("mistral", named("mistral", custom_id=None), "missing_key"),
        ("mistral", named("mistral", custom_id=7), "invalid_type"),
        ("mistral", named("mistral", body={"max_tokens": 3}), "missing_required_parameter"),
        ("mistral", named("mistral", body=7), "invalid_type"),
    ],
)
def test_what_a_provider_refuses_is_found(tmp_path, dialect, line, code):
    """
    Each thing that is wrong in a provider's own form has its code.
    """
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    (found,) = check([path], find_provider(dialect), count_tokens=False).files
    assert code in found.codes
    assert found.lines == 1


def test_parts_of_a_message_are_those_of_the_sdk():
    """
    anthropic 2.12.0: the types of `ContentBlockParam`, each of which `check` takes.
    """
    from anthropic.types.content_block_param import ContentBlockParam

    types = {
        get_args(hint)[0] if not (inner := get_args(get_args(hint)[0])) else inner[0]
        for hint in (get_type_hints(block)["type"] for block in get_args(ContentBlockParam))
    }
    assert types <= set(_ANTHROPIC_PARTS)


def test_models_of_anthropic_may_differ_and_ids_may_not(tmp_path):
    """
    Ids of any form are compared: `key` for Gemini. A batch of Anthropic may have several models.
    """
    first, second = params(model="a"), params(model="b")
    (found,) = check([written(tmp_path / "a.jsonl", [first, second])], find_provider("anthropic")).files
    assert (found.codes, found.models) == ({"duplicate_custom_id": 1}, {"a": 1, "b": 1})
    twice = [asked(), asked(contents=[{"parts": [{"text": "other"}]}])]
    (found,) = check([written(tmp_path / "g.jsonl", twice)], find_provider("gemini")).files
    assert found.codes == {"duplicate_custom_id": 1}


@pytest.mark.parametrize(
    "provider", [name for name in provider_names() if find_provider(name).dialect == "openai"]
)
def test_urls_are_those_of_the_provider(tmp_path, provider):
    """
    `/chat/completions` is Azure's and `/v4/…` Zhipu's; an endpoint of the user's own may have any version.
    """
    for url, takers in (
        ("/v1/chat/completions", {"azure", "compatible"}),
        ("/chat/completions", {"azure", "compatible"}),
        ("/v4/chat/completions", {"zhipu", "compatible"}),
        ("https://x.example/v1/chat/completions", set()),
    ):
        path = written(tmp_path / "r.jsonl", [HOUSE | {"url": url}])
        (found,) = check([path], find_provider(provider)).files
        is_taken = provider in takers or (url.startswith("/v1/") and provider != "zhipu")
        assert ("invalid_url" in found.codes) != is_taken, url


def test_a_copy_that_cannot_run_is_not_called_put_right(tmp_path, capsys):
    """
    What is left in the copy is counted and said; a copy that can run has nothing left.
    """
    from rowbatch.cli.app import run_command_line

    line = {name: value for name, value in HOUSE.items() if name not in ("method", "url")}
    path = written(tmp_path / "r.jsonl", [line])
    assert run_command_line(["check", str(path), "--fix", str(tmp_path / "c.jsonl")]) == 1
    said = capsys.readouterr().out
    assert "it cannot run yet" in said
    assert "missing_required_parameter 1" in said.splitlines()[-1]
    report = check([tmp_path / "c.jsonl"], find_provider("openai"))
    assert report.files[0].codes == {"missing_required_parameter": 1}
    path = written(path, [HOUSE | {"method": "post"}])
    report = check([path], find_provider("openai"), fix=tmp_path / "c.jsonl", overwrite=True)
    assert (report.files[0].fixed, dict(report.files[0].left)) == ({"invalid_method": 1}, {})
    path = written(path, [HOUSE, HOUSE | {"url": "/v1/responses"}])
    report = check([path], find_provider("openai"), fix=tmp_path / "c.jsonl", overwrite=True)
    assert set(report.files[0].left) >= {"invalid_url", "duplicate_custom_id"}
