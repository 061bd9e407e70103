"""Subtitle files beside a video: ``name.srt``, ``name.en.vtt``, ``name.ko.ass``."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pysubs2
from pysubs2.exceptions import Pysubs2Error
from pysubs2.ssaevent import SSAEvent

from heimdex.domain.media import Segment, Span
from heimdex.speech.repair import as_ass, as_srt

ENDINGS = frozenset({".srt", ".vtt", ".ass", ".ssa"})
#: a longer file is no subtitle file
MOST_BYTES = 16 << 20
_LONGEST_TEXT = 4000
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<\d[\d:.]*>")
#: tried in this order when no byte order mark says it; CP949 is what older Korean files are in
_ENCODINGS = ("utf-8", "cp949", "latin-1")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class SidecarReader:
    """`TranscriptReader`: all subtitle files of a video, every language of them."""

    def read_sidecars(self, video: Path) -> list[Segment]:
        """Return the segments in order of time; files and cues that make no sense are left out."""
        found = [segment for file in find_sidecars(video) for segment in _read(file, _language(video, file))]
        return sorted(found, key=lambda s: (s.span.start_s, s.span.end_s))


def find_sidecars(video: Path) -> list[Path]:
    """Return the subtitle files that belong to ``video``, in order of name.

    The name starts with the video's, in whatever Unicode form and case, and only a language (and
    marks such as ``forced`` or ``sdh``) stands between it and the ending.
    """
    stem = _folded(video.stem)
    try:
        beside = sorted(p for p in video.parent.iterdir() if p.suffix.lower() in ENDINGS)
    except OSError:
        return []
    return [p for p in beside if _belongs(_folded(p.stem), stem) and p.is_file()]


def _belongs(name: str, stem: str) -> bool:
    if name == stem:
        return True
    if not name.startswith(stem + "."):
        return False
    return all(_LANGUAGE.fullmatch(part) for part in name[len(stem) + 1 :].split("."))


def _language(video: Path, file: Path) -> str | None:
    for part in _folded(file.stem)[len(_folded(video.stem)) + 1 :].split("."):
        if _LANGUAGE.fullmatch(part) and part not in {"sdh", "cc"}:
            return part.replace("_", "-")
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _read(file: Path, language: str | None) -> Iterator[Segment]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError:
        return
    if not content or len(content) > MOST_BYTES:
        return
    for event in _events(decode_text(content)):
        segment = _segment(event, language)
        if segment is not None:
            yield segment


def decode_text(content: bytes) -> str:
    """Return the text of a subtitle file in whatever encoding it is, marks removed."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if (guess := _utf16_without_mark(content)) is not None:
        return content.decode(guess, "replace")
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", "replace")


def _utf16_without_mark(content: bytes) -> str | None:
    """Tell UTF-16 by the zeros of its spaces, digits and line ends."""
    head = content[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 8:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _events(text: str) -> list[SSAEvent]:
    """Return the cues, in whichever format the text is, whatever the name of the file says."""
    is_ass = re.search(r"^\s*(dialogue:|\[events\])", text, re.IGNORECASE | re.MULTILINE)
    repaired, format_ = (as_ass(text), "ass") if is_ass else (as_srt(text), "srt")
    try:
        return pysubs2.SSAFile.from_string(repaired, format_=format_).events
    except (Pysubs2Error, ValueError):
        return []


def _segment(event: SSAEvent, language: str | None) -> Segment | None:
    text = html.unescape(_MARKUP.sub("", event.plaintext))
    text = " ".join(text.replace("\0", " ").split())[:_LONGEST_TEXT]
    if event.is_comment or event.is_drawing or not text or not 0 <= event.start <= event.end:
        return None
    return Segment(Span(event.start / 1000, event.end / 1000), text, "sidecar", language)
