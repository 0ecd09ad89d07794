"""A student of a run's labels: what it labels, what is shown of it, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

import rowbatch
from coded_sets import MOOD, draw, say, set_of
from distilling import MadeTexts, made_texts, run_of_some
from rowbatch.api import Run
from rowbatch.cli.app import run_command_line
from rowbatch.core.distillation import Distillation
from rowbatch.errors import InputError, OutputExists, RunError, UsageError
from rowbatch.store.student_file import read_student, write_student

WHOLE, ASKED, CODED = 900, 240, 160


@dataclass(frozen=True, slots=True)
class Made:
    """A table, a run of some of its rows, drawn by chance, and what is known of all."""

    run: Run
    whole: Path
    texts: MadeTexts
    asked: list[int]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("distil")
    texts = made_texts(WHOLE)
    asked = sorted(np.random.default_rng(5).choice(WHOLE, ASKED, replace=False).tolist())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        with run_of_some(folder, texts, asked) as (run, whole):
            yield Made(run, whole, texts, asked)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))


def code_whole(made: Made) -> rowbatch.api.OpenCodingSet:
    """A set of the whole table, coded as it is in truth."""
    coding = rowbatch.coding_set(
        made.whole, count=CODED, text="post", codebook=MOOD, name="people", test=0, seed=9
    )
    say(coding.folder, "Anna", {one.row: made.texts.truth[one.row - 1] for one in coding.rows()})
    return coding


@pytest.fixture
def found(made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Distillation:
    code_whole(made)
    labelled = made.run.distil(made.whole, tmp_path / "out.csv", rest=tmp_path / "rest.csv", wanted=0.85)
    # What polars 2.1.0 no longer wants inside a filter it writes to standard error: pytest sees no warning.
    assert capfd.readouterr().err == ""
    return labelled


def test_every_row_comes_out_once_with_all_its_cells(made: Made, found: Distillation) -> None:
    """
    Rows are in order and as they were; the model's label stands where it was asked, else the student's where
    that may be used, else nothing; what is left stands in a table of its own with its numbers.
    """
    before, after = (pl.read_csv(path, infer_schema=False) for path in (made.whole, found.output))
    assert after.select(before.columns).equals(before)
    assert tuple(after.columns[3:]) == found.columns == ("mood", "mood_from", "mood_student", "mood_sure")
    asked = set(made.asked)
    usable: dict[str, float] = {}
    assert found.quality is not None
    assert found.quality.acceptance is not None
    for one in found.quality.acceptance.labels:
        if one.verdict == "usable":
            usable.setdefault(one.label, one.least_sure or 0.0)
    left = []
    for row, (label, source, student, sure) in enumerate(after.select(found.columns).iter_rows()):
        if row in asked:
            assert (label, source) == (made.texts.said[row], "model")
        elif float(sure) >= usable.get(student, 2.0):
            assert (label, source) == (student, "student")
        else:
            assert (label or "", source) == ("", "left")
            left.append(str(row + 1))
    counts = found.counts
    assert (counts.rows, counts.of_model, counts.left) == (WHOLE, ASKED, len(left))
    assert counts.of_student == WHOLE - ASKED - len(left) > 0
    if left:
        assert found.rest is not None
        assert pl.read_csv(found.rest, infer_schema=False)["row_of_table"].to_list() == left


def test_peoples_rows_are_never_learned_from(made: Made, found: Distillation) -> None:
    """
    As many rows are held out as are both asked and drawn; what the student learned does not change when the
    model says something else of these.
    """
    drawn = {one.row - 1 for one in rowbatch.open_coding_set("people").rows()}
    both = drawn & set(made.asked)
    assert (found.teaching.held_out, found.teaching.rows) == (len(both), ASKED - len(both))
    assert found.model_right is not None
    assert found.model_right.n == len(both)
    assert found.student_right is not None
    assert found.student_right.n == CODED
    right = sum(made.texts.said[row] == made.texts.truth[row] for row in both)
    assert found.model_right.estimate == pytest.approx(right / len(both))


def test_numbers_are_corrected_by_people(made: Made, found: Distillation) -> None:
    """
    The corrected share is PPI++'s of the student's column and people's, as `correct` has it of the table that
    was written; widths are beside those of people alone, and of the model on the same rows.
    """
    gold = {one.row: made.texts.truth[one.row - 1] for one in rowbatch.open_coding_set("people").rows()}
    frame = pl.read_csv(found.output, infer_schema=False).with_row_index("row", offset=1)
    frame = frame.with_columns(
        pl.Series("gold", [gold.get(row) for row in frame["row"].to_list()], dtype=pl.String)
    )
    path = found.output.with_name("beside.csv")
    frame.write_csv(path)
    again = rowbatch.correct(path, predicted="mood_student", gold="gold", label="good")
    assert found.estimates is not None
    assert found.estimates.corrections[0].to_plain() == again.corrections[0].to_plain()
    width = found.widths[0]
    assert width.student is not None
    assert width.people_only is not None
    assert width.student < width.people_only
    assert width.times == pytest.approx((width.student_there or 0) / (width.model_there or 1))


def test_the_same_again_is_kept_and_another_look_is_none(
    made: Made, found: Distillation, tmp_path: Path
) -> None:
    """
    The student is taken up where it was kept, and says the same; a file that is there is not replaced.
    """
    again = made.run.distil(made.whole, tmp_path / "again.csv", wanted=0.85)
    assert again.teaching.is_kept
    assert (tmp_path / "again.csv").read_bytes() == found.output.read_bytes()
    assert again.quality is not None
    assert again.quality.acceptance is not None
    assert again.quality.acceptance.look == 1
    with pytest.raises(OutputExists):
        made.run.distil(made.whole, tmp_path / "again.csv")
    json.dumps(found.to_plain())
    assert "corrected" in found._repr_html_()


def test_a_damaged_student_is_a_sentence(made: Made, found: Distillation, tmp_path: Path) -> None:
    """
    A file that was cut off, changed, or is something else is named, and not believed.
    """
    path = made.run.path / "students" / f"{found.teaching.sha256[:16]}.npz"
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    try:
        for content in (whole[: len(whole) // 2], bytes(changed), b"", b"PK\x03\x04nothing"):
            path.write_bytes(content)
            with pytest.raises(RunError) as refused:
                made.run.distil(made.whole, tmp_path / "other.csv")
            assert refused.value.kind == "student-damaged"
    finally:
        path.write_bytes(whole)


def test_a_set_of_the_rows_that_were_asked(made: Made, tmp_path: Path) -> None:
    """
    People may code some of the very rows that the model was asked, where chance drew these from the table:
    their rows are found in it by their texts, and all are held out.
    """
    folder = set_of(made.run)
    rows = list(range(1, ASKED, 2))
    names = {row: made.texts.texts[made.asked[row - 1]] for row in rows}
    draw(folder, rows, {"": ASKED}, texts=names)
    say(folder, "Anna", {row: made.texts.truth[made.asked[row - 1]] for row in rows})
    found = made.run.distil(made.whole, tmp_path / "out.csv")
    assert found.teaching.held_out == len(rows)
    assert found.estimates is not None
    assert (found.estimates.rows, found.estimates.labelled) == (WHOLE, len(rows))
    other = tmp_path / "other.csv"
    with other.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["post"], *([text] for text in made_texts(50, 8).texts)])
    with pytest.raises(UsageError) as refused:
        made.run.distil(other, tmp_path / "out2.csv")
    assert refused.value.kind == "distil-not-of-table"
    first = tmp_path / "first.csv"
    texts = [made.texts.texts[row] for row in made.asked] + made_texts(WHOLE, 8).texts
    with first.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["post"], *([text] for text in dict.fromkeys(texts))])
    with pytest.raises(UsageError) as refused:
        made.run.distil(first, tmp_path / "out2.csv")
    assert refused.value.kind == "distil-not-by-chance"


def test_what_is_refused(made: Made, tmp_path: Path) -> None:
    """
    Without people nothing is shown, and nothing is written unless it is asked for; the run's own table has no
    other rows; a variable that is not there, and the table itself as the output, are named.
    """
    for kind, asked in {
        "distil-without-people": {"table": made.whole, "output": tmp_path / "out.csv"},
        "distil-kind": {"table": made.whole, "output": tmp_path / "out.csv", "variable": "other"},
        "distil-onto-table": {"table": made.whole, "output": made.whole, "overwrite": True},
        "distil-nothing-left": {"output": tmp_path / "out.csv", "all_labels": True},
        "quality-no-share": {"table": made.whole, "output": tmp_path / "out.csv", "wanted": 1.5},
    }.items():
        with pytest.raises(UsageError) as refused:
            made.run.distil(**asked)  # type: ignore[arg-type]
        assert refused.value.kind == kind
    assert not (tmp_path / "out.csv").exists()
    found = made.run.distil(made.whole, tmp_path / "out.parquet", all_labels=True)
    assert (found.counts.left, found.quality, found.estimates) == (0, None, None)
    assert "distil-unshown" in [note.kind for note in found.notes]
    assert pl.read_parquet(found.output)["mood"].is_in(["good", "bad"]).all()


@dataclass(frozen=True, slots=True)
class Wave:
    """A table of the next wave, of which people coded some rows, and a student of the last one."""

    table: Path
    texts: MadeTexts
    student: Path


def _table_of(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["post"], *([text] for text in texts)])
    return path


@pytest.fixture
def wave(made: Made, tmp_path: Path) -> Wave:
    first = made.run.distil(made.whole, tmp_path / "first.csv", all_labels=True)
    texts = made_texts(500, 33)
    table = _table_of(tmp_path / "wave2.csv", texts.texts)
    coding = rowbatch.coding_set(table, count=CODED, text="post", codebook=MOOD, name="two", test=0, seed=9)
    say(coding.folder, "Anna", {one.row: texts.truth[one.row - 1] for one in coding.rows()})
    return Wave(table, texts, first.teaching.path)


def test_a_student_of_the_last_wave_labels_the_next_one(made: Made, wave: Wave, tmp_path: Path) -> None:
    """
    It says of each row what its file says, and is held to what people coded of the new table; nothing is
    learned; its numbers hold the truth. The texts look like those that it learned from.
    """
    before = wave.student.read_bytes()
    moved = tmp_path / "kept.npz"
    moved.write_bytes(before)
    found = made.run.distil(wave.table, tmp_path / "out.csv", student=moved, coding_set="two", wanted=0.8)
    assert (found.teaching.is_kept, found.teaching.rows, found.teaching.path) == (True, ASKED, moved)
    assert wave.student.read_bytes() == before
    after = pl.read_csv(found.output, infer_schema=False)
    assert after["post"].to_list() == wave.texts.texts
    student = read_student(moved).learning.student
    expected = student.applied().read(pl.Series("post", wave.texts.texts)).values(student)
    assert after["mood_student"].to_list() == expected.to_list()
    assert found.student_right is not None
    assert found.student_right.n == CODED
    assert found.counts.of_model == 0
    assert found.counts.of_student > 0
    assert found.estimates is not None
    corrected = found.estimates.corrections[0].corrected
    truth = wave.texts.truth.count("good") / len(wave.texts.truth)
    assert (corrected.low or 1) < truth < (corrected.high or 0)
    assert not {"distil-unlike", "student-saw-people"} & {note.kind for note in found.notes}
    assert found.teaching.unlike is not None
    assert found.teaching.unlike.share < 0.1


def test_texts_of_another_kind_are_told(made: Made, wave: Wave, tmp_path: Path) -> None:
    """
    Where the student knows few of the words, it says so, with how many texts are so, and what to do.
    """
    other = [f"quarterly revenue outlook item{n % 40} guidance margin{n % 30}" for n in range(300)]
    table = _table_of(tmp_path / "other.csv", [*other, *made_texts(50, 44).texts])
    found = made.run.distil(table, tmp_path / "out.csv", student=wave.student, all_labels=True)
    (told,) = [note for note in found.notes if note.kind == "distil-unlike"]
    assert "86%" in str(told)
    assert told.hint()
    assert found.to_plain()["student"]["unlike"]["is_so"] is True


def test_of_a_text_that_it_learned_another_student_speaks(made: Made, wave: Wave, tmp_path: Path) -> None:
    """
    People's rows that a kept student learned from, and all others that it did, have the label of students
    that did not see them, and it says how many of people's these are.
    """
    code_whole(made)
    drawn = {one.row - 1 for one in rowbatch.open_coding_set("people").rows()}
    found = made.run.distil(made.whole, tmp_path / "out.csv", student=wave.student, coding_set="people")
    (told,) = [note for note in found.notes if note.kind == "student-saw-people"]
    assert told.values["count"] == len(drawn & set(made.asked)) > 0
    assert found.teaching.held_out == len(drawn - set(made.asked))
    learning = read_student(wave.student).learning
    after = pl.read_csv(found.output, infer_schema=False)
    seen = after[made.asked]["mood_student"].to_list()
    assert seen == learning.unseen.values(learning.student).to_list()
    texts = pl.Series("post", [made.texts.texts[row] for row in made.asked])
    assert seen != learning.student.applied().read(texts).values(learning.student).to_list()


def test_a_student_of_something_else_is_refused(made: Made, wave: Wave, tmp_path: Path) -> None:
    """
    A student of another variable, of other labels or definitions, or of other columns is named, with what is
    other; so is one that is not there, that somebody changed, or that would have to run to be read.
    """
    kept = read_student(wave.student)
    path, texts = tmp_path / "s.npz", [made.texts.texts[row] for row in made.asked]
    cases = {
        "student-of-other-variable": replace(kept.lesson, variable="stance"),
        "student-of-other-rules": replace(kept.lesson, rules={**kept.lesson.rules, "question": "Is it so?"}),
        "student-of-other-columns": replace(kept.lesson, columns=("title", "post")),
    }
    for kind, lesson in cases.items():
        write_student(path, kept.learning, lesson, texts)
        with pytest.raises(UsageError) as refused:
            made.run.distil(wave.table, tmp_path / "out.csv", student=path)
        assert refused.value.kind == kind
    with pytest.raises(InputError) as gone:
        made.run.distil(wave.table, tmp_path / "out.csv", student=tmp_path / "none.npz")
    assert gone.value.kind == "path-missing"
    with np.load(wave.student) as content:
        arrays = dict(content)
    for changed in (
        {"about": np.frombuffer(bytes(arrays["about"]).replace(b"good", b"evil"), dtype=np.uint8)},
        {"known": arrays["known"] / 2},
        {"codes": np.array([{}] * len(arrays["codes"]), dtype=object)},
    ):
        np.savez(path, **{**arrays, **changed})
        with pytest.raises(InputError) as damaged:
            made.run.distil(wave.table, tmp_path / "out.csv", student=path)
        assert damaged.value.kind == "student-unreadable"
        assert "remove" not in (damaged.value.hint or "")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_no_student_is_refused_whatever_it_is(
    made: Made, wave: Wave, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A table, a part of a student, one that is packed and damaged, one of parts that do not go together, with a
    digest that is right: each ends with a sentence, and nobody is told to remove the file.
    """
    kept, whole = read_student(wave.student), wave.student.read_bytes()
    path = tmp_path / "s.npz"
    packed = io.BytesIO()
    with np.load(wave.student) as content:
        np.savez_compressed(packed, **dict(content))
    half = bytearray(packed.getvalue())
    half[len(half) // 2 : len(half) // 2 + 64] = bytes(64)
    files = [wave.table.read_bytes(), b"", whole[: len(whole) // 2], bytes(half), b"PK\x03\x04" + bytes(40)]
    learning = kept.learning
    weights = learning.student.weights
    for changed in (
        replace(learning.student, labels=learning.student.labels[:1]),
        replace(learning.student, labels=()),
        replace(learning.student, weights=replace(weights, of_features=weights.of_features[:-1])),
        replace(learning.student, weights=replace(weights, intercepts=weights.intercepts[:, None])),
    ):
        write_student(path, replace(learning, student=changed), kept.lesson, ["x"] * len(kept.texts))
        files.append(path.read_bytes())
    said = replace(learning.unseen, codes=learning.unseen.codes + 7)
    write_student(path, replace(learning, unseen=said), kept.lesson, ["x"] * len(kept.texts))
    files.append(path.read_bytes())
    out = tmp_path / "a.csv"
    command = ["distil", str(made.run.path), "--table", str(wave.table), "--student", str(path)]
    for content in files:
        path.write_bytes(content)
        assert run_command_line([*command, "-o", str(out)]) == 3
        told = capsys.readouterr().err
        assert "is no student, or none that this version reads" in told
        assert "remove" not in told
    assert not out.exists()


def test_the_command_takes_up_a_student(
    made: Made, wave: Wave, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The command says where a student is kept, and takes it up from there.
    """
    command = ["distil", str(made.run.path), "--table", str(wave.table), "--student", str(wave.student)]
    assert run_command_line([*command, "-o", str(tmp_path / "a.csv")]) == 0
    told = capsys.readouterr().out
    assert f"the student is kept in {wave.student}" in told
    assert "which was kept of an earlier time" in told


def test_the_command(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The command says what was learned, how good it is, what it saved and what it cost in width; as JSON it is
    the value of the API.
    """
    code_whole(made)
    command = ["distil", str(made.run.path), "--table", str(made.whole), "--people", "people"]
    assert run_command_line([*command, "-o", str(tmp_path / "a.csv"), "--by", "town", "--label", "good"]) == 0
    told = capsys.readouterr().out
    for words in ("the student is right", "which labels may be used", "times as with the model", "saved: "):
        assert words in told
    assert run_command_line([*command, "-o", str(tmp_path / "b.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"]["all"] == WHOLE
    assert found["corrected"]["labelled"] == CODED


def test_the_report_tells_of_it(made: Made, found: Distillation, tmp_path: Path) -> None:
    """
    A report of the run says what was labelled by a student, from how many rows, and how often it is right.
    """
    words: dict[Literal["en", "zh"], str] = {"en": "Labelled by a student", "zh": "由学生模型标注"}
    for language, told in words.items():
        path = tmp_path / f"report-{language}.html"
        rowbatch.report(made.run, path, language=language)
        page = path.read_text(encoding="utf-8")
        assert told in page
        assert f"{found.teaching.rows:,}" in page
        assert "whole.csv" in page
