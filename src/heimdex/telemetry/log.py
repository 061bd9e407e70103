"""Log lines: for people as ``[INFO] message``, for machines as one JSON object a line.

The message is the line that the guide tells users to grep for; the same facts stand beside it as
fields, which the console leaves out because the message already says them.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_KEPT_IN_CONSOLE = ("error", "reason", "file")


class _Tee:
    """Writes each line to the stream and the file, and never lets a full disk or a closed pipe stop the work."""

    def __init__(self, stream: TextIO | None, file: Path | None) -> None:
        self._stream = stream
        self._file = file

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        with suppress(OSError):
            if self._file is not None:  # opened anew for each line, so that it may be rotated or removed
                with self._file.open("a", encoding="utf-8", errors="backslashreplace") as out:
                    out.write(text)
        return len(text)

    def flush(self) -> None:
        """Every write flushes already."""


def _line(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    text = f"{event.pop('timestamp')} [{event.pop('level').upper()}] {event.pop('event')}"
    kept = [f"{key}={event[key]}" for key in _KEPT_IN_CONSOLE if key in event]
    if "exception" in event:
        kept.append("\n" + str(event["exception"]))
    return _without_controls(" ".join([text, *kept]))


def _without_controls(text: str) -> str:
    """Escape control characters, so that a file name cannot forge a line or drive a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def configure_logging(
    level: str = "INFO",
    style: Literal["console", "json"] = "console",
    *,
    stderr: bool = True,
    file: Path | None = None,
) -> None:
    """Send the log of this process to stderr, to ``file`` (appended), to both or to neither.

    Args:
        level: least severity written, such as ``INFO``.
        style: ``console`` lines or ``json`` objects.
        stderr: whether the terminal gets the lines too.
        file: its folder is made when missing.
    """
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if style == "json" else _line
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(_Tee(sys.stderr if stderr else None, file)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
