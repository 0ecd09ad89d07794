"""`rowbatch codebook`, and `run` with a codebook that is a table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema

from end_to_end import read_rows, rowbatch, scripted_server, write_table
from rowbatch.store.yaml_file import read_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = """\
variable,kind,question,label,definition,min
topic,label,About?,rent,Homes,
,,,other,,
age,number,,,,0
"""


def test_check_says_what_a_codebook_becomes(tmp_path):
    """
    Its variables and their columns; with --show what the model sees, with nothing that moves a terminal.
    """
    shutil.copy(EXAMPLES / "speeches.en.yaml", tmp_path / "book.yaml")
    told = rowbatch("codebook", "check", "book.yaml", home=tmp_path / "home", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "a codebook in YAML: 9 variables" in told.stdout
    assert "columns: topic, topic_reason, topic_evidence, topic_evidence_start" in told.stdout
    assert "Judge only what" not in told.stdout
    shown = rowbatch("codebook", "check", "book.yaml", "--show", home=tmp_path / "home", cwd=tmp_path)
    assert "Judge only what the part itself says" in shown.stdout
    assert '"additionalProperties": false' in shown.stdout
    (tmp_path / "book.yaml").write_text('instructions: "a\\e[31mb"\nvariables: [{name: x}]\n')
    shown = rowbatch("codebook", "check", "book.yaml", "--show", home=tmp_path / "home", cwd=tmp_path)
    assert "\x1b" not in shown.stdout


def test_check_says_what_is_wrong_with_line_and_field(tmp_path):
    """
    Every fault at once; the exit code is that of a file that cannot be used.
    """
    (tmp_path / "book.yaml").write_text(
        "variables:\n  - name: a b\n  - name: mood\n    labels: [{name: good}]\n    most: 2\n"
    )
    told = rowbatch("codebook", "check", "book.yaml", home=tmp_path / "home", cwd=tmp_path)
    assert told.returncode == 3
    assert "line 2, variables[0].name: 'a b' is no column name" in told.stderr
    assert "line 5, variables[1].most: a variable of kind label has no such field" in told.stderr


def test_schema_is_what_the_docs_have(tmp_path):
    """
    An editor that is given either of them checks alike.
    """
    told = rowbatch("codebook", "schema", home=tmp_path / "home", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    published = EXAMPLES.parent / "docs" / "reference" / "codebook.schema.json"
    assert told.stdout == published.read_text(encoding="utf-8")
    jsonschema.validate(read_yaml(EXAMPLES / "speeches.en.yaml").value, json.loads(told.stdout))


def test_convert_says_where_and_what_is_left_out(tmp_path):
    """
    A sheet for those who write it together, and a call for those who have Snowflake.
    """
    shutil.copy(EXAMPLES / "speeches.en.yaml", tmp_path / "book.yaml")
    home = tmp_path / "home"
    made = rowbatch("codebook", "convert", "book.yaml", "book.xlsx", home=home, cwd=tmp_path)
    assert (made.returncode, made.stdout) == (0, "book.xlsx: 9 variables\n"), made.stderr
    again = rowbatch("codebook", "convert", "book.yaml", "book.xlsx", home=home, cwd=tmp_path)
    assert "exists already" in again.stderr
    words = ("codebook", "convert", "book.xlsx", "topic.json", "--to", "snowflake")
    told = rowbatch(*words, home=home, cwd=tmp_path)
    assert told.returncode == 2
    assert "--variable NAME" in told.stderr
    told = rowbatch(*words, "--variable", "topic", home=home, cwd=tmp_path)
    assert "left out: topic.reason has no place there" in told.stdout
    assert json.loads((tmp_path / "topic.json").read_text())["config_object"]["output_mode"] == "single"


def test_a_run_with_a_table_as_its_codebook(tmp_path):
    """
    The same answers as with the file that it stands for.
    """
    home = tmp_path / "home"
    table = write_table(tmp_path / "posts.csv", ["The rent went up.", "I am 40."])
    (tmp_path / "book.csv").write_text(TABLE)
    options = ("--text", "post", "--codebook", "book.csv", "-o", "out.csv")
    with scripted_server(home, lambda _: json.dumps({"topic": "Rent", "age": "40"})):
        done = rowbatch("run", table, *options, home=home, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert [(row["topic"], row["age"]) for row in read_rows(tmp_path / "out.csv")] == [("rent", "40")] * 2


def test_a_run_with_a_list_of_labels(tmp_path):
    """
    The column is called as --variable says.
    """
    home = tmp_path / "home"
    table = write_table(tmp_path / "posts.csv", ["The rent went up."])
    (tmp_path / "labels.csv").write_text("label,definition\nrent,Homes\nother,\n")
    options = ("--text", "post", "--codebook", "labels.csv", "--prompt", "About?", "--variable", "topic")
    with scripted_server(home, lambda _: json.dumps({"topic": "rent"})):
        done = rowbatch("run", table, *options, "-o", "out.csv", home=home, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert [row["topic"] for row in read_rows(tmp_path / "out.csv")] == ["rent"]
