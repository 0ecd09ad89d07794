"""What people say once, in `rowbatch.toml`, for tables and for themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rowbatch.core.policy import Policy
from rowbatch.objects.address import as_address
from rowbatch.store.settings_file import Said, find_said


def with_said_cap(policy: Policy, table: Path) -> Policy:
    """
    A policy for what has its provider and model already, with the cap that `rowbatch.toml` or the environment
    say of a table; as it is where they say none.
    """
    said = find_settings(table).max_cost_usd
    return policy if said is None else replace(policy, max_cost_usd=said)


def find_settings(table: object = None, provider: str | None = None) -> Said:
    """
    What `rowbatch.toml` and the environment say of a table.

    The environment (`ROWBATCH_PROVIDER` and so on) comes first, then the file beside the table, then the
    user's own.

    Args:
        table: Its file or folder; a data frame, or an object of a bucket, has no file beside it.
        provider: The one that is asked whatever they say.
    Raises:
        InputError: A file is broken, has a setting that is none, or a secret.
    """
    is_here = isinstance(table, str | Path) and as_address(table) is None
    return find_said(Path(str(table)).parent if is_here else None, provider)
