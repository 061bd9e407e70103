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
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # JSON itself escapes only below U+0020; terminals also obey U+009B, and readers the marks of direction
    text = "".join(c if c.isprintable() or c in _KEPT else json.dumps(c)[1:-1] for c in text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def plain(text: str) -> str:
    """Escape control characters: a file name must not drive the terminal."""
    return "".join(c if c.isprintable() or c in _KEPT else c.encode("unicode_escape").decode() for c in text)


#: line ends, tabs, and what joins emoji and letters into one
_KEPT = "\n\t\u200c\u200d"


def console() -> Console:
    """Return a console for colours and tables; plain text when stdout is not a terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)
