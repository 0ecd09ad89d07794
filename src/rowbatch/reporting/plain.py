"""A report as JSON: the same facts under names that programs can rely on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rowbatch.core.address import shown_address
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.figures import plain_figures
from rowbatch.reporting.facts import PeopleFacts, RunFacts, commonest

if TYPE_CHECKING:
    from rowbatch.reporting.sentinels import Sentinels

FORMAT = 1
"""Version of these names."""


def plain_of(facts: RunFacts) -> dict[str, Any]:
    """Texts, numbers, lists and mappings; times are ISO 8601, money is a text."""
    plan, collected = facts.plan, facts.collected
    source = plan.source
    return {
        "rowbatch_report": FORMAT,
        "run": facts.name,
        "created_at": plan.created_at,
        "software": dict(facts.versions),
        "table": {
            "name": facts.table,
            "sha256": source.sha256,
            "rows": facts.rows,
            "columns": facts.columns,
            **({"origin": shown_address(source.origin)} if source.origin else {}),
        },
        "asked": {
            "codebook": dict(plan.question.answer),
            "codebook_sha256": facts.codebook_sha256,
            "instructions": facts.instructions,
            "template": plan.question.template,
            "example_request": facts.example,
            "models": [
                {
                    "provider": one.provider,
                    "model": one.model,
                    "address": one.address,
                    "is_local": one.is_local,
                    "endpoint": one.endpoint,
                    "parameters": dict(one.parameters),
                }
                for one in facts.models
            ],
            "consensus": str(plan.panel.consensus) if plan.panel else None,
            "samples": plan.asking.samples,
        },
        "came": {
            "statuses": {
                str(status): collected.statuses[status] for status in RowStatus if collected.statuses[status]
            },
            "reasons": dict([*commonest(collected.reasons).items()][:20]),
            "models_that_answered": dict(facts.answered),
            "system_fingerprints": dict(facts.fingerprints),
            "values": {
                one.variable: {"n": one.n, "labels": dict(one.labels), "facts": dict(one.facts)}
                for one in facts.values
            },
            "confidence": {name: list(tenths) for name, tenths in facts.confidence.items()},
            "confidence_basis": facts.confidence_basis,
            "corrected_rows": facts.corrected_rows,
            "taken_over": {"rows": collected.taken_over, "from": [dict(one) for one in collected.taken_from]},
            "doubted_batches": list(collected.doubted),
        },
        "spent": {
            "usd": None if facts.spent_usd is None else str(facts.spent_usd),
            "prompt_tokens": collected.prompt_tokens,
            "answer_tokens": collected.answer_tokens,
            "requests": facts.requests,
            "batches": facts.batches,
            "rounds": facts.rounds,
            "first_sent_at": _time(facts.first_sent_at),
            "last_ended_at": _time(facts.last_ended_at),
        },
        "people": None if facts.people is None else _plain_people(facts.people),
        "sentinels": None if facts.sentinels is None else _plain_sentinels(facts.sentinels),
        "stability": None if facts.stability is None else facts.stability.to_plain(),
        "specification_curve": None if facts.curve is None else facts.curve.to_plain(),
    }


def _plain_sentinels(found: Sentinels) -> dict[str, Any]:
    return {
        "archive_content_sha256": found.content_sha256,
        "seed": found.seed,
        "drawn_at": found.drawn_at,
        "texts": len(found.texts),
        "drifted": list(found.drifted),
        "looks": [
            {
                "asked_at": one.asked_at,
                "models": list(one.models),
                "rows": one.rows,
                "lost": one.lost,
                "figures": _by_variable(one.figures),
            }
            for one in found.looks
        ],
    }


def _plain_people(people: PeopleFacts) -> dict[str, Any]:
    return {
        "source": people.source,
        "coders": people.coders,
        "rows": people.rows,
        "design": people.design,
        "part": people.part,
        "is_random": people.is_random,
        "looks": people.looks,
        "is_test_spent": people.is_test_spent,
        "notes": {name: list(notes) for name, notes in people.notes.items()},
        "among": _by_variable(people.among),
        "against": _by_variable(people.against),
        "confusion": {name: [list(cell) for cell in cells] for name, cells in people.confusion.items()},
        "corrected": [
            {
                "name": one.quantity,
                "model_only": one.model_only.to_plain(),
                "people_only": one.people_only.to_plain(),
                "corrected": one.corrected.to_plain(),
            }
            for one in people.corrected
        ],
        "refused": {name: why.told() for name, why in people.refused.items()},
        "wanted": people.wanted,
        "accepted": {
            name: {
                one.label: {
                    "verdict": one.verdict,
                    "n": one.n,
                    "low": one.low,
                    "high": one.high,
                    "more": one.more,
                }
                for one in labels
            }
            for name, labels in people.accepted.items()
        },
    }


def _by_variable(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {variable: plain_figures(figures) for variable, figures in found.items()}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
