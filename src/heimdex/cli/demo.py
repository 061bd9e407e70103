"""``heimdex demo``."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Make videos searchable.

    \b
    heimdex demo ~/Videos
    """
