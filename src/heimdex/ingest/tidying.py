"""Keyframes without a video, and videos without their keyframes: found, and mended.

A killed worker may leave what it decoded for a file that was removed meanwhile; a person may delete
the artefact folder. Both come to light when the folder is compared with the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import NewJob
from heimdex.ingest.artefacts import Artefacts, Result
from heimdex.ports.jobs import HeldContent, Inventory, JobQueue


@dataclass(frozen=True, slots=True)
class Untidy:
    """What does not fit together."""

    #: results on disk that no video and no job needs
    orphans: tuple[Result, ...] = ()
    #: videos whose keyframes are not there
    bare: tuple[HeldContent, ...] = ()
    #: the artefact folder belongs to another library: nothing in it is touched
    is_foreign: bool = False


class Tidying:
    """Compares the artefact folder with the library. A folder serves one library of one tenant."""

    def __init__(self, artefacts: Artefacts, inventory: Inventory, queue: JobQueue) -> None:
        self._artefacts, self._inventory, self._queue = artefacts, inventory, queue

    async def look(self, *, thorough: bool = False) -> Untidy:
        """Return what does not fit.

        Args:
            thorough: open every result and look for each of its pictures, not only for the folder.
        """
        if not await asyncio.to_thread(self._artefacts.belongs_to, await self._inventory.born()):
            return Untidy(is_foreign=True)
        # the folder first, then the jobs, then the videos: whatever is made meanwhile is found needed
        there = await asyncio.to_thread(self._artefacts.results)
        needed = await self._queue.contents()
        held = await self._inventory.contents()
        used = {_result_of(content) for content in held}
        orphans = tuple(found for found in there if found.sha256 not in needed and found not in used)

        def is_bare(content: HeldContent) -> bool:
            result = _result_of(content)
            return result not in there or (thorough and self._artefacts.load(*result) is None)

        bare = await asyncio.to_thread(lambda: tuple(content for content in held if is_bare(content)))
        return Untidy(orphans, tuple(content for content in bare if content.sha256 not in needed))

    async def discard(self, found: Untidy) -> None:
        """Remove the orphans."""
        await asyncio.to_thread(self._artefacts.discard, found.orphans)

    async def mend(self, found: Untidy) -> int:
        """Remove orphans, and let the files of bare videos be decoded anew; return how many of these have a file."""
        await self.discard(found)
        paths: list[Path] = []
        for content in found.bare:
            copies = await self._inventory.paths_of_video(content.video_id)
            paths += (await asyncio.to_thread(_those_there, copies))[:1]
        await self._queue.enqueue([NewJob(path, forced=True) for path in paths], uuid7())
        return len(paths)


def _those_there(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if path.is_file()]


def _result_of(content: HeldContent) -> Result:
    return Result(content.sha256, content.image.parent.name)
