"""YAML that a person wrote."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.desk.recipes import _yaml
from rowbatch.errors import CodebookError
from rowbatch.store import yaml_file
from rowbatch.store.codebook_file import read_codebook
from rowbatch.store.yaml_file import _read, read_yaml


def value_of(text):
    return _read(text, "t.yaml").value


def fault_of(text):
    with pytest.raises(CodebookError) as caught:
        _read(text, "t.yaml")
    assert caught.value.message
    return caught.value.kind, caught.value.line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("2026-11-23", "2026-11-23"),
        ("2026-99-99", "2026-99-99"),
        ("12:30:45", "12:30:45"),
        ("0b11", "0b11"),
        ("=", "="),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("'1'", "1"),
        ("9" * 5000, "9" * 5000),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-5", -5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("!!float 1", 1),
        ("-.inf", float("-inf")),
        ("True", True),
        ("~", None),
        ("", None),
        ("é 🙂", "é 🙂"),
    ],
)
def test_a_text_is_what_a_person_wrote(text, value):
    """
    By the core schema of YAML 1.2: what YAML 1.1 and ruamel.yaml 0.19 take for a truth value, a number with
    underscores, a date or a time of day is a text. Source: YAML 1.2.2, chapter 10.3.
    """
    found = value_of(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)
    # A word for another version changes nothing.
    assert value_of(f"%YAML 1.1\n---\na: {text}\n")["a"] == value


# U+0085 often: what "…" of Windows becomes when it is read as Latin-1. ruamel.yaml 0.19.1 left to itself
# writes it as an end of a line, which it reads as a space.
WRITTEN = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x85\u2028 ?"), max_size=30)


@given(st.dictionaries(WRITTEN.filter(bool), WRITTEN, max_size=5))
def test_a_recipe_gives_every_text_back(texts):
    """
    What recipes and codebooks are written with, this reads.
    """
    assert value_of(_yaml({"texts": texts})) == {"texts": texts}


def test_names_of_labels_are_texts_as_they_stand(tmp_path):
    """
    A codebook may have labels that look like something else.
    """
    path = tmp_path / "codebook.yaml"
    names = ["no", "1_000", "2020-01-01", "12:30"]
    labels = "".join(f"      - name: {name}\n" for name in names)
    path.write_text(f"variables:\n  - name: a\n    labels:\n{labels}")
    assert list(read_codebook(path).variables[0].choices) == names


def test_references_and_merge_keys_work(tmp_path):
    """
    Fields can be taken over: what stands there itself counts, and of several the first one.
    """
    assert value_of("- &a {x: 1, y: 2}\n- &b {y: 3, z: 4}\n- {<<: *a, x: 9}\n- {x: 9, <<: [*b, *a]}\n- *a\n")[
        2:
    ] == [
        {"x": 9, "y": 2},
        {"x": 9, "y": 3, "z": 4},
        {"x": 1, "y": 2},
    ]
    assert value_of("&a x: *a\n") == {"x": "x"}
    path = tmp_path / "codebook.yaml"
    path.write_text(
        "variables:\n"
        "  - &first\n    name: a\n    labels:\n      - &yes\n        name: x\n        definition: d\n"
        "      - <<: *yes\n        name: y\n"
        "  - <<: *first\n    name: b\n"
    )
    book = read_codebook(path)
    assert [variable.name for variable in book.variables] == ["a", "b"]
    assert book.variables[1].choices == ("x", "y")


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        pytest.param("a:\n  - !foo x\n", "yaml-tag", 2, id="tag"),
        pytest.param("a: !foo {b: c}\n", "yaml-tag", 1, id="tag-of-fields"),
        pytest.param("a: !!set {b, c}\n", "yaml-tag", 1, id="set"),
        pytest.param("a: !!binary aGk=\n", "yaml-tag", 1, id="binary"),
        pytest.param("a: !!int x\n", "yaml-tag", 1, id="no-such-number"),
        pytest.param("a: !!timestamp 2020-01-01\n", "yaml-tag", 1, id="timestamp"),
        pytest.param("a: 1\nb: 2\na: 3\n", "yaml-field-twice", 3, id="field-twice"),
        pytest.param("a: 1\n---\nb: 2\n", "yaml-several-documents", 2, id="documents"),
        pytest.param("a:\n\t- b\n", "codebook-yaml-broken-at", 2, id="tab"),
        pytest.param("a: b\nc: d\0e\n", "yaml-character", 2, id="nul"),
        pytest.param("a: b\nc: d\x07e\n", "yaml-character", 2, id="bell"),
        pytest.param("a: b\nc: *d\n", "yaml-refers-to-nothing", 2, id="no-anchor"),
        pytest.param("a: &a\n  - *a\n", "yaml-refers-to-itself", 2, id="itself"),
        pytest.param("? [a, b]\n: c\n", "yaml-name-no-text", 1, id="list-as-name"),
        pytest.param("a: &a b\nc:\n  <<: *a\n", "yaml-merges-no-fields", 3, id="merges-text"),
        pytest.param("a: [1, 2\nb: c\n", "codebook-yaml-broken-at", 2, id="bracket"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text, kind, line):
    """
    Nothing of it reaches the codebook as something else, and nothing ends in a traceback.
    """
    assert fault_of(text) == (kind, line)


def test_references_that_multiply_are_counted_before_they_are_written_out(monkeypatch):
    """
    Each reference counts as what it stands for: a few lines that stand for more entries than there may be are
    refused with the line where it becomes too much, at once.
    """
    monkeypatch.setattr(yaml_file, "MAX_ENTRIES", 60)
    lines = ["a: &a [x, x, x]", "b: &b [*a, *a, *a]", "c: &c [*b, *b, *b]", "d: &d [*c, *c, *c]"]
    assert value_of("\n".join(lines[:2]))["b"] == [["x"] * 3] * 3
    began = time.monotonic()
    assert fault_of("\n".join(lines)) == ("yaml-too-many-entries", 3)
    assert fault_of("a: &a {x: 1, y: 2}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(20)))[0] == (
        "yaml-too-many-entries"
    )
    assert time.monotonic() - began < 1


def test_depth_and_size_have_bounds(monkeypatch, tmp_path):
    """
    Also the depth that a reference brings along.
    """
    monkeypatch.setattr(yaml_file, "MAX_DEPTH", 5)
    assert value_of("a: [[[x]]]\n") == {"a": [[["x"]]]}
    assert fault_of("a:\n- [[[[x]]]]\n") == ("yaml-too-deep", 2)
    assert fault_of("a: &a [[x]]\nb:\n  c:\n   - *a\n") == ("yaml-too-deep", 4)
    monkeypatch.setattr(yaml_file, "MAX_BYTES", 1 << 20)
    (tmp_path / "t.yaml").write_text("# " + "x" * (1 << 20) + "\na: b\n")
    with pytest.raises(CodebookError) as caught:
        read_yaml(tmp_path / "t.yaml")
    assert caught.value.kind == "yaml-too-long"
    assert "1 MB" in caught.value.message
