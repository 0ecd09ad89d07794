"""What the demo says at its end."""

from __future__ import annotations

import pytest

import rowbatch
from rowbatch.api import DemoRun
from rowbatch.cli import show
from serving import scripted_local_model


@pytest.mark.parametrize(
    ("make_level", "opens"),
    [pytest.param("1", "make ui", id="by-make"), pytest.param("", "rowbatch ui", id="by-itself")],
)
def test_the_demo_leads_to_the_app(tmp_path, monkeypatch, capsys, make_level, opens):
    """
    The first thing to do next is to open the app, in the way in which the demo was started; the folder of the
    run is named.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAKELEVEL", make_level)
    monkeypatch.setattr("sys.argv", ["rowbatch-of-a-test"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.csv").write_text("text,people\nso good,good\nso bad,bad\n", encoding="utf-8")
    with scripted_local_model(tmp_path / "server"):
        run = rowbatch.create("posts.csv", text="text", labels=["good", "bad"], prompt="How is the mood?")
        run.resume()
    prepared = DemoRun(run, tmp_path / "posts.csv", 2, "text", "people", "label", "us", "CC0", "small")
    show.demo_result(prepared, prepared.agreement(), 1.0)
    told = capsys.readouterr().out.splitlines()
    after = told[told.index("Next:") + 1 :]
    assert after[0] == f"  {opens}   (open the app: this run is among its jobs)"
    assert any(line.split() == ["run", "directory", show.place(run.path)] for line in told)
