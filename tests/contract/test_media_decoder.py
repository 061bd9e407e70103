"""The port MediaDecoder: what every implementation must do with real files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pictures

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, Reason
from heimdex.media.decode import decode_video
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import AUDIO, DecodeRules
from heimdex.media.sound import extract
from heimdex.ports import MediaDecoder
from heimdex.testing.clips import Shot, picture, plain, play, write_clip

RULES = DecodeRules(
    min_scene_s=1.0, max_scene_s=30.0, keyframes_per_scene=3, thumbnail_px=160,
    max_duration_s=3600, max_frame_px=1 << 24, max_scenes=1000, threads=1,
)  # fmt: skip


class DirectDecoder:
    """The same pass within this process."""

    def decode(
        self, path: Path, folder: Path, *, on_progress: Callable[[float], None], with_audio: bool = False
    ) -> DecodedVideo:
        return decode_video(path, folder, RULES, on_progress=on_progress, with_audio=with_audio)

    def extract_audio(self, path: Path, folder: Path, *, on_progress: Callable[[float], None]) -> Path | None:
        into = folder / AUDIO
        return into if extract(path, into, max_duration_s=RULES.max_duration_s, on_progress=on_progress) else None


@pytest.fixture(params=["direct", "isolated"])
def decoder(request: pytest.FixtureRequest) -> MediaDecoder:
    if request.param == "direct":
        return DirectDecoder()
    return IsolatedDecoder(RULES, timeout_s=60, max_memory_bytes=2 << 30)


def decode(decoder: MediaDecoder, path: Path, tmp_path: Path) -> DecodedVideo:
    folder = tmp_path / "keyframes"
    folder.mkdir()
    return decoder.decode(path, folder, on_progress=lambda _: None)


def rejected(decoder: MediaDecoder, path: Path, tmp_path: Path) -> Reason:
    with pytest.raises(MediaRejected) as caught:
        decode(decoder, path, tmp_path)
    return caught.value.reason


def two_shots(path: Path, **how: object) -> Path:
    return write_clip(path, play([Shot(picture(1), 2), Shot(picture(2), 2)]), **how)  # type: ignore[arg-type]


def test_scenes_keyframes_and_facts(decoder: MediaDecoder, tmp_path: Path) -> None:
    told: list[float] = []
    folder = tmp_path / "keyframes"
    folder.mkdir()
    found = decoder.decode(two_shots(tmp_path / "clip.mp4"), folder, on_progress=told.append)

    assert [(s.span.start_s, s.span.end_s) for s in found.scenes] == [(0.0, 2.0), (2.0, 4.0)]
    assert (found.facts.duration_s, found.facts.width_px, found.facts.height_px) == (4.0, 320, 180)
    assert (found.facts.fps, found.facts.video_codec, found.facts.has_audio) == (25.0, "h264", False)
    for scene in found.scenes:
        assert 1 <= len(scene.keyframes) <= 3
        for keyframe in scene.keyframes:
            assert scene.span.start_s <= keyframe.time_s < scene.span.end_s
            assert 0 < keyframe.quality <= 1
            with Pictures.open(keyframe.image) as image:
                assert (image.format, image.size) == ("JPEG", (160, 90))
    written = {p.name for p in folder.iterdir()}
    assert written == {k.image.name for s in found.scenes for k in s.keyframes} | {"sprites.jpg", "sprites.vtt"}
    assert told == sorted(told)
    assert all(0 <= fraction <= 1 for fraction in told)


def test_times_come_from_time_stamps_not_from_frame_numbers(decoder: MediaDecoder, tmp_path: Path) -> None:
    frames = list(play([Shot(picture(1), 2), Shot(picture(2), 2)]))
    # the first shot at half, the second at a fifth of the speed
    times = [n * 0.08 for n in range(50)] + [4.0 + n * 0.2 for n in range(50)]
    found = decode(decoder, write_clip(tmp_path / "clip.mkv", frames, times_s=times), tmp_path)

    assert [s.span.start_s for s in found.scenes] == pytest.approx([0.0, 4.0], abs=0.002)
    assert found.scenes[-1].span.end_s == pytest.approx(14.0, abs=0.2)


def test_the_clock_starts_where_players_start_it(decoder: MediaDecoder, tmp_path: Path) -> None:
    frames = list(play([Shot(picture(1), 2), Shot(picture(2), 2)]))
    times = [7.0 + n / 25 for n in range(100)]
    found = decode(decoder, write_clip(tmp_path / "clip.ts", frames, times_s=times), tmp_path)

    assert [s.span.start_s for s in found.scenes] == pytest.approx([0.0, 2.0], abs=0.002)


def test_pixels_that_are_not_square_are_made_so(decoder: MediaDecoder, tmp_path: Path) -> None:
    found = decode(decoder, two_shots(tmp_path / "clip.mp4", aspect=Fraction(2, 1)), tmp_path)

    assert (found.facts.width_px, found.facts.height_px) == (640, 180)
    with Pictures.open(found.scenes[0].keyframes[0].image) as image:
        assert image.size == (160, 45)


def test_a_black_video_is_one_scene_of_low_quality(decoder: MediaDecoder, tmp_path: Path) -> None:
    found = decode(decoder, write_clip(tmp_path / "clip.mp4", play([Shot(plain((0, 0, 0)), 3)])), tmp_path)

    assert len(found.scenes) == 1
    assert found.scenes[0].keyframes[0].quality < 0.1


@pytest.mark.parametrize("frames", [1, 2])
def test_a_video_of_one_frame_is_one_scene(decoder: MediaDecoder, tmp_path: Path, frames: int) -> None:
    found = decode(decoder, write_clip(tmp_path / "clip.mp4", [picture(1)] * frames), tmp_path)

    assert len(found.scenes) == 1
    assert len(found.scenes[0].keyframes) == 1


@pytest.mark.parametrize(
    "name",
    [b"e\xcc\x81te\xcc\x81.mp4", "\U0001f3ac \ud55c\uad6d.mp4".encode(), b"two\nlines.mp4", b"\xff\xfe.mp4", b"-i.mp4",
     b"%03d.mp4", b"http:\\x.mp4"],
)  # fmt: skip
def test_every_name_can_be_opened(decoder: MediaDecoder, tmp_path: Path, name: bytes) -> None:
    path = two_shots(tmp_path / "clip.mp4").rename(tmp_path / os.fsdecode(name))

    assert len(decode(decoder, path, tmp_path).scenes) == 2


def _sound(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        assert isinstance(stream, av.AudioStream)
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, number * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_what_is_no_video_says_why(decoder: MediaDecoder, tmp_path: Path) -> None:
    empty, text, image = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "image.mp4"
    empty.touch()
    text.write_text("not a video\n" * 100)
    Pictures.fromarray(picture(1)).save(image, "BMP")
    fifo = tmp_path / "fifo.mp4"
    os.mkfifo(fifo)
    playlist, script = tmp_path / "playlist.mp4", tmp_path / "script.mp4"
    two_shots(tmp_path / "good.mp4")
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\ngood.mp4\n#EXT-X-ENDLIST\n")
    script.write_text("ffconcat version 1.0\nfile good.mp4\n")

    cases = {
        empty: Reason.EMPTY, text: Reason.NOT_MEDIA, image: Reason.NOT_MEDIA, playlist: Reason.NOT_MEDIA,
        script: Reason.NOT_MEDIA, fifo: Reason.PATH_REJECTED, tmp_path: Reason.PATH_REJECTED,
        tmp_path / "gone.mp4": Reason.PATH_REJECTED, _sound(tmp_path / "sound.mp4"): Reason.NO_VIDEO_STREAM,
    }  # fmt: skip
    folder = tmp_path / "keyframes"
    folder.mkdir()
    found = {}
    for path in cases:
        with pytest.raises(MediaRejected) as caught:
            decoder.decode(path, folder, on_progress=lambda _: None)
        found[path] = caught.value.reason

    assert found == cases
    assert list(folder.iterdir()) == []


def test_a_photo_is_one_scene_whatever_its_ending(decoder: MediaDecoder, tmp_path: Path) -> None:
    photo = tmp_path / "photo.mp4"
    Pictures.fromarray(picture(1)).save(photo, "PNG")
    found = decode(decoder, photo, tmp_path)

    (scene,) = found.scenes
    assert (scene.span.start_s, scene.span.end_s, len(scene.keyframes)) == (0.0, 0.0, 1)
    assert (found.facts.container, found.facts.fps, found.facts.has_audio) == ("png", None, False)
    assert (found.audio, found.sprites) == (None, None)
    with Pictures.open(scene.keyframes[0].image) as image:
        assert (image.format, image.size) == ("JPEG", (160, 90))


def test_a_heic_photo_without_its_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "photo.heic"
    photo.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(MediaRejected, match=r"heimdex\[heic\]") as caught:
        decode_video(photo, tmp_path, RULES, on_progress=lambda _: None)

    assert caught.value.reason is Reason.NOT_MEDIA


def test_limits_are_kept(tmp_path: Path) -> None:
    clip = two_shots(tmp_path / "clip.mp4")

    def reason(**other: Any) -> Reason:
        folder = tmp_path / str(other)
        folder.mkdir()
        from dataclasses import replace

        with pytest.raises(MediaRejected) as caught:
            decode_video(clip, folder, replace(RULES, **other), on_progress=lambda _: None)
        return caught.value.reason

    assert reason(max_duration_s=3) is Reason.TOO_LONG
    assert reason(max_frame_px=1000) is Reason.TOO_LARGE_FRAME
    assert reason(max_scenes=1) is Reason.TOO_MANY_SCENES


def test_a_truncated_file_gives_what_decodes_and_says_so(decoder: MediaDecoder, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", play([Shot(picture(n), 2, grain=6) for n in range(4)]))
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    found = decode(decoder, half, tmp_path)

    assert 1 <= len(found.scenes) < 4
    assert found.facts.duration_s < 4
    assert any("promised" in note for note in found.facts.notes)


def test_truncated_before_the_first_frame_is_truncated_or_no_media(decoder: MediaDecoder, tmp_path: Path) -> None:
    whole = two_shots(tmp_path / "whole.mp4")
    stub = tmp_path / "stub.mp4"
    stub.write_bytes(whole.read_bytes()[:4000])  # its index lies at the end

    assert rejected(decoder, stub, tmp_path) in {Reason.NOT_MEDIA, Reason.TRUNCATED, Reason.NO_FRAMES}


def tell(source: Path, target: Path, chapters: list[tuple[float, float, str]], **metadata: str) -> Path:
    """Copy a video with chapters and text about the whole."""
    with av.open(source) as given, av.open(target, "w") as made:
        stream = given.streams.video[0]
        copy = made.add_stream_from_template(stream)
        made.metadata.update(metadata)
        made.set_chapters(
            [
                {"id": number, "start": round(start * 1000), "end": round(end * 1000), "time_base": Fraction(1, 1000),
                 "metadata": {"title": title}}
                for number, (start, end, title) in enumerate(chapters)
            ]
        )  # fmt: skip
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
    return target


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_chapters_and_text_about_the_whole_are_told(decoder: MediaDecoder, tmp_path: Path, ending: str) -> None:
    clip = two_shots(tmp_path / "clip.mp4")
    chapters = [(0.0, 2.0, "아침 식사"), (2.0, 3.0, "Chapter 2"), (3.0, 99.0, "Leaving home")]
    told = tell(clip, tmp_path / f"told.{ending}", chapters, title="Our holiday", comment="Filmed on Jeju")
    decoded = decode(decoder, told, tmp_path)

    end_s = decoded.facts.duration_s
    assert [(each.text, each.source) for each in decoded.descriptions] == [
        ("Our holiday", "container"), ("Filmed on Jeju", "container"), ("아침 식사", "chapter"),
        ("Leaving home", "chapter"),
    ]  # fmt: skip
    spans = [(each.span.start_s, each.span.end_s) for each in decoded.descriptions]
    assert spans == [pytest.approx(span) for span in ((0, end_s), (0, end_s), (0, 2), (3, end_s))]
    (tmp_path / "again").mkdir()
    assert decode(decoder, clip, tmp_path / "again").descriptions == ()
