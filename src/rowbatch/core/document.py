"""
What people read before it is HTML, LaTeX or lines of a terminal: blocks, with texts that are not yet escaped.

One tree, so that the page and the appendix of a paper say the same, and so do a notebook and the prompt. A
value says what there is to read of it by `as_blocks`; one that does not is shown by its attributes, under the
names by which a program asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rowbatch.words.notice import Notice

Language = Literal["en", "zh"]
BarKind = Literal["plain", "biased", "people", "corrected"]
"""How a bar is drawn, and what it is: of the model alone, of people, of both."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph. `is_alert`: what nobody may overlook."""

    text: str
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table.

    Attributes:
        header: Names of its columns; none where each row is a name and what it stands for.
        rows: Cells, as many in each row.
        numbers: Positions of the columns that are set to the right.
        note: Below it; or "".
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """
    A bar of a picture.

    Attributes:
        name: What it is of.
        value: Its length, of `Bars.most`; None where there is none.
        shown: Its value in words.
        low, high: The ends of its interval; None without one.
        kind: How it is drawn.
    """

    name: str
    value: float | None
    shown: str
    low: float | None = None
    high: float | None = None
    kind: BarKind = "plain"


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of bars, and the same numbers beside them. `most`: the value that is as long as can be."""

    title: str
    bars: Sequence[Bar]
    most: float = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    """
    A number of a curve.

    Attributes:
        name: What it is of.
        value: The number of the model alone.
        low, high: The ends of its interval; None without one.
        corrected: The corrected number; None where there is none.
        corrected_low, corrected_high: The ends of its interval.
        marks: Which of `Dots.rows` it is.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    corrected: float | None = None
    corrected_low: float | None = None
    corrected_high: float | None = None
    marks: Sequence[bool] = ()


@dataclass(frozen=True, slots=True)
class Dots:
    """
    A picture of numbers side by side, and beneath them a matrix of what each is.

    Attributes:
        title: Above it.
        dots: From left to right.
        rows: Of the matrix: a group, and one of its values.
        legend: What both numbers of a dot are.
    """

    title: str
    dots: Sequence[Dot]
    rows: Sequence[tuple[str, str]]
    legend: tuple[str, str] = ("model only (biased)", "corrected")


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it stands, line by line."""

    text: str


Block = Paragraph | Table | Bars | Dots | Code


def notes_of(notes: Iterable[Notice]) -> Iterator[Paragraph]:
    """What a person should know, a sentence each."""
    return (Paragraph(f"note: {note.told('python')}") for note in notes)


def named(values: Mapping[str, str]) -> Table:
    """Names, and what each stands for; what says nothing is left out."""
    return Table((), [(name, value) for name, value in values.items() if value])


@dataclass(frozen=True, slots=True)
class Section:
    """
    A section.

    Attributes:
        title: Its heading.
        blocks: In order.
        name: For links and files, the same in each language.
    """

    title: str
    blocks: Sequence[Block]
    name: str


@dataclass(frozen=True, slots=True)
class Document:
    """
    The whole.

    Attributes:
        title: Its name.
        lead: Below the name.
        sections: In order.
        language: Of all its words.
        made_with: At its foot.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    language: Language
    made_with: str


class Shown:
    """
    A value that can be read as it stands: `print(value)`, at the prompt, and as the last line of a cell.

    Texts in it are a table's or a model's: none becomes a tag, nor moves a terminal.
    """

    __slots__ = ()
    captions: ClassVar[Mapping[str, str]] = {}
    """What stands above an attribute, where its name does not say it."""

    def as_blocks(self) -> Iterable[Block]:
        """What there is to read of it, in order."""
        from rowbatch.core.shown_fields import blocks_of_fields

        return blocks_of_fields(self)

    def __repr__(self) -> str:
        from rowbatch.core.document_text import block_lines

        lines = [line for block in self.as_blocks() for line in block_lines(block)]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        """For notebooks."""
        from rowbatch.core.document_html import fragment_html

        return fragment_html(type(self).__name__, self.as_blocks())
