"""Every Protocol between the use cases and the outside, in the words of the domain.

Adapters satisfy these structurally; `tests/contract/` holds one suite per port, run over each
adapter and over the fake in `heimdex.testing`. What a change of model needs stands in `heimdex.ports.spaces`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.jobs import JobEnd
from heimdex.domain.media import DecodedVideo, FileStamp, LibraryStatus, MediaFacts, Reason, Scene, Segment
from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import Candidate, SceneDetails

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Cosines of one model below which a best match means little, measured on held-out data.

    Raises ValueError unless -1 <= weak <= medium <= strong <= 1.
    """

    weak: float
    medium: float
    strong: float

    def __post_init__(self) -> None:
        if not -1 <= self.weak <= self.medium <= self.strong <= 1:  # NaN fails too
            raise ValueError("weak <= medium <= strong are due, cosines from -1 to 1")


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Which space vectors belong to. Vectors of two models never mix."""

    model_id: str
    revision: str
    dim: int
    #: what every answer must say about this model, empty for a general one
    notice: str = ""
    calibration: Calibration | None = None
    #: primary language tags of the texts that it can read, such as ``en``; empty when it does not say
    languages: tuple[str, ...] = ()

    @property
    def space(self) -> tuple[str, str, int]:
        """What two models must share for their vectors to be compared."""
        return self.model_id, self.revision, self.dim


class Embedder(Protocol):
    """Texts and images into one space (CLIP). Contract: tests/contract/test_embedder.py."""

    @property
    def model(self) -> EmbeddingModel: ...

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32: input order, rows of unit L2 norm.

        Raises:
            EmbedderUnavailable: no answer within ``timeout_s``; retrying may help.
            EmbedderRejected: input or signature refused; retrying will not help.
        """
        ...

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        """Return (len(images), dim) float32 for upright RGB images of any size, (height, width, 3) uint8."""
        ...


class TextEmbedder(Protocol):
    """Meaning of text: queries and passages into one space. Contract: tests/contract/test_text_embedder.py."""

    @property
    def model(self) -> EmbeddingModel: ...

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows."""
        ...

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows."""
        ...


class MediaDecoder(Protocol):
    """One pass over a video file. Contract: tests/contract/test_media_decoder.py."""

    def decode(
        self, path: Path, folder: Path, *, on_progress: Callable[[float], None], with_audio: bool = False
    ) -> DecodedVideo:
        """Decode ``path`` once; write keyframes and sprites into the existing ``folder``.

        Args:
            on_progress: called with the decoded fraction, 0 to 1.
            with_audio: also write the sound as speech recognition wants it (`DecodedVideo.audio`), unless the
                file has none or brings its own text.

        Raises:
            MediaRejected: with the reason that the library lists.
        """
        ...

    def extract_audio(self, path: Path, folder: Path, *, on_progress: Callable[[float], None]) -> Path | None:
        """Write only the sound into ``folder``, as `DecodedVideo.audio`; None when there is none.

        For a video that was decoded before anyone wanted to listen to it.

        Raises:
            MediaRejected: as `decode`.
        """
        ...


class TranscriptReader(Protocol):
    """Text that lies beside a video."""

    def read_sidecars(self, video: Path) -> list[Segment]:
        """Return the segments of subtitle files that belong to ``video``, in order of time."""
        ...

    def read_descriptions(self, video: Path) -> list[Segment]:
        """Return what files beside ``video`` tell about it; text about the whole ends at no particular time."""
        ...


@dataclass(frozen=True, slots=True)
class IndexedScene:
    """A scene ready to be published. Row i of ``visual`` belongs to keyframe i."""

    scene_id: SceneId
    scene: Scene
    transcript: str
    visual: Matrix | None
    #: of the transcript
    meaning: Vector | None
    #: what is told about the scene, and its vector in the space of ``meaning``
    description: str = ""
    told: Vector | None = None


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """A video ready to be published in one transaction."""

    video_id: VideoId
    file: FileStamp
    title: str
    facts: MediaFacts
    scenes: tuple[IndexedScene, ...]
    segments: tuple[Segment, ...]
    #: of the settings that the scenes depend on; another fingerprint means index again
    fingerprint: str
    visual_model: EmbeddingModel | None = None
    #: of what is said and of what is told
    meaning_model: EmbeddingModel | None = None
    descriptions: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldScene:
    """What is told about a published scene; no vector where no model can read it."""

    scene_id: SceneId
    text: str
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A published video as whoever describes it needs it: its scenes with their keyframes, in order of time."""

    video_id: VideoId
    sha256: str
    scenes: tuple[tuple[SceneId, Scene], ...]
    descriptions: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the library knows about a path."""

    file: FileStamp
    #: None when the file was unreadable
    video_id: VideoId | None
    fingerprint: str
    reason: Reason | None = None
    #: found gone; offline: together with its folder
    is_gone: bool = False
    is_offline: bool = False


class Catalogue(Protocol):
    """The library as the ingest side sees it. Contract: tests/contract/test_catalogue.py.

    A call with an ``end`` also ends that job, both or neither. Raises LeaseLost when it is in other hands.
    """

    async def known_file(self, path: Path) -> KnownFile | None: ...

    async def known_files(self, paths: Sequence[Path]) -> Mapping[Path, KnownFile]: ...

    async def find_content(self, sha256: str, fingerprint: str) -> VideoId | None:
        """Return the video already indexed from the same bytes with the same settings."""
        ...

    async def paths_of_content(self, sha256: str) -> list[Path]:
        """Return the paths under which these bytes are known, gone or not."""
        ...

    async def link_file(self, file: FileStamp, video_id: VideoId, *, end: JobEnd | None = None) -> None:
        """Note that ``file`` holds the content of ``video_id``: moved, renamed or a copy."""
        ...

    async def record_unreadable(
        self, file: FileStamp, reason: Reason, detail: str, fingerprint: str, *, end: JobEnd | None = None
    ) -> None: ...

    async def publish(self, video: IndexedVideo, *, end: JobEnd | None = None) -> None:
        """Store the video and all that belongs to it, or nothing; replaces an earlier indexing of the content."""
        ...

    async def stored(self, video_id: VideoId) -> StoredVideo:
        """Return a published video. Raises NotFound."""
        ...

    async def descriptions_of(self, sha256: str) -> list[Segment]:
        """Return what is told about the published video with these bytes."""
        ...

    async def describe(
        self,
        video_id: VideoId,
        descriptions: Sequence[Segment],
        told: Sequence[ToldScene],
        model: EmbeddingModel | None,
    ) -> None:
        """Put these descriptions of a published video, and of its scenes, in place of all former ones; or nothing.

        Args:
            told: scenes that are not in it lose their descriptions.
            model: of the vectors.

        Raises:
            NotFound: no such video, or one of the scenes is not of it: indexed anew meanwhile.
        """
        ...

    async def status(self) -> LibraryStatus: ...


@dataclass(frozen=True, slots=True)
class WordQuery:
    """Terms as `heimdex.ranking.tokens` makes them: every phrase is a run of index terms."""

    #: any of these adds to the score
    phrases: tuple[tuple[str, ...], ...]
    #: each of these must occur
    required: tuple[tuple[str, ...], ...] = ()
    #: none of these may occur
    excluded: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One channel's candidates, best first, one per scene."""

    candidates: list[Candidate]
    #: whether every scene that the filter admits was looked at
    exhaustive: bool = True


@dataclass(frozen=True, slots=True)
class SceneFrames:
    """The keyframe vectors of some scenes: row i belongs to ``scene_ids[owner[i]]``, rows of a scene together."""

    scene_ids: tuple[SceneId, ...]
    #: (rows,) 0, 0, 1, 2, 2, … without a gap
    owner: NDArray[np.int64]
    #: (rows, dim) unit rows, to half precision
    vectors: Matrix


class SceneIndex(Protocol):
    """The library as the search side sees it. Contract: tests/contract/test_scene_index.py."""

    async def nearest(
        self,
        channel: Channel,
        model: EmbeddingModel,
        query: Vector,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
    ) -> Retrieved:
        """Return the scenes nearest to a unit vector; raw is the cosine of the best keyframe or passage."""
        ...

    async def match_words(
        self,
        query: WordQuery,
        *,
        limit: int,
        within: SearchFilter,
        timeout_s: float,
        channel: Channel = Channel.LEXICAL,
    ) -> Retrieved:
        """Return scenes that have the terms; raw is BM25 (Robertson & Zaragoza 2009).

        Args:
            channel: LEXICAL looks at transcripts, SUMMARY at descriptions.
        """
        ...

    async def score_scenes(
        self, model: EmbeddingModel, query: Vector, scene_ids: Sequence[SceneId], *, timeout_s: float
    ) -> Mapping[SceneId, Candidate]:
        """Score a pool in one round trip; a scene without a vector is absent from the result."""
        ...

    async def frames(self, model: EmbeddingModel, scene_ids: Sequence[SceneId], *, timeout_s: float) -> SceneFrames:
        """Return all keyframe vectors of a pool in one round trip; a scene without one is absent."""
        ...

    async def details(self, scene_ids: Sequence[SceneId]) -> Mapping[SceneId, SceneDetails]: ...

    async def covered(self, channel: Channel, model: EmbeddingModel | None) -> int:
        """Return how many scenes the channel can find; SUMMARY without a model counts those found by their words."""
        ...


class Preferences(Protocol):
    """What a person wants of every search. Contract: tests/contract/test_preferences.py."""

    async def weights(self) -> dict[Channel, float]:
        """Return the saved weights, empty when none are."""
        ...

    async def save_weights(self, weights: Mapping[Channel, float]) -> None:
        """Keep these instead of what was saved before."""
        ...

    async def forget_weights(self) -> None: ...


class Tags(Protocol):
    """What a person calls videos. A tag belongs to content: indexing it anew keeps it.

    Contract: tests/contract/test_tags.py.
    """

    async def add(self, tag: str, videos: Sequence[VideoId]) -> int:
        """Tag all of these videos or none; return how many had not that tag.

        Raises:
            BadRequest: no tag that could be kept.
            NotFound: one of the videos is not in the library.
        """
        ...

    async def remove(self, tag: str, videos: Sequence[VideoId]) -> int:
        """Take the tag off these videos; return how many had it. Raises as `add` does."""
        ...

    async def every(self) -> list[tuple[str, int]]:
        """Return each tag with the number of videos that have it, in order of name."""
        ...
