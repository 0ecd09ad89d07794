"""Archives, and what they ask again."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from xlsxwriter import Workbook

from driving import KEY, LABELS, build_run, finish, make_run, texts, unknown_label
from end_to_end import read_rows
from fake_providers import FakeProvider
from rowbatch.api.reporting import archive, check_archive, compare_rerun, report, rerun, sentinels
from rowbatch.errors import InputError, OutputExists, RowbatchError, StorageError, UsageError
from rowbatch.reporting.archive import read_archive
from rowbatch.reporting.texts import text_digest
from rowbatch.store.journal import Journal
from rowbatch.store.rundir import RunDirectory


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of fourteen rows that is over; two have no text."""
    run = make_run(tmp_path_factory.mktemp("archive"))
    finish(run, FakeProvider("openai"))
    return run


@pytest.fixture(scope="module")
def packed(done: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "study.zip"
    archive(done.path, path, title="A study", author="A. Author", license="https://example.org/by")
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_every_row_is_in_it_once(packed: Path, done: RunDirectory) -> None:
    """
    A row each, in order, with the digest of its text, the label of the labelled table and its status; the
    table beside it is the input, cell by cell.
    """
    found = members(packed)
    labels = rows_of(found["labels.csv"])
    collected = read_rows(done.path.parent / "out.csv")
    assert [int(one["row"]) for one in labels] == list(range(1, 15))
    assert [one["text_sha256"] for one in labels] == [text_digest([text]) for text in texts(14)]
    assert labels[0]["text_sha256"] == hashlib.sha256(texts(14)[0].encode()).hexdigest()
    for name in ("label", "status", "model"):
        assert [one[name] for one in labels] == [one[name] for one in collected]
    table = list(csv.reader(io.StringIO(found["table.csv"].decode())))
    assert table[0] == ["id", "text"]
    assert [row[1] for row in table[1:]] == texts(14)


def test_it_tells_of_itself_and_not_of_the_computer(packed: Path, done: RunDirectory) -> None:
    """
    Codebook, plan, report and metadata are in it; no key, no path, no header.
    """
    found = members(packed)
    assert set(found) == {
        "README.md", "SHA256SUMS", "codebook.yaml", "datapackage.json", "labels.csv", "methods.bib",
        "methods.tex",
        "plan.json", "report.html", "report.json", "ro-crate-metadata.json", "table.csv",
    }  # fmt: skip
    everything = b"".join(found.values()).decode()
    assert KEY not in everything
    assert str(done.path.parent) not in everything
    plan = json.loads(found["plan.json"])
    assert plan["table"]["path"] == "posts.csv"
    assert plan["output"]["path"] == ""


def test_the_same_run_gives_the_same_bytes(packed: Path, done: RunDirectory, tmp_path: Path) -> None:
    """
    The content hash is of what is in it: made again, it is the same.
    """
    again = archive(
        done.path, tmp_path / "b.zip", title="A study", author="A. Author", license="https://example.org/by"
    )
    assert again.path.read_bytes() == packed.read_bytes()
    assert again.content_sha256 == check_archive(packed).content_sha256
    other = archive(done.path, tmp_path / "c.zip", title="Another")
    assert other.content_sha256 != again.content_sha256


def test_its_descriptors_agree_with_its_files(packed: Path) -> None:
    """
    RO-Crate and data package name every file with the digest that it has; each id that is named is there.

    What RO-Crate 1.2 asks of a program (`url`, `version`) and of a licence was found by roc-validator 0.13.0;
    `make archives` runs it and frictionless 5.21.
    """
    found = members(packed)
    graph = {one["@id"]: one for one in json.loads(found["ro-crate-metadata.json"])["@graph"]}
    files = {name for name, one in graph.items() if one["@type"] == "File"}
    assert files == set(found) - {"SHA256SUMS", "ro-crate-metadata.json"}
    for name in files:
        assert graph[name]["sha256"] == hashlib.sha256(found[name]).hexdigest()
        assert int(graph[name]["contentSize"]) == len(found[name])
    named = {one["@id"] for entity in graph.values() for one in _references(entity)}
    assert named - set(graph) == {"https://w3id.org/ro/crate/1.2"}
    programs = [one for one in graph.values() if one["@type"] == "SoftwareApplication"]
    assert programs
    assert all(one["url"] and one["version"] for one in programs)
    package = json.loads(found["datapackage.json"])
    for resource in package["resources"]:
        content = found[resource["path"]]
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        header = next(csv.reader(io.StringIO(content.decode())))
        assert [field["name"] for field in resource["schema"]["fields"]] == header
    (labels,) = [one for one in package["resources"] if one["path"] == "labels.csv"]
    (label,) = [one for one in labels["schema"]["fields"] if one["name"] == "label"]
    assert label["constraints"]["enum"] == ["", *LABELS]
    # A label `NA` would be missing otherwise.
    assert labels["schema"]["missingValues"] == []


def _references(entity: dict[str, object]) -> list[dict[str, str]]:
    found = []
    for name, value in entity.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "@id" in one and name != "@id":
                found.append(one)
    return found


def test_without_texts_no_word_of_them_is_in_it(done: RunDirectory, tmp_path: Path) -> None:
    """
    Neither the table nor an example nor what the model said in its own words.
    """
    report = archive(done.path, tmp_path / "bare.zip", texts=False)
    found = members(report.path)
    assert "table.csv" not in found
    everything = b"".join(found.values()).decode()
    assert not any(text in everything for text in texts(14) if len(text) > 6)
    assert report.with_texts is False
    assert rows_of(found["labels.csv"])[0]["label"] in LABELS


def test_what_an_answer_said_wrongly_is_one_of_its_words(tmp_path: Path) -> None:
    """
    Why an answer could not be used is told in its own words: with the texts these are left out, in the
    report and in the archive; with texts they are told.
    """
    run = make_run(tmp_path)
    fake = FakeProvider("openai")
    fake.spoil = unknown_label([1])
    finish(run, fake)
    bare = archive(run.path, tmp_path / "bare.zip", texts=False)
    whole = archive(run.path, tmp_path / "whole.zip")
    assert not any(b"zzz" in content for content in members(bare.path).values())
    assert b"zzz" in members(whole.path)["report.html"]
    assert rows_of(members(bare.path)["labels.csv"])[0]["status"] == "invalid"


def test_a_disk_that_is_full_is_a_sentence(
    done: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What the file system refuses is an error of ours that names the archive, and nothing is left.
    """

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rowbatch.reporting.archive.digest_file", refuse)
    with pytest.raises(StorageError) as caught:
        archive(done.path, tmp_path / "a.zip")
    assert str(tmp_path / "a.zip") in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["changed", "missing", "not listed"])
def test_any_later_change_is_seen(packed: Path, tmp_path: Path, fault: str) -> None:
    """
    A changed label, a file that was taken out, and one that was put in are named, and nothing is done with
    such an archive; `sha256sum` sees it, too.
    """
    path = tmp_path / "edited.zip"
    found = members(packed)
    name = {"changed": "labels.csv", "missing": "report.html", "not listed": "extra.csv"}[fault]
    if fault == "changed":
        found[name] = found[name].replace(b",a,ok", b",b,ok", 1)
    elif fault == "missing":
        del found[name]
    else:
        found[name] = b"x"
    with zipfile.ZipFile(path, "w") as file:
        for one, content in found.items():
            file.writestr(one, content)
    checked = check_archive(path)
    assert checked.faults == ((name, fault),)
    with pytest.raises(InputError) as caught:
        read_archive(path)
    assert caught.value.kind == "archive-changed"
    if fault == "changed":
        with zipfile.ZipFile(path) as file:
            file.extractall(tmp_path / "out")
        done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=False)
        assert done.returncode == 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "archive-unreadable"), (b"PK", "archive-unreadable"), (None, "archive-not-ours")],
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes | None, kind: str) -> None:
    """
    A file that is no zip, and a zip of something else.
    """
    path = tmp_path / "other.zip"
    if content is None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.txt", "x")
    else:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        check_archive(path)
    assert caught.value.kind == kind


def write_rows(path: Path, rows: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(rows, 1))])
    return path


def test_a_sorted_table_is_asked_again_and_compared_text_by_text(packed: Path, tmp_path: Path) -> None:
    """
    Rows are known by their texts: the same answers, in another order and beside a new row, are the same.
    """
    table = write_rows(tmp_path / "later.csv", [*reversed(texts(14)), "a new one"])
    again = rerun(packed, table, run=tmp_path / "again")
    assert (again.rows, again.same, again.only_table, again.only_archive) == (15, 14, 1, 0)
    run = RunDirectory(again.run.path)
    assert run.plan().asking.fresh
    build_run(run, "openai", 4)
    finish(run, FakeProvider("openai"))
    found = again.compare()
    assert (found.rows, found.not_compared, found.both_ok) == (14, 1, 12)
    assert found.changes == ()
    assert found.figures["label"]["percent_agreement"].estimate == 1


def test_a_rerun_takes_how_its_table_is_read_and_the_cap_of_the_settings(
    packed: Path, tmp_path: Path
) -> None:
    """
    The texts lie in the second sheet of a workbook now; what `rowbatch.toml` beside it allows is the cap.
    """
    table = tmp_path / "later.xlsx"
    with Workbook(table) as book:
        book.add_worksheet("read me").write(0, 0, "about")
        for name in ("texts", "more texts"):
            sheet = book.add_worksheet(name)
            for at, row in enumerate([["id", "text"], *([n, text] for n, text in enumerate(texts(14), 1))]):
                sheet.write_row(at, 0, row)
    (tmp_path / "rowbatch.toml").write_text("max_cost = 0.25\n", encoding="utf-8")
    with pytest.raises(InputError):
        rerun(packed, table, run=tmp_path / "again")
    again = rerun(packed, table, run=tmp_path / "again", sheet="texts")
    assert (again.rows, again.same) == (14, 14)
    assert again.run.policy().max_cost_usd == Decimal("0.25")
    assert again.run.plan.source.reading.sheet == "texts"


def test_what_moved_is_told(packed: Path, tmp_path: Path) -> None:
    """
    A model that says something else now is seen: which labels moved to which, agreement with its interval.
    """
    table = write_rows(tmp_path / "later.csv", texts(14))
    again = rerun(packed, table, run=tmp_path / "again")
    run = RunDirectory(again.run.path)
    build_run(run, "openai", 4)
    fake = FakeProvider("openai")
    fake.spoil = lambda _, line: line.replace(b'\\"b\\"', b'\\"a\\"')
    finish(run, fake)
    found = compare_rerun(packed, run.path)
    was_b = sum(one["label"] == "b" for one in rows_of(members(packed)["labels.csv"]))
    assert was_b > 0
    assert [(one.variable, one.before, one.after, one.rows) for one in found.changes] == [
        ("label", "b", "a", was_b)
    ]
    assert found.both_ok == 12
    same = found.figures["label"]["percent_agreement"]
    assert same.estimate == pytest.approx(1 - was_b / 12)
    assert same.low is not None
    assert same.low < 1 - was_b / 12


def test_some_rows_alone_are_drawn_by_hash(packed: Path, tmp_path: Path) -> None:
    """
    The same seed asks the same rows; more than had an answer are refused with how many there are.
    """
    table = write_rows(tmp_path / "later.csv", texts(14))
    first = rerun(packed, table, rows=5, run=tmp_path / "one")
    second = rerun(packed, table, rows=5, run=tmp_path / "two")
    assert first.rows == second.rows == 5

    def asked(path: Path) -> list[str]:
        return pl.read_parquet(path / "table.parquet")["text"].to_list()

    assert asked(tmp_path / "one") == asked(tmp_path / "two")
    assert set(asked(tmp_path / "one")) <= set(texts(14))
    with pytest.raises(UsageError) as caught:
        rerun(packed, table, rows=13, run=tmp_path / "three")
    assert (caught.value.kind, caught.value.values["left"]) == ("rerun-too-few-rows", 12)


def test_sentinels_are_the_same_texts_each_time(packed: Path, done: RunDirectory, tmp_path: Path) -> None:
    """
    They are drawn once by hash of their texts, and asked again wherever these stand in the table; each look
    is kept beside the archive, a drift is told there and in the report, and the archive is as it was.
    """
    packed = Path(shutil.copy(packed, tmp_path))
    before = packed.read_bytes()
    wanted: set[str] = set()
    rows = texts(14)
    for n, (name, order, swap) in enumerate(
        [("one", rows, False), ("two", ["new", *reversed(rows), *rows], False), ("three", rows[::-1], True)]
    ):
        again = rerun(
            packed,
            write_rows(tmp_path / f"{name}.csv", order),
            rows=12 if not n else None,
            sentinels=True,
            run=tmp_path / name,
        )
        assert again.rows == 12
        asked = set(pl.read_parquet(tmp_path / name / "table.parquet")["text"])
        wanted = wanted or asked
        assert asked == wanted
        run = RunDirectory(again.run.path)
        build_run(run, "openai", 4)
        fake = FakeProvider("openai")
        if swap:
            fake.spoil = lambda _, line: re.sub(
                rb'\\"([ab])\\"', lambda label: b'\\"b\\"' if label[1] == b"a" else b'\\"a\\"', line
            )
        finish(run, fake)
        # A look that is made twice is one.
        assert again.compare() == again.compare()
        found = sentinels(packed)
        assert [one.rows for one in found.looks] == [12] * (n + 1)
        assert found.drifted == (("label",) if swap else ())
    assert packed.read_bytes() == before
    figures = [one.figures["label"]["percent_agreement"] for one in found.looks]
    assert [one.estimate for one in figures] == [1, 1, 0.5]
    report(done.path, [tmp_path / "r.html", tmp_path / "r.json"], sentinels=packed)
    assert "The model has drifted" in (tmp_path / "r.html").read_text()
    told = json.loads((tmp_path / "r.json").read_text())["sentinels"]
    assert (told["drifted"], len(told["looks"]), told["texts"]) == (["label"], 3, 12)
    with pytest.raises(UsageError) as caught:
        report(tmp_path / "one", tmp_path / "other.html", sentinels=packed)
    assert caught.value.kind == "sentinels-of-another-run"


def test_sentinels_that_do_not_fit_are_refused(packed: Path, tmp_path: Path) -> None:
    """
    Another number than was drawn, the file of another archive, a broken one, and none at all are told.
    """
    packed = Path(shutil.copy(packed, tmp_path))
    table = write_rows(tmp_path / "later.csv", texts(14))
    kinds: list[str] = []

    def ask(count: int | None = None) -> None:
        try:
            rerun(packed, table, rows=count, sentinels=True, run=tmp_path / f"run-{len(kinds)}")
        except RowbatchError as error:
            kinds.append(error.kind)

    with pytest.raises(InputError) as caught:
        sentinels(packed)
    assert caught.value.kind == "sentinels-none"
    ask(13)
    log = packed.with_name(f"{packed.stem}.sentinels.jsonl")
    assert not log.exists()
    ask(3)
    ask(4)
    kept = log.read_bytes()
    log.write_bytes(kept.replace(b"seed", b"sood"))
    ask()
    log.write_bytes(kept)
    log.unlink()
    Journal(log).add([{"content_sha256": "0" * 64, "seed": 1, "drawn_at": "", "texts": ["x"]}])
    ask()
    assert kinds == [
        "rerun-too-few-rows",
        "sentinels-are-drawn",
        "sentinels-damaged",
        "sentinels-of-another-archive",
    ]


def test_another_table_is_refused(packed: Path, tmp_path: Path) -> None:
    """
    A table none of whose texts is in the archive is not asked at somebody's cost.
    """
    table = write_rows(tmp_path / "other.csv", ["x", "y"])
    with pytest.raises(InputError) as caught:
        rerun(packed, table, run=tmp_path / "again")
    assert caught.value.kind == "rerun-other-table"
    with pytest.raises(InputError):
        rerun(packed, tmp_path / "not-there.csv", run=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_is_not_replaced(packed: Path, done: RunDirectory, tmp_path: Path) -> None:
    """
    One that is there stays, and another ending is refused.
    """
    with pytest.raises(OutputExists):
        archive(done.path, packed)
    with pytest.raises(UsageError) as caught:
        archive(done.path, tmp_path / "a.tar")
    assert caught.value.kind == "archive-ending"
    assert list(tmp_path.iterdir()) == []
