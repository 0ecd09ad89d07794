"""Text with placeholders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.template import Column, Template
from rowbatch.errors import UsageError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("plain", ("plain",), id="no-column"),
        pytest.param("{{a}}", (Column("a"),), id="column-alone"),
        pytest.param("x {{a}} y {{b}}", ("x ", Column("a"), " y ", Column("b")), id="two-columns"),
        pytest.param("{{a}}{{a}}", (Column("a"), Column("a")), id="the-same-twice"),
        pytest.param("{{ a b }}", (Column("a b"),), id="spaces-at-the-braces-do-not-count"),
        pytest.param("{{a\nb}}", (Column("a\nb"),), id="a-name-with-a-line-break"),
        pytest.param("{{名前}} é", (Column("名前"), " é"), id="not-ascii"),
        pytest.param('{"k": [{{a}}]}', ('{"k": [', Column("a"), "]}"), id="single-braces-are-text"),
        pytest.param(r"\{{a\}}", ("{{a}}",), id="escaped-braces-are-text"),
        pytest.param(r"\{{ {{a}} \}}", ("{{ ", Column("a"), " }}"), id="escaped-beside-a-column"),
        pytest.param(r"C:\{ \n", (r"C:\{ \n",), id="other-backslashes-stay"),
    ],
)
def test_parse(text, parts):
    """
    Double braces are a column, everything else is text.
    """
    assert Template.parse(text).parts == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a {{b", "{{ without its partner, at character 3", id="never-closed"),
        pytest.param("a }} b", "}} without its partner, at character 3", id="never-opened"),
        pytest.param("{{a}} }}", "at character 7", id="one-too-many"),
        pytest.param("{{}}", "no column", id="nothing-inside"),
        pytest.param("{{ \n }}", "no column", id="only-spaces-inside"),
    ],
)
def test_parse_refuses(text, said):
    """
    Braces without a partner or without a name are refused, with their place.
    """
    with pytest.raises(UsageError) as caught:
        Template.parse(text)
    assert said in caught.value.message
    assert "{{name}}" in caught.value.hint


def test_columns_are_named_once_in_order():
    """
    The columns of a template come in order of appearance, each once.
    """
    assert Template.parse("{{b}} {{a}} {{b}}").columns == ("b", "a")


def test_a_cell_is_never_read_as_a_template():
    """
    Braces in a cell are the cell's own.
    """
    template = Template.parse("<{{a}}>{{b}}")
    assert template.render({"a": "{{b}}", "b": r"\{{a\}}"}) == r"<{{b}}>\{{a\}}"


@given(st.text())
def test_literal_text_stays(text):
    """
    A literal template is its own text, whatever the braces.
    """
    template = Template.literal(text)
    assert template.columns == ()
    assert template.render({}) == text


@given(st.text(), st.text())
def test_any_header_name_can_be_the_text(name, cell):
    """
    A template of one column alone takes any name, as headers have them.
    """
    template = Template.column_only(name)
    assert template.columns == (name,)
    assert template.render({name: cell}) == cell


@given(st.lists(st.one_of(st.sampled_from(["a", "b c"]).map(Column), st.text("xy{}\n é", min_size=1))))
def test_parse_reads_what_was_put_together(parts):
    """
    A template that was put together of escaped texts and columns is read back as those.
    """
    escaped = (
        "{{" + part.name + "}}"
        if isinstance(part, Column)
        # A single brace at the end of a text would join the braces of a column behind it.
        else part.replace("{", "(").replace("}", ")")
        for part in parts
    )
    cells = {"a": "1", "b c": "{{a}}"}
    expected = "".join(
        cells[part.name] if isinstance(part, Column) else part.replace("{", "(").replace("}", ")")
        for part in parts
    )
    assert Template.parse("".join(escaped)).render(cells) == expected
