"""What a person calls videos: short labels, compared without regard to case."""

from __future__ import annotations

import unicodedata

from heimdex.domain.errors import BadRequest

MAX_CHARACTERS = 64


def clean_tag(text: str) -> str:
    """Return a tag as it is shown: NFC, single spaces, without a leading ``#``.

    Raises:
        BadRequest: empty, too long, or not printable.
    """
    tag = " ".join(unicodedata.normalize("NFC", text).split()).removeprefix("#").strip()
    if not tag or len(tag) > MAX_CHARACTERS or not tag.isprintable():
        raise BadRequest(
            f"{tag[:40]!r} is no tag.", remedy=f"Use 1 to {MAX_CHARACTERS} printable characters, such as: holiday."
        )
    return tag


def tag_key(text: str) -> str:
    """Return what tags are compared by. Raises BadRequest as `clean_tag` does."""
    return unicodedata.normalize("NFC", clean_tag(text).casefold())
