"""Which of several streams stand for a file, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import Reason

#: made for someone who hears or sees less, or talks about the film: not what is said in it
_ASIDE = (
    Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.descriptions
    | Disposition.karaoke
)  # fmt: skip
#: three-letter codes of the languages that people are likely to search in -> BCP 47
_SHORT = {"eng": "en", "kor": "ko", "jpn": "ja", "zho": "zh", "chi": "zh", "deu": "de", "ger": "de", "fra": "fr",
          "fre": "fr", "spa": "es", "ita": "it", "por": "pt", "rus": "ru", "ukr": "uk", "vie": "vi", "tha": "th",
          "ind": "id", "ara": "ar", "hin": "hi", "tur": "tr", "pol": "pl", "nld": "nl", "dut": "nl"}  # fmt: skip


def best_video(container: InputContainer, *, max_frame_px: int) -> VideoStream:
    """Return the stream that a player would show: never a cover picture, and one that can be decoded if any can.

    Raises:
        MediaRejected: NO_VIDEO_STREAM, NO_FRAMES, TOO_LARGE_FRAME.
    """
    moving = _moving(container)
    if not moving:
        raise MediaRejected(Reason.NO_VIDEO_STREAM)
    known = [s for s in moving if s.codec_context is not None]
    if not known:
        raise MediaRejected(Reason.NO_FRAMES, "its video codec is not known")
    best = container.streams.best("video")
    stream = next((s for s in known if best is not None and s.index == best.index), known[0])
    if stream.codec_context.width * stream.codec_context.height > max_frame_px:
        raise MediaRejected(Reason.TOO_LARGE_FRAME, f"{stream.codec_context.width} x {stream.codec_context.height} px")
    return stream


def best_audio(container: InputContainer) -> AudioStream | None:
    """Return the stream with what is said: the default one, before commentary and descriptions; None without sound."""
    known = [s for s in container.streams.audio if s.codec_context is not None]
    return min(known, key=_audio_preference, default=None)


def choice_notes(container: InputContainer, video: VideoStream) -> list[str]:
    """Return what to tell a person where the file left a choice."""
    notes = []
    others = [s.index for s in _moving(container) if s.index != video.index]
    if others:
        notes.append(f"video track {video.index} was indexed, not {', '.join(map(str, others))}")
    audio = best_audio(container)
    if audio is not None and len(container.streams.audio) > 1:
        rest = [s for s in container.streams.audio if s.index != audio.index]
        notes.append(f"sound track {_named([audio])} is the one that is listened to, not {_named(rest)}")
    return notes


def language_of(stream: Stream) -> str | None:
    """Return the BCP 47 code that the file names, None when it names none."""
    code = (stream.metadata.get("language") or "").strip().lower()
    if not code or code in {"und", "unk", "mis", "zxx"}:
        return None
    return _SHORT.get(code, code)


def _moving(container: InputContainer) -> list[VideoStream]:
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def _named(streams: Sequence[Stream]) -> str:
    languages = [(s.index, language_of(s)) for s in streams]
    return ", ".join(f"{index} ({language})" if language else str(index) for index, language in languages)


def _audio_preference(stream: Stream) -> tuple[bool, bool, int]:
    return bool(stream.disposition & _ASIDE), not stream.disposition & Disposition.default, stream.index
