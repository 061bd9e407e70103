"""Tags in memory: the port Tags for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId
from heimdex.domain.tags import clean_tag, tag_key
from heimdex.ports import IndexedVideo


@dataclass(slots=True)
class InMemoryTags:
    """Tags on the videos of `InMemoryCatalogue`."""

    videos: dict[VideoId, IndexedVideo] = field(default_factory=dict)
    #: sha256 -> key -> tag
    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    async def add(self, tag: str, videos: Sequence[VideoId]) -> int:
        key, shown = tag_key(tag), clean_tag(tag)
        contents = self._contents(videos)
        fresh = [sha256 for sha256 in contents if key not in self.kept.get(sha256, {})]
        for sha256 in fresh:
            self.kept.setdefault(sha256, {})[key] = shown
        return len(fresh)

    async def remove(self, tag: str, videos: Sequence[VideoId]) -> int:
        key = tag_key(tag)
        return sum(self.kept.get(sha256, {}).pop(key, None) is not None for sha256 in self._contents(videos))

    async def every(self) -> list[tuple[str, int]]:
        counts: dict[str, int] = {}
        names: dict[str, str] = {}
        for video in self.videos.values():
            for key, tag in self.kept.get(video.file.sha256, {}).items():
                counts[key] = counts.get(key, 0) + 1
                names.setdefault(key, tag)
        return [(names[key], counts[key]) for key in sorted(counts)]

    def _contents(self, videos: Sequence[VideoId]) -> set[str]:
        if not set(videos) <= set(self.videos):
            raise NotFound("There is no such video.", remedy="`heimdex status` lists what is indexed.")
        return {self.videos[video_id].file.sha256 for video_id in videos}
