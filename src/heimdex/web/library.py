"""What the web needs of a library; `heimdex.wiring.Library` satisfies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from heimdex.domain.ids import SceneId
from heimdex.domain.query import SearchRequest
from heimdex.domain.results import SearchAnswer
from heimdex.ports import Catalogue, Image, Preferences, Tags
from heimdex.ports.jobs import JobQueue
from heimdex.ports.shelf import VideoShelf
from heimdex.search.plan import SearchConfig


class Searcher(Protocol):
    """The search use case."""

    @property
    def config(self) -> SearchConfig: ...

    async def search(self, request: SearchRequest) -> SearchAnswer: ...

    async def similar(self, scene_id: SceneId, request: SearchRequest) -> SearchAnswer: ...

    async def search_picture(self, picture: Image, request: SearchRequest) -> SearchAnswer: ...


class Library(Protocol):
    """An open library. ``artefacts`` is the folder of the thumbnails."""

    @property
    def search(self) -> Searcher: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def queue(self) -> JobQueue: ...

    @property
    def shelf(self) -> VideoShelf: ...

    @property
    def preferences(self) -> Preferences: ...

    @property
    def tags(self) -> Tags: ...

    @property
    def artefacts(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Which server this is: the command line compares it with the note that the server left."""

    version: str
    instance: str = ""


def _library(request: Request) -> Library:
    return cast(Library, request.app.state.library)


def _identity(request: Request) -> Identity:
    return cast(Identity, request.app.state.identity)


OpenLibrary = Annotated[Library, Depends(_library)]
ServerIdentity = Annotated[Identity, Depends(_identity)]
