"""What tests of runs with several models share: providers in this process that answer by a script."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fake_providers
from driving import KEY, client_of
from fake_providers import FakeProvider, Reply
from rowbatch.api import runs
from rowbatch.core.plan import Plan

Answers = Callable[[str, str], Mapping[str, Any]]
"""What a model answers: its name and the text."""

FIRST, SECOND, THIRD = "gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-flash-lite"
OTHERS = (f"anthropic:{SECOND}", f"gemini:{THIRD}")
ASKED: dict[str, Any] = {
    "text": "text",
    "labels": ["a", "b", "c"],
    "prompt": "Which?",
    "provider": "openai",
    "model": FIRST,
    "max_tokens": 20,
}


class Providers:
    """
    Three providers, each with one model.

    Attributes:
        fakes: By name; each counts what it was paid for.
        answers: What is answered; the right label by the length of the text where nothing is said.
    """

    def __init__(self) -> None:
        self.fakes = {name: _Now(name) for name in ("openai", "anthropic", "gemini")}
        self.answers: Answers = lambda model, text: {"label": "abc"[len(text) % 3]}

    @property
    def paid(self) -> dict[str, int]:
        """How many rows each was paid for."""
        return {name: fake.rows_run for name, fake in self.fakes.items()}


class _Now(FakeProvider):
    """One whose clock is ours."""

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.now = datetime.now(UTC)
        return super().handle(method, url, headers, body)


def providers_of(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Providers:
    """Put three providers in the place of the real ones, and `folder` in that of our own files."""
    providers = Providers()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ROWBATCH_HOME", str(folder / "home"))
    for name in ("OPENAI", "ANTHROPIC", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)

    @contextmanager
    def client(provider: Any, *_: Any) -> Iterator[Any]:
        with client_of(providers.fakes[provider.name], provider.name) as found:
            yield found

    def answer(body: Mapping[str, Any]) -> str:
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        return json.dumps(providers.answers(_model_of(body), text))

    monkeypatch.setattr(runs, "provider_client", client)
    monkeypatch.setattr(fake_providers, "answer_text", answer)
    return providers


def _model_of(body: Mapping[str, Any]) -> str:
    # The requests of Gemini do not say it.
    return THIRD if body["model"] == "m" else str(body["model"])


def write_table(folder: Path, texts: Sequence[str], name: str = "posts.csv") -> Path:
    """Write a table of these texts."""
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts, 1)])
    return path


def plans_of(run: runs.Run) -> list[Plan]:
    """Of each model."""
    return [run.plan, *(member.plan for member in run.members)]
