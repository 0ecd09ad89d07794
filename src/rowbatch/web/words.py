"""Words, numbers, times and money in the language of the reader."""

from __future__ import annotations

import gettext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from rowbatch.words.notice import Notice
from rowbatch.words.telling import Language

LANGUAGES: dict[Language, str] = {"en": "English", "zh": "简体中文"}
_HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}


class Words:
    """
    One language.

    Args:
        language: `en` or `zh`.
        translations: Of the sentences in the code, which are English.
    """

    def __init__(self, language: Language, translations: gettext.NullTranslations) -> None:
        self.language, self._translations = language, translations

    @property
    def html_language(self) -> str:
        """For `<html lang>`."""
        return _HTML_LANGUAGE[self.language]

    def t(self, sentence: str, **values: object) -> str:
        """A sentence, with values in the place of `%(name)s`."""
        found = self._translations.gettext(sentence)
        return found % values if values else found

    def nt(self, one: str, many: str, count: int, **values: object) -> str:
        """A sentence about so many things; `%(n)s` is the number."""
        found = self._translations.ngettext(one, many, count)
        return found % {"n": self.number(count), **values}

    def told(self, notice: Notice) -> str:
        """A notice of the rooms below, as pages have it."""
        return notice.told("page", self.language)

    def number(self, value: float) -> str:
        """100,000."""
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"

    def decimal(self, value: float | None) -> str:
        """1,234.57, 12.5, 0.00123; – for what is undefined."""
        if value is None:
            return "–"
        if float(value).is_integer():
            return f"{value:,.0f}"
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"

    def size(self, value: int) -> str:
        """Bytes, in the unit that fits."""
        for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if value >= factor:
                return f"{value / factor:,.1f} {unit}"
        return self.nt("%(n)s byte", "%(n)s bytes", value)

    def percent(self, share: float | None) -> str:
        """83%, 0.4%; – for what is not known."""
        if share is None:
            return "–"
        return f"{share:.0%}" if share >= 0.01 or share == 0 else f"{share:.1%}"

    def money(self, value: Decimal | float | None) -> str:
        """$3.60; small amounts with as many digits as say something."""
        if value is None:
            return self.t("price not known")
        amount = Decimal(value)
        if amount == 0:
            return self.t("free")
        if amount < Decimal("0.01"):
            return self.t("less than $0.01")
        return f"${amount:,.2f}"

    def money_range(self, low: Decimal | None, high: Decimal | None) -> str:
        """$3.10 – $4.20."""
        if low is None or high is None or self.money(low) == self.money(high):
            return self.money(high)
        return f"{self.money(low)} – {self.money(high)}"

    def duration(self, seconds: float) -> str:
        """20 seconds, 14 minutes, 2 h 14 min, 3 days."""
        whole = max(0, round(seconds))
        if whole < 60:
            return self.nt("%(n)s second", "%(n)s seconds", whole)
        if whole < 3600:
            return self.nt("%(n)s minute", "%(n)s minutes", round(whole / 60))
        if whole < 86_400:
            return self.t("%(hours)s h %(minutes)s min", hours=whole // 3600, minutes=whole % 3600 // 60)
        return self.nt("%(n)s day", "%(n)s days", round(whole / 86_400))

    def ago(self, at: datetime | float) -> str:
        """20 seconds ago; dates from a day on."""
        then = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
        past = datetime.now(UTC) - then
        if past < timedelta(seconds=2):
            return self.t("just now")
        if past < timedelta(days=1):
            return self.t("%(time)s ago", time=self.duration(past.total_seconds()))
        return self.when(then)

    def when(self, at: datetime | str) -> str:
        """A moment, in the time of this computer."""
        then = datetime.fromisoformat(at) if isinstance(at, str) else at
        local = then.astimezone()
        if self.language == "zh":
            return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
        return f"{local.day} {local:%b %Y, %H:%M}"

    def visible(self, text: str) -> str:
        """Text of which nothing is hidden: marks that turn the direction of writing are shown by their name."""
        return "".join(_MARKS.get(character, character) for character in text)


_MARKS = {
    **{
        chr(code): f"[U+{code:04X}]"
        for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    },
    "\u061c": "[U+061C]",
    "\x00": "[U+0000]",
}


@cache
def words_of(language: str) -> Words:
    """The words of a language; English where there is no such one."""
    return Words(language, _translations(language)) if language in LANGUAGES else words_of("en")


def choose_language(chosen: str, accepted: str) -> str:
    """
    Which language a reader wants.

    Args:
        chosen: What was chosen on the settings page, or "".
        accepted: The browser's `Accept-Language`.
    """
    if chosen in LANGUAGES:
        return chosen
    best, best_weight = "en", 0.0
    for part in accepted.split(","):
        name, _, quality = part.strip().partition(";q=")
        short = name.strip().lower().split("-")[0]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if short in LANGUAGES and weight > best_weight:
            best, best_weight = short, weight
    return best


def _translations(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    place = files("rowbatch.web").joinpath("locale", "zh_CN", "LC_MESSAGES", "messages.mo")
    with as_file(place) as path, path.open("rb") as file:
        return gettext.GNUTranslations(file)


def install(environment: Any, words: Words) -> None:
    """Let templates of an environment speak a language."""
    environment.install_gettext_callables(
        words._translations.gettext, words._translations.ngettext, newstyle=True
    )
    environment.globals["w"] = words
