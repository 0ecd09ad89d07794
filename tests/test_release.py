"""Between a tag and a release: one version everywhere, notes out of the change log, actions by commit."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import rehearse_release
import release_check
from rowbatch.server.local_model import INSTALL_COMMAND

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
CHANGES = """# Changelog

## Unreleased

## 0.2.0 - 2027-01-31

### Added

- One thing.

## 0.1.0 - 2026-12-01

- Another.
"""


@pytest.fixture
def release(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    monkeypatch.delitem(sys.modules, "release", raising=False)
    import release

    return release


@pytest.fixture
def package_index(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    for name in ("links", "package_index"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import package_index

    return package_index


@pytest.mark.parametrize(
    ("version", "notes"), [("0.2.0", "### Added\n\n- One thing.\n"), ("0.1.0", "- Another.\n")]
)
def test_the_notes_are_what_the_change_log_says(release, version, notes):
    """
    Of that version, and of no other.
    """
    assert release.notes_of(version, CHANGES) == notes


@pytest.mark.parametrize(
    ("version", "changes", "why"),
    [
        ("0.3.0", CHANGES, "no section '## 0.3.0"),
        ("0.2.0", CHANGES.replace(" - 2027-01-31", ""), "no section '## 0.2.0"),
        ("0.1.0", CHANGES.replace("- Another.", ""), "no section '## 0.1.0"),
        ("0.2.0", CHANGES.replace("## Unreleased", "## Unreleased\n\n- Left here."), "under Unreleased"),
        ("0.2.0", CHANGES.replace("One thing.", "One thing." * 12_500), "a release takes 125,000"),
    ],
)
def test_a_change_log_that_is_not_ready_is_refused(release, version, changes, why):
    """
    Without a section, a day or a line, and with lines that belong to no version.
    """
    with pytest.raises(release.NotReady, match=why):
        release.notes_of(version, changes)


def test_the_tag_has_to_be_the_version(release, capsys, tmp_path):
    """
    There is one place for the version, `pyproject.toml`; a tag that says otherwise releases nothing.
    """
    assert release.check_tag("v1.2.3", '[project]\nversion = "1.2.3"') == "1.2.3"
    notes = tmp_path / "notes.md"
    assert release.main(["--tag", "v0.0.0", "--notes", str(notes)]) == 1
    assert "the tag is v0.0.0" in capsys.readouterr().err
    assert not notes.exists()


def test_actions_are_named_by_their_commit():
    """
    A tag of an action can be moved; a commit cannot. No job has more rights than it names.
    """
    text = WORKFLOW.read_text(encoding="utf-8")
    workflow = YAML(typ="safe").load(text)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert "permissions" in job, name
        for step in job["steps"]:
            assert not step.get("with", {}).get("enable-cache"), name
    for line in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    assert "secrets." not in text
    (version,) = re.findall(r'UV_VERSION: "(.*)"', text)
    assert f"UV_VERSION := {version}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert tuple(workflow["jobs"]["try"]["strategy"]["matrix"]["python"]) == release_check.PYTHONS


def test_a_rehearsal_leaves_out_nothing_but_what_needs_others():
    """
    What it leaves out is in the workflow, once each; all else that a job runs is run.
    """
    jobs = YAML(typ="safe").load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    left = [[one for one in commands if one.startswith(start)] for start in rehearse_release.OUTSIDE]
    assert [len(found) for found in left] == [1] * len(left)
    assert len(commands) > len(left)


def test_a_file_that_the_wheel_lacks_is_found(tmp_path):
    """
    Each file of the package that git knows has to be in it.
    """
    wheel = tmp_path / "rowbatch-0-py3-none-any.whl"
    files = [path for path in ROOT.glob("src/**/*") if path.is_file()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in files:
            if path.name != "models.toml":
                archive.writestr(path.relative_to(ROOT / "src").as_posix(), b"")
    assert list(release_check.missing_from(wheel)) == ["rowbatch/providers/models.toml"]


def test_labels_that_are_wrong_are_found(tmp_path):
    """
    Another order, another cell, a row without a label: each ends the check.
    """
    (tmp_path / "posts.csv").write_text("id,post\n1,a\n2,\n", encoding="utf-8")
    head = "id,post,topic,status\n"
    (tmp_path / "labelled.csv").write_text(f"{head}1,a,x,ok\n2,,,skipped\n", encoding="utf-8")
    release_check.look_at_labels(tmp_path)
    for rows in (
        "2,,,skipped\n1,a,x,ok\n",
        "1,b,x,ok\n2,,,skipped\n",
        "1,a,,ok\n2,,,skipped\n",
        "1,a,x,ok\n",
    ):
        (tmp_path / "labelled.csv").write_text(head + rows, encoding="utf-8")
        with pytest.raises(SystemExit):
            release_check.look_at_labels(tmp_path)


def test_the_documents_install_as_the_program_says():
    """
    README and the page on installing name the command that an error names, and no other way round it.
    """
    for name in ("README.md", "docs/how-to/install.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"$ {INSTALL_COMMAND}" in text
        assert "pip install --no-deps" not in text


PROJECT = '[project]\nversion = "1.2.3"\n'
ADDRESS = '[project.urls]\nSource = "https://example.org/us/rb/"\n'


def test_nothing_is_released_that_cannot_be_shown(release):
    """
    A README whose links lead nowhere, and a page that says that there is no package.
    """
    release.check_ready(PROJECT + ADDRESS, {"README.md": "pip install rowbatch"})
    with pytest.raises(release.NotReady, match=r"no address"):
        release.check_ready(PROJECT, {})
    with pytest.raises(release.NotReady, match=r"README.md says"):
        release.check_ready(PROJECT + ADDRESS, {"README.md": "rowbatch is not on PyPI yet: until it is"})


def test_the_readme_leads_to_the_project_from_an_index(package_index):
    """
    Pages and pictures at the tag of the version; what is elsewhere, or code, or on the page itself, stays.
    """
    base = package_index.base_of(PROJECT + ADDRESS)
    text = "![a (form)](docs/a.png)\n\n[b](docs/b.md#c) [d](https://e.org/) [f](#g) `[h](i.md)`\n"
    assert package_index.readme_for_index(text, base) == (
        "![a (form)](https://example.org/us/rb/raw/v1.2.3/docs/a.png)\n\n"
        "[b](https://example.org/us/rb/blob/v1.2.3/docs/b.md#c) [d](https://e.org/) [f](#g) `[h](i.md)`\n"
    )
    assert package_index.base_of(PROJECT) == ""
    assert package_index.readme_for_index(text, "") == "b [d](https://e.org/) [f](#g) `[h](i.md)`\n"


@pytest.mark.parametrize("address", ["", ADDRESS], ids=["no-address", "address"])
def test_no_link_of_the_readme_is_left_that_an_index_has_not(package_index, tmp_path, address):
    """
    With an address and before there is one; nothing else of the page changes.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT + address, encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "docs" / "package_index.py", tmp_path], check=True)
    shown = (tmp_path / "README.md").read_text(encoding="utf-8")
    marked = package_index.with_links(shown, lambda whole, words, link: f"\0{link}\0")
    links = marked.split("\0")[1::2]
    assert links if address else not links
    assert [link for link in links if not link.startswith("https://")] == []
    assert ("docs/pictures/form.png" in shown) is bool(address)
    if address:
        assert re.sub(r"https://example.org/us/rb/(raw|blob)/v1.2.3/", "", shown) == text
