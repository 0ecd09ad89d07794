"""
Texts as numbers: TF-IDF of words, of pairs of words, and of runs of two to four characters.

A text is put into one form (NFKC, small letters, single spaces), and all texts of a piece are one array of
characters. The hash of any run of characters is the difference of two sums times a power, modulo 2^64, so
that no loop over characters or words is left in Python: 14,000 to 19,000 texts of 80 to 100 characters
a second of a processor, with their labels (`benchmarks/bench_distil.py`).

Signs of scripts that have no spaces, and pictures such as emoji, are words of their own; so pairs of words
are pairs of signs there.

Source:
    scikit-learn 1.7, "TF-IDF term weighting": sublinear tf, smooth idf, each text's numbers of one family
    divided by their length. `tests/core/student` hold it to these numbers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_Number = TypeVar("_Number", bound=np.generic)

MOST_FEATURES = 1 << 18
"""Of one family: the ones in most texts. More made no student better that was looked at."""
_RUNS = (2, 3, 4)
_PIECE_CHARACTERS = 1 << 20
_ID_BITS = 20
_PRIME = 0x9E3779B97F4A7C15
_WORDS, _CHARACTERS = 0, 1
# Written one sign after the other, without spaces: Thai, Lao, Burmese, Khmer; kana; Chinese characters.
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_NOTHING, _IN_WORD, _ALONE, _UNKNOWN = 0, 1, 2, 255


def _mixed(values: Hashes) -> Hashes:
    """Spread all bits over all others (the finalizer of MurmurHash3)."""
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xFF51AFD7ED558CCD)
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


class _Powers:
    """Powers of an odd number modulo 2^64, and of what undoes it; more of them when they are wanted."""

    def __init__(self) -> None:
        self._forth = self._back = np.zeros(0, dtype=np.uint64)

    def of(self, count: int) -> tuple[Hashes, Hashes]:
        if len(self._forth) < count:
            size = max(count, _PIECE_CHARACTERS)
            self._forth, self._back = (
                np.cumprod(np.full(size, one, dtype=np.uint64), dtype=np.uint64)
                for one in (_PRIME, pow(_PRIME, -1, 1 << 64))
            )
        return self._forth[:count], self._back[:count]


class _Signs:
    """What each character is to a word; looked up when it is first met."""

    def __init__(self) -> None:
        self._kinds = np.full(0x110000, _UNKNOWN, dtype=np.uint8)

    def of(self, codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        kinds = self._kinds[codes]
        if (kinds == _UNKNOWN).any():
            for code in np.unique(codes[kinds == _UNKNOWN]).tolist():
                self._kinds[code] = _kind_of(code)
            kinds = self._kinds[codes]
        return kinds


def _kind_of(code: int) -> int:
    category = unicodedata.category(chr(code))
    if category[0] not in "LMN":
        return _ALONE if category == "So" else _NOTHING
    is_alone = any(first <= code <= last for first, last in _WITHOUT_SPACES)
    return _ALONE if is_alone else _IN_WORD


_POWERS, _SIGNS = _Powers(), _Signs()


def one_form(texts: pl.Series) -> pl.Series:
    """The same texts in NFKC, in small letters, with single spaces, and one at each end."""
    name = texts.name
    form = (
        pl.col(name).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    )
    return texts.to_frame().select(pl.format(" {} ", form).alias(name)).to_series()


@dataclass(frozen=True, slots=True)
class _Met:
    """Features as they stand in texts: the number of the text, from 0, and the hash of the feature."""

    texts: npt.NDArray[np.int32]
    hashes: Hashes


def _met(formed: pl.Series) -> tuple[_Met, _Met]:
    """Words and pairs of words; and runs of characters."""
    lengths = formed.str.len_chars().to_numpy()
    codes = np.frombuffer("".join(formed.to_list()).encode("utf-32-le"), dtype=np.uint32)
    of_text = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    forth, back = _POWERS.of(len(codes))
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(_mixed(codes.astype(np.uint64) + np.uint64(1)) * forth, out=sums[1:])

    kinds = _SIGNS.of(codes)
    in_word = kinds == _IN_WORD
    # Each text begins and ends with a space: no word goes from one into the next.
    before, after = np.roll(in_word, 1), np.roll(in_word, -1)
    alone = kinds == _ALONE
    starts = np.flatnonzero((in_word & ~before) | alone)
    ends = np.flatnonzero((in_word & ~after) | alone) + 1
    words, owners = _mixed((sums[ends] - sums[starts]) * back[starts]), of_text[starts]
    is_pair = owners[1:] == owners[:-1]
    pairs = _mixed(words[:-1] * np.uint64(_PRIME) + words[1:])[is_pair]
    of_words = _Met(np.concatenate([owners, owners[1:][is_pair]]), np.concatenate([words, pairs]))
    runs, run_owners = [], []
    for size in _RUNS:
        last = len(codes) - size + 1
        if last <= 0:
            continue
        inside = of_text[:last] == of_text[size - 1 :]
        found = _mixed(((sums[size:] - sums[:-size]) * back[:last]) ^ np.uint64(size << 60))
        runs.append(found[inside])
        run_owners.append(of_text[:last][inside])
    of_runs = _Met(
        np.concatenate(run_owners) if runs else np.zeros(0, dtype=np.int32),
        np.concatenate(runs) if runs else np.zeros(0, dtype=np.uint64),
    )
    return of_words, of_runs


def _pieces(formed: pl.Series) -> Iterator[tuple[int, pl.Series]]:
    """Texts that are at most so long together, with the number of the first one; a longer one is alone."""
    lengths = formed.str.len_chars().to_numpy()
    sums = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    start = 0
    while start < len(lengths):
        stop = int(np.searchsorted(sums, sums[start] + _PIECE_CHARACTERS, side="right")) - 1
        stop = max(start + 1, stop)
        yield start, formed[start:stop]
        start = stop


@dataclass(frozen=True, slots=True)
class Matrix:
    """
    Numbers of texts: only those that are not 0, text by text.

    Attributes:
        texts: How many.
        features: How many there are.
        of_text: The text of each number, rising.
        feature: Its feature.
        value: It.
        known: Of each text the share of its words, and pairs of words, that are features; 1 of none. None
            where nobody looked.
    """

    texts: int
    features: int
    of_text: Whole
    feature: Whole
    value: Floats
    known: Floats | None = None

    def of(self, chosen: npt.NDArray[np.bool_]) -> Matrix:
        """Only the chosen texts."""
        keep = chosen[self.of_text]
        number = np.cumsum(chosen) - 1
        return Matrix(
            int(chosen.sum()),
            self.features,
            number[self.of_text[keep]],
            self.feature[keep],
            self.value[keep],
        )

    def times(self, weights: npt.NDArray[np.floating]) -> Floats:
        """
        The product with a weight of each feature for each class.

        Args:
            weights: A row a feature.
        Returns:
            A row a text.
        """
        return Sums.by(self.of_text, self.texts).of(self.value, weights, self.feature)

    def product(self) -> Product:
        """What multiplies many times; its order takes a moment."""
        turn = np.argsort(self.feature, kind="stable")
        return Product(
            self,
            Sums.by(self.of_text, self.texts),
            Sums.by(self.feature[turn], self.features),
            self.of_text[turn],
            self.value[turn],
        )


@dataclass(frozen=True, slots=True)
class Product:
    """
    Numbers of texts in both orders: by text and by feature.

    Attributes:
        matrix: They.
        by_text, by_feature: Sums of them.
        turned_text, turned_value: By feature: the text of each, and it.
    """

    matrix: Matrix
    by_text: Sums
    by_feature: Sums
    turned_text: Whole
    turned_value: Floats

    def times(self, weights: npt.NDArray[np.floating]) -> Floats:
        """As `Matrix.times`."""
        return self.by_text.of(self.matrix.value, weights, self.matrix.feature)

    def turned(self, off: Floats) -> Floats:
        """The product of the transpose with a number of each text for each class: a row a feature."""
        return self.by_feature.of(self.turned_value, off, self.turned_text)


@dataclass(frozen=True, slots=True)
class Sums:
    """
    Sums of numbers that stand in order of what they belong to: several times faster than to add each where
    it belongs.

    Attributes:
        owners: What numbers belong to, rising, each once.
        starts: Where its numbers begin.
        count: How many owners there could be.
    """

    owners: Whole
    starts: Whole
    count: int

    @classmethod
    def by(cls, owners: Whole, count: int) -> Sums:
        """Of numbers whose owners stand in order."""
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        return cls(owners[starts], starts, count)

    def of(self, value: Floats, weights: npt.NDArray[np.floating], rows: Whole) -> Floats:
        """The sums of numbers times the rows of `weights` that go with them: a row an owner."""
        found = np.zeros((self.count, weights.shape[1]))
        if len(self.starts):
            # Column by column: rows of two or five numbers are gathered six times slower.
            for place in range(weights.shape[1]):
                column = np.ascontiguousarray(weights[:, place])
                found[self.owners, place] = np.add.reduceat(value * np.take(column, rows), self.starts)
        return found


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """
    The features that a student knows.

    Attributes:
        words, runs: Hashes of words and pairs of words, and of runs of characters, each rising. A feature's
            number is its place, those of runs come after the words'.
        idf: How much each counts: rare ones more.
    """

    words: Hashes
    runs: Hashes
    idf: Floats

    @property
    def size(self) -> int:
        return len(self.words) + len(self.runs)

    def reader(self) -> FeatureReader:
        """What makes numbers of texts; made once, since its index takes a moment."""
        return FeatureReader(self)


class FeatureReader:
    """
    Makes numbers of texts.

    Args:
        vocabulary: Whose features.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._finders = (
            (_WORDS, _Index(vocabulary.words), 0),
            (_CHARACTERS, _Index(vocabulary.runs), len(vocabulary.words)),
        )

    def pieces(self, texts: pl.Series) -> Iterator[Matrix]:
        """The numbers of texts, piece by piece, in order."""
        for _, piece in _pieces(one_form(texts)):
            yield self._of_piece(piece)

    def matrix(self, texts: pl.Series) -> Matrix:
        """The numbers of texts, all at once."""
        parts = [*self.pieces(texts)]
        firsts = np.cumsum([0, *(one.texts for one in parts)])
        return Matrix(
            len(texts),
            self._vocabulary.size,
            _joined([one.of_text + first for one, first in zip(parts, firsts, strict=False)], np.int64),
            _joined([one.feature for one in parts], np.int64),
            _joined([one.value for one in parts], np.float64),
        )

    def _of_piece(self, formed: pl.Series) -> Matrix:
        met = _met(formed)
        keys = []
        known = np.ones(len(formed))
        for family, index, first in self._finders:
            place, is_known = index.find(met[family].hashes)
            if family == _WORDS:
                of_texts = met[family].texts
                words = np.bincount(of_texts, minlength=len(formed))
                known_words = np.bincount(of_texts, weights=is_known, minlength=len(formed))
                np.divide(known_words, words, out=known, where=words > 0)
            of_text = met[family].texts[is_known].astype(np.int64)
            keys.append((of_text << _ID_BITS) | (place[is_known] + first))
        key = np.concatenate(keys)
        key.sort()
        is_first = np.ones(len(key), dtype=np.bool_)
        np.not_equal(key[1:], key[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        counts = np.diff(starts, append=len(key))
        key = key[starts]
        of_text, feature = key >> _ID_BITS, key & ((1 << _ID_BITS) - 1)
        value = (1 + np.log(counts)) * self._vocabulary.idf[feature]
        # Each family's numbers of a text have the length 1.
        family_of = of_text * 2 + (feature >= len(self._vocabulary.words))
        lengths = np.sqrt(np.bincount(family_of, weights=value * value, minlength=2 * len(formed)))
        value /= lengths[family_of]
        return Matrix(len(formed), self._vocabulary.size, of_text, feature, value, known)


class _Index:
    """Where a hash stands among rising ones: by its first bits, of which few hashes have the same."""

    def __init__(self, hashes: Hashes) -> None:
        bits = max(1, len(hashes).bit_length() + 2)
        self._shift = np.uint64(64 - bits)
        self._hashes = np.append(hashes, np.uint64(0))
        buckets = np.arange((1 << bits) + 1, dtype=np.uint64)
        self._starts = np.searchsorted((hashes >> self._shift), buckets).astype(np.int64)
        self._deepest = int(np.diff(self._starts).max(initial=0))

    def find(self, wanted: Hashes) -> tuple[Whole, npt.NDArray[np.bool_]]:
        """The place of each, and whether it is there."""
        bucket = (wanted >> self._shift).astype(np.int64)
        place, ends = self._starts[bucket], self._starts[bucket + 1]
        is_known = (place < ends) & (self._hashes[place] == wanted)
        for step in range(1, self._deepest):
            left = np.flatnonzero(~is_known & (place + step < ends))
            if not len(left):
                break
            hit = left[self._hashes[place[left] + step] == wanted[left]]
            place[hit] += step
            # No further step looks at these again.
            is_known[hit] = True
        return place, is_known


def learn_vocabulary(texts: pl.Series, *, least_texts: int = 2) -> Vocabulary:
    """
    The features of some texts.

    Args:
        texts: At least one.
        least_texts: Features of fewer texts are left out.
    """
    formed = one_form(texts)
    kept: list[Hashes] = []
    weights: list[Floats] = []
    count = len(formed)
    for family in (_WORDS, _CHARACTERS):
        of_texts, hashes = [], []
        for first, piece in _pieces(formed):
            one = _met(piece)[family]
            of_texts.append(one.texts.astype(np.int64) + first)
            hashes.append(one.hashes)
        different, places = np.unique(_joined(hashes, np.uint64), return_inverse=True)
        size = max(1, len(different))
        pairs = np.unique(_joined(of_texts, np.int64) * size + places)
        texts_with = np.bincount(pairs % size, minlength=size)[: len(different)]
        chosen = np.flatnonzero(texts_with >= least_texts)
        if len(chosen) > MOST_FEATURES:
            # The commonest; of equally common ones the smaller hash.
            order = np.argsort(-texts_with[chosen], kind="stable")[:MOST_FEATURES]
            chosen = np.sort(chosen[order])
        kept.append(different[chosen])
        weights.append(np.log((1 + count) / (1 + texts_with[chosen])) + 1)
    return Vocabulary(kept[0], kept[1], np.concatenate(weights))


def _joined(parts: Sequence[npt.NDArray[_Number]], kind: type[_Number]) -> npt.NDArray[_Number]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
