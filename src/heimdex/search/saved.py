"""What a person saved for every search, read at its beginning; a search does without it rather than fail."""

from __future__ import annotations

from heimdex.domain.query import Channel
from heimdex.ports import Preferences
from heimdex.search import log_lines
from heimdex.search.deadline import Deadline, within

#: in degraded_reasons: the order is that of the settings, not the one that was saved
UNREAD = "preferences_unread"
_PATIENCE_S = 0.5


async def saved_weights(preferences: Preferences | None, deadline: Deadline) -> tuple[dict[Channel, float], str]:
    """Return the saved weights, and what to tell when they could not be read."""
    if preferences is None:
        return {}, ""
    try:
        return await within(deadline.left_s(_PATIENCE_S), preferences.weights()), ""
    except Exception as error:
        log_lines.preferences_failed(error)
        return {}, UNREAD
