"""``heimdex route``: what the router decides, without searching."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from heimdex.cli.output import say, say_json
from heimdex.domain.errors import BadRequest


def route(
    query: Annotated[list[str] | None, typer.Argument(help="The words to decide about.", show_default=False)] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="One query a line in, one decision a line out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what CLIP may do for a query, and why.

    \b
    heimdex route red car driving
    heimdex route --stdin --json < queries.txt
    """
    if stdin == bool(" ".join(query or []).strip()):
        raise BadRequest("Give a query, or --stdin.", remedy='For example: heimdex route "red car driving".')
    for text in _lines() if stdin else [" ".join(query or [])]:
        found = decision(text)
        if as_json:
            say_json(found, indent=None)
        else:
            say(f"{found['mode']}  {found['confidence']:.2f}  {found['reason']}" + (f"  | {text}" if stdin else ""))


def decision(text: str) -> dict[str, Any]:
    """Return the router's decision as the object that is printed."""
    from heimdex.ranking import intent

    found = intent.route(text)
    return {
        "query": text,
        "mode": found.mode.value,
        "confidence": found.confidence,
        "reason": found.reason,
        "prior": {"visual": found.prior.visual, "transcript": found.prior.transcript, "both": found.prior.both},
    }


def _lines() -> Iterator[str]:
    """Yield the queries as they come; only a line feed ends one, other separators may be part of it."""
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
