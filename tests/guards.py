"""Take the guards of `guards.toml` away, one at a time, and see a test fail for each.

    python -m tests.guards                 all of them: some minutes
    python -m tests.guards nonce signed    those whose name has one of the words

Works on a copy in a temporary folder; the checkout is not touched. Exit code 1 when a guard may go
unnoticed, or when its tests fail with it in place.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("guards.toml")
#: a guard against waiting makes its tests wait when it is gone: that is a failure too
_TIMEOUT_S = 180
_LAST_WORDS_S = 30
_COPIED = ("src", "tests", "benchmarks", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Guard:
    """One guard: where it stands, what stands there without it, and which tests must notice."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]

    def found(self, root: Path = ROOT) -> int:
        """Return how often its text stands in its file."""
        return (root / self.file).read_text(encoding="utf-8").count(self.text)


def read_guards() -> list[Guard]:
    """Return the table."""
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))["guard"]
    return [Guard(**(entry | {"tests": tuple(entry["tests"])})) for entry in entries]


def passes(root: Path, tests: Sequence[str], *, timeout_s: float | None = _TIMEOUT_S) -> bool:
    """Run tests on the copy in ``root``; those that do not end do not pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            said, _ = running.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)  # so that it stops the database that it started
            try:
                running.communicate(timeout=_LAST_WORDS_S)
            except subprocess.TimeoutExpired:
                running.kill()
            return False
    if running.returncode not in (0, 1):
        raise SystemExit(f"pytest ended with {running.returncode}, running {' '.join(tests)}:\n{said}")
    return running.returncode == 0


def is_noticed(root: Path, guard: Guard) -> bool:
    """Say whether a test fails in the copy without the guard."""
    file = root / guard.file
    whole = file.read_text(encoding="utf-8")
    try:
        file.write_text(whole.replace(guard.text, guard.without), encoding="utf-8")
        return any(not passes(root, [tests]) for tests in guard.tests)
    finally:
        file.write_text(whole, encoding="utf-8")


def main(words: Sequence[str]) -> int:
    guards = [guard for guard in read_guards() if not words or any(word in guard.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="heimdex-guards-") as folder:
        root = Path(folder)
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name)
            else:
                shutil.copy2(ROOT / name, root / name)
        suites = sorted({tests for guard in guards for tests in guard.tests})
        if not passes(root, suites, timeout_s=None):
            print("the tests fail with every guard in place")
            return 1
        unnoticed = []
        for guard in guards:
            started = time.monotonic()
            noticed = is_noticed(root, guard)
            took_s = time.monotonic() - started
            print(f"{'noticed  ' if noticed else 'UNNOTICED'} {took_s:5.1f} s  {guard.name}", flush=True)
            if not noticed:
                unnoticed.append(guard.name)
    print(f"{len(guards) - len(unnoticed)} of {len(guards)} guards are noticed when they are gone")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
