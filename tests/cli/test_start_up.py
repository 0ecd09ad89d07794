"""Starting must be quick: nothing heavy is imported before it is used."""

import subprocess
import sys

import click
import polars as pl
import pytest

import rowbatch
from rowbatch.cli.app import app

HEAVY = (
    "polars",
    "numpy",
    "httpx2",
    "xllamacpp",
    "starlette",
    "uvicorn",
    "pydantic",
    "rich",
    "ruamel",
    "stamina",
    "openai",
)

PROGRAM = """
import sys
from rowbatch.cli.app import run_command_line
code = run_command_line(sys.argv[2:])
print(code, *(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """
    `--help` of any command is there at once.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "0"
    assert done.stdout


FIRST_PAGE = """
import http.client, os, sys, threading
from urllib.parse import urlsplit
import rowbatch.web.run
from rowbatch.web.run import run

# Also where a busy machine takes its time.
rowbatch.web.run._WHOLE_S = 600.0

def look(running):
    link = urlsplit(running.link)
    server = http.client.HTTPConnection("127.0.0.1", link.port)
    server.request("GET", f"{link.path}?{link.query}", headers={"Host": link.netloc})
    entered = server.getresponse()
    entered.read()
    cookie = entered.getheader("Set-Cookie").split(";")[0]
    server.request("GET", "/", headers={"Host": link.netloc, "Cookie": cookie})
    page = server.getresponse()
    told = page.read().decode()
    here = [name for name in sys.argv[1].split(",") if name in sys.modules]
    print(page.status, "posts" in told, *here, flush=True)
    os._exit(0)

run(
    port=0,
    on_ready=lambda running: threading.Thread(target=look, args=[running]).start(),
    on_jobs=lambda _: None,
)
"""


def test_the_first_page_imports_nothing_that_reads_tables(run_of_three):
    """
    The app answers before what reads tables and works on runs has come in, also where it lists runs.
    """
    heavy = set(HEAVY) - {"starlette", "uvicorn"}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAGE, ",".join((*sorted(heavy), "rowbatch.steps.drive"))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["200", "True"]


def test_importing_the_package_imports_nothing_heavy():
    """
    `import rowbatch` costs nothing until a function is used.
    """
    program = "import sys, rowbatch; print(*(n for n in sys.argv[1].split(',') if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, ",".join(HEAVY)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["status", "posts"],
        ["log", "posts"],
        ["status", "posts", "--json"],
        ["run", "no.csv", "--text", "a", "--labels", "a,b"],
        ["convert", "no.csv", "--text", "a", "--model", "m", "-o", "a.jsonl"],
    ],
)
def test_a_look_at_a_run_imports_nothing_heavy(arguments, run_of_three, monkeypatch):
    """
    How a run stands is there at once, and so is the word about a table that is not: neither reads tables,
    checks codebooks, or drives runs.
    """
    monkeypatch.chdir(run_of_three)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join((*HEAVY, "rowbatch.steps.drive")), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    told = done.stderr.splitlines()[-1]
    assert told == ("3" if "no.csv" in arguments else "0"), done.stderr
    assert "no.csv does not exist" in done.stderr if "no.csv" in arguments else done.stdout


COUNTS = """
import gc, sys
import rowbatch.__main__ as program
try:
    program.main()
except SystemExit as end:
    ours = [name for name in sys.modules if name.partition(".")[0] == "rowbatch"]
    looks = sum(one["collections"] for one in gc.get_stats())
    print(end.code, len(ours), looks, file=sys.stderr)
"""


def test_what_a_command_imports_is_counted(run_of_three, monkeypatch):
    """
    How many of our modules come with a command is what its start takes; it grows by design, and not unseen.
    And short commands do not look for garbage in what was imported.
    """
    monkeypatch.chdir(run_of_three)
    convert = ("convert", "posts.csv", "-o", "o.jsonl", "--text", "text", "--model", "m")
    for words, most in ((("--help",), 14), (("status", "posts"), 82), (("list",), 82), (convert, 107)):
        done = subprocess.run(
            [sys.executable, "-c", COUNTS, *words], capture_output=True, text=True, check=True
        )
        code, ours, looks = map(int, done.stderr.splitlines()[-1].split())
        assert code == 0
        assert ours <= most, words
        # A few are those of Python's own start.
        assert looks < 30, words


def test_a_plain_csv_file_brings_no_other_reader(tmp_path):
    """
    What a table is, and whose export, is seen by its first bytes and its header; nothing comes that reads
    another form, knows another program, keeps runs or runs processes. A chat brings who reads it.
    """
    (tmp_path / "t.csv").write_text("id,text\n1,a\n", encoding="utf-8")
    chat = "\n".join(f"01.02.24, 10:0{minute} - Anna: hello" for minute in range(5))
    (tmp_path / "t.txt").write_text(chat + "\n", encoding="utf-8")
    names = [
        *("msgspec", "html.parser", "tomli_w", "rowbatch.store.ledger", "rowbatch.results.workers"),
        *(
            f"rowbatch.tables.{name}"
            for name in ("excel_reader", "statistics_reader", "json_reader", "columnar")
        ),
        *(f"rowbatch.programs.{name}" for name in ("archives", "documents", "doccano", "redcap", "whatsapp")),
    ]
    for name, wanted in (("t.csv", set()), ("t.txt", {"rowbatch.programs.whatsapp", "msgspec"})):
        words = ["convert", str(tmp_path / name), "-o", str(tmp_path / f"{name}.jsonl"), "--text", "text"]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, ",".join(names), *words, "--model", "m"],
            capture_output=True,
            text=True,
            check=True,
        )
        code, *found = done.stderr.splitlines()[-1].split()
        assert code == "0", done.stderr
        assert wanted <= set(found)
        if not wanted:
            assert not found


def test_a_small_convert_checks_no_codebook(tmp_path):
    """
    Whose export a table may be is asked of every program; none of them brings what checks codebooks, which
    takes as long to import as polars.
    """
    (tmp_path / "t.csv").write_text("id,text\n1,a\n", encoding="utf-8")
    words = [
        "convert",
        str(tmp_path / "t.csv"),
        "-o",
        str(tmp_path / "o.jsonl"),
        "--text",
        "text",
        "--model",
        "m",
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "pydantic,numpy,httpx2,stamina,rowbatch.core.codebook", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "0", done.stderr


def test_converting_a_plain_csv_file_needs_no_polars(tmp_path):
    """
    The program brings polars when something of it is wanted first: of a plain CSV file nothing is; Parquet is
    read by it.
    """
    program = (
        "import sys, rowbatch.__main__ as program\n"
        "try:\n    program.main()\n"
        "except SystemExit as end:\n    print(end.code, 'polars.dataframe' in sys.modules, file=sys.stderr)"
    )
    (tmp_path / "t.csv").write_text("id,text\n1,a\n2,b\n", encoding="utf-8")
    words = ["--text", "text", "--model", "m", "-o", str(tmp_path / "o.jsonl")]
    for name, needs_polars in (("t.csv", False), ("t.parquet", True)):
        if needs_polars:
            pl.read_csv(tmp_path / "t.csv").write_parquet(tmp_path / name)
        done = subprocess.run(
            [sys.executable, "-c", program, "convert", str(tmp_path / name), *words, "--overwrite"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.splitlines()[-1] == f"0 {needs_polars}", done.stderr


@pytest.fixture
def run_of_three(tmp_path, monkeypatch):
    """A folder with a run that is built, and knows a codebook of labels; no other run is known."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    (tmp_path / "posts.csv").write_text("id,text\n1,good\n2,bad\n3,so so\n", encoding="utf-8")
    made = rowbatch.create(
        tmp_path / "posts.csv",
        text="text",
        labels=["good", "bad"],
        prompt="How is the mood?",
        provider="openai",
        model="gpt-5-mini",
        run=tmp_path / "rowbatch-runs" / "posts",
    )
    made.build()
    return tmp_path


def test_every_command_explains_itself():
    """
    Each command has a help with at least a sentence, and each option says what it does.
    """
    assert set(app.commands) == {
        *("run", "resume", "status", "list", "demo"),
        *(
            "plan",
            "worker",
            "infer",
            "build",
            "submit",
            "watch",
            "download",
            "collect",
            "export",
            "agreement",
            "sample",
        ),
        *("try", "cancel", "recover", "verify", "log", "clean", "give-up", "disagreements"),
        *("convert", "split", "extract", "check", "estimate", "serve"),
        *("units", "join-units", "agree", "correct", "merge-coders", "compare"),
        *("how-many", "coding", "validate", "distil"),
        *("report", "archive", "rerun", "stability", "specification-curve"),
        *("doctor", "model", "models", "key", "ui", "codebook", "mcp"),
    }
    for name, command in app.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
