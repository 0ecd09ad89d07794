"""What workers on many machines do: the tasks of a planned run, and requests for a model of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.errors import InputError
from rowbatch.objects.address import require_here
from rowbatch.server.local_model import check_local_model
from rowbatch.tasks.array import work as work_on
from rowbatch.tasks.runner import Outcome

if TYPE_CHECKING:
    from rowbatch.tasks.infer import ShardDone


def work(tasks: str | Path, index: int, of: int | None = None) -> Iterator[Outcome]:
    """
    Do the tasks of one element of an array job, on any machine that sees the folder of the run.

    It needs no key, sends nothing, and what is done already is not done again.

    Args:
        tasks: The file with the tasks, as `Run.plan_tasks` wrote it: `RUN/tasks/prepare.jsonl`; or its
            address on object storage.
        index: Which element, from 0.
        of: How many elements there are: each does every so many-th task. None means one task each.
    Yields:
        What became of each task; a failure is kept beside the records, for whoever waits for these.
    Raises:
        UsageError: There is no such element.
        InputError: There is no such file.
    """
    yield from work_on(tasks, index, of)


def infer(
    folder: str | Path,
    *,
    upstreams: Sequence[str] = (),
    output: str | Path | None = None,
    slots: int | None = None,
    answer_limit_s: float | None = None,
    ask_again: bool | None = None,
    stale_s: float = 60.0,
    waits: bool = True,
    on_done: Callable[[ShardDone], None] = lambda _: None,
) -> list[ShardDone]:
    """
    Answer the request files of a folder with a model of your own; on several computers at once, if you like.

    Each file is leased, so that no two workers answer the same one; one whose worker died is taken up where
    it was left. Its results lie under the same name in `output`, in the order of the requests.

    Args:
        folder: With request files (`*.jsonl`), as `convert` writes them.
        upstreams: Servers with OpenAI's protocol that answer, as for `serve`; none means the local model.
        output: Where results go, and what the workers tell each other; None means `results` in the folder.
        slots, answer_limit_s, ask_again: As for `serve`.
        stale_s: A worker that shows no sign of life for so long is taken for dead.
        waits: Also for files that other workers have, in case they die.
        on_done: Called for each file that this worker has completed.
    Returns:
        All files of results that are there at the end.
    Raises:
        InputError: There are no request files, or a line of one is no request; or they are on object storage,
            which has no leases.
        LocalModelError: The local model is wanted and not installed.
        ServiceError: No server can be reached.
        StorageError: The folder cannot be written.
        UsageError: A model is asked that nobody has.
    """
    from rowbatch.tasks.infer import Shard, engine_for, infer_all

    place = require_here(Path(folder))
    shards = [Shard(path.name, path) for path in sorted(place.glob("*.jsonl")) if path.is_file()]
    if not shards:
        raise InputError("no-request-files", path=str(place))
    target = place / "results" if output is None else require_here(Path(output))
    if not upstreams:
        check_local_model()
    engine = engine_for(upstreams, slots=slots, answer_limit_s=answer_limit_s, ask_again=ask_again)
    return infer_all(shards, target, engine, stale_s=stale_s, waits=waits, on_done=on_done)
