"""A picture that somebody gives to search with: decoded within limits, whatever its bytes are."""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from heimdex.domain.errors import BadRequest
from heimdex.ports import Image

MAX_BYTES = 16 << 20
MAX_PIXELS = 40_000_000
#: models look at a few hundred pixels
_KEPT_PX = 1024
_FORMATS = ("JPEG", "PNG", "WEBP")
#: a decoded picture may take 160 MB; so many at once
_DECODING = threading.BoundedSemaphore(2)


def read_picture(content: bytes) -> Image:
    """Return the first frame, upright, as (height, width, 3) uint8 RGB, at most 1024 pixels a side.

    Raises:
        BadRequest: no JPEG, PNG or WebP, damaged, or too large.
    """
    if len(content) > MAX_BYTES:
        raise BadRequest(f"The picture has more than {MAX_BYTES >> 20} MiB.", remedy="Send it smaller.")
    with _DECODING:
        try:
            return _decode(content)
        except BadRequest:
            raise
        except Exception as error:  # decoders raise what they like on damaged files
            raise BadRequest(
                f"The picture cannot be decoded ({type(error).__name__}).", remedy="Send a whole JPEG, PNG or WebP."
            ) from None


def _decode(content: bytes) -> Image:
    with Pillow.open(io.BytesIO(content), formats=_FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise BadRequest(
                f"The picture has {opened.width} x {opened.height} pixels.",
                remedy=f"Send one of at most {MAX_PIXELS // 1_000_000} million.",
            )
        opened.draft("RGB", (_KEPT_PX, _KEPT_PX))  # a JPEG need not be decoded in full size
        picture = ImageOps.exif_transpose(opened)
        if "transparency" in picture.info or picture.mode in ("RGBA", "LA"):  # what is transparent is seen as white
            picture = picture.convert("RGBA")
            picture = Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture)
        picture.thumbnail((_KEPT_PX, _KEPT_PX))
        return np.asarray(picture.convert("RGB"))
