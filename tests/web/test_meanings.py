"""Labels beside codes and names: on the pages of results, agreement, corrections and tried rows."""

import re
from html import unescape

import polars as pl
import pyreadstat
import pytest

import rowbatch
from rowbatch import desk
from rowbatch.core.codebook import parse_codebook
from rowbatch.desk.library import Library
from rowbatch.web.meanings import coded, with_meaning
from serving import scripted_local_model
from serving_pages import served_pages, visiting

LABELS = [{"name": "1", "definition": "agree"}, {"name": "2", "definition": "disagree"}]
BOOK = {"variables": [{"name": "stance", "kind": "label", "question": "Do they agree?", "labels": LABELS}]}


@pytest.mark.parametrize(
    ("code", "meaning", "shown"),
    [
        ("1", "agree", "1 = agree"),
        ("-9", "no  answer\n", "-9 = no answer"),
        ("agree", "in every form", "agree"),
        ("1", "", "1"),
        ("", "agree", ""),
        ("1", "x" * 61, "1 = " + "x" * 60 + "…"),
    ],
)
def test_only_codes_need_words_beside_them(code, meaning, shown):
    """
    A number says nothing by itself; a label that is a word does.
    """
    assert with_meaning(code, meaning) == shown


def test_each_of_several_codes_has_its_words():
    """
    The separator of the labelled table stands between them; what is none of the labels stays as it is.
    """
    asked = [{"name": kind, "kind": kind, "question": "?", "labels": LABELS} for kind in ("label", "labels")]
    one, several = parse_codebook({"variables": asked}).variables
    assert coded(one, "2") == "2 = disagree"
    assert coded(one, "7") == "7"
    assert coded(several, desk.SEPARATOR.join("12")) == desk.SEPARATOR.join(["1 = agree", "2 = disagree"])


def words(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_labels_stand_beside_codes_on_every_page_of_a_job(tmp_path, monkeypatch):
    """
    Of a file of SPSS with coded cells, and a codebook whose labels are codes: where rows are listed, where
    one is read, in the comparison with people, and among tried rows. What forms send are the codes.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    frame = pl.DataFrame(
        {"open1": ["so good", "so bad", "so so"], "sex": [1.0, 2.0, 9.0], "coder": [1.0, 2.0, 1.0]}
    )
    pyreadstat.write_sav(
        frame,
        "s.sav",
        column_labels={
            "open1": "What do you think of it?",
            "sex": "Sex of the person",
            "coder": "Coded by hand",
        },
        variable_value_labels={"sex": {1: "male", 2: "female"}, "coder": {1: "agree", 2: "disagree"}},
    )
    with scripted_local_model(tmp_path / "server"):
        run = rowbatch.create("s.sav", text="open1", codebook=BOOK)
        run.resume()
        with served_pages() as site, visiting(site) as client:
            job = f"/jobs/{desk.job_id(run.path)}"
            client.get(f"{job}/rows")
            shown = words(client.get(job).text)
            assert "coder – Coded by hand" in shown
            assert "people: 1 = agree" in shown
            assert "stance: Do they agree?" in shown
            rows = client.get(f"{job}/rows").text
            assert "What do you think of it?" in rows
            assert "Do they agree?" in rows
            assert re.search(r'<div class="cut">[12] = (dis)?agree</div>', rows)
            row = client.get(f"{job}/rows/2").text
            assert 'name="label" value="2"' in row
            shown = words(row)
            for told in ("sex Sex of the person", "2 = female", "2 = disagree", "stance Do they agree?"):
                assert told in shown
            answer = client.post(f"{job}/rows/2", data={"variable": "stance", "label": "2", "do": "correct"})
            assert answer.status_code == 303
            assert run.corrections() == {2: {"stance": "2"}}
            table = Library().add(tmp_path / "s.sav")
            place = f"/tables/{table.id}"
            form = {
                "text": "open1",
                "kind": "label",
                "question": "Do they agree?",
                "name": "stance",
                "provider": "local",
                "do": "review",
                **{f"labels.{at}.{part}": one[part] for at, one in enumerate(LABELS) for part in one},
            }
            client.post(f"{place}/try", data=form)
            page = client.get(f"{place}/label").text
            assert "open1 – What do you think of it?" in page
            tried = page[page.index('id="trial"') :]
            assert re.search(r'<div class="full">[12] = (dis)?agree</div>', tried)
            assert "What do you think of it?" in tried
