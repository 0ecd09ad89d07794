"""
The sentences of the web app and their translations.

`python docs/messages.py` collects the sentences of the code and the templates into the catalogue, keeps the
translations that are there, and compiles it. `check.py` fails when that was forgotten, or when a sentence is
not translated.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parent.parent / "src" / "rowbatch" / "web"
PO = WEB / "locale" / "zh_CN" / "LC_MESSAGES" / "messages.po"
MO = PO.with_suffix(".mo")
_DATE = datetime(2026, 11, 24, tzinfo=UTC)
_KEYWORDS = {"t": None, "nt": (1, 2), "_": None, "gettext": None, "ngettext": (1, 2)}
_METHODS = [("pages/**.py", "python"), ("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]


def collected() -> Catalog:
    """The sentences that are in the code now, with the translations of the catalogue."""
    known = read_po(io.BytesIO(PO.read_bytes()), locale="zh_CN") if PO.exists() else Catalog(locale="zh_CN")
    catalog = Catalog(
        locale="zh_CN",
        project="rowbatch",
        # Nothing in it changes by itself, so that the file only changes when a sentence does.
        creation_date=_DATE,
        revision_date=_DATE,
        fuzzy=False,
        header_comment="# Chinese (Simplified) words of the web app. Apache-2.0, as the rest.",
    )
    found = extract_from_dir(
        str(WEB),
        _METHODS,
        keywords=_KEYWORDS,
        options_map={"templates/**.html": {"encoding": "utf-8", "trimmed": "true"}},
    )
    for name, _, message, comments, context in sorted(found, key=lambda entry: (entry[0], entry[1])):
        catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    for entry in catalog:
        old = known.get(entry.id if isinstance(entry.id, str) else entry.id[0])
        if entry.id and old is not None and old.string:
            entry.string = old.string
    return catalog


def untranslated(catalog: Catalog) -> list[str]:
    """Sentences without a translation, or with other placeholders."""
    missing = []
    for message in catalog:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, list | tuple) else [message.string]
        if not all(strings):
            missing.append(f"not translated: {message.id}")
        elif _placeholders(message) != _placeholders(message, translated=True):
            missing.append(f"other placeholders: {message.id}")
    return missing


def _placeholders(message: Message, *, translated: bool = False) -> set[str]:
    told = message.string if translated else message.id
    texts = told if isinstance(told, list | tuple) else [told]
    return {name for text in texts for name in re.findall(r"%\((\w+)\)", str(text))}


def po_bytes(catalog: Catalog) -> bytes:
    """The catalogue as people edit it."""
    out = io.BytesIO()
    write_po(out, catalog, width=0, sort_output=True, include_lineno=False)
    return out.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """The catalogue as the program reads it."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def faults() -> list[str]:
    """What is wrong with the catalogue, for `check.py`."""
    catalog = collected()
    found = untranslated(catalog)
    if (
        po_bytes(catalog) != PO.read_bytes()
        or mo_bytes(read_po(io.BytesIO(PO.read_bytes()), locale="zh_CN")) != MO.read_bytes()
    ):
        found.append("the catalogue is not up to date: python docs/messages.py")
    return found


def main() -> int:
    """Write the catalogue anew, and say what is not translated."""
    catalog = collected()
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(po_bytes(catalog))
    MO.write_bytes(mo_bytes(read_po(io.BytesIO(PO.read_bytes()), locale="zh_CN")))
    missing = untranslated(catalog)
    print(f"{len(catalog)} sentences, {len(missing)} to do")
    for one in missing:
        print(f"  {one}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
