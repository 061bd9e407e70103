"""Videos, their streams and their pictures: by id, never by path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from heimdex.domain.errors import NotFound
from heimdex.domain.ids import SceneId, VideoId
from heimdex.web.files import file_response
from heimdex.web.library import Library, OpenLibrary
from heimdex.web.schemas import VideoOut

router = APIRouter(prefix="/v1", tags=["library"])

#: the container, or for the MP4 family the ending, decides; nothing else is ever sent as something active
_BY_ENDING = {".mov": "video/quicktime", ".m4v": "video/x-m4v", ".3gp": "video/3gpp", ".webm": "video/webm"}
_BY_CONTAINER = {
    "mp4": "video/mp4",
    "matroska": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "mpegvideo": "video/mpeg",
    "ogg": "video/ogg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-wmv",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heif": "image/heic",
}


def media_type(path: Path, container: str) -> str:
    """Return the media type for a container as the decoder names it, such as ``mov,mp4,m4a``."""
    names = container.split(",")
    ending = path.suffix.lower()
    if ending in _BY_ENDING and {"mp4", "webm"} & set(names):
        return _BY_ENDING[ending]
    return next((_BY_CONTAINER[name] for name in names if name in _BY_CONTAINER), "application/octet-stream")


def _video_id(video_id: str) -> VideoId:
    try:
        return VideoId(UUID(video_id))
    except ValueError:
        raise NotFound("There is no such video.") from None


def _scene_id(scene_id: str) -> SceneId:
    try:
        return SceneId(UUID(scene_id))
    except ValueError:
        raise NotFound("There is no such scene.") from None


AskedVideo = Annotated[VideoId, Depends(_video_id)]
AskedScene = Annotated[SceneId, Depends(_scene_id)]


@router.get("/videos")
async def videos(library: OpenLibrary) -> list[VideoOut]:
    """Return every video of the library."""
    return [VideoOut.of(video) for video in await library.shelf.videos()]


@router.get("/videos/{video_id}")
async def video(video_id: AskedVideo, library: OpenLibrary) -> VideoOut:
    """Return what is known about a video."""
    return VideoOut.of(await library.shelf.video(video_id))


@router.head("/videos/{video_id}/stream", include_in_schema=False)
@router.get("/videos/{video_id}/stream", response_class=Response)
async def stream(video_id: AskedVideo, library: OpenLibrary, request: Request) -> Response:
    """Return the bytes of a video, or one range of them."""
    found = await library.shelf.video(video_id)
    return await file_response(request, found.path, media_type(found.path, found.facts.container), name=found.path.name)


@router.head("/scenes/{scene_id}/thumbnail", include_in_schema=False)
@router.get("/scenes/{scene_id}/thumbnail", response_class=Response)
async def thumbnail(scene_id: AskedScene, library: OpenLibrary, request: Request) -> Response:
    """Return the picture that stands for a scene, a JPEG."""
    return await file_response(request, await _artefact(scene_id, library), "image/jpeg", max_age_s=3600)


@router.head("/scenes/{scene_id}/sprites.jpg", include_in_schema=False)
@router.get("/scenes/{scene_id}/sprites.jpg", response_class=Response)
async def sprites(scene_id: AskedScene, library: OpenLibrary, request: Request) -> Response:
    """Return the sheet of small pictures of the whole video that a scene belongs to, a JPEG."""
    sheet = (await _artefact(scene_id, library)).with_name("sprites.jpg")
    return await file_response(request, sheet, "image/jpeg", max_age_s=3600)


@router.head("/scenes/{scene_id}/sprites.vtt", include_in_schema=False)
@router.get("/scenes/{scene_id}/sprites.vtt", response_class=Response)
async def sprite_index(scene_id: AskedScene, library: OpenLibrary, request: Request) -> Response:
    """Return which part of the sheet stands for which time, as WebVTT with `sprites.jpg#xywh=x,y,width,height`."""
    index = (await _artefact(scene_id, library)).with_name("sprites.vtt")
    return await file_response(request, index, "text/vtt", max_age_s=3600)


async def _artefact(scene_id: SceneId, library: Library) -> Path:
    """Return where the picture of a scene lies; what belongs to the whole video lies beside it."""
    relative = await library.shelf.thumbnail(scene_id)
    root = library.artefacts.resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root):  # the library said so, not the caller; still
        raise NotFound("There is no such picture.")
    return path
