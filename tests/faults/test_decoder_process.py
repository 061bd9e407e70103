"""The decoder's process dies, hangs, lies or eats memory: its file is rejected with a reason, and no other."""

from __future__ import annotations

import os
import signal
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
    shots = [Shot(picture(n, width=1280, height=720), 3, grain=4) for n in range(3)]
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


def test_memory_is_bounded(tmp_path: Path) -> None:
    greedy = "import heimdex.media.child as c; c._decode = lambda *_: bytearray(1 << 30); c.main()"

    assert rejection(decoder(greedy, max_memory_bytes=512 << 20), tmp_path / "x.mp4", tmp_path).reason is Reason.MEMORY


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
