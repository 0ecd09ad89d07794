"""The page of downloads: what each format loses, before it is written, and numbers as numbers."""

import io
import re

import openpyxl
import polars as pl
import pyreadstat
import pytest

import rowbatch
from rowbatch import desk
from rowbatch.api.standing import known_places
from serving import scripted_local_model
from serving_pages import GOOD_OR_BAD, served_pages, visiting


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Makes a job that is done of a table; gives its address."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def made(path, **more):
        run = rowbatch.create(str(path), text="post", labels=["good", "bad"], prompt="How is it?", **more)
        run.resume()
        return f"/jobs/{desk.job_id(run.path)}"

    with scripted_local_model(tmp_path / "server"):
        yield made


def labelled_survey(path):
    frame = pl.DataFrame({"post": ["so good", "so bad"], "sex": [1.0, 2.0]})
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"post": "What do you think?", "sex": "Sex"},
        variable_value_labels={"sex": {1: "male", 2: "female"}},
    )
    return path


def test_each_format_says_what_it_does_not_keep(job, tmp_path):
    """
    With the count and the way out, beside the format and where the table is downloaded at once; a format that
    keeps all says nothing.
    """
    place = job(labelled_survey(tmp_path / "s.sav"))
    with served_pages() as site, visiting(site) as client:
        page = client.get(f"{place}/download").text
        for ending in ("csv", "xlsx", "parquet"):
            assert f"table.{ending} has no place for labels: those of 2 columns" in page
        assert "table.sav" not in page
        assert "a .dta or .sav file keeps them" in client.get(place).text
        chinese = {"accept-language": "zh"}
        assert "不能保存标签：2 列的标签" in client.get(f"{place}/download", headers=chinese).text


def test_numbers_are_numbers_on_demand(job, tmp_path):
    """
    What that changes is listed before, codes with leading zeros stay texts, and the workbook has it so.
    Choices of the form stay while it is looked at.
    """
    (tmp_path / "t.csv").write_text("post,age,code\nso good,41,007\nso bad,3.50,012\n")
    place = job(tmp_path / "t.csv")
    with served_pages() as site, visiting(site) as client:
        assert "Numbers as numbers" in client.get(f"{place}/download").text
        asked = "format=xlsx&numbers=1&only_answered=1&columns=chosen&column=0&column=1&column=2"
        page = client.get(f"{place}/download?{asked}&look=1").text
        for told in ("columns that are numbers in the output: 1 (age)", "leading zeros", "spelt otherwise"):
            assert told in page
        assert 'name="format" value="xlsx" checked' in page
        assert 'name="numbers" value="1" checked' in page
        assert 'name="only_answered" value="1" checked' in page
        assert 'name="without_status" value="1">' in page
        content = client.get(f"{place}/table?{asked}").content
        rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
        assert [row[:3] for row in rows[1:]] == [("so good", 41, "007"), ("so bad", 3.5, "012")]
        # A CSV file has no numbers: the choice does no harm there.
        assert client.get(f"{place}/table?format=csv&numbers=1").status_code == 200


def test_what_a_format_cannot_hold_is_said_before_and_instead_of_the_file(job, tmp_path):
    """
    A cell of 40,000 characters has no place in Excel: column, row and the way out stand on the page where
    another format, or fewer columns, can be chosen; these are written.
    """
    (tmp_path / "t.csv").write_text("post,notes\nso good,1\nso bad," + "x" * 40_000 + "\n")
    place = job(tmp_path / "t.csv")
    with served_pages() as site, visiting(site) as client:
        for address in (f"{place}/download?format=xlsx&look=1", f"{place}/table?format=xlsx"):
            answer = client.get(address)
            assert answer.status_code == 400, address
            assert "The format of the output cannot hold this table" in answer.text
            assert "notes" in answer.text
            assert 'name="format" value="xlsx" checked' in answer.text
            assert str(tmp_path) not in answer.text.split("rowbatch export")[0]
        for asked in ("format=xlsx&columns=chosen&column=0", "format=dta"):
            page = client.get(f"{place}/download?{asked}&look=1")
            assert page.status_code == 200
            assert "What this format changes" in page.text
            assert client.get(f"{place}/table?{asked}").status_code == 200


def test_the_extract_tool_writes_numbers_on_demand(job, tmp_path):
    """
    Of a table that its answers are joined to; what that changes is listed beside the file, and the command
    that gives the same says so.
    """
    (tmp_path / "t.csv").write_text("post,age\nso good,41\nso bad,35\n")
    place = job(tmp_path / "t.csv")
    run = next(one for one in known_places() if place.endswith(desk.job_id(one)))
    results = next(run.glob("**/*output*.jsonl"))
    with served_pages() as site, visiting(site) as client:
        page = client.post(
            "/tools/extract",
            data={"format": "xlsx", "numbers": "1", "do": "extract"},
            files={
                "results": ("r.jsonl", results.read_bytes()),
                "join": ("t.csv", (tmp_path / "t.csv").read_bytes()),
            },
            follow_redirects=True,
        ).text
        assert "columns that are numbers in the output: 1 (age)" in page
        assert "--numbers" in page
        address = re.search(r"/tools/results/\w+", page)
        assert address
        rows = list(openpyxl.load_workbook(io.BytesIO(client.get(address[0]).content)).active.values)
        assert [row[:2] for row in rows[1:]] == [("so good", 41), ("so bad", 35)]


def test_what_is_not_kept_is_said_before_anything_is_sent(job, tmp_path):
    """
    On the page with the price, with the count and the way out, in both languages.
    """
    del job
    content = labelled_survey(tmp_path / "s.sav").read_bytes()
    form = {**GOOD_OR_BAD, "do": "review"}
    with served_pages() as site, visiting(site) as client:
        assert client.post("/tables", params={"name": "s.sav"}, content=content).status_code == 200
        place = f"/tables/{site.program.library.tables()[0].id}"
        assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
        page = client.get(f"{place}/start").text
        while "Please read this" not in page:
            page = client.get(f"{place}/start").text
        assert "has no place for labels: those of 2 columns" in page
        assert "a .dta or .sav file keeps them" in page
        chinese = client.get(f"{place}/start", headers={"accept-language": "zh"}).text
        assert "不能保存标签：2 列的标签" in chinese
