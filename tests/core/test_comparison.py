"""How people's cells are read, and what is compared with what."""

import pytest

from rowbatch.core.agreement import Agreement
from rowbatch.core.codebook import parse_codebook
from rowbatch.core.comparison import PeopleReader, PeopleTally
from rowbatch.core.kinds.number import NumberAgreement
from rowbatch.errors import UsageError


def variable(**rules):
    (found,) = parse_codebook({"variables": [{"name": "mood", **rules}]}).variables
    return found


MOOD = variable(labels=[{"name": "good", "aliases": ["fine"]}, {"name": "bad"}])
SCALE = variable(labels=[{"name": "1"}, {"name": "2"}, {"name": "NA"}])
AGE = variable(kind="number", min=0, max=120)


@pytest.mark.parametrize(
    ("about", "cell", "value"),
    [
        (MOOD, "Good ", "good"),
        (MOOD, "BAD", "bad"),
        (MOOD, "fine", "good"),
        (MOOD, "\uff27\uff2f\uff2f\uff24", "good"),
        (MOOD, '"good".', "good"),
        (MOOD, "", None),
        (MOOD, "NA", None),
        (MOOD, "n/a", None),
        (MOOD, "NaN", None),
        (MOOD, "<NA>", None),
        (MOOD, ".", None),
        (SCALE, "1.0", "1"),
        (SCALE, "\uff12", "2"),
        (SCALE, "NA", "NA"),
        (SCALE, "na", "NA"),
        (AGE, "4.0", "4"),
        (AGE, "null", None),
    ],
)
def test_cells_are_read_as_answers_are(about, cell, value):
    """
    Case, blanks, aliases, width and a point don't count; `NA` and the like are nobody's, unless the codebook
    has them.
    """
    assert PeopleReader(about).read(cell) == value


@pytest.mark.parametrize(
    ("about", "cell"), [(MOOD, "ugly"), (MOOD, "1"), (MOOD, "99"), (AGE, "many"), (AGE, "121")]
)
def test_strange_cells_are_errors(about, cell):
    """
    What is no value and stands for none is never guessed.
    """
    with pytest.raises(UsageError):
        PeopleReader(about).read(cell)


@pytest.mark.parametrize(
    ("about", "not_coded", "cell", "value"),
    [
        (MOOD, ["99", "unclear"], "99", None),
        (MOOD, ["99", "unclear"], "99.0", None),
        (MOOD, ["99.0"], "99", None),
        (MOOD, ["99", "unclear"], " Unclear ", None),
        (MOOD, ["99"], "good", "good"),
        (SCALE, ["na"], "NA", None),
        (AGE, ["99"], "99", None),
        (AGE, ["99"], "9", "9"),
    ],
)
def test_a_person_says_what_means_not_coded(about, not_coded, cell, value):
    """
    What a person says wins over the codebook: a number that would be one, a label too.
    """
    assert PeopleReader(about, not_coded=not_coded).read(cell) == value


def test_codes_are_read_by_their_labels():
    """
    A code of Stata or SPSS is the label that the file has for it; a label that means nothing is nobody's.
    """
    reader = PeopleReader(
        MOOD, value_labels={"1": "Good", "2": "bad", "8": "n/a", "9": "unclear"}, not_coded=["unclear"]
    )
    assert [reader.read(cell) for cell in ("1", "2", "8", "9", "good")] == ["good", "bad", None, None, "good"]
    with pytest.raises(UsageError):
        reader.read("3")
    # A code that is a label itself is that label.
    assert PeopleReader(SCALE, value_labels={"1": "2"}).read("1") == "1"


def tallied(about, cells, model, **options):
    tally = PeopleTally(PeopleReader(about, **options), "coder")
    values = tally.note_cells((cell, cells.count(cell)) for cell in dict.fromkeys(cells))
    for cell, answer in zip(cells, model, strict=True):
        if values[cell]:
            tally.add_once([(values[cell], answer, 1)])
    return tally


def test_what_is_left_out_is_counted():
    """
    Values that were taken for not coded are told with their rows, as they are spelled; empty ones are not
    worth it.
    """
    cells = ["good", "NA", "", "99", "NA", "bad"]
    found = tallied(MOOD, cells, ["good"] * 6, not_coded=["99"]).result()
    assert isinstance(found.comparison, Agreement)
    assert (found.comparison.n, found.rows, found.texts) == (2, 2, 2)
    assert found.not_coded == {"NA": 2, "99": 1}


@pytest.mark.parametrize(
    ("about", "people", "model", "pair"),
    [
        pytest.param(MOOD, ["good", "good", "bad"], ["bad", "", ""], ("good", "bad"), id="most-people"),
        pytest.param(MOOD, ["good"] * 3, ["bad", "good", "good"], ("good", "good"), id="most-answers"),
        pytest.param(MOOD, ["bad", "bad"], ["bad", "good"], ("bad", "bad"), id="the-earliest-answer"),
        pytest.param(AGE, ["10", "20"], ["12", "12"], ("15", "12"), id="mean-of-numbers"),
    ],
)
def test_a_text_in_several_rows_counts_once(about, people, model, pair):
    """
    People's value is what most of them say, of numbers the mean; the model's is what it answered most often.
    """
    tally = PeopleTally(PeopleReader(about), "coder")
    tally.add_repeated(people, model)
    found = tally.result()
    assert found.texts == 1
    assert found.differing == (len(set(model) - {""}) > 1)
    if isinstance(found.comparison, NumberAgreement):
        assert (found.comparison.n, found.comparison.bias) == (1, float(pair[1]) - float(pair[0]))
    else:
        assert isinstance(found.comparison, Agreement)
        assert (found.comparison.n, found.comparison.confusion[pair[0]][pair[1]]) == (1, 1)


def test_people_who_differ_have_no_part():
    """
    A text on which people are equally divided is left out and counted; where that is every text, it is said.
    """
    tally = PeopleTally(PeopleReader(MOOD), "coder")
    tally.add_repeated(["good", "bad"], ["good", "good"])
    with pytest.raises(UsageError, match="different things of each text"):
        tally.result()
    tally.add_once([("good", "good", 2)])
    found = tally.result()
    assert (found.comparison.n, found.texts, found.undecided) == (2, 3, 1)


def test_which_columns_people_seem_to_have_coded():
    """
    Spelling, codes with labels and `NA` don't keep a column from being found; a column of nothing else is
    none.
    """
    assert PeopleReader(MOOD).may_read("c", ["Good ", "BAD", "NA", ""])
    assert PeopleReader(MOOD, value_labels={"1": "good", "2": "bad"}).may_read("c", ["1", "2"])
    assert not PeopleReader(MOOD).may_read("c", ["1", "2"])
    assert not PeopleReader(MOOD).may_read("c", ["NA", ""])
    assert not PeopleReader(MOOD).may_read("c", ["good", "ugly"])
