"""The table page where the header is chosen: the first lines, each with its button."""

from __future__ import annotations

import openpyxl
import polars as pl
import pyreadstat
import pytest

from serving_pages import served_pages, visiting

LINES = ["Table 3. Results,,", "id,text,score", "1,so good,3", "2,so bad,4", "3,no idea,5"]


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with served_pages() as site:
        yield site


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_line_with_the_names_is_chosen_by_a_button(site, tmp_path, ending):
    """
    What was found is said; another line, or none, is one click; what no line is, is found out.
    """
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        path.write_text("\n".join(LINES) + "\n")
    else:
        book = openpyxl.Workbook()
        for line in LINES:
            book.active.append([cell or None for cell in line.split(",")])
        book.save(path)
    with visiting(site) as client:
        client.post("/tables", params={"name": path.name}, content=path.read_bytes())
        table = site.program.library.tables()[0]
        place = f"/tables/{table.id}"
        shown = client.get(place).text
        assert "line 2 has the names" in shown
        assert "Which line has the names of the columns?" in shown
        assert 'name="header" value="2"' in shown
        for said, header in (("3", ("1", "so good", "3")), ("none", ("column_1", "column_2", "column_3"))):
            answer = client.post(f"{place}/reading", data={"header": said, "on_bad_rows": "stop"})
            assert answer.status_code < 400
            assert site.program.library.table(table.id).open().header == header
        client.post(f"{place}/reading", data={"header": "<script>", "on_bad_rows": "stop"})
        assert site.program.library.table(table.id).open().header == ("id", "text", "score")


def test_an_export_of_a_program_is_read_as_it_stands_by_a_button(site):
    """
    The page says whose export it is, and offers the file as it stands.
    """
    content = (
        "StartDate,Finished,Q1\nStart Date,Finished,What do you think?\n"
        '"{""ImportId"":""a""}","{""ImportId"":""b""}","{""ImportId"":""c""}"\n2026-03-01,True,Rents\n'
    )
    with visiting(site) as client:
        client.post("/tables", params={"name": "q.csv"}, content=content.encode())
        table = site.program.library.tables()[0]
        shown = client.get(f"/tables/{table.id}").text
        assert "Qualtrics" in shown
        assert "Read the file as it stands" in shown
        client.post(f"/tables/{table.id}/reading", data={"program": "plain", "on_bad_rows": "stop"})
        assert next(site.program.library.table(table.id).open().chunks()).frame.height == 3


def test_labels_stand_beside_codes_and_names(site, tmp_path):
    """
    Of a file of SPSS the page shows what a column is about, and what its codes mean.
    """
    path = tmp_path / "s.sav"
    frame = pl.DataFrame({"open1": ["so good", "so bad"], "sex": [1.0, 2.0]})
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"open1": "What do you think of <town>?", "sex": "Sex"},
        variable_value_labels={"sex": {1: "male", 2: "female"}},
    )
    with visiting(site) as client:
        client.post("/tables", params={"name": "s.sav"}, content=path.read_bytes())
        shown = client.get(f"/tables/{site.program.library.tables()[0].id}").text
        assert "open1 – What do you think of &lt;town&gt;?</option>" in shown
        assert "<li>1 = male</li>" in shown
