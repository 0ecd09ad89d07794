"""What came for a shard, judged by all that is known without its table: the codebook, and what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rowbatch.core.findings import Findings
from rowbatch.core.template import Template
from rowbatch.results.findings import asked_requests, findings_of
from rowbatch.results.lines import LineReader, Lines
from rowbatch.results.quotes import PlacedQuotes, texts_of_requests


def checked(parts: Iterable[Lines], reader: LineReader, user: Template, requests: Path) -> Iterator[Lines]:
    """
    The same lines; an answer with a quote that is not in the text of its row is invalid.

    Args:
        parts: What came.
        reader: Which read it.
        user: The message of a row.
        requests: The request file of the shard; quotes are not looked up where it is gone.
    """
    quotes = PlacedQuotes(reader.codebook, ()) if reader.codebook is not None else None
    if quotes is None or not quotes.are_there:
        yield from parts
        return
    texts = texts_of_requests(requests, user)
    for part in parts:
        yield Lines(quotes.checked_by_texts(part.frame, texts), part.unreadable)


def inspect(paths: Sequence[Path], requests: Path, reader: LineReader, user: Template) -> Findings:
    """
    Read result files and count.

    Args:
        paths: In OpenAI's form.
        requests: The request file that they answer.
        reader: Of the run.
        user: The message of a row.
    """
    lines = (part for _, part in reader.parts(paths, processes=1))
    return findings_of(checked(lines, reader, user, requests), asked_requests(requests))
