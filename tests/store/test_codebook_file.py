"""Codebook files."""

import pytest

from rowbatch.errors import CodebookError, InputError
from rowbatch.store.codebook_file import read_codebook


def test_yes_and_no_stay_texts(tmp_path):
    """
    YAML 1.1 would read the label `no` as False.
    """
    path = tmp_path / "codebook.yaml"
    path.write_text("variables:\n  - name: support\n    labels:\n      - name: yes\n      - name: no\n")
    assert read_codebook(path).variables[0].choices == ("yes", "no")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("instructions: a\ninstructions: b\n", 2, "twice", id="field-twice"),
        pytest.param("variables:\n  - name: a\n    label: []\n", 3, "not known", id="unknown-field"),
        pytest.param("variables:\n  - name: a\n  labels: [\n", 3, "", id="broken-yaml"),
        pytest.param("variables:\n  - name: a\n    labels:\n      - name: 1\n", 4, "in quotes", id="number"),
        pytest.param("- a\n- b\n", 1, "fields are expected", id="a-list"),
        pytest.param("", 1, "fields are expected", id="empty"),
    ],
)
def test_a_fault_names_its_line(tmp_path, text, line, says):
    """
    The message has the file, the line and what is wrong there.
    """
    path = tmp_path / "codebook.yaml"
    path.write_text(text)
    with pytest.raises(CodebookError) as caught:
        read_codebook(path)
    assert caught.value.line == line
    assert says in caught.value.message
    assert str(path) in caught.value.message


def test_a_codebook_that_cannot_be_read_is_a_clear_error(tmp_path):
    """
    No file, a folder, not UTF-8.
    """
    with pytest.raises(InputError, match="does not exist"):
        read_codebook(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="folder"):
        read_codebook(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("instructions: café\n".encode("latin-1"))
    with pytest.raises(CodebookError, match="UTF-8"):
        read_codebook(tmp_path / "latin.yaml")
