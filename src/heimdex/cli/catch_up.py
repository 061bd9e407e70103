"""No gap after a change of model: every space that is in use or being filled gets what it lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from heimdex.cli.follow import announce_change
from heimdex.domain.errors import HeimdexError
from heimdex.domain.query import Channel

if TYPE_CHECKING:
    from heimdex.ingest.backfill import Backfill, Filled
    from heimdex.ports import Embedder, TextEmbedder
    from heimdex.wiring import Library

#: gives for a channel what is called with scenes done and scenes to do
Bars = Callable[[Channel], Callable[[int, int], None]]
_WHAT = {Channel.VISUAL: "pictures", Channel.TRANSCRIPT: "transcripts", Channel.SUMMARY: "descriptions"}


async def catch_up(library: Library, bars: Bars) -> list[Filled]:
    """Fill what the library's models and those of other kept spaces lack; return what was done.

    A model that the settings name, or of which a new revision was installed, comes into use here once it
    covers the library: unless another was chosen since this process started.

    Raises:
        EmbedderUnavailable, EmbedderRejected, StoreUnavailable: what was embedded before stays.
    """
    models = library.models
    done = await fill(library.backfill, models.embedder, models.names[Channel.VISUAL], bars)
    if models.text_embedder is not None:
        done += await fill(library.backfill, models.text_embedder, models.names[Channel.TRANSCRIPT], bars)
    left = {filled.model.space for filled in done if filled.left}
    for filled in done:
        before = models.in_use.get(filled.channel)
        changed = before is not None and before.model.space != filled.model.space
        if before and changed and filled.model.space not in left:
            await library.spaces.use(filled.channel, filled.model, instead_of=before.model)
            announce_change(library.settings.data_dir)
    return done + await _catch_up_others(library, {filled.model.space for filled in done}, bars)


async def name_models(library: Library) -> None:
    """Note what the models are opened by, before anything is published with them: the work may be killed."""
    models = library.models
    if name := models.names[Channel.VISUAL]:
        await library.spaces.begin(Channel.VISUAL, models.embedder.model, name)
    if (name := models.names[Channel.TRANSCRIPT]) and models.text_embedder is not None:
        for channel in (Channel.TRANSCRIPT, Channel.SUMMARY):
            await library.spaces.begin(channel, models.text_embedder.model, name)


async def _catch_up_others(library: Library, done: set[tuple[str, str, int]], bars: Bars) -> list[Filled]:
    from heimdex.wiring import open_named

    more: list[Filled] = []
    for space in await library.spaces.all():
        kept = (space.active or space.filling) and space.pending and space.name
        if not kept or space.model.space in done:
            continue
        done.add(space.model.space)
        try:
            async with open_named(library.settings, space.channel, space.name) as embedder:
                if embedder.model.space == space.model.space:
                    more += await fill(library.backfill, embedder, space.name, bars)
        except HeimdexError as error:  # a second model that fails must not make indexing fail
            _log().warning("a second model falls behind", model=space.model.model_id, reason=error.message)
    return more


async def fill(backfill: Backfill, embedder: Embedder | TextEmbedder, name: str, bars: Bars) -> list[Filled]:
    """Fill every space of a model that is open: pictures; or what is said, and what is told."""
    if not hasattr(embedder, "embed_passages"):
        return [await backfill.pictures(embedder, name, bars(Channel.VISUAL))]
    text = cast("TextEmbedder", embedder)
    return [await backfill.texts(c, text, name, bars(c)) for c in (Channel.TRANSCRIPT, Channel.SUMMARY)]


@contextmanager
def fill_bars(*, quiet: bool = False) -> Iterator[Bars]:
    """Show one bar a channel on stderr, when that is a terminal and there is something to do."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:

        def bar(channel: Channel) -> Callable[[int, int], None]:
            task = progress.add_task(f"embedding {_WHAT.get(channel, channel.value)}", total=None, visible=False)
            return lambda done, total: progress.update(task, completed=done, total=total, visible=total > 0)

        yield bar


def _log() -> Any:
    import structlog  # here: it is slow to start with

    return structlog.get_logger()
