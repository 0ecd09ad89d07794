"""What the results of a job say: how many labels, which rows have none and why, how people and model compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rowbatch import api, desk
from rowbatch.errors import RowbatchError
from rowbatch.web import labels
from rowbatch.web.meanings import coded
from rowbatch.web.program import Program
from rowbatch.web.rendering import query

if TYPE_CHECKING:
    from rowbatch.web.words import Words

_ORDER = ("error", "expired", "missing", "cancelled", "unsent", "invalid", "truncated", "refused")
_MAX_MATRIX = 25


@dataclass(frozen=True, slots=True)
class Gap:
    """
    Rows without a label, for one reason.

    Attributes:
        status: Of these rows.
        title: The reason.
        rows: How many.
        reasons: The commonest words of the provider, with counts.
        address: Of the rows.
        button: What asking them again costs; "" where that is not offered.
        advice: What else can be done; or "".
        offer: What asking them again would be; None where that is not offered.
    """

    status: str
    title: str
    rows: int
    reasons: tuple[tuple[str, int], ...]
    address: str
    button: str
    advice: str
    offer: api.RepairOffer | None = None


def results_values(
    w: Words,
    program: Program,
    job: desk.Job,
    *,
    people: str = "",
    not_coded: str = "",
    wait_s: float = 0.5,
) -> dict[str, Any]:
    """What the template of the results wants."""
    results = program.results(job)
    if not results.prepare(wait_s):
        return {"results_ready": False, "results_rows": results.prepared_rows}
    counts = results.counts()
    corrected_missing = 0
    if counts.corrected:
        every = sum(count for name, count in counts.statuses.items() if name not in ("ok", "skipped"))
        corrected_missing = every - len(results.rows(desk.RowFilter(status="missing-label")))
    missing = (
        sum(n for name, n in counts.statuses.items() if name not in ("ok", "skipped")) - corrected_missing
    )
    charts = [
        (
            variable.name,
            variable.kind,
            _facts(job, counts, variable),
            _apart(w, job, counts, variable),
            variable.question,
        )
        for variable in results.variables
    ]
    gaps = _gaps(w, job, counts)
    return {
        "results_ready": True,
        "results_rows": counts.rows,
        "gaps": gaps,
        "ask_all": _ask_all(w, gaps),
        "missing": missing,
        "skipped": counts.statuses.get("skipped", 0),
        "charts": charts,
        "forgiven": [w.told(notice) for notice in counts.forgiven_notices],
        "losses": [w.told(note) for note in results.losses([".csv"])[".csv"]],
        "can_compare": any(one.can_compare for one in results.variables),
        "coding_sets": len(results.coding_sets()),
        "is_demonstration": job.is_local and bool(desk.model_note(job.run)),
        **_people_values(w, job, results, people, not_coded),
    }


def _facts(job: desk.Job, counts: desk.Counts, variable: desk.Variable) -> list[tuple[str, float, str]]:
    """What is counted of a variable, if anything: name, number, and the address of its rows or ""."""
    name = variable.name
    if name not in counts.tallies:
        return []
    if name in counts.labels:
        return [
            (coded(variable, label), count, _rows_address(job, variable=name, label=label))
            for label, count in counts.labels[name]
        ]
    facts = counts.tallies[name].facts()
    if variable.kind == "date":
        return [
            (year, n, _rows_address(job, variable=name, least=f"{year}-01-01", most=f"{year}-12-31"))
            for year, n in facts
        ]
    return [(what, number, "") for what, number in facts]


def _apart(
    w: Words, job: desk.Job, counts: desk.Counts, variable: desk.Variable
) -> list[tuple[str, int, str]]:
    """Rows that have an answer, but nothing to count of a variable: why, how many, and their address."""
    name, word = variable.name, variable.cant_say_word
    found = [
        (word, counts.cant_say.get(name, 0), _rows_address(job, variable=name, label=word)),
        (
            w.t("does not apply"),
            counts.not_asked.get(name, 0),
            _rows_address(job, variable=name, not_asked="1"),
        ),
    ]
    return [one for one in found if one[1]]


def _gaps(w: Words, job: desk.Job, counts: desk.Counts) -> list[Gap]:
    found = []
    for status in _ORDER:
        rows = counts.statuses.get(status, 0)
        if not rows:
            continue
        offer = None if status == "unsent" else job.run.repair_offer(status, rows)
        asked = None if job.is_at_work or offer is None or offer.is_same else offer
        found.append(
            Gap(
                status,
                labels.gap_title(w, status),
                rows,
                tuple(counts.reasons.get(status, ())),
                _rows_address(job, status=status),
                "" if asked is None else _button(w, status, rows, asked),
                _advice(w, status, offer),
                asked,
            )
        )
    if counts.statuses.get("skipped") and found:
        found.append(
            Gap(
                "skipped",
                w.t("The text was empty"),
                counts.statuses["skipped"],
                (),
                _rows_address(job, status="skipped"),
                "",
                w.t("Nothing: left blank on purpose."),
            )
        )
    return found


def _ask_all(w: Words, gaps: Sequence[Gap]) -> tuple[str, list[str]] | None:
    """One button for all rows that can be asked again, and their statuses; None where one group has them all."""
    asked = [(gap, gap.offer) for gap in gaps if gap.offer is not None]
    if len(asked) < 2:
        return None
    costs = [offer.cost.high_usd if offer.longer else offer.cost.low_usd for _, offer in asked]
    known = [usd for usd in costs if usd is not None]
    if all(offer.cost.is_free for _, offer in asked):
        cost = w.t("free")
    elif len(known) < len(costs):
        cost = w.t("price not known")
    else:
        cost = w.t("about %(money)s", money=w.money(sum(known)))
    rows = sum(gap.rows for gap, _ in asked)
    words = w.t("Ask all %(n)s again · %(cost)s", n=w.number(rows), cost=cost)
    return words, [gap.status for gap, _ in asked]


def _button(w: Words, status: str, rows: int, offer: api.RepairOffer) -> str:
    limits = (offer.limit, offer.longer) if offer.limit is not None and offer.longer is not None else None
    # Of longer answers nobody knows how long they get: the most is said.
    if offer.cost.is_free:
        cost = w.t("free")
    elif offer.cost.high_usd is None:
        cost = w.t("price not known")
    elif limits is not None:
        cost = w.t("at most %(money)s", money=w.money(offer.cost.high_usd))
    else:
        cost = w.t("about %(money)s", money=w.money(offer.cost.low_usd))
    return labels.gap_button(w, status, rows, cost, limits)


def _advice(w: Words, status: str, offer: api.RepairOffer | None) -> str:
    if status == "unsent":
        return w.t("Press Continue above; they go on from where they were.")
    by_hand = w.t("Read them, and label them by hand where you can.")
    if offer is not None and offer.is_same:
        if status == "truncated":
            told = w.t(
                "Their answers were as long as the model lets them be; to ask again would give the same."
            )
        else:
            told = w.t("They were asked once more, and declined again.")
        return f"{told} {by_hand}"
    return by_hand if status == "refused" else ""


def _people_values(
    w: Words, job: desk.Job, results: desk.Results, people: str, not_coded: str
) -> dict[str, Any]:
    columns = results.people_columns()
    chosen = people if people in columns else (columns[0] if columns else "")
    variable = results.people_variable(chosen)
    if variable is None:
        return {"people": "", "people_columns": ()}
    found: dict[str, Any] = {
        "people": chosen,
        "people_columns": columns,
        "people_labels": _labels_of(results, columns),
        "people_variable": variable,
        "people_not_coded": not_coded,
        "people_trouble": "",
        "is_of_model": desk.names_a_model(chosen),
    }
    try:
        compared = results.compare_with_people(chosen, variable.name, not_coded)
    except RowbatchError as error:
        return found | {"people_trouble": w.told(error.notice)}
    agreement = compared.comparison
    names, matrix = _matrix(agreement) if isinstance(agreement, api.Agreement) else ([], [])
    return found | {
        "compared": compared,
        "agreement": agreement,
        "matrix_labels": names,
        "matrix": matrix,
        "cell_address": _cell_address(job, chosen, variable.name, not_coded),
        "has_corrections": bool(results.counts().corrected),
    }


def _labels_of(results: desk.Results, columns: Sequence[str]) -> dict[str, str]:
    """What columns of the table are about, as far as its file says it."""
    return {name: label for name in columns if (label := results.label_at(results.header.index(name)))}


def _cell_address(job: desk.Job, people: str, variable: str, not_coded: str) -> Callable[[str, str], str]:
    """What gives the address of the rows behind a number: what people say there, and the model's label or ""."""

    def address(said: str, label: str) -> str:
        chosen = {"people": people, "variable": variable, "says": said, "not_coded": not_coded}
        return _rows_address(job, **chosen, **({"model": label} if label else {"unlabelled": "1"}))

    return address


def _matrix(agreement: api.Agreement) -> tuple[list[str], list[tuple[str, list[tuple[str, int]]]]]:
    """Labels of the model, "" for none; and for each label of people's that occurs how often each was given."""
    names = [*list(agreement.confusion)[:_MAX_MATRIX], *([""] if agreement.unlabelled else [])]
    matrix = []
    for said, counts in agreement.confusion.items():
        *_, without = counts.values()
        if any(counts.values()):
            matrix.append((said, [(name, counts[name] if name else without) for name in names]))
    return names, matrix


def _rows_address(job: desk.Job, **chosen: str) -> str:
    return f"/jobs/{job.id}/rows?{query(chosen)}"


def ready_results(program: Program, job: desk.Job, wait_s: float = 120.0) -> desk.Results:
    """The answers, once they can be looked at."""
    results = program.results(job)
    if not results.prepare(wait_s):
        raise RowbatchError("rows-not-ready")
    return results
