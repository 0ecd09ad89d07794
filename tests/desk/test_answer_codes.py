"""What is counted and searched in codes is what the answers themselves say, whatever people correct."""

import csv
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rowbatch import api, desk
from rowbatch.core.forms import count_forgiven
from rowbatch.desk import answer_codes, seen_tables
from rowbatch.errors import RunError, UsageError
from rowbatch.results.people import IS_CORRECTED, final_column
from rowbatch.results.views import write_answers_view
from rowbatch.store import column_codes
from rowbatch.store.corrections import NAME
from rowbatch.store.view_folders import mark_of_run, remove_answers_views, seen_folder
from serving import scripted_local_model

LABELS = ("housing", "health", "other")
LISTED = [{"name": name} for name in LABELS]
CODEBOOK = {
    "variables": [
        {"name": "topic", "labels": LISTED},
        {"name": "tags", "kind": "labels", "labels": LISTED, "none": True, "cant_say": True},
        {"name": "tone", "kind": "scale", "labels": [{"name": one} for one in ("low", "middle", "high")]},
        {"name": "day", "kind": "date", "cant_say": True},
        {"name": "share", "kind": "number", "only_if": {"topic": ["housing"]}},
        {"name": "why", "kind": "text"},
    ]
}
ROWS = 60


def answer(body):
    number = int(str(body["messages"][-1]["content"]).split()[1])
    topic = LABELS[number % 3]
    if number % 11 == 0:
        topic = "weird"
    return json.dumps(
        {
            "topic": topic,
            "tags": [["housing", "health"], ["health"], []][number % 3],
            "tone": ("low", "middle", "high")[number % 3],
            "day": None if number % 8 == 0 else f"{2020 + number % 2}-05-{number % 28 + 1:02}",
            "share": number % 5 if topic == "housing" else None,
            "why": f"it says {number}",
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over sixty rows: some without an answer, one without a text, a column that people coded."""
    folder = tmp_path_factory.mktemp("codes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [
                ("" if n == 7 else f"post {n}", LABELS[n % 2] if n % 4 else "", f" {'NY' if n % 2 else 'LA'}")
                for n in range(1, ROWS + 1)
            ]
            csv.writer(file).writerows([["post", "topic_human", "city"], *rows])
        with scripted_local_model(folder / "server", answer):
            made = api.create(folder / "posts.csv", text="post", codebook=CODEBOOK)
            made.resume()
        yield made


def looked_at(run):
    """The results of a run, in a program of their own."""
    found = desk.Results(run)
    assert found.prepare(60)
    return found


@pytest.fixture(scope="module")
def programs(run):
    """Two programs that look at the same run."""
    return looked_at(run), looked_at(run)


def filters():
    yield desk.RowFilter()
    yield from (desk.RowFilter(status=one) for one in ("ok", "invalid", "skipped", "missing-label", "none"))
    yield desk.RowFilter(corrected=True)
    for variable, labels in (("topic", LABELS), ("tags", (*LABELS, "can't say")), ("tone", ("low", "high"))):
        yield from (desk.RowFilter(variable=variable, label=label) for label in labels)
        yield from (desk.RowFilter(variable=variable, model=label) for label in labels)
        yield desk.RowFilter(variable=variable, unlabelled=True)
    yield desk.RowFilter(variable="day", label="can't say")
    yield desk.RowFilter(variable="day", least="2020-05-10", most="2021-01-01")
    yield desk.RowFilter(variable="share", least="2")
    yield desk.RowFilter(variable="share", not_asked=True)
    yield desk.RowFilter(variable="why", label="it says 5")
    yield desk.RowFilter(variable="tone", least="middle", status="ok", corrected=True)
    people = desk.RowFilter(people="topic_human", variable="topic")
    yield people
    yield replace(people, differs=True)
    yield replace(people, differs=True, not_coded="health")
    yield from (replace(people, says=one, model=two) for one in LABELS for two in LABELS)
    yield replace(people, says="housing", label="other")


FILTERS = tuple(filters())


def counted_from_scratch(results):
    """What `Results.counts` says, by every row of the answers and what people put in its place."""
    frame = results._scan().collect()
    is_answered = (pl.col("status") == "ok") | pl.col(IS_CORRECTED)
    found: dict[object, object] = {"statuses": dict(frame["status"].value_counts().iter_rows())}
    without = frame.filter(pl.col("status") != "ok")
    found["reasons"] = Counter(without.select("status", "status_reason").iter_rows())
    found["forgiven"] = count_forgiven(frame["forgiven"])
    for place, variable in enumerate(results.variables):
        values = frame[final_column(place)]
        tally = variable.tally()
        if tally is not None:
            tally.add(values.filter(values != ""))
            found[variable.name] = sorted(tally.facts())
        if variable.cant_say and variable.word_for_cant_say is not None:
            found[variable.name, "can't say"] = (values == variable.cant_say_word).sum()
        if variable.only_if:
            found[variable.name, "not asked"] = frame.filter(is_answered, values == "").height
    return found


def counted(results):
    """The same, as `Results.counts` says it."""
    counts = results.counts()
    found: dict[object, object] = {"statuses": dict(counts.statuses), "forgiven": counts.forgiven}
    found["reasons"] = Counter(
        {(status, why): rows for status, listed in counts.reasons.items() for why, rows in listed}
    )
    found |= {name: sorted(tally.facts()) for name, tally in counts.tallies.items()}
    found |= {(name, "can't say"): rows for name, rows in counts.cant_say.items()}
    return found | {(name, "not asked"): rows for name, rows in counts.not_asked.items()}


def split_from_scratch(results):
    """Rows by variable, city and label, as they hold."""
    view = results._table_view()
    cities = view.frame(1, ROWS)[str(view.columns.index("city"))].str.strip_chars()
    frame = results._scan().collect()
    return {
        results.variables[place].name: Counter(
            (city, label) for city, label in zip(cities, frame[final_column(place)], strict=True) if label
        )
        for place in (0, 2)
    }


def split(results):
    header = results.header
    return {
        one.variable: Counter(
            {
                (name, label): rows
                for name, counts in one.parts
                for label, rows in zip(one.labels, counts, strict=True)
                if rows
            }
        )
        for one in results.splits()
        if header[one.column] == "city"
    }


def assert_is_true(results):
    """Everything that pages ask is what every row says."""
    assert counted(results) == counted_from_scratch(results)
    assert split(results) == split_from_scratch(results)
    for chosen in FILTERS:
        try:
            expected = results._by_values(chosen).to_list()
        except UsageError:
            continue
        assert results.rows(chosen).to_list() == expected, chosen


def put(results, row, variable, value):
    """A correction as a page makes it; what does not fit is refused, and changes nothing."""
    try:
        results.correct(row, variable, value)
    except UsageError:
        return


CORRECTIONS = st.tuples(
    st.integers(0, 1),
    st.integers(1, ROWS),
    st.one_of(
        st.tuples(st.just("topic"), st.sampled_from([*LABELS, None])),
        st.tuples(st.just("tags"), st.sampled_from(["housing; other", "health", "can't say", None])),
        st.tuples(st.just("tone"), st.sampled_from(["low", "high", None])),
        st.tuples(st.just("day"), st.sampled_from(["2020-05-11", "1999-01-01", "can't say", None])),
        st.tuples(st.just("share"), st.sampled_from(["1", "77.5", None])),
        st.tuples(st.just("why"), st.sampled_from(["because", None])),
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CORRECTIONS, max_size=14), st.booleans())
def test_any_corrections_of_two_programs(programs, corrections, is_started_anew):
    """
    Set, changed and taken back, by one program and another: both count and find what every row says, and so
    does one that is started afterwards.
    """
    run = programs[0].run
    (run.path / NAME).unlink(missing_ok=True)
    for who, row, (variable, value) in corrections:
        put(programs[who], row, variable, value)
        # What was counted before is the beginning of what is counted next.
        programs[who].counts(), programs[who].splits()
    for results in (*programs, *([looked_at(run)] if is_started_anew else ())):
        assert_is_true(results)


@pytest.mark.parametrize("chosen", [f for f in FILTERS if not f.not_coded], ids=str)
def test_neighbours_are_those_of_the_list(programs, chosen):
    """
    A list is in the order of the table, and each of its rows is there once.
    """
    (programs[0].run.path / NAME).unlink(missing_ok=True)
    listed = programs[0].rows(chosen).to_list()
    assert listed == sorted(set(listed))
    pages = [row for start in range(0, ROWS, 7) for row, *_ in programs[0].page(chosen, start, 7)]
    assert pages == listed


def test_what_is_kept_is_enough(run, monkeypatch):
    """
    A program that is started anew counts no column again: it has what was kept.
    """
    before = counted(looked_at(run)), split(looked_at(run)), looked_at(run).formulas()
    agreed = looked_at(run).agreements()
    for module, name in ((column_codes, "_make"), (desk.Results, "_compare"), (answer_codes, "pairs_of")):
        monkeypatch.setattr(module, name, lambda *_, name=name: pytest.fail(f"{name} is done again"))
    results = looked_at(run)
    assert (counted(results), split(results), results.formulas()) == before
    assert results.agreements() == agreed != []


def kept_files(run):
    found = [path for path in seen_folder().parent.rglob("*.kept") if path.is_file()]
    assert len(found) > 15
    return found


@pytest.mark.parametrize("how", ["removed", "cut", "changed", "swapped", "half-written"])
def test_what_is_kept_and_damaged_is_made_again(run, how):
    """
    Of files that were removed, cut, changed or exchanged nothing is believed; a program that was killed while
    it wrote leaves one that nobody reads.
    """
    (run.path / NAME).unlink(missing_ok=True)
    expected = counted(looked_at(run)), split(looked_at(run)), looked_at(run).formulas()
    found = kept_files(run)
    contents = [path.read_bytes() for path in found]
    for path, content, other in zip(found, contents, [*contents[1:], contents[0]], strict=True):
        if how == "removed":
            path.unlink()
        elif how == "half-written":
            path.unlink()
            path.with_name(f".{path.name}.1.part").write_bytes(content[:50])
        else:
            changed = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]
            path.write_bytes({"cut": content[:-9], "changed": changed, "swapped": other}[how])
    results = looked_at(run)
    assert (counted(results), split(results), results.formulas()) == expected
    assert_is_true(results)


def test_a_run_that_is_removed_takes_what_is_kept_of_it(run):
    """
    Also what lies beside the view of its table, whose own columns stay.
    """
    looked_at(run)
    beside = [path for path in kept_files(run) if path.name.startswith(mark_of_run(run.path))]
    assert len(beside) > 5
    remove_answers_views(run.path)
    assert not any(path.exists() for path in beside)
    left = {path.name for path in (seen_folder().parent / "views").rglob("*.kept")}
    assert left == {name for name in left if name.startswith("table-")} != set()
    assert_is_true(looked_at(run))


def test_many_values_are_read_where_codes_do_not_say_them(run, monkeypatch):
    """
    Where a column has more values than are told apart, its rows are counted and found by their values.
    """
    monkeypatch.setattr(column_codes, "_MOST_VALUES", 2)
    monkeypatch.setenv("ROWBATCH_HOME", str(run.path.parent / "other-home"))
    results = looked_at(run)
    assert not results._held().final(3).is_whole
    for row, variable, value in ((1, "topic", "other"), (5, "day", "2020-05-11"), (6, "why", "because")):
        put(results, row, variable, value)
    assert counted(results) == counted_from_scratch(results)
    for chosen in FILTERS:
        assert results.rows(chosen).to_list() == results._by_values(chosen).to_list(), chosen
    (run.path / NAME).unlink()


def test_a_table_is_read_once_to_know_it(run, monkeypatch):
    """
    As long as its file stands as it stood; one that was written since is read, and told.
    """
    looked_at(run)
    with monkeypatch.context() as patch:
        patch.setattr(seen_tables, "is_same", lambda *_: pytest.fail("it is read again"))
        looked_at(run)
    path = run.plan.source.path
    content = path.read_bytes()
    path.write_bytes(content.replace(b"post 9", b"post 8", 1))
    with pytest.raises(RunError, match="changed"):
        desk.Results(run).prepare(60)
    path.write_bytes(content)
    looked_at(run)


def test_what_another_version_kept_is_made_anew(run, monkeypatch):
    """
    It may count otherwise.
    """
    kept = looked_at(run).people_columns()
    monkeypatch.setattr("rowbatch.desk.results.version", lambda _: "99.0")
    monkeypatch.setattr("rowbatch.desk.results.columns_of_people", lambda *_: {})
    assert kept
    assert looked_at(run).people_columns() == ()


def test_many_pages_at_once_make_it_once(run, monkeypatch):
    """
    Who comes while it is being made waits, or is told that it is not there yet; nothing is begun twice.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(run.path.parent / "home-of-many"))
    begun = []

    def write(*told):
        begun.append(told)
        write_answers_view(*told)

    monkeypatch.setattr("rowbatch.desk.results.write_answers_view", write)
    results = desk.Results(run)
    with ThreadPoolExecutor(8) as pool:
        waits_s = [60.0, 0.001, 60.0, 0.2] * 4
        found = list(pool.map(results.prepare, waits_s))
    assert all(is_there for is_there, wait_s in zip(found, waits_s, strict=True) if wait_s > 1)
    assert len(begun) == 1
    assert counted(results) == counted_from_scratch(results)
