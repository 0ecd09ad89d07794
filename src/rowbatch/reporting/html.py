"""A report as one page that opens offline, prints well, and runs no script."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import assert_never

from rowbatch.reporting.document import Bars, Block, Code, Document, Paragraph, Table

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
svg .corrected{fill:var(--corrected)}
nav ul{columns:2;padding-left:1.1rem}nav a{color:inherit}
@media (max-width:34rem){nav ul{columns:1}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--alert:#a4161a;
--alert-paper:#fff}main{max-width:none;padding:0}nav{display:none}h2{break-after:avoid}
figure,tr,.alert{break-inside:avoid}body{font-size:10.5pt}@page{margin:2cm}}
"""
_NAME_WIDTH, _BAR_WIDTH, _VALUE_WIDTH, _ROW = 220, 340, 190, 26


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
