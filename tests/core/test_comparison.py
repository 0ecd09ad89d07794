"""How people's cells are read, and what is compared with what."""

import pytest

from rowbatch.core.agreement import Agreement, ScaleAgreement, YesNoAgreement, wilson_interval
from rowbatch.core.agreement_of_sets import LabelsAgreement
from rowbatch.core.codebook import parse_codebook
from rowbatch.core.comparison import PeopleReader, PeopleTally
from rowbatch.core.kinds.date import DateAgreement
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


TOPICS = variable(kind="labels", labels=[{"name": "a"}, {"name": "b"}], none=True, cant_say=True)
PROTEST = variable(kind="yes-no", cant_say=True)
TONE = variable(kind="scale", labels=[{"name": "low"}, {"name": "mid"}, {"name": "high"}], cant_say=True)
DAY = variable(kind="date", cant_say=True)
YEARS = variable(kind="number", cant_say=True)


def test_labels_of_people_are_read_in_any_form():
    """
    Of several labels people write some in a cell, by any separator or as JSON; none and "can't say" are sets
    of their own, and no answer is the empty set.
    """
    cells = ["b; a", "A, B", '["b","a"]', "none of these", "can't say", "a", "b|a"]
    model = ["a; b", "a; b", "a; b", "none of these", "can't say", "", "a"]
    found = tallied(TOPICS, cells, model).result()
    assert isinstance(found.comparison, LabelsAgreement)
    assert (found.rows, found.cant_say) == (7, 0)
    assert (found.comparison.n, found.comparison.unlabelled, found.comparison.exact) == (7, 1, 5 / 7)
    assert found.comparison.jaccard == pytest.approx(5.5 / 7)
    assert found.comparison.of_labels["a"].people == 5
    assert list(found.comparison.of_labels) == ["a", "b", "none of these", "can't say"]


def test_cant_say_is_an_answer_of_yes_no():
    """
    "Can't say" is a category of its own; people write yes and no as they like.
    """
    found = tallied(
        PROTEST, ["1", "TRUE", "no", "can't say", "Y"], ["yes", "no", "no", "can't say", ""]
    ).result()
    assert isinstance(found.comparison, YesNoAgreement)
    assert (found.comparison.n, found.comparison.accuracy, found.cant_say) == (5, 0.6, 0)
    assert (found.comparison.sensitivity, found.comparison.specificity) == (1 / 3, 1)


@pytest.mark.parametrize(
    ("about", "cells", "model"),
    [
        (TONE, ["low", "can't say", "high", "mid"], ["low", "low", "can't say", ""]),
        (DAY, ["2026-03-02", "can't say", "3 March 2026", "2026/3/9"], ["2026-03-02", "", "can't say", ""]),
        (YEARS, ["1", "can't say", "3", "4"], ["1", "2", "can't say", ""]),
    ],
)
def test_where_people_cant_say_is_left_out_where_there_is_an_order(about, cells, model):
    """
    Of a scale, a date and a number, texts of which people can't say it are left out and counted; where only
    the model can't, it is a disagreement or counted apart.
    """
    found = tallied(about, cells, model).result()
    assert (found.texts, found.cant_say) == (4, 1)
    match found.comparison:
        case ScaleAgreement(n=n, accuracy=accuracy, confusion=confusion):
            assert (n, accuracy, confusion["high"]["can't say"]) == (3, 1 / 3, 1)
        case DateAgreement(exact=exact) as dates:
            assert (dates.n, dates.without, dates.cant_say, exact) == (1, 2, 1, 1 / 3)
        case NumberAgreement() as numbers:
            assert (numbers.n, numbers.without, numbers.cant_say, numbers.bias) == (1, 2, 1, 0)
        case other:
            pytest.fail(f"{other}")
    with pytest.raises(UsageError, match="people can't say it of any text that could be compared: 2"):
        tallied(about, ["can't say", "Can\u2019t say"], [model[0], ""]).result()


def test_dates_are_compared_in_days():
    """
    How far off, to which side, and how many are the very same day: of all rows that people coded.
    """
    pairs = [("2026-03-01", "2026-03-01"), ("2024-02-28", "2024-03-01"), ("2026-01-01", "2025-12-31")]
    found = DAY.compare([*pairs, ("2026-01-01", None)])
    assert (found.n, found.without, found.exact) == (3, 1, 0.25)
    assert (found.mean_absolute_days, found.bias_days) == (1, pytest.approx(1 / 3))
    assert (found.exact_low, found.exact_high) == wilson_interval(1, 4)
    nothing = DAY.compare([("2026-01-01", None)])
    assert (nothing.n, nothing.exact, nothing.mean_absolute_days, nothing.bias_days) == (0, 0, None, None)
