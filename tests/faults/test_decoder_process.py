"""The decoder's process dies, hangs, lies or eats memory: its file is rejected with a reason, and no other."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from heimdex.domain.errors import MediaRejected
from heimdex.domain.media import Reason
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.testing.clips import Shot, picture, play, write_clip

RULES = DecodeRules(
    min_scene_s=1.0, max_scene_s=30.0, keyframes_per_scene=3, thumbnail_px=160,
    max_duration_s=3600, max_frame_px=1 << 26, max_scenes=1000, threads=1,
)  # fmt: skip


def decoder(script: str | None = None, *, timeout_s: float = 60, max_memory_bytes: int = 2 << 30) -> IsolatedDecoder:
    if script is None:
        return IsolatedDecoder(RULES, timeout_s=timeout_s, max_memory_bytes=max_memory_bytes)
    command = (sys.executable, "-c", script)
    return IsolatedDecoder(RULES, timeout_s=timeout_s, max_memory_bytes=max_memory_bytes, command=command)


def rejection(how: IsolatedDecoder, path: Path, tmp_path: Path) -> MediaRejected:
    with pytest.raises(MediaRejected) as caught:
        how.decode(path, tmp_path, on_progress=lambda _: None)
    assert children() == []
    return caught.value


def children() -> list[psutil.Process]:
    """Living processes below this one that the test at hand started: others may serve the whole session."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.pid not in _older and process.status() != psutil.STATUS_ZOMBIE
    ]


_older: set[int] = set()


@pytest.fixture(autouse=True)
def _remember_older_processes() -> None:
    _older.clear()
    _older.update(process.pid for process in psutil.Process().children(recursive=True))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shots = [Shot(picture(n, width=960, height=540), 4, pan_px=200) for n in range(3)]
    return write_clip(tmp_path_factory.mktemp("clips") / "long.mp4", play(shots))


def test_a_decoder_that_is_killed_is_a_crash(long_clip: Path, tmp_path: Path) -> None:
    def kill() -> None:
        while not (found := children()):
            time.sleep(0.01)
        os.kill(found[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    rejected = rejection(decoder(), long_clip, tmp_path)
    killer.join()

    assert rejected.reason is Reason.DECODER_CRASH
    assert "signal 9" in rejected.detail


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("raise SystemExit(7)", "status 7"),
        ("print('Segmentation fault')", "nonsense"),
        (r"import sys; sys.stdout.buffer.write(b'\0\0\0\x12{\"done\": [0, 0]}  ')", "nonsense"),
        (r"import sys; sys.stdout.buffer.write(b'\xff\xff\xff\xff')", "nonsense"),
    ],
)
def test_a_decoder_that_dies_or_lies_is_a_crash(tmp_path: Path, script: str, detail: str) -> None:
    rejected = rejection(decoder(script), tmp_path / "x.mp4", tmp_path)

    assert rejected.reason is Reason.DECODER_CRASH
    assert detail in rejected.detail


def test_a_decoder_that_hangs_is_ended(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

    assert rejection(decoder(script, timeout_s=1), tmp_path / "x.mp4", tmp_path).reason is Reason.DECODER_TIMEOUT


def test_what_a_decoder_started_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)  # heimdex'])"
    )

    rejection(decoder(script, timeout_s=1), tmp_path / "x.mp4", tmp_path)
    time.sleep(0.1)
    assert [p for p in psutil.process_iter(["cmdline"]) if "# heimdex" in " ".join(p.info["cmdline"] or [])] == []


def misbehaving(job: str) -> str:
    """Return a script that is the real child, limits and all, up to the moment at which it would decode."""
    return f"""
import ctypes, os, socket, sys, threading, time
import heimdex.media.child as c
def job(request, send):
    {job}
c._JOBS["decode"] = job
c.main()
"""


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("ctypes.string_at(0)", Reason.DECODER_CRASH),
        ("os.abort()", Reason.DECODER_CRASH),
        ("bytearray(1 << 30)", Reason.MEMORY),
        ("[bytearray(1 << 20) for _ in range(4096)]", Reason.MEMORY),
        ("time.sleep(600)", Reason.DECODER_TIMEOUT),
        ("while True: pass", Reason.DECODER_TIMEOUT),
        ("while True: send({'progress': 0.5})", Reason.DECODER_TIMEOUT),
        ("[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(4)]; time.sleep(600)",
         Reason.DECODER_TIMEOUT),
        ("while True: os.write(1, b'x' * 65536)", Reason.DECODER_TIMEOUT),
        ("while True: send({'segment': {'span': [0, 1], 'text': 'x' * 900_000, 'source': 'embedded',"
         " 'language': None}})", Reason.DECODER_CRASH),
        ("while True: send({'scene': {'span': [0, 1], 'keyframes': [[0, 1, 'a.jpg']]}})", Reason.DECODER_CRASH),
        ("send({'scene': {'span': [0, 1], 'keyframes': [[0, 1, '../../etc/passwd']]}})", Reason.DECODER_CRASH),
        ("send({'files': {'audio': '../x', 'sprites': None}})", Reason.DECODER_CRASH),
        ("send({'done': [0, 0]})", Reason.DECODER_CRASH),
        ("send({'heard_s': 1.0})", Reason.DECODER_CRASH),
        ("send({'what': 1})", Reason.DECODER_CRASH),
        ("open(request['folder'].encode('latin-1') + b'/big', 'wb').write(bytes(65 << 20))", Reason.DISK_FULL),
        ("[os.open('/dev/null', 0) for _ in range(100)]", Reason.NO_FRAMES),
    ],
)  # fmt: skip
def test_whatever_the_decoder_does_it_ends_with_a_reason(tmp_path: Path, job: str, reason: Reason) -> None:
    timeout_s = 1.5 if reason is Reason.DECODER_TIMEOUT else 60
    how = decoder(misbehaving(job), timeout_s=timeout_s, max_memory_bytes=512 << 20)

    assert rejection(how, tmp_path / "x.mp4", tmp_path).reason is reason


def test_silence_ends_long_before_the_time_for_the_whole_file(tmp_path: Path) -> None:
    command = (sys.executable, "-c", misbehaving("send({'progress': 0.1}); time.sleep(600)"))
    how = IsolatedDecoder(RULES, timeout_s=600, stall_s=1, max_memory_bytes=1 << 30, command=command)
    rejected = rejection(how, tmp_path / "x.mp4", tmp_path)

    assert rejected.reason is Reason.DECODER_TIMEOUT
    assert "sign of life" in rejected.detail


def test_a_long_video_may_take_longer(tmp_path: Path) -> None:
    slow = "send({'length_s': 5.0}); [(send({'progress': n / 8}), time.sleep(0.2)) for n in range(8)]; os._exit(7)"
    how = decoder(misbehaving(slow), timeout_s=1)

    assert "status 7" in rejection(how, tmp_path / "x.mp4", tmp_path).detail


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has something to refuse system calls with")


@linux
@pytest.mark.parametrize(
    "job",
    [
        "socket.create_connection(('127.0.0.1', {port}), 2).send(b'secret')",
        "socket.socket(socket.AF_UNIX).connect('/tmp/x')",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {{}})",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 9)",
        "c._folder(request); open({outside!r}, 'ab')",
        "c._folder(request); os.unlink({outside!r})",
        "c._folder(request); os.truncate({outside!r}, 0)",
        "c._folder(request); threading.Thread(target=open, args=({outside!r}, 'ab')).run()",
    ],
)
def test_the_decoder_cannot_do_what_decoding_does_not_need(tmp_path: Path, job: str) -> None:
    outside, inside = tmp_path / "video.mp4", tmp_path / "keyframes"
    outside.write_bytes(b"the only copy")
    inside.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        tried = job.format(port=server.getsockname()[1], outside=str(outside))
        attempt = f"""
    try:
        {tried}
    except OSError:
        os._exit(77)
    os._exit(66)
"""
        with pytest.raises(MediaRejected) as caught:
            decoder(misbehaving(attempt.strip())).decode(outside, inside, on_progress=lambda _: None)
        with pytest.raises(TimeoutError):
            server.accept()

    assert "status 77" in caught.value.detail
    assert outside.read_bytes() == b"the only copy"


@linux
def test_a_network_namespace_does_where_calls_cannot_be_refused(tmp_path: Path) -> None:
    script = "import heimdex.media.confine as f; f.refuse_calls = lambda: False\n" + (
        "import heimdex.media.child as c; c.main()"
    )
    if not decoder(script).examine(tmp_path)["network"]:
        pytest.skip("this machine does not let anyone leave its network")
    assert decoder(script).examine(tmp_path)["processes"] is False


@linux
def test_an_ordinary_user_is_confined_as_well(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to become somebody else")
    # everything is loaded before: the interpreter may lie where only root can read
    script = """
import os, resource, av.logging, heimdex.domain.errors, heimdex.domain.media, heimdex.media.child as c
os.setgroups([]); os.setgid(65534); os.setuid(65534)
c.main()
"""
    folder = tmp_path / "keyframes"
    folder.mkdir()
    for place in (folder, *folder.parents):
        if place.owner() == "root" and place.name.startswith(("keyframes", "test_an_ordinary", "pytest-")):
            place.chmod(0o777)

    assert decoder(script).examine(folder) == {"network": True, "processes": True, "files": True}


@linux
def test_the_decoder_says_truly_what_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keyframes"
    folder.mkdir()
    free = "import heimdex.media.confine as f; f.refuse_calls = f.leave_network = lambda: False\n" + (
        "f.write_only_in = lambda _: False; import heimdex.media.child as c; c.main()"
    )

    assert decoder().examine(folder) == {"network": True, "processes": True, "files": True}
    assert decoder(free).examine(folder) == {"network": False, "processes": False, "files": False}


def test_a_frame_that_does_not_fit_is_rejected(tmp_path: Path) -> None:
    huge = write_clip(tmp_path / "huge.mp4", [picture(1, width=7680, height=4320)] * 2)

    rejection(decoder(max_memory_bytes=256 << 20), huge, tmp_path)
    assert len(decoder().decode(huge, tmp_path, on_progress=lambda _: None).scenes) == 1


def test_no_secret_reaches_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/db")
    script = f"import os, pathlib; pathlib.Path({str(tmp_path / 'seen')!r}).write_text(repr(dict(os.environ)))"
    rejection(decoder(script), tmp_path / "x.mp4", tmp_path)

    assert "hunter2" not in (tmp_path / "seen").read_text()


def test_what_the_listener_raises_ends_the_decoding(long_clip: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        decoder().decode(long_clip, tmp_path, on_progress=stop)
    assert children() == []


def test_the_decoder_ends_when_the_process_that_started_it_is_killed(long_clip: Path, tmp_path: Path) -> None:
    stuck = "import heimdex.media.child as c; c._answer = lambda *_: c.threading.Event().wait(); c.main()"
    script = f"""
import sys
from pathlib import Path
from tests.faults.test_decoder_process import decoder
decoder({stuck!r}).decode(Path({str(long_clip)!r}), Path({str(tmp_path)!r}), on_progress=lambda _: None)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    while not (found := psutil.Process(parent.pid).children()):
        time.sleep(0.01)
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    gone, alive = psutil.wait_procs(found, timeout=20)

    assert alive == []
    assert len(gone) == 1
