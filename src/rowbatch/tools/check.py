"""`check`: look at batch files before money is spent, and put right what is safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rowbatch.core.document import Shown
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.lint import (
    OPENAI_URLS,
    LineRules,
    endpoint_of,
    has_line_separator,
    line_problems,
    mended_line,
)
from rowbatch.core.model_rules import parameter_problems
from rowbatch.core.problem import FileState, Problem
from rowbatch.core.tokens import prompt_tokens, token_counter
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.providers.batch_lines import request_id
from rowbatch.providers.catalog import Provider, find_family, find_model
from rowbatch.store.atomic import atomic_path, require_free
from rowbatch.tables.compressed import open_binary
from rowbatch.tools.json_document import require_lines

_MOST_SHOWN = 20
_MOST_LOOKED_UP = 200


@dataclass(slots=True)
class FileCheck:
    """
    What was found in a file.

    Attributes:
        path: The file.
        lines, size_bytes: Of it.
        models, urls: With how many requests each.
        codes: How often each problem was found.
        errors, warnings: Sums of these.
        problems: The first of each code.
        prompt_tokens: Of all requests, or None when they were not counted exactly.
        fixed: What was put right in the copy, with how often; the line numbers are those of `problems`.
        left: Errors that the copy still has, with how often: it cannot run as it is.
    """

    path: Path
    lines: int = 0
    size_bytes: int = 0
    models: dict[str, int] = field(default_factory=dict)
    urls: dict[str, int] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    warnings: int = 0
    problems: list[Problem] = field(default_factory=list)
    prompt_tokens: int | None = None
    fixed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it if it is one of the first."""
        self.codes[problem.code] += 1
        if problem.severity == "error":
            self.errors += 1
        else:
            self.warnings += 1
        if self.codes[problem.code] <= _MOST_SHOWN:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True, repr=False)
class CheckReport(Shown):
    """
    What was found.

    Attributes:
        files: Each.
        fixed_copy: The repaired copy, or None. What still keeps it from running is `left` of its file.
    """

    files: tuple[FileCheck, ...]
    fixed_copy: Path | None

    @property
    def is_clean(self) -> bool:
        """Whether no file has an error. Warnings may be there."""
        return not any(file.errors for file in self.files)


def check(
    files: Sequence[Path],
    provider: Provider,
    *,
    fix: Path | None = None,
    count_tokens: bool = True,
    overwrite: bool = False,
) -> CheckReport:
    """
    Look at every line of batch files.

    Args:
        files: JSONL files of requests.
        provider: Whose limits count.
        fix: Where a repaired copy goes; for one file.
        count_tokens: Whether to count the tokens, where that can be done exactly.
        overwrite: Whether `fix` may be replaced.
    Raises:
        InputError: A file is not there.
        OutputExists, StorageError: The copy cannot be written.
        UsageError: A copy is wanted of several files.
    """
    if fix is not None and len(files) != 1:
        raise UsageError("copy-of-one-file")
    if fix is not None:
        if fix.exists() and files[0].exists() and fix.samefile(files[0]):
            raise UsageError("file-would-be-its-copy", path=str(fix))
        require_free(fix, overwrite=overwrite)
    found = []
    ids: dict[int, tuple[int, int]] = {}
    with ExitStack() as outputs:
        copy: IO[bytes] | None = None
        if fix is not None:
            temporary = outputs.enter_context(atomic_path(fix, overwrite=overwrite))
            copy = outputs.enter_context(temporary.open("wb"))
        for number, path in enumerate(files):
            found.append(_FileReader(path, provider, ids, number, count_tokens=count_tokens).read(copy))
    return CheckReport(tuple(found), fix)


class _FileReader:
    def __init__(
        self,
        path: Path,
        provider: Provider,
        ids: dict[int, tuple[int, int]],
        file_number: int,
        *,
        count_tokens: bool,
    ) -> None:
        self._path, self._provider = path, provider
        # 64 bits of an id with its file and line: about 150 bytes a request, whatever its length.
        self._ids, self._file_number = ids, file_number
        self._count_tokens = count_tokens
        self._rules = line_rules(provider)
        self._state = FileState()
        self._found = FileCheck(path)
        self._counts: dict[str, int] = {}
        self._looked_up = 0

    def read(self, copy: IO[bytes] | None) -> FileCheck:
        found = self._found
        require_lines(self._path)
        try:
            with open_binary(self._path) as file:
                for line in file:
                    found.lines += 1
                    found.size_bytes += len(line)
                    problems = list(self._line(line, found.lines))
                    for problem in problems:
                        found.add(problem)
                    if copy is not None:
                        self._write(copy, line, problems)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        if not found.lines:
            raise InputError("file-empty", path=str(self._path))
        found.models, found.urls = self._state.models, self._state.urls
        for problem in self._limits():
            found.add(problem)
            if copy is not None:
                found.left[problem.code] += 1
        return found

    def _write(self, copy: IO[bytes], line: bytes, problems: Sequence[Problem]) -> None:
        fixable = [problem for problem in problems if problem.is_fixable]
        if any(problem.code == "duplicate_line" for problem in fixable):
            mended = None
        else:
            mended = mended_line(line, fixable) if fixable else line
        self._found.fixed.update(problem.code for problem in fixable)
        self._found.left.update(
            problem.code for problem in problems if problem.severity == "error" and not problem.is_fixable
        )
        if mended is not None:
            copy.write(mended)

    def _line(self, line: bytes, number: int) -> Iterator[Problem]:
        problems, request = line_problems(line, number, self._state, self._rules)
        yield from problems
        if has_line_separator(line):
            message = "U+2028, U+2029 or U+0085 in it: some programs cut it there"
            yield Problem(number, "line_separator", message, "warning", is_fixable=request is not None)
        if len(line) > self._provider.max_line_bytes:
            yield Problem(
                number,
                "line_too_long",
                f"{len(line):,} bytes; a line of {self._provider.title} has at most "
                f"{self._provider.max_line_bytes:,}",
            )
        if request is None:
            return
        is_gemini, is_anthropic = (self._rules.dialect == name for name in ("gemini", "anthropic"))
        yield from self._id_problems(request.get("key" if is_gemini else "custom_id"), line, number)
        body, url = request.get("params" if is_anthropic else "body"), request.get("url")
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            known = find_model("", body["model"])
            endpoint = Endpoint.CHAT if is_anthropic else endpoint_of(url if isinstance(url, str) else None)
            if known and endpoint:
                for problem in parameter_problems(known.rules, endpoint, body):
                    yield Problem(number, "unsupported_parameter", problem)
            family = find_family("", body["model"]) if known is None else None
            if family and endpoint:
                for problem in parameter_problems(family[1], endpoint, body):
                    told = f"{problem}, if it is like the other {family[0]} models"
                    yield Problem(number, "parameter_of_family", told, "warning")
            if known and known.encoding and self._count_tokens:
                self._add_tokens(body, known.encoding)

    def _add_tokens(self, body: dict[str, Any], encoding: str) -> None:
        counter = token_counter(encoding)
        if not counter.is_exact:
            return

        def count(text: str) -> int:
            found = self._counts.get(text)
            if found is None:
                found = counter.count(text)
                if len(self._counts) < 1_000:
                    self._counts[text] = found
            return found

        try:
            self._found.prompt_tokens = (self._found.prompt_tokens or 0) + prompt_tokens(body, count)
        except (UnicodeError, TypeError):
            # Half a surrogate pair, for example, which is a problem of its own.
            return

    def _id_problems(self, custom_id: object, line: bytes, number: int) -> Iterator[Problem]:
        if not isinstance(custom_id, str) or not custom_id:
            return
        if len(custom_id) > self._provider.custom_id_chars:
            yield Problem(
                number,
                "custom_id_too_long",
                f"custom_id has {len(custom_id):,} characters, and {self._provider.title} is known to take "
                f"{self._provider.custom_id_chars}",
                "warning",
            )
        before = self._ids.setdefault(hash(custom_id), (self._file_number, number))
        if before == (self._file_number, number):
            return
        if before[0] != self._file_number:
            yield Problem(
                number,
                "id_in_another_file",
                f"custom_id {custom_id[:40]!r} is in another of these files too: answers will be mixed up",
                "warning",
            )
            return
        same = self._line_at(before[1])
        if same and request_id(same) != custom_id:
            return
        if same.rstrip(b"\r\n") == line.rstrip(b"\r\n"):
            yield Problem(
                number,
                "duplicate_line",
                f"the same line as line {before[1]:,}, with its custom_id",
                is_fixable=True,
            )
        else:
            yield Problem(
                number,
                "duplicate_custom_id",
                f"custom_id {custom_id[:40]!r} is that of line {before[1]:,} too",
            )

    def _line_at(self, number: int) -> bytes:
        """
        Read the file again: is it the same id, or only the same number made of it? Rare enough at first; b""
            when
        it was done so often that the ids are surely the same.
        """
        self._looked_up += 1
        if self._looked_up > _MOST_LOOKED_UP:
            return b""
        with open_binary(self._path) as file:
            for position, line in enumerate(file, start=1):
                if position == number:
                    return line
        return b""

    def _limits(self) -> Iterator[Problem]:
        limits, found = self._provider.limits, self._found
        if found.lines > limits.max_requests:
            yield Problem(
                found.lines,
                "too_many_tasks",
                f"{found.lines:,} lines, and {self._provider.title} takes {limits.max_requests:,} in a file: "
                "rowbatch split cuts it",
            )
        if found.size_bytes > limits.max_bytes:
            yield Problem(
                found.lines,
                "file_too_large",
                f"{found.size_bytes:,} bytes, and {self._provider.title} takes {limits.max_bytes:,} in a "
                "file: rowbatch split cuts it",
            )


def line_rules(provider: Provider) -> LineRules:
    """What a provider takes in a line."""
    prefix = provider.quirks.url_prefix
    urls = tuple(prefix + url.removeprefix("/v1") for url in OPENAI_URLS) + provider.more_urls
    # What an endpoint of the user's own takes, nobody knows.
    return LineRules(provider.title, provider.dialect, () if provider.name == "compatible" else urls)
