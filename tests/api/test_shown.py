"""What people read of values in notebooks and at the prompt, and how they are told how a long verb goes."""

import dataclasses
import json
import pickle
import sys
import traceback
import types
from html.parser import HTMLParser
from io import StringIO

import pytest

import rowbatch
from rowbatch import api
from rowbatch.api import reports
from rowbatch.api.hooks import told_how_it_goes
from rowbatch.api.trial import TriedTable
from rowbatch.core.agreement import scale_agreement
from rowbatch.core.document import Dot, Dots, Shown, Table
from rowbatch.core.document_html import fragment_html
from rowbatch.core.document_text import block_lines
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.figures import Figure
from rowbatch.errors import InputError
from rowbatch.words.notice import Notice
from serving import scripted_local_model

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
# They stand in lists and in tables of others, a line each.
IN_LISTS = {
    *("Event", "Figure", "KnownModel", "ModelPart", "Outcome", "ReplayedWave", "RoundSpent", "SentinelLook"),
    *("ShardDone", "Wheel"),
}


def test_every_result_shows_itself():
    """
    What a verb returns is readable as it stands: no long line of Python comes instead.
    """
    values = [getattr(reports, name) for name in reports.__all__ if name not in IN_LISTS]
    values += [api.Preview, api.Status, api.DemoRun, api.Trial, TriedTable, api.Rerun, api.Variants]
    values += [api.Run, api.OpenCodingSet]
    dark = [one for one in values if isinstance(one, type) and "__repr__" in vars(one)]
    assert dark == []
    assert [one for one in values if isinstance(one, type) and not issubclass(one, Shown)] == []
    assert all(dataclasses.is_dataclass(getattr(reports, name)) for name in IN_LISTS)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Inner(Shown):
    name: str
    share: float


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Outer(Shown):
    text: str
    rows: int
    is_done: bool
    nothing: str | None
    undefined: float | None
    inner: Inner
    several: tuple[Inner, ...]
    matrix: dict[str, dict[str, int]]
    figure: Figure
    notes: tuple[Notice, ...]


@pytest.fixture
def outer():
    return Outer(
        text=HOSTILE,
        rows=12_345,
        is_done=True,
        nothing=None,
        undefined=None,
        inner=Inner("within", 0.25),
        several=tuple(Inner(HOSTILE if number == 0 else f"n{number}", number / 3) for number in range(20)),
        matrix={HOSTILE: {"yes": 1, "no": 2}, "b": {"yes": 3, "no": 4}},
        figure=Figure(0.5, 0.25, 0.75, 40, HOSTILE),
        notes=(Notice("said", {"text": HOSTILE}),),
    )


class Tags(HTMLParser):
    """Collects the tags of a page, and what is open at its end."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open = set(), []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_value_is_shown_by_its_attributes(outer):
    """
    Under their names: words and numbers first, then tables; what is empty is left out, a number
    that is undefined is not, and what is long is counted.
    """
    lines = repr(outer).splitlines()
    assert lines[0] == "Outer"
    assert str(outer) == repr(outer)
    words = {line.split()[0]: line.split()[1:] for line in lines[1:] if line.strip()}
    assert words["rows"] == ["12,345"]
    assert words["is_done"] == ["yes"]
    assert words["inner.share"] == ["0.25"]
    assert "nothing" not in words
    assert words["undefined"] == ["–"]
    assert words["figure"][:5] == ["0.500", "0.250", "to", "0.750", "40"]
    assert words["b"] == ["3", "4"]
    assert "  and 8 more" in lines


def test_texts_of_strangers_stay_texts(outer):
    """
    No text becomes a tag, or an escape sequence, and each tag is closed.
    """
    page = outer._repr_html_()
    found = Tags(page)
    assert found.open == []
    assert found.tags <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.count("&lt;script&gt;") == 5
    text = repr(outer)
    assert text.count("<script>") == 5
    assert not {"\x1b", "\u202e"} & set(text)


def test_a_picture_brings_no_style_of_its_own_to_the_page():
    """
    It is an image with words in its place; at the prompt it is its numbers.
    """
    dots = Dots("<b>", [Dot("a", 0.5, 0.25, 0.75)], [])
    page = fragment_html("x", [dots])
    assert "<style" not in page
    assert "<svg" not in page
    assert 'alt="&lt;b&gt;. a: 0.500"' in page
    assert list(block_lines(dots)) == ["<b>", "  a  0.500"]


def test_columns_of_a_terminal_are_in_line():
    """
    Letters of East Asia take two columns, numbers stand to the right, and a long cell is cut.
    """
    table = Table(("标签", "rows"), [("好", "5"), ("bad", "10"), ("x" * 60, "1")], numbers=(1,), note="note")
    header, good, bad, long, note = block_lines(table)
    assert header == f"  标签{' ' * 44}  rows"
    assert good == f"  好{' ' * 46}     5"
    assert bad == f"  bad{' ' * 45}    10"
    assert long == f"  {'x' * 47}…     1"
    assert note == "  note"


def test_a_confusion_matrix_is_a_matrix():
    """
    People's labels are its rows, the model's its columns.
    """
    found = scale_agreement([("1", "2"), ("2", "2"), ("1", "1"), ("2", None)], ["1", "2"], ["1", "2"])
    assert repr(found).splitlines()[-3:] == [
        "  people: model  1  2  (none)",
        "  1              1  1       0",
        "  2              0  1       1",
    ]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of three rows beside a model that answers, not yet submitted."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(
        f"text,people\n{HOSTILE},good\nfine,bad\n,\nso so,good\n", encoding="utf-8"
    )

    def answer(body):
        return json.dumps({"mood": "bad" if "fine" in str(body) else "good"})

    with scripted_local_model(tmp_path / "server", answer):
        yield rowbatch.create(
            "t.csv", text="text", labels=["good", "bad"], prompt="How is the mood?", variable="mood"
        )


def test_a_session_can_be_read(run, capsys):
    """
    What comes before, between and after can be read, is short, and nothing moves where nobody looks.
    """
    preview = run.preview()
    told = repr(preview)
    assert "to ask          3" in told
    assert "cost            nothing: the model runs on this computer" in told
    assert "user: <script>alert(1)</script>" in told
    assert "How is the mood?" in told
    assert "<script>" not in preview._repr_html_()
    assert "answered       0" in repr(run.status())
    run.submit()
    report = run.wait()
    shown = repr(report)
    assert "  good  2" in shown
    assert "  ok          3" in shown
    status = run.status()
    assert "labelled       3 of 3" in repr(status)
    assert "collected" in repr(rowbatch.list_runs())
    assert len(rowbatch.list_runs()) == 1
    compared = run.agreement("people")
    assert "  good              2    0       0" in repr(compared)
    for value in (preview, report, status, compared, rowbatch.list_runs(), run.preview().cost):
        assert Tags(value._repr_html_()).open == []
        assert len(repr(value)) < 1_500
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_no_runs_are_said(tmp_path, monkeypatch):
    """
    An empty list of runs says that there are none.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert repr(rowbatch.list_runs()) == "Runs\nno runs yet"


class Shell:
    """What of a notebook's shell is used: its kernel, and where displays go."""

    def __init__(self):
        self.kernel = object()
        self.display_pub = self
        self.shown = []

    def publish(self, *, data, metadata, transient, update):
        self.shown.append((data, transient["display_id"], update))


@pytest.fixture
def shell(monkeypatch):
    found = Shell()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: found))
    return found


def test_a_notebook_shows_a_bar_below_the_cell(run, shell):
    """
    One display is made and then brought up to date; it ends with how many rows have their answer, and a
    sentence of somebody else is no tag.
    """
    run.submit()
    shell.shown.clear()
    run.wait()
    names = {name for _, name, _ in shell.shown}
    assert len(names) == 1
    assert [is_update for _, _, is_update in shell.shown] == [False] + [True] * (len(shell.shown) - 1)
    last = shell.shown[-1][0]
    assert last["text/plain"] == "3 of 3 rows answered"
    pages = [data["text/html"] for data, _, _ in shell.shown]
    assert any('<progress value="3" max="3">3 of 3</progress>' in page for page in pages)
    for page in pages:
        assert Tags(page).open == []


def test_what_is_open_shows_how_it_stands(run):
    """
    A run and a coding set as the last line of a cell; also one whose files are damaged.
    """
    run.build()
    told = repr(run)
    assert "local" in told
    assert f"rowbatch.open({str(run.path)!r})" in told
    assert Tags(run._repr_html_()).open == []
    drawn = rowbatch.coding_set(run, name="mood", count=2)
    assert "mood" in repr(drawn)
    assert "rowbatch.open_coding_set(" in repr(drawn)
    assert Tags(drawn._repr_html_()).open == []
    (run.path / "ledger.sqlite").write_bytes(b"damaged")
    assert f"rowbatch.open({str(run.path)!r})" in repr(run)


def test_writing_requests_has_a_bar_once(run, shell):
    """
    The first preview writes them, and says so below the cell; another one has nothing to show.
    """
    run.preview()
    assert {name for _, name, _ in shell.shown}
    assert shell.shown[-1][0]["text/plain"] == "writing requests: 4 rows"
    shell.shown.clear()
    run.preview()
    run.build()
    assert shell.shown == []


def test_a_bar_is_not_drawn_anew_for_each_row(run, shell):
    """
    A notebook keeps each message: there is one for each hundredth of the rows, and none where nothing moved.
    """
    run.build()
    shell.shown.clear()
    at = run.status().progress
    with told_how_it_goes(None) as hooks:
        assert hooks.stage is not None
        assert hooks.progress is not None
        assert hooks.said is not None
        hooks.stage("watch")
        for done in range(5_001):
            hooks.progress(dataclasses.replace(at, requests=5_000, done=done))
        hooks.said(Notice("said", {"text": HOSTILE}))
    assert 100 <= len(shell.shown) <= 104
    page = shell.shown[-1][0]["text/html"]
    assert "&lt;script&gt;" in page
    assert "\x1b" not in shell.shown[-1][0]["text/plain"]


class Terminal(StringIO):
    """A stream that says that a person looks at it."""

    def isatty(self):
        return True


def test_a_terminal_shows_a_bar(run, monkeypatch):
    """
    At the prompt the bar is on stderr, and is gone when it is over; hooks that a program gives replace it.
    """
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    run.submit()
    run.wait()
    assert "labelling" in screen.getvalue()
    screen.seek(0)
    screen.truncate()
    stages: list[str] = []
    run.wait(api.Hooks(stage=stages.append))
    assert stages[-1] == "collect"
    assert screen.getvalue() == ""


def test_names_are_there_for_completion():
    """
    `dir` lists what a person may use, and no more.
    """
    assert dir(rowbatch) == sorted(rowbatch.__all__)
    assert all(hasattr(rowbatch, name) for name in dir(rowbatch))


def test_what_was_tried_is_read_row_by_row(tmp_path, monkeypatch):
    """
    Before it is asked a trial says which rows and what to do; afterwards each text stands beside its value,
    or why it has none, and below them what all of the table will send. No text becomes a tag.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    (tmp_path / "posts.csv").write_text(f"id,post\n1,{HOSTILE}\n2,a fine day\n", encoding="utf-8")
    with scripted_local_model(tmp_path / "server"):
        trial = rowbatch.try_table("posts.csv", text="post", labels=["good", "bad"], prompt="Mood?", count=2)
        assert "rows     1, 2" in str(trial)
        assert "ask() asks them" in trial._repr_html_()
        tried = trial.ask()
    lines = str(tried).splitlines()
    assert lines[0] == "TriedTable"
    assert lines[1].split() == ["row", "text", "label"]
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]
    assert [line.split()[-1] for line in lines[2:4]] == [row.values[0] for row in tried.rows]
    assert "All of the table:" in lines
    assert any(line.split() == ["to", "ask", "0"] for line in lines)
    page = tried._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    refused = dataclasses.replace(tried.rows[0], status=RowStatus.REFUSED, reason="not allowed", values=())
    assert "(refused: not allowed)" in str(dataclasses.replace(tried, rows=(refused,)))


def test_an_error_has_its_hint_below_it():
    """
    Where Python shows the error, as in a notebook; also after it went from one process to another, and
    beside what others add to it.
    """
    error = pickle.loads(pickle.dumps(InputError("path-missing", path="posts.csv")))
    error.add_note("seen in cell 3")
    shown = "".join(traceback.format_exception_only(error))
    assert shown.splitlines()[1:] == [f"hint: {error.hint}", "seen in cell 3"]
    assert error.hint
