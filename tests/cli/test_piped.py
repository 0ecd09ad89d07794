"""`-` is standard input and standard output of the tools, and nothing but data is on the latter."""

import csv
import io
import json
import subprocess
import sys

import openpyxl
import pytest

from end_to_end import environment

TABLE = "id,text,coder\n1,good day,A\n2,bad day,B\n3,,A\n"
ASKS = ("--text", "text", "--model", "m")


def program(folder, words, **more):
    return {
        "args": [sys.executable, "-P", "-m", "rowbatch", *words],
        "env": environment(folder / "home"),
        "cwd": folder,
        **more,
    }


def end(stream):
    """The end of a pipe that there is."""
    assert stream is not None
    return stream


def typed(folder, *words, given=TABLE):
    done = subprocess.run(
        **program(folder, words),
        input=given if isinstance(given, bytes) else given.encode(),
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode()
    assert "Traceback" not in told
    assert "/rowbatch-" not in told
    assert not (folder / "-").exists()
    return done.returncode, done.stdout, told


def test_tools_are_put_in_a_row(tmp_path):
    """
    A table goes through several programs, without a file in between; each says what it did beside the data.
    """
    words = [
        ("units", "-", "--text", "text", "--by", "words", "--size", "1", "-o", "-", "--format", "jsonl"),
        ("convert", "-", *ASKS, "-o", "-"),
        ("check", "-", "--json"),
    ]
    running = [subprocess.Popen(**program(tmp_path, words[0], stdin=subprocess.PIPE, stdout=subprocess.PIPE))]
    for each in words[1:]:
        before = end(running[-1].stdout)
        running.append(subprocess.Popen(**program(tmp_path, each, stdin=before, stdout=subprocess.PIPE)))
        before.close()
    end(running[0].stdin).write(TABLE.encode())
    end(running[0].stdin).close()
    report = json.loads(end(running[-1].stdout).read())
    assert [one.wait() for one in running] == [0, 0, 0]
    end(running[-1].stdout).close()
    assert [(one["path"], one["lines"], one["errors"]) for one in report["files"]] == [
        ("standard input", 5, 0)
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_only_data_goes_to_standard_output(tmp_path):
    """
    Requests are lines of JSON, in the table's order; the report is said on stderr, by its name.
    """
    code, out, told = typed(tmp_path, "convert", "-", *ASKS, "-o", "-", "--format", "csv")
    assert code == 0
    assert [json.loads(line)["custom_id"] for line in out.splitlines()] == ["row-1", "row-2", "row-3"]
    assert told.startswith("standard output: 3 requests of 3 rows")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(b'{"text": "one"}\n{"text": "two"}\n', (), id="jsonl"),
        pytest.param(b'[{"text": "one"}, {"text": "two"}]', (), id="json"),
        pytest.param(b"text\tx\none\t1\ntwo\t2\n", ("--from", "tsv"), id="tsv"),
    ],
)
def test_what_comes_is_seen_or_said(tmp_path, given, words):
    """
    JSON is seen by its first sign; what cannot be seen is said.
    """
    code, out, told = typed(tmp_path, "convert", "-", *ASKS, "-o", "-", *words, given=given)
    assert code == 0, told
    asked = [json.loads(line)["body"]["messages"][0]["content"] for line in out.splitlines()]
    assert asked == ["one", "two"]


def test_a_workbook_comes_and_goes(tmp_path):
    """
    Formats that are no text are piped as they are.
    """
    words = ("--text", "text", "--by", "words", "--size", "1", "-o", "-")
    code, book, told = typed(tmp_path, "units", "-", *words, "--format", "xlsx")
    assert code == 0, told
    rows = list(openpyxl.load_workbook(io.BytesIO(book)).active.iter_rows(values_only=True))
    assert [row[1] for row in rows[1:5]] == ["good", "day", "bad", "day"]
    code, out, told = typed(tmp_path, "units", "-", *words, given=book)
    assert code == 0, told
    found = list(csv.DictReader(io.StringIO(out.decode())))
    assert [row["text"] for row in found][:4] == ["good", "day", "bad", "day"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        pytest.param(
            ("convert", "-", "--text", "none", "--model", "m", "-o", "-"),
            3,
            "error: standard input has no column 'none'",
            id="error",
        ),
        pytest.param(
            ("merge-coders", "-", "-", "--key", "id", "-o", "-"), 2, "is given twice", id="input-twice"
        ),
        pytest.param(
            ("convert", "-", *ASKS, "-o", "-", "--max-requests", "1"),
            2,
            "error: this makes 'part_01_of_03.jsonl'",
            id="several-files",
        ),
        pytest.param(
            ("convert", "-", *ASKS, "-o", "-", "--dedupe"), 2, "'duplicates.csv' besides", id="a-file-beside"
        ),
        pytest.param(("run", "-", "--text", "text"), 2, "a run needs its table as a file", id="run"),
    ],
)
def test_nothing_is_sent_of_what_failed(tmp_path, words, code, expected):
    """
    Who reads gets all of it or nothing, and the error has no name of a file that nobody knows.
    """
    found, out, told = typed(tmp_path, *words)
    assert (found, out) == (code, b"")
    assert expected in told


def test_a_reader_that_went_is_no_fault(tmp_path):
    """
    `| head` ends the command quietly.
    """
    table = b"text\n" + b"word\n" * 50_000
    with (tmp_path / "table.csv").open("wb") as file:
        file.write(table)
    running = subprocess.Popen(
        **program(
            tmp_path,
            ("convert", "table.csv", *ASKS, "-o", "-"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )
    assert end(running.stdout).readline().startswith(b'{"custom_id":"row-1"')
    end(running.stdout).close()
    told = end(running.stderr).read().decode()
    end(running.stderr).close()
    assert running.wait() == 1
    assert told.splitlines() == ["standard output: 50,000 requests of 50,000 rows, 6,888,894 bytes"]
