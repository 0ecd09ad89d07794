"""What of a codebook changed since another one was asked."""

from __future__ import annotations

from dataclasses import dataclass

from rowbatch.core.codebook import Codebook, codebook_document


@dataclass(frozen=True, slots=True)
class CodebookChange:
    """
    Names of variables.

    Attributes:
        added: New ones.
        removed: Those that are no more.
        redefined: Those that are asked otherwise: another question, other labels, another kind.
        same: Those that are asked as before.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    redefined: tuple[str, ...]
    same: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """What has to be asked anew."""
        return (*self.added, *self.redefined)


def compare_codebooks(before: Codebook, now: Codebook) -> CodebookChange | None:
    """
    Compare by the names of variables; their order does not count.

    Returns:
        None where nothing changed, or more than variables did: other instructions make each another question.
    """
    old, new = codebook_document(before), codebook_document(now)
    old_variables = {str(variable["name"]): variable for variable in old.pop("variables")}
    new_variables = {str(variable["name"]): variable for variable in new.pop("variables")}
    if old != new or old_variables == new_variables:
        return None
    common = [name for name in new_variables if name in old_variables]
    return CodebookChange(
        added=tuple(name for name in new_variables if name not in old_variables),
        removed=tuple(name for name in old_variables if name not in new_variables),
        redefined=tuple(name for name in common if new_variables[name] != old_variables[name]),
        same=tuple(name for name in common if new_variables[name] == old_variables[name]),
    )
