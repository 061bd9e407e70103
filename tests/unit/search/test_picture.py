"""Pictures of strangers: decoded small, upright and within limits, or refused."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from heimdex.domain.errors import BadRequest
from heimdex.search.picture import MAX_BYTES, read_picture


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_become_rgb(kind: str, mode: str) -> None:
    found = read_picture(saved(Image.new(mode, (30, 20), "white"), kind))

    assert found.shape == (20, 30, 3)
    assert found.dtype == np.uint8
    assert found.min() > 250


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_picture_is_made_smaller(kind: str) -> None:
    assert read_picture(saved(Image.new("RGB", (4000, 2000)), kind)).shape == (512, 1024, 3)


def test_a_turned_picture_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        assert read_picture(saved(Image.new("RGB", (40, 20)), kind, exif=exif)).shape == (40, 20, 3)


def test_what_is_transparent_is_white() -> None:
    assert read_picture(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))).min() == 255
    palette = Image.new("P", (8, 8), 0)
    assert read_picture(saved(palette, transparency=0)).min() == 255


def bomb(width: int, height: int) -> bytes:
    """Return a PNG that claims a size, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(7000, 7000), (100_000, 100_000), (2**31 - 1, 1), (10, 10)])
def test_a_bomb_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    with pytest.raises(BadRequest) as refused:
        read_picture(bomb(width, height))
    assert refused.value.remedy


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(BadRequest, match="16 MiB"):
        read_picture(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(BadRequest):
        read_picture(saved(Image.new("RGB", (32, 32)), kind))


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_picture_is_refused_or_read(place: int, junk: bytes) -> None:
    content = bytearray(saved(Image.linear_gradient("L").resize((64, 64)), "JPEG"))
    place %= len(content)
    content[place : place + len(junk)] = junk
    with suppress(BadRequest):
        assert read_picture(bytes(content)).shape[2] == 3
