"""Words for states, statuses and kinds, in one place each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rowbatch.desk import Part
    from rowbatch.web.words import Words


class Titled(Protocol):
    """A provider, by its name and what it is called."""

    @property
    def name(self) -> str:
        """In settings and commands."""

    @property
    def title(self) -> str:
        """For people."""


def provider_title(w: Words, provider: Titled) -> str:
    """What a provider is called: those whose names are words have them in the language of the page."""
    return {
        "local": w.t("this computer"),
        "compatible": w.t("an OpenAI-compatible endpoint"),
        "dashscope-intl": w.t("Alibaba DashScope, Singapore"),
    }.get(provider.name, provider.title)


def state_word(w: Words, state: str) -> str:
    """A state of a job."""
    return {
        "checking": w.t("checking"),
        "draft": w.t("draft"),
        "sending": w.t("sending"),
        "waiting": w.t("waiting"),
        "running": w.t("running"),
        "collecting": w.t("collecting"),
        "done": w.t("done"),
        "gaps": w.t("done with gaps"),
        "stopped": w.t("stopped"),
        "failed": w.t("failed"),
        "paused": w.t("paused"),
        "needs-you": w.t("needs you"),
    }[state]


def state_icon(state: str) -> str:
    """Beside the word, so that colour is never the only sign."""
    return {"done": "✓", "gaps": "◐", "failed": "✕", "needs-you": "!", "paused": "‖", "stopped": "■"}.get(
        state, "●"
    )


def status_word(w: Words, status: str) -> str:
    """A status of a row."""
    return {
        "ok": w.t("labelled"),
        "invalid": w.t("not allowed by the codebook"),
        "refused": w.t("declined by the model"),
        "truncated": w.t("cut off"),
        "error": w.t("failed at the provider"),
        "expired": w.t("not reached in time"),
        "cancelled": w.t("cancelled"),
        "missing": w.t("not sent back"),
        "unsent": w.t("not sent"),
        "skipped": w.t("no text"),
    }.get(status, status)


def status_text(w: Words, status: str) -> str:
    """What a status means, in a sentence."""
    return {
        "ok": w.t("The row has its label."),
        "invalid": w.t("The model answered something that the codebook does not allow; its words are kept."),
        "refused": w.t("The model declined to answer."),
        "truncated": w.t("The answer was longer than the limit allows."),
        "error": w.t("The provider could not run the request; the reason stands beside the row."),
        "expired": w.t("The provider ran out of its time (a day) before this row's turn. It is not billed."),
        "cancelled": w.t("The job was stopped before this row's turn. It is not billed."),
        "missing": w.t("The row was sent, but is in no file that came back."),
        "unsent": w.t("The row was not sent yet."),
        "skipped": w.t("The text is empty, so there was nothing to ask."),
    }[status]


def gap_title(w: Words, status: str) -> str:
    """Why rows have no label, as the reason of a group."""
    return {
        "invalid": w.t("The codebook does not allow the answer"),
        "refused": w.t("The model declined these texts"),
        "truncated": w.t("The answer was cut off"),
        "error": w.t("The provider could not answer"),
        "expired": w.t("The provider ran out of time"),
        "cancelled": w.t("The job was stopped before their turn"),
        "missing": w.t("The provider did not send them back"),
        "unsent": w.t("They were not sent yet"),
    }[status]


def gap_button(w: Words, status: str, rows: int, cost: str, limits: tuple[int, int] | None = None) -> str:
    """
    What the button of such a group says; "" where there is none.

    Args:
        w: The language.
        status: Of the rows.
        rows: How many.
        cost: Of asking them again.
        limits: Tokens that an answer may have now, and then, where that is what changes.
    """
    values = {"n": w.number(rows), "cost": cost}
    if status in ("error", "expired", "cancelled", "missing"):
        return w.t("Ask %(n)s again · %(cost)s", **values)
    if status == "invalid":
        return w.t("Ask %(n)s again, saying what was wrong · %(cost)s", **values)
    if status == "truncated" and limits is not None:
        now, then = map(w.number, limits)
        return w.t(
            "Ask %(n)s again: answers may have %(then)s tokens in place of %(now)s · %(cost)s",
            **values,
            now=now,
            then=then,
        )
    if status == "refused":
        return w.t("Ask %(n)s once more · %(cost)s", **values)
    return ""


def why_words(w: Words, part: Part) -> str:
    """Why a part waits, in a sentence."""
    return {
        "queue": w.t(
            "Your account may have only so many tokens in the queue at once. It is sent by itself when there is room."
        ),
        "cap": w.t(
            "Sending it could pass the limit you set. It is sent by itself when earlier parts turn out cheaper."
        ),
        "unknown": w.t(
            "The answer to the call was lost. The provider's list is looked at before anything is sent again."
        ),
        "provider-queue": w.t("The provider has taken it and not begun yet. It does not say when it will."),
        "finalizing": w.t("All answers are there; the provider is writing the file. This can take a while."),
        "order": w.t("Parts are sent in their order; it is sent by itself."),
    }.get(part.why) or wait_words(w, part)


def wait_words(w: Words, part: Part) -> str:
    """What the program says of a part that waits, or ""."""
    return part.waits_for.told("page", w.language) if part.waits_for is not None else ""


def fault_word(w: Words, kind: str, name: str = "") -> str:
    """What is missing in a draft; `name` is that of a column, or what stands there."""
    return {
        "text-missing": w.t("Choose the column with the texts."),
        "question-missing": w.t("Write the question that the model is to answer."),
        "labels-too-few": w.t("Write at least two labels."),
        "label-twice": w.t("This label is there twice."),
        "model-missing": w.t("Say which model."),
        "address-missing": w.t("Say at which address this provider is reached."),
        "address-broken": w.t(
            "This is not an address that can be asked: it begins with http:// or https:// and a host, as in "
            "https://gateway.example.org/v1."
        ),
        "address-with-secret": w.t(
            "A user name, a password or a key stood in the address, and was not kept: leave it out, and give it as "
            "the key in the settings."
        ),
        "not-a-number": w.t("This is not a number."),
        "not-a-count": w.t("This is not a whole number from 1 on."),
        "not-a-date": w.t("This is not a date."),
        "condition-open": w.t("Choose for which answers it is asked."),
        "place-open": w.t("Write in the place of %(name)s what the question is about.", name=name),
        "column-missing": w.t("The table has no column of the name %(name)s, or more than one.", name=name),
    }[kind]
