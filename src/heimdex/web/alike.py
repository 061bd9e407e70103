"""Search by picture, and more like a scene."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import ValidationError

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import SceneId
from heimdex.search.picture import MAX_BYTES, read_picture
from heimdex.search.request import check_alike
from heimdex.web.library import OpenLibrary
from heimdex.web.schemas import AnswerOut, PictureOptions, SimilarBody
from heimdex.web.search import Slot
from heimdex.web.videos import AskedScene

router = APIRouter(prefix="/v1", tags=["search"])
#: address -> largest body; a multipart frame around the picture included
LARGE_BODIES = {"/v1/search/image": MAX_BYTES + (64 << 10)}


@router.post("/similar", dependencies=[Slot])
async def similar(body: SimilarBody, library: OpenLibrary) -> AnswerOut:
    """Find scenes that look like a scene."""
    wanted = check_alike(
        limit=body.limit,
        filter=body.filter.model_dump(exclude_none=True) if body.filter else None,
        per_video=body.per_video,
        explain=body.explain,
    )
    return AnswerOut.of(await library.search.similar(SceneId(body.scene_id), wanted))


@router.get("/scenes/{scene_id}/similar", dependencies=[Slot], operation_id="similar_to_scene")
async def similar_to_scene(
    scene_id: AskedScene,
    library: OpenLibrary,
    limit: int = 10,
    per_video: Annotated[int | None, Query(description="Most scenes of one video.")] = None,
) -> AnswerOut:
    """Find scenes that look like this one."""
    return AnswerOut.of(await library.search.similar(scene_id, check_alike(limit=limit, per_video=per_video)))


@router.post("/search/image", dependencies=[Slot])
async def search_image(
    library: OpenLibrary,
    image: Annotated[UploadFile, File(description="JPEG, PNG or WebP, at most 16 MiB.")],
    query: Annotated[str, Form(description="Words that count beside the picture.")] = "",
    limit: Annotated[int, Form(description="Most results, 1 to 100.")] = 10,
    per_video: Annotated[int | None, Form(description="Most scenes of one video.")] = None,
    options: Annotated[
        str, Form(description='Other fields of a search as JSON: `{"filter": {"tags": ["holiday"]}, "explain": true}`.')
    ] = "{}",
) -> AnswerOut:
    """Find scenes that look like a picture; with words, half of the score is theirs."""
    try:
        beside = PictureOptions.model_validate_json(options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("options", *first["loc"])))
        raise BadRequest(f"{place[:80]}: {first['msg']}.", remedy="See PictureOptions in /openapi.json.") from None
    given = beside.model_dump(exclude={"filter"})
    within = beside.filter.model_dump(exclude_none=True) if beside.filter else None
    wanted = check_alike(query, limit=limit, per_video=per_video, filter=within, **given)
    picture = await asyncio.to_thread(read_picture, await image.read())
    return AnswerOut.of(await library.search.search_picture(picture, wanted))
