"""
Build what would be released, and try it as somebody who has nothing yet: `make release-check`.

    python tests/release_check.py --uv UV                       build, look, try with each Python that is here
    python tests/release_check.py --uv UV --wheel W PYTHON …    only try a wheel with these

Wheel and source archive are built twice, from copies of the tree with other times and rights, and have to
have the same bytes. The wheel is installed in an empty environment of each Python, beside nothing; there
`pip check` is content, the local model is fetched by its one command, a table is labelled, and the app
answers. Needs the internet.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT", "ROWBATCH_HOME")


def told(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a program prints; where it fails, all that it said."""
    done = subprocess.run(
        list(words), cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def built(uv: Path, place: Path, *, mask: str) -> list[Path]:
    """Wheel and source archive of what git knows, built in a copy of it with the README for the index."""
    names = told("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
            (place / name).chmod(0o666 & ~int(mask, 8))
    told(sys.executable, place / "docs" / "package_index.py", place)
    told(uv, "build", "--quiet", "--out-dir", place / "dist", cwd=place)
    return sorted([*(place / "dist").glob("*.whl"), *(place / "dist").glob("*.tar.gz")])


def build(uv: Path, dist: Path) -> Path:
    """Build twice, compare, and put what came out into `dist`; returns the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = (built(uv, Path(folder, mask), mask=mask) for mask in ("022", "077"))
        for one, other in zip(first, second, strict=True):
            digest = hashlib.sha256(one.read_bytes()).hexdigest()
            if one.name != other.name or one.read_bytes() != other.read_bytes():
                sys.exit(f"{one.name} comes out otherwise when it is built again")
            sys.stdout.write(f"{digest}  {one.name}: the same bytes twice\n")
        dist.mkdir(parents=True, exist_ok=True)
        for old in (*dist.glob("*.whl"), *dist.glob("*.tar.gz")):
            old.unlink()
        (wheel,) = (Path(shutil.copy(path, dist)) for path in first if path.suffix == ".whl")
        for path in first:
            shutil.copy(path, dist)
    return wheel


def missing_from(wheel: Path) -> Iterator[str]:
    """Files of the package that the wheel has not."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for path in told("git", "ls-files", "-z", "src", cwd=ROOT).split("\0"):
        name = path.removeprefix("src/")
        if name and name not in names:
            yield name


def try_out(uv: Path, python: str, wheel: Path, place: Path, home: Path) -> None:
    """Install the wheel in an empty environment of a Python, and use it."""
    scripts = place / "environment" / ("Scripts" if os.name == "nt" else "bin")
    told(uv, "venv", "--quiet", "--seed", "--python", python, place / "environment")
    told(uv, "pip", "install", "--quiet", "--python", scripts / "python", wheel)
    told(scripts / "python", "-m", "pip", "check")
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= {"ROWBATCH_HOME": str(home), "PYTHONUTF8": "1"}
    rowbatch = scripts / "rowbatch"
    version = told(rowbatch, "--version", env=env).split()[-1]
    if version not in wheel.name:
        sys.exit(f"{wheel.name} says that it is {version}")
    told(rowbatch, "model", "install", env=env)
    shutil.copytree(ROOT / "examples", place / "work")
    told(
        *(
            rowbatch,
            "run",
            "posts.csv",
            "--text",
            "post",
            "--codebook",
            "codebook.yaml",
            "-o",
            "labelled.csv",
        ),
        cwd=place / "work",
        env=env,
    )
    look_at_labels(place / "work")
    look_at_app(rowbatch, env)
    shown = told(scripts / "python", "-c", "import sys; print(sys.version.split()[0])").strip()
    sys.stdout.write(
        f"Python {shown}: installed, pip check, model, {version}: 30 rows labelled, the app answers\n"
    )


def look_at_labels(work: Path) -> None:
    """Each row is there once, in order, as it was; those with a text have a label."""
    with (work / "posts.csv").open(encoding="utf-8", newline="") as file:
        given = list(csv.DictReader(file))
    with (work / "labelled.csv").open(encoding="utf-8", newline="") as file:
        labelled = list(csv.DictReader(file))
    if [{name: row[name] for name in given[0]} for row in labelled] != given:
        sys.exit("the labelled table has other rows than the table")
    for row in labelled:
        status = ("ok", True) if row["post"] else ("skipped", False)
        if (row["status"], bool(row["topic"])) != status:
            sys.exit(f"row {row['id']} is {row['status']} and has the label {row['topic']!r}")


def look_at_app(rowbatch: Path, env: dict[str, str]) -> None:
    """The app starts, answers at the link that it prints, and stops."""
    said = told(rowbatch, "ui", "--background", "--no-browser", "--port", "0", env=env)
    try:
        link = re.search(r"http://\S+", said)
        if link is None:
            sys.exit(f"the app printed no link:\n{said}")
        address = urlsplit(link[0])
        calls = http.client.HTTPConnection("127.0.0.1", address.port or 80, timeout=60)
        calls.request("GET", f"{address.path}?{address.query}", headers={"Host": address.netloc})
        status = calls.getresponse().status
        if status not in (200, 303):
            sys.exit(f"the app answered {status} at its own link")
    finally:
        told(rowbatch, "ui", "--stop", env=env)


def here(uv: Path, version: str) -> str | None:
    """The interpreter of a version, where there is one that runs."""
    found = subprocess.run(
        [uv, "python", "find", "--no-project", version], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return found.stdout.strip()
    # uv does not look behind the shims of pyenv.
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(
        f"{version}.*/bin/python"
    )
    return next((str(path) for path in sorted(roots)), None)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--wheel", type=Path, help="do not build: try this one")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="must be here; otherwise those that are")
    given = parser.parse_args(arguments)
    uv = given.uv if given.uv.name == str(given.uv) else given.uv.absolute()
    wheel = given.wheel.absolute() if given.wheel else build(uv, ROOT / "dist")
    if lost := list(missing_from(wheel)) if not given.wheel else []:
        sys.exit(f"the wheel lacks {', '.join(lost)}")
    if given.build_only:
        return 0
    tried = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for number, version in enumerate(given.pythons or PYTHONS):
            python = here(uv, version)
            if python is None:
                sys.stdout.write(f"Python {version}: is not here, so it was not tried\n")
                if given.pythons:
                    return 1
                continue
            place = Path(folder, str(number))
            place.mkdir()
            try_out(uv, python, wheel, place, Path(folder, "home"))
            tried += 1
    return 0 if tried else 1


if __name__ == "__main__":
    sys.exit(main())
