"""Which channels can answer at all: a model must be there, and something must be indexed with it."""

from __future__ import annotations

import asyncio
import time

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.domain.query import Channel
from heimdex.ports import Embedder, SceneIndex, TextEmbedder
from heimdex.ranking.languages import can_read
from heimdex.search.deadline import Deadline, within
from heimdex.search.plan import SearchConfig

#: a library that has vectors keeps them; one that has none may get some at any moment, and is asked again
_REMEMBER_S = 60.0


def unread(query: str, text_embedder: TextEmbedder | None) -> dict[Channel, str]:
    """Return the channel of meaning, with the reason, when its model does not know the language of the query."""
    if text_embedder is None or can_read(text_embedder.model.languages, query):
        return {}
    model = text_embedder.model
    return {Channel.TRANSCRIPT: f"{model.model_id} reads {', '.join(model.languages)} only"}


class Coverage:
    """Remembers for a while that a channel has something to search."""

    def __init__(self, index: SceneIndex) -> None:
        self._index = index
        self._seen: dict[tuple[Channel, str, str], float] = {}

    async def missing(
        self, embedder: Embedder | None, text_embedder: TextEmbedder | None, config: SearchConfig, deadline: Deadline
    ) -> dict[Channel, str]:
        """Return the channels that cannot answer, each with the reason."""
        visual = config.visual_missing or "no CLIP model is installed"
        text = config.text_missing or "no model for the meaning of text is installed"
        visual_reason, transcript_reason = await asyncio.gather(
            self._reason(Channel.VISUAL, embedder, visual, deadline),
            self._reason(Channel.TRANSCRIPT, text_embedder, text, deadline),
        )
        reasons = {
            Channel.VISUAL: visual_reason,
            Channel.TRANSCRIPT: transcript_reason,
            Channel.SUMMARY: "no summaries are indexed",
        }
        return {channel: reason for channel, reason in reasons.items() if reason}

    async def _reason(
        self, channel: Channel, embedder: Embedder | TextEmbedder | None, absent: str, deadline: Deadline
    ) -> str:
        if embedder is None:
            return absent
        try:
            model = embedder.model
        except EmbedderUnavailable:  # a service that has not answered yet; the channel will ask it and report
            return ""
        key = (channel, model.model_id, model.revision)
        if time.monotonic() - self._seen.get(key, float("-inf")) < _REMEMBER_S:
            return ""
        try:
            covered = await within(deadline.left_s(0.5), self._index.covered(channel, model))
        except Exception:  # the channel itself will meet the fault and report it
            return ""
        if covered == 0:
            return f"nothing is indexed with {model.model_id}"
        self._seen[key] = time.monotonic()
        return ""
