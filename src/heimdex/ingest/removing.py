"""Taking videos out of the library. Files of the user are never touched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import VideoId
from heimdex.ingest.files import shown
from heimdex.ingest.tidying import Tidying
from heimdex.ports.jobs import Inventory, JobQueue


@dataclass(frozen=True, slots=True)
class Removed:
    """What went."""

    files: tuple[Path, ...]
    videos: int


@dataclass(frozen=True, slots=True)
class Remover:
    """Removes videos with all that was made from them."""

    inventory: Inventory
    queue: JobQueue
    tidying: Tidying

    async def remove(self, paths: Sequence[Path] = (), videos: Sequence[VideoId] = ()) -> Removed:
        """Take files, folders with all below them, and videos with all their copies out of the library.

        A video stays as long as another file holds its content. A file that is still there is remembered,
        so that it does not come back by itself; indexing it by its name brings it back.

        Raises NotFound, and removes nothing, when one of them is not in the library.
        """
        found: dict[Path, None] = {}
        for path in paths:
            below = await self.inventory.files_below(path)
            waiting = [job.file.path for job in await self.queue.find_paths([path])]
            if not below and not waiting:
                raise NotFound(f"{shown(path)} is not in the library.", remedy="`heimdex status` shows what is.")
            found |= dict.fromkeys([*(known.file.path for known in below), *waiting])
        for video_id in videos:
            copies = await self.inventory.paths_of_video(video_id)
            if not copies:
                raise NotFound(f"There is no video {video_id} in the library.", remedy="Search shows the ids.")
            found |= dict.fromkeys(copies)
        there = await asyncio.to_thread(lambda: [path for path in found if os.path.lexists(path)])
        gone = [path for path in found if path not in set(there)]
        await self.queue.forget(list(found))
        count = await self.inventory.take_out(there) + await self.inventory.forget_files(gone)
        await self.tidying.discard(await self.tidying.look())
        return Removed(tuple(found), count)
