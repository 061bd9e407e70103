"""``heimdex route``: what the router decides, without searching."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from heimdex.cli.output import say, say_json
from heimdex.domain.errors import BadRequest
from heimdex.domain.query import Router


def route(
    query: Annotated[list[str] | None, typer.Argument(help="The words to decide about.", show_default=False)] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="One query a line in, one decision a line out.")] = False,
    router: Annotated[
        Router | None, typer.Option(help="Decide by the rules alone, or learned; else as set.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what CLIP may do for a query, and why.

    \b
    heimdex route red car driving
    heimdex route --router rules "she tells him what happened to the car"
    heimdex route --stdin --json < queries.txt
    """
    if stdin == bool(" ".join(query or []).strip()):
        raise BadRequest("Give a query, or --stdin.", remedy='For example: heimdex route "red car driving".')
    chosen = router or _as_set()
    for text in _lines() if stdin else [" ".join(query or [])]:
        found = decision(text, chosen)
        if as_json:
            say_json(found, indent=None)
        else:
            say(f"{found['mode']}  {found['confidence']:.2f}  {found['reason']}" + (f"  | {text}" if stdin else ""))


def decision(text: str, router: Router = "learned") -> dict[str, Any]:
    """Return the router's decision as the object that is printed."""
    from heimdex.ranking import intent

    found = intent.route(text, router)
    return {
        "query": text,
        "mode": found.mode.value,
        "confidence": found.confidence,
        "reason": found.reason,
        "prior": {"visual": found.prior.visual, "transcript": found.prior.transcript, "both": found.prior.both},
    }


def _as_set() -> Router:
    from heimdex.settings import load_settings

    return load_settings().search.router


def _lines() -> Iterator[str]:
    """Yield the queries as they come; only a line feed ends one, other separators may be part of it."""
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
