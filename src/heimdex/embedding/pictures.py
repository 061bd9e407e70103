"""Pictures between arrays, files and the wire."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from heimdex.domain.errors import EmbedderRejected
from heimdex.ports import Image

_WORST_SIDE_PX = 65_536
_WORST_PIXELS = 8192 * 8192
_FORMATS = ("JPEG", "PNG", "WEBP")


def as_picture(image: Image) -> PillowImage.Image:
    """Take (height, width, 3) uint8; grey and transparent pictures too. Raises EmbedderRejected."""
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    sized = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not sized or array.dtype != np.uint8 or not all(0 < side <= _WORST_SIDE_PX for side in array.shape[:2]):
        raise EmbedderRejected(
            f"A picture of shape {array.shape} and type {array.dtype} cannot be embedded.",
            remedy="Give (height, width, 3) of type uint8, red first.",
        )
    return PillowImage.fromarray(np.ascontiguousarray(array))


def read_pictures(contents: Sequence[bytes]) -> list[Image]:
    """Decode pictures as `read_picture` does; all together may have as many pixels as a single one. Raises likewise."""
    images: list[Image] = []
    left = _WORST_PIXELS
    for content in contents:
        images.append(read_picture(content, most_pixels=left))
        left -= images[-1].shape[0] * images[-1].shape[1]
    return images


def read_picture(content: bytes, *, most_pixels: int = _WORST_PIXELS) -> Image:
    """Decode a JPEG, PNG or WebP into upright (height, width, 3) uint8. Raises EmbedderRejected."""
    try:
        with PillowImage.open(io.BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > most_pixels:
                raise EmbedderRejected(
                    f"A picture of {opened.width} x {opened.height} is too large.",
                    remedy="Send it smaller, or fewer at once.",
                )
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except EmbedderRejected:
        raise
    except Exception as error:  # decoders raise what they like on damaged files
        raise EmbedderRejected(
            f"A picture cannot be decoded: {type(error).__name__}.", remedy="Send whole JPEG, PNG or WebP files."
        ) from None


def write_png(picture: PillowImage.Image) -> bytes:
    """Return the picture as PNG: without loss, quickly rather than small."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
