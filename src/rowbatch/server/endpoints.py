"""The endpoints that the server has: one row each, filled by one module each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rowbatch.server.chat_request import CHAT
from rowbatch.server.completions import COMPLETIONS
from rowbatch.server.embeddings import EMBEDDINGS
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.moderations import MODERATIONS
from rowbatch.server.responses import RESPONSES

ENDPOINTS: Mapping[str, ServedEndpoint] = MappingProxyType(
    {served.url: served for served in (CHAT, RESPONSES, EMBEDDINGS, COMPLETIONS, MODERATIONS)}
)
"""By their urls, in the order in which they are listed."""
