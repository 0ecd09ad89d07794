"""
When what goes wrong: a plan of rules, read from TOML, and those that have names.

    seed = 7

    [[fault]]
    kind = "lost-answer"
    on = "create-batch"
    nth = [1, 3]

    [[fault]]
    kind = "row-fails"
    share = 0.05
    status = 500

The same plan and seed give the same faults: whether one happens follows from the seed, the rule, and what is
counted, never from a clock.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from rowbatch.errors import UsageError, from_os_error
from rowbatch.server.faults.catalogue import CALLS, CHOICES, KINDS, Kind, Value
from rowbatch.server.faults.days import DAYS

_MAX_BYTES = 1 << 20
_OF_ALL = ("kind", "on", "nth", "share", "at_most", "batches")
_UNIT = 1 << 64


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One fault, and when it happens.

    Attributes:
        name: Of its kind.
        on: Of a call: which calls.
        nth: The numbers, from 1, of the calls, batches, rows, answers or files that it befalls; empty: any.
        share: Of these, how many; 1.0 is each.
        at_most: It happens so often at most, of a call or a batch; None for no bound.
        batches: Numbers of the batches whose rows and files it may befall; empty: all.
        values: Those of its kind.
    """

    name: str
    on: tuple[str, ...] = ()
    nth: frozenset[int] = frozenset()
    share: float = 1.0
    at_most: int | None = None
    batches: frozenset[int] = frozenset()
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return KINDS[self.name]

    def number(self, name: str) -> float:
        """A value that is a number."""
        return float(self.values[name])

    def text(self, name: str) -> str:
        """A value that is a text."""
        return str(self.values[name])


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """
    All rules, in their order: of several that would befall the same call the first does.

    Attributes:
        rules: Of the plan.
        seed: What chance follows from.
    """

    rules: tuple[Rule, ...] = ()
    seed: int = 1

    def happens(self, at: int, number: int, *of: object) -> bool:
        """
        Whether a rule's fault happens.

        Args:
            at: Place of the rule.
            number: Of what it would befall, from 1.
            of: What is counted, and what else tells it from others.
        """
        rule = self.rules[at]
        if rule.nth and number not in rule.nth:
            return False
        return rule.share >= 1 or self.draw(at, number, *of) < rule.share

    def draw(self, *of: object) -> float:
        """A number from 0 up to 1 that is always the same for the same."""
        told = repr((self.seed, *of)).encode()
        return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) / _UNIT


def read_plan(told: str, *, seed: int | None = None) -> FaultPlan:
    """
    The plan of this name, or in this file.

    Args:
        told: A name of `named_plans`, or the path of a TOML file.
        seed: In place of its own.
    Raises:
        UsageError: There is no such name or file, or the file is no plan; the words say where and what.
        StorageError: The file cannot be read.
    """
    named = named_plans()
    path = Path(told)
    if told in named:
        plan = named[told]
    elif path.is_file():
        plan = _read_file(path)
    else:
        raise UsageError("no-such-faults", name=told)
    return plan if seed is None else replace(plan, seed=seed)


def named_plans() -> Mapping[str, FaultPlan]:
    """Plans by name: each kind of fault alone, once, and some days on which much goes wrong."""
    alone = {name: FaultPlan((_once(name),)) for name in KINDS}
    days = {name: parse_plan(text, name) for name, (_, text) in DAYS.items()}
    return {**days, **alone}


def _once(name: str) -> Rule:
    """A rule by which a kind happens once, or to one row of the first batch, soon."""
    kind = KINDS[name]
    is_inside = kind.scope in ("row", "file", "answer")
    return Rule(
        name,
        kind.on,
        # The second row: so the first and the last are sound, in a batch of three too.
        nth=frozenset({2 if kind.scope in ("row", "answer") else 1}),
        batches=frozenset({1}) if is_inside else frozenset(),
        values=kind.values,
    )


def _read_file(path: Path) -> FaultPlan:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError("faults-not-toml", path=str(path), told=str(error)) from error
    return parse_plan(text, str(path))


def parse_plan(text: str, path: str) -> FaultPlan:
    """
    The plan that a text is.

    Args:
        text: TOML.
        path: What it is called in an error.
    Raises:
        UsageError: It is none; the words say which fault, which field, and what can stand there.
    """
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("faults-not-toml", path=path, told=str(error)) from error
    for name in found:
        if name not in ("seed", "fault"):
            raise UsageError("not-in-faults-file", path=path, field=name)
    seed = found.get("seed", 1)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError("seed-of-faults", path=path, told=repr(seed))
    rules = found.get("fault", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise UsageError("not-in-faults-file", path=path, field="fault")
    return FaultPlan(tuple(_rule(rule, path, number) for number, rule in enumerate(rules, start=1)), seed)


def _rule(told: Mapping[str, Any], path: str, number: int) -> Rule:
    name = told.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise UsageError("no-such-fault", path=path, number=number, told=repr(name))
    kind = KINDS[name]
    own = [field for field in _OF_ALL if field not in ("on", "at_most", "batches")]
    own += ["on"] if kind.scope == "call" else []
    own += ["at_most"] if kind.scope in ("call", "batch") else []
    own += ["batches"] if kind.scope in ("row", "answer", "file") else []
    _only(told, (*own, *kind.values), path, number)
    at_most = told.get("at_most")
    if at_most is not None and not _is_count(at_most):
        _wrong(path, number, "at_most", at_most, "a whole number from 1")
    share = told.get("share", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        _wrong(path, number, "share", share, "a number from 0 to 1")
    values = {field: _value(told, field, usual, path, number) for field, usual in kind.values.items()}
    return Rule(
        name,
        _calls(told.get("on"), path, number) or kind.on,
        _numbers(told.get("nth"), "nth", path, number),
        float(share),
        at_most,
        _numbers(told.get("batches"), "batches", path, number),
        values,
    )


def _value(told: Mapping[str, Any], name: str, usual: Value, path: str, number: int) -> Value:
    """A value of a kind, checked to be of the type of what it is otherwise."""
    value = told.get(name, usual)
    allowed = CHOICES.get(name)
    if allowed:
        if value not in allowed:
            _wrong(path, number, name, value, " | ".join(allowed))
    elif isinstance(usual, bool):
        if not isinstance(value, bool):
            _wrong(path, number, name, value, "true or false")
    elif isinstance(usual, str):
        if not isinstance(value, str) or not value:
            _wrong(path, number, name, value, "a text")
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        least, most = _BOUNDS.get(name, (0, 1_000_000))
        is_whole = isinstance(usual, float) or isinstance(value, int)
        if not is_number or not is_whole or not least <= value <= most:
            what = "a number" if isinstance(usual, float) else "a whole number"
            _wrong(path, number, name, value, f"{what} from {least} to {most}")
    return value  # type: ignore[no-any-return]


_BOUNDS = {"keep": (0, 1), "status": (0, 599), "seconds": (0, 3600), "pieces": (1, 10_000)}


def _calls(told: object, path: str, number: int) -> tuple[str, ...]:
    if told is None:
        return ()
    names = [told] if isinstance(told, str) else told
    if names == ["any"]:
        return CALLS
    if not isinstance(names, list) or not names or not all(name in CALLS for name in names):
        _wrong(path, number, "on", told, ", ".join((*CALLS, "any")))
    return tuple(names)


def _numbers(told: object, name: str, path: str, number: int) -> frozenset[int]:
    if told is None:
        return frozenset()
    found = told if isinstance(told, list) else [told]
    if not found or not all(_is_count(one) for one in found):
        _wrong(path, number, name, told, "a whole number from 1, or a list of such")
    return frozenset(found)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _only(told: Mapping[str, Any], known: tuple[str, ...], path: str, number: int) -> None:
    for name in told:
        if name not in known:
            raise UsageError(
                "no-such-field-of-fault", path=path, number=number, field=name, known=list(known)
            )


def _wrong(path: str, number: int, name: str, told: object, wanted: str) -> NoReturn:
    raise UsageError("field-of-fault", path=path, number=number, field=name, told=repr(told), wanted=wanted)
