"""How a run is driven, for the driver."""

from __future__ import annotations

from rowbatch.core.policy import Policy
from rowbatch.providers.catalog import Provider
from rowbatch.steps.direct import PART_ROWS
from rowbatch.steps.drive import DrivePolicy
from rowbatch.steps.submit import LostAnswerPolicy


def drive_policy(policy: Policy, provider: Provider, *, is_own_server: bool) -> DrivePolicy:
    """A policy for the driver, with what the provider wants."""
    lost = LostAnswerPolicy(wait_s=policy.lost_answer_wait_s, then=policy.on_lost_answer)
    if is_own_server:
        # It lists a batch at once and never makes two of one idempotency key.
        lost = LostAnswerPolicy(wait_s=0.0, then="resubmit", look_every_s=0.2)
    return DrivePolicy(
        lost=lost,
        poll_every_s=0.5 if is_own_server and policy.poll_seconds is None else policy.poll_seconds,
        poll_least_s=provider.poll_least_s if policy.poll_seconds is None else 0.0,
        rounds=policy.rounds,
        cap_usd=policy.max_cost_usd,
        ask_invalid_again=policy.ask_invalid_again,
        queue_tokens=policy.queue_tokens,
        creations_per_hour=provider.creations_per_hour or 1_000_000,
        worst_share=policy.worst_share,
        direct_rows=PART_ROWS if policy.direct else 0,
    )
