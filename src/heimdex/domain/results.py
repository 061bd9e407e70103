"""What a search gives back. Every figure in a hit can be recomputed from its receipt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Segment, Span
from heimdex.domain.query import Channel, Intent, Mode


class Label(StrEnum):
    """How sure heimdex is that a hit is one; never a cosine shown as a percentage."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"
    NONE = "none"


class ChannelStatus(StrEnum):
    """How a channel fared in one search. ``EMPTY`` answered and found nothing."""

    OK = "ok"
    EMPTY = "empty"
    TIMEOUT = "timeout"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scene that one channel proposes, with the channel's own score (a similarity: it rises)."""

    scene_id: SceneId
    raw: float
    #: presentation time of the keyframe that matched, visual channel only
    frame_s: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One line of a hit's receipt: what one channel added to its score."""

    channel: Channel
    #: 1-based place in that channel, None when CLIP only rescored the scene
    rank: int | None
    raw: float
    normalised: float
    weight: float
    #: how much this evidence means by itself; ``NONE`` moved the score and is no reason to show the scene
    label: Label = Label.NONE
    frame_s: float | None = None
    text: str | None = None
    text_span: Span | None = None
    #: as a channel among others, by CLIP putting a pool in order, or by likeness to a picture
    by: Literal["fusion", "rerank", "picture"] = "fusion"
    #: of a sequence, the number of the side that it belongs to
    side: int = 0


@dataclass(frozen=True, slots=True)
class SceneDetails:
    """What is shown about a scene."""

    scene_id: SceneId
    video_id: VideoId
    title: str
    path: Path
    span: Span
    video_duration_s: float
    fps: float | None
    segments: tuple[Segment, ...]
    #: (time_s, thumbnail file relative to the artefact folder)
    keyframes: tuple[tuple[float, str], ...]
    #: when the video was recorded, where its file says so
    recorded_at: datetime | None = None
    #: what is told about the scene
    description: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """A scene that follows a hit's own, as the query asked."""

    scene: SceneDetails
    moment_s: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A returned scene with its evidence."""

    rank: int
    scene: SceneDetails
    score: float
    label: Label
    #: where to start playing: the matched words or the scene's start
    moment_s: float
    matched: tuple[Match, ...]
    snippet: str
    #: neighbouring scenes with the same evidence, shown as this one
    merged: tuple[SceneId, ...] = ()
    #: what was to follow, in order; its evidence is part of ``matched``
    then: tuple[Followed, ...] = ()
    #: taken from the sum of the receipt: what the time between those scenes costs
    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One channel's part in a search."""

    status: ChannelStatus
    candidates: int = 0
    weight: float = 0.0
    took_ms: float = 0.0
    reason: str = ""


class WeightSource(StrEnum):
    """Who gave a channel its weight, weakest first."""

    SETTINGS = "settings"
    SAVED = "saved"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A channel's weight in [0, 1] before the query moves it, and who gave it."""

    value: float
    source: WeightSource


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The whole answer (DESIGN section 7)."""

    query: str
    hits: tuple[Hit, ...]
    took_ms: float
    mode_requested: Mode
    intent: Intent
    mode_used: Mode
    channels: dict[Channel, ChannelReport]
    exhaustive: bool
    degraded_reasons: tuple[str, ...] = ()
    next_cursor: str | None = None
    #: ``union`` or ``text`` when CLIP reranked
    rerank_pool: str | None = None
    #: how the final score came about, step by step, when ``explain`` was asked
    explanation: dict[str, object] = field(default_factory=dict)
    #: such as which model answered and what it does not know
    notices: tuple[str, ...] = ()
    #: the weights in force; none where only pictures are compared
    weights: dict[Channel, Weighed] = field(default_factory=dict)
    #: whether the query moved them; weights that a person chose stay as they are
    weights_follow_query: bool = False

    @property
    def degraded(self) -> bool:
        return bool(self.degraded_reasons)
