"""
saturate, of PyPI, over a server, for `bench_serve.py`: a program of its own, with an environment of its own.

    python benchmarks/saturating.py ADDRESS SLOTS ROWS FOLDER       SLOTS 0: as many as it finds right
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

from saturate import Auto, Fixed, pump


def main() -> None:
    """Ask all rows, and tell rows a second, processor time a row, and the most memory, as JSON."""
    address, slots, rows, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

    def request(row: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": "tiny", "messages": [{"role": "user", "content": row["text"]}]}

    def parse(_: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"answer": answer["choices"][0]["message"]["content"]}

    texts = ((f"r{number}", {"text": f"text number {number} is here"}) for number in range(rows))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    stats = pump(
        texts,
        request,
        parse,
        address,
        folder,
        window=Fixed(slots) if slots else Auto(),
        # A file of ten rows each would be what is measured.
        flush_every=1_000,
    )
    wall_s, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    if (stats.rows_processed, stats.rows_failed) != (rows, 0):
        sys.exit(f"not all rows were answered: {stats}")
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    found = {"rate": rows / wall_s, "cpu_ms": 1000 * cpu_s / rows, "mb": used.ru_maxrss / 1024}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
