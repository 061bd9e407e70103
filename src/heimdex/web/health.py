"""Whether the server lives, whether it can answer, and what it holds."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from heimdex.domain.errors import StoreUnavailable
from heimdex.web.library import OpenLibrary, ServerIdentity
from heimdex.web.schemas import StatusOut

router = APIRouter(tags=["state"])
READY_TIMEOUT_S = 2.0


class HealthOut(BaseModel):
    """The process lives; that says nothing about the database."""

    status: Literal["ok"] = "ok"
    service: Literal["heimdex"] = "heimdex"
    version: str
    instance: str


class ReadyOut(BaseModel):
    """The database answers."""

    status: Literal["ready"] = "ready"
    scenes: int


@router.get("/livez", operation_id="livez")
@router.get("/health", operation_id="health")
async def health(identity: ServerIdentity) -> HealthOut:
    """Say that the process lives."""
    return HealthOut(version=identity.version, instance=identity.instance)


@router.get("/readyz", operation_id="readyz")
@router.get("/ready", operation_id="ready")
async def ready(library: OpenLibrary) -> ReadyOut:
    """Say that the library answers, or 503."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return ReadyOut(scenes=(await library.catalogue.status()).scenes)
    except TimeoutError:
        raise StoreUnavailable("The database does not answer in time.", remedy="See `heimdex doctor`.") from None


@router.get("/v1/status")
async def status(library: OpenLibrary) -> StatusOut:
    """Say how much of the library can be searched."""
    return StatusOut.of(await library.catalogue.status())
