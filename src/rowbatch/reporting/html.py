"""A report as one page that opens offline, prints well, and runs no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import assert_never

from rowbatch.reporting.document import Bars, Block, Code, Document, Dot, Dots, Paragraph, Table

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5b6472;--line:#d6dae1;--paper:#fff;--bar:#3b6ea8;
--biased:#b0603a;--people:#4c7d52;--corrected:#3b6ea8;--alert:#a4161a;--alert-paper:#fdeaea}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7ec;--soft:#a3acb9;--line:#3a424e;--paper:#161a20;
--bar:#7aa7dc;--biased:#e09a72;--people:#8bc492;--corrected:#7aa7dc;--alert:#ff9b9b;--alert-paper:#3a1c1e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:56rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.25rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
p{margin:.5rem 0}.lead,.note,footer{color:var(--soft)}.note,footer{font-size:.875rem}
.alert{color:var(--alert);background:var(--alert-paper);border-left:4px solid var(--alert);
padding:.6rem .9rem;font-weight:600;white-space:pre-line}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.925rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
pre{background:color-mix(in srgb,var(--line) 30%,transparent);padding:.75rem;white-space:pre-wrap;
overflow-wrap:anywhere;font-size:.85rem;border-radius:4px}
figure{margin:1rem 0}figcaption{font-weight:600;margin-bottom:.25rem}svg{width:100%;height:auto;display:block}
svg text{fill:var(--ink);font-size:13px}svg .axis{stroke:var(--line)}svg .whisker{stroke:var(--ink)}
svg .plain{fill:var(--bar)}svg .biased{fill:var(--biased)}svg .people{fill:var(--people)}
svg .corrected{fill:var(--corrected)}svg .off{fill:var(--line)}svg .on{fill:var(--ink)}
svg path.biased,svg path.corrected{fill:none;stroke-width:1.5}svg path.biased{stroke:var(--biased)}
svg path.corrected{stroke:var(--corrected)}svg .grid{stroke:var(--line)}
nav ul{columns:2;padding-left:1.1rem}nav a{color:inherit}
@media (max-width:34rem){nav ul{columns:1}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--alert:#a4161a;
--alert-paper:#fff}main{max-width:none;padding:0}nav{display:none}h2{break-after:avoid}
figure,tr,.alert{break-inside:avoid}body{font-size:10.5pt}@page{margin:2cm}}
"""
_NAME_WIDTH, _BAR_WIDTH, _VALUE_WIDTH, _ROW = 220, 340, 190, 26
_PLOT_HEIGHT, _PLOT_WIDTH, _MARK_ROW, _WIDEST = 190, 530, 20, 48
_ALONE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2430}.grid{stroke:#d6dae1}.off{fill:#d6dae1}.on{fill:#1d2430}"
    "circle.biased,rect.biased{fill:#b0603a}circle.corrected,rect.corrected{fill:#3b6ea8}"
    "path{fill:none;stroke-width:1.5}path.biased{stroke:#b0603a}path.corrected{stroke:#3b6ea8}"
)
"""The colours of a picture that is a file of its own, on white."""


def html_of(document: Document) -> str:
    """
    The page.

    Args:
        document: All texts in it are escaped here: labels and texts are strangers'.
    """
    words = _WORDS[document.language]
    sections = "".join(
        f'<section id="{one.name}"><h2>{escape(one.title)}</h2>{"".join(map(_block, one.blocks))}</section>\n'
        for one in document.sections
        if one.title
    )
    first = "".join("".join(map(_block, one.blocks)) for one in document.sections if not one.title)
    contents = "".join(
        f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in document.sections if one.title
    )
    return (
        f'<!doctype html>\n<html lang="{words["lang"]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{first}"
        f'<h1>{escape(document.title)}</h1>\n<p class="lead">{escape(document.lead)}</p>\n'
        f'<nav aria-label="{words["contents"]}"><ul>{contents}</ul></nav>\n{sections}'
        f"<footer><p>{escape(document.made_with)}</p></footer>\n</main>\n</body>\n</html>\n"
    )


_WORDS = {
    "en": {"lang": "en", "contents": "Contents"},
    "zh": {"lang": "zh-CN", "contents": "目录"},
}


def _block(block: Block) -> str:
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


def _table(table: Table) -> str:
    def cells(row: object, tag: str) -> Iterator[str]:
        assert isinstance(row, list | tuple)
        for at, cell in enumerate(row):
            kind = ' class="n"' if at in table.numbers else ""
            yield f"<{tag}{kind}>{escape(cell)}</{tag}>"

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
