"""Corrections by hand."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rowbatch.store.corrections import NAME, CorrectionsReader, add_correction, read_corrections


def test_the_last_word_counts(tmp_path):
    """
    A row may be corrected again, and a correction taken back; the file keeps all of it.
    """
    assert read_corrections(tmp_path) == {}
    add_correction(tmp_path, 7, "topic", "health")
    add_correction(tmp_path, 2, "topic", "other")
    add_correction(tmp_path, 7, "topic", "economy\n\u2028")
    add_correction(tmp_path, 2, "topic", None)
    assert read_corrections(tmp_path) == {7: {"topic": "economy\n\u2028"}}
    assert len((tmp_path / NAME).read_bytes().splitlines()) == 4


def test_a_line_that_was_cut_by_a_crash(tmp_path):
    """
    It is not read, and the next correction begins a line of its own.
    """
    add_correction(tmp_path, 1, "topic", "a")
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"row": 2, "vari')
    add_correction(tmp_path, 3, "topic", "b")
    assert read_corrections(tmp_path) == {1: {"topic": "a"}, 3: {"topic": "b"}}


def noted(path):
    """What a file of corrections says, line by line, from its beginning."""
    found: dict[int, dict[str, str | None]] = {}
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            entry = json.loads(line)
            row, variable, value = entry["row"], entry["variable"], entry["value"]
        except (ValueError, KeyError, TypeError):
            continue
        found.setdefault(row, {})[variable] = value
    held = {row: {k: v for k, v in values.items() if v is not None} for row, values in found.items()}
    return {row: values for row, values in sorted(held.items()) if values}


LINES = st.builds(
    lambda row, variable, value: json.dumps({"row": row, "variable": variable, "value": value}).encode(),
    st.integers(1, 4),
    st.sampled_from(["topic", "tone"]),
    st.sampled_from(["a", "b", None]),
)
STEPS = st.one_of(
    st.tuples(st.just("append"), LINES.map(lambda line: line + b"\n")),
    # A program that writes, or was killed while it did.
    st.tuples(st.just("append"), LINES.map(lambda line: line[:-3])),
    st.tuples(st.just("append"), LINES),
    st.tuples(st.just("append"), st.just(b"\n")),
    st.tuples(st.just("replace"), st.lists(LINES, max_size=4).map(b"\n".join)),
    st.tuples(st.just("write"), st.lists(LINES, max_size=4).map(lambda lines: b"\n".join(lines) + b"\n")),
    st.tuples(st.just("remove"), st.just(b"")),
)


@given(st.lists(STEPS, max_size=12))
def test_whoever_reads_again_and_again_knows_what_the_file_says(steps):
    """
    Also where another program writes just then, was killed, or puts another file in its place; and another
    version means that something else holds.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / NAME
        reader = CorrectionsReader(Path(name))
        seen = {reader.version: reader.read()}
        for how, content in steps:
            if how == "append":
                with path.open("ab") as file:
                    file.write(content)
            elif how == "replace":
                other = path.with_suffix(".other")
                other.write_bytes(content)
                other.replace(path)
            elif how == "write":
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
            held = reader.read()
            assert held == noted(path) == read_corrections(Path(name))
            assert reader.read() is held
            assert seen.setdefault(reader.version, held) is held
