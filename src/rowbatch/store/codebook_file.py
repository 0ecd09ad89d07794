"""Codebook files: YAML 1.2, where `no` is a text and a field that stands twice is an error."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from rowbatch.core.codebook import Codebook, parse_codebook
from rowbatch.errors import CodebookError, from_os_error


def read_codebook(path: Path) -> Codebook:
    """
    Read and check a codebook file.

    Raises:
        InputError: The file cannot be read.
        CodebookError: It is not YAML, or not a codebook; with line and field.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except UnicodeDecodeError as error:
        raise CodebookError("codebook-not-utf8", path=str(path), byte=error.start + 1) from error
    yaml = YAML(typ="rt", pure=True)
    try:
        document = yaml.load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise CodebookError(
            "codebook-yaml-broken-at" if line else "codebook-yaml-broken",
            path=str(path),
            line=line,
            told=_first_line(error.problem or error.context or str(error)),
        ) from error
    except YAMLError as error:
        raise CodebookError("codebook-no-yaml", path=str(path), told=str(error)) from error
    if not isinstance(document, dict):
        raise CodebookError("codebook-without-fields", path=str(path), line=1)
    lines: dict[tuple[str | int, ...], int] = {}
    plain = _plain(document, (), lines)
    return parse_codebook(plain, path=str(path), lines=lines)


def _plain(node: Any, place: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Any:
    # ruamel keeps positions on its own containers; pydantic wants plain ones.
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(node, CommentedMap):
        for key in node:
            lines[*place, str(key)] = node.lc.key(key)[0] + 1
        return {str(key): _plain(value, (*place, str(key)), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            lines[*place, index] = node.lc.item(index)[0] + 1
        return [_plain(value, (*place, index), lines) for index, value in enumerate(node)]
    return str(node) if isinstance(node, str) else node


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")
