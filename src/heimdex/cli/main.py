"""``heimdex``: every command in one place, every error as one line with a remedy."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from heimdex import __version__
from heimdex.cli import (
    config,
    db,
    demo,
    doctor,
    embed_service,
    explain,
    index,
    jobs,
    keygen,
    model_change,
    models,
    reembed,
    remove,
    route,
    search,
    serve,
    similar,
    status,
    tag,
    watch,
    worker,
)
from heimdex.cli.exits import ExitCode
from heimdex.cli.output import remark
from heimdex.domain.errors import HeimdexError

app = typer.Typer(
    name="heimdex",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"heimdex {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find moments in your videos by what is seen and what is said.

    \b
    heimdex demo                   try it with the videos that come along
    heimdex index ~/Videos         make your videos searchable
    heimdex search "red car"       find a moment
    heimdex serve                  the search page, http://127.0.0.1:8765

    Exit codes: 0 done, 1 failed, 2 usage, 3 nothing found, 4 degraded answer.
    """


app.command("demo")(demo.demo)
app.command("index")(index.index)
app.command("search")(search.search)
app.command("similar")(similar.similar)
app.command("explain")(explain.explain)
app.command("route")(route.route)
app.command("serve")(serve.serve)
app.command("status")(status.status)
app.command("worker")(worker.worker)
app.command("watch")(watch.watch)
app.command("remove")(remove.remove)
app.command("doctor")(doctor.doctor)
app.command("keygen")(keygen.keygen)
app.command("reembed")(reembed.reembed)
app.command("embed-service")(embed_service.embed_service)
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
for change in (model_change.use, model_change.compare, model_change.rollback):
    models.app.command()(change)
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(tag.app, name="tag")


def _usage(error: TyperException) -> None:
    """Say in one line what is wrong with the words of the command, and where to read how it is meant."""
    text = error.format_message()
    context = getattr(error, "ctx", None)
    if text:  # empty when the help itself was the answer
        remark(f"{text.rstrip('.')}. See `{context.command_path if context else 'heimdex'} --help`.")


def main() -> None:
    """Run the command line; never shows a traceback unless the log level is DEBUG."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except HeimdexError as error:
        remark(str(error))
        sys.exit(error.exit_code)
    except TyperException as error:
        _usage(error)
        sys.exit(ExitCode.USAGE)
    except typer.Abort:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if os.environ.get("HEIMDEX_LOG__LEVEL") == "DEBUG":
            raise
        remark(f"unexpected {type(error).__name__}: {error} (HEIMDEX_LOG__LEVEL=DEBUG shows where).")
        sys.exit(ExitCode.FAILED)
