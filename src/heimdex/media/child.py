"""The process that decodes one file: ``python -m heimdex.media.child``, one request in, messages out.

Limits are set before anything of FFmpeg is loaded. The process ends when the one that started it
ends: its standard input closes, and a thread waits for that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from heimdex.media import wire

_FILES = 64
_LARGEST_WRITE_BYTES = 64 << 20
_EXIT_ORPHANED = 3


def main() -> NoReturn:
    """Read a request from standard input, decode, write messages to standard output."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints does not corrupt the messages
    request = _read_request()
    _limit(int(request["max_memory_bytes"]), float(request["timeout_s"]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        _answer(request, lambda message: _write(out, wire.encode(message)))
    os._exit(0)  # at once: FFmpeg's threads and the waiting one are not worth joining


def _answer(request: wire.Message, send: Callable[[wire.Message], None]) -> None:
    """Send progress, then the result or the reason that there is none."""
    from heimdex.domain.errors import MediaRejected
    from heimdex.domain.media import Reason

    try:
        _decode(request, send)
    except MediaRejected as rejected:
        send({"rejected": rejected.reason.value, "detail": rejected.detail})
    except MemoryError:
        send({"rejected": Reason.MEMORY.value, "detail": ""})
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        reason = Reason.DISK_FULL if full else Reason.NO_FRAMES
        # EAGAIN: no room for the stack of another thread
        reason = Reason.MEMORY if error.errno in {errno.ENOMEM, errno.EAGAIN} else reason
        send({"rejected": reason.value, "detail": error.strerror or ""})
    except Exception as error:
        send({"rejected": Reason.DECODER_CRASH.value, "detail": f"{type(error).__name__}: {error}"[:500]})


def _decode(request: wire.Message, send: Callable[[wire.Message], None]) -> None:
    import av.logging

    from heimdex.ingest import record
    from heimdex.media.decode import decode_video
    from heimdex.media.rules import DecodeRules

    av.logging.set_level(av.logging.PANIC)
    decoded = decode_video(
        wire.text_to_path(request["path"]),
        wire.text_to_path(request["keyframes"]),
        DecodeRules(**request["rules"]),
        on_progress=lambda fraction: send({"progress": fraction}),
    )
    send({"facts": record.facts_to_json(decoded.facts)})
    for scene in decoded.scenes:
        send({"scene": record.scene_to_json(scene)})
    for segment in decoded.segments:
        send({"segment": record.segment_to_json(segment)})
    send({"done": [len(decoded.scenes), len(decoded.segments)]})


def _read_request() -> wire.Message:
    frames = wire.Frames()
    while received := os.read(0, 65536):
        if messages := frames.push(received):
            return messages[0]
    os._exit(_EXIT_ORPHANED)


def _limit(memory_bytes: int, timeout_s: float) -> None:
    """Bound what a hostile file can take; platforms without a limit go without it."""
    try:
        import resource
    except ImportError:
        return
    cpu_s = int(timeout_s * (os.cpu_count() or 1)) + 1
    wanted: list[tuple[str, int]] = [
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", _FILES),
        ("RLIMIT_FSIZE", _LARGEST_WRITE_BYTES),
        ("RLIMIT_CPU", cpu_s),
        ("RLIMIT_AS", memory_bytes),
    ]
    for name, most in wanted:
        kind: Any = getattr(resource, name, None)
        if kind is not None:
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.getrlimit(kind)
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(kind, (most, most))


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(_EXIT_ORPHANED)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main())
