"""``heimdex keygen``: a secret for the embedding service."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from heimdex.cli.output import say, say_json

_BYTES = 32


def keygen(as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False) -> None:
    """Print a new secret of 256 bits, for CLIP_RUNPOD_SECRET on both sides.

    \b
    export CLIP_RUNPOD_SECRET=$(heimdex keygen)
    """
    secret = secrets.token_urlsafe(_BYTES)
    if as_json:
        say_json({"secret": secret, "bits": _BYTES * 8})
    else:
        say(secret)
