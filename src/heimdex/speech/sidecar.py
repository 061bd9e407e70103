"""Text files beside a video.

Said: ``name.srt``, ``name.en.vtt``, ``name.ko.ass``. Told about the picture: the same with ``descriptions``
before the ending (WebVTT calls such a track so), and about the whole ``name.description``, as yt-dlp writes
it, or ``name.description.txt``.
"""

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
#: text about the whole: whoever knows the length cuts it there
TO_THE_END_S = 1e9
_TOLD = frozenset({"description", "descriptions"})
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

    def read_descriptions(self, video: Path) -> list[Segment]:
        """Return what files beside the video tell about its scenes, in order of time, and about the whole first."""
        found = [
            segment
            for file in _beside(video, ENDINGS)
            if _TOLD & set(_marks(video, file))
            for segment in _read(file, _language(video, file))
        ]
        return [*_about_the_whole(video), *sorted(found, key=lambda s: (s.span.start_s, s.span.end_s))]


def find_sidecars(video: Path) -> list[Path]:
    """Return the subtitle files that belong to ``video``, in order of name.

    The name starts with the video's, in whatever Unicode form and case, and only a language (and
    marks such as ``forced`` or ``sdh``) stands between it and the ending.
    """
    return [file for file in _beside(video, ENDINGS) if not _TOLD & set(_marks(video, file))]


def _beside(video: Path, endings: frozenset[str]) -> list[Path]:
    stem = _folded(video.stem)
    try:
        beside = sorted(p for p in video.parent.iterdir() if p.suffix.lower() in endings)
    except OSError:
        return []
    return [p for p in beside if _belongs(_folded(p.stem), stem) and p.is_file()]


def _belongs(name: str, stem: str) -> bool:
    if name == stem:
        return True
    if not name.startswith(stem + "."):
        return False
    return all(_LANGUAGE.fullmatch(part) or part in _TOLD for part in name[len(stem) + 1 :].split("."))


def _marks(video: Path, file: Path) -> list[str]:
    """Return what stands between the name of the video and the ending."""
    return [part for part in _folded(file.stem)[len(_folded(video.stem)) + 1 :].split(".") if part]


def _language(video: Path, file: Path) -> str | None:
    for part in _marks(video, file):
        if _LANGUAGE.fullmatch(part) and part not in {"sdh", "cc", *_TOLD}:
            return part.replace("_", "-")
    return None


def _about_the_whole(video: Path) -> list[Segment]:
    files = [*_beside(video, frozenset({".description"})), *_beside(video, frozenset({".txt"}))]
    found = []
    for file in files:
        if file.suffix.lower() == ".txt" and not _TOLD & set(_marks(video, file)):
            continue
        text = " ".join(decode_text(_content(file)).replace("\0", " ").split())[:_LONGEST_TEXT]
        if text:
            found.append(Segment(Span(0.0, TO_THE_END_S), text, "sidecar", _language(video, file)))
    return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _read(file: Path, language: str | None) -> Iterator[Segment]:
    for event in _events(decode_text(_content(file))):
        segment = _segment(event, language)
        if segment is not None:
            yield segment


def _content(file: Path) -> bytes:
    """Return the bytes of a file; none of one that is too long, or cannot be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError:
        return b""
    return content if len(content) <= MOST_BYTES else b""


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
