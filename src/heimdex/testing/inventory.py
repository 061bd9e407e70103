"""What the library in memory knows about files: the port Inventory for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from heimdex.domain.ids import VideoId
from heimdex.domain.media import Reason
from heimdex.domain.query import Channel
from heimdex.ports import KnownFile
from heimdex.ports.jobs import HeldContent, HeldVideo
from heimdex.testing.catalogue import InMemoryCatalogue


@dataclass(slots=True)
class InMemoryInventory:
    """A view of an `InMemoryCatalogue`."""

    catalogue: InMemoryCatalogue
    #: path -> whether it went with its folder
    gone: dict[Path, bool] = field(default_factory=dict)
    library: str = "in memory"

    async def files_below(self, folder: Path) -> list[KnownFile]:
        return [
            replace(known, is_gone=path in self.gone, is_offline=self.gone.get(path, False))
            for path, known in sorted(self.catalogue.files.items())
            if path == folder or folder in path.parents
        ]

    async def mark_presence(
        self, *, present: Sequence[Path] = (), deleted: Sequence[Path] = (), offline: Sequence[Path] = ()
    ) -> None:
        for path in present:
            self.gone.pop(path, None)
        self.gone |= dict.fromkeys(deleted, False) | dict.fromkeys(offline, True)

    async def forget_files(self, paths: Sequence[Path]) -> int:
        for path in paths:
            self.catalogue.files.pop(path, None)
            self.gone.pop(path, None)
        return self._drop_unheld()

    async def take_out(self, paths: Sequence[Path]) -> int:
        for path in paths:
            if (known := self.catalogue.files.get(path)) is not None:
                self.catalogue.files[path] = KnownFile(known.file, None, "", Reason.REMOVED)
        return self._drop_unheld()

    async def paths_of_video(self, video_id: VideoId) -> list[Path]:
        return sorted(path for path, known in self.catalogue.files.items() if known.video_id == video_id)

    async def contents(self) -> list[HeldContent]:
        return [
            HeldContent(video.video_id, video.file.sha256, video.scenes[0].scene.keyframes[0].image)
            for video in self.catalogue.videos.values()
        ]

    async def videos(self) -> list[HeldVideo]:
        found = []
        for video in sorted(self.catalogue.videos.values(), key=lambda video: (video.title, video.video_id)):
            paths = await self.paths_of_video(video.video_id)
            covered = {
                Channel.VISUAL: sum(scene.visual is not None for scene in video.scenes),
                Channel.TRANSCRIPT: sum(scene.meaning is not None for scene in video.scenes),
                Channel.SUMMARY: sum(bool(scene.told) for scene in video.scenes),
                Channel.LEXICAL: sum(bool(scene.transcript) for scene in video.scenes),
            }
            offline = tuple(path for path in paths if self.gone.get(path))
            found.append(HeldVideo(video.video_id, video.title, len(video.scenes), covered, tuple(paths), offline))
        return found

    async def born(self) -> str:
        return self.library

    def _drop_unheld(self) -> int:
        held = {known.video_id for known in self.catalogue.files.values()} | set(self.catalogue.kept.values())
        unheld = [video_id for video_id in self.catalogue.videos if video_id not in held]
        for video_id in unheld:
            del self.catalogue.videos[video_id]
        return len(unheld)
