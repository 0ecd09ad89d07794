"""
Exports of doccano, potato and Prodigy, with invented coders: a row an item, a column for each label of
each.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.opening import open_table


def shown(path: Path, **options: Any) -> list[dict[str, str]]:
    """The rows; the table's own reading gives them again."""
    table = open_table(path, ReadOptions(**options))
    rows = [
        dict(zip(table.header, row, strict=True))
        for chunk in table.chunks()
        for row in chunk.frame.iter_rows()
    ]
    again = open_table(path, table.reading)
    assert again.header == table.header
    assert [row for chunk in again.chunks() for row in chunk.frame.rows()] == [
        tuple(row.values()) for row in rows
    ]
    return rows


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def packed(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def doccano(label: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "text": "so good\né", "town": "A", "label": label, "Comments": [], **more}


DOCCANO_CSV = 'id,text,town,label,Comments\n1,"so good\né",A,a#b,\n2,bad,B,b,hm\n3,nothing,,,\n'


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_labels_of_doccano(tmp_path: Path, ending: str, is_packed: bool) -> None:
    """
    As the formatters and writers of doccano 1.8.4 give them: one label is the label, several are a list.
    """
    records = [doccano(["a", "b"]), doccano(["b"], id=2, text="bad"), doccano([], id=3, text="nothing")]
    text = {"jsonl": lines(*records), "json": json.dumps(records), "csv": DOCCANO_CSV}[ending]
    if is_packed:
        path = packed(tmp_path / "e.zip", {f"all.{ending}": text})
    else:
        path = tmp_path / f"all.{ending}"
        path.write_text(text)
    rows = shown(path)
    assert [row["text"] for row in rows] == ["so good\né", "bad", "nothing"]
    assert [row["label"] for row in rows][1:] == ["b", ""]
    assert json.loads(rows[0]["label"]) == ["a", "b"]
    kind = "note-annotations" if is_packed else "note-doccano"
    assert open_table(path).notes[0].kind == kind


def test_a_file_for_each_member_of_doccano(tmp_path: Path) -> None:
    """
    Files are joined by id and text; an id that stands for two texts is two rows, and one that is missing in a
    file has no label there.
    """
    path = packed(
        tmp_path / "e.zip",
        {
            "anna.jsonl": lines(doccano(["a"]), doccano(["b"], id=2, text="bad", Comments=["hm"])),
            "ben.jsonl": lines(
                doccano(["b"]), doccano(["c"], id=2, text="other"), doccano(["d"], id=2, text="bad")
            ),
        },
    )
    assert shown(path) == [
        {
            "id": "1",
            "text": "so good\né",
            "town": "A",
            "label_anna": "a",
            "label_ben": "b",
            "Comments_anna": "",
        },
        {"id": "2", "text": "bad", "town": "A", "label_anna": "b", "label_ben": "d", "Comments_anna": "hm"},
        {"id": "2", "text": "other", "town": "A", "label_anna": "", "label_ben": "c", "Comments_anna": ""},
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_data_set_in_two_files_is_not_of_two_members(tmp_path: Path, ending: str) -> None:
    """
    Files for training and test have the names of doccano's fields, and texts of their own; members had the
    same ones, also before doccano 1.6, which wrote no comments.
    """
    records = [{"id": at, "text": f"text {at % 4}", "label": ["a"]} for at in range(4)]
    tables = ["id,text,label\n" + "".join(f"{at},text {at},a\n" for at in part) for part in ((0, 1), (2, 3))]
    halves = tables if ending == "csv" else [lines(*records[:2]), lines(*records[2:])]
    path = packed(tmp_path / "e.zip", {f"train.{ending}": halves[0], f"test.{ending}": halves[1]})
    if ending == "csv":
        rows = shown(path, sheet="test.csv")
        assert [row["text"] for row in rows] == ["text 2", "text 3"]
    else:
        with pytest.raises(TableError):
            open_table(path)
    assert shown(path, program="doccano")[0].keys() >= {"label_train", "label_test"}
    same = packed(tmp_path / "f.zip", {f"anna.{ending}": halves[0], f"ben.{ending}": halves[0]})
    assert shown(same)[0].keys() == {"id", "text", "label_anna", "label_ben"}


def test_spans_of_doccano_stay(tmp_path: Path) -> None:
    """
    Spans are lists of lists, or objects beside relations; they stay as they stand.
    """
    path = tmp_path / "spans.jsonl"
    path.write_text(lines(doccano([[0, 2, "A"]])))
    assert json.loads(shown(path)[0]["label"]) == [[0, 2, "A"]]
    entity = {"id": 1, "label": "A", "start_offset": 0, "end_offset": 2}
    path.write_text(lines({"id": 1, "text": "so", "entities": [entity], "relations": [], "Comments": []}))
    assert json.loads(shown(path)[0]["entities"]) == [entity]


@pytest.mark.parametrize("cells", [["#good", "#bad"], ["a#b", "C#"], ["b#a", "a"]])
def test_texts_with_a_hash_are_no_lists_of_labels(tmp_path: Path, cells: list[str]) -> None:
    """
    doccano 1.8.4 sorts the labels of a cell; a column with a cell that no such list can be is of texts.
    """
    path = tmp_path / "e.csv"
    rows = [f"{at},text,{cell},\n" for at, cell in enumerate(cells)]
    path.write_text("id,text,label,Comments\n" + "".join(rows))
    assert [row["label"] for row in shown(path)] == cells


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "text": "a", "label": "good"},
        {"id": 1, "text": "a", "score": [1]},
        {"text": "a", "label": ["good"]},
    ],
)
def test_other_json_is_not_doccanos(tmp_path: Path, record: dict[str, Any]) -> None:
    """
    Records with a label that is no list, or without an id, stay as they stand.
    """
    path = tmp_path / "e.jsonl"
    path.write_text(lines(record, record))
    assert open_table(path).reading.program == PLAIN


POTATO: list[dict[str, Any]] = [
    {
        "instance_id": "i1",
        "user_id": "anna",
        "labels": {
            "mood": {"good": "good"},
            "topics": {"work": "work", "home": "home"},
            "why": {"text_box": "true"},
            "scale": {"5": "5"},
            "much": {"slider": "1"},
            "grid": {"row1": "3", "row2": "4"},
        },
        "spans": {},
        "links": {},
    },
    {"instance_id": "i1", "user_id": "ben", "labels": {"mood": {"bad": True}}, "spans": {}, "links": {}},
    {
        "instance_id": "i2",
        "user_id": "anna",
        "labels": {"mood": {"good": "on"}, "v1.2": {"a.b": "a.b"}},
        "spans": {"part": [{"start": 0, "end": 2, "name": "A"}]},
        "links": {},
    },
]
# What the exporter of potato 2.12.1 wrote of these.
POTATO_CSV = """\
instance_id,user_id,mood.good,topics.work,topics.home,why.text_box,scale.5,much.slider,grid.row1,grid.row2,mood.bad,\
v1.2.a.b,part._spans
i1,anna,good,work,home,true,5,1,3,4,,,
i1,ben,,,,,,,,,True,,
i2,anna,on,,,,,,,,,a.b,"[{""start"": 0, ""end"": 2, ""name"": ""A""}]"
"""
POTATO_LABELS = {
    "mood_anna": "good",
    "mood_ben": "bad",
    "topics_anna": '["work", "home"]',
    "why_anna": "true",
    "scale_anna": "5",
    "much_anna": "1",
}


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "folder"])
def test_answers_of_potato(tmp_path: Path, form: str) -> None:
    """
    potato 2.12.1: what was chosen, or typed; a grid with a value a row stays as it stands.
    """
    path = tmp_path / f"annotations.{form}"
    if form == "folder":
        path = tmp_path / "annotation_output"
        for person in ("anna", "ben"):
            mine = [one for one in POTATO if one["user_id"] == person]
            state = {
                "user_id": person,
                "instance_id_to_label_to_value": {
                    one["instance_id"]: [
                        [{"schema": scheme, "name": name}, value]
                        for scheme, answer in one["labels"].items()
                        for name, value in answer.items()
                    ]
                    for one in mine
                },
                "instance_id_to_span_to_value": {},
            }
            (path / person).mkdir(parents=True)
            (path / person / "user_state.json").write_text(json.dumps(state))
    elif form == "jsonl":
        path.write_text(lines(*POTATO))
    else:
        path.write_text(POTATO_CSV if form == "csv" else POTATO_CSV.replace(",", "\t").replace("\t ", ", "))
    first, second = shown(path)
    assert {name: first[name] for name in POTATO_LABELS} == POTATO_LABELS
    assert json.loads(first["grid_anna"]) == {"row1": "3", "row2": "4"}
    assert (second["instance_id"], second["mood_anna"], second["v1.2_anna"]) == ("i2", "good", "a.b")
    if form != "folder":
        spans = second.get("spans_anna") or second["part._spans_anna"]
        assert '"start": 0' in spans


OLD_POTATO: dict[str, Any] = {
    "user_id": "anna",
    "instance_id": "i1",
    "displayed_text": "so good",
    "label_annotations": {
        "mood": {"good": "mood:::good"},
        "keyed": {"yes": "2"},
        "scale": {"scale_4": "4"},
        "slider": {"much": "30"},
        "why": {"text_box": "because"},
    },
    "span_annotations": [{"start": 0, "end": 2, "span": "so", "annotation": "A"}],
    "behavioral_data": {"time_string": "Time spent: 0d 0h 0m 5s "},
}


@pytest.mark.parametrize("form", ["jsonl", "folder"])
def test_answers_of_old_potato(tmp_path: Path, form: str) -> None:
    """
    potato 1.2.2.4: a choice has its own name, or the key of the keyboard, as its value.
    """
    if form == "folder":
        path = tmp_path / "annotation_output"
        (path / "anna").mkdir(parents=True)
        mine = {name: value for name, value in OLD_POTATO.items() if name not in ("user_id", "instance_id")}
        (path / "anna" / "annotated_instances.jsonl").write_text(lines({"id": "i1", **mine}))
    else:
        path = tmp_path / "annotated_instances.jsonl"
        path.write_text(lines(OLD_POTATO, {**OLD_POTATO, "instance_id": "i2", "label_annotations": {}}))
    row = shown(path)[0]
    assert (row["instance_id"], row["displayed_text"]) == ("i1", "so good")
    assert [row[f"{name}_anna"] for name in OLD_POTATO["label_annotations"]] == [
        "good",
        "yes",
        "4",
        "30",
        "because",
    ]
    assert json.loads(row["span_annotations_anna"]) == OLD_POTATO["span_annotations"]


def test_a_table_of_old_potato(tmp_path: Path) -> None:
    """
    potato 1.2.2.4 writes a column a label, scheme:::label.
    """
    path = tmp_path / "annotated_instances.csv"
    path.write_text(
        "user,instance_id,displayed_text,mood:::good,mood:::bad,why:::text_box,span_annotation:::A\n"
        "anna,i1,so good,mood:::good,,because,\"[{'start': 0}]\"\n"
        "ben,i1,so good,,mood:::bad,,[]\n"
    )
    assert shown(path) == [
        {
            "instance_id": "i1",
            "displayed_text": "so good",
            "mood_anna": "good",
            "mood_ben": "bad",
            "why_anna": "because",
            "span_annotation:::A_anna": "[{'start': 0}]",
            "span_annotation:::A_ben": "[]",
        }
    ]


def prodigy(coder: str, **more: Any) -> dict[str, Any]:
    return {
        "text": "so good",
        "meta": {"page": 3},
        "_input_hash": -7,
        "_task_hash": 9,
        "_view_id": "choice",
        "_timestamp": 1690289516,
        "_annotator_id": coder,
        "_session_id": coder,
        **more,
    }


def test_choices_of_prodigy(tmp_path: Path) -> None:
    """
    A record an answer; a session that nobody named is called by when it began, and is no coder.
    """
    path = tmp_path / "e.jsonl"
    options = {"options": [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]}
    path.write_text(
        lines(
            prodigy("news-anna", accept=["a"], answer="accept", **options),
            prodigy("news-ben", accept=["a", "b"], answer="accept", **options),
            prodigy("news-eva", accept=["b"], answer="ignore", **options),
            prodigy("2023-07-25_14-50-21", accept=[], answer="accept", _input_hash=8, text="bad", **options),
        )
    )
    first, second = shown(path)
    assert (first["text"], first["meta.page"], first["_input_hash"]) == ("so good", "3", "-7")
    assert (first["label_news-anna"], first["label_news-ben"]) == ("a", '["a", "b"]')
    assert first["answer_news-eva"] == "ignore"
    assert "label_news-eva" not in first
    assert (second["text"], second["label"], second["answer"]) == ("bad", "[]", "accept")
    kinds = [note.kind for note in open_table(path).notes]
    assert kinds == ["note-annotations", "note-fields-left-out"]


def test_yes_and_no_of_prodigy(tmp_path: Path) -> None:
    """
    With a label of its own a record says yes or no to it: what was accepted is the label.
    """
    path = tmp_path / "e.jsonl"
    path.write_text(
        lines(
            prodigy("x-anna", label="good", answer="accept"),
            prodigy("x-anna", label="bad", answer="reject"),
            prodigy("x-anna", label="old", answer="ignore"),
            prodigy("x-ben", label="good", answer="accept"),
            prodigy("x-ben", label="new", answer="accept"),
        )
    )
    (row,) = shown(path)
    assert [row[f"{name}_x-anna"] for name in ("label", "rejected", "ignored")] == ["good", "bad", "old"]
    assert row["label_x-ben"] == '["good", "new"]'


def test_spans_of_prodigy(tmp_path: Path) -> None:
    """
    What was marked stays as it stands; two answers of one coder to one text are both kept.
    """
    path = tmp_path / "e.jsonl"
    spans = [{"start": 0, "end": 2, "label": "A"}]
    path.write_text(
        lines(
            prodigy("x-anna", spans=spans, tokens=[], answer="accept"),
            prodigy("x-anna", spans=[], tokens=[], answer="reject"),
        )
    )
    (row,) = shown(path)
    assert (json.loads(row["spans_x-anna"]), row["spans_x-anna_2"]) == (spans, "[]")
    assert (row["answer_x-anna"], row["answer_x-anna_2"]) == ("accept", "reject")


def test_records_without_their_marks_are_rows_like_others(tmp_path: Path) -> None:
    """
    In a file of one program a record that lacks what the others have is a row, and never dropped.
    """
    path = tmp_path / "e.jsonl"
    path.write_text(lines(prodigy("x-anna", label="good", answer="accept"), {"text": "alone", "more": 1}, {}))
    rows = shown(path)
    assert [row["text"] for row in rows] == ["so good", "alone", ""]
    assert rows[1]["more"] == "1"


def test_labels_of_potato_without_schemes_are_one_answer(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    own = {"instance_id": "1", "user_id": "anna", "spans": {}, "links": {}}
    path.write_text(lines({**own, "labels": ["good"]}))
    assert shown(path) == [{"instance_id": "1", "labels_anna": "good"}]
