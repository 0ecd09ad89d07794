"""Blocks of text, tables and pictures as HTML: of a report, and of what notebooks show."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import assert_never

from rowbatch.core.document import Bars, Block, Code, Dot, Dots, Paragraph, Table

_NAME_WIDTH, _BAR_WIDTH, _VALUE_WIDTH, _ROW = 220, 340, 190, 26
_PLOT_HEIGHT, _PLOT_WIDTH, _MARK_ROW, _WIDEST = 190, 530, 20, 48
_ALONE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2430}.grid{stroke:#d6dae1}.off{fill:#d6dae1}.on{fill:#1d2430}"
    "circle.biased,rect.biased{fill:#b0603a}circle.corrected,rect.corrected{fill:#3b6ea8}"
    "path{fill:none;stroke-width:1.5}path.biased{stroke:#b0603a}path.corrected{stroke:#3b6ea8}"
)
"""The colours of a picture that is a file of its own, on white."""


def block_html(block: Block) -> str:
    """
    A block as HTML.

    Args:
        block: All texts in it are escaped here: labels and texts are strangers'.
    """
    match block:
        case Paragraph():
            kind = ' class="alert" role="note"' if block.is_alert else ""
            return f"<p{kind}>{escape(block.text)}</p>\n"
        case Table():
            return _table(block)
        case Bars():
            return _bars(block)
        case Dots():
            return f"<figure><figcaption>{escape(block.title)}</figcaption>{picture_of(block)}</figure>\n"
        case Code():
            return f'<pre tabindex="0">{escape(block.text)}</pre>\n'
        case _:
            assert_never(block)


def fragment_html(title: str, blocks: Iterable[Block]) -> str:
    """
    Blocks as a part of somebody else's page, a notebook's: with no style that reaches beyond them.

    Args:
        title: What they are of.
        blocks: As of `block_html`. A picture is an image of its own, for its style would be everybody's.
    """
    shown = "".join(map(_fragment, blocks))
    return f"<div><p><strong>{escape(title)}</strong></p>\n{shown}</div>"


def _fragment(block: Block) -> str:
    match block:
        case Dots():
            return _image(block)
        case Table():
            # Notebooks set every cell to the right.
            return _table(block, of_words=' style="text-align:left"')
        case _:
            return block_html(block)


def progress_html(told: str, notes: Iterable[str], done: int = 0, of: int = 0) -> str:
    """
    How far something is, as a part of somebody else's page.

    Args:
        told: In words.
        notes: What was said meanwhile, a sentence each.
        done, of: How much of how much; 0 of 0 where nobody knows, and there is no bar.
    """
    bar = f' <progress value="{done}" max="{of}">{done:,} of {of:,}</progress>' if of else ""
    below = "".join(block_html(Paragraph(note)) for note in notes)
    return f"<div><p>{escape(told)}{bar}</p>\n{below}</div>"


def _image(picture: Dots) -> str:
    drawn = b64encode(picture_of(picture, alone=True).encode()).decode()
    told = "; ".join(f"{dot.name}: {dot.value:.3f}" for dot in picture.dots)
    return (
        f'<p><img alt="{escape(f"{picture.title}. {told}", quote=True)}" style="background:#fff;max-width:100%" '
        f'src="data:image/svg+xml;base64,{drawn}"></p>\n'
    )


def _table(table: Table, of_words: str = "") -> str:
    def cells(row: object, tag: str) -> Iterator[str]:
        assert isinstance(row, list | tuple)
        for at, cell in enumerate(row):
            kind = ' class="n"' if at in table.numbers else of_words
            yield f"<{tag}{kind}>{escape(cell)}</{tag}>"

    if not table.header:
        named = "".join(
            f'<tr><th scope="row"{of_words}>{escape(name)}</th><td{of_words}>{escape(value)}</td></tr>\n'
            for name, value in table.rows
        )
        return f"<table><tbody>{named}</tbody></table>\n"
    head = "".join(cells(list(table.header), "th"))
    rows = "".join(f"<tr>{''.join(cells(list(row), 'td'))}</tr>\n" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>\n' if table.note else ""
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n{note}'


def _bars(picture: Bars) -> str:
    height = _ROW * len(picture.bars) + 8
    width = _NAME_WIDTH + _BAR_WIDTH + _VALUE_WIDTH
    ends = [end for bar in picture.bars for end in (bar.value, bar.low) if end is not None]
    least, most = min([0.0, *ends]), max(0.0, picture.most)

    def at(value: float) -> float:
        return _NAME_WIDTH + _BAR_WIDTH * max(0.0, min(1.0, (value - least) / ((most - least) or 1.0)))

    zero = at(0.0)
    parts = [f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height}"/>']
    for number, bar in enumerate(picture.bars):
        top = 4 + number * _ROW
        middle = top + 11
        name = bar.name if len(bar.name) <= 30 else f"{bar.name[:29]}…"
        parts.append(
            f'<text x="{_NAME_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<text x="{_NAME_WIDTH + _BAR_WIDTH + 10}" y="{top + 15}">{escape(bar.shown)}</text>'
        )
        if bar.value is not None:
            left, right = sorted((zero, at(bar.value)))
            parts.append(
                f'<rect class="{bar.kind}" x="{left:.1f}" y="{top + 3}" height="16" '
                f'width="{right - left:.1f}"/>'
            )
        if bar.low is not None and bar.high is not None:
            low, high = at(bar.low), at(bar.high)
            parts.append(
                f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8'
                f'M{high:.1f} {middle - 4}v8"/>'
            )
    told = "; ".join(f"{bar.name}: {bar.shown}" for bar in picture.bars)
    return (
        f"<figure><figcaption>{escape(picture.title)}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(parts)}</svg></figure>\n"
    )


def picture_of(picture: Dots, *, alone: bool = False) -> str:
    """
    The picture as SVG: numbers with their intervals from left to right, and a matrix of what each is.

    Args:
        picture: What is drawn; names longer than there is room for are cut.
        alone: It becomes a file of its own, with its colours in it.
    """
    dots = picture.dots
    ends = [
        end
        for dot in dots
        for end in (dot.value, dot.low, dot.high, dot.corrected, dot.corrected_low, dot.corrected_high)
        if end is not None
    ] or [0.0, 1.0]
    least, most = min(ends), max(ends)
    if most - least < 1e-9:
        least, most = least - 0.05, most + 0.05
    step = min(_WIDEST, _PLOT_WIDTH / max(1, len(dots)))
    # Always as wide, so that letters are as large in a picture of few.
    width = _NAME_WIDTH + _PLOT_WIDTH + 20
    top, plot = 30, _PLOT_HEIGHT
    height = top + plot + 26 + _MARK_ROW * len(picture.rows) + (8 if picture.rows else 0)

    def level(value: float) -> float:
        return top + plot * (1 - (value - least) / (most - least))

    parts = [f'<rect class="biased" x="{_NAME_WIDTH}" y="6" width="10" height="10"/>']
    parts.append(f'<text x="{_NAME_WIDTH + 16}" y="16">{escape(picture.legend[0])}</text>')
    if any(dot.corrected is not None for dot in dots):
        parts.append(f'<rect class="corrected" x="{_NAME_WIDTH + 180}" y="6" width="10" height="10"/>')
        parts.append(f'<text x="{_NAME_WIDTH + 196}" y="16">{escape(picture.legend[1])}</text>')
    for number in range(5):
        value = least + (most - least) * number / 4
        at = level(value)
        parts.append(
            f'<line class="grid" x1="{_NAME_WIDTH}" x2="{width - 10}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{_NAME_WIDTH - 8}" y="{at + 4:.1f}" text-anchor="end">{_tick(value, most - least)}</text>'
        )
    for number, dot in enumerate(dots):
        middle = _NAME_WIDTH + step * (number + 0.5)
        apart = step * 0.14 if dot.corrected is not None else 0.0
        parts += _dot("biased", middle - apart, level, (dot.value, dot.low, dot.high))
        if dot.corrected is not None:
            corrected = (dot.corrected, dot.corrected_low, dot.corrected_high)
            parts += _dot("corrected", middle + apart, level, corrected)
        parts += _marks(dot, middle, top + plot + 26)
    before = ""
    for number, (group, of_group) in enumerate(picture.rows):
        at = top + plot + 30 + _MARK_ROW * number
        name = f"{group}: {of_group}" if group != before else of_group
        before = group
        parts.append(f'<text x="{_NAME_WIDTH - 8}" y="{at}" text-anchor="end">{escape(_cut(name))}</text>')
    told = "; ".join(f"{dot.name}: {dot.value:.3f}" for dot in dots)
    head = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    style = f"<style>{_ALONE}</style>" if alone else ""
    return (
        f'<svg{head} viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(f"{picture.title}. {told}", quote=True)}">{style}{"".join(parts)}</svg>'
    )


def _dot(
    kind: str, x: float, level: Callable[[float], float], ends: tuple[float, float | None, float | None]
) -> Iterator[str]:
    value, low, high = ends
    if low is not None and high is not None:
        yield f'<path class="{kind}" d="M{x:.1f} {level(low):.1f}V{level(high):.1f}"/>'
    yield f'<circle class="{kind}" cx="{x:.1f}" cy="{level(value):.1f}" r="4"/>'


def _marks(dot: Dot, x: float, top: float) -> Iterator[str]:
    for number, mark in enumerate(dot.marks):
        kind, size = ("on", 5) if mark else ("off", 3)
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{top + _MARK_ROW * number:.1f}" r="{size}"/>'


def _tick(value: float, spread: float) -> str:
    return f"{value:,.{0 if spread >= 20 else 1 if spread >= 2 else 2 if spread >= 0.2 else 3}f}"


def _cut(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"
