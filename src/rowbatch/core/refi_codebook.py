"""
Codes of qualitative data analysis, in the exchange format REFI-QDA, as a codebook and back.

A code with codes below it becomes a question, and those that can be coded its labels, one that lies deeper
with the names on the way to it: `costs / energy`. Codes without any below them are one question together. A
text may have several codes or none, so each question takes all that apply.

The other way round a variable is a code, and its labels are codes below it; yes-no and quotes are codes by
themselves. The ids of codes follow from their names: the same codebook always has the same ones, in a
codebook file and in a project.

Source:
    REFI-QDA Standard 1.5 of 2019-09-25, qdasoftware.org: 5.2 "XML Schema for codebook exchange"
    (`CodeBook/Codes/Code[@guid @name @isCodable @color]`, nested, `Description`, then `Sets`), 5.3 for the
    same in a project. Namespaces of other versions (`…codebook:0:4`) are read as well: ATLAS.ti 23 names one.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.codebook import Codebook
from rowbatch.core.codebook_table import Drawn
from rowbatch.core.kinds.base import Place, Variable
from rowbatch.core.kinds.choice import ChoiceVariable, Label
from rowbatch.core.kinds.labels import NONE, LabelsVariable
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.kinds.yes_no import YesNoVariable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.plain_xml import BrokenXml, Enough, XmlReader, element, escaped
from rowbatch.words.notice import Notice

CODEBOOK_NAMESPACE = "urn:QDA-XML:codebook:1.0"
PATH_SEPARATOR = " / "
"""Between the names on the way to a code."""
MAX_CODES = 20_000
MAX_TEXT = 2 << 20
"""Characters of all names and descriptions."""

_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:QDA-XML:rowbatch")
_MAX_NAME = 40
_NAMES_SHOWN = 12
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")


@dataclass(slots=True)
class Code:
    """
    A code, as programs for qualitative analysis have it.

    Attributes:
        name: As people see it.
        is_codable: Whether passages may have it; else it only holds others.
        description: When it applies; or "".
        codes: Below it, in order.
        guid: Its id.
        line: Of the file, from 1; 0 where it stands in none.
    """

    name: str
    is_codable: bool = True
    description: str = ""
    codes: list[Code] = field(default_factory=list)
    guid: str = ""
    line: int = 0


def guid_of(*parts: str) -> str:
    """The id of what has these names: the same ones have the same id, everywhere and always."""
    return str(uuid.uuid5(_IDS, "\x1f".join(parts)))


class CodesReader(XmlReader):
    """
    The codes of a codebook file, or of a project, of which no more is read.

    Attributes:
        codes: Those at the top.
        sets: How many groups of codes there are.
        parents: Names of the elements that are open, the innermost last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[Code] = []
        self.sets = 0
        self._above: list[Code] = []
        self.parents: list[str] = []
        self._count = self._chars = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self.parents and name not in ("CodeBook", "Project"):
            raise BrokenXml(f"it begins with {name[:40]!r}, and a codebook with 'CodeBook'")
        if name == "Code" and "Codes" in self.parents:
            self._count += 1
            if self._count > MAX_CODES:
                raise BrokenXml(f"more than {MAX_CODES:,} codes")
            is_codable = attributes.get("isCodable", "true").strip().lower() not in ("false", "0")
            code = Code(
                attributes.get("name", "")
                .strip()
                .removesuffix(_way_behind([one.name for one in self._above])),
                is_codable,
                guid=plain_guid(attributes.get("guid", "")),
                line=self.line,
            )
            self._count_chars(code.name)
            (self._above[-1].codes if self._above else self.codes).append(code)
            self._above.append(code)
        elif name == "Set" and self.parents[-1:] == ["Sets"]:
            self.sets += 1
        self.parents.append(name)

    def end(self, name: str) -> None:
        self.parents.pop()
        if name == "Code" and self._above:
            self._above[-1].description = self._above[-1].description.strip()
            self._above.pop()
        if name == "CodeBook":
            self.end_codes()

    def end_codes(self) -> None:
        """All codes are read: of a project, which may go on for long, no more is wanted."""
        raise Enough

    def text(self, data: str) -> None:
        if self._above and self.parents[-2:] == ["Code", "Description"]:
            self._count_chars(data)
            self._above[-1].description += data

    def _count_chars(self, data: str) -> None:
        self._chars += len(data)
        if self._chars > MAX_TEXT:
            raise BrokenXml(f"more than {MAX_TEXT:,} characters of names and descriptions")


def plain_guid(guid: str) -> str:
    """An id as it is compared: programs write it in letters of both sizes, and in braces."""
    return guid.strip().strip("{}").lower()


def draw_from_codes(codes: Sequence[Code], *, variable: str, sets: int = 0, most_labels: int) -> Drawn:
    """
    A codebook of codes.

    Args:
        codes: Those at the top.
        variable: Name of the question that the codes without any below them are together.
        sets: How many groups of codes there are, which have no place.
        most_labels: Of a question.
    """
    return _CodesDrawer(codes, variable, most_labels).draw(sets)


@dataclass(frozen=True, slots=True)
class Question:
    """
    A question that codes become.

    Attributes:
        name: Of the variable.
        top: The code above its labels; None where codes from the top are its labels.
        labels: The codes that are its labels, by their names.
    """

    name: str
    top: Code | None
    labels: Sequence[tuple[str, Code]]


def questions_of(codes: Sequence[Code], variable: str) -> list[Question]:
    """
    The questions that codes become, in order.

    Args:
        codes: Those at the top.
        variable: As `draw_from_codes` has it.
    """
    found: list[Question] = []
    taken: set[str] = set()
    alone = [(_label_name(code.name), code) for code in codes if not code.codes and code.is_codable]
    for code in codes:
        labels = list(_labels_below(code, ())) if code.codes else []
        if labels:
            found.append(Question(_free_name(code.name, len(found) + 1, taken), code, labels))
    if alone:
        name = _free_name(variable, len(found) + 1, taken)
        found.append(Question(name, None, alone))
    return found


def _labels_below(code: Code, path: tuple[str, ...]) -> Iterator[tuple[str, Code]]:
    for one in code.codes:
        here = (*path, _label_name(one.name))
        if one.is_codable:
            yield PATH_SEPARATOR.join(here), one
        yield from _labels_below(one, here)


def _label_name(name: str) -> str:
    # It stands between labels of a cell.
    return re.sub(rf"\s*{SEPARATOR.strip()}\s*", ", ", name).strip(", ")


def _free_name(name: str, number: int, taken: set[str]) -> str:
    """A code's name as the name of a column, unlike all that are `taken`, which it joins."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Of a script that has no Latin letters, nothing that says it would be left.
    is_told = name.isascii() or len(plain.strip()) >= len(name) / 2
    slug = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:_MAX_NAME].strip("_") if is_told else ""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and len(name) <= _MAX_NAME:
        slug = name
    if not slug:
        slug = f"code_{number}"
    elif not slug[0].isalpha():
        slug = f"code_{slug}"
    free, count = slug, 2
    while free.casefold() in taken:
        free, count = f"{slug}_{count}", count + 1
    taken.add(free.casefold())
    return free


class _CodesDrawer:
    def __init__(self, codes: Sequence[Code], variable: str, most_labels: int) -> None:
        self._codes, self._variable, self._most = codes, variable, most_labels
        self._drawn = Drawn(document={"variables": []})

    def draw(self, sets: int) -> Drawn:
        drawn = self._drawn
        names = [code.name for code in all_codes(self._codes)]
        if sum(map(_is_chinese, names)) > len(names) / 2:
            drawn.document["language"] = "zh"
        for question in questions_of(self._codes, self._variable):
            place: Place = ("variables", len(drawn.document["variables"]))
            drawn.document["variables"].append(self._variable_of(question, place))
        if not drawn.document["variables"]:
            drawn.faults.append((None, Notice("refi-no-codes")))
        else:
            drawn.left_out.append(Notice("refi-all-that-apply"))
        codable_tops = [code.name for code in self._codes if code.codes and code.is_codable]
        empty = [code.name for code in all_codes(self._codes) if not code.codes and not code.is_codable]
        cut = [code.name for code in all_codes(self._codes) if SEPARATOR.strip() in code.name]
        if codable_tops:
            drawn.left_out.append(Notice("refi-top-codable", _counted(codable_tops)))
        if empty:
            drawn.left_out.append(Notice("refi-not-codable", _counted(empty)))
        if cut:
            drawn.left_out.append(Notice("refi-separator", _counted(cut)))
        if sets:
            drawn.left_out.append(Notice("refi-sets", {"count": sets}))
        return drawn

    def _variable_of(self, question: Question, place: Place) -> dict[str, Any]:
        top = question.top
        variable: dict[str, Any] = {"name": question.name}
        if top is not None:
            self._drawn.where[place] = top.line
            said = [top.name] if top.name != question.name else []
            if asked := ": ".join([*said, *([top.description] if top.description else [])]):
                variable["question"] = asked
        if len(question.labels) == 1:
            return variable | self._yes_no(question)
        if len(question.labels) > self._most:
            told = {"name": question.name, "labels": len(question.labels), "most": self._most}
            self._drawn.faults.append((self._drawn.where.get(place), Notice("refi-too-many-labels", told)))
        labels = []
        for number, (name, code) in enumerate(question.labels):
            self._drawn.where[*place, "labels", number] = code.line
            defined = {"definition": code.description} if code.description else {}
            labels.append({"name": name, **defined})
        variable |= {"kind": "labels", "labels": labels}
        if not {name.casefold() for name, _ in question.labels} & set(NONE.values()):
            variable["none"] = True
        return variable

    def _yes_no(self, question: Question) -> dict[str, Any]:
        """A code that is alone: it applies or not."""
        name, code = question.labels[0]
        return {"kind": "yes-no", "yes": f"{name}: {code.description}" if code.description else name}


def all_codes(codes: Iterable[Code]) -> Iterator[Code]:
    """Codes with those below each of them."""
    for code in codes:
        yield code
        yield from all_codes(code.codes)


def _counted(names: Sequence[str]) -> dict[str, Any]:
    return {"count": len(names), "names": list(names[:_NAMES_SHOWN])}


def _is_chinese(name: str) -> bool:
    return bool(_HAN.search(name)) and not _KANA_OR_HANGUL.search(name)


def codes_of(codebook: Codebook) -> list[Code]:
    """The codes that a codebook becomes, with their ids; of a variable that has none there is none."""
    found = []
    for variable in codebook.variables:
        labels = labels_of(variable)
        top = Code(variable.name, description=variable.question, guid=guid_of(variable.name))
        if isinstance(variable, YesNoVariable):
            top.description = "\n".join(filter(None, (variable.question, variable.yes)))
        elif labels:
            top.is_codable = False
            for label in labels:
                _put_below(top, label, variable.name)
        if is_coded(variable):
            found.append(top)
    _make_unlike(found)
    return found


def _make_unlike(codes: Sequence[Code]) -> None:
    """
    Give codes that are called the same the way to them in their names: `other (topic)`; `CodesReader` takes
    it off again. QualCoder 4.0 beta has each name once, and loses what another code of that name coded.
    """
    count = Counter(code.name.casefold() for code in all_codes(codes))
    for code, way in [*_with_ways(codes, ())]:
        if way and count[code.name.casefold()] > 1:
            code.name += _way_behind(way)


def _with_ways(codes: Iterable[Code], way: tuple[str, ...]) -> Iterator[tuple[Code, tuple[str, ...]]]:
    for code in codes:
        yield code, way
        yield from _with_ways(code.codes, (*way, code.name))


def _way_behind(way: Sequence[str]) -> str:
    return f" ({PATH_SEPARATOR.join(way)})"


def is_coded(variable: Variable) -> bool:
    """Whether the values of a variable are codes."""
    return isinstance(variable, YesNoVariable | QuoteVariable) or bool(labels_of(variable))


def labels_of(variable: Variable) -> tuple[Label, ...]:
    """The labels of a variable that are codes below it."""
    if isinstance(variable, YesNoVariable):
        return ()
    if isinstance(variable, LabelsVariable):
        return variable.labels
    return variable.listed if isinstance(variable, ChoiceVariable) else ()


def code_guids(variable: Variable) -> dict[str, str]:
    """
    The ids of the codes that a text has by the values of a variable.

    Returns:
        By each label, or by "yes"; of quotes by "". A text has none by "no", "none" and "can't say".
    """
    if isinstance(variable, YesNoVariable):
        return {variable.listed[0].name: guid_of(variable.name)}
    if isinstance(variable, QuoteVariable):
        return {"": guid_of(variable.name)}
    return {label.name: guid_of(variable.name, *_path(label.name)) for label in labels_of(variable)}


def _path(label: str) -> list[str]:
    """The names on the way to the code of a label, its own last."""
    parts = label.split(PATH_SEPARATOR)
    return parts if all(part.strip() for part in parts) else [label]


def _put_below(top: Code, label: Label, variable: str) -> None:
    here, passed = top, [variable]
    for part in _path(label.name):
        passed.append(part)
        known = next((one for one in here.codes if one.name == part), None)
        if known is None:
            known = Code(part, is_codable=False, guid=guid_of(*passed))
            here.codes.append(known)
        here = known
    here.is_codable, here.description = True, label.definition


def codebook_xml(codes: Sequence[Code], origin: str) -> str:
    """
    A codebook file.

    Args:
        codes: At least one.
        origin: The program that wrote it.
    """
    root = element("CodeBook", {"xmlns": CODEBOOK_NAMESPACE, "origin": origin})
    lines = "".join(codes_xml(codes))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n<Codes>\n{lines}</Codes>\n</CodeBook>\n'


def codes_xml(codes: Iterable[Code]) -> Iterator[str]:
    """Codes, a line each or more."""
    for code in codes:
        attributes = {
            "guid": code.guid,
            "name": code.name,
            "isCodable": "true" if code.is_codable else "false",
        }
        if not code.codes and not code.description:
            yield element("Code", attributes, "/>\n")
            continue
        yield element("Code", attributes, ">\n")
        if code.description:
            yield f"<Description>{escaped(code.description)}</Description>\n"
        yield from codes_xml(code.codes)
        yield "</Code>\n"


def not_in_codes(codebook: Codebook) -> Iterator[Notice]:
    """What of a codebook no codes can say."""
    without = [f"{one.name} ({one.kind})" for one in codebook.variables if not is_coded(one)]
    if without:
        yield Notice("refi-without-codes", {"names": without})
    fields = dict.fromkeys(_fields_lost(codebook))
    if fields:
        yield Notice("refi-fields-lost", {"fields": list(fields)})


def _fields_lost(codebook: Codebook) -> Iterator[str]:
    if codebook.instructions:
        yield "instructions"
    for variable in codebook.variables:
        plain = variable.to_plain()
        if "kind" in plain or isinstance(variable, ChoiceVariable):
            yield "kind"
        yield from (name for name in plain if name not in ("name", "question", "kind", "labels", "yes"))
        for label in labels_of(variable):
            yield from (f"labels.{name}" for name in ("examples", "aliases") if getattr(label, name))
