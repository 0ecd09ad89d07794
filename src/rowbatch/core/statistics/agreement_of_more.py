"""Of cells that hold more than one label, all that can be said of how far coders agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from rowbatch.core.statistics.coder_agreement import (
    CoderAgreement,
    Coding,
    GoldAgreement,
    PairAgreement,
    few_units,
    placed,
)
from rowbatch.core.statistics.figures import Figure, Resampling, share_figure
from rowbatch.core.statistics.paired import PairedComparison, compare_paired
from rowbatch.core.statistics.patterns import Floats, figures_of
from rowbatch.core.statistics.quoted_passages import (
    Passages,
    QuotedTexts,
    among_quotes,
    units_of,
    wanted_beside_gold,
)
from rowbatch.core.statistics.several_labels import GoldSets, Members, among_labels, among_sets


def agree_on_sets(coding: Coding, members: Members, resampling: Resampling) -> CoderAgreement:
    """
    Compute every measure of sets of labels.

    Args:
        coding: What was said, a set being a value; its labels are those that are in the sets.
        members: Which labels each set has.
        resampling: How intervals are found.
    """
    names, gold, judged, compared = placed(coding)
    patterns = coding.patterns.of_coders(*compared)
    measures = among_sets(patterns, members, resampling)
    sides = (
        {}
        if gold is None
        else {place: GoldSets(coding.patterns, members, gold, place, coding.labels) for place in judged}
    )
    beside = [
        GoldAgreement(
            coding.coders[place], side.without, side.figures(resampling), side.of_labels(resampling), ()
        )
        for place, side in sides.items()
    ]
    comparisons = []
    for one, other in combinations(judged, 2) if sides else ():
        first, second = sides[one], sides[other]
        hits = (
            coding.patterns.units(first.hits & ~second.hits),
            coding.patterns.units(second.hits & ~first.hits),
        )
        wanted = (first.wanted(), second.wanted())
        between = (coding.coders[one], coding.coders[other])
        comparisons.append(compare_paired(between, wanted, hits, coding.patterns, resampling))
    pairs = []
    if len(compared) > 2:
        for one, other in combinations(range(len(compared)), 2):
            figures = among_sets(patterns.of_coders(one, other), members, resampling)
            pairs.append(PairAgreement((names[compared[one]], names[compared[other]]), figures))
    found = _agreement(coding, measures, beside, patterns.units(patterns.ratings >= 2), resampling)
    return replace(
        found,
        cells="labels",
        pairs=tuple(pairs),
        comparisons=tuple(comparisons),
        of_labels=among_labels(patterns, members, coding.labels, resampling),
    )


@dataclass(frozen=True, slots=True)
class QuoteCoding:
    """
    What coders quoted, ready to be compared.

    Attributes:
        coding: Names and notes, and as its patterns the texts as units, each one of its own.
        texts: The texts.
        said: Of each text what each coder quoted, and gold last, unless it is one of the coders; None where
            one said nothing.
        weights: What a text counts, 1 in the mean; a single 1 in a simple random sample.
    """

    coding: Coding
    texts: Sequence[str]
    said: Sequence[Sequence[Passages | None]]
    weights: Floats

    def of_coders(self, *places: int) -> QuotedTexts:
        """Only some of them."""
        return QuotedTexts(self.texts, [[cells[place] for place in places] for cells in self.said])

    def beside(self, gold: int, place: int) -> QuotedTexts:
        """One beside gold: of texts with gold, where nothing is an answer that is wrong."""
        none = Passages(is_answer=False)
        said = [
            [None, None] if cells[gold] is None else [cells[gold], cells[place] or none]
            for cells in self.said
        ]
        return QuotedTexts(self.texts, said)


def agree_on_quotes(quotes: QuoteCoding, resampling: Resampling) -> CoderAgreement:
    """
    Compute every measure of quotes.

    Args:
        quotes: What was said.
        resampling: How intervals are found.
    """
    coding = quotes.coding
    names, gold, judged, compared = placed(coding)
    units = units_of(len(quotes.texts), quotes.weights)
    together = quotes.of_coders(*compared)
    beside, sides = [], {}
    for place in judged if gold is not None else ():
        assert gold is not None
        texts = sides[place] = quotes.beside(gold, place)
        wanted = wanted_beside_gold(texts)
        figures = figures_of(wanted, units, resampling)
        if not units.is_weighted:
            hits = float(texts.is_same.sum())
            figures["accuracy"] = share_figure(hits, texts.n, resampling, wanted["accuracy"].what)
        without = sum(cells[gold] is not None and cells[place] is None for cells in quotes.said)
        beside.append(GoldAgreement(coding.coders[place], without, figures, (), ()))
    comparisons: list[PairedComparison] = []
    for one, other in combinations(judged, 2) if sides else ():
        first, second = sides[one], sides[other]
        right = [side.is_same > 0 for side in (first, second)]
        only = (int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
        both = (wanted_beside_gold(first), wanted_beside_gold(second))
        between = (coding.coders[one], coding.coders[other])
        comparisons.append(compare_paired(between, both, only, units, resampling))
    pairs = []
    if len(compared) > 2:
        for one, other in combinations(compared, 2):
            figures = among_quotes(quotes.of_coders(one, other), units, resampling)
            pairs.append(PairAgreement((names[one], names[other]), figures))
    found = _agreement(coding, among_quotes(together, units, resampling), beside, together.n, resampling)
    return replace(found, cells="quotes", pairs=tuple(pairs), comparisons=tuple(comparisons))


def _agreement(
    coding: Coding,
    measures: dict[str, Figure],
    beside: Sequence[GoldAgreement],
    n: int,
    resampling: Resampling,
) -> CoderAgreement:
    """What is the same for all kinds of cells."""
    if len(beside) == 1:
        measures = measures | dict(beside[0].measures)
        n = beside[0].measures["accuracy"].n
    return CoderAgreement(
        coders=coding.coders,
        gold=coding.gold,
        scale="nominal",
        labels=coding.labels,
        n=n,
        rows=coding.rows,
        measures=measures,
        pairs=(),
        against_gold=tuple(beside),
        comparisons=(),
        resampling=resampling,
        notes=(*coding.notes, *few_units(n)),
    )
