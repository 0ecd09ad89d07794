"""Result lines that are not as their provider says, through the door of `extract`."""

from __future__ import annotations

import json

import pytest

from fake_providers import FakeProvider
from odd_results import FORMS, SHAPES
from rowbatch.core.result_columns import EXTRAS
from rowbatch.core.states import RowStatus
from rowbatch.tools.extract import extract

# Lines of OpenAI's form, as runs keep all of them, whoever was asked.
READ = [shape for shape in SHAPES if shape.provider in ("openai", "mistral")]
BODIES = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "responses": {"model": "m", "input": "x", "max_output_tokens": 20},
    "embeddings": {"model": "m", "input": "x"},
}


def good_line(shape, number: int) -> bytes:
    asked = {"custom_id": f"row-{number}", "wire": f"row-{number}", "body": BODIES[shape.endpoint]}
    skin = shape.provider if shape.provider == "mistral" else "openai"
    return FakeProvider(skin).skin.answered(asked, json.dumps({"mood": "good"})).rstrip(b"\n")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("extras", [(), EXTRAS], ids=["plain", "extras"])
@pytest.mark.parametrize("shape", READ, ids=[f"{s.provider}-{s.endpoint}" for s in READ])
def test_odd_lines_cost_themselves_and_nothing_else(tmp_path, shape, extras, as_json):
    """
    Every odd form between good lines: the good ones are answers, no odd one is, and each is a row or a line
    that is counted as unreadable.
    """
    lines = []
    for number, form in enumerate(FORMS.values()):
        lines += [good_line(shape, 2 * number + 1), form(good_line(shape, 2 * number + 2) + b"\n", shape)]
    file = tmp_path / "results.jsonl"
    file.write_bytes(b"\n".join(line.rstrip(b"\n") for line in lines) + b"\n")
    report = extract([file], tmp_path / "out.parquet", extras=extras, as_json=as_json)
    assert report.results + report.unreadable_lines == len(lines)
    assert report.rows == report.results
    if shape.endpoint == "embeddings":
        # They are no JSON objects, and the numbers are looked at when they are wanted.
        assert as_json or report.statuses[RowStatus.OK] == len(FORMS) + 1
        return
    assert report.statuses[RowStatus.OK] == len(FORMS)
    assert report.unreadable_lines
