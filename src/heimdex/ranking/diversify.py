"""One ranking, less of the same: neighbours that are one shot are merged, and no video fills the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Span
from heimdex.domain.query import Channel

#: two spans touch when no more than this lies between them, in seconds
_TOUCHING_S = 0.05
#: raw scores closer than this are the same: cosines absolute, BM25 relative
_SAME_COSINE, _SAME_BM25 = 0.002, 0.02


@dataclass(frozen=True, slots=True)
class Placed:
    """A scene of a ranking: where it lies, and the raw score that each channel gave it."""

    scene_id: SceneId
    video_id: VideoId
    span: Span
    evidence: Mapping[Channel, float]


def is_same_shot(one: Placed, other: Placed) -> bool:
    """Return whether two scenes lie side by side and every channel, the visual one among them, finds them alike.

    Words alone do not make two scenes one: a name may be said in each of two different shots.
    """
    if one.video_id != other.video_id or not _touch(one.span, other.span):
        return False
    if Channel.VISUAL not in one.evidence or one.evidence.keys() != other.evidence.keys():
        return False
    return all(_alike(channel, raw, other.evidence[channel]) for channel, raw in one.evidence.items())


def diversify(order: Sequence[Placed], *, per_video: int | None = None) -> dict[SceneId, tuple[SceneId, ...]]:
    """Return the scenes that stay, in order, each with the neighbours that were merged into it.

    A scene is merged when it is the same shot as a better one or as one merged into that.

    Args:
        order: best first.
        per_video: most scenes of one video, counted after merging; None is no limit.
    """
    groups: dict[VideoId, list[list[Placed]]] = {}
    kept: list[list[Placed]] = []
    for placed in order:
        of_video = groups.setdefault(placed.video_id, [])
        group = next((group for group in of_video if any(is_same_shot(placed, member) for member in group)), None)
        if group is not None:
            group.append(placed)
        elif per_video is None or len(of_video) < per_video:
            of_video.append([placed])
            kept.append(of_video[-1])
    return {group[0].scene_id: tuple(member.scene_id for member in group[1:]) for group in kept}


def _touch(one: Span, other: Span) -> bool:
    return min(abs(one.end_s - other.start_s), abs(other.end_s - one.start_s)) <= _TOUCHING_S


def _alike(channel: Channel, one: float, other: float) -> bool:
    if channel is Channel.LEXICAL:
        return abs(one - other) <= _SAME_BM25 * max(abs(one), abs(other))
    return abs(one - other) <= _SAME_COSINE
