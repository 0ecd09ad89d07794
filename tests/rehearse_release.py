"""
Rehearse a release: in a clone that is made ready as CONTRIBUTING.md says, do every step of the release's
workflow that a computer alone can do, in its order, with what each job hands to the next: `make rehearsal`.

    python tests/rehearse_release.py [PYTHON …]    # to try the wheel with; otherwise those that are here

What belongs to the outside is named and left out: fetching actions, signing, publishing, GitHub's release, of
which only the command is looked at. Needs the internet.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import release_check

ROOT = Path(__file__).parent.parent
VERSION = "0.1.0"
TAG = f"v{VERSION}"
# What each step that is left out would do; the beginning of its command.
OUTSIDE = {
    "uvx --from pypi-attestations": "signs with the identity of the workflow",
    "uv publish": "publishes",
}


def git(place: Path, *words: str) -> None:
    """Of nobody, without anybody's settings."""
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=a rehearsal", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *identity, *words], cwd=place, env={**os.environ, **own}, check=True)


def make_ready(clone: Path) -> None:
    """What somebody does before a tag: the change log, an address, and no page that denies the package."""
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    changes = clone / "CHANGELOG.md"
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = changes.read_text(encoding="utf-8")
    changes.write_text(
        text.replace("## Unreleased\n", f"## Unreleased\n\n## {VERSION} - {today}\n", 1), encoding="utf-8"
    )
    project = clone / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    if "[project.urls]" not in text:
        address = '[project.urls]\nSource = "https://example.org/rowbatch"\n\n[project.scripts]'
        project.write_text(text.replace("[project.scripts]", address, 1), encoding="utf-8")
    for name in ("README.md", "docs/how-to/install.md"):
        page = clone / name
        page.write_text(page.read_text(encoding="utf-8").replace("not on PyPI yet", ""), encoding="utf-8")
    git(clone, "commit", "--quiet", "--all", "--message", f"Release {VERSION}")
    git(clone, "tag", TAG)


def do_job(name: str, job: Mapping[str, Any], place: Path, programs: Path, matrix: Mapping[str, str]) -> None:
    """Each `run` of a job, as its shell has it."""
    env = {name: value for name, value in os.environ.items() if name not in release_check.OURS}
    env |= {
        "GITHUB_REF_NAME": TAG,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "GH_REPO": "us/rowbatch",
    }
    for step in job["steps"]:
        shown = step.get("name") or step.get("uses") or step["run"]
        if "run" not in step:
            sys.stdout.write(f"{name}: {step['uses'].partition('@')[0]}: an action, left out\n")
            continue
        left = next((why for start, why in OUTSIDE.items() if step["run"].startswith(start)), None)
        if left:
            sys.stdout.write(f"{name}: {shown}: {left}, left out\n")
            continue
        given = {key: _filled(str(value), matrix) for key, value in step.get("env", {}).items()}
        sys.stdout.write(f"{name}: {shown}\n")
        sys.stdout.flush()
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", _filled(step["run"], matrix)]
        subprocess.run(words, cwd=place, env={**env, **given}, check=True)


def _filled(text: str, matrix: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ *(?:matrix\.)?([\w.]+) *\}\}", lambda match: matrix.get(match[1], "-"), text)


def hand_over(job: Mapping[str, Any], clone: Path, target: Path) -> None:
    """What `upload-artifact` keeps and `download-artifact` lays down, below the folder of all of it."""
    (step,) = (one for one in job["steps"] if "upload-artifact" in one.get("uses", ""))
    for pattern in step["with"]["path"].split():
        found = sorted(clone.glob(pattern))
        if not found:
            sys.exit(f"nothing is there for {pattern}")
        for path in found:
            kept = target / path.relative_to(clone)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


def main() -> int:
    jobs = YAML(typ="safe").load(
        (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    )["jobs"]
    (uv,) = ROOT.glob(".tools/uv-*/bin/uv")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        clone, programs = Path(folder, "clone"), Path(folder, "programs")
        make_ready(clone)
        programs.mkdir()
        (programs / "uv").symlink_to(uv)
        gh = programs / "gh"
        gh.write_text('#!/bin/sh\nfor word; do case $word in release/*) ls "$word" || exit 1;; esac; done\n')
        gh.chmod(0o755)
        do_job("build", jobs["build"], clone, programs, {})
        release = clone / "release"
        hand_over(jobs["build"], clone, release)
        pythons = sys.argv[1:] or [one for one in release_check.PYTHONS if release_check.here(uv, one)]
        for python in pythons:
            found = release_check.here(uv, python)
            if found is None:
                sys.exit(f"Python {python} is not here")
            do_job(f"try {python}", jobs["try"], clone, programs, {"python": found})
        do_job("publish", jobs["publish"], clone, programs, {})
        do_job("announce", jobs["announce"], clone, programs, {})
        sys.stdout.write((release / "notes.md").read_text(encoding="utf-8")[:300] + "…\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
