"""
What is known of the server behind this one: what it ignores of requests, and which forms it refuses.

What it ignores is seen in the first answers of batches, and kept with the date over restarts, by its address
and the name of the model. A form that it refuses is asked otherwise at once, for whoever asks: a refusal is
not billed. How much weaker is remembered by the schema, since the refusal may be about that one alone, and
once it was answered: a refusal may be about one text, and quote the form.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rowbatch.core.states import IGNORABLE
from rowbatch.core.weaker_forms import KnownForm, format_of, weaker_after
from rowbatch.errors import StorageError
from rowbatch.server.chat_request import CHAT
from rowbatch.server.engine import EngineReply
from rowbatch.server.probes import REFUSED_FORM, asked_for, fitted, mendable, told_of
from rowbatch.server.responses import RESPONSES
from rowbatch.server.storage import Habit, Storage

KNOWN_FOR_S = 7 * 24 * 3600
"""What was seen so long ago is not told any more: a server may have become another one."""
_MOST_SCHEMAS = 1_000
_Reply = TypeVar("_Reply")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked(Generic[_Reply]):
    """
    What came of a request.

    Attributes:
        reply: The last one.
        sent: The body that it answers.
        mended: What of it was asked in another way than its maker wrote.
    """

    reply: _Reply
    sent: Mapping[str, Any]
    mended: frozenset[str]


class Habits:
    """
    Those of one server, or of several that do the same work.

    Args:
        storage: Where they are kept.
        behind: Whose they are: the addresses behind this server; "" where nobody is.
    """

    def __init__(self, storage: Storage, behind: str) -> None:
        self._storage, self._behind = storage, behind
        self._known = storage.habits(behind) if behind else {}
        self._forms: dict[str, KnownForm] = {}

    @property
    def models(self) -> list[str]:
        """Those of which something is known."""
        return [model for model in self._known if self._fresh(model)]

    def ignored(self, model: str) -> list[str]:
        """What is ignored of requests for a model, by the names of `IGNORABLE`."""
        known = self._fresh(model)
        return [name for name in IGNORABLE if name in known]

    def seen_at(self, model: str) -> int:
        """When that was seen last, in seconds since 1970."""
        return max((habit.seen_at for habit in self._fresh(model).values()), default=0)

    def report(self, model: str) -> dict[str, Any]:
        """All that is known, as a batch has it."""
        known = self._fresh(model)
        return told_of(self.ignored(model), [name for name in known if known[name].is_mended])

    def of_request(self, url: str, body: Mapping[str, Any], mended: Iterable[str] = ()) -> dict[str, Any]:
        """The same of what one request asks for; empty where there is nothing to say."""
        known = self._fresh(str(body.get("model")))
        # Another schema may be taken: of forms only what became of this one is told.
        wanted = asked_for(body) - {REFUSED_FORM} if _can_be_fitted(url) else frozenset()
        mended = frozenset(mended)
        found = [name for name in IGNORABLE if name in mended or (name in known and name in wanted)]
        return told_of(found, [name for name in found if name in mended]) if found else {}

    async def ask(
        self,
        url: str,
        body: Mapping[str, Any],
        engine: Callable[[Mapping[str, Any]], Awaitable[_Reply]],
        *,
        mended: Iterable[str] | None = None,
    ) -> Asked[_Reply]:
        """
        Ask for what a body wants, in a way that is understood.

        Args:
            url: Of the endpoint.
            body: As its maker wrote it.
            engine: Asks one.
            mended: What to ask in another way; None means what is known.
        """
        if not self._behind or not _can_be_fitted(url):
            return Asked(await engine(body), body, frozenset())
        model = str(body.get("model"))
        if mended is None:
            known = self._fresh(model)
            mended = [name for name in known if known[name].is_mended]
        names, schema = frozenset(mended) - {REFUSED_FORM}, _digest(model, body)
        own = 0
        while True:
            known_form = self._forms.get(schema)
            weaker = max(own, known_form.weaker if known_form is not None else 0)
            sent = fitted(body, names, weaker)
            reply = await engine(sent)
            is_refused = isinstance(reply, EngineReply) and not reply.is_answer
            if isinstance(reply, EngineReply) and is_refused and schema:
                less = weaker_after(body, sent, weaker, reply.status_code, json.dumps(reply.body))
                if less is not None:
                    own = less
                    continue
            is_mended = bool(weaker) and not is_refused
            if schema and not is_refused:
                self._learn(schema, weaker)
            if is_mended:
                self.note(model, {REFUSED_FORM: True})
            return Asked(reply, sent, mendable(body, names) | ({REFUSED_FORM} if is_mended else set()))

    def note(self, model: str, seen: Mapping[str, bool], over: Iterable[str] = ()) -> None:
        """
        Keep what was seen. Where the disk refuses, it is known for as long as this process lives.

        Args:
            model: Whose.
            seen: What is ignored, and whether that is mended.
            over: What was asked for, and is not ignored any more.
        """
        if not self._behind:
            return
        now, known = self._storage.now(), self._known.setdefault(model, {})
        gone = [name for name in over if known.pop(name, None) is not None]
        # Once a minute is enough for what every row shows.
        new = {
            name: Habit(is_mended, now)
            for name, is_mended in seen.items()
            if name not in known or known[name].is_mended != is_mended or now - known[name].seen_at >= 60
        }
        known.update(new)
        if not (gone or new):
            return
        try:
            self._storage.keep_habits(self._behind, model, known)
        except (OSError, StorageError) as error:
            _log.warning("what was seen of the upstream could not be kept: %s", error)

    def _fresh(self, model: str) -> Mapping[str, Habit]:
        since = self._storage.now() - KNOWN_FOR_S
        return {name: habit for name, habit in self._known.get(model, {}).items() if habit.seen_at > since}

    def _learn(self, schema: str, weaker: int) -> None:
        """A row with this schema was answered; what was answered last is kept longest."""
        known = self._forms.pop(schema) if schema in self._forms else KnownForm()
        self._forms[schema] = known
        known.answered(weaker)
        if len(self._forms) > _MOST_SCHEMAS:
            del self._forms[next(iter(self._forms))]


def _can_be_fitted(url: str) -> bool:
    return url in (CHAT.url, RESPONSES.url)


def _digest(model: str, body: Mapping[str, Any]) -> str:
    """Of a model and a form; "" where none is asked for."""
    form = format_of(body)
    if form is None:
        return ""
    return hashlib.sha256(json.dumps([model, form], sort_keys=True).encode()).hexdigest()
