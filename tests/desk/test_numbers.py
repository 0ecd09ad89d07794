"""Numbers, from the draft to the paper: what a person who asks for one sees and gets."""

import csv
import json

import polars as pl
import pyreadstat
import pytest

from rowbatch import api, desk
from rowbatch.desk.recipes import draft_of_recipe
from rowbatch.errors import UsageError
from serving import scripted_local_model

DRAFT = {
    "text": "post",
    "task": "number",
    "question": "How old is the person?",
    "rules": {"min": "0", "max": "120", "whole": "on"},
}
BOOK = {
    "variables": [
        {"name": "age", "kind": "number", "question": "How old?", "min": 0, "max": 120, "whole": True},
        {"name": "price", "kind": "number"},
        {"name": "code", "labels": [{"name": "1"}, {"name": "2"}]},
    ]
}
ROWS: list[tuple[object, ...]] = [(f"I am {n}", n + (n % 2), n) for n in range(20, 60)]
ROWS[5] = ("", "", 25)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["post", "age_coder", "id"], *ROWS])
    return tmp_path


@pytest.fixture
def run(home):
    def answer(body):
        age = int(str(body["messages"][-1]["content"]).split()[-1])
        return json.dumps({"age": 999 if age == 30 else age, "price": age / 4, "code": "1"})

    with scripted_local_model(home / "server", answer):
        made = api.create("posts.csv", text="post", codebook=BOOK)
        made.resume()
    return made


@pytest.fixture
def results(run):
    found = desk.Results(run)
    assert found.prepare(30)
    return found


@pytest.mark.parametrize("ending", ["parquet", "feather", "xlsx", "dta", "sav", "jsonl", "csv", "tsv"])
def test_a_number_is_a_number_in_every_format_that_has_numbers(run, ending):
    """
    Whole numbers and others are these in typed formats, nothing where there is none, and digits in text
    formats; codes stay labels. A correction is a number too, beside what the model said.
    """
    run.correct(1, "age", " 21.0 ")
    path = run.path.parent / f"out.{ending}"
    run.export(path)
    frame = read_back(path)
    assert [frame[name][0] for name in ("age", "age_model", "age_human", "price")] == (
        [21, 20, 21, 5.0] if ending not in ("csv", "tsv") else ["21", "20", "21", "5"]
    )
    nothing = {None} if ending not in ("csv", "tsv") else {""}
    assert {frame["age"][5], frame["age"][10], frame["age_human"][2], frame["price"][10]} == nothing
    assert (frame["price"][2], frame["age"][2]) == (
        (5.5, 22) if ending not in ("csv", "tsv") else ("5.5", "22")
    )
    if ending in ("dta", "sav"):
        _, meta = (pyreadstat.read_dta if ending == "dta" else pyreadstat.read_sav)(str(path))
        assert set(meta.variable_value_labels) == {"code"}
        assert meta.column_names_to_labels["age"] == "How old?"
        assert frame["code"][0] == 1
        if ending == "sav":
            assert (meta.variable_measure["age"], meta.variable_measure["code"]) == ("scale", "nominal")
    else:
        assert frame["code"][0] == "1"
    if ending in ("parquet", "feather"):
        assert frame.select("age", "price").dtypes == [pl.Int64, pl.Float64]
    # The table's own column stays what it was.
    assert str(frame["age_coder"][0]) == "20"


def read_back(path):
    match path.suffix:
        case ".parquet":
            return pl.read_parquet(path)
        case ".feather":
            return pl.read_ipc(path)
        case ".jsonl":
            return pl.read_ndjson(path)
        case ".dta" | ".sav":
            read = pyreadstat.read_dta if path.suffix == ".dta" else pyreadstat.read_sav
            found, _ = read(str(path), output_format="polars")
            return found
        case ".xlsx":
            return pl.read_excel(path)
        case _:
            separator = "\t" if path.suffix == ".tsv" else ","
            return pl.read_csv(path, infer_schema=False, separator=separator).fill_null("")


def test_the_labelled_table_has_numbers_too(run):
    """
    `collect` writes a typed table with numbers, and counts them; `run.table()` has them.
    """
    report = run.collect("typed.parquet")
    frame = pl.read_parquet("typed.parquet")
    assert frame.select("age", "price", "code").dtypes == [pl.Int64, pl.Float64, pl.String]
    assert report.tallies["age"].facts()[0] == ("n", 38)
    assert report.labels == {"code": {"1": 38}}
    assert run.table()["age"][0] == "20"


def test_what_is_counted_compared_and_looked_for(results):
    """
    n, mean, least and most; rows between two numbers; agreement with people; a correction moves all of these.
    """
    assert results.counts().statuses == {"ok": 38, "invalid": 1, "skipped": 1}
    facts = dict(results.counts().tallies["age"].facts())
    assert (facts["n"], facts["min"], facts["max"]) == (38, 20, 59)
    rows = results.rows(desk.RowFilter(variable="age", least="29", most="31,0")).to_list()
    assert rows == [10, 12]
    assert results.rows(desk.RowFilter(variable="age", label="29")).to_list() == [10]
    assert results.people_columns() == ("age_coder",)
    found = results.agreement("age_coder", "age")
    assert (found.n, found.without) == (38, 1)
    assert found.bias == pytest.approx(-19 / 38)
    assert found == results.run.agreement("age_coder")
    differs = desk.RowFilter(people="age_coder", variable="age", differs=True)
    # The odd ones, and the one without a number.
    assert len(results.rows(differs)) == 20
    results.run.correct(11, "age", "30")
    assert dict(results.counts().tallies["age"].facts())["n"] == 39
    assert results.rows(desk.RowFilter(variable="age", least="29", most="31")).to_list() == [10, 11, 12]
    with pytest.raises(UsageError, match="have no order"):
        results.rows(desk.RowFilter(variable="code", least="1"))


@pytest.mark.parametrize(
    ("value", "says"),
    [("121", "more than 120"), ("-1", "less than 0"), ("3.5", "not a whole number"), ("x", "not a number")],
)
def test_a_correction_that_is_not_allowed_is_refused(run, value, says):
    """
    A person's number has to lie in the range too; nothing is noted of one that does not.
    """
    with pytest.raises(UsageError, match=says):
        run.correct(1, "age", value)
    assert run.corrections() == {}


def test_a_draft_for_a_number_and_its_way_back(run, home):
    """
    The form's rules become the codebook's; a recipe or a codebook of it fills the form again; a draft that
    was kept stays as it was.
    """
    draft = desk.read_draft(DRAFT)
    book = desk.codebook_of_draft(draft)
    assert book.variables[0].to_plain() == {
        "name": "number",
        "question": "How old is the person?",
        "kind": "number",
        "min": 0,
        "max": 120,
        "whole": True,
    }
    assert desk.faults(draft, ["post"]) == []
    assert desk.read_draft(json.loads(json.dumps(draft.to_plain()))) == draft
    with scripted_local_model(home / "server", lambda body: '{"number": 1}'):
        made = api.create("posts.csv", text="post", codebook=book)
    for text in (desk.recipe_of_run(made), desk.codebook_yaml(made)):
        (home / "brought.yaml").write_text(text, encoding="utf-8")
        brought = desk.draft_from_file(home / "brought.yaml", desk.Draft(text="post"))
        assert brought.questions == draft.questions
    (home / "brought.yaml").write_text(desk.recipe_of_run(run), encoding="utf-8")
    several = draft_of_recipe(home / "brought.yaml", desk.Draft())
    assert not several.codebook
    assert desk.codebook_of_draft(several) == run.codebook


def test_a_draft_without_rules_asks_what_it_asked_before_there_were_rules():
    """
    The mark of a draft is the one that version 0.1 gave it, so that its run is found again.
    """
    assert desk.trial_key(desk.Draft()) == "890605bdc10ad346"
    labels = (desk.DraftLabel("a"), desk.DraftLabel("b"))
    changed = desk.Draft(text="post", questions=(desk.DraftQuestion(question="How?", labels=labels),))
    assert desk.trial_key(changed) == "5e4d9369c61ce23c"
    assert desk.trial_key(desk.read_draft(DRAFT)) != desk.trial_key(desk.read_draft({**DRAFT, "rules": {}}))


@pytest.mark.parametrize(
    ("rules", "places"),
    [
        pytest.param({"min": "5", "max": "1"}, [("rules.max", "codebook")], id="empty-range"),
        pytest.param({"min": "0.5", "whole": "on"}, [("rules.min", "codebook")], id="half"),
        pytest.param(
            {"min": "x", "max": "1,000"},
            [("rules.min", "not-a-number"), ("rules.max", "not-a-number")],
            id="no-numbers",
        ),
        pytest.param({"min": "-1,5", "max": " "}, [], id="fine"),
    ],
)
def test_faults_in_the_rules_of_a_draft_stand_at_their_fields(rules, places):
    """
    What is no number, and what contradicts itself, is said at the field; nothing is guessed.
    """
    found = desk.faults(desk.read_draft({**DRAFT, "rules": rules}), ["post"])
    assert [(fault.place, fault.kind) for fault in found] == places


def test_the_paper_says_what_number_was_asked_for(run):
    """
    The methods text has the rule of each number in the paper's language, and speaks of labels where there
    are any.
    """
    english, chinese = desk.methods_text(run, "en"), desk.methods_text(run, "zh")
    assert (
        "with the labels of our codebook. age is a whole number from 0 to 120. price is a number." in english
    )
    assert "age 是 0 到 120 之间的整数。price 是一个数字。" in chinese


def test_a_run_of_a_provider_that_takes_no_ranges_asks_without_them(home):
    """
    The request to Anthropic has the type alone, the one to OpenAI the range too; both have the words.
    """
    for provider, expected in (
        ("openai", {"type": "integer", "minimum": 0, "maximum": 120}),
        ("anthropic", {"type": "integer"}),
        ("azure", {"type": "integer"}),
    ):
        made = api.create(
            "posts.csv",
            text="post",
            codebook={"variables": [BOOK["variables"][0]]},
            provider=provider,
            base_url="https://example.invalid/v1",
            model="some-model",
            max_tokens=100,
            run=f"run-{provider}",
        )
        made.build()
        (path,) = (made.path / "requests").glob("r1-*.jsonl")
        body = json.loads(path.read_text(encoding="utf-8").splitlines()[0])["body"]
        assert body["response_format"]["json_schema"]["schema"]["properties"]["age"] == expected
        assert "age is a whole number from 0 to 120." in body["messages"][0]["content"]
