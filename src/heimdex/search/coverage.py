"""Which channels can answer at all: a model must be there, and something must be indexed with it."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.domain.query import Channel
from heimdex.ports import Embedder, EmbeddingModel, SceneIndex, TextEmbedder
from heimdex.ranking.languages import can_read
from heimdex.search import log_lines
from heimdex.search.deadline import Deadline, within
from heimdex.search.plan import SearchConfig

#: a library that has vectors keeps them; one that has none may get some at any moment, and is asked again
_REMEMBER_S = 60.0
#: most libraries are not described, and no search should pay for that
_ASK_AGAIN_S = 5.0
#: what is returned for descriptions that nobody wrote
NOTHING_TOLD = "no descriptions are indexed"

Telling = Literal["meaning", "words"]


def unread(seen: str, embedder: Embedder | None, said: str, text_embedder: TextEmbedder | None) -> dict[Channel, str]:
    """Return the dense channels whose model does not know the language of its part of the query, with the reason."""
    asked = ((Channel.VISUAL, seen, _known(embedder)), (Channel.TRANSCRIPT, said, _known(text_embedder)))
    found = {
        channel: f"{model.model_id} reads {', '.join(model.languages)} only"
        for channel, text, model in asked
        if model is not None and not can_read(model.languages, text)
    }
    for channel, reason in found.items():
        log_lines.unread(channel.value, reason)
    return found


def _known(embedder: Embedder | TextEmbedder | None) -> EmbeddingModel | None:
    try:
        return embedder.model if embedder is not None else None
    except EmbedderUnavailable:  # a service that has not answered yet
        return None


class Coverage:
    """Remembers for a while that a channel has something to search."""

    def __init__(self, index: SceneIndex) -> None:
        self._index = index
        self._seen: dict[tuple[Channel, str, str], float] = {}
        self._told: dict[tuple[Channel, str, str], tuple[float, int]] = {}

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
        }
        return {channel: reason for channel, reason in reasons.items() if reason}

    async def telling(self, text_embedder: TextEmbedder | None, said: str, deadline: Deadline) -> Telling | None:
        """Return how descriptions can answer: by their meaning, else by their words; None where there are none."""
        model = _known(text_embedder)
        if model is not None and can_read(model.languages, said) and await self._tells(model, deadline):
            return "meaning"
        return "words" if await self._tells(None, deadline) else None

    async def _tells(self, model: EmbeddingModel | None, deadline: Deadline) -> bool:
        key = (Channel.SUMMARY, model.model_id if model else "", model.revision if model else "")
        asked, covered = self._told.get(key, (float("-inf"), 0))
        if time.monotonic() - asked > (_REMEMBER_S if covered else _ASK_AGAIN_S):
            try:
                covered = await within(deadline.left_s(0.5), self._index.covered(Channel.SUMMARY, model))
            except Exception:  # the other channels will meet the fault and report it
                return False
            self._told[key] = (time.monotonic(), covered)
        return covered > 0

    async def _reason(
        self, channel: Channel, embedder: Embedder | TextEmbedder | None, absent: str, deadline: Deadline
    ) -> str:
        if embedder is None:
            return absent
        model = _known(embedder)
        if model is None:  # the channel will ask it and report
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
