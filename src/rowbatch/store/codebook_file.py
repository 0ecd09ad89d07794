"""Codebook files: YAML 1.2, where `no` is a text and a field that stands twice is an error."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rowbatch.core.codebook import Codebook, codebook_document, parse_codebook
from rowbatch.errors import CodebookError
from rowbatch.store.yaml_file import YamlDocument, read_yaml

_WIDTH = 110
_FIRST = ("name", "kind", "question")


def read_codebook(path: Path) -> Codebook:
    """
    Read and check a codebook file.

    Raises:
        InputError: The file cannot be read.
        CodebookError: It is not YAML, or not a codebook; with line and field.
    """
    return codebook_of_yaml(read_yaml(path), path)


def codebook_of_yaml(document: YamlDocument, path: Path) -> Codebook:
    """
    Check what stood in a codebook file.

    Raises:
        CodebookError: It is no codebook; with line and field.
    """
    if not isinstance(document.value, dict):
        raise CodebookError("codebook-without-fields", path=str(path), line=1)
    return parse_codebook(document.value, path=str(path), lines=document.lines)


def yaml_text(codebook: Codebook) -> str:
    """A codebook as a person would write it in YAML; `read_codebook` reads it as the same."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _WIDTH
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    buffer = io.StringIO()
    yaml.dump(_as_written(codebook), buffer)
    return buffer.getvalue()


def json_text(codebook: Codebook) -> str:
    """A codebook in JSON, which is YAML too."""
    return json.dumps(_as_written(codebook), ensure_ascii=False, indent=2) + "\n"


def _as_written(codebook: Codebook) -> dict[str, Any]:
    """As `codebook_document`, without what says nothing, and each kind in words."""
    document = codebook_document(codebook)
    if document["language"] == "en":
        del document["language"]
    if not document["instructions"]:
        del document["instructions"]
    for variable in document["variables"]:
        variable.setdefault("kind", "label" if variable.get("labels") else "text")
        if variable["kind"] == "text":
            variable.pop("labels", None)
        for label in variable.get("labels", ()):
            for name in ("definition", "examples", "aliases"):
                if not label[name]:
                    del label[name]
        if not variable["question"]:
            del variable["question"]
    # What is long comes last.
    variables = [
        {name: variable[name] for name in (*_FIRST, *variable) if name in variable}
        for variable in document.pop("variables")
    ]
    return {**document, "variables": variables}
