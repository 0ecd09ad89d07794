"""Texts that UTF-8 cannot hold, on pages and in what scripts are told."""

import json
import os
import sys

import pytest

from rowbatch import desk

HALF = "\ud800"


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are always text")
def test_a_table_whose_name_is_no_utf8(site, client, tmp_path):
    """
    `rowbatch ui PATH` hands it over as Python names it (`os.fsdecode`); every page about it is shown, with
    the character for what cannot be shown.
    """
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_bytes(b"post\nso good\n")
    found = site.program.library.add(path)
    assert desk.Library().table(found.id).info.path == path
    for address in ("/", f"/tables/{found.id}", f"/tables/{found.id}/label"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "caf\N{REPLACEMENT CHARACTER}.csv" in answer.text


def test_half_of_a_surrogate_pair_in_a_table_is_told_with_its_place(client):
    """
    It is read as the character for such things, and the page says how many there are.
    """
    content = json.dumps([{"post": f"{HALF} so good", HALF: "x"}]).encode()
    answer = client.post("/tables", params={"name": "posts.json"}, content=content)
    place = answer.json()["url"].removesuffix("/label")
    shown = client.get(place).text
    assert "\N{REPLACEMENT CHARACTER} so good" in shown
    told = client.get(f"{place}/rows", params={"start": 1, "count": 5})
    assert "\N{REPLACEMENT CHARACTER} so good" in told.text


def test_half_of_a_surrogate_pair_in_a_form(client):
    """
    A script can send one in UTF-8 that is none. What was said is kept and shown with the character for such
    things.
    """
    answer = client.post("/tables", params={"name": "posts.csv"}, content=b"id,post\n1,so good\n")
    place = answer.json()["url"].removesuffix("/label")
    edge = {"content-type": "multipart/form-data; boundary=e; charset=raw_unicode_escape"}
    fields = {"question": rb"\ud800 how is it?", "text": b"post", "do": b"review", "kind": b"text"}
    parts = (
        b'--e\r\ncontent-disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"
        for name, value in fields.items()
    )
    sent = client.post(f"{place}/label", content=b"".join(parts) + b"--e--\r\n", headers=edge)
    assert sent.status_code < 500
    page = client.get(f"{place}/label")
    assert page.status_code == 200
    assert "\N{REPLACEMENT CHARACTER} how is it?" in page.text


@pytest.mark.parametrize("charset", ["undefined", "idna", "hex", "nonsense"])
def test_a_form_in_a_character_set_that_is_none(client, charset):
    """
    Starlette 1.10 decodes names by any codec of Python that a form names (formparsers.py,
    `_user_safe_decode`); what that raises is a form that cannot be read.
    """
    body = b'--e\r\ncontent-disposition: form-data; name="look"\r\n\r\ndark\r\n--e--\r\n'
    headers = {"content-type": f"multipart/form-data; boundary=e; charset={charset}"}
    answer = client.post("/settings/look", content=body, headers=headers)
    assert answer.status_code in (303, 400)
    assert "Traceback" not in answer.text
