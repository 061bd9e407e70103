"""``heimdex db``: the PostgreSQL that heimdex runs by itself, and the indexes of its vectors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.running import find_server
from heimdex.cli.start import start
from heimdex.cli.vectors import build_wanted
from heimdex.domain.errors import BadRequest

if TYPE_CHECKING:
    from heimdex.settings import Settings
    from heimdex.store.vector_index import VectorIndex

app = typer.Typer(help="See or stop the database that heimdex runs, and index its vectors.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="As a JSON object.")]


@app.callback()
def root() -> None:
    """See or stop the database that heimdex runs, and index its vectors."""


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether the database runs, and where its files are.

    \b
    heimdex db status
    """
    from heimdex.store.postmaster import server_pids

    settings = start()
    if settings.database_url:
        found: dict[str, object] = {"kind": "external", "running": None, "folder": None, "processes": 0}
    else:
        folder = settings.data_dir.absolute() / "postgres"
        pids = server_pids(folder) if folder.exists() else []
        found = {"kind": "embedded", "running": bool(pids), "folder": str(folder), "processes": len(pids)}
    if as_json:
        say_json(found)
    elif found["kind"] == "external":
        say("DATABASE_URL names a server that heimdex does not run: `heimdex doctor` says whether it answers.")
    else:
        say(f"{'running' if found['running'] else 'stopped'}: {found['folder']}")


@app.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the database; the next command that needs it starts it again.

    \b
    heimdex db stop
    """
    settings = start()
    _refuse_while_needed(settings)
    from heimdex.store.embedded import EmbeddedPostgres

    was_running = EmbeddedPostgres(settings.data_dir).stop()
    if as_json:
        say_json({"stopped": was_running})
    else:
        say("stopped" if was_running else "it was not running")


@app.command()
def index(as_json: AsJson = False) -> None:
    """Build the approximate indexes that large libraries are searched with; searches go on meanwhile.

    `heimdex index` does so by itself at its end. Small libraries need none: they are searched whole.

    \b
    heimdex db index
    """
    settings = start()
    try:
        built, found = asyncio.run(_build_indexes(settings))
    except KeyboardInterrupt:
        remark("interrupted; searches look at every vector until `heimdex db index` has built the index.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    names = {each.name for each in built}
    if as_json:
        say_json({"indexes": [_described(each) | {"built": each.name in names} for each in found]})
        return
    for each in found:
        state = "built" if each.name in names else each.state.value if each.wanted else "searched whole"
        say(f"{each.channel}: {each.frames:,} vectors of {each.model_id}: {state}")
    if not found:
        say("nothing is indexed yet")


async def _build_indexes(settings: Settings) -> tuple[list[VectorIndex], list[VectorIndex]]:
    from heimdex.wiring import open_spaces

    async with open_spaces(settings) as store:
        built = await build_wanted(store.vector_indexes)
        return built, await store.vector_indexes.status()


def _described(index: VectorIndex) -> dict[str, object]:
    return {
        "channel": index.channel,
        "model": index.model_id,
        "vectors": index.frames,
        "wanted": index.wanted,
        "state": index.state.value,
    }


def _refuse_while_needed(settings: Settings) -> None:
    if settings.database_url:
        raise BadRequest("DATABASE_URL names a server that heimdex does not run.", remedy="Stop it where it runs.")
    if server := find_server(settings.data_dir):
        remark(f"the server {server.url} uses it, and will start it again when it is asked.")
