"""Lines for people and for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str = "") -> None:
    """Write a line of the answer."""
    sys.stdout.write(plain(text) + "\n")
    sys.stdout.flush()  # whoever reads a pipe waits for the address of the server


def remark(text: str) -> None:
    """Write a line beside the answer: it goes to stderr, so that pipes stay clean."""
    sys.stderr.write(f"heimdex: {plain(' '.join(text.split()))}\n")


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a JSON value; one line when ``indent`` is None."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
    sys.stdout.flush()


def plain(text: str) -> str:
    """Escape control characters: a file name must not drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def console() -> Console:
    """Return a console for colours and tables; plain text when stdout is not a terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)
