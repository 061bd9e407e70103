"""The web application: use cases in, ASGI out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from heimdex import __version__
from heimdex.telemetry import record
from heimdex.web import alike, health, metrics, preferences, search, tags, videos
from heimdex.web.guard import LOOPBACK, Guard
from heimdex.web.library import Identity, Library
from heimdex.web.problems import Problem, install

UI = Path(__file__).parent / "ui"
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": Problem, "description": "Anything but success, as application/problem+json (RFC 9457)."}
}


def create_app(library: Library, *, hosts: frozenset[str] = LOOPBACK, instance: str = "") -> FastAPI:
    """Return the application over an open library.

    Args:
        hosts: names in the Host header that are answered; others are refused.
        instance: told by ``/health``, so that a caller knows which server it reached.
    """
    record.count_here()
    app = _routes()
    app.state.library = library
    app.state.told = metrics.Told()
    app.state.identity = Identity(version=__version__, instance=instance)
    app.state.slots = asyncio.Semaphore(search.SLOTS)
    app.add_middleware(Guard, hosts=hosts, large_bodies=alike.LARGE_BODIES)
    app.add_middleware(metrics.Counted)
    return app


def describe() -> dict[str, Any]:
    """Return the OpenAPI description of the interface."""
    return _routes().openapi()


def _routes() -> FastAPI:
    app = FastAPI(
        title="heimdex",
        version=__version__,
        summary="Find moments in videos by what is seen and what is said.",
        # their pages load scripts from other sites
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    install(app)
    for module in (search, alike, videos, tags, preferences, health, metrics):
        app.include_router(module.router)
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False, response_class=FileResponse)
    app.mount("/ui", StaticFiles(directory=UI), name="ui")
    return app


async def _page() -> FileResponse:
    return FileResponse(UI / "index.html", headers={"Cache-Control": "no-cache"})
