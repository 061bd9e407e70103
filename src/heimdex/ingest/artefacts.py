"""Keyframes and decoding results on disk, addressed by the content of the video.

``<content>/<settings>/`` holds the JPEGs and ``decoded.json``. A result is made in a staging folder
and renamed when it is whole, so what carries its final name is never half written. Staging folders
are held by a lock of the living process; those without one belong to a killed run and are removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from heimdex.domain.media import DecodedVideo, Keyframe
from heimdex.filelock import SUPPORTED, FileLock
from heimdex.ingest import record

_STAGING = ".staging"
_RESULT = "decoded.json"
#: names the library that the folder belongs to
LIBRARY_MARK = ".library"


class Result(NamedTuple):
    """A decoding result on disk, by the content that it is of and the settings that it was made with."""

    sha256: str
    #: empty for a folder that holds nothing
    settings: str


class Artefacts:
    """The folder ``root``, made when missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / _STAGING

    def folder(self, sha256: str, settings: str) -> Path:
        return self._content(sha256) / settings

    def load(self, sha256: str, settings: str) -> DecodedVideo | None:
        """Return an earlier result, keyframes relative to the root; None when there is none, or a damaged one."""
        folder = self.folder(sha256, settings)
        try:
            decoded = record.from_json(json.loads((folder / _RESULT).read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        names = {k.image for scene in decoded.scenes for k in scene.keyframes}
        if not all((folder / name).is_file() for name in names):
            return None
        if decoded.audio is not None and not (folder / decoded.audio).is_file():  # it was listened to
            decoded = replace(decoded, audio=None)
        return self._placed(decoded, folder.relative_to(self._root))

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Make a folder for one result; what is left of it afterwards is removed."""
        self._staging.mkdir(parents=True, exist_ok=True)
        folder = self._staging / uuid.uuid4().hex
        lock = FileLock(_lock_of(folder))
        if SUPPORTED:  # elsewhere, what killed runs leave stays until it is removed by hand
            lock.acquire()
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
            lock.close()

    def keep(self, staged: Path, decoded: DecodedVideo, sha256: str, settings: str) -> DecodedVideo:
        """Give a staged result its name, durably; return it with keyframes relative to the root."""
        bare = self._placed(decoded, Path())
        (staged / _RESULT).write_text(json.dumps(record.to_json(bare)), "utf-8")
        for file in staged.iterdir():
            _flush(file)
        _flush(staged)
        folder = self.folder(sha256, settings)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            if (whole := self.load(sha256, settings)) is not None:  # made meanwhile from the same bytes
                return whole
            with self.staging() as doomed:
                folder.rename(doomed / "old")
        staged.rename(folder)
        _flush(folder.parent)
        return self._placed(bare, folder.relative_to(self._root))

    def drop_others(self, sha256: str, settings: str) -> None:
        """Drop the results of other settings: the library holds those of ``settings`` now."""
        with contextlib.suppress(OSError):
            for other in self._content(sha256).iterdir():
                if other.is_dir() and other.name != settings:
                    shutil.rmtree(other, ignore_errors=True)

    def results(self) -> set[Result]:
        """Return every result that has its final name."""
        found: set[Result] = set()
        for content in self._root.glob("[0-9a-f][0-9a-f]/*/"):
            settings = [entry.name for entry in content.iterdir()]
            found.update(Result(content.name, name) for name in settings or [""])
        return found

    def discard(self, results: Iterable[Result]) -> None:
        """Remove results; one that is being removed never looks whole."""
        for result in results:
            content = self._content(result.sha256)
            if result.settings:
                with self.staging() as doomed, contextlib.suppress(FileNotFoundError):
                    (content / result.settings).rename(doomed / "old")
            with contextlib.suppress(OSError):  # others are left in it
                content.rmdir()
                content.parent.rmdir()

    def belongs_to(self, library: str) -> bool:
        """Whether this folder is that library's; a folder of nobody becomes it."""
        mark = self._root / LIBRARY_MARK
        with contextlib.suppress(FileNotFoundError):
            return mark.read_text("utf-8") == library
        self._root.mkdir(parents=True, exist_ok=True)
        fresh = self._root / f"{LIBRARY_MARK}.{os.getpid()}"
        try:
            fresh.write_text(library, "utf-8")
            fresh.replace(mark)
        except OSError:  # such as a full disk
            fresh.unlink(missing_ok=True)
            raise
        return True

    def sweep(self) -> int:
        """Remove the staging folders of runs that were killed; return how many."""
        removed = 0
        for path in self._staging.glob("*.lock") if SUPPORTED else ():
            lock = FileLock(path)
            if lock.acquire():
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
                lock.close()
                removed += 1
        return removed

    def _content(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _placed(self, decoded: DecodedVideo, folder: Path) -> DecodedVideo:
        def placed(keyframe: Keyframe) -> Keyframe:
            return replace(keyframe, image=folder / keyframe.image.name)

        scenes = (replace(scene, keyframes=tuple(map(placed, scene.keyframes))) for scene in decoded.scenes)
        others = {
            field: folder / path.name for field in ("audio", "sprites") if (path := getattr(decoded, field)) is not None
        }
        return replace(decoded, scenes=tuple(scenes), **others)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
