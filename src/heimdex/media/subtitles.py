"""Subtitle tracks inside a video file, read in the same pass as its frames."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream

from heimdex.domain.media import Segment, Span
from heimdex.media import probe
from heimdex.media.tracks import language_of

#: codecs that are pictures of text, not text
_PICTURES = {"dvdsub", "dvd_subtitle", "dvbsub", "dvb_subtitle", "pgssub", "hdmv_pgs_subtitle", "xsub"}
_ASS_TAG = re.compile(r"\{[^}]*\}")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<\d[\d:.]*>")
_LONGEST_TEXT = 4000


@dataclass(slots=True)
class Track:
    """One chosen stream and the cues that came from it, (start_s, end_s or None, text)."""

    stream: Stream
    language: str | None
    cues: list[tuple[float, float | None, str]] = field(default_factory=list)
    #: place of a packet in the file -> its seconds, where the demuxer would tell wrong ones
    lengths_s: dict[int, float] = field(default_factory=dict)


def choose_tracks(container: InputContainer) -> tuple[list[Track], list[str]]:
    """Return one track of text for each language, and notes on what was left out.

    Of several in one language a full track wins over forced signs and commentary, then the
    container's default, then the first.
    """
    chosen: dict[str | None, Stream] = {}
    notes = []
    streams = [s for s in container.streams if s.type == "subtitle"]
    for stream in sorted(streams, key=_preference):
        language = language_of(stream)
        if stream.codec_context is not None and stream.codec_context.name in _PICTURES:
            notes.append(f"subtitle track {stream.index} is made of pictures and was not read")
        elif language in chosen:
            notes.append(f"subtitle track {stream.index} left out: track {chosen[language].index} has its language")
        else:
            chosen[language] = stream
    return [Track(stream, language) for language, stream in chosen.items()], notes


def read_packet(track: Track, packet: Packet[Stream], clock_start_s: float) -> None:
    """Add the cues of one packet; a damaged one adds nothing."""
    if packet.pts is None or packet.time_base is None or not packet.size:
        return
    start_s = round(float(packet.pts * packet.time_base) - clock_start_s, 6)
    length_s = float((packet.duration or 0) * packet.time_base)
    if packet.pos is not None:
        length_s = track.lengths_s.get(packet.pos, length_s)
    end_s = round(start_s + length_s, 6) if length_s > 0 else None
    text = _clean(_raw_text(track.stream, packet))
    if text and start_s > -60:
        track.cues.append((max(0.0, start_s), end_s, text))


def read_lengths(container: InputContainer, path: Path, tracks: Sequence[Track]) -> None:
    """Look up how long cues of an MP4 last: with an edit list FFmpeg gives them the lengths of others."""
    if "mp4" not in container.format.name.split(",") or not tracks:
        return
    by_index = {track.stream.index: track for track in tracks}
    with probe.opened(path, advanced_editlist="0") as plain:
        for stream in plain.streams:
            stream.discard = Discard.none if stream.index in by_index else Discard.all
        with contextlib.suppress(av.error.FFmpegError):
            for packet in plain.demux([s for s in plain.streams if s.index in by_index]):
                if packet.pos is not None and packet.duration and packet.time_base is not None:
                    seconds = float(packet.duration * packet.time_base)
                    by_index[packet.stream.index].lengths_s[packet.pos] = seconds


def segments(tracks: Iterable[Track], *, duration_s: float) -> tuple[Segment, ...]:
    """Return the segments of all tracks in order of time.

    A cue without an end lasts to the next one, at most 5 seconds.
    """
    found = []
    for track in tracks:
        cues = sorted(track.cues, key=lambda c: c[0])
        starts = [*(c[0] for c in cues[1:]), duration_s][: len(cues)]  # a track may be empty
        for (start_s, end_s, text), next_s in zip(cues, starts, strict=True):
            if end_s is None:
                end_s = min(start_s + 5.0, max(next_s, start_s))
            if start_s < duration_s and end_s >= start_s:
                found.append(Segment(Span(start_s, end_s), text, "embedded", track.language))
    return tuple(sorted(found, key=lambda s: (s.span.start_s, s.span.end_s)))


def _raw_text(stream: Stream, packet: Packet[Stream]) -> str:
    if stream.codec_context is None:  # S_TEXT/WEBVTT in Matroska, which FFmpeg hands over as it is
        try:
            text = bytes(packet).decode("utf-8")
        except UnicodeDecodeError:
            return ""
        return text if text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable() else ""
    try:
        lines = packet.decode()
    except (av.error.FFmpegError, ValueError):
        return ""
    texts = (getattr(line, "dialogue", b"") or getattr(line, "text", b"") for line in lines)
    return "\n".join(text.decode("utf-8", "replace") for text in texts)


def _clean(text: str) -> str:
    """Return one line without markup."""
    text = text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ")
    text = _MARKUP.sub("", _ASS_TAG.sub("", text))
    return " ".join(text.replace("\0", " ").split())[:_LONGEST_TEXT]


def _preference(stream: Stream) -> tuple[bool, bool, int]:
    second_rate = Disposition.forced | Disposition.comment | Disposition.descriptions | Disposition.lyrics
    return bool(stream.disposition & second_rate), not stream.disposition & Disposition.default, stream.index
