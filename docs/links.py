"""The links of a page in Markdown, and the page with other ones. It needs nothing but Python."""

from __future__ import annotations

import re
from collections.abc import Callable

CODE = re.compile(r"`[^`\n]*`")
_PIECE = re.compile(
    rf"(?P<fence>^(?P<mark>```+|~~~+).*?^(?P=mark)\s*$)|{CODE.pattern}"
    r"|\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]\(<?(?P<link>[^)\s>]+)>?(?:\s+\"[^\"]*\")?\)",
    re.MULTILINE | re.DOTALL,
)


def with_links(text: str, moved: Callable[[str, str, str], str]) -> str:
    """
    A page with other links; what is code stays.

    Args:
        text: Markdown.
        moved: Given each link as it is written, its words and its address; gives what stands there instead.
    """

    def piece(match: re.Match[str]) -> str:
        return match[0] if match["link"] is None else moved(match[0], match["words"], match["link"])

    return _PIECE.sub(piece, text)
