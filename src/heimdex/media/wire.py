"""What passes between the decoder's process and ours: length-checked JSON, never pickle.

Each message is 4 bytes of length (big-endian) and that many bytes of UTF-8 JSON, one object.
Paths travel as Latin-1 text of their bytes, so that every name that a file system allows gets through.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: a longer message is an error of the other side
MOST_BYTES = 1 << 20
_LENGTH_BYTES = 4

Message = Mapping[str, Any]


def encode(message: Message) -> bytes:
    """Return the framed message.

    Raises:
        ValueError: longer than `MOST_BYTES`.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MOST_BYTES:
        raise ValueError(f"a message of {len(body)} bytes")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class Frames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def push(self, received: bytes) -> list[Message]:
        """Return the messages that are complete now.

        Raises:
            ValueError: not the format, or longer than `MOST_BYTES`.
        """
        self._bytes += received
        messages: list[Message] = []
        while len(self._bytes) >= _LENGTH_BYTES:
            length = int.from_bytes(self._bytes[:_LENGTH_BYTES], "big")
            if length > MOST_BYTES:
                raise ValueError(f"a message of {length} bytes")
            if len(self._bytes) < _LENGTH_BYTES + length:
                break
            message = json.loads(self._bytes[_LENGTH_BYTES : _LENGTH_BYTES + length])
            if not isinstance(message, dict):
                raise ValueError("a message that is no object")
            messages.append(message)
            del self._bytes[: _LENGTH_BYTES + length]
        return messages


def path_to_text(path: Path) -> str:
    return os.fsencode(path).decode("latin-1")


def text_to_path(text: str) -> Path:
    return Path(os.fsdecode(text.encode("latin-1")))
