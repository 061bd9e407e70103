"""Decoding in a process of its own, so that a file can harm nothing but itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import DecodedVideo, MediaFacts, Reason, Scene, Segment
from heimdex.ingest import record
from heimdex.media import wire
from heimdex.media.rules import DecodeRules

#: of the decoding itself: scenes made by another version are made again
_VERSION = 1
_HEARTBEAT_S = 0.5
_KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL")
_COMMAND = (sys.executable, "-P", "-m", "heimdex.media.child")


class IsolatedDecoder:
    """`MediaDecoder` in a child process per file, bounded in memory, time, open files and output."""

    def __init__(
        self, rules: DecodeRules, *, timeout_s: float, max_memory_bytes: int, command: tuple[str, ...] = _COMMAND
    ) -> None:
        self._rules, self._timeout_s, self._max_memory_bytes, self._command = (
            rules,
            timeout_s,
            max_memory_bytes,
            command,
        )

    @property
    def fingerprint(self) -> str:
        """Of what the scenes depend on; another one means other scenes."""
        rules = self._rules
        return _digest(_VERSION, rules.min_scene_s, rules.max_scene_s, rules.keyframes_per_scene, rules.thumbnail_px)

    @property
    def limits_fingerprint(self) -> str:
        """Of the limits; another one may let in a file that was refused."""
        rules = self._rules
        limits = rules.max_duration_s, rules.max_frame_px, rules.max_scenes
        return _digest(*limits, self._timeout_s, self._max_memory_bytes)

    def decode(self, path: Path, keyframes: Path, *, on_progress: Callable[[float], None]) -> DecodedVideo:
        """Decode ``path`` (see the port).

        ``on_progress`` is called at least every half second; what it raises ends the decoding.
        """
        request = {
            "path": wire.path_to_text(path.absolute()),
            "keyframes": wire.path_to_text(keyframes.absolute()),
            "rules": asdict(self._rules),
            "timeout_s": self._timeout_s,
            "max_memory_bytes": self._max_memory_bytes,
        }
        with _child(self._command) as process:
            answer = _Answer(keyframes)
            _send(process, wire.encode(request))
            self._listen(process, answer, on_progress)
            if answer.is_complete:
                return answer.result()
            if answer.rejected is not None:
                raise answer.rejected
            raise _why_it_ended(process.wait())

    def _listen(self, process: subprocess.Popen[bytes], answer: _Answer, on_progress: Callable[[float], None]) -> None:
        """Read until the answer is whole or the child has closed its output."""
        assert process.stdout is not None  # noqa: S101
        frames = wire.Frames()
        deadline = time.monotonic() + self._timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not answer.is_over:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise MediaRejected(Reason.DECODER_TIMEOUT, f"no end after {self._timeout_s:g} s")
                if selector.select(min(left_s, _HEARTBEAT_S)):
                    received = os.read(process.stdout.fileno(), 1 << 16)
                    if not received:
                        return
                    _take(answer, frames, received)
                on_progress(answer.progress)


class _Answer:
    """What the child has said so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._facts: MediaFacts | None = None
        self._scenes: list[Scene] = []
        self._segments: list[Segment] = []
        self.progress = 0.0
        self.is_complete = False
        self.rejected: MediaRejected | None = None

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.rejected is not None

    def take(self, message: wire.Message) -> None:
        if "progress" in message:
            self.progress = min(1.0, max(self.progress, float(message["progress"])))
        elif "facts" in message:
            self._facts = record.facts_from_json(message["facts"])
        elif "scene" in message:
            self._scenes.append(record.scene_from_json(message["scene"], self._folder))
        elif "segment" in message:
            self._segments.append(record.segment_from_json(message["segment"]))
        elif "rejected" in message:
            self.rejected = MediaRejected(Reason(message["rejected"]), str(message["detail"]))
        elif "done" in message:
            if message["done"] != [len(self._scenes), len(self._segments)] or not self._scenes or not self._facts:
                raise ValueError("the result is not whole")
            self.is_complete = True

    def result(self) -> DecodedVideo:
        assert self._facts is not None  # noqa: S101
        return DecodedVideo(self._facts, tuple(self._scenes), tuple(self._segments))


def _take(answer: _Answer, frames: wire.Frames, received: bytes) -> None:
    try:
        for message in frames.push(received):
            answer.take(message)
    except (ValueError, KeyError, TypeError) as error:
        raise MediaRejected(Reason.DECODER_CRASH, f"the decoder answered nonsense: {error}"[:200]) from None


@contextlib.contextmanager
def _child(command: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the decoder; it and whatever it started are gone afterwards, however this ends."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError):  # it died before it could read: how, its exit status tells
        process.stdin.write(data)
        process.stdin.flush()


def _environment() -> dict[str, str]:
    """No secret of ours reaches a process that reads hostile files."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    # one arena and no BLAS threads: address space is what the memory limit counts
    return kept | {"PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _why_it_ended(status: int) -> MediaRejected:
    if status == -getattr(signal, "SIGXCPU", 0) and status:
        return MediaRejected(Reason.DECODER_TIMEOUT, "its share of processor time is used up")
    if status < 0:
        return MediaRejected(Reason.DECODER_CRASH, f"the decoder was ended by signal {-status}")
    return MediaRejected(Reason.DECODER_CRASH, f"the decoder ended with status {status}")


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
