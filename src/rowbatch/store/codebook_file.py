"""Codebook files: YAML 1.2, where `no` is a text and a field that stands twice is an error."""

from __future__ import annotations

from pathlib import Path

from rowbatch.core.codebook import Codebook, parse_codebook
from rowbatch.errors import CodebookError
from rowbatch.store.yaml_file import read_yaml


def read_codebook(path: Path) -> Codebook:
    """
    Read and check a codebook file.

    Raises:
        InputError: The file cannot be read.
        CodebookError: It is not YAML, or not a codebook; with line and field.
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise CodebookError("codebook-without-fields", path=str(path), line=1)
    return parse_codebook(document.value, path=str(path), lines=document.lines)
