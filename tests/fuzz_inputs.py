"""
Broken tables and broken result files by the thousand: each is a table, or one clear error.

    python tests/fuzz_inputs.py --inputs 10000 --seed 1

Real and made-up inputs are mutated: bytes flipped, cut out, doubled, moved; quotes, delimiters, NUL bytes,
line ends and byte order marks put in; the end cut off. A run prints how many ended in which way, and fails
on anything that is no `RowbatchError`, on a lost row, and on an input that takes longer than ten seconds.
"""

from __future__ import annotations

import argparse
import collections
import csv
import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import BadRows, ReadOptions
from rowbatch.errors import RowbatchError
from rowbatch.programs.opening import open_table
from rowbatch.providers.catalog import find_provider
from rowbatch.tables import csv_fast, csv_reader
from rowbatch.tables.base import BadRowList, TableChunk
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tools.check import check
from rowbatch.tools.extract import extract

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
_MODES: tuple[BadRows, ...] = ("stop", "keep", "skip")
_ENCODINGS = (None, "utf-8", "latin-1", "cp1252", "gb18030", "utf-16", "shift_jis")
_PIECES = (
    b'"',
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\\",
    b"{",
    b"}",
)
_MOST_S = 10.0


def tables() -> list[bytes]:
    """Whole tables to begin with."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "post", "note"])
    for number in range(60):
        writer.writerow([f"{number:03}", f'say "{number}",\nand é 中 🙂', "NA" if number % 3 else ""])
    plain = text.getvalue()
    found = [
        plain.encode(),
        plain.encode("utf-16"),
        plain.replace("\r\n", "\n").encode(),
        b"post\n" + b"x\n" * 50,
    ]
    found.append(plain.encode("gb18030", "replace"))
    if SHARED.is_dir():
        for name in ("politeness_gpt4o.csv", "sms_spam_latin1.csv"):
            found.append((SHARED / name).read_bytes()[:20_000])
    return found


def results() -> list[bytes]:
    """Whole result files to begin with."""
    lines = []
    for number in range(1, 40):
        body = {"choices": [{"message": {"content": f'{{"label": "é{number}"}}'}, "finish_reason": "stop"}]}
        response = {"status_code": 200 if number % 5 else 500, "body": body}
        lines.append(json.dumps({"custom_id": f"row-{number}", "response": response, "error": None}))
    found = [("\n".join(lines) + "\n").encode()]
    if SHARED.is_dir():
        found += [path.read_bytes()[:60_000] for path in sorted(SHARED.glob("batch/*/output.jsonl"))]
    return found


def requests() -> list[bytes]:
    """Whole batch files to begin with."""
    lines = []
    for number in range(1, 40):
        body = {"model": "gpt-5", "messages": [{"role": "user", "content": f"é {number}"}]}
        request = {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body,
        }
        lines.append(json.dumps(request, ensure_ascii=bool(number % 2)))
    found = [("\n".join(lines) + "\n").encode()]
    if SHARED.is_dir():
        found += [path.read_bytes()[:60_000] for path in sorted(SHARED.glob("batch/*/input.jsonl"))]
    return found


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The input with some things done to it."""
    content = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        if not content:
            break
        at = draw.randrange(len(content))
        match draw.randrange(6):
            case 0:
                content[at] ^= 1 << draw.randrange(8)
            case 1:
                del content[at : at + draw.choice((1, 2, 20, 500))]
            case 2:
                content[at:at] = content[at : at + draw.choice((1, 30, 300))]
            case 3:
                content[at:at] = draw.choice(_PIECES) * draw.choice((1, 1, 2, 50))
            case 4:
                del content[at:]
            case _:
                other = draw.randrange(len(content))
                content[at : at + 40] = content[other : other + 40]
    return bytes(content)


def read_table(path: Path, draw: random.Random) -> str:
    """Read a mutated table, by both readers; says how it ended."""
    mode, encoding = draw.choice(_MODES), draw.choice(_ENCODINGS)
    table = open_table(path, ReadOptions(encoding=encoding, on_bad_rows=mode))
    assert isinstance(table, CsvTable)
    most = draw.choice((1, 7, 20_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "_MIN_FAST_BYTES", 0)
        patch.setattr(csv_fast, "_BLOCK_BYTES", draw.choice((300, 1 << 20)))
        both = _rows(table.chunks(most), len(table.header))
    bad_rows, table.bad_rows = table.bad_rows, BadRowList()
    careful = _rows(table.careful_chunks(), len(table.header))
    if isinstance(both, RowbatchError):
        # That there are no rows is said by `chunks`.
        assert str(careful) in (str(both), "[]")
        raise both
    assert both == careful
    assert bad_rows == table.bad_rows
    assert mode != "stop" or bad_rows.count == 0
    return f"table, {mode}" + (", with broken rows" if bad_rows.count else "")


def _rows(chunks: Iterator[TableChunk], width: int) -> list[tuple[str, ...]] | RowbatchError:
    rows: list[tuple[str, ...]] = []
    try:
        for chunk in chunks:
            assert chunk.first_row == len(rows) + 1
            assert chunk.frame.width == width
            assert not any(column.null_count() for column in chunk.frame)
            rows += chunk.frame.rows()
    except RowbatchError as error:
        return error
    return rows


def read_results(path: Path, draw: random.Random) -> str:
    """Join mutated results to a table; every row is there once, whatever happened to them."""
    source, out = path.with_name("t.csv"), path.with_name("o.csv")
    source.write_text("id\n" + "".join(f"{number}\n" for number in range(1, 71)))
    report = extract([path], out, join=source, as_json=draw.random() < 0.5, overwrite=True)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [str(number) for number in range(1, 71)]
    assert {row["status"] for row in rows} <= set(RowStatus)
    assert report.rows == 70
    return "every row once"


def read_requests(path: Path, draw: random.Random) -> str:
    """Check mutated requests, and repair them; nothing is left to repair."""
    first, second = path.with_name("f1.jsonl"), path.with_name("f2.jsonl")
    del draw
    report = check([path], find_provider("openai"), fix=first, count_tokens=False, overwrite=True)
    if first.stat().st_size:
        again = check([first], find_provider("openai"), fix=second, count_tokens=False, overwrite=True)
        assert not again.files[0].fixed
        assert first.read_bytes() == second.read_bytes()
    return "clean" if report.is_clean else "with errors"


KINDS: dict[str, tuple[Callable[[], list[bytes]], str, Callable[[Path, random.Random], str]]] = {
    "tables": (tables, "in.csv", read_table),
    "results": (results, "in.jsonl", read_results),
    "requests": (requests, "in.jsonl", read_requests),
}


def fuzz(kind: str, inputs: int, seed: int) -> collections.Counter[str]:
    """
    Read so many mutated inputs of a kind.

    Returns:
        How they ended.
    """
    make, name, read = KINDS[kind]
    samples, draw = make(), random.Random(seed)
    ends: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        for number in range(inputs):
            path.write_bytes(mutated(draw.choice(samples), draw))
            started = time.perf_counter()
            try:
                ends[read(path, draw)] += 1
            except RowbatchError as error:
                ends[type(error).__name__] += 1
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"rowbatch-fuzz-{kind}-{seed}-{number}"
                kept.write_bytes(path.read_bytes())
                sys.stderr.write(f"input {number} of seed {seed} is kept as {kept}\n")
                raise
            assert time.perf_counter() - started < _MOST_S, f"input {number} took too long"
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description="Read broken inputs by the thousand.")
    parser.add_argument("--inputs", type=int, default=10_000, help="Of each kind.")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for kind in KINDS:
        ends = fuzz(kind, arguments.inputs, arguments.seed)
        sys.stdout.write(f"{kind}: {sum(ends.values()):,}\n")
        for end, count in ends.most_common():
            sys.stdout.write(f"  {count:7,}  {end}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
