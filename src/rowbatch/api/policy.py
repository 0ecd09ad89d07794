"""How a run is driven, for the driver."""

from __future__ import annotations

from decimal import Decimal

from rowbatch.core.policy import Policy
from rowbatch.providers.catalog import Provider, find_room
from rowbatch.steps.direct import PART_ROWS
from rowbatch.steps.drive import DrivePolicy
from rowbatch.steps.first_part import first_rows_of
from rowbatch.steps.submit import LostAnswerPolicy

_KEPT_DAYS = 29


def drive_policy(
    policy: Policy,
    provider: Provider,
    model: str,
    *,
    is_own_server: bool,
    resubmit_lost: bool = False,
    cancel_wait_s: float | None = None,
    marks_cache: bool = False,
    elsewhere_usd: Decimal = Decimal(0),
) -> DrivePolicy:
    """
    A policy for the driver, with what the provider wants.

    Args:
        policy: Of the run.
        provider: Who is asked.
        model: For which model.
        is_own_server: Whether that is the server that this program started.
        resubmit_lost: A person says now that shards whose answer was lost are to be sent again.
        cancel_wait_s, marks_cache, elsewhere_usd: As in `DrivePolicy`.
    """
    then = "resubmit" if resubmit_lost else policy.on_lost_answer
    lost = LostAnswerPolicy(wait_s=policy.lost_answer_wait_s, then=then, is_told=resubmit_lost)
    if is_own_server:
        # It lists a batch at once and never makes two of one idempotency key.
        lost = LostAnswerPolicy(wait_s=0.0, then="resubmit", look_every_s=0.2)
    room = find_room(provider.name, model, policy)
    return DrivePolicy(
        lost=lost,
        poll_every_s=0.5 if is_own_server and policy.poll_seconds is None else policy.poll_seconds,
        poll_least_s=provider.poll_least_s if policy.poll_seconds is None else 0.0,
        rounds=policy.rounds,
        cap_usd=policy.max_cost_usd,
        elsewhere_usd=elsewhere_usd,
        ask_invalid_again=policy.ask_invalid_again,
        queue_tokens=room.queue_tokens,
        creations_per_hour=room.creations_per_hour or 1_000_000,
        # Where files go by themselves after some days, those of earlier ones take up no room.
        storage_bytes=room.storage_bytes
        if policy.storage_bytes or provider.results_days >= _KEPT_DAYS
        else None,
        frees_inputs=policy.free_inputs,
        worst_share=policy.worst_share,
        first_rows=first_rows_of(policy),
        cancel_wait_s=cancel_wait_s,
        marks_cache=marks_cache,
        direct_rows=PART_ROWS if policy.direct else 0,
    )
