"""One pass over one file: frames become cuts, scenes and keyframes; subtitles become text, sound 16 kHz.

Runs inside the child process (`heimdex.media.child`); nothing here protects against a hostile file
beyond refusing what the headers already give away.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, Reason
from heimdex.media import photo, probe, subtitles, told, tracks
from heimdex.media.journey import Journey
from heimdex.media.reel import Reel
from heimdex.media.rules import AUDIO, DecodeRules
from heimdex.media.sound import SoundTrack

#: decoding less than this part of what the headers promise is worth a note, and without frames a reason
_MUCH = 0.5
_FAST_NOTE = "fast: scenes begin at the encoder's keyframes"


def decode_video(
    path: Path,
    folder: Path,
    rules: DecodeRules,
    *,
    on_progress: Callable[[float], None],
    on_length: Callable[[float], None] = lambda _: None,
    with_audio: bool = False,
) -> DecodedVideo:
    """Decode ``path`` once and write its keyframes, sprites and sound into ``folder``.

    Args:
        on_length: told the seconds that the headers promise, once, before the first frame.
        with_audio: whether to write the sound, if there is some and no text track says the same.

    Raises:
        MediaRejected: whatever keeps the file from giving one scene.
    """
    if kind := photo.kind_of_photo(path):
        return photo.decode_photo(path, kind, folder, rules)
    with probe.opened(path) as container, contextlib.ExitStack() as opened:
        stream = tracks.best_video(container, max_frame_px=rules.max_frame_px)
        _prepare(stream, rules)
        declared_s = probe.declared_duration_s(container, stream)
        if declared_s is not None and declared_s > rules.max_duration_s:
            raise MediaRejected(Reason.TOO_LONG, f"{declared_s:.0f} s")
        on_length(declared_s or 0.0)
        texts, notes = subtitles.choose_tracks(container)
        subtitles.read_lengths(container, path, texts)
        sound = _sound(container, folder, rules, opened) if with_audio and not texts else None
        reel = Reel(container, stream, texts, sound, keyframes_only=rules.fast)
        journey = Journey(rules, folder, declared_s, on_progress)
        for frame, time_s in reel.frames():
            journey.see(frame, time_s, stream)
        opened.close()
        if journey.frames:
            notes = tracks.choice_notes(container, stream) + notes
            return _result(container, stream, reel, journey, texts, sound, declared_s, notes)
        if not rules.fast:
            raise _nothing_decoded(reel, container, stream, declared_s)
    return decode_video(  # no keyframe is marked: every frame may be one
        path, folder, replace(rules, fast=False), on_progress=on_progress, with_audio=with_audio
    )


def _result(
    container: InputContainer, stream: VideoStream, reel: Reel, journey: Journey, texts: list[subtitles.Track],
    sound: SoundTrack | None, declared_s: float | None, notes: list[str],
) -> DecodedVideo:  # fmt: skip
    end_s = max(reel.end_s, journey.last_s)
    scenes = journey.finish(end_s)
    notes += _notes(reel, journey, declared_s, seen_s=end_s - journey.first_s)
    facts = probe.facts(
        container, stream, size_px=journey.size_px, duration_s=end_s, rotation_deg=journey.rotation_deg,
        notes=tuple(notes),
    )  # fmt: skip
    heard = sound is not None and sound.duration_s > 0
    return DecodedVideo(
        facts, tuple(scenes), subtitles.segments(texts, duration_s=end_s),
        told.descriptions(container, start_s=probe.clock_start_s(container) or 0.0, duration_s=end_s),
        audio=sound.path if sound is not None and heard else None, sprites=journey.sprites,
    )  # fmt: skip


def _sound(
    container: InputContainer, folder: Path, rules: DecodeRules, opened: contextlib.ExitStack
) -> SoundTrack | None:
    stream = tracks.best_audio(container)
    if stream is None:
        return None
    return opened.enter_context(SoundTrack(stream, folder / AUDIO, max_duration_s=rules.max_duration_s))


def _prepare(stream: VideoStream, rules: DecodeRules) -> None:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = rules.threads or _threads(
        stream.codec_context.width * stream.codec_context.height
    )
    stream.codec_context.options = {"max_pixels": str(rules.max_frame_px)}
    if rules.fast:
        stream.codec_context.skip_frame = "NONKEY"


def _threads(frame_px: int) -> int:
    """Return how many threads may decode: each holds frames, and those of 8K take 50 MB or more."""
    return max(1, min(os.cpu_count() or 1, 8 if frame_px <= 4096 * 2304 else 2))


def _nothing_decoded(
    reel: Reel, container: InputContainer, stream: VideoStream, declared_s: float | None
) -> MediaRejected:
    if reel.encrypted:
        return MediaRejected(Reason.ENCRYPTED)
    if not reel.damage and declared_s and declared_s > 1:
        return MediaRejected(Reason.TRUNCATED, "it ends before its first frame")
    return MediaRejected(Reason.NO_FRAMES)


def _notes(reel: Reel, journey: Journey, declared_s: float | None, *, seen_s: float) -> list[str]:
    notes = []
    if journey.resized_s is not None:
        notes.append(f"the size of the picture changes at {journey.resized_s:.1f} s")
    if reel.damage:
        notes.append(reel.damage.note())
    if declared_s and seen_s < _MUCH * declared_s and declared_s - seen_s > 1:
        notes.append(f"only {seen_s:.1f} s of the promised {declared_s:.1f} s could be decoded")
    if reel.is_fast:
        notes.append(_FAST_NOTE)
    return notes
