"""The local model on this computer: fetched, shown, removed."""

from __future__ import annotations

from rowbatch.server.model_files import install as install_model
from rowbatch.server.model_files import installed as installed_model
from rowbatch.server.model_files import remove as remove_model

__all__ = ["install_model", "installed_model", "remove_model"]
