"""The sound that a decoder hands to speech recognition: 16 kHz, one channel, sample n at n / 16,000 s of the video."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.contract.test_media_decoder import RULES, DirectDecoder

from heimdex.domain.media import DecodedVideo
from heimdex.media.isolated import IsolatedDecoder
from heimdex.ports import MediaDecoder
from heimdex.testing.clips import Shot, picture, play
from heimdex.testing.films import Sound, Text, write_film

FRAMES = list(play([Shot(picture(1), 2), Shot(picture(2), 2)]))


@pytest.fixture(params=["direct", "isolated"])
def decoder(request: pytest.FixtureRequest) -> MediaDecoder:
    return (
        DirectDecoder() if request.param == "direct" else IsolatedDecoder(RULES, timeout_s=60, max_memory_bytes=2 << 30)
    )


def decode(decoder: MediaDecoder, path: Path, tmp_path: Path, *, with_audio: bool = True) -> DecodedVideo:
    folder = tmp_path / "folder"
    folder.mkdir()
    return decoder.decode(path, folder, on_progress=lambda _: None, with_audio=with_audio)


def heard(path: Path | None) -> NDArray[np.int16]:
    assert path is not None
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def onset_s(samples: NDArray[np.int16]) -> float:
    """Return when it becomes loud."""
    return float(np.flatnonzero(np.abs(samples.astype(int)) > 3000)[0]) / 16_000


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a.mp4", Sound("aac", rate=48_000, layout="stereo")),
        ("b.mkv", Sound("libopus", rate=48_000, layout="5.1")),
        ("c.mkv", Sound("flac", rate=44_100)),
        ("d.ts", Sound("mp2", rate=32_000)),
        ("e.avi", Sound("pcm_s16le", rate=8_000)),
        ("f.mov", Sound("alac", rate=22_050, layout="stereo")),
    ],
)  # fmt: skip
def test_a_beep_is_heard_when_it_sounds(decoder: MediaDecoder, tmp_path: Path, name: str, sound: Sound) -> None:
    film = write_film(tmp_path / name, FRAMES, sounds=[sound.with_beep(2.0, 2.5)])
    samples = heard(decode(decoder, film, tmp_path).audio)

    assert onset_s(samples) == pytest.approx(2.0, abs=0.04)
    assert len(samples) / 16_000 == pytest.approx(4.0, abs=0.15)


def test_sound_that_begins_late_is_heard_late(decoder: MediaDecoder, tmp_path: Path) -> None:
    sound = Sound("aac", rate=16_000, start_s=1.5).with_beep(2.5, 3.0)
    samples = heard(decode(decoder, write_film(tmp_path / "late.mp4", FRAMES, sounds=[sound]), tmp_path).audio)

    assert onset_s(samples) == pytest.approx(2.5, abs=0.07)
    assert not samples[:16_000].any()


def test_a_gap_is_silence(decoder: MediaDecoder, tmp_path: Path) -> None:
    sound = Sound("pcm_s16le", rate=16_000, gap=(0.5, 2.0)).with_beep(2.5, 3.0)
    samples = heard(decode(decoder, write_film(tmp_path / "gap.mkv", FRAMES, sounds=[sound]), tmp_path).audio)

    assert onset_s(samples) == pytest.approx(2.5, abs=0.04)
    assert not samples[int(0.6 * 16_000) : int(1.9 * 16_000)].any()


def test_the_default_track_is_heard_and_said(decoder: MediaDecoder, tmp_path: Path) -> None:
    sounds = [
        Sound("aac", rate=16_000, language="eng", default=False).with_beep(1.0, 1.5),
        Sound("aac", rate=16_000, language="kor", default=True).with_beep(3.0, 3.5),
    ]
    found = decode(decoder, write_film(tmp_path / "two.mkv", FRAMES, sounds=sounds), tmp_path)

    assert onset_s(heard(found.audio)) == pytest.approx(3.0, abs=0.07)
    assert "sound track 2 (ko) is the one that is listened to, not 1 (en)" in found.facts.notes


def test_sound_is_written_only_when_someone_will_listen(decoder: MediaDecoder, tmp_path: Path) -> None:
    silent = write_film(tmp_path / "silent.mp4", FRAMES)
    loud = write_film(tmp_path / "loud.mkv", FRAMES, sounds=[Sound("aac", rate=16_000)])
    told = write_film(
        tmp_path / "told.mkv", FRAMES, sounds=[Sound("aac", rate=16_000)], texts=[Text([(1.0, 2.0, "hello")])]
    )
    for number, (film, asked, written) in enumerate(
        [(silent, True, False), (loud, False, False), (told, True, False), (loud, True, True)]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = decoder.decode(film, folder, on_progress=lambda _: None, with_audio=asked)
        assert (found.audio is not None) is written
        assert (folder / "audio.wav").exists() is written
        assert found.facts.has_audio is (film != silent)


def test_the_sound_alone_is_the_same_sound(decoder: MediaDecoder, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", FRAMES, sounds=[Sound("aac", rate=44_100).with_beep(2.0, 2.5)])
    found = heard(decode(decoder, film, tmp_path).audio)
    alone = tmp_path / "alone"
    alone.mkdir()

    np.testing.assert_array_equal(heard(decoder.extract_audio(film, alone, on_progress=lambda _: None)), found)
    silent = write_film(tmp_path / "silent.mp4", FRAMES)
    assert decoder.extract_audio(silent, alone, on_progress=lambda _: None) is None


def test_sound_is_bounded_like_the_video(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", FRAMES, sounds=[Sound("pcm_s16le", rate=16_000, gap=(0.5, 3.0))])
    rules = replace(RULES, max_duration_s=1.0)
    decoder = IsolatedDecoder(rules, timeout_s=60, max_memory_bytes=2 << 30)

    assert len(heard(decoder.extract_audio(film, tmp_path, on_progress=lambda _: None))) == 16_000
