"""Reports: the same facts as a page, as JSON, and as LaTeX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from driving import KEY, drive, finish, make_run
from fake_providers import FakeProvider
from rowbatch.api.reporting import report
from rowbatch.core.document import Bar, Bars, Code, Document, Language, Paragraph, Section, Table
from rowbatch.core.statistics.acceptance import LabelAcceptance
from rowbatch.core.statistics.corrected import Correction
from rowbatch.core.statistics.figures import Figure
from rowbatch.errors import OutputExists, UsageError
from rowbatch.reporting.bibliography import bibliography_of
from rowbatch.reporting.checklists import CHECKLISTS
from rowbatch.reporting.facts import PeopleFacts, RunFacts, facts_of
from rowbatch.reporting.html import html_of
from rowbatch.reporting.latex import escaped, latex_of
from rowbatch.reporting.plain import plain_of
from rowbatch.reporting.report import write_report
from rowbatch.reporting.sections import Sections
from rowbatch.store.rundir import RunDirectory

FIGURE = Figure(0.7, 0.6, 0.8, 40, "share of agreeing texts; 95 % interval: Wilson's score")
ALPHA = Figure(0.61, 0.5, 0.7, 40, "Krippendorff's alpha")
PEOPLE = PeopleFacts(
    source="coding set posts",
    coders=2,
    rows=40,
    design="simple random, seed 1",
    part="test",
    is_random=True,
    among={"label": {"krippendorff_alpha": ALPHA}},
    against={"label": {"accuracy": FIGURE, "cohen_kappa": ALPHA}},
    confusion={"label": [("a", "a", 20), ("a", "b", 5), ("b", "b", 15)]},
    corrected=[Correction("label = a", FIGURE, FIGURE, replace(FIGURE, method="PPI++ (power-tuned)"))],
    accepted={
        "label": [
            LabelAcceptance("a", None, 25, 25, 8, 1.0, 0.91, 1.0, "usable", None),
            LabelAcceptance("b", None, 15, 13, 4, 0.87, 0.6, 0.97, "too-little-evidence", 20),
        ]
    },
    wanted=0.9,
    looks=1,
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of fourteen rows that is over; two have no text."""
    run = make_run(tmp_path_factory.mktemp("report"))
    finish(run, FakeProvider("openai"))
    return run


@pytest.fixture(scope="module")
def facts(done: RunDirectory) -> RunFacts:
    return facts_of(done)


class Page(HTMLParser):
    """What a page has: its words, its tags, and what a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.fetched = "", [], []  # type: ignore[var-annotated]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "srcset", "data", "action")]
        if tag == "link":
            self.fetched.append("link")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_facts_are_those_of_the_run(facts: RunFacts, done: RunDirectory) -> None:
    """
    Rows, statuses, labels, models that answered, requests and digests are what the run knows, counted once.
    """
    assert facts.rows == 14
    assert facts.collected.statuses == {"ok": 12, "skipped": 2}
    assert (facts.requests, facts.batches, facts.rounds) == (12, 3, 1)
    assert sum(facts.answered.values()) == 12
    (value,) = facts.values
    assert (value.variable, value.n) == ("label", 12)
    assert sum(count for _, count in value.labels) == 12
    assert facts.plan.source.sha256 in json.dumps(plan_of := plain_of(facts))
    assert plan_of["asked"]["codebook_sha256"] == facts.codebook_sha256
    assert facts.first_sent_at is not None
    assert facts.last_ended_at is not None
    assert facts.first_sent_at <= facts.last_ended_at
    assert facts.example is not None
    assert facts.example["messages"][-1]["content"] == "one, and a half 0"


def test_without_people_the_first_words_say_so(facts: RunFacts) -> None:
    """
    Nobody reads a figure before reading that nobody checked the labels, in either language and each form.
    """
    for language, words in (("en", "Nobody has checked these labels"), ("zh", "这些标签未经人工核查")):
        document = Sections(facts, language).document(None)  # type: ignore[arg-type]
        page = html_of(document)
        body = page[page.index("<main>") :]
        assert body.index(words) < body.index("<h1>")
        assert 'class="alert"' in body[: body.index("<h1>")]
        tex = latex_of(document)
        assert tex.index(words) < tex.index("\\section*")
        assert "\\textcolor{red}" in tex[: tex.index("\\section*")]
    assert plain_of(facts)["people"] is None


def test_with_people_their_figures_stand_there(facts: RunFacts) -> None:
    """
    Agreement, matrix, corrected estimates and acceptance are told, and no alarm is raised for a random test
    part; for others it is.
    """
    with_people = replace(facts, people=PEOPLE)
    words = Page(html_of(Sections(with_people, "en").document("tornberg"))).words
    for told in (
        "krippendorff alpha",
        "0.700",
        "model only (biased)",
        "may be used unseen",
        "people \\ model",
    ):
        assert told in words
    assert "Nobody has checked" not in words
    assert "40 texts were coded by hand (2 coders; simple random, seed 1)" in words
    assert "Of label the model's labels agree with people's: accuracy 0.700 (0.600 to 0.800)" in words
    assert "looked at 1 times" in words
    not_random = replace(with_people, people=replace(PEOPLE, is_random=False, is_test_spent=True))
    words = Page(html_of(Sections(not_random, "en").document(None))).words
    assert "not known to be a random sample" in words
    assert "A new test part is needed" in words


def test_the_page_is_alone_and_harmless(facts: RunFacts) -> None:
    """
    It fetches nothing, runs nothing, and shows what strangers wrote as text.
    """
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    strange = replace(
        facts,
        table=evil,
        answered={evil: 1},
        values=[replace(facts.values[0], labels=((evil, 12),))],
        people=replace(PEOPLE, source=evil, confusion={evil: [(evil, evil, 1)]}),
    )
    text = html_of(Sections(strange, "en").document("ttamre"))
    page = Page(text)
    assert page.fetched == []
    assert {"script", "img", "iframe", "object", "a"}.isdisjoint(set(page.tags) - {"a"})
    assert evil in page.words
    assert "default-src 'none'" in text
    assert not re.search(r"\son\w+=", re.sub(r">[^<]*<|\"[^\"]*\"", "", text))


def test_bars_go_both_ways_from_zero() -> None:
    """
    A mean or a difference below zero has its bar on the other side of the axis, as long as it is.
    """
    bars = [Bar("up", 2.0, "2"), Bar("down", -1.0, "-1", -2.0, 0.5)]
    section = Section("s", [Bars("means", bars, 2.0)], "s")
    page = html_of(Document("t", "", [section], "en", ""))
    (up, down) = re.findall(r'<rect [^>]*x="([\d.]+)"[^>]*width="([\d.]+)"', page)
    assert [float(one) for one in up] == [390, 170]
    assert [float(one) for one in down] == [305, 85]
    assert 'class="axis" x1="390.0"' in page


def test_latex_takes_any_text() -> None:
    """
    No character that is a command of TeX stays one; digests can be broken, brackets after a row are text.
    """
    for char in '\\&%$#_{}~^<>|"`':
        shown = escaped(f"a{char}b")
        assert shown not in (f"a{char}b",)
    assert escaped("\\input{/etc/passwd}") == r"\textbackslash{}input\{/etc/passwd\}"
    assert escaped("x\x00\x1by") == "x  y"
    assert r"\allowbreak{}" in escaped("0123456789abcdef" * 4)
    table = Table(("a", "b"), [("[1]", "50 %")], (1,))
    bars = Bars("shares", [Bar("a_b", 0.5, "50 %")])
    document = Document(
        "T_1", "", [Section("S&S", [table, bars, Code("  a\nb"), Paragraph("p")], "s")], "en", "x"
    )
    tex = latex_of(document, "refs")
    assert "{}[1] & 50 \\% \\\\" in tex
    assert "\\bibliography{refs}" in tex
    assert "pdfLaTeX" in tex
    assert tex.count("\\begin{longtable}") == tex.count("\\end{longtable}") == 2
    chinese = replace(document, language="zh")
    assert "ctexart" in latex_of(chinese)
    # An English report of Chinese texts has Chinese glyphs, and English headings.
    assert "\\documentclass[11pt]{article}\n\\usepackage[scheme=plain]{ctex}\n" in latex_of(
        replace(document, title="数据")
    )
    assert "{fontspec}" in latex_of(replace(document, title="Данные"))


def test_latex_loses_no_text_of_far_scripts() -> None:
    """
    What the font lacks is told by its code: XeTeX and LuaTeX leave it out without a word.

    Seen with TeX Live 2022: Latin Modern, the default of fontspec, has no Cyrillic.
    """
    assert (
        escaped("Привет, мир") == r"\ifhere{041F}{Привет}{U+041F\dots{}}, \ifhere{043C}{мир}{U+043C\dots{}}"
    )
    hebrew = r"\ifhere{05D0}{א}{U+05D0}" + r"\ifhere{1F600}{😀}{U+1F600}" * 2
    assert escaped("א😀😀") == rf"\rtl{{{hebrew}}}"
    # A vowel sign stays with its letter, and an accent with a Latin one.
    assert escaped("नि e\u0301") == r"\ifhere{0928}{नि}{U+0928\dots{}} " + "e\u0301"
    assert escaped("今天，한국어 – é") == "今天，한국어 -- é"
    document = Document("Привет 한국어", "", [], "en", "x")
    tex = latex_of(document)
    for needed in ("{FreeSerif}", "{Noto Serif CJK SC}", r"\DeclareRobustCommand{\ifhere}[3]"):
        assert needed in tex
    assert r"\ifhere" not in latex_of(replace(document, title="Plain"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("سنة 2026 على Twitter API؟", r"<سنة (2026) على (Twitter API)؟>"),
        ("He said مرحبا بالعالم today (نص).", r"He said <مرحبا بالعالم> today (<نص>)."),
        ("n 12 שלום 12.5 עולם 7 x", r"n 12 <שלום (12.5) עולם> 7 x"),
        ("50 % שלום", r"<(50) \% שלום>"),
        ("שָׁ x", r"<שָׁ (x)>"),
        ("x\nשלום\ny", "x\n<שלום>\ny"),
        ("a & b 12", r"a \& b 12"),
    ],
)
def test_what_goes_from_right_to_left_is_set_so(text: str, expected: str) -> None:
    """
    Words of Arabic and Hebrew stand in the order in which they are read, in a line of either direction, and
    numbers and Latin words among them from left to right.
    """
    shown = re.sub(r"\\ifhere\{\w+\}\{(.*?)\}\{U\+\w+(?:\\dots\{\})?\}", r"\1", escaped(text))
    shown = re.sub(r"\\ltr\{(.*?)\}", r"(\1)", shown)
    assert re.sub(r"\\rtl\{(.*?)\}", r"<\1>", shown) == expected


@pytest.mark.skipif(shutil.which("xelatex") is None, reason="there is no TeX here")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_tex_sets_every_character(tmp_path: Path, language: Language) -> None:
    """
    A report with texts of many scripts compiles, and TeX misses nothing but marks that have no shape.
    """
    texts = ["Привет 😀 ❤", "Ελληνικά", "مرحبا", "שלום", "नमस्ते", "สวัสดี", "한국어", "今天 𠀀", "ꦗꦮ"]
    texts += ["سنة 2026 على Twitter API؟", "He said שלום עולם.\nא"]
    table = Table(("a", "b"), [(one, "1") for one in texts], (1,))
    section = Section("S", [table, Code("\n".join(texts)), Paragraph(texts[0], True)], "s")
    source = tmp_path / "report.tex"
    source.write_text(latex_of(Document(texts[0], "", [section], language, "x")), encoding="utf-8")
    done = subprocess.run(
        ["xelatex", "-interaction=nonstopmode", "-halt-on-error", source.name],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    log = source.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    assert "Missing character" not in log
    if shutil.which("pdftotext") is not None:
        told = subprocess.run(["pdftotext", source.with_suffix(".pdf"), "-"], capture_output=True, check=True)
        # Shapes of letters that join: the letters themselves stand there where each is set by itself.
        assert re.search("[\ufe70-\ufefc]{4}", told.stdout.decode())


def test_texts_stay_away_on_demand(done: RunDirectory, tmp_path: Path) -> None:
    """
    Without texts no word of a row is in any form of the report.
    """
    paths = [tmp_path / name for name in ("r.html", "r.json", "r.tex")]
    written = report(done.path, paths, texts=False)
    assert [one.name for one in written.paths] == ["r.html", "r.json", "r.tex", "r.bib"]
    for path in written.paths:
        content = path.read_text()
        assert "one, and a half" not in content
        assert KEY not in content
        assert str(done.path.parent) not in content
    report(done.path, tmp_path / "with.html")
    assert "one, and a half 0" in (tmp_path / "with.html").read_text()


def test_a_run_at_work_can_be_told(tmp_path: Path) -> None:
    """
    Rows that wait for an answer are told as that, and the report can be made again.
    """
    run = make_run(tmp_path)
    drive(run, FakeProvider("openai"), goal="submitted")
    path = tmp_path / "r.json"
    report(run.path, path)
    found = json.loads(path.read_text())
    assert found["came"]["statuses"] == {"unsent": 12, "skipped": 2} or "missing" in found["came"]["statuses"]
    with pytest.raises(OutputExists):
        report(run.path, path)
    report(run.path, path, overwrite=True)


@pytest.mark.parametrize("name", [*CHECKLISTS])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_checklist_is_filled(facts: RunFacts, name: Any, language: Any) -> None:
    """
    Each question has an answer of the run or says that only the author can answer, and says no more of the
    latter once people have coded.
    """
    items = CHECKLISTS[name].items
    without = sum(not one.answer(facts, language) for one in items)
    with_people = sum(not one.answer(replace(facts, people=PEOPLE), language) for one in items)
    assert 0 < with_people < without
    assert all(one.heading[language] and one.question[language] for one in items)
    words = Page(html_of(Sections(facts, language).document(name))).words
    open_ = "[only the author can say]" if language == "en" else "［须由作者填写］"
    assert words.count(open_) == without


def test_only_what_was_used_is_cited(facts: RunFacts) -> None:
    """
    The bibliography names the program, and methods that the numbers come from, no others; each entry once.
    """
    assert "egami2023" not in bibliography_of(facts)
    bib = bibliography_of(replace(facts, people=PEOPLE))
    assert re.findall(r"^@\w+\{(\w+),", bib, re.M) == [
        "rowbatch", "tornberg2024", "pangakis2023", "krippendorff2018", "cohen1960", "angelopoulos2023",
    ]  # fmt: skip
    assert bib.count("{") == bib.count("}")


def test_wrong_files_are_refused_before_the_work(facts: RunFacts, tmp_path: Path) -> None:
    """
    An ending that says no form, a file twice, none at all, a checklist that there is not.
    """
    for paths, kind in (
        ([tmp_path / "r.pdf"], "report-ending"),
        ([tmp_path / "r.html", tmp_path / "r.html"], "report-twice"),
        ([], "report-nowhere"),
    ):
        with pytest.raises(UsageError) as caught:
            write_report(facts, paths)
        assert caught.value.kind == kind
    (tmp_path / "r.bib").write_text("mine")
    with pytest.raises(OutputExists):
        write_report(facts, [tmp_path / "r.tex"])
    assert not (tmp_path / "r.tex").exists()
    with pytest.raises(UsageError) as caught:
        report(tmp_path, tmp_path / "r.html", checklist="consort")
    assert caught.value.kind == "no-checklist"
