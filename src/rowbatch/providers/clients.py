"""The client that speaks a provider's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rowbatch.http import HttpClient
from rowbatch.providers import anthropic, gemini, mistral, openai
from rowbatch.providers.anthropic import VERSION, AnthropicBatchClient
from rowbatch.providers.base import BatchClient, BatchView
from rowbatch.providers.catalog import Provider
from rowbatch.providers.gemini import GeminiBatchClient
from rowbatch.providers.mistral import MistralBatchClient
from rowbatch.providers.openai import OpenAIBatchClient


def client_for(provider: Provider, http: HttpClient) -> BatchClient:
    """The calls of a provider, over an HTTP client made with `headers_of`."""
    match provider.dialect:
        case "anthropic":
            return AnthropicBatchClient(http)
        case "gemini":
            return GeminiBatchClient(http)
        case "mistral":
            return MistralBatchClient(http)
        case _:
            return OpenAIBatchClient(http, provider.quirks)


def read_batch(provider: Provider, answer: Mapping[str, Any]) -> BatchView:
    """
    Read a provider's batch object that was kept, without asking anybody.

    Raises:
        ServiceError: It is none.
    """
    match provider.dialect:
        case "anthropic":
            return anthropic.read_batch(answer)
        case "gemini":
            return gemini.read_batch(answer)
        case "mistral":
            return mistral.read_job(answer)
        case _:
            return openai.read_batch(answer)


def headers_of(provider: Provider) -> dict[str, str]:
    """Headers that go with every call, besides the key."""
    return {"anthropic-version": VERSION} if provider.dialect == "anthropic" else {}
