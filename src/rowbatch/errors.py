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
    │   ├── RunLocked                 another process is working on it
    │   ├── RunTooNew                 a newer rowbatch wrote it
    │   └── NeedsDecision        10   a person has to say how to go on
    ├── ServiceError              7   a provider or server said no, or cannot be reached
    └── LocalModelError           8   the local model is not installed, or not what it should be

A failed *request* is not an error of this tree: it is data, a row with a status.
"""

from __future__ import annotations

import os


class RowbatchError(Exception):
    """
    What happened, in a sentence (`message`), and what to do next (`hint`).

    Values named in the message are attributes of the error as well.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def call_path(self, path: str, name: str) -> None:
        """Give a path in it the name that people know it by."""
        self.message, self.hint = self.message.replace(path, name), self.hint.replace(path, name)
        self.args = (self.message,)
        if getattr(self, "path", None) == path:
            self.path = name


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
        message: str,
        *,
        path: str,
        line: int | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line
        self.row = row
        self.column = column


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
        self, message: str, *, path: str = "", line: int | None = None, field: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line
        self.field = field


class RequestTooLarge(InputError):
    """
    A single request does not fit any shard.

    Attributes:
        row: The row, from 1.
        size_bytes: Bytes of its request line, newline included.
        max_bytes: The limit per file.
    """

    def __init__(self, row: int, size_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"row {row:,} makes a request of {size_bytes:,} bytes; at most {max_bytes:,} fit in one file",
            hint="shorten the text, or leave the row out",
        )
        self.row = row
        self.size_bytes = size_bytes
        self.max_bytes = max_bytes


class OutputExists(RowbatchError):
    """
    Something would be overwritten.

    Attributes:
        path: What is there already.
    """

    exit_code = 4

    def __init__(self, path: str, *, hint: str = "give --overwrite to replace it, or another name") -> None:
        super().__init__(f"{path} exists already", hint=hint)
        self.path = path


class StorageError(RowbatchError):
    """
    The disk is full, or refuses to read or write.

    Attributes:
        path: The file or folder that was being used.
    """

    exit_code = 5

    def __init__(self, message: str, *, path: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class RunError(RowbatchError):
    """
    A run directory cannot be used as asked.

    Attributes:
        path: The run directory.
    """

    exit_code = 6

    def __init__(self, message: str, *, path: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


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
    """

    exit_code = 7

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        hint: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed later: no answer, too many calls, a fault of the server."""
        return self.status is None or self.status in (408, 409, 425, 429) or self.status >= 500


class LocalModelError(RowbatchError):
    """The local model is not installed, or is not what it should be."""

    exit_code = 8


def from_os_error(error: OSError, path: str) -> RowbatchError:
    """
    Translate what the operating system said about `path` into an error of this tree.

    Called where a file is opened or written, so that no traceback reaches a user.
    """
    import errno
    import re

    if error.errno is None:
        # polars says the number in its text only.
        told = re.search(r"\(os error (\d+)\)", str(error))
        if told:
            error = OSError(int(told.group(1)), os.strerror(int(told.group(1))))
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path} does not exist", hint="check the name and the folder")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path} is a folder, not a file", hint="name a file inside it")
    if isinstance(error, PermissionError):
        return StorageError(f"no permission to use {path}", path=path, hint="check who owns it")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"no space left on the disk while writing {path}",
            path=path,
            hint="free some space and run the same command again; nothing already written is lost",
        )
    return StorageError(f"{path}: {error.strerror or error}", path=path)
