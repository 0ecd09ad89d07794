"""Tools that tell numbers of any table, as pages: a file, columns that are offered at once, a result."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rowbatch.tools.correct import WHERE_SAID
from rowbatch.web.measures import quantity_words
from rowbatch.web.words import words_of
from serving_pages import Site, served_pages, visiting

ROWS = 60


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("number-tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        with served_pages() as found:
            yield found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """60 rows: the model says yes to the first 40, Anna to the first 36, people to 15 of 30 coded ones."""
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["id", "text <b>", "model", "anna", "people", "city"])
        for row in range(1, ROWS + 1):
            people = ("yes" if row <= 30 else "no") if row % 2 else ""
            model, anna = ("yes" if row <= most else "no" for most in (40, 36))
            out.writerow([row, f"a text of its own {row}", model, anna, people, f"place {row % 3}"])
    return path.read_bytes()


def use(site: Site, tool: str, files: Any, language: str = "en", **fields: Any) -> tuple[int, str]:
    with visiting(site, language) as client:
        opened = client.post(f"/tools/{tool}", data={"do": "open"}, files=files, follow_redirects=True)
        assert opened.status_code == 200, opened.text
        ids = re.findall(r'name="file_id" value="([^"]+)"', opened.text)
        shown = client.post(
            f"/tools/{tool}", data={"do": "show", "file_id": ids, **fields}, follow_redirects=True
        )
        return shown.status_code, f"{opened.text}\n=====\n{shown.text}"


def one(name: str, content: bytes) -> Any:
    return [("file", (name, content, "text/csv"))]


def test_agreement_of_columns(site: Site, table: bytes) -> None:
    """
    Columns that look like labels are chosen already; the numbers are those of the command, and JSON of all of
    them can be fetched.
    """
    status, page = use(site, "agree", one("coded.csv", table), coders=["model", "anna"])
    opened, shown = page.split("\n=====\n")
    assert status == 200
    assert re.findall(r'value="(\w+)" checked', opened) == ["model", "anna", "people"]
    assert "text &lt;b&gt;" in opened
    # 56 of 60 rows are the same.
    assert re.search(r'percent agreement\)</th><td class="num">0\.933</td>', shown)
    assert "rowbatch agree coded.csv --coders model,anna" in shown
    address = re.search(r'href="(/tools/results/[^"]+)"', shown)
    assert address is not None
    with visiting(site, "en") as client:
        assert json.loads(client.get(address[1]).text)["n"] == ROWS
    assert "编码者的一致程度" in use(site, "agree", one("a.csv", table), "zh", coders=["model", "anna"])[1]


def test_each_coder_is_held_to_the_right_column(site: Site, table: bytes) -> None:
    """
    The numbers beside a right column are those of each coder, and not of nobody.
    """
    _, page = use(site, "agree", one("t.csv", table), coders=["model", "anna"], gold="people")
    found = rows_of(page)
    # Of 30 coded rows the model is wrong in 5, Anna in 3.
    assert found["model: The same as the right column (accuracy)"] == "0.833"
    assert found["anna: The same as the right column (accuracy)"] == "0.900"
    assert "The same as the right column (accuracy)" not in found
    assert found["The same value (percent agreement)"] == "0.933"


def test_a_number_is_corrected(site: Site, table: bytes) -> None:
    """
    Three lines a number, and what to report; a refused one says why.
    """
    status, page = use(site, "correct", one("t.csv", table), predicted="model", gold="people", label="yes")
    assert status == 200
    for told in ("share of yes: model only (biased)", "share of yes: corrected", "Report the corrected line"):
        assert told in page
    status, page = use(site, "correct", one("t.csv", table), predicted="model", gold="model")
    assert status == 422
    assert 'role="alert"' in page


def rows_of(page: str) -> dict[str, str]:
    """Names of the numbers, and their values."""
    found = (
        page.split("\n=====\n")[1].split('<table class="grid figures">')[1].split("</table>", maxsplit=1)[0]
    )
    return dict(re.findall(r'<th scope="row" dir="auto">([^<]*)<.*?<td class="num">([^<]*)</td>', found))


def test_names_of_numbers_are_in_the_language_of_the_page(site: Site, table: bytes) -> None:
    """
    Measures, what was estimated, and of which groups: with the same numbers as in English.
    """
    english = {"percent", "agreement", "difference", "share", "less", "mean"}
    for tool, fields in (
        (
            "agree",
            {"coders": ["model", "anna", "people"], "gold": "people", "level": "ordinal", "labels": "no,yes"},
        ),
        ("agree", {"coders": ["id", "copy"], "level": "ratio"}),
        ("correct", {"predicted": "model", "gold": "people", "by": "half"}),
        ("correct", {"predicted": "model", "gold": "people", "by": "half", "label": "yes"}),
        ("compare", {"first": "model", "second": "anna", "gold": "people"}),
    ):
        lines = table.decode().splitlines()
        more = ["half,copy", *(f"{'left' if n % 5 else 'right'},{n + n % 3}" for n in range(1, ROWS + 1))]
        wide = "\n".join(map(",".join, zip(lines, more, strict=True))).encode()
        told = [use(site, tool, one("t.csv", wide), language, **fields) for language in ("en", "zh")]
        assert [status for status, _ in told] == [200, 200], told[1][1]
        numbers_in_english, numbers = (rows_of(page) for _, page in told)
        assert [*numbers.values()] == [*numbers_in_english.values()]
        for name in numbers:
            assert english.isdisjoint(re.findall("[a-z]+", name)), name
        if tool == "correct":
            assert "yes 的比例，half：left 减 right：校正后" in numbers


def test_what_a_mean_leaves_out_is_told_in_the_language_of_the_page() -> None:
    """
    Of a mean of those rows of which it can be said, as tools and jobs call it.
    """
    assert "where" not in quantity_words(words_of("zh"), f"mean of age, {WHERE_SAID}")


def test_two_labellings(site: Site, table: bytes) -> None:
    """
    Two columns of one table, or of two tables that a key puts together.
    """
    status, page = use(site, "compare", one("t.csv", table), first="model", second="anna", gold="people")
    assert status == 200
    assert re.search(r'<td dir="auto">yes</td><td dir="auto">no</td><td class="num">4</td>', page)
    assert "Without a right column" not in page
    assert (
        "Without a right column" in use(site, "compare", one("t.csv", table), first="model", second="anna")[1]
    )
    both = [*one("a.csv", table), ("second_file", ("b.csv", table, "text/csv"))]
    status, page = use(site, "compare", both, first="model", second="anna", key="id")
    assert status == 200, page
    assert "rowbatch compare a.csv b.csv --columns model,anna --key id" in page
    # Columns of two tables may have one name: they are called as these.
    assert '<th scope="col">a.csv</th><th scope="col">b.csv</th>' in page
    _, page = use(site, "compare", both, first="model", second="model", key="id", gold="people")
    assert "a.csv: The same as the right column (accuracy)" in rows_of(page)


def test_how_many_rows(site: Site, table: bytes) -> None:
    """
    Without a table of the worst case, with a pilot also what the model's labels save.
    """
    with visiting(site, "en") as client:
        page = client.post(
            "/tools/how-many", data={"do": "show", "half_width": "0.05"}, follow_redirects=True
        ).text
        assert "Rows to code, by people alone" in page
        with visiting(site, "zh") as chinese:
            told = chinese.post("/tools/how-many", data={"do": "show"}, follow_redirects=True).text
        assert "a share" not in told
        assert (
            client.post(
                "/tools/how-many", data={"do": "show", "of": "many"}, follow_redirects=True
            ).status_code
            == 422
        )
    files = one("t.csv", table)
    status, page = use(
        site, "how-many", files, predicted="model", gold="people", label="yes", half_width="0.1"
    )
    assert status == 200
    assert "Rows to code, with the model&#39;s labels" in page


def test_files_of_coders_become_one(site: Site) -> None:
    """
    Each file is a coder by its name, and the table can be fetched.
    """
    files = [
        ("file", (f"{name}.csv", f"id,mood\n1,{first}\n2,bad\n".encode(), "text/csv"))
        for name, first in (("Anna", "good"), ("Ben", "bad"))
    ]
    status, page = use(site, "merge-coders", files, key="id", value=["mood"])
    assert status == 200, page
    assert "Anna" in page.split("=====")[1]
    assert "Ben" in page.split("=====")[1]
    assert "coded.xlsx" in page
    assert "/tmp" not in page


def test_a_coder_may_be_called_anything(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Also by a name that is longer than this system's may be, and where nobody may make links.
    """

    def refuse(*_: object, **__: object) -> None:
        raise OSError(1314, "a required privilege is not held by the client")

    files = [
        ("file", (f"{name}.csv", f"id,mood\n1,{first}\n2,bad\n".encode(), "text/csv"))
        for name, first in (("访谈" * 60, "good"), ("a:b?", "bad"))
    ]
    monkeypatch.setattr("os.symlink", refuse)
    monkeypatch.setattr("os.link", refuse)
    status, page = use(site, "merge-coders", files, key="id", value=["mood"])
    assert status == 200, page
    assert "a_b_" in page.split("=====")[1]
    assert "访谈" * 30 in page.split("=====")[1]


def test_every_tool_is_listed_and_asks_for_a_file(site: Site) -> None:
    """
    The list leads to each, in both languages; without a file it says so.
    """
    with visiting(site, "zh") as client:
        listed = client.get("/tools").text
        for tool in ("agree", "correct", "compare", "how-many", "merge-coders"):
            assert f'href="/tools/{tool}"' in listed
            assert client.get(f"/tools/{tool}").status_code == 200
        assert client.post("/tools/agree", data={"do": "open"}, follow_redirects=True).status_code == 422
