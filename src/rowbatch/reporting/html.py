"""A report as one page that opens offline, prints well, and runs no script."""

from __future__ import annotations

from html import escape

from rowbatch.core.document import Document
from rowbatch.core.document_html import block_html

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


def html_of(document: Document) -> str:
    """
    The page.

    Args:
        document: All texts in it are escaped here: labels and texts are strangers'.
    """
    words = _WORDS[document.language]
    sections = "".join(
        f'<section id="{one.name}"><h2>{escape(one.title)}</h2>{"".join(map(block_html, one.blocks))}</section>\n'
        for one in document.sections
        if one.title
    )
    first = "".join("".join(map(block_html, one.blocks)) for one in document.sections if not one.title)
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
