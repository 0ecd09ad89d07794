"""
The verdicts that the authors of the alternative annotator test published, beside ours, of their own data.

    make alt-test

Nothing of theirs is kept here: their repository is fetched, and the numbers that its notebook shows are read
from it. They leave out what the model did not answer; so do we here, where we otherwise count it as wrong.

Source:
    Calderon, Reichart and Dror (2025), github.com/nitaytech/AltTest.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rowbatch.core.statistics.alternative_annotator import Alike, AltTest, alternative_annotator_test
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Codes, Floats, Patterns

_LINE = re.compile(
    r"^(?P<data>\S+) (?P<model>\S+) \[(?P<verdict>PASSED|FAILED)\]:\s+Winning Rate=(?P<rate>[\d.]+)"
    r"\s+Advantage Probability=(?P<advantage>[\d.]+)$",
    re.MULTILINE,
)


def published(notebook: Mapping[str, Any]) -> tuple[list[dict[str, str]], dict[str, str], dict[str, float]]:
    """Lines that the notebook shows; and of each data set how values are compared, and epsilon."""
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    shown = "\n".join(
        "".join(output.get("text", ())) for cell in notebook["cells"] for output in cell.get("outputs", ())
    )
    metrics = dict(re.findall(r"'(\w+)': '(accuracy|neg_rmse)'", code))
    epsilons = {name: float(value) for name, value in re.findall(r"'(\w+)': (0\.\d+)", code)}
    return [one.groupdict() for one in _LINE.finditer(shown)], metrics, epsilons


def tested(
    people: Mapping[str, Mapping[str, Any]], model: Mapping[str, Any], metric: str, epsilon: float
) -> AltTest:
    """Our verdict."""
    units = sorted({unit for said in people.values() for unit in said} & set(model))
    values = sorted({said[unit] for said in (*people.values(), model) for unit in units if unit in said})
    place = {value: code for code, value in enumerate(values)}
    codes = np.array(
        [[place[said[unit]] if unit in said else -1 for said in (*people.values(), model)] for unit in units],
        dtype=np.int64,
    )
    patterns = Patterns(codes, np.ones(len(codes), dtype=np.int64), len(values))
    return alternative_annotator_test(
        patterns, ([*people], "model"), _alike(metric, values), epsilon, Resampling(draws=10)
    )


def _alike(metric: str, values: list[Any]) -> Alike:
    if metric == "accuracy":
        return lambda one, other: np.equal(one, other).astype(np.float64)
    numbers = np.array(values, dtype=np.float64)

    def near(one: Codes, other: Codes) -> Floats:
        found: Floats = -((numbers[one] - numbers[other]) ** 2)
        return found

    return near


def compared(folder: Path) -> Iterator[tuple[str, AltTest, dict[str, str]]]:
    """Each published line, and ours."""
    notebook = json.loads((folder / "alt_test_example.ipynb").read_text(encoding="utf-8"))
    lines, metrics, epsilons = published(notebook)
    for line in lines:
        data = folder / "data" / line["data"]
        people, models = (
            json.loads((data / f"{who}_annotations.json").read_text(encoding="utf-8"))
            for who in ("human", "llm")
        )
        found = tested(people, models[line["model"]], metrics[line["data"]], epsilons[line["data"]])
        yield f"{line['data']}, {line['model']}", found, line


def main() -> int:
    wrong = count = 0
    for name, found, line in compared(Path(sys.argv[1])):
        rate, advantage = found.winning_rate or 0.0, found.advantage.estimate or 0.0
        ours = (f"{rate:.2f}", f"{advantage:.2f}", "PASSED" if found.passes else "FAILED")
        theirs = (line["rate"], line["advantage"], line["verdict"])
        count += 1
        wrong += ours != theirs
        sys.stdout.write(f"{name}: {' '.join(ours)}{'' if ours == theirs else f', published {theirs}'}\n")
    sys.stdout.write(f"{count - wrong} of {count} as published\n")
    return 0 if count and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
