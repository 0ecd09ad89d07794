"""What people say beside what a model answered."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.results.people import IS_CORRECTED, CorrectedAnswers, final_column, human_column

COLUMNS = ("topic", "tone", "note")
WORDS = st.sampled_from(["", "a", "b", "=c\n"])


@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=6),
    st.dictionaries(
        st.integers(1, 8), st.dictionaries(st.sampled_from([*COLUMNS, "gone"]), WORDS, min_size=1, max_size=4)
    ),
)
def test_what_people_said_holds(rows, corrections):
    """
    Beside each answer of the model stands what a person put in its place, and what holds; corrections of rows
    or variables that are not there change nothing.
    """
    answers = pl.DataFrame(
        {"row": list(range(1, len(rows) + 1))}
        | {str(position): [row[position] for row in rows] for position in range(3)},
        schema={"row": pl.Int64} | dict.fromkeys("012", pl.String),
    )
    corrected = CorrectedAnswers(COLUMNS, corrections)
    joined = corrected.join(answers.lazy()).collect()
    assert joined["row"].to_list() == answers["row"].to_list()
    for number, (told, model) in enumerate(zip(joined.iter_rows(named=True), rows, strict=True), start=1):
        said = corrections.get(number, {})
        for position, name in enumerate(COLUMNS):
            assert told[str(position)] == model[position]
            assert told[human_column(position)] == said.get(name)
            assert told[final_column(position)] == said.get(name, model[position])
        assert told[IS_CORRECTED] == any(name in said for name in COLUMNS)
    named = {name for said in corrections.values() for name in said}
    assert corrected.positions == tuple(place for place, name in enumerate(COLUMNS) if name in named)
