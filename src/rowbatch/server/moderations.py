"""Moderations: passed on to other servers; the local model judges nothing of the kind, and says so."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

from rowbatch.server.endpoint import RefusedRequest, ServedEndpoint


def answer(model: object, body: Mapping[str, Any]) -> NoReturn:
    """
    Refuse: a number that is made up would be taken for a judgement.

    Raises:
        RefusedRequest: Always.
    """
    del model, body
    raise RefusedRequest(
        "The model of this server can't moderate. Start the server in front of one that can: rowbatch serve "
        "--upstream URL.",
        code="unsupported_endpoint",
    )


def finished(body: Mapping[str, Any]) -> dict[str, Any]:
    """An answer with the id that only the server can give."""
    return dict(body) if "id" in body else {"id": f"modr-{secrets.token_hex(12)}", **body}


MODERATIONS = ServedEndpoint("/v1/moderations", "Moderations", "input", answer, finished, needs_model=False)
