"""Run every benchmark that needs nothing but this checkout, one after the other.

.venv/bin/python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def main() -> int:
    """Return 0 when all of them ran."""
    commands = [["benchmarks.ingest"], ["benchmarks.quality"]]
    if SHARED_DATA.is_dir():  # labelled queries that do not ship with the product
        commands.append(["benchmarks.router"])
    codes = []
    for command in commands:
        print(f"\n== python -m {' '.join(command)}", flush=True)
        codes.append(subprocess.run([sys.executable, "-m", *command], check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
