"""What people said of a run's rows, as a report tells it: the numbers of a coding set beside the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rowbatch.core.coding_set import Wave
from rowbatch.core.document import Language
from rowbatch.core.run_quality import RunQuality
from rowbatch.core.statistics.coder_agreement import GoldAgreement
from rowbatch.core.statistics.corrected import CorrectedEstimates
from rowbatch.reporting.facts import PeopleFacts
from rowbatch.words.notice import Notice

_DESIGNS = {
    "simple": {"en": "simple random", "zh": "简单随机抽样"},
    "stratified": {"en": "random within strata of {by}", "zh": "按 {by} 分层随机抽样"},
    "groups": {"en": "random groups of {by}", "zh": "按 {by} 整群随机抽样"},
    "one-per-group": {"en": "one random row of each group of {by}", "zh": "每个 {by} 组随机抽取一行"},
}
_IN_STRATA = {"en": ", in strata of {by}", "zh": "，按“{by}”分层"}
_SEED = {"en": ", seed {seed}", "zh": "，种子 {seed}"}
_ALSO = {
    "en": " (and others that chance did not draw, which do not count)",
    "zh": "（另有非随机选取的行，不计入）",
}
# The report has it before anything else.
_USED_UP = "quality-used-up"
NO_ANSWER = {"en": "(none)", "zh": "（无）"}


@dataclass(frozen=True, slots=True)
class CodedSet:
    """
    What a coding set says of itself.

    Attributes:
        name: Its name.
        waves: How its rows were drawn.
        coders: How many people coded.
        looks: At its test part so far.
    """

    name: str
    waves: Sequence[Wave]
    coders: int
    looks: int


def people_facts(
    coded: CodedSet,
    quality: Sequence[RunQuality],
    corrected: Sequence[CorrectedEstimates],
    language: Language,
    refused: Mapping[str, Notice] | None = None,
) -> PeopleFacts:
    """
    Put the numbers of all variables together.

    Args:
        coded: The coding set.
        quality: Of each variable that can be compared; one at least.
        corrected: Of each variable that has corrected numbers.
        language: Of the words that are made here.
        refused: By variable, why it has none.
    """
    # One set has one part that is looked at.
    part = quality[0].part
    return PeopleFacts(
        source=coded.name,
        coders=coded.coders,
        rows=max(one.counts.settled for one in quality),
        design=design_told(coded.waves, language),
        part="" if part == "all" else part,
        is_random=any(one.chosen_by == "chance" for one in coded.waves),
        among={one.variable: one.among.measures for one in quality if one.among is not None},
        against={one.variable: one.model.measures for one in quality},
        confusion={
            one.variable: _cells(one.against.labels, one.model, language)
            for one in quality
            if one.model.confusion
        },
        corrected=[one for estimates in corrected for one in estimates.corrections],
        accepted={
            one.variable: [label for label in one.acceptance.labels if label.least_sure is None]
            for one in quality
            if one.acceptance is not None
        },
        wanted=next((one.acceptance.wanted for one in quality if one.acceptance is not None), None),
        looks=coded.looks,
        is_test_spent=any(note.kind == _USED_UP for one in quality for note in one.notes),
        notes={
            one.variable: [note.told("page", language) for note in one.notes if note.kind != _USED_UP]
            for one in quality
        },
        refused=dict(refused or {}),
    )


def design_told(waves: Sequence[Wave], language: Language) -> str:
    """How rows were drawn, in words: each design once."""
    told = []
    for wave in waves:
        if wave.chosen_by != "chance":
            continue
        words = _DESIGNS.get(wave.design)
        shown = wave.design if words is None else words[language]
        by = wave.grouped_by or wave.stratified_by
        strata = _IN_STRATA[language].format(by=wave.stratified_by)
        shown = shown.replace("{by}", by) + (strata if wave.grouped_by and wave.stratified_by else "")
        told.append(shown + _SEED[language].format(seed=wave.seed))
    also = _ALSO[language] if told and any(one.chosen_by != "chance" for one in waves) else ""
    return "; ".join(dict.fromkeys(told)) + also


def _cells(labels: Sequence[str], model: GoldAgreement, language: Language) -> list[tuple[str, str, int]]:
    """The confusion matrix as its cells, zeros too, in the order of the labels; the last answer is none."""
    answers = [*labels, NO_ANSWER[language]]
    return [
        (label, answer, count)
        for label, row in zip(labels, model.confusion, strict=False)
        for answer, count in zip(answers, row, strict=False)
    ]
