"""Tags on videos."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from heimdex.web.library import OpenLibrary
from heimdex.web.schemas import VideoOut
from heimdex.web.videos import AskedVideo

router = APIRouter(prefix="/v1", tags=["library"])


class TagOut(BaseModel):
    """A tag, and how many videos have it."""

    tag: str
    videos: int


@router.get("/tags")
async def tags(library: OpenLibrary) -> list[TagOut]:
    """Return every tag."""
    return [TagOut(tag=tag, videos=videos) for tag, videos in await library.tags.every()]


@router.put("/videos/{video_id}/tags/{tag:path}", operation_id="tag_video")
async def tag_video(video_id: AskedVideo, tag: str, library: OpenLibrary) -> VideoOut:
    """Tag a video; indexing the same file anew keeps its tags."""
    await library.tags.add(tag, [video_id])
    return VideoOut.of(await library.shelf.video(video_id))


@router.delete("/videos/{video_id}/tags/{tag:path}", operation_id="untag_video")
async def untag_video(video_id: AskedVideo, tag: str, library: OpenLibrary) -> VideoOut:
    """Take a tag off a video."""
    await library.tags.remove(tag, [video_id])
    return VideoOut.of(await library.shelf.video(video_id))
