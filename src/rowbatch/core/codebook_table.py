"""
A codebook as a table: a row for each label, or a row for each variable with its labels in one cell.

Whoever writes a codebook with others has it in a sheet. Every field of the file has a column; what belongs to
a variable stands in one of its rows, or is the same in all. A cell below the name of a variable that is empty
goes on with it. What is written is read as the same codebook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.codebook import Cell, Codebook
from rowbatch.core.kinds.base import Place
from rowbatch.core.numbers import number_of
from rowbatch.words.notice import Notice

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "variable": ("variable", "variable_name", "var", "变量", "变量名"),
    "kind": ("kind", "type", "类型"),
    "question": ("question", "问题"),
    "label": ("label", "name", "code_name", "category", "tag", "标签", "类别", "名称"),
    "labels": ("labels", "categories", "options", "标签列表", "选项"),
    "code": ("code", "value", "编码", "代码"),
    "definition": ("definition", "description", "meaning", "定义", "说明"),
    "examples": ("examples", "示例", "例子"),
    "aliases": ("aliases", "alias", "spellings", "synonyms", "别名"),
    "most": ("most", "at_most", "最多"),
    "none": ("none", "none_of_these", "都不适用"),
    "min": ("min", "minimum", "最小值"),
    "max": ("max", "maximum", "最大值"),
    "whole": ("whole", "整数"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "only_if": ("only_if", "condition", "条件"),
    "cant_say": ("cant_say", "can't_say", "无法判断"),
    "reason": ("reason", "理由"),
    "evidence": ("evidence", "证据"),
    "right_answers": ("right_answers", "标准答案"),
    "instructions": ("instructions", "总说明", "指示"),
    "language": ("language", "语言"),
}
"""Columns by what they hold, and the headers that each is known by; case, blanks and hyphens don't count."""

_NOTES = ("notes", "note", "comment", "comments", "remark", "remarks", "备注", "注释")
_OF_LABEL = ("label", "labels", "code", "definition", "examples", "aliases")
# Fields of a label by their columns, and those that may have several texts.
_PARTS = {
    "label": "name",
    "code": "aliases",
    "aliases": "aliases",
    "definition": "definition",
    "example": "examples",
    "examples": "examples",
}
_SEVERAL = ("examples", "aliases")
_OF_BOOK = ("instructions", "language")
_TRUE = ("true", "yes", "y", "x", "1", "是", "✓")
_FALSE = ("false", "no", "n", "0", "否")
_FLAGS = ("whole", "cant_say", "reason", "evidence")
_ARROW = " → "
_ARROWS = re.compile(r"\s*(?:→|=>)\s*")
_BETWEEN_CONDITIONS = re.compile(
    r"\s*(?:\n|;|；|&&?|\band\b|且)\s*(?=[A-Za-z][A-Za-z0-9_]*\s*=)", re.IGNORECASE
)
_CONDITION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*={1,2}\s*(.+?)\s*", re.DOTALL)
_BETWEEN_VALUES = re.compile(r"\s*(?:\||｜|\bor\b|或)\s*", re.IGNORECASE)
_LABEL_AND_DEFINITION = re.compile(r"\s*(.+?)\s*(?:=|:\s|：)\s*(.*)", re.DOTALL)
_CODE = re.compile(r"-?[0-9]+")


@dataclass(slots=True)
class Sheet:
    """
    The texts of a table.

    Attributes:
        header: As it stands.
        rows: Below it; each as long as the header, or shorter.
        name: Of the sheet, where faults have to name it; or "".
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    name: str = ""


@dataclass(slots=True)
class Drawn:
    """
    A document drawn from something that is no codebook file.

    Attributes:
        document: As `parse_codebook` takes it.
        where: The cell, or the line, that each place of it comes from.
        faults: What is wrong already: where, and what.
        not_taken: What has no place in a codebook, and changes what is asked.
        left_out: What has no place in it, and changes nothing.
    """

    document: dict[str, Any] = field(default_factory=dict)
    where: dict[Place, int | Cell] = field(default_factory=dict)
    faults: list[tuple[int | Cell | None, Notice]] = field(default_factory=list)
    not_taken: list[Notice] = field(default_factory=list)
    left_out: list[Notice] = field(default_factory=list)


def column_key(header: str) -> str:
    """A header as it is compared."""
    return re.sub(r"[\s\-_]+", "_", header.strip().replace("\u2019", "'").casefold())


def find_column(header: str) -> str | None:
    """What a column holds, by its header; None for what is no part of a codebook."""
    key = column_key(header)
    if re.fullmatch(r"examples?_?[0-9]*|(?:示例|例子)_?[0-9]+", key) and key != "examples":
        return "example"
    return next((name for name, known in COLUMNS.items() if key in known), None)


def find_columns(header: Sequence[str]) -> list[str | None]:
    """
    What each column holds.

    `name` is the name of a variable where no other column is, and one says what is asked of it.
    """
    found = [find_column(name) for name in header]
    if "variable" not in found and {"kind", "question", "labels"} & set(found):
        names = [position for position, name in enumerate(header) if column_key(name) in ("name", "名称")]
        for position in names:
            found[position] = "variable"
    return found


def is_codebook_table(header: Sequence[str]) -> bool:
    """Whether a table is a codebook of variables, and not a list of labels alone."""
    return "variable" in find_columns(header)


def draw_from_table(sheet: Sheet) -> Drawn:
    """
    A codebook of a table with a column of variables.

    Returns:
        What it says; faults of a cell that has no place in a document are told in it.
    """
    return _TableReader(sheet).read()


def draw_from_labels(sheet: Sheet, variable: str) -> Drawn:
    """
    A codebook of one variable, of a table that is a list of labels.

    Labels stand in the first column, or in one that is called so; definitions in the second, or in one that
    is called so; examples and aliases in columns that are. Other columns are left alone.

    Args:
        sheet: Any table.
        variable: Name of the variable.
    """
    drawn = Drawn(document={"variables": [{"name": variable}]})
    found = [find_column(name) for name in sheet.header]
    label = next((found.index(name) for name in ("label", "code") if name in found), 0)
    other = 1 if label == 0 else 0
    definition = found.index("definition") if "definition" in found else other
    labels: list[dict[str, Any]] = []
    for number, cells in enumerate(sheet.rows, start=1):
        row = [cell.strip() for cell in cells]
        if label >= len(row) or not row[label]:
            continue
        one: dict[str, Any] = {"name": row[label]}
        inner: Place = ("variables", 0, "labels", len(labels))
        drawn.where[inner] = Cell(number, sheet.header[label], sheet.name)
        for position, cell in enumerate(row):
            if not cell or position == label:
                continue
            column = found[position] or ("example" if "exampl" in column_key(sheet.header[position]) else "")
            name = "definition" if position == definition else _PARTS.get(column, "")
            if name == "definition":
                one[name] = cell
            elif name in _SEVERAL:
                one[name] = [*one.get(name, []), *read_texts(column, cell)]
            if name:
                drawn.where.setdefault((*inner, name), Cell(number, sheet.header[position], sheet.name))
        labels.append(one)
    drawn.document["variables"][0]["labels"] = labels
    return drawn


class _TableReader:
    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._drawn = Drawn(document={"variables": []})
        self._drawn.where[()] = Cell(1, sheet.header[0] if sheet.header else "", sheet.name)
        self._columns = find_columns(sheet.header)

    def read(self) -> Drawn:
        self._look_at_header()
        for number, cells in enumerate(self._sheet.rows, start=1):
            given = {
                position: cell.strip()
                for position, cell in enumerate(cells)
                if cell.strip() and position < len(self._columns) and self._columns[position]
            }
            if given:
                self._read_row(number, given)
        if not self._drawn.document["variables"]:
            del self._drawn.document["variables"]
        return self._drawn

    def _look_at_header(self) -> None:
        seen: set[str] = set()
        for position, name in enumerate(self._sheet.header):
            found = self._columns[position]
            if found is None:
                is_empty = all(len(row) <= position or not row[position].strip() for row in self._sheet.rows)
                if column_key(name) in _NOTES or name.startswith("#") or is_empty:
                    continue
                told = Notice("codebook-no-such-column", {"known": list(COLUMNS)})
                self._drawn.faults.append((Cell(1, name, self._sheet.name), told))
            elif found in seen and found != "example":
                self._drawn.faults.append(
                    (Cell(1, name, self._sheet.name), Notice("codebook-column-twice", {"name": found}))
                )
            else:
                seen.add(found)

    def _read_row(self, number: int, given: Mapping[int, str]) -> None:
        by_column = {self._columns[position]: (position, cell) for position, cell in given.items()}
        variables = self._drawn.document["variables"]
        if "variable" in by_column:
            position, name = by_column["variable"]
            if not variables or variables[-1]["name"] != name:
                variables.append({"name": name})
                self._note(("variables", len(variables) - 1), number, position)
        for position, cell in given.items():
            column = self._columns[position]
            if column in _OF_BOOK:
                self._set((), column, cell, number, position)
        own = {
            position: cell
            for position, cell in given.items()
            if self._columns[position] not in (*_OF_BOOK, "variable")
        }
        if not own:
            return
        if not variables:
            at = Cell(number, self._sheet.header[next(iter(own))], self._sheet.name)
            self._drawn.faults.append((at, Notice("codebook-row-without-variable")))
            return
        place: Place = ("variables", len(variables) - 1)
        # The kind first: it says what a bound is.
        for position, cell in sorted(own.items(), key=lambda one: self._columns[one[0]] != "kind"):
            column = self._columns[position]
            if column and column not in (*_OF_LABEL, "example"):
                self._set(place, column, cell, number, position)
        self._read_labels(place, number, own)

    def _set(self, place: Place, column: str, cell: str, number: int, position: int) -> None:
        """A field that is said once, or the same each time."""
        holder = self._drawn.document["variables"][place[1]] if place else self._drawn.document
        name = "examples" if column == "right_answers" else column
        kind = holder.get("kind", "") if place else ""
        value = read_cell(column, cell, kind)
        inner = (*place, name)
        if name in holder and holder[name] != value:
            at = Cell(number, self._sheet.header[position], self._sheet.name)
            self._drawn.faults.append((at, Notice("codebook-cell-differs", {"found": cell[:80]})))
            return
        holder[name] = value
        self._drawn.where.setdefault(inner, Cell(number, self._sheet.header[position], self._sheet.name))

    def _read_labels(self, place: Place, number: int, own: Mapping[int, str]) -> None:
        """The labels that a row has: several of one cell, and the one that has the row for itself."""
        variable = self._drawn.document["variables"][place[1]]
        found: dict[str, Any] = {}
        places: dict[str, int] = {}
        for position, cell in own.items():
            column = self._columns[position] or ""
            if column == "labels":
                for label in read_labels(cell):
                    self._add_label(place, label, number, position)
            elif column in _PARTS:
                name = _PARTS[column]
                if name in _SEVERAL:
                    found[name] = [*found.get(name, []), *read_texts(column, cell)]
                else:
                    found[name] = cell
                places.setdefault(name, position)
        if "name" not in found and "aliases" in found:
            # A table that has codes and what they mean, and no shorter name for it.
            found["name"] = found["aliases"].pop(0)
        if found:
            inner = (*place, "labels", len(variable.get("labels", ())))
            self._add_label(place, found, number, next(iter(places.values())))
            for name, position in places.items():
                self._note((*inner, name), number, position)

    def _add_label(self, place: Place, label: dict[str, Any], number: int, position: int) -> None:
        labels = self._drawn.document["variables"][place[1]].setdefault("labels", [])
        cell = Cell(number, self._sheet.header[position], self._sheet.name)
        self._drawn.where.setdefault((*place, "labels"), cell)
        self._drawn.where[*place, "labels", len(labels)] = cell
        labels.append(label)

    def _note(self, place: Place, number: int, position: int) -> None:
        self._drawn.where[place] = Cell(number, self._sheet.header[position], self._sheet.name)


def read_cell(column: str, cell: str, kind: str = "") -> Any:
    """
    A cell as the file has its field; what it cannot be is left as a text, and refused with its cell.

    Args:
        column: A key of `COLUMNS`.
        cell: Its text, not empty.
        kind: Of the variable, as far as it is known.
    """
    word = cell.casefold()
    if column == "kind":
        return re.sub(r"[\s_/]+", "-", word)
    if column in _FLAGS or column == "none":
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return cell.strip('"') if column == "none" and cell.strip('"') else cell
    if column == "most":
        number = number_of(cell, is_whole=True)
        return int(number) if number is not None and number == int(number) else cell
    if column in ("min", "max") and kind != "date":
        number = number_of(cell, is_whole=False)
        return cell if number is None else number
    if column == "only_if":
        return read_conditions(cell)
    if column == "right_answers":
        return read_right_answers(cell)
    return cell


def read_texts(column: str, cell: str) -> list[str]:
    """The examples or aliases of a label that a cell has; a column for one example has no several."""
    if column in ("example", "code"):
        return [cell]
    return read_list(cell, r"\n" if column == "examples" else r"[\n;；|]")


def read_list(cell: str, separators: str) -> list[str]:
    """Several texts of one cell: a JSON list of texts, or with separators between them."""
    listed = _json(cell, list)
    if listed is not None and all(isinstance(one, str) for one in listed):
        return list(listed)
    return [piece.strip() for piece in re.split(separators, cell) if piece.strip()]


def read_labels(cell: str) -> list[dict[str, Any]]:
    """
    Labels of one cell, each in its line, or with `;`, `|` or `,` between them.

    `economy: Jobs, prices` is a label with its definition, and so is `economy = Jobs`. Where all of them are
    numbers with a text, as `1 = agree`, the texts are the labels, and the numbers count as other spellings.
    """
    listed = _json(cell, list)
    if listed is not None:
        return [one if isinstance(one, dict) else {"name": one} for one in listed]
    separator = next((one for one in (r"\n", "[;；]", r"[|｜]", "[,，、]") if re.search(one, cell)), r"\n")
    pieces = read_list(cell, separator)
    pairs = [
        (found[1], found[2]) if (found := _LABEL_AND_DEFINITION.fullmatch(piece)) else (piece, "")
        for piece in pieces
    ]
    if all(_CODE.fullmatch(name) and text for name, text in pairs):
        return [{"name": text, "aliases": [code]} for code, text in pairs]
    return [{"name": name, "definition": text} if text else {"name": name} for name, text in pairs]


def read_conditions(cell: str) -> Any:
    """`pledge = yes`, `topic = health | housing; pledge = yes`, or JSON; what is neither stays a text."""
    found = _json(cell, dict)
    if found is not None:
        return found
    conditions: dict[str, list[str]] = {}
    for piece in _BETWEEN_CONDITIONS.split(cell):
        condition = _CONDITION.fullmatch(piece)
        if condition is None:
            return cell
        values = [one.strip("\"'“”") for one in _BETWEEN_VALUES.split(condition[2]) if one]
        conditions[condition[1]] = values
    return conditions


def read_right_answers(cell: str) -> Any:
    """Texts with their right answers: `text → answer`, each in its line, or JSON."""
    found = _json(cell, list)
    if found is not None:
        return found
    answers = []
    for line in filter(str.strip, cell.splitlines()):
        *text, answer = _ARROWS.split(line.strip())
        if not text:
            return cell
        answers.append({"text": _ARROW.join(text), "answer": answer} if answer else {"text": text[0]})
    return answers


def _json(cell: str, kind: type) -> Any:
    if not cell.startswith(("[", "{")):
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None


def table_of(codebook: Codebook) -> Sheet:
    """
    A codebook as a table, a row for each label; `draw_from_table` reads it as the same.

    Columns that would be empty are left out.
    """
    plain = codebook.model_dump(mode="json")
    rows: list[dict[str, str]] = []
    for variable in plain["variables"]:
        rows += _rows_of(variable)
    book = {"instructions": plain["instructions"], "language": plain["language"]}
    if book["language"] == "en":
        del book["language"]
    rows = rows or [{}]
    rows[0] |= {name: text for name, text in book.items() if text}
    used = [name for name in COLUMNS if name == "variable" or any(row.get(name) for row in rows)]
    return Sheet(used, [[row.get(name, "") for name in used] for row in rows])


def _rows_of(variable: dict[str, Any]) -> Iterator[dict[str, str]]:
    first = {"variable": variable.pop("name")}
    labels = variable.pop("labels", [])
    answers = variable.pop("examples", [])
    # Without labels the kind says what it is; a label without its kind would be a text where it is broken.
    first["kind"] = variable.pop("kind", "label" if labels else "text")
    for name, value in variable.items():
        first[name] = _written_cell(name, value)
    if answers:
        first["right_answers"] = _written_answers(answers)
    for number, label in enumerate(labels or [{}]):
        row = {
            "label": label.get("name", ""),
            "definition": label.get("definition", ""),
            "examples": _written_list(label.get("examples", []), "\n"),
            "aliases": _written_list(label.get("aliases", []), "; "),
        }
        yield (first if number == 0 else {"variable": first["variable"]}) | row


def _written_cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if name == "only_if":
        plain = "; ".join(f"{other} = {' | '.join(values)}" for other, values in value.items())
        return plain if read_conditions(plain) == value else json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    if name == "none" and read_cell(name, value) != value:
        # Words that would mean that there are none.
        return f'"{value}"'
    return str(value)


def _written_list(texts: Sequence[str], separator: str) -> str:
    plain = separator.join(texts)
    back = read_list(plain, r"\n" if separator == "\n" else r"[\n;；|]")
    return plain if back == list(texts) else json.dumps(list(texts), ensure_ascii=False)


def _written_answers(answers: Sequence[Mapping[str, Any]]) -> str:
    plain = "\n".join(f"{one['text']}{_ARROW}{one.get('answer', '')}" for one in answers)
    return plain if read_right_answers(plain) == list(answers) else json.dumps(answers, ensure_ascii=False)
