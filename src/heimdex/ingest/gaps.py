"""What of the library a channel cannot find, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.query import Channel
from heimdex.ports.jobs import HeldVideo

_SILENT = "no words are known of it"
_SUBTITLES = "Put subtitles beside the file, or let its speech be recognised; then index it again."


@dataclass(frozen=True, slots=True)
class Gap:
    """Videos that a channel finds not at all, or only in part, for one reason."""

    channel: Channel
    reason: str
    remedy: str
    videos: tuple[HeldVideo, ...]


def find_gaps(videos: Sequence[HeldVideo], *, text_reason: str = "") -> list[Gap]:
    """Return the gaps of every channel.

    Args:
        text_reason: why there is no model for the meaning of text; empty when there is one.
    """
    found: dict[tuple[Channel, str, str], list[HeldVideo]] = {}
    for video in videos:
        for channel, explain in _CHANNELS.items():
            why = explain(video, video.covered, text_reason)
            if why is not None:
                found.setdefault((channel, *why), []).append(video)
    return [Gap(channel, reason, remedy, tuple(held)) for (channel, reason, remedy), held in found.items()]


Covered = Mapping[Channel, int]
Why = tuple[str, str] | None


def _unseen(video: HeldVideo, covered: Covered, _: str) -> Why:
    if covered[Channel.VISUAL] >= video.scenes:
        return None
    return "its pictures were read by another model than the one in use", "`heimdex reembed` reads them again."


def _not_understood(video: HeldVideo, covered: Covered, text_reason: str) -> Why:
    if not covered[Channel.LEXICAL]:
        return _SILENT, _SUBTITLES
    if covered[Channel.TRANSCRIPT] >= covered[Channel.LEXICAL]:
        return None
    if text_reason:
        return "there is no model for the meaning of what is said", text_reason
    reason = "some of it is in a language that the text model cannot read, or was read by another model"
    return reason, "`heimdex reembed` reads it again; a multilingual text model reads more."


def _wordless(_: HeldVideo, covered: Covered, __: str) -> Why:
    return None if covered[Channel.LEXICAL] else (_SILENT, _SUBTITLES)


def _untold(_: HeldVideo, covered: Covered, __: str) -> Why:
    return None if covered[Channel.SUMMARY] else ("nobody has described it", "Descriptions and captions are optional.")


_CHANNELS: dict[Channel, Callable[[HeldVideo, Covered, str], Why]] = {
    Channel.VISUAL: _unseen,
    Channel.TRANSCRIPT: _not_understood,
    Channel.LEXICAL: _wordless,
    Channel.SUMMARY: _untold,
}
