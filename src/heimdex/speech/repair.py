"""Subtitle text as people have it, made into text that a strict parser accepts.

Files in the wild lack numbers, hours or milliseconds, write a comma for a point, name their columns
in another order, or hold a cue whose time makes no sense. A parser that stops or that takes the
lines of a broken cue for words of the one before would lose or spoil the rest.
"""

from __future__ import annotations

import re

_TIME = r"(?:(\d+):)?(?:(\d{1,3}):)?(\d{1,4})(?:[.,:](\d{1,3}))?"
_CUE = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_ASS_TIME = re.compile(r"\s*(\d+):(\d{1,2}):(\d{1,2})(?:[.:](\d{1,3}))?\s*")
_ASS_HEAD = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


def as_srt(text: str) -> str:
    """Return the well-timed cues of an SRT or WebVTT file as SRT."""
    cues: list[tuple[str, list[str]]] = []
    lines: list[str] | None = None
    for line in text.splitlines():
        if "-->" in line:
            _drop_number(lines)
            span = _srt_span(line)
            lines = [] if span else None
            if span and lines is not None:
                cues.append((span, lines))
        elif not line.strip():
            lines = None if lines else lines  # a cue ends at the first empty line after its words
        elif lines is not None:
            lines.append(line)
    return "".join(f"{n}\n{span}\n" + "\n".join(said) + "\n\n" for n, (span, said) in enumerate(cues, start=1) if said)


def as_ass(text: str) -> str:
    """Return the well-timed dialogue lines of an ASS or SSA file, columns in the usual order, as ASS."""
    columns = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    in_events = False
    kept = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        word = key.strip().lower()
        if word.startswith("["):
            in_events = word == "[events]"
        elif in_events and word == "format":
            columns = [name.strip().lower() for name in value.split(",")]
        elif in_events and word == "dialogue":
            fields = dict(zip(columns, value.split(",", len(columns) - 1), strict=False))
            start, end = (_ass_time(fields.get(name, "")) for name in ("start", "end"))
            if start and end:
                kept.append(f"Dialogue: 0,{start},{end},Default,,0,0,0,,{fields.get('text', '').strip()}\n")
    return _ASS_HEAD + "".join(kept)


def _srt_span(line: str) -> str | None:
    found = _CUE.fullmatch(line)
    if found is None:
        return None
    start, end = _clock(found.groups()[:4]), _clock(found.groups()[4:])
    # the format has two digits of hours; what lies beyond is a slip of the pen
    return f"{start} --> {end}" if len(start) == len(end) == len("00:00:00,000") else None


def _clock(parts: tuple[str | None, ...]) -> str:
    """Return HH:MM:SS,mmm; one number before the seconds means minutes."""
    first, second, seconds, fraction = parts
    hours, minutes = (first, second) if second is not None else ("0", first)
    milliseconds = int((fraction or "0").ljust(3, "0"))
    total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return f"{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d},{milliseconds:03d}"


def _ass_time(text: str) -> str | None:
    found = _ASS_TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return f"{int(hours)}:{int(minutes):02d}:{int(seconds):02d}.{(fraction or '0').ljust(2, '0')[:2]}"


def _drop_number(lines: list[str] | None) -> None:
    """Remove the number of the cue that begins, where no empty line stood before it."""
    if lines and lines[-1].strip().isdigit():
        lines.pop()
