"""Photos: JPEG, PNG, WebP, AVIF, and HEIC with the extra `heic`. One picture, one scene, at time 0."""

from __future__ import annotations

import importlib
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, Keyframe, MediaFacts, Reason, Scene, Span
from heimdex.media import probe
from heimdex.media.keyframes import quality
from heimdex.media.rules import DecodeRules
from heimdex.media.signature import sign
from heimdex.media.thumbnails import Picture, grey, jpeg

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_EXIF, _TAKEN_AT, _TAKEN_OFFSET, _SAVED_AT = 0x8769, 0x9003, 0x9011, 0x0132


def kind_of_photo(path: Path) -> str | None:
    """Return ``jpeg``, ``png``, ``webp``, ``avif`` or ``heif`` for a photo by its first bytes, else None.

    Raises:
        MediaRejected: the path cannot be read, or holds nothing.
    """
    probe.check(path)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise MediaRejected(Reason.PATH_REJECTED, error.strerror or str(error)) from None
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return "heif" if head[8:12] in _HEIC_BRANDS else "avif" if head[8:12] in _AVIF_BRANDS else None
    return None


def decode_photo(path: Path, kind: str, folder: Path, rules: DecodeRules) -> DecodedVideo:
    """Write the one keyframe of a photo into ``folder``.

    Raises:
        MediaRejected: NO_FRAMES, NOT_MEDIA, TOO_LARGE_FRAME.
    """
    if kind == "heif":
        _register_heif()
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files
            Image.MAX_IMAGE_PIXELS = rules.max_frame_px
            picture, facts = _read(path, kind, rules, notes)
    except (MediaRejected, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise MediaRejected(Reason.TOO_LARGE_FRAME) from None
    except Exception as error:  # Pillow raises whatever a broken file makes its readers stumble over
        raise MediaRejected(Reason.NO_FRAMES, str(error)[:200]) from None
    signed = sign(0.0, *(np.asarray(plane) for plane in Image.fromarray(picture).convert("YCbCr").split()))
    image = folder / "000001-1.jpg"
    image.write_bytes(jpeg(picture))
    keyframe = Keyframe(0.0, quality(signed, grey(picture)), image)
    return DecodedVideo(facts, (Scene(Span(0.0, 0.0), (keyframe,)),))


def _read(path: Path, kind: str, rules: DecodeRules, notes: list[str]) -> tuple[Picture, MediaFacts]:
    with Image.open(path, formats=_FORMATS) as opened:
        if opened.width * opened.height > rules.max_frame_px:
            raise MediaRejected(Reason.TOO_LARGE_FRAME, f"{opened.width} x {opened.height} px")
        if getattr(opened, "n_frames", 1) > 1 and opened.format != "MPO":
            notes.append("it moves: only its first picture was indexed")
        exif = opened.getexif()
        turned = exif.get(0x0112, 1) in {5, 6, 7, 8}
        size = (opened.height, opened.width) if turned else opened.size
        opened.draft("RGB", (rules.thumbnail_px, rules.thumbnail_px))
        try:
            opened.load()
        except OSError:
            notes.append("damaged: a part of the picture is missing")
            _load_what_is_there(opened)
        upright = ImageOps.exif_transpose(_flat(opened))
        upright.thumbnail((rules.thumbnail_px, rules.thumbnail_px), Image.Resampling.BOX)
        taken = _taken_at(exif)
    facts = MediaFacts(
        duration_s=0.0, width_px=size[0], height_px=size[1], fps=None, container=kind, video_codec=kind,
        recorded_at=taken, notes=tuple(notes),
    )  # fmt: skip
    return np.asarray(upright), facts


def _load_what_is_there(opened: Image.Image) -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        opened.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _flat(image: Image.Image) -> Image.Image:
    """Return 8-bit RGB: transparent parts are laid on white, as viewers show them; EXIF stays with it."""
    if image.mode.startswith("I;16"):
        return _with_exif(image, Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB"))
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return _with_exif(image, Image.alpha_composite(white, layered).convert("RGB"))
    return image.convert("RGB")


def _with_exif(image: Image.Image, flat: Image.Image) -> Image.Image:
    flat.info["exif"] = image.getexif().tobytes()
    return flat


def _taken_at(exif: Image.Exif) -> datetime | None:
    """Return when the shutter went; without a time zone it is taken as UTC."""
    detail = exif.get_ifd(_EXIF)
    text = str(detail.get(_TAKEN_AT) or exif.get(_SAVED_AT) or "").strip("\0 ")
    offset = str(detail.get(_TAKEN_OFFSET) or "").strip("\0 ")
    for form, value in (("%Y:%m:%d %H:%M:%S%z", text + offset), ("%Y:%m:%d %H:%M:%S", text)):
        try:
            moment = datetime.strptime(value, form)  # noqa: DTZ007  (the zone is added below)
        except ValueError:
            continue
        return None if moment.year < probe.FIRST_YEAR else moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _register_heif() -> None:
    try:
        importlib.import_module("pi_heif").register_heif_opener()
    except ImportError:
        raise MediaRejected(
            Reason.NOT_MEDIA, "a HEIC photo, which needs the extra: pip install 'heimdex[heic]'"
        ) from None
