"""
How far coders agree who quote passages of a text.

A passage is where a quote stands: from which character to before which one. Two coders may quote the same
(exact match), share some characters or words (F1, overlap), and all of them together cut the texts into what
is quoted and what is not (alpha for unitizing).

Source:
    Krippendorff, Mathet, Bouvry and Widloecher (2016), "On the reliability of unitizing textual continua:
    further developments"; Krippendorff (2019), "Content analysis", 4th edition, section 12.6, equations 32 to
    35.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from rowbatch.core.statistics.figures import Figure, Resampling, share_figure, undefined
from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, Wanted, figures_of, ratio
from rowbatch.words.notice import Notice

Unit = Literal["characters", "words"]

# What is written without spaces between words has a word a character.
_WITHOUT_SPACES = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W{_WITHOUT_SPACES}]+")


@dataclass(frozen=True, slots=True)
class Passages:
    """
    What one coder quoted of one text.

    Attributes:
        spans: From which character, from 0, to before which one; in order, none overlapping another.
        lost_characters, lost_words: Of quotes that do not stand in the text: quoted, and shared with nobody.
        is_answer: False for an answer that should be there and is not: it agrees with nobody, not even with
            one who quotes nothing.
    """

    spans: tuple[tuple[int, int], ...] = ()
    lost_characters: int = 0
    lost_words: int = 0
    is_answer: bool = True

    @property
    def characters(self) -> int:
        """How many are quoted."""
        return sum(stop - start for start, stop in self.spans) + self.lost_characters


def passages_of(spans: Sequence[tuple[int, int]], lost: Sequence[str] = ()) -> Passages:
    """
    Passages as they are compared: what overlaps is one.

    Args:
        spans: Where quotes stand, in any order.
        lost: Quotes that do not stand in the text.
    """
    found: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        elif stop > start:
            found.append((start, stop))
    return Passages(tuple(found), sum(map(len, lost)), sum(len(words_of(quote)) for quote in lost))


def words_of(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand."""
    return [word.span() for word in _WORD.finditer(text)]


def _shared(first: Passages, second: Passages) -> int:
    """Characters that both quote."""
    return sum(
        max(0, min(stop, other_stop) - max(start, other_start))
        for start, stop in first.spans
        for other_start, other_stop in second.spans
    )


def _quoted_words(passages: Passages, starts: Sequence[int], stops: Sequence[int]) -> set[int]:
    """Words of which something is quoted."""
    found: set[int] = set()
    for start, stop in passages.spans:
        found.update(range(bisect_right(stops, start), bisect_left(starts, stop)))
    return found


class QuotedTexts:
    """
    What coders quoted of texts, counted: a line a text, over all pairs of coders.

    Args:
        texts: The texts.
        said: Of each text, what each coder quoted; None where one said nothing.
    """

    def __init__(self, texts: Sequence[str], said: Sequence[Sequence[Passages | None]]) -> None:
        self.coders = len(said[0]) if said else 0
        rows = len(texts)
        self._pairs, self._same, self._overlap = np.zeros(rows), np.zeros(rows), np.zeros(rows)
        # Shared, of the first, of the second.
        self._characters, self._words = np.zeros((rows, 3)), np.zeros((rows, 3))
        # Characters quoted by both of two coders, by one, by neither; and what units and gaps would be paired
        # with themselves.
        self._coincidences = np.zeros((rows, 5))
        for row, (text, cells) in enumerate(zip(texts, said, strict=True)):
            self._count(row, text, [cell for cell in cells if cell is not None])

    def _count(self, row: int, text: str, quoted: Sequence[Passages]) -> None:
        if len(quoted) < 2:
            return
        places = words_of(text) if any(one.spans for one in quoted) else []
        starts, stops = [start for start, _ in places], [stop for _, stop in places]
        words = [_quoted_words(one, starts, stops) for one in quoted]
        inside = [one.characters - one.lost_characters for one in quoted]
        each = 2 / (len(quoted) - 1)
        for one, other in combinations(range(len(quoted)), 2):
            first, second = quoted[one], quoted[other]
            shared = _shared(first, second)
            self._pairs[row] += 1
            if first.is_answer and second.is_answer:
                either = first.characters + second.characters - shared
                self._same[row] += first == second and not first.lost_characters
                self._overlap[row] += shared / either if either else 1
            self._characters[row] += shared, first.characters, second.characters
            self._words[row] += (
                len(words[one] & words[other]),
                len(words[one]) + first.lost_words,
                len(words[other]) + second.lost_words,
            )
            differing = inside[one] + inside[other] - 2 * shared
            neither = len(text) - inside[one] - inside[other] + shared
            self._coincidences[row, :3] += shared * each, differing * each, neither * each
        for passages, length in zip(quoted, inside, strict=True):
            units = sum((stop - start) ** 2 for start, stop in passages.spans)
            self._coincidences[row, 3:] += units, len(text) - length

    @property
    def n(self) -> int:
        """Texts of which two coders at least said something."""
        return int((self._pairs > 0).sum())

    @property
    def is_same(self) -> Floats:
        """1 for each text of which all pairs of coders quote the very same."""
        found: Floats = ((self._pairs > 0) & (self._same == self._pairs)).astype(np.float64)
        return found

    def exact_match(self) -> Statistic:
        """The share of pairs of coders that quote the very same."""
        return self._per_unit(self._same)

    def overlap(self) -> Statistic:
        """The mean of what two coders share of the characters that either quotes; 1 of two who quote none."""
        return self._per_unit(self._overlap)

    def _per_unit(self, values: Floats) -> Statistic:
        is_there = self._pairs > 0
        each = np.divide(values, self._pairs, out=np.zeros_like(values), where=is_there)
        return lambda masses: ratio(masses @ each, masses @ is_there.astype(np.float64))

    def f1(self, of: Unit) -> Statistic:
        """F1 of all characters or words that are quoted."""
        shared, first, second = self._sums(of)
        return lambda masses: ratio(2 * (masses @ shared), masses @ (first + second))

    def share(self, of: Unit, coder: int) -> Statistic:
        """What both quote of what the first (0) or the second (1) of two coders does."""
        shared, *each = self._sums(of)
        return lambda masses: ratio(masses @ shared, masses @ each[coder])

    def _sums(self, of: Unit) -> tuple[Floats, Floats, Floats]:
        counts = self._characters if of == "characters" else self._words
        return counts[:, 0], counts[:, 1], counts[:, 2]

    def unitizing_alpha(self) -> Statistic:
        """
        Alpha for unitizing, binary: quoted or not, one after the other through all texts.

        Compared is the length of what two coders both quote, one quotes, and neither does. By chance a unit
        may meet any other but itself, and a character of a gap any other.
        """
        parts = self._coincidences

        def statistic(masses: Floats) -> Floats:
            both, differing, neither, units, gaps = (masses @ parts).T
            total = both + differing + neither
            of_quoted, of_gaps = both + differing / 2, neither + differing / 2
            expected = 2 * total * of_quoted * of_gaps
            return 1 - ratio(differing * (total * total - units - gaps), expected, total**3)

        return statistic


def units_of(rows: int, weights: Floats) -> Patterns:
    """Texts as units that are drawn: each is a pattern of its own."""
    return Patterns(np.arange(rows)[:, None], np.ones(rows, dtype=np.int64), max(1, rows), None, weights)


def among_quotes(texts: QuotedTexts, units: Patterns, resampling: Resampling) -> dict[str, Figure]:
    """
    The measures of passages, by name.

    Args:
        texts: What was quoted.
        units: The texts as units, of `units_of`.
        resampling: How intervals are found.
    """
    n = texts.n
    nothing = Notice("undefined-nothing-quoted")
    wanted = {
        "exact_match": Wanted(
            texts.exact_match(),
            n,
            "share of pairs of coders of a text that quote the very same",
            Notice("undefined-no-pairs"),
        ),
        "character_f1": Wanted(texts.f1("characters"), n, "F1 of all characters that are quoted", nothing),
        "word_f1": Wanted(texts.f1("words"), n, "F1 of all words that are quoted", nothing),
        "mean_overlap": Wanted(
            texts.overlap(),
            n,
            "mean of what two coders of a text share of the characters that either quotes (Jaccard)",
            Notice("undefined-no-pairs"),
        ),
        "unitizing_alpha": Wanted(
            texts.unitizing_alpha(),
            n,
            "Krippendorff's alpha for unitizing, binary (2016), of characters",
            nothing,
        ),
    }
    if not n:
        return {name: undefined(0, one.what, Notice("undefined-no-pairs")) for name, one in wanted.items()}
    found = figures_of(wanted, units, resampling)
    if texts.coders == 2 and not units.is_weighted:
        found["exact_match"] = share_figure(
            float(texts.is_same.sum()), n, resampling, wanted["exact_match"].what
        )
    return found


def wanted_beside_gold(texts: QuotedTexts) -> dict[str, Wanted]:
    """
    The measures of the second of two coders beside the first, who is right, by name.

    Args:
        texts: Of two coders: gold, and who is judged; of the texts with gold, where an answer that is not
            there is none.
    """
    n = texts.n
    none = Notice("undefined-nothing-quoted")
    counted = Notice("undefined-nothing-counted")
    found = {
        "accuracy": Wanted(
            texts.exact_match(), n, "share of texts where the quotes are gold's; no answer is wrong", counted
        )
    }
    units: tuple[tuple[Unit, str], ...] = (("characters", "character"), ("words", "word"))
    for of, name in units:
        words = f"of all {of} that are quoted"
        found |= {
            f"{name}_precision": Wanted(texts.share(of, 1), n, f"precision {words}", none),
            f"{name}_recall": Wanted(texts.share(of, 0), n, f"recall {words}", none),
            f"{name}_f1": Wanted(texts.f1(of), n, f"F1 {words}", none),
        }
    found["mean_overlap"] = Wanted(
        texts.overlap(),
        n,
        "mean of what quotes share with gold's, of the characters in either (Jaccard); of no answer 0",
        counted,
    )
    return found
