"""A codebook that changed: what changed is said, and only that is asked when the person wants it."""

import json
from typing import Any

import pytest

import rowbatch as library
from driving import right_label
from end_to_end import read_rows
from growing import FIRST, rowbatch, table
from kill_runs import fake_server, judged
from rowbatch.core.codebook import parse_codebook
from rowbatch.core.codebook_change import CodebookChange, compare_codebooks
from rowbatch.errors import UsageError

LABELS = [{"name": name} for name in "abc"]


def book(instructions="Read.", **variables):
    """A codebook of variables with labels, by their questions."""
    told = [{"name": name, "question": question, "labels": LABELS} for name, question in variables.items()]
    return {"instructions": instructions, "variables": told}


@pytest.mark.parametrize(
    ("now", "change"),
    [
        pytest.param(book(x="X?", y="Y?"), None, id="same"),
        pytest.param(book(y="Y?", x="X?"), None, id="other-order"),
        pytest.param(book("Look.", x="X?", y="Y?", z="Z?"), None, id="other-instructions"),
        pytest.param(book(x="X?", y="Y?", z="Z?"), CodebookChange(("z",), (), (), ("x", "y")), id="added"),
        pytest.param(book(x="X?"), CodebookChange((), ("y",), (), ("x",)), id="removed"),
        pytest.param(book(x="Other?", y="Y?"), CodebookChange((), (), ("x",), ("y",)), id="redefined"),
        pytest.param(book(p="X?", y="Y?"), CodebookChange(("p",), ("x",), (), ("y",)), id="renamed"),
    ],
)
def test_what_changed_by_name(now, change):
    """
    Variables are compared by their names; other instructions make each another question.
    """
    assert compare_codebooks(parse_codebook(book(x="X?", y="Y?")), parse_codebook(now)) == change


def label(folder, address, name, codebook, *more):
    """Label a table by a codebook."""
    (folder / "book.yaml").write_text(json.dumps(codebook))
    words = ["--provider", "openai", "--base-url", f"{address}/v1", "--model", "gpt-4o-mini"]
    words += ["--text", "text", "--codebook", "book.yaml", "--poll-seconds", "0.05", "--yes"]
    return rowbatch(folder, "run", name, *words, "-o", f"{name}.out.csv", *more)


def test_only_what_changed_is_asked(tmp_path):
    """
    Two variables of three are asked of the table, sorted otherwise; the third's values come from the
    earlier run, each to its row, and the metadata tell which came from where.
    """
    with fake_server(tmp_path, {}, 1) as address:
        # So many that a label by a row's place would be found out.
        assert label(tmp_path, address, table(tmp_path, "g.csv", FIRST), book(x="X?", y="Y?")).returncode == 0
        before = {row["text"]: row["x"] for row in read_rows(tmp_path / "g.csv.out.csv")}
        changed = book(x="X?", y="Why?", z="Z?")
        name = table(tmp_path, "h.csv", [*FIRST[::-1], "", FIRST[0]])
        told = label(tmp_path, address, name, changed, "--max-cost", "0")
        assert "since run g asked these rows, new in the codebook: z" in told.stdout
        assert "since run g asked these rows, asked otherwise in the codebook: y" in told.stdout
        assert "--only-changed asks only z, y" in told.stdout
        assert judged(address)["rows_run"] == 12
        done = label(tmp_path, address, name, changed, "--only-changed", "--overwrite")
        assert done.returncode == 0, done.stderr
        assert "only z, y are asked; the values of x are those of run g" in done.stdout
        assert "the values of x are those of run g" in done.stdout
        assert judged(address)["rows_run"] == 12 + 13
        rows = read_rows(tmp_path / "h.csv.out.csv")
        assert list(rows[0])[:6] == ["id", "text", "x", "y", "z", "status"]
        for row in rows:
            text = row["text"]
            assert row["x"] == (before[text] if text else "")
            assert row["y"] == row["z"] == (right_label(text) if text else "")
            assert row["status"] == ("ok" if text else "skipped")
        told = json.loads((tmp_path / "h.csv.out.csv-metadata.json").read_text())["rowbatch:run"]
        assert told["variables_kept"]["run"] == "g"
        assert told["variables_kept"]["variables"] == ["x"]
        # The same command is the same run, which needs the earlier one no more.
        posts = judged(address)["posts"]
        again = label(tmp_path, address, name, changed, "--only-changed", "--overwrite")
        assert "goes on" in again.stdout
        assert judged(address)["posts"] == posts
        assert rowbatch(tmp_path, "verify", "h-2").returncode == 0
        kept = tmp_path / "rowbatch-runs" / "h-2" / "requests" / "r1-kept.parquet"
        kept.write_bytes(kept.read_bytes()[:-1])
        assert "its digest differs" in (spoken := rowbatch(tmp_path, "verify", "h-2")).stdout + spoken.stderr
        kept.unlink()
        done = rowbatch(tmp_path, "collect", "h-2")
        assert "r1-kept.parquet" in done.stderr


def test_of_kept_values_nobody_was_asked_how_sure_the_model_was(tmp_path):
    """
    They have no confidence, which is no fault of the provider; those that were asked have one.
    """
    with fake_server(tmp_path, {}, 1) as address:
        name = table(tmp_path, "g.csv", FIRST)
        assert label(tmp_path, address, name, book(x="X?", y="Y?"), "--confidence").returncode == 0
        more = ["--confidence", "--only-changed", "--overwrite"]
        done = label(tmp_path, address, name, book(x="X?", y="Why?"), *more)
        assert done.returncode == 0, done.stderr
        assert "without a confidence" not in done.stdout
        rows = read_rows(tmp_path / "g.csv.out.csv")
        assert {row["x_confidence"] for row in rows} == {""}
        assert "" not in {row["y_confidence"] for row in rows}


def test_values_are_kept_of_each_row_where_rows_are_asked_several_times(tmp_path):
    """
    Samples are of what is asked; what is kept is the row's own value, of one answer.
    """
    with fake_server(tmp_path, {}, 1) as address:
        name = table(tmp_path, "g.csv", FIRST)
        assert label(tmp_path, address, name, book(x="X?", y="Y?")).returncode == 0
        more = ["--only-changed", "--samples", "2", "--overwrite"]
        done = label(tmp_path, address, name, book(x="X?", y="Why?"), *more)
        assert done.returncode == 0, done.stderr
        assert judged(address)["rows_run"] == 12 + 24
        for row in read_rows(tmp_path / "g.csv.out.csv"):
            assert row["x"] == row["y"] == right_label(row["text"])
            assert (row["x_confidence"], row["y_confidence"]) == ("", "1")


def test_a_quote_that_is_kept_has_its_places_in_the_table_of_today(tmp_path):
    """
    Where it stands is no answer of the model's, and is looked up when the table is written.
    """
    quote = {"name": "said", "question": "Where?", "kind": "quote"}

    def with_quote(**variables):
        codebook = book(**variables)
        return {**codebook, "variables": [quote, *codebook["variables"]]}

    with fake_server(tmp_path, {}, 1) as address:
        name = table(tmp_path, "g.csv", texts := ["one two three four", "five six seven eight"])
        assert label(tmp_path, address, name, with_quote(x="X?")).returncode == 0
        before = read_rows(tmp_path / "g.csv.out.csv")
        done = label(tmp_path, address, name, with_quote(x="Why?"), "--only-changed", "--overwrite")
        assert "the values of said are those of run g" in done.stdout, done.stdout + done.stderr
        for old, row, text in zip(before, read_rows(tmp_path / "g.csv.out.csv"), texts, strict=True):
            assert (row["said"], row["status"]) == (" ".join(text.split()[:3]), "ok")
            assert (row["said_start"], row["said_end"]) == (old["said_start"], old["said_end"])
            assert row["said_end"] == str(len(row["said"]))


def test_where_not_all_values_are_known(tmp_path, monkeypatch):
    """
    A row that the earlier run has not is named, and nothing is made; where no run fits that is said.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with fake_server(tmp_path, {}, 2) as address:
        name = table(tmp_path, "g.csv", FIRST)
        assert label(tmp_path, address, name, book(x="X?", y="Y?")).returncode == 0
        more = table(tmp_path, "h.csv", [*FIRST, "new"])
        done = label(tmp_path, address, more, book(x="X?", y="Why?"), "--only-changed")
        assert done.returncode == 2
        assert "run g has no answer for row 13" in done.stderr
        assert not (tmp_path / "rowbatch-runs" / "h").exists()
        done = label(tmp_path, address, more, book("Else.", x="X?", y="Why?"), "--only-changed")
        assert "no earlier run asked these rows the same" in done.stderr
        # The way that is named costs the new row only.
        assert label(tmp_path, address, more, book(x="X?", y="Y?")).returncode == 0
        assert judged(address)["rows_run"] == 13
    asked: dict[str, Any] = {"text": "t", "codebook": book(x="X?"), "provider": "openai", "model": "m"}
    with pytest.raises(UsageError) as told:
        library.create({"t": ["nobody asked this"]}, **asked, only_changed=True)
    assert told.value.kind == "no-earlier-codebook"
