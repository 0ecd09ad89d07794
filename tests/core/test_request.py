"""One line of Batch JSONL for each row."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.request import RequestSettings, render_requests
from rowbatch.core.template import Column, Template

# What JSON, Python's line methods and careless escapers treat specially, and text beyond ASCII.
SPECIAL = (
    '\\"/{}[]\0\b\f\n\r\t\v\x1c\x1d\x1e\x1f\x7f\x85\xa0\u2028\u2029\u200b\ufeff\ufffd\ufffeé中ß🙂'
    "\U0010ffff,;'<>&"
)
texts = st.text(st.one_of(st.sampled_from(SPECIAL), st.characters(codec="utf-8")), max_size=30)
names = st.sampled_from(["post", "title", 'the "id"', "{x}", "é\u2028\n"])
parts = st.one_of(names.map(Column), texts.filter(bool))
templates = st.lists(parts, max_size=5).map(lambda found: Template(tuple(found)))
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-10, 10**12),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
COLUMNS = ("post", "title", 'the "id"', "{x}", "é\u2028\n")


def render(settings: RequestSettings, rows: list[tuple[str, ...]], first_row: int = 1) -> bytes:
    frame = pl.DataFrame(
        {str(position): [row[position] for row in rows] for position in range(len(COLUMNS))},
        schema=dict.fromkeys(map(str, range(len(COLUMNS))), pl.String),
    )
    numbers = pl.Series(range(first_row, first_row + len(rows)), dtype=pl.UInt32)
    positions = {name: position for position, name in enumerate(COLUMNS)}
    with tempfile.TemporaryFile(buffering=0) as file:
        lines = render_requests(settings, frame, positions, numbers)
        lines.write(file)
        file.seek(0)
        content: bytes = file.read()
    assert lines.to_list() == content.splitlines(keepends=True)
    assert lines.sizes.to_list() == list(map(len, lines.to_list()))
    return content


def reference(settings: RequestSettings, row: tuple[str, ...], number: int) -> dict[str, Any]:
    """The request as anybody would build it."""
    cells = dict(zip(COLUMNS, row, strict=True))

    def text(template: Template) -> str:
        return "".join(cells[part.name] if isinstance(part, Column) else part for part in template.parts)

    body = {
        "model": settings.model,
        **body_of(settings, cells, text(settings.user), text),
        **settings.parameters,
    }
    return {
        "custom_id": f"{settings.id_prefix}{number}",
        "method": "POST",
        "url": str(settings.endpoint),
        "body": body,
    }


TAKEN = ("model", "messages", "input", "instructions")


def settings_for(endpoint: Endpoint, **others: Any) -> RequestSettings:
    """Any settings that fit together."""
    if endpoint is Endpoint.EMBEDDINGS:
        others |= {"system": None, "image": None}
    return RequestSettings(endpoint=endpoint, **others)


def body_of(
    settings: RequestSettings, cells: Mapping[str, str], user: str, text: Callable[[Template], str]
) -> dict[str, Any]:
    """What an endpoint takes, as its documentation has it."""
    image = cells[settings.image] if settings.image else ""
    content: Any = user
    match settings.endpoint:
        case Endpoint.EMBEDDINGS:
            return {"input": user}
        case Endpoint.RESPONSES:
            instructions = {"instructions": text(settings.system)} if settings.system else {}
            if settings.image:
                parts = [{"type": "input_text", "text": user}]
                parts += [{"type": "input_image", "image_url": image}] if image else []
                content = [{"role": "user", "content": parts}]
            return {**instructions, "input": content}
        case _:
            if settings.image:
                content = [{"type": "text", "text": user}]
                content += [{"type": "image_url", "image_url": {"url": image}}] if image else []
            messages = [{"role": "user", "content": content}]
            if settings.system is not None:
                messages.insert(0, {"role": "system", "content": text(settings.system)})
            return {"messages": messages}


def test_a_line_byte_for_byte():
    """
    A line is compact JSON in the order of the API's own examples, text as UTF-8.
    """
    settings = RequestSettings(
        model="gpt-4o-mini",
        user=Template.parse('Title: {{title}}\n"{{post}}"'),
        system=Template.parse("Be brief."),
        parameters={"temperature": 0.5, "max_tokens": 10},
    )
    assert render(settings, [('é "中" 🙂\n', "a\\b", "", "", "")], first_row=12).decode() == (
        '{"custom_id":"row-12","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini",'
        '"messages":[{"role":"system","content":"Be brief."},'
        '{"role":"user","content":"Title: a\\\\b\\n\\"é \\"中\\" 🙂\\n\\""}],'
        '"temperature":0.5,"max_tokens":10}}\n'
    )


@given(
    settings=st.builds(
        settings_for,
        model=texts,
        user=templates,
        system=st.none() | templates,
        image=st.none() | st.sampled_from(COLUMNS),
        endpoint=st.sampled_from(Endpoint),
        parameters=st.dictionaries(texts.filter(lambda name: name not in TAKEN), json_values, max_size=3),
        id_prefix=st.sampled_from(["row-", "request-", "", 'é"\u2028-']),
    ),
    rows=st.lists(st.tuples(*[texts] * len(COLUMNS)), max_size=6),
    first_row=st.sampled_from([1, 20_001, 999_999]),
)
def test_every_line_is_the_reference_as_json(settings, rows, first_row):
    """
    Each line has the values that json.dumps would write, under its row's id, and nothing cuts it in two.
    """
    written = render(settings, rows, first_row)
    lines = written.decode().splitlines()
    expected = [reference(settings, row, first_row + number) for number, row in enumerate(rows)]
    assert [json.loads(line) for line in lines] == expected
    # Not only equal values but equal types, in equal order: 1 is not 1.0 or true to a provider.
    assert [json.dumps(json.loads(line)) for line in lines] == [json.dumps(value) for value in expected]
    assert written.count(b"\n") == len(rows)
    assert not rows or written.endswith(b"\n")


@given(texts)
def test_only_what_must_be_is_escaped(cell):
    """
    Text stays UTF-8: only JSON's own characters and those taken for line ends are escaped.
    """
    settings = RequestSettings(model="m", user=Template.column_only("post"))
    line = render(settings, [(cell, "", "", "", "")]).decode()
    kept = [character for character in cell if character >= " " and character not in '"\\\x85\u2028\u2029']
    content = line.split('"role":"user","content":"')[1].removesuffix('"}]}}\n')
    assert [character for character in kept if character > "\x7f"] == [c for c in content if c > "\x7f"]


@pytest.mark.parametrize("cell", ["", " ", "NaN", "null", "007", "1e5", "\\u00e9", "\\n", "{{title}}"])
def test_cells_are_text_as_they_stand(cell):
    """
    No cell is a number, a null, an escape or a template: it is its text.
    """
    settings = RequestSettings(model="m", user=Template.column_only("post"))
    line = json.loads(render(settings, [(cell, "other", "", "", "")]))
    assert line["body"]["messages"] == [{"role": "user", "content": cell}]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_template_without_a_column_still_makes_one_line_a_row(rows):
    """
    A constant message is sent once for each row.
    """
    settings = RequestSettings(model="m", user=Template.literal("Tell a joke."))
    lines = render(settings, [("a",) * 5] * rows).splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == [f"row-{n + 1}" for n in range(rows)]


def test_the_preview_is_the_body_of_the_line():
    """
    What people are shown before a run is what is sent.
    """
    settings = RequestSettings(
        model="m",
        user=Template.parse("{{post}}!"),
        system=Template.parse("{{title}}"),
        parameters={"max_tokens": 1},
    )
    body = json.loads(render(settings, [("a", "b", "", "", "")]))["body"]
    assert settings.body_preview({"post": "a", "title": "b"}) == body
    assert settings.columns == ("title", "post")


@pytest.mark.parametrize(
    ("prompt", "rows"),
    [("x" * 100_000, 335), ("é" * (20 << 20), 1)],
    ids=["long", "longer-than-a-chunk"],
)
def test_a_long_prompt_makes_short_chunks(prompt, rows):
    """
    The constant text of all requests that are rendered at a time stays within some megabytes.
    """
    settings = RequestSettings(model="m", user=Template.column_only("a"), system=Template.literal(prompt))
    assert settings.rows_per_chunk() == rows
