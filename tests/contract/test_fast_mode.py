"""The fast mode decodes the encoder's keyframes only: same times, coarser scenes, another fingerprint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from av import VideoFrame
from av.video.stream import VideoStream
from tests.contract.test_media_decoder import RULES

from heimdex.domain.media import DecodedVideo
from heimdex.ingest import fingerprint
from heimdex.media.decode import decode_video
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.journey import Journey
from heimdex.media.rules import SCENEDETECT, DecodeRules
from heimdex.testing.clips import Shot, picture, play, write_clip
from heimdex.testing.films import Sound, Text, write_film

FAST = replace(RULES, fast=True)
#: a keyframe a second, at 25 frames a second, wherever the cuts are
EVERY_SECOND = {"preset": "veryfast", "g": "25", "sc_threshold": "0"}
SHOTS = [Shot(picture(1), 3, pan_px=10), Shot(picture(2), 3), Shot(picture(3), 3)]


def decode(path: Path, tmp_path: Path, rules: DecodeRules = FAST, *, with_audio: bool = False) -> DecodedVideo:
    folder = tmp_path / f"folder-{rules.fast}-{rules.detector}"
    folder.mkdir()
    decoder = IsolatedDecoder(rules, timeout_s=60, max_memory_bytes=2 << 30)
    return decoder.decode(path, folder, on_progress=lambda _: None, with_audio=with_audio)


def test_scenes_begin_at_keyframes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", play(SHOTS), options=EVERY_SECOND)
    found = decode(clip, tmp_path)

    assert [s.span.start_s for s in found.scenes] == pytest.approx([0.0, 3.0, 6.0])
    assert found.facts.duration_s == pytest.approx(9.0, abs=0.05)
    assert found.scenes[-1].span.end_s == pytest.approx(9.0, abs=0.05)
    assert any("fast" in note for note in found.facts.notes)


def test_a_cut_between_keyframes_is_found_at_the_next_one(tmp_path: Path) -> None:
    shots = [Shot(picture(1), 2.6), Shot(picture(2), 3.4)]
    clip = write_clip(tmp_path / "clip.mp4", play(shots), options=EVERY_SECOND)

    assert [s.span.start_s for s in decode(clip, tmp_path).scenes] == pytest.approx([0.0, 3.0])


def test_only_keyframes_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "clip.mp4", play(SHOTS), options=EVERY_SECOND | {"g": "50"})
    times_s: list[float] = []
    see = Journey.see

    def note(journey: Journey, frame: VideoFrame, time_s: float, stream: VideoStream) -> None:
        times_s.append(time_s)
        see(journey, frame, time_s, stream)

    monkeypatch.setattr(Journey, "see", note)
    decode_video(clip, tmp_path, FAST, on_progress=lambda _: None)

    assert times_s == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0])


def test_where_every_frame_is_a_keyframe_not_all_are_decoded(tmp_path: Path) -> None:
    frames = list(play(SHOTS))
    clip = write_film(tmp_path / "clip.avi", frames, codec="mjpeg", pix_fmt="yuvj420p")
    found = decode(clip, tmp_path)

    assert [s.span.start_s for s in found.scenes] == pytest.approx([0.0, 3.0, 6.0], abs=0.5)
    assert found.facts.duration_s == pytest.approx(9.0, abs=0.05)


def test_text_and_sound_are_whole_in_the_fast_mode(tmp_path: Path) -> None:
    frames = list(play(SHOTS))
    text = write_film(tmp_path / "text.mkv", frames, texts=[Text([(7.1, 8.2, "late words")])])
    sound = write_film(tmp_path / "sound.mkv", frames, sounds=[Sound("pcm_s16le", rate=16_000)])

    (segment,) = decode(text, tmp_path).segments
    assert (segment.span.start_s, segment.span.end_s, segment.text) == (7.1, 8.2, "late words")
    heard = decode(sound, tmp_path, replace(FAST, detector=SCENEDETECT), with_audio=True)
    assert heard.audio is not None
    assert heard.audio.stat().st_size == pytest.approx(9 * 32_000, rel=0.02)


def test_other_rules_make_other_scenes_and_a_full_pass_covers_a_fast_one() -> None:
    def of(rules: DecodeRules) -> str:
        decoding = IsolatedDecoder(rules, timeout_s=60, max_memory_bytes=2 << 30).fingerprint
        return fingerprint.of_settings(decoding)

    full, fast, other = of(RULES), of(FAST), of(replace(RULES, detector=SCENEDETECT))

    assert len({full, fast, other}) == 3
    assert full in fingerprint.enough(fast)
    assert f"{full}+words" in fingerprint.enough(f"{fast}+words")
    assert fast in fingerprint.enough(fast)
    assert fingerprint.enough(full) == (full,)
    assert other not in fingerprint.enough(fast)
    assert full not in fingerprint.enough(f"{fast}+words")
