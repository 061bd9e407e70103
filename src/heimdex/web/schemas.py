"""What goes over the wire: the names of DESIGN section 7, in seconds and unrounded scores."""

from __future__ import annotations

from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from heimdex.domain.media import LibraryStatus, UnreadableFile
from heimdex.domain.query import Channel
from heimdex.domain.results import ChannelReport, Followed, Hit, Match, SearchAnswer, Weighed
from heimdex.ports.shelf import StreamableVideo


class FilterIn(BaseModel):
    """Which scenes may be answered: every condition that is given must hold, any value of one will do."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    video_ids: list[UUID] | None = Field(None, description="In one of these videos.")
    folders: list[str] | None = Field(None, description="In a file below one of these folders; whole paths.")
    after: str | None = Field(None, description="Recorded then or later: `2024-05-31`, or with a time; UTC.")
    before: str | None = Field(None, description="Recorded earlier than that.")
    min_duration_s: float | None = Field(None, description="In a video of at least this length.")
    max_duration_s: float | None = Field(None, description="In a video of at most this length.")
    languages: list[str] | None = Field(None, description="One of these is spoken: `en`, `ko`, `pt-BR`.")
    has_speech: bool | None = Field(None, description="Whether anything is said in the scene.")
    tags: list[str] | None = Field(None, description="In a video that has one of these tags.")
    all: list[FilterIn] | None = Field(None, description="Each of these filters admits the scene.")
    any: list[FilterIn] | None = Field(None, description="One of these filters admits the scene.")
    none: list[FilterIn] | None = Field(None, description="None of these filters admits the scene.")


class SearchBody(BaseModel):
    """A search. Only ``query`` is needed; an unknown field is refused, so that a slip is not ignored."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [{"query": "red car driving", "limit": 10}]}
    )

    query: str = Field(
        description="What is seen or said, in English or Korean, or in the query language (`docs/query-language.md`)."
    )
    limit: int = Field(10, description="Most results, 1 to 100.")
    mode: str = Field("auto", description="`auto`, `recall`, `rerank` or `skip`.")
    weights: dict[str, float] | None = Field(
        None, description="Channel to weight, 0 to 1; before the saved ones, and those before the settings'."
    )
    use_saved_preferences: bool = Field(True, description="Whether saved weights count at all.")
    video_ids: list[UUID] | None = Field(None, description="Search only these videos.")
    filter: FilterIn | None = Field(None, description="Search only scenes that it admits.")
    explain: bool = Field(False, description="Also say how each score came about.")
    include_weak: bool = Field(False, description="Also return scenes that are no good match.")
    group_by: Literal["video"] | None = Field(None, description="`video`: the best scene of each video only.")
    per_video: int | None = Field(None, description="Most scenes of one video.")
    sort: str = Field("relevance", description="`relevance`, or `time`: the same hits by date and place.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before, with the same query and options.")


class SimilarBody(BaseModel):
    """A scene to find more like."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scene_id: UUID = Field(description="The scene, as results name it.")
    limit: int = Field(10, description="Most results, 1 to 100.")
    filter: FilterIn | None = Field(None, description="Search only scenes that it admits.")
    per_video: int | None = Field(None, description="Most scenes of one video.")
    explain: bool = Field(False, description="Also say how each score came about.")


class PictureOptions(BaseModel):
    """What stands beside a picture: the fields of a search, as JSON in one field of the form."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    mode: str = "auto"
    weights: dict[str, float] | None = None
    use_saved_preferences: bool = True
    filter: FilterIn | None = None
    explain: bool = False
    include_weak: bool = False
    sort: str = "relevance"


class MatchOut(BaseModel):
    """What one channel added to a result."""

    channel: str
    rank: int | None
    raw: float
    normalised: float
    weight: float
    #: how much this evidence means by itself; `none` moved the score and is no reason to show the scene
    label: str
    frame_s: float | None
    text: str | None
    #: `fusion`, as a channel among others; `rerank`, by CLIP putting a pool in order; `picture`, by likeness
    by: str
    #: of a sequence (`A then B`), the number of the side that it belongs to
    side: int

    @classmethod
    def of(cls, match: Match) -> Self:
        return cls(
            channel=match.channel.value,
            rank=match.rank,
            raw=match.raw,
            normalised=match.normalised,
            weight=match.weight,
            label=match.label.value,
            frame_s=match.frame_s,
            text=match.text,
            by=match.by,
            side=match.side,
        )


class FollowedOut(BaseModel):
    """A scene that follows a result, as the query asked."""

    scene_id: UUID
    start_s: float
    end_s: float
    moment_s: float
    start_tc: str
    thumbnail_url: str

    @classmethod
    def of(cls, followed: Followed) -> Self:
        scene = followed.scene
        return cls(
            scene_id=scene.scene_id,
            start_s=scene.span.start_s,
            end_s=scene.span.end_s,
            moment_s=followed.moment_s,
            start_tc=timecode(scene.span.start_s),
            thumbnail_url=f"/v1/scenes/{scene.scene_id}/thumbnail",
        )


class ResultOut(BaseModel):
    """A scene that was found. ``moment_s`` is where to start playing."""

    rank: int
    scene_id: UUID
    video_id: UUID
    title: str
    start_s: float
    end_s: float
    moment_s: float
    start_tc: str
    thumbnail_url: str
    stream_url: str
    link: str
    score: float
    label: str
    matched: list[MatchOut]
    snippet: str
    #: neighbouring scenes that are the same shot, shown as this one
    merged: list[UUID]
    #: what followed, for a query such as `A then B`
    then: list[FollowedOut]
    #: score = sum of normalised · weight over matched, less this
    penalty: float

    @classmethod
    def of(cls, hit: Hit, query: str) -> Self:
        scene = hit.scene
        start, end = scene.span.start_s, scene.span.end_s
        return cls(
            rank=hit.rank,
            scene_id=scene.scene_id,
            video_id=scene.video_id,
            title=scene.title,
            start_s=start,
            end_s=end,
            moment_s=hit.moment_s,
            start_tc=timecode(start),
            thumbnail_url=f"/v1/scenes/{scene.scene_id}/thumbnail",
            stream_url=f"/v1/videos/{scene.video_id}/stream",
            link=f"/?q={quote(query, safe='')}&v={scene.video_id}#t={start:.3f},{end:.3f}",
            score=hit.score,
            label=hit.label.value,
            matched=[MatchOut.of(match) for match in hit.matched],
            snippet=hit.snippet,
            merged=list(hit.merged),
            then=[FollowedOut.of(step) for step in hit.then],
            penalty=hit.penalty,
        )


class ModeOut(BaseModel):
    """What CLIP was allowed to do, and why."""

    requested: str
    used: str
    confidence: float
    reason: str


class ChannelOut(BaseModel):
    """How one channel fared."""

    status: str
    candidates: int
    weight: float
    took_ms: float
    reason: str

    @classmethod
    def of(cls, report: ChannelReport) -> Self:
        return cls(
            status=report.status.value,
            candidates=report.candidates,
            weight=report.weight,
            took_ms=report.took_ms,
            reason=report.reason,
        )


class WeighedOut(BaseModel):
    """A channel's weight, and who gave it: `request`, `saved` or `settings`."""

    value: float
    source: str

    @classmethod
    def of(cls, weighed: Weighed) -> Self:
        return cls(value=weighed.value, source=weighed.source.value)


class AnswerOut(BaseModel):
    """The answer to a search."""

    query: str
    results: list[ResultOut]
    took_ms: float
    mode: ModeOut
    degraded: bool
    degraded_reasons: list[str]
    channels: dict[str, ChannelOut]
    #: as they were given; `channels` has each channel's share of the score
    weights: dict[str, WeighedOut]
    #: whether the query moved them on the way from the one to the other
    weights_follow_query: bool
    exhaustive: bool
    next_cursor: str | None
    rerank_pool: str | None
    notices: list[str]
    explanation: dict[str, Any]

    @classmethod
    def of(cls, answer: SearchAnswer) -> Self:
        intent = answer.intent
        return cls(
            query=answer.query,
            results=[ResultOut.of(hit, answer.query) for hit in answer.hits],
            took_ms=answer.took_ms,
            mode=ModeOut(
                requested=answer.mode_requested.value,
                used=answer.mode_used.value,
                confidence=intent.confidence,
                reason=intent.reason,
            ),
            degraded=answer.degraded,
            degraded_reasons=list(answer.degraded_reasons),
            channels={channel.value: ChannelOut.of(report) for channel, report in answer.channels.items()},
            weights={channel.value: WeighedOut.of(weighed) for channel, weighed in answer.weights.items()},
            weights_follow_query=answer.weights_follow_query,
            exhaustive=answer.exhaustive,
            next_cursor=answer.next_cursor,
            rerank_pool=answer.rerank_pool,
            notices=list(answer.notices),
            explanation=answer.explanation,
        )


class VideoOut(BaseModel):
    """A video of the library; its place on the disk stays on the server."""

    video_id: UUID
    title: str
    duration_s: float
    width_px: int
    height_px: int
    fps: float | None
    scenes: int
    copies: int
    tags: list[str]
    stream_url: str

    @classmethod
    def of(cls, video: StreamableVideo) -> Self:
        return cls(
            video_id=video.video_id,
            title=video.title,
            duration_s=video.facts.duration_s,
            width_px=video.facts.width_px,
            height_px=video.facts.height_px,
            fps=video.facts.fps,
            scenes=video.scenes,
            copies=len(video.copies),
            tags=list(video.tags),
            stream_url=f"/v1/videos/{video.video_id}/stream",
        )


class UnreadableOut(BaseModel):
    """A file that was offered and is not searchable."""

    file: str
    reason: str
    explanation: str
    remedy: str

    @classmethod
    def of(cls, found: UnreadableFile) -> Self:
        reason = found.reason
        return cls(
            file=showable(found.path.name),
            reason=reason.value,
            explanation=found.detail or reason.explanation,
            remedy=reason.remedy,
        )


class StatusOut(BaseModel):
    """How much of the library can be searched."""

    videos: int
    scenes: int
    hours: float
    segments: int
    #: channel -> scenes that it can find
    coverage: dict[str, int]
    unreadable: list[UnreadableOut]
    missing: list[str]

    @classmethod
    def of(cls, status: LibraryStatus) -> Self:
        return cls(
            videos=status.videos,
            scenes=status.scenes,
            hours=status.duration_s / 3600,
            segments=status.segments,
            coverage={Channel(name).value: count for name, count in status.coverage.items()},
            unreadable=[UnreadableOut.of(found) for found in status.unreadable],
            missing=[showable(path.name) for path in status.missing],
        )


def timecode(seconds: float) -> str:
    """Return ``HH:MM:SS.mmm``."""
    total_ms = round(seconds * 1000)
    hours, rest = divmod(total_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def showable(name: str) -> str:
    """Return a file name that any encoder takes: bytes that are not UTF-8 become ``?``."""
    return name.encode("utf-8", "replace").decode("utf-8")
