"""``heimdex`` as a process of its own, the way a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TIMEOUT_S = 300
_PROGRAM = "from heimdex.cli.main import main; main()"
#: a busy machine must not turn answers into degraded ones
_PATIENT = {
    "CLIP_TEXT_EMBEDDING_TIMEOUT_S": "50",
    "HEIMDEX_SEARCH__CHANNEL_TIMEOUT_S": "50",
    "HEIMDEX_SEARCH__DEADLINE_S": "60",
}


@dataclass(frozen=True)
class CommandLine:
    """Commands on one data directory, untouched by the settings of whoever runs the tests."""

    data_dir: Path
    #: further environment variables
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEIMDEX_", "PORT"))}
        return kept | {"HEIMDEX_DATA_DIR": str(self.data_dir), "COLUMNS": "160"} | _PATIENT | self.extra

    def with_settings(self, **settings: str) -> CommandLine:
        """Return the same library under further environment variables."""
        return CommandLine(self.data_dir, self.extra | settings)

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-c", _PROGRAM, *map(str, arguments)]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command as the leader of a process group, so that it can be killed with its children."""
        return subprocess.Popen(
            self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(
        self, *arguments: str | Path, code: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; a traceback never passes.

        Args:
            code: the exit code that is due; None takes any.
        """
        ran = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, input=stdin,
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        if "Traceback" in ran.stderr or (code is not None and ran.returncode != code):
            raise AssertionError(f"exit code {ran.returncode}, {code} was due\n{ran.stdout}\n{ran.stderr}")
        return ran

    def json(self, *arguments: str | Path, code: int | None = 0) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)
