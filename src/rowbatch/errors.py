"""
Every error that rowbatch raises on purpose.

    RowbatchError                 exit code
    ├── UsageError                2   the command or call does not fit together
    ├── InputError                3   a file that was given cannot be used
    │   ├── TableError                a table: where (line, row, column) and what
    │   │   └── CannotHold            the format of the output has no place for it
    │   ├── CodebookError             a codebook: where (line, field) and what
    │   └── RequestTooLarge           one row makes a request that no shard can hold
    ├── OutputExists              4   something would be overwritten
    ├── StorageError              5   the disk is full, or refuses to read or write
    ├── RunError                  6   a run directory cannot be used as asked
    │   ├── TableChanged              its table is not what it was when the run was made
    │   ├── RunLocked                 another process is working on it
    │   ├── RunTooNew                 a newer rowbatch wrote it
    │   └── NeedsDecision        10   a person has to say how to go on
    ├── ServiceError              7   a provider or server said no, or cannot be reached
    └── LocalModelError           8   the local model is not installed, or not what it should be

A failed *request* is not an error of this tree: it is data, a row with a status.

An error carries a kind and values; its words, for each face and language, are the entry of that kind in
`words/`. Whoever has to act on an error looks at its class, its kind and its values, and never at its words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from rowbatch.words.masking import masked, masked_value
from rowbatch.words.notice import Notice
from rowbatch.words.telling import Face, Language, Telling, tell

RefusalKind = Literal[
    "queue-full",
    "too-large",
    "file-lost",
    "unpaid",
    "model-unknown",
    "key-refused",
    "busy",
    "no-answer",
    "unreadable",
    "other",
]
"""Why a provider does not do what it is asked, as `providers/` reads it from its codes and words."""


class RowbatchError(Exception):
    """
    What happened, and what to do next.

    Args:
        kind: A key of `words.entries`.
        values: What its words name; a secret of this program is masked in them.

    Attributes:
        instead: What to do next in the place of what its words say, because something was done meanwhile.
    """

    exit_code = 1

    def __init__(self, kind: str, /, **values: Any) -> None:
        super().__init__(kind)
        self.kind, self.values = kind, masked_value(values)
        self.instead: Notice | None = None
        self._notes: list[str] | None = None

    @classmethod
    def of(cls, notice: Notice) -> Self:
        """The error that was kept as its notice."""
        return cls(notice.kind, **notice.values)

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """What happened, in an English sentence for the command line and for Python."""
        return self.told().message

    @property
    def hint(self) -> str:
        """What to do next there, or ""."""
        return self.told().hint

    @property
    def __notes__(self) -> list[str]:
        """What stands below the message where Python shows the error, as in a notebook: the hint."""
        if self._notes is None:
            hint = self.told("python").hint
            self._notes = [f"hint: {hint}"] if hint else []
        return self._notes

    @__notes__.setter
    def __notes__(self, notes: list[str]) -> None:
        self._notes = notes

    @property
    def notice(self) -> Notice:
        """What happened, as it can be kept and told later."""
        return Notice(self.kind, self.values)

    def told(self, face: Face = "terminal", language: Language = "en") -> Telling:
        """Message and hint, in the words of a face; in English where nothing else is said."""
        told = tell(self.kind, self.values, face, language)
        if self.instead is not None:
            return Telling(told.message, self.instead.told(face, language))
        return told

    def document(self) -> dict[str, Any]:
        """Kind and values, for a process that is told of it as JSON."""
        return {"kind": self.kind, "values": masked_value(self.values)}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """What `document` was of."""
        return cls(document["kind"], **document["values"])

    def call_path(self, path: str, name: str) -> None:
        """Give a path in it the name that people know it by."""
        self.values = {
            key: value.replace(path, name) if isinstance(value, str) else value
            for key, value in self.values.items()
        }
        if isinstance(told := getattr(self, "path", None), str):
            self.path = told.replace(path, name)

    def __reduce__(self) -> tuple[Any, ...]:
        # Some cross from a process that reads results to the one that waits for them.
        return _again, (type(self), self.__dict__)


def _again(kind_of: type[RowbatchError], state: dict[str, Any]) -> RowbatchError:
    error = kind_of.__new__(kind_of, state["kind"])
    error.__dict__.update(state)
    return error


class UsageError(RowbatchError):
    """The command or call does not fit together."""

    exit_code = 2


class InputError(RowbatchError):
    """A file that was given cannot be used."""

    exit_code = 3


class TableError(InputError):
    """
    A table cannot be read.

    Attributes:
        path: The table's file.
        line: Line of the file, from 1, or None.
        row: Row of the table, from 1, header not counted, or None.
        column: Name of the column, or None.
    """

    def __init__(
        self,
        kind: str,
        /,
        *,
        path: str,
        line: int | None = None,
        row: int | None = None,
        column: str | None = None,
        **values: Any,
    ) -> None:
        super().__init__(kind, path=path, line=line, row=row, column=column, **values)
        self.path, self.line, self.row, self.column = path, line, row, column


class CannotHold(TableError):
    """
    The format of the output has no place for what the table holds; `path` is the output.

    Attributes:
        row: Row of the table, from 1, or None where the column as a whole is meant.
    """


class CodebookError(InputError):
    """
    A codebook is broken.

    Attributes:
        path: The codebook's file, or "" when it did not come from a file.
        line: Line of the file, from 1, or None.
        field: The field, as in `variables[0].labels[2].name`, or "".
    """

    def __init__(
        self, kind: str, /, *, path: str = "", line: int | None = None, field: str = "", **values: Any
    ) -> None:
        super().__init__(kind, path=path, line=line, field=field, **values)
        self.path, self.line, self.field = path, line, field


class RequestTooLarge(InputError):
    """
    A single request does not fit any shard.

    Attributes:
        row: The row, from 1.
        size_bytes: Bytes of its request line, newline included.
        max_bytes: The limit per file.
    """

    def __init__(self, row: int, size_bytes: int, max_bytes: int) -> None:
        super().__init__("request-too-large", row=row, size_bytes=size_bytes, max_bytes=max_bytes)
        self.row, self.size_bytes, self.max_bytes = row, size_bytes, max_bytes


class OutputExists(RowbatchError):
    """
    Something would be overwritten.

    Attributes:
        path: What is there already.
    """

    exit_code = 4

    def __init__(self, path: str, *, kind: str = "output-exists", **values: Any) -> None:
        super().__init__(kind, path=path, **values)
        self.path = path


class StorageError(RowbatchError):
    """
    The disk is full, or refuses to read or write.

    Attributes:
        path: The file or folder that was being used.
    """

    exit_code = 5

    def __init__(self, kind: str, /, *, path: str, **values: Any) -> None:
        super().__init__(kind, path=path, **values)
        self.path = path


class RunError(RowbatchError):
    """
    A run directory cannot be used as asked.

    Attributes:
        path: The run directory.
    """

    exit_code = 6

    def __init__(self, kind: str, /, *, path: str, **values: Any) -> None:
        super().__init__(kind, path=path, **values)
        self.path = path


class TableChanged(RunError):
    """The table of a run is not what it was when the run was made."""


class RunLocked(RunError):
    """Another process is working on the run."""


class RunTooNew(RunError):
    """A newer rowbatch wrote the run."""


class NeedsDecision(RunError):
    """A person has to say how to go on: whether a lost call is made again, or whether more is spent."""

    exit_code = 10


class ServiceError(RowbatchError):
    """
    A provider or server said no, or cannot be reached.

    Attributes:
        status: HTTP status code, or None when there was no answer.
        code: The service's own error code, or "".
        retry_after_s: Seconds that the service asks to wait, or None.
        refusal: Why it refused; `other` also where it did not.
    """

    exit_code = 7

    def __init__(
        self,
        kind: str,
        /,
        *,
        status: int | None = None,
        code: str = "",
        retry_after_s: float | None = None,
        refusal: RefusalKind = "other",
        **values: Any,
    ) -> None:
        super().__init__(kind, status=status, code=code, **values)
        self.status, self.retry_after_s, self.refusal = status, retry_after_s, refusal
        self.code = masked(code)

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed later: no answer, too many calls, a fault of the server."""
        if self.refusal in ("unpaid", "unreadable"):
            # Several say the first with 429, as if waiting would help; the second was asked several times.
            return False
        return self.status is None or self.status in (408, 409, 425, 429) or self.status >= 500


class LocalModelError(RowbatchError):
    """The local model is not installed, or is not what it should be."""

    exit_code = 8


# An address of an object, also where it was made a path, which makes one of two slashes.
# A path has one of the two slashes of an address.
_WEB = re.compile(r"(?P<scheme>https?|ftp):/{1,2}(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
_GOOGLE_SHEETS = "docs.google.com/spreadsheets"
_OBJECT = re.compile(r"(?:s3|gs|az):/", re.IGNORECASE)


def from_os_error(error: OSError, path: str) -> RowbatchError:
    """
    Translate what the operating system said about `path` into an error of this tree.

    Called where a file is opened or written, so that no traceback reaches a user.
    """
    import errno

    if error.errno is None:
        # polars says the number in its text only.
        told = re.search(r"\(os error (\d+)\)", str(error))
        if told:
            error = OSError(int(told.group(1)), os.strerror(int(told.group(1))))
    if isinstance(error, FileNotFoundError) and _OBJECT.match(path):
        return InputError("object-not-here", object=path)
    if isinstance(error, FileNotFoundError) and (found := _WEB.match(path)):
        address = f"{found['scheme']}://{found['rest']}"
        if found["rest"].startswith(_GOOGLE_SHEETS):
            return InputError("path-is-google-sheet", address=address)
        return InputError("path-is-web-address", address=address)
    if isinstance(error, FileNotFoundError):
        return InputError("path-missing", path=path)
    if isinstance(error, IsADirectoryError):
        return InputError("path-is-folder", path=path)
    if isinstance(error, PermissionError):
        return StorageError("no-permission", path=path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("disk-full", path=path)
    return StorageError("disk-refuses", path=path, told=str(error.strerror or error))
