"""Labels of units become those of their documents, and nothing else of these changes."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.table_options import WriteOptions
from rowbatch.core.unit_rules import UnitsRule
from rowbatch.core.units import UnitKind, UnitRule
from rowbatch.errors import OutputExists, TableError, UsageError
from rowbatch.tools import join_units as join_module
from rowbatch.tools.join_units import join_units, read_rules
from rowbatch.tools.units import units

ANY: Mapping[str, UnitsRule] = {"": "any"}
CELLS = 'id,post,status\n007,"One. Two\r\nthree. Four.",x\nb,,y\nc,"Ay. Bee.",z\n'


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(CELLS, encoding="utf-8", newline="")
    return path


def labelled(posts: Path, **labels: Sequence[object]) -> Path:
    """The units of the posts (4, an empty one, 2) with labels."""
    path = posts.with_name("units.csv")
    units(posts, "post", path, UnitRule("sentence"), overwrite=True)
    rows = rows_of(path)
    assert len(rows) == 7
    return write(
        posts.with_name("labelled.csv"),
        [row | {name: values[at] for name, values in labels.items()} for at, row in enumerate(rows)],
    )


def test_a_row_for_each_document(posts: Path, tmp_path: Path) -> None:
    """
    Rows in their order, cells byte by byte; units in any order, each without an answer counted; a document
    without a text has no units.
    """
    source = labelled(posts, topic=["a", "b", "", "a", "", "c", "d"], yes=[0, 1, "", 0, "", 0, 0])
    write(source, list(reversed(rows_of(source))))
    report = join_units(source, posts, tmp_path / "out.csv", ANY)
    found = rows_of(tmp_path / "out.csv")
    assert [list(row.values())[:3] for row in found] == [list(row.values()) for row in rows_of(posts)]
    assert [list(row.values())[3:] for row in found] == [
        ["4", "1", "a; b", "1"],
        ["0", "0", "", ""],
        ["2", "0", "c; d", "0"],
    ]
    assert list(found[0])[3:] == ["units", "units_unanswered", "topic", "yes"]
    assert (report.documents, report.units, report.unanswered) == (3, 6, 1)
    assert report.notes == ()


def test_each_column_has_its_rule(posts: Path, tmp_path: Path) -> None:
    """
    A rule for all, and others for some; a tie is left to a person, and told; a list has a place for each.
    """
    source = labelled(
        posts,
        topic=["a", "b", "b", "a", "", "c", "c"],
        score=[1, 2, 4, "", "", 3, 4],
        said=["x", "", "y", "z", "", "v", "w"],
    )
    report = join_units(source, posts, tmp_path / "o.csv", read_rules(["most", "said=list"]))
    found = rows_of(tmp_path / "o.csv")
    assert list(found[0])[5:] == ["topic", "topic_tie", "score", "said"]
    assert list(found[0].values())[5:] == ["", '["a", "b"]', "2", '["x", null, "y", "z"]']
    assert list(found[1].values())[5:] == ["", "", "", "[]"]
    assert list(found[2].values())[5:] == ["c", "", "3.5", '["v", "w"]']
    assert [note.kind for note in report.notes] == ["note-units-median", "note-units-tie"]
    assert report.ties == {"topic": 1}
    only = join_units(source, posts, tmp_path / "p.csv", read_rules(["said=list"]))
    assert only.rules == {"said": "list"}


def test_a_status_says_what_has_an_answer(posts: Path, tmp_path: Path) -> None:
    """
    The status of a run counts, under the name that it has beside a column of the table called so; status,
    reason, raw answer, model and confidences are not joined.
    """
    states = ["ok", "failed", "ok", "ok", "skipped", "invalid", "ok"]
    source = labelled(
        posts,
        topic=["a", "", "b", "", "", "", "c"],
        topic_confidence=["0.5"] * 7,
        confidence_basis=["t"] * 7,
        rowbatch_status=states,
        status_reason=["r"] * 7,
        raw_answer=["r"] * 7,
        model=["m"] * 7,
    )
    report = join_units(source, posts, tmp_path / "o.csv", ANY)
    assert [row["units_unanswered"] for row in rows_of(tmp_path / "o.csv")] == ["1", "0", "1"]
    assert report.rules == {"topic": "any"}
    named = join_units(source, posts, tmp_path / "p.csv", read_rules(["topic_confidence=most"]))
    assert named.rules == {"topic_confidence": "most"}
    assert rows_of(tmp_path / "p.csv")[0]["topic_confidence"] == "0.5"


def test_several_labels_in_a_value(posts: Path, tmp_path: Path) -> None:
    """
    Where a run wrote a column of 0 and 1 for each label beside it, a value has several: their union, or those
    that more than half of the units have.
    """
    source = labelled(
        posts,
        topics=["a; b", "b", "b; c", "", "", "a", "c"],
        topics_a=[1, 0, 0, "", "", 1, 0],
        topics_b=[1, 1, 1, "", "", 0, 0],
        topics_c=[0, 0, 1, "", "", 0, 1],
    )
    join_units(source, posts, tmp_path / "any.csv", ANY)
    assert [row["topics"] for row in rows_of(tmp_path / "any.csv")] == ["a; b; c", "", "a; c"]
    join_units(source, posts, tmp_path / "most.csv", {"": "most"})
    found = rows_of(tmp_path / "most.csv")
    assert [row["topics"] for row in found] == ["b", "", ""]
    assert [row["topics_a"] for row in found] == ["0", "", "0"]
    assert not [name for name in found[0] if name.endswith("_tie")]


def test_units_that_are_missing_or_twice(posts: Path, tmp_path: Path) -> None:
    """
    Both are told with their rows; of a unit that is there twice the first counts, and one that is missing has
    no answer. A unit of no row is told, too.
    """
    rows = rows_of(labelled(posts, topic=["a", "b", "c", "d", "", "e", "f"]))
    source = write(tmp_path / "l.csv", [rows[0], *rows[2:4], *rows[5:], {**rows[5], "topic": "other"}])
    report = join_units(source, posts, tmp_path / "o.csv", {"": "list"})
    found = rows_of(tmp_path / "o.csv")
    assert [row["topic"] for row in found] == ['["a", null, "c", "d"]', "", '["e", "f"]']
    assert [(row["units"], row["units_unanswered"]) for row in found] == [("4", "1"), ("", ""), ("2", "0")]
    told = {note.kind: note.values for note in report.notes}
    assert told["note-units-missing"] == {"count": 2, "rows": [1, 2]}
    assert told["note-units-twice"] == {"count": 1, "rows": [3]}
    more = write(tmp_path / "more.csv", [*rows, {**rows[5], "document": "9"}])
    report = join_units(more, posts, tmp_path / "p.csv", ANY)
    assert [(note.kind, note.values["documents"]) for note in report.notes] == [("note-units-unknown", ["9"])]


def test_a_table_that_was_sorted_since(posts: Path, tmp_path: Path) -> None:
    """
    Units are joined by the row only to the texts that they were cut from; by a column they find their row.
    """
    source = labelled(posts, topic=["a", "a", "a", "a", "", "c", "c"])
    moved = write(tmp_path / "moved.csv", list(reversed(rows_of(posts))))
    with pytest.raises(TableError) as told:
        join_units(source, moved, tmp_path / "o.csv", ANY)
    assert (told.value.kind, told.value.row) == ("units-of-other-texts", 1)
    assert not (tmp_path / "o.csv").exists()
    join_units(source, moved, tmp_path / "o.csv", ANY, id_column="id")
    assert [(row["id"], row["topic"]) for row in rows_of(tmp_path / "o.csv")] == [
        ("c", "c"),
        ("b", ""),
        ("007", "a"),
    ]


def test_a_text_that_was_changed_since(tmp_path: Path) -> None:
    """
    One text of several that is another one now is told, and white space that a spreadsheet made of it is not.
    """
    table = write(tmp_path / "t.csv", [{"text": text} for text in ("A. B.", "C.\r\nD.", "E.")])
    units(table, "text", tmp_path / "u.csv", UnitRule("paragraph", 2))
    rows = [
        {**row, "text": row["text"].replace("\r\n", "\n"), "x": "1"} for row in rows_of(tmp_path / "u.csv")
    ]
    source = write(tmp_path / "l.csv", rows)
    assert join_units(source, table, tmp_path / "o.csv", ANY).notes == ()
    write(table, [{"text": text} for text in ("A. B.", "C.\r\nD.", "F.")])
    report = join_units(source, table, tmp_path / "p.csv", ANY)
    assert [(note.kind, note.values["rows"]) for note in report.notes] == [("note-units-changed", [3])]


def test_what_is_no_table_of_units(posts: Path, tmp_path: Path) -> None:
    """
    It is said what is missing: whose the units are, labels, a rule, a value of a row's own, the right table.
    """
    source = labelled(posts, topic=["a"] * 7)

    def kind(
        labelled: Path, table: Path, rules: Mapping[str, UnitsRule] = ANY, column: str | None = None
    ) -> str:
        with pytest.raises((TableError, UsageError)) as told:
            join_units(labelled, table, tmp_path / "o.csv", rules, id_column=column)
        assert not (tmp_path / "o.csv").exists()
        return told.value.kind

    assert kind(posts, posts) == "units-without-document"
    assert kind(tmp_path / "units.csv", posts) == "units-without-labels"
    assert kind(source, posts, {"topics": "any"}) == "no-such-column-but-near"
    odd = write(tmp_path / "odd.csv", [{**row, "document": "x"} for row in rows_of(source)])
    assert kind(odd, posts) == "unit-without-document"
    far = write(tmp_path / "far.csv", [{**row, "document": "99"} for row in rows_of(source)])
    assert kind(far, posts) == "units-of-another-table"
    twice = write(tmp_path / "twice.csv", [{"id": "a", "post": ""}, {"id": "a", "post": ""}])
    assert kind(source, twice, column="id") == "units-id-twice"
    empty = write(tmp_path / "empty.csv", [{"id": "a", "post": ""}, {"id": " ", "post": ""}])
    assert kind(source, empty, column="id") == "units-id-empty"
    for said, expected in ([], "units-rule-missing"), (["topic=mean"], "units-rule-unknown"):
        with pytest.raises(UsageError) as told:
            read_rules(said)
        assert told.value.kind == expected
    with pytest.raises(UsageError):
        join_units(source, posts, posts, ANY, overwrite=True)
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(OutputExists):
        join_units(source, posts, tmp_path / "mine.csv", ANY)


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "jsonl", "dta", "sav"])
def test_formats_with_types(posts: Path, tmp_path: Path, ending: str) -> None:
    """
    Units and documents in any format: medians and 1 and 0 are numbers where the format has such.
    """
    source = labelled(posts, yes=[0, 1, 0, 0, "", 0, 0], score=[1, 2, 4, 4, "", 3, 4])
    typed = tmp_path / f"typed.{ending}"
    units(source, "post", typed, UnitRule("paragraph", 9), writing=WriteOptions(numbers=True))
    # Only for its format: cut a second time, each unit is one, and the columns of the first cut stay.
    report = join_units(typed, posts, tmp_path / "o.parquet", read_rules(["yes=any", "score=most"]))
    found = pl.read_parquet(tmp_path / "o.parquet")
    assert report.documents == 3
    assert found["yes"].to_list() == [1, None, 0]
    assert found["score"].to_list() == [3.0, None, 3.5]
    assert found.select("yes", "score").dtypes == [pl.Int64, pl.Float64]


def test_codes_are_told_by_their_labels(posts: Path, tmp_path: Path) -> None:
    """
    A run that was written for SPSS has numbers with labels: the documents have the labels, and no and yes are
    0 and 1 only where every program has them so.
    """
    import pyreadstat

    bits = ["1", "0", "0", "0", "", "0", "0"]
    rows = rows_of(labelled(posts, topic=["1", "2", "2", "2", "", "1", "1"], rude=bits, rude_a=bits))
    numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in ("topic", "rude", "rude_a")]
    source = tmp_path / "labelled.sav"
    no_yes = {0.0: "no", 1.0: "yes"}
    labels = {"topic": {1.0: "good", 2.0: "bad"}, "rude": no_yes, "rude_a": no_yes}
    pyreadstat.write_sav(pl.DataFrame(rows).with_columns(numbers), str(source), variable_value_labels=labels)
    join_units(source, posts, tmp_path / "o.csv", read_rules(["any", "topic=most"]))
    found = rows_of(tmp_path / "o.csv")
    assert [row["topic"] for row in found] == ["bad", "", "good"]
    assert [row["rude"] for row in found] == ["yes", "", "no"]
    assert [row["rude_a"] for row in found] == ["1", "", "0"]


@settings(max_examples=cases(25, 500), deadline=None)
@given(
    st.lists(st.text(alphabet="ab.! \n。字", max_size=12), min_size=1, max_size=7),
    st.sampled_from(["sentence", "paragraph", "words"]),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_there_and_back(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    by: UnitKind,
    per_part: int,
    chance: random.Random,
) -> None:
    """
    Whatever the texts, and however units are shuffled and divided into parts, each document has its own.
    """
    place = tmp_path_factory.mktemp("back")
    table = write(place / "t.csv", [{"n": number, "text": text} for number, text in enumerate(texts)])
    units(table, "text", place / "u.csv", UnitRule(by))
    rows = rows_of(place / "u.csv")
    shuffled = [{**row, "label": f"{row['document']}-{row['unit']}"} for row in rows]
    chance.shuffle(shuffled)
    source = write(place / "l.csv", shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join_module, "_DOCUMENTS_PER_PART", per_part)
        report = join_units(source, table, place / "o.csv", {"": "list"})
    assert report.notes == ()
    found = rows_of(place / "o.csv")
    assert [row["text"] for row in found] == [row["text"] for row in rows_of(table)]
    for number, row in enumerate(found, start=1):
        units_of = [
            f"{number}-{one['unit']}" for one in rows if one["document"] == str(number) and one["text"]
        ]
        assert json.loads(row["label"]) == units_of
