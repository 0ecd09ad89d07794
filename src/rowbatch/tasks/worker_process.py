"""
A process of `PoolRunner`: a task comes as a line on its input, and its outcome goes as a line to its output.

It ends with whoever started it, also in the middle of a task, and however that one ends: the end of its input
is seen by a thread of its own.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from dataclasses import asdict
from typing import BinaryIO, NoReturn

from rowbatch.objects.disk import remove_unfinished
from rowbatch.tasks.doing import do_task
from rowbatch.tasks.functions import find_function


def main() -> NoReturn:
    """Do tasks; `_listen` ends the process when nobody asks for more."""
    asked: queue.Queue[bytes] = queue.Queue()
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    most_bytes = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    # Imported once, and counted as what was there before the first task.
    find_function("prepare")
    if most_bytes:
        limit_memory(most_bytes)
    while True:
        question = json.loads(asked.get())
        outcome = do_task(question["function"], question["task"])
        answers.write(json.dumps(asdict(outcome), ensure_ascii=False).encode() + b"\n")


def _listen(lines: BinaryIO, asked: queue.Queue[bytes]) -> None:
    for line in lines:
        asked.put(line)
    # Whoever started this has ended: nobody waits for what is being done.
    remove_unfinished()
    os._exit(0)


def limit_memory(most_bytes: int) -> bool:
    """
    Let this process have no more memory than that: what asks for more fails, and the computer does not swap.

    Args:
        most_bytes: What it may take from now on.
    Returns:
        Whether the system has such a limit.
    Source:
        getrlimit(2): RLIMIT_DATA counts private memory that can be written, since Linux 4.7; RLIMIT_AS also
        what is mapped and never touched, which for polars and its threads is many times more.
    """
    if sys.platform != "linux":
        return False
    import resource

    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no module more than needed
            now = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = now + most_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))
    except (OSError, ValueError, StopIteration):
        return False
    return True


if __name__ == "__main__":
    main()
