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
from heimdex.domain.media import DecodedVideo, Reason
from heimdex.ingest import fingerprint
from heimdex.media import wire
from heimdex.media.answer import Answer
from heimdex.media.rules import AUDIO, DecodeRules

#: of the decoding itself: scenes made by another version are made again
_VERSION = 3
STALL_S = 120.0
_HEARTBEAT_S = 0.5
_KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL")
_COMMAND = (sys.executable, "-P", "-m", "heimdex.media.child")


class IsolatedDecoder:
    """`MediaDecoder` in a child process per file, bounded in memory, time, open files and output."""

    def __init__(
        self,
        rules: DecodeRules,
        *,
        timeout_s: float,
        max_memory_bytes: int,
        stall_s: float = STALL_S,
        command: tuple[str, ...] = _COMMAND,
    ) -> None:
        """Take the limits.

        Args:
            timeout_s: for one file, beside the length that its headers promise: ten hours may take ten hours more.
            stall_s: without a sign of life, of which a decoder that gets on gives two a second.
            command: what to run instead of the decoder, for tests.
        """
        self._rules, self._timeout_s, self._max_memory_bytes = rules, timeout_s, max_memory_bytes
        self._stall_s, self._command = stall_s, command

    @property
    def fingerprint(self) -> str:
        """Of what the scenes depend on; another one means other scenes. That of the fast mode ends with its mark."""
        rules = self._rules
        made = rules.min_scene_s, rules.max_scene_s, rules.keyframes_per_scene, rules.thumbnail_px, rules.detector
        return _digest(_VERSION, *made) + (fingerprint.FAST if rules.fast else "")

    @property
    def limits_fingerprint(self) -> str:
        """Of the limits; another one may let in a file that was refused."""
        rules = self._rules
        limits = rules.max_duration_s, rules.max_frame_px, rules.max_scenes
        return _digest(*limits, self._timeout_s, self._max_memory_bytes)

    def decode(
        self, path: Path, folder: Path, *, on_progress: Callable[[float], None], with_audio: bool = False
    ) -> DecodedVideo:
        """Decode ``path`` (see the port).

        ``on_progress`` is called at least every half second; what it raises ends the decoding.
        """
        return self._ask("decode", path, folder, on_progress, with_audio=with_audio).result()

    def extract_audio(self, path: Path, folder: Path, *, on_progress: Callable[[float], None]) -> Path | None:
        """Write the sound of ``path`` (see the port)."""
        answer = self._ask("extract_audio", path, folder, on_progress, with_audio=True)
        return folder / AUDIO if answer.heard_s else None

    def examine(self, folder: Path) -> dict[str, bool]:
        """Return what the decoder's process was refused when it tried: network, processes, files elsewhere."""
        return self._ask("examine", folder, folder, lambda _: None, with_audio=False).confined or {}

    def _ask(
        self, job: str, path: Path, folder: Path, on_progress: Callable[[float], None], *, with_audio: bool
    ) -> Answer:
        request = {
            "job": job,
            "path": wire.path_to_text(path.absolute()),
            "folder": wire.path_to_text(folder.absolute()),
            "rules": asdict(self._rules),
            "with_audio": with_audio,
            "timeout_s": self._timeout_s,
            "max_memory_bytes": self._max_memory_bytes,
        }
        answer = Answer(folder, max_scenes=self._rules.max_scenes)
        with _child(self._command) as process:
            _send(process, wire.encode(request))
            self._listen(process, answer, on_progress)
            if answer.rejected is not None:
                raise answer.rejected
            if not answer.is_complete:
                raise _why_it_ended(process.wait())
        return answer

    def _listen(self, process: subprocess.Popen[bytes], answer: Answer, on_progress: Callable[[float], None]) -> None:
        """Read until the answer is whole or the child has closed its output."""
        assert process.stdout is not None  # noqa: S101
        began = heard = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not answer.is_over:
                now = time.monotonic()
                if now - heard > self._stall_s:
                    raise MediaRejected(Reason.DECODER_TIMEOUT, f"no sign of life for {self._stall_s:g} s")
                limit_s = self._timeout_s + min(answer.length_s, self._rules.max_duration_s)
                left_s = began + limit_s - now
                if left_s <= 0:
                    raise MediaRejected(Reason.DECODER_TIMEOUT, f"no end after {limit_s:g} s")
                if selector.select(min(left_s, _HEARTBEAT_S)):
                    received = os.read(process.stdout.fileno(), 1 << 16)
                    if not received:
                        return
                    answer.take(received)
                    heard = time.monotonic()
                on_progress(answer.progress)


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
