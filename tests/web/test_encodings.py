"""The table page where an encoding was guessed: a line in the likely readings, and a choice between them."""

from __future__ import annotations

import pytest

from serving_pages import served_pages, visiting


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with served_pages() as site:
        yield site


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param(b"id,comment\n1,it\x92s fine\n", ("1,it\u2019s fine", "1,it\u00eds fine"), id="likely"),
        pytest.param(b"id,word\n1,\x86bung\n", ("1,\u00e5bung", "1,\u00dcbung"), id="toss"),
    ],
)
def test_two_likely_readings_are_the_first_to_choose_from(site, content, shown):
    """
    Whether the table was read in one of them or neither, both stand first, each with its button.
    """
    with visiting(site) as client:
        client.post("/tables", params={"name": "t.csv"}, content=content)
        place = f"/tables/{site.program.library.tables()[0].id}"
        told, _, choice = client.get(place).text.partition("Which line looks right?")
        assert all(text in told for text in shown)
        one, other = (choice.index(text) for text in shown)
        assert one < other
        chosen = client.post(f"{place}/reading", data={"encoding": "mac-roman", "on_bad_rows": "stop"})
        assert chosen.status_code < 400
        assert site.program.library.tables()[0].info.reading.encoding == "mac-roman"
