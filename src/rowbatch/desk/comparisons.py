"""How far people and a model agree, as it is kept beside the table: it is compared once, and read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from rowbatch.core.comparison import PeopleComparison
from rowbatch.core.kinds.base import Variable
from rowbatch.errors import UsageError
from rowbatch.words.notice import notice_of


def plain_comparison(variable: Variable, compare: Callable[[], PeopleComparison]) -> dict[str, Any]:
    """
    What comes out of a comparison, or why nothing does, as JSON can hold it.

    Args:
        variable: Whose values are compared.
        compare: Compares them.
    """
    try:
        found = compare()
    except UsageError as error:
        return {"error": error.notice.to_plain()}
    plain = msgspec.to_builtins(found)
    if comparison_of(variable, plain) != found:
        raise TypeError(f"{type(found.comparison).__name__} is not the same when it is read again")
    return dict(plain)


def comparison_of(variable: Variable, plain: Mapping[str, Any]) -> PeopleComparison | UsageError:
    """What `plain_comparison` made plain."""
    if why := notice_of(plain.get("error")):
        return UsageError.of(why)
    kind = get_type_hints(type(variable).compare)["return"]
    comparison = msgspec.convert(plain["comparison"], kind)
    rest = {name: value for name, value in plain.items() if name != "comparison"}
    return PeopleComparison(comparison, **rest)
