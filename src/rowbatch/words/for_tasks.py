"""Tasks, and what does them."""

from __future__ import annotations

from rowbatch.words.telling import Entry

TASKS: dict[str, Entry] = {
    "no-such-task-function": Entry(
        "no work is called {name!r} here",
        "it knows {known}; the one that wrote the tasks is another version: install the same everywhere",
        page="it knows {known}; the one that wrote the tasks is another version: install the same everywhere",
        zh=(
            "本版本的 rowbatch 不认识名为 {name!r} 的工作",
            "它认识：{known}；写出这些任务的是另一个版本，请在各处安装同一版本",
        ),
    ),
}
