"""Broken files, files that are something else, strange names and photos: name -> how it is made."""

from __future__ import annotations

import os
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from PIL import Image as Pictures
from tests.e2e.crafted_videos import HEIGHT, WIDTH, Maker, film, halves, two_shots

from heimdex.testing.clips import picture, plain
from heimdex.testing.films import write_film


def cut_off(part: float, **how: Any) -> Maker:
    """The beginning of a film, of which ``part`` is left."""

    def make(path: Path) -> None:
        film(path, **how)
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])

    return make


def overwritten(path: Path) -> None:
    """Zeros from the second to the third fifth of the file: a bad sector."""
    film(path, options={"g": "10"})
    data = bytearray(path.read_bytes())
    fifth = len(data) // 5
    data[2 * fifth : 3 * fifth] = bytes(fifth)
    path.write_bytes(data)


def without_data(path: Path) -> None:
    """An index that points to frames which are not there."""
    film(path, container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])


def sound_only(path: Path) -> None:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(32_000))


def write_sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=16_000)
        assert isinstance(stream, av.AudioStream)
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, number * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def sound_with_cover(path: Path) -> None:
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=16_000)
        cover = out.add_stream("mjpeg", rate=1)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 64, 64, "yuvj420p", Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(plain((9, 9, 9), width=64, height=64), format="rgb24")
        out.mux(cover.encode(frame.reformat(format="yuvj420p")))
        for number in range(8):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts = 16_000, 1024 * number
            out.mux(sound.encode(block))
        for stream in (cover, sound):
            out.mux(stream.encode(None))


def huge_claim(path: Path) -> None:
    """A small Matroska file that says its frames have 16,000 x 16,000 points."""
    write_film(path, [picture(1, width=320, height=270)] * 5, codec="ffv1")
    data = path.read_bytes()
    said = struct.pack(">BBHBBH", 0xB0, 0x82, 320, 0xBA, 0x82, 270)
    assert data.count(said) == 1
    path.write_bytes(data.replace(said, struct.pack(">BBHBBH", 0xB0, 0x82, 16_000, 0xBA, 0x82, 16_000)))


def text(content: str) -> Maker:
    return lambda path: path.write_text(content)


def photo(format_: str, mode: str = "RGB", **how: object) -> Maker:
    image = halves((220, 20, 20), (20, 20, 220))
    return lambda path: Pictures.fromarray(image).convert(mode).save(path, format_, **how)


def turned_photo(format_: str) -> Maker:
    """Stored on its side with the EXIF orientation that turns it upright, and with the time it was taken."""

    def make(path: Path) -> None:
        exif = Pictures.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8769)[0x9003] = "2024:05:31 18:30:00"
        exif.get_ifd(0x8769)[0x9011] = "+09:00"
        Pictures.fromarray(halves((220, 20, 20), (20, 20, 220))).save(path, format_, exif=exif)

    return make


def heic(path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    turned_photo("HEIF")(path)


def transparent_png(path: Path) -> None:
    layered = np.full((HEIGHT, WIDTH, 4), (40, 200, 40, 255), np.uint8)
    layered[:, WIDTH // 2 :] = (0, 0, 0, 0)
    Pictures.fromarray(layered).save(path, "PNG")


def deep_png(path: Path) -> None:
    ramp = np.full((HEIGHT, WIDTH), 50_000, np.uint16)
    ramp[:, WIDTH // 2 :] = 10_000
    Pictures.fromarray(ramp).save(path, "PNG")


def moving_webp(path: Path) -> None:
    first, *rest = [Pictures.fromarray(plain(c, width=64, height=64)) for c in ((220, 20, 20), (20, 20, 220))]
    first.save(path, "WEBP", save_all=True, append_images=rest, duration=500)


def broken_jpeg(path: Path) -> None:
    Pictures.fromarray(picture(1)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bomb_png(path: Path) -> None:
    """Half a megabyte that would unpack to 1.2 gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(60_001)) for _ in range(2000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def linked(path: Path) -> None:
    target = path.with_name(".target.mp4")
    write_film(target, two_shots()[25:75])
    path.symlink_to(target)


#: bytes of the name -> the name in the table
NAMES = {
    b"e\xcc\x81te\xcc\x81.mp4": "name_nfd",
    "\U0001f3ac \ud55c\uad6d.mp4".encode(): "name_emoji",
    b"two\nlines.mp4": "name_newline",
    b"\xff\xfe.mp4": "name_no_utf8",
    b"-i %03d.mp4": "name_option",
}


def _named(number: int) -> Maker:
    return lambda path: write_film(path, two_shots()[number : 90 + number])


ODD: dict[str, Maker] = {
    "cut_off.mkv": cut_off(0.4),
    "cut_off.mp4": cut_off(0.6),
    "cut_off.ts": cut_off(0.7),
    "cut_off_faststart.mp4": cut_off(0.5, container_options={"movflags": "faststart"}),
    "overwritten.ts": overwritten,
    "without_data.mp4": without_data,
    "empty.mp4": lambda path: path.touch(),
    "zeros.mp4": lambda path: path.write_bytes(bytes(100_000)),
    "noise.mkv": lambda path: path.write_bytes(np.random.default_rng(7).bytes(100_000)),
    "words.mp4": text("not a video\n" * 100),
    "playlist.m3u8": text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nh264.mp4\n#EXT-X-ENDLIST\n"),
    "script.ffconcat": text("ffconcat version 1.0\nfile h264.mp4\n"),
    "session.sdp": text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
    "drawing.svg": text('<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'),
    "reference.mov": text("RTSPtext\nrtsp://127.0.0.1:1/x\n"),
    "sound.wav": sound_only,
    "sound.m4a": write_sound,
    "sound_with_cover.mp4": sound_with_cover,
    "huge_claim.mkv": huge_claim,
    "wrong_ending.jpg": lambda path: write_film(path, two_shots()[10:], format_="mp4"),
    "photo.jpg": photo("JPEG"),
    "photo_turned.jpg": turned_photo("JPEG"),
    "photo_cmyk.jpg": photo("JPEG", "CMYK"),
    "photo_grey.jpg": photo("JPEG", "L"),
    "photo_broken.jpg": broken_jpeg,
    "photo.png": photo("PNG"),
    "photo_palette.png": photo("PNG", "P"),
    "photo_transparent.png": transparent_png,
    "photo_16_bit.png": deep_png,
    "photo_bomb.png": bomb_png,
    "photo.webp": photo("WEBP", lossless=True),
    "photo_moving.webp": moving_webp,
    "photo.avif": photo("AVIF"),
    "photo.heic": heic,
    "photo_as.mp4": photo("PNG", compress_level=0),
    "fifo.mp4": lambda path: os.mkfifo(path),
    "gone.mp4": lambda path: path.symlink_to("nowhere"),
    "linked.mp4": linked,
    **{os.fsdecode(name): _named(number) for number, name in enumerate(NAMES, start=1)},
}
