"""The codebooks that come along."""

import json

import pytest

import rowbatch
from end_to_end import rowbatch as shell
from end_to_end import write_table
from rowbatch.core.codebook import codebook_document, instructions_text
from rowbatch.errors import OutputExists, UsageError
from rowbatch.tools.codebooks import read_any_codebook
from rowbatch.tools.ready_codebooks import LANGUAGES, NAMES, ready_codebook, ready_codebooks

ALL = [(name, language) for name in NAMES for language in LANGUAGES]


@pytest.mark.parametrize(("name", "language"), ALL)
def test_it_says_what_decides(name, language):
    """
    Each label says when it applies, many also when not, and there are right answers to learn from unless
    they would be about another target.
    """
    found = ready_codebook(name, language)
    assert found.title
    assert found.about
    (variable,) = codebook_document(found.codebook)["variables"]
    not_so = {"en": "Not:", "zh": "不包括"}[language]
    defined = [label["definition"] for label in variable["labels"]]
    assert all(defined)
    assert sum(not_so in definition for definition in defined) * 3 >= len(defined)
    taught = [example for label in variable["labels"] for example in label.get("examples", [])]
    taught += variable.get("examples", [])
    assert bool(taught) == (not found.open_place)
    assert found.codebook.instructions
    assert found.codebook.language == language


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_ask_the_same(name):
    """
    What is coded in one language can be set beside what is coded in the other.
    """

    def shape(language):
        (variable,) = codebook_document(ready_codebook(name, language).codebook)["variables"]
        taught = [len(label.get("examples", [])) for label in variable["labels"]]
        return variable["name"], variable.get("kind"), taught, len(variable.get("examples", []))

    assert shape("en") == shape("zh")


@pytest.mark.parametrize(("name", "language"), ALL)
@pytest.mark.parametrize("ending", [".yaml", ".json", ".csv", ".xlsx"])
def test_it_is_written_in_each_form(tmp_path, name, language, ending):
    """
    A file that was written of it asks the same, word for word; one that is there is not replaced unasked.
    """
    place = tmp_path / f"book{ending}"
    found = rowbatch.ready_codebook(name, language, output=place)
    back = read_any_codebook(place)
    assert instructions_text(back) == instructions_text(found.codebook)
    assert codebook_document(back) == codebook_document(found.codebook)
    with pytest.raises(OutputExists):
        rowbatch.ready_codebook(name, language, output=place)


def test_a_stance_is_about_something(tmp_path):
    """
    A target may have any marks; without one nothing is asked; other codebooks have none.
    """
    target = 'a tax on "sugar": yes? [no]'
    filled = ready_codebook("stance", target=target)
    assert filled.open_place == ""
    assert filled.codebook.variables[0].question == f"Where does the author stand on {target}?"
    table = tmp_path / "posts.csv"
    table.write_text("text\nSugar is fine.\n", encoding="utf-8")
    run = rowbatch.create(table, text="text", codebook=filled.codebook, run=tmp_path / "run")
    assert target in instructions_text(run.codebook)
    for language, place in (("en", "[TARGET]"), ("zh", "[对象]")):
        still_open = ready_codebook("stance", language)
        with pytest.raises(UsageError) as told:
            rowbatch.create(table, text="text", codebook=still_open.codebook, run=tmp_path / language)
        assert told.value.values["place"] == place
        assert not (tmp_path / language).exists()
    with pytest.raises(UsageError, match="asks about no target"):
        ready_codebook("topic", target=target)
    with pytest.raises(UsageError, match="moods"):
        ready_codebook("moods")
    with pytest.raises(UsageError, match="fr"):
        ready_codebooks("fr")


def test_the_command_lists_prints_and_writes(tmp_path):
    """
    What it prints is a codebook file; what is still to be written is told beside it, not in it.
    """
    home = tmp_path / "home"
    listed = shell("codebook", "ready", home=home, cwd=tmp_path)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(NAMES), listed.stderr
    assert "文本的语气" in shell("codebook", "ready", "--language", "zh", home=home, cwd=tmp_path).stdout
    printed = shell("codebook", "ready", "stance", home=home, cwd=tmp_path)
    assert printed.stdout == ready_codebook("stance").text
    assert "[TARGET]" in printed.stderr
    written = shell(
        *("codebook", "ready", "stance", "--target", "a sugar tax", "-o", "stance.xlsx"),
        home=home,
        cwd=tmp_path,
    )
    assert (written.returncode, written.stdout, written.stderr) == (0, "stance.xlsx: 1 variable\n", "")
    assert "a sugar tax" in instructions_text(read_any_codebook(tmp_path / "stance.xlsx"))
    plain = shell("codebook", "ready", "--json", home=home, cwd=tmp_path)
    assert [one["name"] for one in json.loads(plain.stdout)] == list(NAMES)
    wrong = shell("codebook", "ready", "moods", home=home, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "survey-answers" in wrong.stderr


def test_a_run_with_an_open_place_is_refused(tmp_path):
    """
    Before anything is made, and with what is to be done.
    """
    write_table(tmp_path / "posts.csv", ["Sugar is fine."])
    rowbatch.ready_codebook("stance", output=tmp_path / "stance.yaml")
    told = shell(
        *("run", "posts.csv", "--text", "post", "--codebook", "stance.yaml"),
        home=tmp_path / "home",
        cwd=tmp_path,
    )
    assert told.returncode == 2
    assert "the question still says [TARGET]" in told.stderr
    assert not (tmp_path / "rowbatch-runs").exists()
