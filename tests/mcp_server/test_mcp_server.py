"""The server for assistants, asked by the official client: what it says, and what it keeps to itself."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import rowbatch
from rowbatch.api import look_at_table
from rowbatch.cli.app import run_command_line
from serving import scripted_local_model

SECRET = "My name is Ann Example and I was fired"
KEY = "sk-notebook-0123456789abcdef"
READS = {"list_runs", "run_status", "check_table", "check_codebook", "estimate_cost"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a table, codebooks and a run that is done; and things that lie elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        tmp_path = tmp_path_factory.mktemp("assistant")
        patch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
        patch.setenv("OPENAI_API_KEY", KEY)
        yield made(tmp_path, patch)


def made(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "posts.csv").write_text(f"id,post\n1,{SECRET}\n2,{SECRET} too\n3,\n", encoding="utf-8")
    long = f"{SECRET}, and that was not all of it by far, says she"
    (folder / "bare.csv").write_text(f'"{long}",1\nb,2\n', encoding="utf-8")
    (folder / "bare.txt").write_text(
        f"{SECRET}, and that was not all of it by far, says she\n", encoding="utf-8"
    )
    (folder / "bare-short.txt").write_text(f"Anna: {SECRET}\nBen: why?\n", encoding="utf-8")
    (folder / "titled.txt").write_text(f"{SECRET[:11]}\nI was fired.\n", encoding="utf-8")
    (folder / "chinese.txt").write_text("安娜：我被解雇了，没有理由。\n本：为什么？\n", encoding="utf-8")
    (folder / "short.csv").write_text("Ann,Berlin,fired\nBen,Paris,hired\n", encoding="utf-8")
    (folder / ".env").write_text(f"OPENAI_API_KEY={KEY}\nOTHER=1\n", encoding="utf-8")
    (folder / "server.key").write_text(f"{KEY}\n{KEY}\n", encoding="utf-8")
    (folder / "keys.csv").write_text(f"name,{KEY}\nx,1\n", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "notes.csv").write_text(f"{SECRET},b\n1,2\n", encoding="utf-8")
    (folder / "texts.json").write_text(json.dumps([SECRET, "x"]), encoding="utf-8")
    (folder / "texts.yaml").write_text(f"variables:\n  - name: {SECRET}\n", encoding="utf-8")
    (folder / "mood.yaml").write_text(
        "instructions: How is the mood?\nvariables:\n  - name: mood\n    labels:\n      - name: good\n"
        "      - name: bad\n",
        encoding="utf-8",
    )
    (tmp_path / "elsewhere.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with scripted_local_model(tmp_path / "server"):
        run = rowbatch.create("posts.csv", text="post", labels=["good", "bad"], prompt="?", variable="mood")
        run.resume()
    return folder


def talk(folder, calls, *options):
    """Start the real program, call its tools, and return what they are and what they said."""

    async def asked():
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "rowbatch", "mcp", "--folder", str(folder), *options],
            env=dict(os.environ),
        )
        async with Client(stdio_client(server)) as client:
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(asked())


def told(result):
    """What a call said, in words; it is no error."""
    assert not result.is_error, result.content[0].text
    return result.structured_content


def test_an_assistant_is_told_of_runs_tables_and_prices(workplace):
    """
    Every tool reads and says so; money, states and names of columns are told. No cell, no key.
    """
    before = {path: path.read_bytes() for path in workplace.rglob("*") if path.is_file()}
    estimate = {"table": "posts.csv", "text": "post", "provider": "openai", "model": "gpt-4o-mini"}
    tools, results = talk(
        workplace,
        [
            ("list_runs", {}),
            ("run_status", {"run": "posts"}),
            ("check_table", {"path": "posts.csv"}),
            ("check_codebook", {"path": "mood.yaml"}),
            ("estimate_cost", {**estimate, "codebook": "mood.yaml"}),
        ],
    )
    assert {tool.name for tool in tools} == READS
    assert all(tool.annotations.read_only_hint for tool in tools)
    runs, status, table, codebook, cost = map(told, results)
    assert [(one["run"], one["state"], one["labelled"]) for one in runs["runs"]] == [
        ("posts", "collected", 2)
    ]
    assert status["rows_by_status"] == {"ok": 2, "skipped": 1}
    assert (table["rows"], table["columns"], table["format"]) == (3, ["id", "post"], "csv")
    assert codebook["variables"] == [{"name": "mood", "kind": "label"}]
    assert codebook["instructions"].startswith("How is the mood?")
    assert (cost["rows"], cost["to_ask"], cost["without_a_text"]) == (3, 2, 1)
    assert 0 < float(cost["low_usd"]) <= float(cost["likely_usd"]) <= float(cost["high_usd"])
    assert cost["texts_go_to"] == "https://api.openai.com/v1"
    everything = "".join(result.model_dump_json() for result in results)
    assert "Ann Example" not in everything
    assert KEY not in everything
    # Nothing is written, and no run is made.
    assert {path: path.read_bytes() for path in workplace.rglob("*") if path.is_file()} == before
    assert len(rowbatch.list_runs()) == 1


REFUSED = [
    ("check_table", {"path": "../elsewhere.csv"}, "looks at no other files"),
    ("check_table", {"path": "s3://bucket/posts.csv"}, "looks at no other files"),
    ("check_table", {"path": "none.csv"}, "does not exist"),
    ("check_table", {"path": "titled.txt"}, "running text"),
    ("check_table", {"path": ".env"}, "not named as a table"),
    ("check_table", {"path": "./.env"}, "not named as a table"),
    ("check_table", {"path": "server.key"}, "not named as a table"),
    ("check_table", {"path": ".git/notes.csv"}, "not named as a table"),
    ("check_table", {"path": "posts\0.csv"}, "not named as a table"),
    ("estimate_cost", {"table": ".env", "text": "id", "provider": "openai"}, "not named as a table"),
    ("check_codebook", {"path": "posts.csv"}, "no codebook in YAML"),
    ("check_codebook", {"path": "texts.json"}, "no codebook in YAML"),
    ("check_codebook", {"path": "texts.yaml"}, "…"),
    ("run_status", {"run": "nobody"}, "no run of this computer"),
    ("estimate_cost", {"table": "posts.csv", "text": "id", "provider": "nobody"}, "nobody"),
    ("labelled_rows", {"run": "posts"}, "labelled_rows"),
]


def test_what_it_refuses_has_no_cell_in_it(workplace):
    """
    Other folders, files that may hold people's texts, and rows: each is refused in words that repeat only
    what the question said. Where the first row stands for names, a long one is counted and not told.
    """
    bare, keys = ("check_table", {"path": "bare.csv"}), ("check_table", {"path": "keys.csv"})
    refused = [(name, words) for name, words, _ in REFUSED]
    _, [headless, keyed, *results] = talk(workplace, [bare, keys, *refused])
    assert told(headless)["columns"] == ["(column 1)", "(column 2)"]
    assert told(headless)["names"].startswith("not told")
    assert told(keyed)["columns"] == ["name", "(a name that looks like a key)"]
    for (_, _, words), result in zip(REFUSED, results, strict=True):
        said = result.content[0].text
        assert result.is_error
        assert words in said
        assert "Ann Example" not in said
        assert KEY not in said
        assert "解雇" not in said
        assert "Traceback" not in said


def test_a_first_line_that_may_be_a_row_is_not_told(workplace):
    """
    Short cells look as names do: they are told as such where something shows that they are. Of one text there
    is no first line.
    """
    texts = ["bare.txt", "bare-short.txt", "chinese.txt"]
    _, [short, *documents] = talk(
        workplace, [("check_table", {"path": name}) for name in ["short.csv", *texts]]
    )
    assert (told(short)["columns"], told(short)["rows"]) == (["(column 1)", "(column 2)", "(column 3)"], 1)
    for document in documents:
        assert (told(document)["columns"], told(document)["rows"]) == (["file", "text"], 1)
    _, [allowed] = talk(workplace, [("check_table", {"path": "short.csv"})], "--allow-rows")
    assert told(allowed)["columns"] == ["Ann", "Berlin", "fired"]


def test_rows_are_shown_where_their_owner_allows_it(workplace):
    """
    With `--allow-rows` there is a tool for it, with a limit, and it says where the texts are now.
    """
    tools, results = talk(
        workplace,
        [
            ("labelled_rows", {"run": "posts", "first": 2, "count": 1}),
            ("labelled_rows", {"run": "posts", "count": 51}),
        ],
        "--allow-rows",
    )
    assert {tool.name for tool in tools} == READS | {"labelled_rows"}
    rows = told(results[0])
    assert [row["post"] for row in rows["rows"]] == [f"{SECRET} too"]
    assert rows["rows_in_all"] == 3
    assert "provider" in rows["note"]
    assert results[1].is_error


def test_without_its_package_it_says_what_to_install(workplace):
    """
    Who has only rowbatch is told of the extra, on stderr and not by a traceback.
    """
    program = (
        "import sys; sys.modules['mcp'] = None\n"
        "from rowbatch.cli.app import run_command_line\n"
        "sys.exit(run_command_line(['mcp']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert 'pip install "rowbatch[mcp]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_is_refused(capsys):
    """
    Nothing is served then.
    """
    assert run_command_line(["mcp", "--folder", "/no/such/folder"]) == 2
    assert "/no/such/folder" in capsys.readouterr().err


def test_a_table_is_looked_at(workplace):
    """
    `look_at_table` counts rows and names columns.
    """
    found = look_at_table(Path("posts.csv"))
    assert (found.rows, found.columns, found.bad_rows) == (3, ("id", "post"), 0)
    assert "rows" in repr(found)
