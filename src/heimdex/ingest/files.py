"""Which files a person meant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.errors import BadRequest
from heimdex.ingest.artefacts import LIBRARY_MARK

#: what is looked at inside folders; a file that is named itself is always tried
VIDEO_ENDINGS = frozenset(
    {
        ".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v", ".mpg", ".mpeg",
        ".mpe", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".tod", ".mod", ".3gp", ".3g2", ".ogv", ".ogm", ".mxf",
        ".gxf", ".nut", ".rm", ".rmvb", ".dv", ".ivf", ".wtv", ".divx", ".insv", ".lrv", ".360",
    }
)  # fmt: skip
PHOTO_ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"})
_ENDINGS = VIDEO_ENDINGS | PHOTO_ENDINGS


@dataclass(frozen=True, slots=True)
class Offered:
    """The files to index, each once, and the others that lay beside them."""

    videos: tuple[Path, ...]
    ignored: tuple[Path, ...] = ()
    #: those that were named themselves, not found in a folder
    named: frozenset[Path] = frozenset()


def find_videos(paths: Sequence[Path]) -> Offered:
    """Return the videos that ``paths`` name or contain, absolute, in order of name within each folder.

    Folders are walked all the way down; hidden files and folders are left out, a link to a folder
    is followed once. A file that is named itself is taken whatever its ending.

    Raises:
        BadRequest: nothing was given, a path does not exist, or there is no video in all of them.
    """
    if not paths:
        raise BadRequest("No path was given.", remedy="Name files or folders: heimdex index ~/Videos")
    videos: dict[Path, None] = {}
    named: set[Path] = set()
    ignored: dict[Path, None] = {}
    for path in paths:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)
        if not os.path.lexists(absolute):
            raise BadRequest(f"There is no {shown(path)}.", remedy="Check the path; nothing was indexed.")
        if not absolute.is_dir():
            videos[absolute] = None
            named.add(absolute)
            continue
        if not os.access(absolute, os.R_OK | os.X_OK):
            raise BadRequest(f"The folder {shown(path)} may not be read.", remedy="Check its permissions.")
        for file in walk(absolute):
            (videos if is_video(file) else ignored)[file] = None
    if not videos:
        names = ", ".join(shown(path) for path in paths)
        raise BadRequest(
            f"No video was found in {names}.",
            remedy="Name a video file itself if it has an unusual ending; "
            "known endings are .mp4, .mov, .mkv, .webm, .avi and others.",
        )
    return Offered(tuple(videos), tuple(f for f in ignored if f not in videos), frozenset(named))


def shown(path: Path) -> str:
    """Return a path as one printable line, whatever bytes it is made of."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def is_video(path: Path) -> bool:
    """Whether a file found in a folder is looked at."""
    return path.suffix.lower() in _ENDINGS


def walk(folder: Path) -> Iterator[Path]:
    """Yield the visible files below ``folder``; each real folder is entered once, so loops end.

    The pictures that a library keeps are no photos of anybody: its artefact folder is left out.
    """
    entered: set[tuple[int, int]] = set()
    for where, folders, files in os.walk(folder, followlinks=True):
        here = Path(where)
        status = here.stat()
        if (status.st_dev, status.st_ino) in entered or LIBRARY_MARK in files:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield here / name
