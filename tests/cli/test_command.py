"""The command that a page shows makes the plan that it was made of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch import api
from rowbatch.api import runs
from rowbatch.cli import app as command_line
from rowbatch.cli.app import _parameters, app
from rowbatch.core.codebook import Codebook, codebook_document, parse_codebook
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.policy import Policy
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.desk.recipes import _yaml
from rowbatch.errors import UsageError
from rowbatch.requests.asking import Said, asking_of


class Made(Exception):
    """Carries the plan out of the command, before anything is made of it."""


def plan_typed(words: list[str]) -> Plan:
    """The plan that a command makes; its table is there, and not looked at."""

    def caught(plan: Plan, *_: object, **__: object) -> None:
        raise Made(plan)

    there = mock.patch.object(command_line, "_require_table")
    with there, mock.patch.object(runs, "create_planned", caught), pytest.raises(Made) as made:
        app.main(words[1:], standalone_mode=False)
    plan: Plan = made.value.args[0]
    return plan


# What a shell passes on: any text without NUL; a value may look like an option.
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r{}"), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
codebooks = st.builds(
    lambda instructions, variables, language: parse_codebook(
        {
            "instructions": instructions,
            "language": language,
            "variables": [
                {
                    "name": name,
                    "question": "Which?",
                    **({"labels": [{"name": "x"}, {"name": "y"}]} if two else {}),
                }
                for name, two in variables.items()
            ],
        }
    ),
    words,
    st.dictionaries(names, st.booleans(), max_size=3),
    st.sampled_from(["en", "zh"]),
)
saids = st.builds(
    Said,
    st.none() | st.sampled_from([0.0, 0.5, 1.0, 1.25]),
    st.none() | st.integers(16, 5_000),
    st.dictionaries(
        st.sampled_from(["seed", "top_p", "reasoning_effort", "max_completion_tokens", "temperature", "x"]),
        st.integers(0, 9)
        | words
        | st.lists(st.booleans(), max_size=2)
        | st.sampled_from(["7", "true", "1e3"]),
        max_size=3,
    ),
)
askings = st.sampled_from(
    [
        ("local", "", ""),
        ("local", "llama3.2", "http://127.0.0.1:11434/v1"),
        ("openai", "gpt-4o-mini", ""),
        ("openai", "gpt-5-mini", ""),
        ("openai", "my-own", "https://gateway.example.org/v1"),
        ("anthropic", "claude-haiku-4-5", ""),
        ("compatible", "m", "https://example.org/v1"),
    ]
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    question = Question(
        text=draw(words),
        template=draw(st.sampled_from(["", "Text: {{a}}\n{{b c}}", "-- {{x}}"])),
        answer=codebook_document(draw(codebooks)),
        image=(image := draw(st.sampled_from(["", "picture"]))),
        image_folder=Path("/data/-images") if image and draw(st.booleans()) else None,
    )
    provider, model, base_url = draw(askings)
    said, sure = draw(saids), draw(st.sampled_from([(False, 1), (True, 1), (False, 3)]))
    endpoint = draw(st.sampled_from([Endpoint.CHAT, Endpoint.RESPONSES]))
    try:
        asking_of(
            question,
            said,
            provider=provider,
            model=model,
            base_url=base_url,
            endpoint=endpoint,
            confidence=sure[0],
            samples=sure[1],
        )
    except UsageError:
        # Not every model tells how sure it is, and not everything can be counted.
        sure = (False, 1)
    asking = asking_of(
        question,
        said,
        provider=provider,
        model=model,
        base_url=base_url,
        endpoint=endpoint,
        confidence=sure[0],
        samples=sure[1],
        dedupe=draw(st.booleans()),
    )
    reading = ReadOptions(
        draw(st.sampled_from([None, "cp1252"])),
        draw(st.sampled_from([None, ";", "\t", "-"])),
        draw(st.sampled_from([None, "Sheet 2"])),
        draw(st.sampled_from(["stop", "keep", "skip"])),
    )
    output = Output(
        draw(st.sampled_from([None, Path("/tmp/out put.csv")])),
        draw(st.booleans()),
        WriteOptions(draw(st.booleans()), draw(st.booleans())),
    )
    policy = Policy(
        poll_seconds=draw(st.sampled_from([None, 5.0])),
        rounds=draw(st.integers(1, 5)),
        max_cost_usd=draw(st.sampled_from([None, Decimal("0.50"), Decimal(12)])),
        ask_invalid_again=draw(st.booleans()),
        queue_tokens=draw(st.sampled_from([None, 1000])),
        on_lost_answer=draw(st.sampled_from(["ask", "resubmit"])),
        worst_share=draw(st.sampled_from([0.5, 0.25])),
        clean_up=draw(st.booleans()),
        tier=draw(st.sampled_from([None, 3])),
        creations_per_hour=draw(st.sampled_from([None, 500])),
        storage_bytes=draw(st.sampled_from([None, 10**12])),
        free_inputs=draw(st.booleans()),
    )
    return Plan(Source(Path("posts.csv"), reading=reading), question, asking, output, policy)


@settings(
    max_examples=cases(40, 1_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plan=plans())
def test_a_command_typed_as_shown_makes_the_same_plan(plan, tmp_path):
    """
    Whatever a plan is, its command gives it back: question, parameters, table, output, pace.
    """
    codebook = tmp_path / "codebook.yaml"
    codebook.write_text(_yaml(dict(plan.question.answer)), encoding="utf-8")
    typed = plan_typed(api.command_of(plan, codebook=str(codebook)))
    # What was said in vain, and noted, is not said again.
    assert replace(typed, asking=replace(typed.asking, notes=())) == replace(
        plan, asking=replace(plan.asking, notes=())
    )


def test_the_command_says_what_happens_to_broken_rows():
    """
    Typed as a page showed it, the command once stopped at the rows that the job had kept.
    """
    question = Question(text="post", answer=codebook_document(Codebook(instructions="Why?")))
    plan = Plan(
        Source(Path("posts.csv"), reading=ReadOptions(on_bad_rows="keep")),
        question,
        asking_of(question, Said(), provider="local"),
    )
    typed = api.command_of(plan)
    assert typed[typed.index("--on-bad-rows") + 1] == "keep"
    assert plan_typed(typed) == plan


def test_a_parameter_of_too_many_brackets_is_refused():
    """
    A value that Python's JSON reader cannot take is an error of the command, and no fault of the program.
    """
    with pytest.raises(UsageError) as caught:
        _parameters(["a=1", "b=" + "[" * 3000 + "]" * 3000])
    assert caught.value.kind == "param-too-deep"
