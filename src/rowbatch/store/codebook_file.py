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
        raise CodebookError(
            f"the codebook {path} is not UTF-8: byte {error.start + 1:,} cannot be read",
            path=str(path),
            hint="save it as UTF-8",
        ) from error
    yaml = YAML(typ="rt", pure=True)
    try:
        document = yaml.load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        where = f"line {line}: " if line else ""
        raise CodebookError(
            f"the codebook {path} is broken: {where}{_first_line(error.problem or error.context or '')}",
            path=str(path),
            line=line,
            hint="check quotes, colons and how far the lines are moved in",
        ) from error
    except YAMLError as error:
        raise CodebookError(f"the codebook {path} is not YAML: {error}", path=str(path)) from error
    if not isinstance(document, dict):
        raise CodebookError(
            f"the codebook {path} is broken: line 1: "
            "fields are expected, as in `instructions: …` and `variables:`",
            path=str(path),
            line=1,
            hint="docs/reference/codebook.md shows every field with an example",
        )
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
    return text.strip().splitlines()[0] if text.strip() else "it cannot be read"
