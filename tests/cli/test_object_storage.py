"""Commands with tables and outputs on object storage: a small S3 here, with `make objects` a real one."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pytest

from driving import KEY, right_label
from end_to_end import run_here
from fake_objects import SECRET, fake_store
from kill_runs import command_for, fake_server, judged
from real_objects import REAL, real_store
from rowbatch.errors import TableChanged
from rowbatch.objects import stores


class _Place:
    """A folder, a store, and commands in one that use the other."""

    def __init__(self, folder, environment, prefix, fake=None):
        self.folder, self.prefix, self.fake = folder, prefix, fake
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = {
            **kept,
            "ROWBATCH_HOME": str(folder / "home"),
            "OPENAI_API_KEY": KEY,
            "AWS_CONFIG_FILE": str(folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
            **environment,
        }
        self.said = ""

    def __call__(self, *words):
        stores._OPEN.clear()
        done = run_here(words, cwd=self.folder, env=self.environment)
        self.said += done.stdout + done.stderr
        return done

    @property
    def store(self):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                if name.startswith("AWS_"):
                    patch.setenv(name, value)
            stores._OPEN.clear()
            return stores.open_store(self.prefix)

    def table(self, name, frame):
        path = self.folder / f"made{Path(name).suffix}"
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        self.store.replace(name, path)
        return f"{self.prefix}/{name}"


@pytest.fixture(scope="module")
def real():
    if not os.environ.get(REAL):
        pytest.skip("a real store is started by `make objects`")
    with real_store() as found:
        yield found


@pytest.fixture(params=["fake", "real"])
def place(request, tmp_path):
    if request.param == "real":
        found = request.getfixturevalue("real")
        yield _Place(tmp_path, found.environment(), f"s3://{found.bucket}/{found.new_prefix()}")
    else:
        with fake_store() as found:
            yield _Place(tmp_path, found.environment(), "s3://bucket/a lab/ü", found)
    stores._OPEN.clear()


FRAME = pl.DataFrame({"id": range(1, 31), "text": [f"text 好 {n}" for n in range(1, 31)]})
_ASKS = ("--text", "text", "--model", "gpt-4o-mini")


@pytest.mark.parametrize("name", ["tweets 1+1.parquet", "50%.csv", "数据.csv"])
def test_convert_from_object_storage_and_back_to_it(place, name):
    """
    The same bytes as from a file, under a name that was free; a second time it is taken.
    """
    address, out = place.table(name, FRAME), f"{place.prefix}/out/requests.jsonl"
    done = place("convert", address, *_ASKS, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: 30 requests of 30 rows")
    FRAME.write_csv(place.folder / "here.csv")
    assert place("convert", "here.csv", *_ASKS, "-o", "here.jsonl").returncode == 0
    assert place.store.read("out/requests.jsonl") == (place.folder / "here.jsonl").read_bytes()
    again = place("convert", address, *_ASKS, "-o", out)
    assert again.returncode == 4
    assert f"{out} exists already" in again.stderr
    assert place("convert", address, *_ASKS, "-o", out, "--overwrite").returncode == 0


def test_convert_in_parts(place):
    """
    Each part is an object, with what stands beside; all of them are the table's requests.
    """
    address = place.table("t.csv", FRAME)
    done = place(
        "convert", address, *_ASKS, "-o", f"{place.prefix}/parts", "--max-requests", "12", "--dedupe"
    )
    assert done.returncode == 0, done.stderr
    names = list(place.store.names("parts"))
    assert names == ["parts-duplicates.csv", *(f"parts/part_0{n}_of_03.jsonl" for n in (1, 2, 3))]
    lines = [line for name in names[1:] for line in place.store.read(name).splitlines()]
    assert [json.loads(line)["custom_id"] for line in lines] == [f"row-{n}" for n in range(1, 31)]
    assert (
        place("convert", address, *_ASKS, "-o", f"{place.prefix}/parts", "--max-requests", "12").returncode
        == 4
    )


def test_a_table_is_fetched_once_for_each_version(place):
    """
    A second command takes the copy, which only this user may read; another version is fetched.
    """
    address = place.table("t.csv", FRAME)
    assert place("convert", address, *_ASKS, "-o", "one.jsonl").returncode == 0
    (copy,) = (place.folder / "home" / "cache" / "objects").rglob("t.csv")
    assert copy.stat().st_mode & 0o077 == 0
    if place.fake:
        place.fake.asked.clear()
        assert place("convert", address, *_ASKS, "-o", "two.jsonl").returncode == 0
        assert [asked[0] for asked in place.fake.asked] == ["HEAD"]
    place.table("t.csv", FRAME.head(7))
    assert place("convert", address, *_ASKS, "-o", "three.jsonl").returncode == 0
    assert len((place.folder / "three.jsonl").read_text().splitlines()) == 7


def _run_words(place, address, table, out):
    words = command_for(place.folder, address)[3:]
    words[words.index(str(place.folder / "posts.csv"))] = table
    words[words.index("out.csv")] = out
    return words


def test_a_run_from_object_storage_to_object_storage(place):
    """
    Every row leaves once with its right label; the run keeps its copy of the table, and the same command
    again is the same run, paid once.
    """
    table, out = place.table("posts.parquet", FRAME), f"{place.prefix}/labelled.csv"
    with fake_server(place.folder, {}, 1) as address:
        words = _run_words(place, address, table, out)
        done = place(*words)
        assert done.returncode == 0, done.stderr
        assert f"labelled table  {out}" in done.stdout
        paid = judged(address)
        again = place(*words)
        assert again.returncode == 0, again.stderr
        assert judged(address) == paid
    rows = pl.read_csv(place.store.read("labelled.csv"))
    assert rows["label"].to_list() == [right_label(text) for text in FRAME["text"]]
    (run,) = (place.folder / "rowbatch-runs").iterdir()
    assert (run / "table" / "posts.parquet").is_file()
    assert place("verify", run).returncode == 0
    assert place("status", run).returncode == 0


def test_a_table_that_changed_on_the_store_is_noticed_before_money_is_spent(place):
    """
    Between the making of a run and its building: a sentence with the address, and nothing was sent.
    """
    import rowbatch

    table = place.table("posts.csv", FRAME)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        stores._OPEN.clear()
        made = rowbatch.create(
            table, text="text", labels="a,b", prompt="Which?", run=place.folder / "run", provider="local"
        )
        place.table("posts.csv", FRAME.head(9))
        stores._OPEN.clear()
        with pytest.raises(TableChanged, match="was changed since this run was made") as told:
            made.build()
    assert told.value.kind == "table-changed"
    assert told.value.values["table"] == table


def test_a_run_whose_copy_is_gone_fetches_the_same_table_again(place):
    """
    The copy in the run was removed: `collect` fetches it, and its digest is compared. Another one is refused.
    """
    table = place.table("posts.csv", FRAME)
    with fake_server(place.folder, {}, 1) as address:
        assert place(*_run_words(place, address, table, "out.csv")).returncode == 0
    (run,) = (place.folder / "rowbatch-runs").iterdir()
    (run / "table" / "posts.csv").unlink()
    assert place("collect", run, "-o", "second.csv").returncode == 0
    assert (place.folder / "second.csv").read_bytes() == (place.folder / "out.csv").read_bytes()
    place.table("posts.csv", FRAME.head(9))
    done = place("collect", run, "-o", "third.csv")
    assert done.returncode == 6
    assert f"the table {table} was changed" in done.stderr


def test_what_somebody_else_put_there_is_not_replaced(place):
    """
    A run replaces its own table, and no other's, also one that came in the meantime.
    """
    table, out = place.table("posts.csv", FRAME), f"{place.prefix}/labelled.csv"
    with fake_server(place.folder, {}, 1) as address:
        assert place(*_run_words(place, address, table, out)).returncode == 0
    (run,) = (place.folder / "rowbatch-runs").iterdir()
    assert place("collect", run).returncode == 0
    place.table("labelled.csv", FRAME.head(1))
    done = place("collect", run)
    assert done.returncode == 4
    assert f"{out} exists already" in done.stderr
    assert place("collect", run, "--overwrite").returncode == 0
    assert place.store.read("labelled.csv").count(b"\n") == 31


def test_extract_from_object_storage(place):
    """
    Result files, the table they are joined to, and the output: all on the store.
    """
    table = place.table("t.csv", FRAME)
    lines = [
        json.dumps(
            {
                "custom_id": f"row-{n}",
                "response": {
                    "status_code": 200,
                    "body": {"choices": [{"message": {"content": f"answer {n}"}}]},
                },
                "error": None,
            }
        )
        for n in range(1, 31)
    ]
    place.store.put("results.jsonl", "\n".join(lines).encode())
    out = f"{place.prefix}/labelled.parquet"
    done = place("extract", f"{place.prefix}/results.jsonl", "--join", table, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: 30 rows")
    rows = pl.read_parquet(place.store.read("labelled.parquet"))
    assert rows["content"].to_list() == [f"answer {n}" for n in range(1, 31)]


def test_the_key_of_the_store_is_in_no_byte_after_any_command(place):
    """
    Commands that succeed and commands that fail: neither on the screen nor in a file is the secret.
    """
    secret = place.environment["AWS_SECRET_ACCESS_KEY"]
    table = place.table("posts.csv", FRAME)
    with fake_server(place.folder, {}, 1) as address:
        assert place(*_run_words(place, address, table, f"{place.prefix}/out.csv")).returncode == 0
    place.environment["ROWBATCH_DEBUG"] = "1"
    place("convert", f"{place.prefix}/none.csv", *_ASKS, "-o", "x.jsonl")
    place("convert", "s3://no-such-bucket-here/x.csv", *_ASKS, "-o", "x.jsonl")
    place("convert", f"s3://bucket:{secret}@host/x.csv", *_ASKS, "-o", "x.jsonl")
    place("convert", f"{place.prefix}/x.csv?X-Amz-Signature={secret}", *_ASKS, "-o", "x.jsonl")
    place.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    place("convert", table, *_ASKS, "-o", "x.jsonl")
    assert place.said.count("error:") == 5
    assert "Traceback" not in place.said
    assert secret not in place.said
    written = [path for path in place.folder.rglob("*") if path.is_file()]
    assert len(written) > 10
    for path in written:
        assert secret.encode() not in path.read_bytes(), path


def test_a_store_that_cannot_take_an_output_says_so_before_the_work(tmp_path):
    """
    One that ignores the condition: exit code 5 before the table is read, and nothing is there.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        table = place.table("t.csv", FRAME)
        found.faults.ignores_condition = True
        done = place("convert", table, *_ASKS, "-o", "s3://bucket/x/out.jsonl")
        assert done.returncode == 5
        assert "lets a second writer replace" in done.stderr
        assert found.names() == ["x/t.csv"]
        # What may be replaced needs no store that keeps the first.
        again = place("convert", table, *_ASKS, "-o", "s3://bucket/x/out.jsonl", "--overwrite")
        assert again.returncode == 0, again.stderr
    assert SECRET not in place.said
    stores._OPEN.clear()


def test_a_store_that_fails_at_the_end_leaves_the_labelled_table_in_the_run(tmp_path):
    """
    The answers are paid for: the table is whole in the run, the sentence says what to do, and the same
    command again puts it there.
    """
    with fake_store() as found, fake_server(tmp_path, {}, 1) as address:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        words = _run_words(place, address, place.table("posts.csv", FRAME), "s3://bucket/x/out.csv")
        found.faults.full_for = "out.csv"
        first = place(*words)
        assert first.returncode == 5, first.stderr
        assert "the store takes no more: s3://bucket/x/out.csv" in first.stderr
        (labelled,) = (tmp_path / "rowbatch-runs").glob("*/labelled.csv")
        assert len(labelled.read_bytes().splitlines()) == 31
        found.faults.full_for = None
        assert place(*words).returncode == 0
    assert found.names() == ["x/out.csv", "x/posts.csv"]
    stores._OPEN.clear()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("units {t} --text text --by line -o u.csv", 3, "which is not taken here"),
        ("units t.csv --text text --by line -o {p}/u.csv", 3, "which is not taken here"),
        ("sample t.csv --text text --labels a,b --rows 3 -o {p}/s.xlsx", 3, "which is not taken here"),
        ("split t.csv -o {p}/parts --max-requests 9", 3, "s3://bucket/x/parts is on object storage"),
        ("split {t} -o parts --max-requests 9", 3, "{t} is on object storage"),
        ("infer {p} --upstream http://127.0.0.1:9/v1", 3, "s3://bucket/x is on object storage"),
        ("infer . -o {p}/answers --upstream http://127.0.0.1:9/v1", 3, "s3://bucket/x/answers is on object"),
        ("run {t} --text text --labels a,b --prompt ? --provider local --run {p}/run --yes", 3,
         "a run cannot lie on object storage: s3://bucket/x/run"),
        ("plan {t} --text text --labels a,b --prompt ? --provider local --run {p}/run", 3,
         "a run cannot lie on object storage: s3://bucket/x/run"),
        ("status {p}/run", 6, "there is no run s3://bucket/x/run"),
        ("run t.csv --text text --codebook {p}/c.yaml --provider local --yes", 3,
         "s3://bucket/x/c.yaml is on object storage"),
        ("demo --folder {p}/demo", 3, "s3://bucket/x/demo is on object storage"),
        ("convert {t} --text text --model m -o {t} --overwrite", 2, "would be replaced by its own requests"),
        ("extract {t} -o {t} --overwrite", 2, "{t} would be replaced by its own answers"),
        ("convert {t} --text nope --model m -o x.jsonl", 3, "{t} has no column 'nope'"),
        ("convert {t} --text nope --model m -o {p}/x", 3, "{t} has no column 'nope'"),
        ("convert s3://bucket --text text --model m -o x", 2, "s3://bucket is no address on object storage"),
        ("convert s3://bucket/x/../t.csv --text text --model m -o x", 2, "cannot be the name of an object"),
        ("convert az://bucket/t.csv --text text --model m -o x", 3, "there is no key for az://bucket"),
    ],
)  # fmt: skip
def test_what_is_not_done_with_object_storage_is_said(tmp_path, words, code, told):
    """
    At doors that do not take it, and where a table would replace itself: a sentence with the address as it
    was typed, no folder named `s3:`, and the table stays.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        table = place.table("t.csv", FRAME)
        FRAME.write_csv(tmp_path / "t.csv")
        (tmp_path / "r.jsonl").write_bytes(b'{"custom_id": "row-1"}\n')
        before = dict(found.objects)
        done = place(*words.format(t=table, p=place.prefix).split())
        assert found.objects == before
    assert done.returncode == code, done.stderr
    assert told.format(t=table) in done.stderr
    assert not (tmp_path / "s3:").exists()
    stores._OPEN.clear()


def test_check_and_estimate_from_object_storage(tmp_path):
    """
    Both take what lies there, and name it as it was typed.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        table, out = place.table("t.csv", FRAME), "s3://bucket/x/requests.jsonl"
        assert place("convert", table, *_ASKS, "-o", out).returncode == 0
        checked = place("check", out)
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.startswith(f"{out}: 30 lines")
        assert "requests 30" in place("estimate", table, *_ASKS).stdout
    stores._OPEN.clear()


def test_an_address_in_capitals_and_one_that_was_a_path():
    """
    The scheme may have capitals, and a path makes one slash of two: meant is the same object.
    """
    import rowbatch.api

    for given in ("s3://bucket/a b/ü%41.csv", Path("s3://bucket/a b/ü%41.csv"), "S3://bucket/a b/ü%41.csv"):
        assert rowbatch.api.as_address(given) == "s3://bucket/a b/ü%41.csv"
    assert rowbatch.api.as_address("s3.csv") is None
    assert rowbatch.api.as_address(Path("folder/s3:x")) is None


def test_a_folder_of_objects_is_one_table(place):
    """
    By the rules of a folder here: the bytes are the same, what programs leave beside (`_SUCCESS`, names with
    a dot, an empty object in the folder's place) is none of it; the cache is used until one object changes.
    """
    here = place.folder / "here"
    for number, name in enumerate(["b 1+1.csv", "a%41.csv", "year=2024/ü.csv"]):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        FRAME.slice(number * 10, 10).write_csv(here / name)
        place.table(f"posts/{name}", FRAME.slice(number * 10, 10))
    for name in ("_SUCCESS", ".hidden.csv", "year=2024"):
        place.store.put(f"posts/{name}", b"")
    if place.fake:
        # As the console of S3 makes a folder; the library cannot write such a name.
        place.fake.objects["bucket/a lab/ü/posts/"] = b""
        place.fake.headers["bucket/a lab/ü/posts/"] = {}
    words = ("convert", f"{place.prefix}/posts/", *_ASKS, "-o")
    done = place(*words, "one.jsonl")
    assert done.returncode == 0, done.stderr
    assert place("convert", "here", *_ASKS, "-o", "here.jsonl").returncode == 0
    asked = (place.folder / "here.jsonl").read_bytes()
    assert asked.count(b"\n") == 30
    assert (place.folder / "one.jsonl").read_bytes() == asked
    (copy,) = (place.folder / "home" / "cache" / "objects").glob("*/posts")
    assert copy.stat().st_mode & 0o077 == 0
    if place.fake:
        place.fake.asked.clear()
        assert place(*words, "two.jsonl").returncode == 0
        assert {asked[0] for asked in place.fake.asked} == {"HEAD", "GET"}
        assert not [name for method, name, _ in place.fake.asked if method == "GET" and name.endswith(".csv")]
    place.table("posts/a%41.csv", FRAME.head(3))
    assert place(*words, "three.jsonl").returncode == 0
    assert (place.folder / "three.jsonl").read_bytes().count(b"\n") == 23
    assert [path.name for path in copy.parent.iterdir()] == ["posts"]


def test_a_folder_of_objects_whose_columns_differ_is_told_by_address(place):
    """
    The sentence names the object, not the copy of it.
    """
    place.table("posts/a.csv", FRAME)
    place.table("posts/b.csv", FRAME.rename({"text": "other"}))
    done = place("convert", f"{place.prefix}/posts", *_ASKS, "-o", "x.jsonl")
    assert done.returncode == 3
    assert f"{place.prefix}/posts/b.csv" in done.stderr
    assert str(place.folder) not in done.stderr


def test_a_run_of_a_folder_of_objects(place):
    """
    Every row leaves once; the same command again is the same run; an object more is noticed before a second
    run is built, and an output that would be a part of the table is refused.
    """
    for number in range(3):
        place.table(f"posts/part-{number}.parquet", FRAME.slice(number * 10, 10))
    table, out = f"{place.prefix}/posts", f"{place.prefix}/labelled.csv"
    with fake_server(place.folder, {}, 1) as address:
        inside = place(*_run_words(place, address, table, f"{table}/labelled.csv"))
        assert inside.returncode == 2
        assert "be a part of the table" in inside.stderr
        words = _run_words(place, address, table, out)
        done = place(*words)
        assert done.returncode == 0, done.stderr
        paid = judged(address)
        assert place(*words).returncode == 0
        assert judged(address) == paid
    rows = pl.read_csv(place.store.read("labelled.csv"))
    assert rows["label"].to_list() == [right_label(text) for text in FRAME["text"]]
    (run,) = (place.folder / "rowbatch-runs").iterdir()
    assert len(list((run / "table" / "posts").iterdir())) == 3
    assert place("verify", run).returncode == 0


def test_an_object_that_is_a_folder_too(tmp_path):
    """
    As a table its own name means the object; inside of a table there is a sentence, and no half copy.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        place.table("posts/a.csv", FRAME)
        place.table("posts/a.csv/b.csv", FRAME.head(5))
        assert place("convert", f"{place.prefix}/posts/a.csv", *_ASKS, "-o", "x.jsonl").returncode == 0
        assert (tmp_path / "x.jsonl").read_bytes().count(b"\n") == 30
        done = place("convert", f"{place.prefix}/posts", *_ASKS, "-o", "y.jsonl")
        assert done.returncode == 3
        assert "s3://bucket/x/posts/a.csv is an object and a folder of others" in done.stderr
        assert not list((tmp_path / "home" / "cache" / "objects").glob("*/posts"))
    stores._OPEN.clear()


def test_a_folder_of_which_an_object_is_replaced_while_it_is_fetched(tmp_path):
    """
    Each object is fetched as it was listed, or a sentence says which was replaced; then it is fetched anew.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        for number in range(3):
            place.table(f"posts/part-{number}.csv", FRAME.slice(number * 10, 10))
        before = found.objects["bucket/x/posts/part-1.csv"]
        found.replaces["bucket/x/posts/part-1.csv"] = before.replace(b"text", b"TEXT")
        done = place("convert", f"{place.prefix}/posts", *_ASKS, "-o", "y.jsonl")
        assert done.returncode == 5
        assert "s3://bucket/x/posts/part-1.csv was replaced by another file" in done.stderr
        found.objects["bucket/x/posts/part-1.csv"] = before
        assert place("convert", f"{place.prefix}/posts", *_ASKS, "-o", "y.jsonl").returncode == 0
    stores._OPEN.clear()


def test_workers_that_share_no_folder(place):
    """
    Planned on one computer, done by workers that have only the key of the store, one of them killed in the
    middle; built and verified on the first: every row once, and nothing unfinished on the store or here.
    """
    big = pl.DataFrame({"id": range(6_000), "text": [f"text 好 {n} " * 20 for n in range(6_000)]})
    for number in range(3):
        place.table(f"posts/part {number}.parquet", big.slice(number * 2_000, 2_000))
    store = f"{place.prefix}/work"
    done = place("plan", f"{place.prefix}/posts", "--text", "text", "--labels", "a,b", "--prompt", "Which?",
                 "--provider", "openai", "--model", "gpt-4o-mini", "--run", "run", "--store", store,
                 "--rows-per-task", "250")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f'--tasks "{store}/prepare.jsonl"' in done.stdout
    with tempfile.TemporaryDirectory() as elsewhere:
        place.environment["ROWBATCH_HOME"] = elsewhere
        words = ("worker", "--tasks", f"{store}/prepare.jsonl", "--of", "2", "--index")
        killed = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", *words, "0"],
            env=place.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not list(place.store.names("work/prepare/")) and time.monotonic() < deadline:
            time.sleep(0.01)
        killed.kill()
        killed.wait()
        waiting = place("build", place.folder / "run")
        assert waiting.returncode == 6
        assert "are not done" in waiting.stderr
        for index in ("1", "0"):
            assert place(*words, index).returncode == 0
        assert not list(Path(elsewhere).rglob("*.part"))
    place.environment["ROWBATCH_HOME"] = str(place.folder / "home")
    built = place("build", place.folder / "run")
    assert built.returncode == 0, built.stderr
    assert "6,000 to ask" in built.stdout
    assert place("verify", place.folder / "run").returncode == 0
    lines = [
        json.loads(line)["custom_id"]
        for path in sorted((place.folder / "run" / "requests").glob("r1-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    # The first part of a run is a file of its own, and what is left of its task another.
    assert sorted(lines, key=lambda row: int(row[4:])) == [f"row-{n}" for n in range(1, 6_001)]
    assert len(list(place.store.names("work/prepare/"))) == 24


def test_tasks_that_are_not_there_and_an_address_that_is_none(tmp_path):
    """
    Sentences with the address as it was typed, and no run is left behind.
    """
    with fake_store() as found:
        place = _Place(tmp_path, found.environment(), "s3://bucket/x", found)
        table = place.table("t.csv", FRAME)
        missing = place("worker", "--tasks", "s3://bucket/none/prepare.jsonl", "--index", "0")
        assert missing.returncode == 3
        assert "s3://bucket/none/prepare.jsonl does not exist" in missing.stderr
        asks = ("--text", "text", "--labels", "a,b", "--prompt", "?", "--provider", "local", "--run", "run")
        none = place("plan", table, *asks, "--store", "work")
        assert none.returncode == 2
        assert "work is no address on object storage" in none.stderr
        assert not (tmp_path / "run").exists()
        found.faults.ignores_condition = True
        refused = place("plan", table, *asks, "--store", "s3://bucket/work")
        assert refused.returncode == 5
        assert "lets a second writer replace" in refused.stderr
    stores._OPEN.clear()
