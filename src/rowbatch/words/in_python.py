"""What the command line calls an option, as an argument of Python, in sentences that are for both."""

from __future__ import annotations

import re

ARGUMENTS = {
    "allocate": "allocation",
    "batch": "batches",
    "by-batch": "direct=False",
    "confidence": "confidence=True",
    "dedupe": "dedupe=True",
    "direct": "direct=True",
    "excel-safe": "writing=WriteOptions(formula_safe=True)",
    "bom": "writing=WriteOptions(bom=True)",
    "numbers": "writing=WriteOptions(numbers=True)",
    "form-field": "form_fields",
    "id": "id_column",
    "max-cost": "max_cost_usd",
    "no-header": 'header="none"',
    "one-per-group": "whole_groups=False",
    "order": "orders",
    "overwrite": "overwrite=True",
    "param": "parameters",
    "set": "name",
    "with": "with_models",
}
"""Options that are called otherwise; all others by their names, with underscores."""
ONLY_TYPED = frozenset(
    (
        *("address", "allow-rows", "faults", "folder", "format", "from", "generate", "help", "home", "index"),
        *("long", "no-deps", "num-cpus", "num-gpus", "port", "probe", "profile", "stop", "temp-dir", "yes"),
        *("upgrade", "upstream-model"),
    )
)
"""Options of commands that Python has not, as of servers, and those of other programs."""
# An option, and what stands behind it where that is its value: a place to fill in, a value of the sentence, a
# text in quotes, or one of the words that are values.
_OPTION = re.compile(
    # A whole command is typed as it is.
    r"(?P<command>\browbatch [a-z][^`;)]*)|"
    r"--([a-z][a-z-]*)"
    r"(?: (\{\w+[^{}]*\}|'[^']*'|(?:[A-Z]{2,}(?:[|:][A-Z]+)?)\b|\d+\b|(?:keep|skip|plain|lines|redcap|pool|chat|all|cp1252|gb18030)\b))?"
)


def in_python(sentence: str) -> str:
    """
    A sentence about options as one about arguments.

    Args:
        sentence: As the entries have it, with its placeholders.
    """
    return _OPTION.sub(_argument, sentence)


def _argument(found: re.Match[str]) -> str:
    option, value = found[2], found[3]
    if option is None or option in ONLY_TYPED:
        return found[0]
    name = ARGUMENTS.get(option, option.replace("-", "_"))
    if value is None:
        return name
    if "=" in name:
        return f"{name} {value}"
    if value.startswith("{") and "!r" not in value and not value.startswith("{{"):
        inner = value[1:-1]
        value = f"{{{inner.replace(':', '!r:', 1) if ':' in inner else f'{inner}!r'}}}"
    elif value.isalnum() and value.islower() and not value.isdigit():
        value = f'"{value}"'
    return f"{name}={value}"
