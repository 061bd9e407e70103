"""The process that decodes one file: ``python -m heimdex.media.child``, one request in, messages out.

Limits are set, and the network and other processes given up, before anything of FFmpeg is loaded;
writing elsewhere is given up before the file is opened. The process ends when the one that started
it ends: its standard input closes, and a thread waits for that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from heimdex.media import confine, wire

_FILES = 64
_LARGEST_WRITE_BYTES = 64 << 20
#: of sound: `heimdex.media.sound.BYTES_PER_S`, without loading it
_SOUND_BYTES_PER_S = 32_000
_EXIT_ORPHANED = 3


def main() -> NoReturn:
    """Read a request from standard input, decode, write messages to standard output."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints does not corrupt the messages
    request = _read_request()
    _limit(request)
    if not confine.refuse_calls():
        confine.leave_network()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        _answer(request, lambda message: _write(out, wire.encode(message)))
    os._exit(0)  # at once: FFmpeg's threads and the waiting one are not worth joining


def _answer(request: wire.Message, send: Callable[[wire.Message], None]) -> None:
    """Send progress, then the result or the reason that there is none."""
    from heimdex.domain.errors import MediaRejected
    from heimdex.domain.media import Reason

    try:
        _JOBS[request["job"]](request, send)
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
    from heimdex.ingest import record
    from heimdex.media.decode import decode_video
    from heimdex.media.rules import DecodeRules

    decoded = decode_video(
        wire.text_to_path(request["path"]),
        _folder(request),
        DecodeRules(**request["rules"]),
        on_progress=lambda fraction: send({"progress": fraction}),
        on_length=lambda seconds: send({"length_s": seconds}),
        with_audio=request["with_audio"],
    )
    send({"facts": record.facts_to_json(decoded.facts)})
    for scene in decoded.scenes:
        send({"scene": record.scene_to_json(scene)})
    for segment in decoded.segments:
        send({"segment": record.segment_to_json(segment)})
    for description in decoded.descriptions:
        send({"description": record.segment_to_json(description)})
    send({"files": record.files_to_json(decoded)})
    send({"done": [len(decoded.scenes), len(decoded.segments)]})


def _extract_audio(request: wire.Message, send: Callable[[wire.Message], None]) -> None:
    from heimdex.media.rules import AUDIO
    from heimdex.media.sound import extract

    path, into = wire.text_to_path(request["path"]), _folder(request) / AUDIO
    seconds = extract(
        path, into, max_duration_s=request["rules"]["max_duration_s"],
        on_progress=lambda fraction: send({"progress": fraction}),
    )  # fmt: skip
    send({"heard_s": seconds})


def _examine(request: wire.Message, send: Callable[[wire.Message], None]) -> None:
    folder = _folder(request)
    send({"confined": confine.examine(folder.with_name(folder.name + ".outside"))})


def _folder(request: wire.Message) -> Path:
    """Return the folder that may be written to; from here on it is the only one."""
    import av.logging

    av.logging.set_level(av.logging.PANIC)
    folder = wire.text_to_path(request["folder"])
    confine.write_only_in(folder)
    return folder


_JOBS = {"decode": _decode, "extract_audio": _extract_audio, "examine": _examine}


def _read_request() -> wire.Message:
    frames = wire.Frames()
    while received := os.read(0, 65536):
        if messages := frames.push(received):
            return messages[0]
    os._exit(_EXIT_ORPHANED)


def _limit(request: wire.Message) -> None:
    """Bound what a hostile file can take; platforms without a limit go without it."""
    try:
        import resource
    except ImportError:
        return
    longest_s = float(request["rules"]["max_duration_s"])
    sound_bytes = int(longest_s * _SOUND_BYTES_PER_S) if request["with_audio"] else 0
    wanted: list[tuple[str, int]] = [
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", _FILES),
        ("RLIMIT_FSIZE", _LARGEST_WRITE_BYTES + sound_bytes),
        # the other process watches the clock; this is for when it is gone
        ("RLIMIT_CPU", int((float(request["timeout_s"]) + longest_s) * (os.cpu_count() or 1)) + 1),
        ("RLIMIT_AS", int(request["max_memory_bytes"])),
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
