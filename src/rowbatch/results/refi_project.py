"""Projects of qualitative analysis (`.qdpx`), written source by source."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rowbatch.core.refi_codebook import Code
from rowbatch.core.refi_files import PROJECT_PART
from rowbatch.core.refi_project import (
    SOURCES_FOLDER,
    PlainText,
    ProjectVariable,
    TextSource,
    project_head,
    source_xml,
)

_COPY_BYTES = 1 << 20
# Only the user may read what comes out of it: texts may be under rules of ethics.
_PERMISSIONS = 0o600 << 16


class ProjectWriter:
    """
    Write a project; a context, and at its end without an error the file is whole.

    Texts go into the archive at once. What is said of them waits in a file beside it that has no name, since
    whoever coded stands before it, and is known only then.

    Attributes:
        changed_texts: So many have other line ends than they had.

    Args:
        path: Of the file; what is there is replaced.
        name: Of the project.
        created_at: When it was coded; aware.
        codes: Those at the top.
        variables: Of its sources.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        created_at: datetime,
        codes: Sequence[Code],
        variables: Sequence[ProjectVariable],
    ) -> None:
        self.changed_texts = 0
        self._path, self._name = path, name
        at = created_at.astimezone(UTC)
        self._created_at = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        # The same run gives the same bytes, whenever it is written; the archive's time begins in 1980.
        self._zip_time = max(
            (at.year, at.month, at.day, at.hour, at.minute, at.second), (1980, 1, 1, 0, 0, 0)
        )
        self._codes, self._variables = codes, variables
        self._users: dict[str, None] = {}
        self._sources = 0
        self._leaving = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as leaving:
            self._archive = leaving.enter_context(zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED))
            self._said: IO[bytes] = leaving.enter_context(tempfile.TemporaryFile(dir=self._path.parent))
            self._leaving = leaving.pop_all()
        return self

    def add(self, source: TextSource) -> None:
        """Write a source; its id is unlike all others."""
        plain = PlainText.of(source.text)
        self.changed_texts += plain.is_changed
        self._archive.writestr(self._part(f"{SOURCES_FOLDER}/{source.guid}.txt"), plain.text.encode())
        self._users.update(dict.fromkeys(one.user for one in source.codings))
        self._said.write("".join(source_xml(source, plain, self._created_at)).encode())
        self._sources += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._leaving:
            if kind is None:
                self._write_project()

    def _write_project(self) -> None:
        head = project_head(
            name=self._name,
            created_at=self._created_at,
            users=list(self._users),
            codes=self._codes,
            variables=self._variables,
        )
        self._said.seek(0)
        with self._archive.open(self._part(PROJECT_PART), "w", force_zip64=True) as file:
            file.write("".join(head).encode())
            if self._sources:
                file.write(b"<Sources>\n")
                shutil.copyfileobj(self._said, file, _COPY_BYTES)
                file.write(b"</Sources>\n")
            file.write(b"</Project>\n")

    def _part(self, name: str) -> zipfile.ZipInfo:
        part = zipfile.ZipInfo(name, self._zip_time)
        part.compress_type = zipfile.ZIP_DEFLATED
        part.external_attr = _PERMISSIONS
        return part
