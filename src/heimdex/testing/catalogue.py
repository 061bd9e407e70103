"""The library in memory: the port Catalogue for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from heimdex.domain.errors import DimensionMismatch, NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.jobs import JobEnd
from heimdex.domain.media import FileStamp, LibraryStatus, Reason, Segment, UnreadableFile
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel, IndexedVideo, KnownFile, Matrix, StoredVideo, ToldScene
from heimdex.testing.jobs import InMemoryJobs


@dataclass(slots=True)
class InMemoryCatalogue:
    """Keeps videos and files in dictionaries, with the rules that the real one has."""

    videos: dict[VideoId, IndexedVideo] = field(default_factory=dict)
    files: dict[Path, KnownFile] = field(default_factory=dict)
    details: dict[Path, str] = field(default_factory=dict)
    #: videos that stay searchable though their file is listed as unreadable
    kept: dict[Path, VideoId] = field(default_factory=dict)

    #: where the jobs are whose ends come with results
    queue: InMemoryJobs = field(default_factory=InMemoryJobs)

    async def known_file(self, path: Path) -> KnownFile | None:
        return self.files.get(path)

    async def known_files(self, paths: Sequence[Path]) -> dict[Path, KnownFile]:
        return {path: self.files[path] for path in paths if path in self.files}

    async def find_content(self, sha256: str, fingerprint: str) -> VideoId | None:
        for video in self.videos.values():
            if sha256 and video.file.sha256 == sha256 and video.fingerprint == fingerprint:
                return video.video_id
        return None

    async def paths_of_content(self, sha256: str) -> list[Path]:
        return sorted(path for path, known in self.files.items() if sha256 and known.file.sha256 == sha256)

    async def link_file(self, file: FileStamp, video_id: VideoId, *, end: JobEnd | None = None) -> None:
        if video_id not in self.videos:
            raise NotFound("There is no such video in the library.", remedy="Index the file.")
        await self._end(end)
        self._put(KnownFile(file, video_id, self.videos[video_id].fingerprint))

    async def record_unreadable(
        self, file: FileStamp, reason: Reason, detail: str, fingerprint: str, *, end: JobEnd | None = None
    ) -> None:
        await self._end(end)
        before = self.files.get(file.path)
        kept = self.kept.get(file.path) or (before.video_id if before else None)
        self._put(KnownFile(file, None, fingerprint, reason))
        self.details[file.path] = detail.replace("\0", "")
        if before is not None and before.file.sha256 == file.sha256 and kept is not None:
            self.kept[file.path] = kept  # the same bytes were readable once: their scenes stay
        self._drop_unused()

    async def publish(self, video: IndexedVideo, *, end: JobEnd | None = None) -> None:
        if not video.scenes:
            raise ValueError("a searchable video has at least one scene")
        for scene in video.scenes:
            if scene.visual is not None and video.visual_model is not None:
                _check(scene.visual, video.visual_model)
            if scene.meaning is not None and video.meaning_model is not None:
                _check(scene.meaning[np.newaxis], video.meaning_model)
        await self._end(end)
        for former in [v for v in self.videos.values() if v.file.sha256 == video.file.sha256]:
            del self.videos[former.video_id]
            for path, known in list(self.files.items()):
                if known.video_id == former.video_id:
                    self.files[path] = KnownFile(known.file, video.video_id, video.fingerprint)
        self.videos[video.video_id] = video
        self._put(KnownFile(video.file, video.video_id, video.fingerprint))

    async def stored(self, video_id: VideoId) -> StoredVideo:
        if video_id not in self.videos:
            raise NotFound("There is no such video in the library.", remedy="Index the file.")
        video = self.videos[video_id]
        scenes = tuple((scene.scene_id, scene.scene) for scene in video.scenes)
        return StoredVideo(video_id, video.file.sha256, scenes, video.descriptions)

    async def descriptions_of(self, sha256: str) -> list[Segment]:
        return [
            each for video in self.videos.values() if sha256 and video.file.sha256 == sha256
            for each in video.descriptions
        ]  # fmt: skip

    async def describe(
        self,
        video_id: VideoId,
        descriptions: Sequence[Segment],
        told: Sequence[ToldScene],
        model: EmbeddingModel | None,
    ) -> None:
        stored = await self.stored(video_id)
        by_scene = {scene.scene_id: scene for scene in told}
        if not set(by_scene) <= {scene_id for scene_id, _ in stored.scenes}:
            raise NotFound("The video was indexed anew meanwhile.", remedy="Describe it again.")
        for scene in told:
            if scene.vector is not None:
                if model is None:
                    raise ValueError("a vector of what is told needs its model")
                _check(scene.vector[np.newaxis], model)
        video = self.videos[video_id]
        nothing = ("", None)
        scenes = []
        for each in video.scenes:
            found = by_scene.get(each.scene_id)
            text, vector = (found.text, found.vector) if found else nothing
            scenes.append(replace(each, description=text, told=vector))
        self.videos[video_id] = replace(
            video, scenes=tuple(scenes), descriptions=tuple(descriptions), meaning_model=model or video.meaning_model
        )

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
                Channel.SUMMARY.value: sum(bool(scene.description) for scene in scenes),
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

    async def _end(self, end: JobEnd | None) -> None:
        if end is not None:
            await self.queue.finish(end)

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
