"""``heimdex models use``, ``rollback`` and ``compare``: from one model to another and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.follow import announce_change
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.running import find_server
from heimdex.cli.start import start
from heimdex.domain.errors import BadRequest, HeimdexError, NotFound
from heimdex.domain.query import Channel

if TYPE_CHECKING:
    from heimdex.ports import EmbeddingModel
    from heimdex.ports.spaces import Space, VectorSpaces
    from heimdex.settings import Settings

CHANNEL_OF = {"clip": Channel.VISUAL, "text": Channel.TRANSCRIPT}
_AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
_SETTINGS = {Channel.VISUAL: ("model", "HEIMDEX_EMBEDDING__MODEL"),
             Channel.TRANSCRIPT: ("text_model", "HEIMDEX_EMBEDDING__TEXT_MODEL")}  # fmt: skip


def use(
    name: Annotated[str, typer.Argument(help="A name from `heimdex models list`, or a folder.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Although it does not cover the library yet.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Search with this model from now on. A running server follows within a second of having it in memory.

    \b
    heimdex reembed --model ViT-B-32__openai
    heimdex models use ViT-B-32__openai
    """
    settings = start()
    channel, model = asyncio.run(_use(settings, name, anyway))
    _told(settings, channel, model, 0, as_json)


async def _use(settings: Settings, name: str, anyway: bool) -> tuple[Channel, EmbeddingModel]:
    from heimdex.wiring import open_spaces

    async with open_spaces(settings) as store:
        channel, model, stored = await identify(settings, store.spaces, name)
        refuse_fixed(settings, channel, stored)
        spaces = await store.spaces.all()
        if not any(s.channel is channel and s.model.space == model.space for s in spaces):
            if (await store.catalogue.status()).videos and not anyway:
                raise NotFound(
                    f"The library has no vectors of {name}.",
                    remedy=f"`heimdex reembed --model {name}` makes them; or use it at once with --anyway.",
                )
            await store.spaces.begin(channel, model, stored)
        await store.spaces.use(channel, model, name=stored, anyway=anyway)
    return channel, model


def rollback(
    text: Annotated[bool, typer.Option("--text", help="Of the meaning of text, not of pictures.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Search with the model that was used before. A second time leads forward again.

    \b
    heimdex models rollback
    """
    settings = start()
    channel = Channel.TRANSCRIPT if text else Channel.VISUAL
    space = asyncio.run(_roll_back(settings, channel))
    _told(settings, channel, space.model, space.pending, as_json)


async def _roll_back(settings: Settings, channel: Channel) -> Space:
    from heimdex.wiring import open_spaces

    async with open_spaces(settings) as store:
        spaces = [space for space in await store.spaces.all() if space.channel is channel]
        former = next((space for space in spaces if not space.active and space.activated_at), None)
        if former is None:
            raise NotFound("No other model was used before.", remedy="`heimdex reembed --status` lists the models.")
        refuse_fixed(settings, channel, former.name)
        # never refused: it is the way out
        await store.spaces.use(channel, former.model, anyway=True)
    return former


async def identify(settings: Settings, spaces: VectorSpaces, name: str) -> tuple[Channel, EmbeddingModel, str]:
    """Return the channel and the model that ``name`` means, and what it is opened by (empty when not from here).

    Raises:
        ModelInvalid: neither installed here, nor a model that the library has vectors of.
    """
    from heimdex.embedding.shelf import find_model
    from heimdex.wiring import models_folder

    try:
        found = find_model(name, models_folder(settings))
    except HeimdexError:
        for space in await spaces.all():
            if name in (space.model.model_id, space.name):
                return space.channel, space.model, space.name
        raise
    assert found.model is not None  # noqa: S101 find_model raises otherwise
    return CHANNEL_OF[found.kind], found.model, found.name


def refuse_fixed(settings: Settings, channel: Channel, name: str) -> None:
    """Raise BadRequest when a setting names another model: it would win, and the change would seem to do nothing."""
    from heimdex.embedding.registry import AUTO

    field, variable = _SETTINGS[channel]
    fixed = getattr(settings.embedding, field)
    if fixed not in (AUTO, name):
        raise BadRequest(
            f"{variable}={fixed} decides which model is used.", remedy=f"Unset it, or set it to {AUTO}, and try again."
        )


def _told(settings: Settings, channel: Channel, model: EmbeddingModel, pending: int, as_json: bool) -> None:
    announce_change(settings.data_dir)
    server = find_server(settings.data_dir)
    if as_json:
        say_json({"channel": channel.value, "model": model.model_id, "revision": model.revision, "dim": model.dim,
                  "pending_videos": pending, "server": server.url if server else None})  # fmt: skip
        return
    say(f"{model.model_id} is in use")
    if pending:
        remark(f"{pending} videos were indexed since; `heimdex reembed` brings them up to date.")
    if server:
        remark(f"the server at {server.url} loads it and then answers with it.")
    if channel is Channel.VISUAL and settings.clip_runpod_url:
        remark(f"queries are still embedded by {settings.clip_runpod_url}: it must run this model.")


def compare(
    one: Annotated[str, typer.Argument(help="A model, such as the one in use.")],
    other: Annotated[str, typer.Argument(help="The other one.")],
    queries: Annotated[
        Path | None, typer.Option(help="A file with one query a line; the demo's without.", exists=True, dir_okay=False)
    ] = None,
    places: Annotated[int, typer.Option(min=1, max=100, help="First places that are compared.")] = 10,
    as_json: _AsJson = False,
) -> None:
    """Show, query by query, how far two models answer differently; nothing is changed.

    \b
    heimdex models compare pocket ViT-B-32__openai --queries my-queries.txt
    """
    asked = _read_queries(queries)
    found = asyncio.run(_compare(start(), one, other, asked, places))
    if as_json:
        say_json(found)
        return
    for space in found["models"]:
        if space["coverage"] < 1:
            remark(f"{space['model']} covers {space['coverage']:.0%} of the videos so far.")
    for each in found["queries"]:
        say(f"{each['overlap']:>4.0%} the same  {each['query']}")
        for label, hits in ((one, each["one"]), (other, each["other"])):
            say(f"      {label}: {hits[0]['place'] if hits else 'nothing'}")
    say(f"{found['mean_overlap']:.0%} of the first {places} places agree; the first is the same for "
        f"{found['same_first']} of {len(asked)} queries.")  # fmt: skip


def _read_queries(file: Path | None) -> list[str]:
    from heimdex.cli.demo import EXAMPLES

    if file is None:
        return list(EXAMPLES)
    lines = [line.strip() for line in file.read_text("utf-8", "replace").splitlines()]
    asked = [line for line in lines if line and not line.startswith("#")]
    if not asked:
        raise BadRequest(f"{file} holds no query.", remedy="Write one query a line.")
    return asked


async def _compare(settings: Settings, one: str, other: str, asked: list[str], places: int) -> dict[str, Any]:
    from contextlib import AsyncExitStack

    from heimdex.evaluation.model_change import Side, compare_models
    from heimdex.wiring import open_named, open_spaces

    async with open_spaces(settings) as store, AsyncExitStack() as resources:
        sides, channels, described = [], [], []
        for name in (one, other):
            channel, model, stored = await identify(settings, store.spaces, name)
            embedder = await resources.enter_async_context(open_named(settings, channel, stored))
            sides.append(Side(embedder.model, _query_embedder(embedder)))
            channels.append(channel)
            space = next((s for s in await store.spaces.all() if s.model.space == model.space), None)
            described.append({"model": model.model_id, "coverage": space.fraction if space else 0.0})
        if channels[0] is not channels[1]:
            raise BadRequest(f"{one} and {other} are models of two kinds.", remedy="Compare two of one kind.")
        found = await compare_models(store.scenes, channels[0], sides[0], sides[1], asked, places=places)
        details = await store.scenes.details([scene for each in found for scene in {*each.one, *each.other}])

    def shown(scenes: tuple[Any, ...], ranks: tuple[int | None, ...] | None = None) -> list[dict[str, Any]]:
        return [
            {"scene_id": str(scene), "place": f"{details[scene].title} {details[scene].span.start_s:.1f} s"}
            | ({"rank_in_other": ranks[number]} if ranks is not None else {})
            for number, scene in enumerate(scenes)
            if scene in details
        ]

    return {
        "models": described,
        "mean_overlap": sum(each.overlap for each in found) / len(found),
        "same_first": sum(each.same_first for each in found),
        "queries": [
            {"query": each.query, "overlap": each.overlap, "same_first": each.same_first,
             "one": shown(each.one, each.ranks), "other": shown(each.other)}
            for each in found
        ],
    }  # fmt: skip


def _query_embedder(embedder: Any) -> Any:
    ask = getattr(embedder, "embed_queries", None) or embedder.embed_texts

    async def embed(text: str) -> Any:
        return (await ask([text], timeout_s=_LOAD_S))[0]

    return embed


#: the first query waits for the model to be read from disk
_LOAD_S = 600.0
