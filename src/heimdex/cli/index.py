"""``heimdex index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def index(
    paths: Annotated[list[Path], typer.Argument()], as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Make videos searchable.

    \b
    heimdex index ~/Videos
    """
