"""Between a tag and a release: one version everywhere, notes out of the change log, actions by commit."""

import re
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

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
