"""What people read when something went wrong, and the button beside it."""

import html
import re
import string

import pytest

from cases import cases
from rowbatch import api, desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.store.ledger import Ledger
from rowbatch.web.explain import explain, trouble_words
from rowbatch.web.words import words_of
from rowbatch.words.entries import ENTRIES
from rowbatch.words.for_drive import _WAITS
from rowbatch.words.notice import Notice
from rowbatch.words.telling import Face, Language
from serving import scripted_local_model
from serving_pages import served_pages, visiting

KINDS = sorted(set(ENTRIES) - {"said"})
_FACES: tuple[tuple[Face, Language], ...] = (("terminal", "en"), ("page", "en"), ("page", "zh"))
# Three words of English in a row. Values have none.
_ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,]+[A-Za-z]{2,}){2,}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("troubles")


@pytest.fixture(scope="module")
def site(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with scripted_local_model(folder / "server"), served_pages() as found:
            yield found


@pytest.fixture(scope="module")
def run(site, folder):
    (folder / "posts.csv").write_text("post\n帖子\n", encoding="utf-8")
    made = api.create("posts.csv", text="post", labels=["good", "bad"], prompt="如何？", run=folder / "run")
    made.build()
    made.set_driven("no")
    return made


@pytest.fixture
def client(site):
    with visiting(site, "zh") as found:
        yield found


def values_of(kind):
    """A value for each that the words of a kind name; none of them is English."""
    found: dict[str, object] = {}
    for face, language in _FACES:
        for sentence in ENTRIES[kind].sentences(face, language):
            for _, name, form, _ in string.Formatter().parse(sentence):
                if name and form is not None:
                    is_number = form in {",", "$"} or "|" in form or form.endswith("f")
                    # Any other form is what stands between the members of a list.
                    found[name] = 2 if is_number else ["某值"] if form else found.get(name, "某值")
    return found


def stopped(run, kind, told):
    run.set_trouble(desk.Trouble(kind, told).to_plain())


def page_of(client, run):
    """The page of its job, and what stands on it for people."""
    answer = client.get(f"/jobs/{desk.job_id(run.path)}")
    assert answer.status_code == 200
    return answer.text, words_on(answer.text)


def words_on(page):
    body = page.partition("<main")[2]
    # What would be typed, and names of places.
    body = re.sub(r'<details class="command">.*?</details>', "", body, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", "\n", body))


def require_no_english(text):
    found = _ENGLISH.search(text)
    assert found is None, found.group()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"provider": "无"}, id="no-such-provider"),
        pytest.param({"template": "无"}, id="message-without-a-column"),
        pytest.param({"template": "{{无}}"}, id="message-with-a-strange-column"),
        pytest.param({"template": "{{"}, id="message-that-is-not-closed"),
        pytest.param({"labels": ("a", "A")}, id="a-label-twice"),
        pytest.param({"labels": ("a", "")}, id="one-label"),
        pytest.param({"text": "无"}, id="no-such-text"),
        pytest.param({"kind": "number", "rules": {"min": "3", "max": "2"}}, id="contradicting-limits"),
    ],
)
def test_what_keeps_a_form_from_being_sent_in_chinese(client, site, folder, changes):
    """
    What is said beside the fields of a form has no sentence of ours in English.
    """
    (folder / "form.csv").write_text("帖子\n一\n二\n", encoding="utf-8")
    table = site.program.library.add(folder / "form.csv")
    fields = {
        "text": "帖子",
        "question": "如何？",
        "provider": "local",
        "do": "review",
        "language": "zh",
    }
    labels = changes.get("labels", ("好", "坏"))
    fields |= {f"labels.{position}.name": label for position, label in enumerate(labels)}
    if "rules" in changes:
        # The form says which kind its limits are of.
        fields |= {"rules": changes["kind"]}
        fields |= {f"rules.{name}": said for name, said in changes["rules"].items()}
    fields |= {name: said for name, said in changes.items() if isinstance(said, str)}
    answer = client.post(f"/tables/{table.id}/label", data=fields)
    assert answer.status_code == 422
    told = re.findall(r'class="error"[^>]*>(.*?)</p>', answer.text)
    assert told
    require_no_english(html.unescape(" ".join(told)))


@pytest.mark.parametrize("kind", desk.TROUBLE_KINDS)
def test_every_trouble_in_chinese(client, run, kind):
    """
    The page of a job that stands still has no sentence of ours in English, whatever the trouble is.
    """
    stopped(run, kind, Notice("cap-reached", values_of("cap-reached")))
    _, words = page_of(client, run)
    title, means, advice = trouble_words(words_of("zh"), kind)
    assert title in words
    assert advice in words
    assert means in words
    require_no_english(words)


def test_whatever_is_told_is_told_in_chinese():
    """
    So it is with whatever can stop a job,
    """
    for kind in KINDS:
        require_no_english(Notice(kind, values_of(kind)).told("page", "zh"))


@pytest.mark.parametrize("told", KINDS[:: cases(12, 1)])
def test_whatever_stopped_a_job_in_chinese(client, run, told):
    """
    and with the page around it, where it stands in the details.
    """
    stopped(run, "other", Notice(told, values_of(told)))
    _, words = page_of(client, run)
    assert Notice(told, values_of(told)).told("page", "zh") in words
    require_no_english(words)


@pytest.mark.parametrize("kind", sorted(_WAITS))
def test_why_a_part_waits_in_chinese(client, run, kind):
    """
    And with what its parts wait for.
    """
    stopped(run, "cap", Notice("cap-reached", values_of("cap-reached")))
    wait = Notice(kind, values_of(kind))
    with Ledger(run.path / "ledger.sqlite") as ledger:
        ledger.note_wait(ledger.shard(1, 1), wait)
    _, words = page_of(client, run)
    assert wait.told("page", "zh") in words
    require_no_english(words)


def test_every_error_in_chinese():
    """
    The page about an error has no sentence of ours in English.
    """
    for kind in KINDS:
        shown = explain(words_of("zh"), RowbatchError(kind, **values_of(kind)))
        assert shown.means, kind
        require_no_english("\n".join((shown.title, shown.means, shown.next, shown.details)))


@pytest.mark.parametrize("place", ["/jobs/none", "/tools/none", "/tools/files/none"])
def test_pages_that_are_not_there_in_chinese(client, place):
    """
    Nor has the page of an address where nothing is.
    """
    answer = client.get(place)
    assert answer.status_code == 404
    require_no_english(words_on(answer.text))


_BUTTONS = {
    "lost-answer": 'name="resubmit_lost"',
    "lost-rows": 'name="resubmit_lost"',
    "many-failures": 'name="go_on"',
    "cap": 'name="cap"',
    "key": 'href="/settings?back=',
    "late-batch": "/cancel",
    "price-unknown": 'name="no_cap"',
    "answers-unbounded": 'name="no_cap"',
    "requests-changed": "新建任务",
    "model": "新建任务",
    "table": "新建任务",
}


@pytest.mark.parametrize("kind", desk.TROUBLE_KINDS)
def test_the_button_of_a_trouble(client, run, kind):
    """
    Each trouble has the button that helps, and none that switches a guard off which is not its own.
    """
    stopped(run, kind, Notice("cap-reached", values_of("cap-reached")))
    page, _ = page_of(client, run)
    form = page.partition('<form class="row"')[2].partition("</form>")[0]
    for name in ('name="resubmit_lost"', 'name="go_on"', 'name="cap"', 'name="no_cap"'):
        assert (name in form) is (name == _BUTTONS.get(kind))
    assert _BUTTONS.get(kind, "继续") in form


@pytest.mark.parametrize(
    ("kind", "wish"),
    [("late-batch", "go_on"), ("many-failures", "resubmit_lost"), ("many-failures", "give_up")],
)
def test_a_button_of_a_page_that_was_true_some_time_ago(client, run, kind, wish):
    """
    What a page offered for another trouble is refused, in the reader's language, and switches no guard off.
    """
    stopped(run, kind, Notice("cap-reached", values_of("cap-reached")))
    answer = client.post(f"/jobs/{desk.job_id(run.path)}/start", data={wish: "1"})
    assert answer.status_code == 400
    require_no_english(words_on(answer.text))
    with run._directory.ledger() as ledger:
        assert not any(shard.may_fail for shard in ledger.shards())


def test_continuing_without_a_limit(client, run, site):
    """
    The limit that cannot be kept is gone, unless there is one for the month.
    """
    run.change_policy(max_cost_usd=api.usd("5"))
    stopped(run, "price-unknown", Notice("price-unknown", values_of("price-unknown")))
    address = f"/jobs/{desk.job_id(run.path)}/start"
    assert client.post(address, data={"no_cap": "1"}).status_code == 303
    assert run.policy().max_cost_usd is None
    site.program.jobs._tasks[desk.job_id(run.path)].wait(30)


def test_a_job_that_lost_its_ledger(client, run, site):
    """
    Its page says so, with one button that recovers it; and then it is as it was. The list of jobs has it too.
    """
    name, before = desk.job_id(run.path), [(one.name, one.state) for one in run.status().progress.states]
    (run.path / "ledger.sqlite").unlink()
    text, words = page_of(client, run)
    assert trouble_words(words_of("zh"), "ledger")[0] in words
    assert f'formaction="/jobs/{name}/recover"' in text
    assert "never_sent" not in text
    require_no_english(words)
    assert name in client.get("/jobs").text
    assert client.post(f"/jobs/{name}/recover", data={"never_sent": "1"}).status_code == 400
    assert client.post(f"/jobs/{name}/start").status_code != 303
    assert client.post(f"/jobs/{name}/recover").status_code == 303
    site.program.jobs._tasks[name].wait(30)
    assert [(one.name, one.state) for one in run.status().progress.states] == before


def test_names_of_columns_are_spelled_as_they_are():
    """
    A sentence begins with a capital letter, but not the name of a column.
    """
    w = words_of("en")
    for kind, told in (
        ("value-alone-and-others", 'topic: "can\'t say" stands beside other labels.'),
        ("value-not-a-text", "topic is not a text."),
    ):
        error = UsageError(kind, variable="topic", value="can't say")
        assert explain(w, error).means == told
    assert explain(w, UsageError("correction-empty")).means[0].isupper()
