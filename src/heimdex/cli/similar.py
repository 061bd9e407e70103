"""``heimdex similar``: more moments that look like one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from heimdex.cli.search import answered, exit_code, told
from heimdex.cli.start import start
from heimdex.domain.errors import NotFound
from heimdex.domain.ids import SceneId

if TYPE_CHECKING:
    from heimdex.domain.query import SearchRequest
    from heimdex.settings import Settings


def similar(
    scene: Annotated[str, typer.Argument(help="The id of a scene, as `heimdex search --json` gives it.")],
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most results, 1 to 100.")] = 10,
    per_video: Annotated[int | None, typer.Option("--per-video", help="Most scenes of one video.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as a JSON object.")] = False,
) -> None:
    """Find moments that look like SCENE.

    \b
    heimdex similar 01932c5a-7b1e-7f00-8a4e-0242ac120002 -n 5
    """
    from heimdex.search.request import check_alike

    settings = start()
    wanted = check_alike(limit=limit, per_video=per_video)
    answer, places = asyncio.run(_in_process(settings, scene_id(scene), wanted))
    told(answer, places, as_json=as_json)
    raise typer.Exit(exit_code(answer))


def scene_id(text: str) -> SceneId:
    """Return the id that was typed. Raises NotFound when it cannot be one."""
    try:
        return SceneId(UUID(text))
    except ValueError:
        raise NotFound("There is no such scene.", remedy="`heimdex search QUERY --json` gives their ids.") from None


async def _in_process(
    settings: Settings, scene: SceneId, wanted: SearchRequest
) -> tuple[dict[str, Any], dict[str, str]]:
    from heimdex.wiring import open_library

    async with open_library(settings) as library:
        return answered(await library.search.similar(scene, wanted))
