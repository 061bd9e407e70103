"""What a container tells about its own video: the titles of its chapters, and text about the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping

from av.container import InputContainer

from heimdex.domain.media import Segment, Span

_ABOUT = ("title", "description", "synopsis", "comment")
_LONGEST_TEXT = 4000
_MOST_CHAPTERS = 1000
#: what programs call a chapter that nobody named
_UNNAMED = re.compile(r"(chapter|chapitre|kapitel|챕터|제)?\s*\d*\s*장?", re.IGNORECASE)


def descriptions(container: InputContainer, *, start_s: float, duration_s: float) -> tuple[Segment, ...]:
    """Return the text about the whole, then the chapters in order of time, within the video.

    Args:
        start_s: the time stamp that players show as 0.
    """
    whole = Span(0.0, duration_s)
    about = {text: None for name in _ABOUT if (text := _text(container.metadata, name))}
    found = [Segment(whole, text, "container") for text in about]
    for chapter in container.chapters()[:_MOST_CHAPTERS]:
        title, base = _text(chapter["metadata"], "title"), chapter["time_base"]
        if base is None or not title or _UNNAMED.fullmatch(title):
            continue
        begin_s = max(0.0, float(chapter["start"] * base) - start_s)
        end_s = min(duration_s, float(chapter["end"] * base) - start_s)
        if begin_s < end_s:
            found.append(Segment(Span(begin_s, end_s), title, "chapter"))
    return tuple(sorted(found, key=lambda each: (each.source == "chapter", each.span.start_s)))


def _text(metadata: Mapping[str, str], name: str) -> str:
    value = next((value for key, value in metadata.items() if key.lower() == name), "")
    return " ".join(value.replace("\0", " ").split())[:_LONGEST_TEXT]
