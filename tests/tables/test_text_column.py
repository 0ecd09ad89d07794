"""The guess of the column with the texts, on headers of real programs and tables of invented persons."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rowbatch.tables.text_column import likely_text_column, names_text

SENTENCES = ["Rents are too high in our town", "I like the park", "Nothing, really"]
CASES: list[tuple[str, dict[str, list[str]], str]] = [
    (
        "qualtrics",
        {
            "StartDate": ["2026-03-01 10:00:00"] * 3,
            "ResponseId": ["R_2eCkQ1aVbYxZ9wP", "R_1aVbYxZ9wP2eCkQ", "R_Z9wP2eCkQ1aVbYx"],
            "Q1_TEXT": ["too high", "fine", ""],
            "LocationName": SENTENCES,
        },
        "Q1_TEXT",
    ),
    (
        "mail",
        {"email": ["anna.long.name@example.org", "b@example.org", "c@example.org"], "note": SENTENCES},
        "note",
    ),
    ("url", {"link": ["https://example.org/a/very/long/page"] * 3, "t": ["so good", "so bad", "no"]}, "t"),
    ("uuid", {"id": ["123e4567-e89b-12d3-a456-426614174000"] * 3, "say": ["good one", "bad", "so"]}, "say"),
    ("dates", {"when": ["2026-01-01T10:00:00.000+01:00"] * 3, "x": ["a b", "c d", "e f"]}, "x"),
    ("longest", {"a": ["one two"] * 3, "b": SENTENCES}, "b"),
    ("named-but-a-number", {"text": ["1", "2", "3"], "other": SENTENCES}, "other"),
    (
        "sentences-without-blanks-and-with-numbers",
        {
            "id": ["a1", "a2", "a3"],
            "号": ["第1号", "第2号", "第3号"],
            "说": ["我等了3个小时，太久了。", "价格涨了20%，太贵了。", "第2次来了，还会再来。"],
        },
        "说",
    ),
    (
        "kana",
        {"id": ["a1", "a2"], "x": ["まで2じかんかかりました。", "3かいめです。"]},
        "x",
    ),
    (
        "chinese",
        {
            "编号": ["1", "2", "3"],
            "评论内容": ["房租太高", "公园很好", "没有"],
            "城市": ["北京市海淀区中关村"] * 3,
        },
        "评论内容",
    ),
    (
        "short-answers-beside-ids-and-dates",
        {
            "_uuid": ["123e4567-e89b-12d3-a456-426614174000"] * 20,
            "StartDate": ["2026-03-01 10:00:00"] * 20,
            "created_at": ["2026-03-01T10:00:00Z"] * 20,
            "region": [f"Region of the {name}" for name in ["north", "south", "east", "west"] * 5],
            "text": ["ok", "no", "good", "bad", "so so"] * 4,
        },
        "text",
    ),
    (
        "one-letter-answers",
        {"城市": ["北京市海淀区中关村"] * 3, "回答": ["好", "坏", "中"], "日期": ["2026年3月1日"] * 3},
        "回答",
    ),
    (
        "a-name-for-codes",
        {"response": ["yes", "no"] * 10, "why": [f"since {'o' * (n % 7 + 1)} is so" for n in range(20)]},
        "why",
    ),
    ("only-codes-and-ids", {"id": ["1", "2"], "party": ["Left", "Right"], "at": ["2026-03-01"] * 2}, "party"),
    ("empty-text", {"text": ["", " ", ""], "other": SENTENCES}, "other"),
    (
        "codes",
        {"party": ["Christian Democrats"] * 20, "word": [f"w{'o' * (n % 7)} x" for n in range(20)]},
        "word",
    ),
]


@pytest.mark.parametrize(
    ("columns", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_column_with_the_texts(columns: dict[str, list[str]], expected: str) -> None:
    """
    Ids, dates, numbers and addresses are none, however long they are; a name that says so comes first.
    """
    frame = pl.DataFrame({str(at): cells for at, cells in enumerate(columns.values())})
    found = likely_text_column(tuple(columns), frame)
    assert found is not None
    assert list(columns)[found] == expected


def test_no_column_is_better_than_a_wrong_one() -> None:
    """
    Where there are only ids, dates, numbers and addresses, none of them is guessed.
    """
    columns = {
        "post": ["1", "2"],
        "uuid": ["123e4567-e89b-12d3-a456-426614174000"] * 2,
        "when": ["2026-03-01 10:00", "2026-03-02 11:00"],
        "mail": ["anna@example.org", "b@example.org"],
        "text_url": ["https://example.org/a", "www.example.org"],
        "empty": ["", ""],
    }
    frame = pl.DataFrame({str(at): cells for at, cells in enumerate(columns.values())})
    assert likely_text_column(tuple(columns), frame) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Q12_TEXT", True),
        ("commentText", True),
        ("Open-Ended Response", True),
        ("context", False),
        ("id", False),
        ("Antwort", True),
        ("用户评论", True),
        ("postal code", False),
        ("texture", False),
    ],
)
def test_names_are_compared_by_whole_words(name: str, says: Any) -> None:
    """
    `context` names no text.
    """
    assert names_text(name) is says
