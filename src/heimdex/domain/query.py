"""What a person asks, and what heimdex makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from heimdex.domain.ids import SceneId, VideoId


class Channel(StrEnum):
    """One ranking source."""

    VISUAL = "visual"
    TRANSCRIPT = "transcript"
    SUMMARY = "summary"
    LEXICAL = "lexical"


class Mode(StrEnum):
    """What CLIP may do. ``AUTO`` is a request, never a result."""

    RECALL = "recall"
    RERANK = "rerank"
    SKIP = "skip"
    AUTO = "auto"


#: what decides the mode in `auto`: the rules alone, or with what was learned
Router = Literal["rules", "learned"]


@dataclass(frozen=True, slots=True)
class Prior:
    """How likely the answer is seen, said, or both. Sums to 1."""

    visual: float
    transcript: float
    both: float


#: nothing is known
UNIFORM = Prior(1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True, slots=True)
class Intent:
    """The router's decision for one query."""

    mode: Mode
    #: 0 to 1
    confidence: float
    #: such as ``Strong visual intent: object:car, attr:red``
    reason: str
    prior: Prior


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Which scenes may be answered at all. Empty means every scene.

    A scene is admitted when each condition that is given holds; within one, any of its values will do.
    """

    video_ids: frozenset[VideoId] = frozenset()
    #: absolute; a video is in one when any of its files is, at any depth, or is the file itself
    folders: tuple[Path, ...] = ()
    #: recorded at or after, and before; a video without a date is in no stretch of time
    recorded_from: datetime | None = None
    recorded_before: datetime | None = None
    #: of the whole video, both inclusive
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    #: BCP 47, lower case: spoken in the scene; ``en`` admits ``en-US`` too
    languages: frozenset[str] = frozenset()
    #: whether anything is said in the scene
    has_speech: bool | None = None
    #: as `heimdex.domain.tags.tag_key` makes them: of the video
    tags: frozenset[str] = frozenset()
    #: every one of these must admit the scene, at least one of these, none of these
    all_of: tuple[SearchFilter, ...] = ()
    any_of: tuple[SearchFilter, ...] = ()
    none_of: tuple[SearchFilter, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == _EVERYTHING


_EVERYTHING = SearchFilter()


class Sort(StrEnum):
    """In which order the same hits are given."""

    RELEVANCE = "relevance"
    #: by the moment of recording, then by place in the video; videos without a date come last
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last scene on it, and how many hits were shown up to there."""

    scene_id: SceneId
    shown: int


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A checked request: NFC text without control characters, a limit within bounds."""

    query: str
    limit: int = 10
    mode: Mode = Mode.AUTO
    #: channel -> weight in [0, 1]; before saved weights and settings where given
    weights: dict[Channel, float] = field(default_factory=dict)
    #: whether weights that a person saved count at all
    use_saved_preferences: bool = True
    filter: SearchFilter = SearchFilter()
    explain: bool = False
    #: also return hits whose label is ``none``
    include_weak: bool = False
    #: most hits of one video; None is no limit
    per_video: int | None = None
    sort: Sort = Sort.RELEVANCE
    #: continue behind this place; None begins with the first hit
    after: Place | None = None
