"""What was forgiven of the answers, on the command line."""

from __future__ import annotations

import json

from end_to_end import read_rows, rowbatch, scripted_server, write_table

TEXTS = ["The rent went up again.", "School starts late.", "The train was late."]
OPTIONS = ("--text", "post", "--labels", "good,bad", "--prompt", "How is it?")


def thinks(body) -> str:
    label = "bad" if "rent" in str(body["messages"][-1]["content"]) else "Good"
    return f"<think>\nHm.\n</think>\n\n{json.dumps({'label': label})}"


def test_run_try_collect_and_extract_say_what_was_forgiven(tmp_path):
    """
    Thoughts before the answers cost no row, and each command that reads answers says that there were some.
    """
    home = tmp_path / "home"
    table = write_table(tmp_path / "posts.csv", TEXTS)
    told = "3 answers had thoughts before them"
    with scripted_server(home, thinks):
        done = rowbatch("run", table, *OPTIONS, "-o", "out.csv", home=home, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (file,) = tmp_path.glob("**/results/*.output.jsonl")
        run = file.parents[1]
        tried = rowbatch("try", run, "--rows", "3", home=home, cwd=tmp_path)
        assert (tried.returncode, told in tried.stdout) == (0, True), tried.stderr
    assert told in done.stdout
    assert [row["label"] for row in read_rows(tmp_path / "out.csv")] == ["bad", "good", "good"]
    collected = rowbatch("collect", run, home=home, cwd=tmp_path)
    assert told in collected.stdout
    extracted = rowbatch("extract", file, "-o", "fields.csv", "--fields", home=home, cwd=tmp_path)
    assert told in extracted.stdout
    assert [row["label"] for row in read_rows(tmp_path / "fields.csv")] == ["bad", "Good", "Good"]
    log = rowbatch("log", run, "--json", home=home, cwd=tmp_path)
    assert json.loads(log.stdout)[-1]["detail"]["forgiven"] == {"thoughts": 3}
