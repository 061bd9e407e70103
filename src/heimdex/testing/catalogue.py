"""The library in memory: the port Catalogue for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heimdex.domain.errors import DimensionMismatch, NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.media import FileStamp, LibraryStatus, Reason, UnreadableFile
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, IndexedVideo, KnownFile, Matrix


@dataclass(slots=True)
class InMemoryCatalogue:
    """Keeps videos and files in dictionaries, with the rules that the real one has."""

    videos: dict[VideoId, IndexedVideo] = field(default_factory=dict)
    files: dict[Path, KnownFile] = field(default_factory=dict)
    details: dict[Path, str] = field(default_factory=dict)
    #: videos that stay searchable though their file is listed as unreadable
    kept: dict[Path, VideoId] = field(default_factory=dict)

    async def known_file(self, path: Path) -> KnownFile | None:
        return self.files.get(path)

    async def find_content(self, sha256: str, fingerprint: str) -> VideoId | None:
        for video in self.videos.values():
            if sha256 and video.file.sha256 == sha256 and video.fingerprint == fingerprint:
                return video.video_id
        return None

    async def paths_of_content(self, sha256: str) -> list[Path]:
        return sorted(path for path, known in self.files.items() if sha256 and known.file.sha256 == sha256)

    async def link_file(self, file: FileStamp, video_id: VideoId) -> None:
        if video_id not in self.videos:
            raise NotFound("There is no such video in the library.", remedy="Index the file.")
        self._put(KnownFile(file, video_id, self.videos[video_id].fingerprint))

    async def record_unreadable(self, file: FileStamp, reason: Reason, detail: str, fingerprint: str) -> None:
        before = self.files.get(file.path)
        kept = self.kept.get(file.path) or (before.video_id if before else None)
        self._put(KnownFile(file, None, fingerprint, reason))
        self.details[file.path] = detail.replace("\0", "")
        if before is not None and before.file.sha256 == file.sha256 and kept is not None:
            self.kept[file.path] = kept  # the same bytes were readable once: their scenes stay
        self._drop_unused()

    async def publish(self, video: IndexedVideo) -> None:
        if not video.scenes:
            raise ValueError("a searchable video has at least one scene")
        for scene in video.scenes:
            if scene.visual is not None and video.visual_model is not None:
                _check(scene.visual, video.visual_model)
            if scene.meaning is not None and video.meaning_model is not None:
                _check(scene.meaning[np.newaxis], video.meaning_model)
        for former in [v for v in self.videos.values() if v.file.sha256 == video.file.sha256]:
            del self.videos[former.video_id]
            for path, known in list(self.files.items()):
                if known.video_id == former.video_id:
                    self.files[path] = KnownFile(known.file, video.video_id, video.fingerprint)
        self.videos[video.video_id] = video
        self._put(KnownFile(video.file, video.video_id, video.fingerprint))

    async def status(self) -> LibraryStatus:
        scenes = [scene for video in self.videos.values() for scene in video.scenes]
        seen = sum(scene.visual is not None for scene in scenes)
        left = {known.video_id for path, known in self.files.items() if path.exists()}
        return LibraryStatus(
            videos=len(self.videos),
            scenes=len(scenes),
            duration_s=sum(video.facts.duration_s for video in self.videos.values()),
            segments=sum(len(video.segments) for video in self.videos.values()),
            coverage={
                Channel.VISUAL.value: seen,
                Channel.TRANSCRIPT.value: sum(scene.meaning is not None for scene in scenes),
                Channel.LEXICAL.value: sum(bool(scene.transcript) for scene in scenes),
            },
            unreadable=tuple(
                UnreadableFile(path, known.reason, self.details.get(path, ""))
                for path, known in sorted(self.files.items())
                if known.reason is not None
            ),
            missing=tuple(
                path for path, known in self.files.items() if known.reason is None and known.video_id not in left
            ),
        )

    def _put(self, known: KnownFile) -> None:
        self.files[known.file.path] = known
        self.kept.pop(known.file.path, None)
        if known.reason is None:
            self._drop_unused()

    def _drop_unused(self) -> None:
        used = {known.video_id for known in self.files.values()} | set(self.kept.values())
        for video_id in [video_id for video_id in self.videos if video_id not in used]:
            del self.videos[video_id]


def _check(rows: Matrix, model: EmbeddingModel) -> None:
    if rows.shape[1] != model.dim:
        raise DimensionMismatch(stored=model.dim, got=rows.shape[1], model_id=model.model_id)
    if not bool(np.all(np.abs(np.linalg.norm(rows, axis=1) - 1) < 1e-2)):
        raise ValueError(f"{model.model_id} gave rows that are not unit vectors")
