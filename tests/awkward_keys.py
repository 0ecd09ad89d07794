"""Keys that can be none, as they come from copying, editing and other programs."""

from __future__ import annotations

AWKWARD = {
    "line-break": "sk-canary\nof-the-keys",
    "return": "sk-canary\rof-the-keys",
    "tabulator": "sk-canary\tof-the-keys",
    "null": "sk-canary\x00of-the-keys",
    "bell": "sk-canary\x07of-the-keys",
    "accent": "sk-canary-é-of-the-keys",
    "dash": "sk\u2013canary-of-the-keys",
    "curly-quote": "\u201csk-canary-of-the-keys",
    "no-break-space": "sk-canary\u00a0of-the-keys",
    "line-separator": "sk-canary\u2028of-the-keys",
    "no-text": "sk-canary-\udce9-of-the-keys",
    "space": "sk-canary of-the-keys",
    "two-lines": "OPENAI_API_KEY=sk-canary\nOTHER=of-the-keys",
    "long": "sk-canary-of-the-keys" * 1_000,
}
PARTS = ("canary", "of-the-keys")
"""Parts of each; none of them is to be seen anywhere."""
