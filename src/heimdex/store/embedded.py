"""PostgreSQL inside the data directory: started on demand, shared by processes, recovered after crashes.

Files in the data directory:

- ``postgres/``: the cluster (PGDATA) with its log, ``server.log``;
- ``postgres.lock``: held while a process starts or stops the server, so that two never do at once;
- ``postgres.users``: held (shared) by every process that uses the server;
- ``postgres.running``: held by the server processes themselves, who inherit it from the launcher.
  A free lock proves that no server lives, whatever ``postmaster.pid`` says; a taken one proves that
  one does, even in another container on the same volume.

When the server stops: short commands leave it running, so that the next one starts at once; a
process that asks for it (``release(stop_if_last=True)``, as the web server does) stops it when
nobody else holds ``postgres.users``; `heimdex db stop` stops it always. The kernel drops the locks
of a process that is killed, so no lease outlives its holder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import psutil
import psycopg
from psycopg import errors, sql

from heimdex import filelock
from heimdex.domain.errors import StoreUnavailable
from heimdex.filelock import FileLock
from heimdex.store.binaries import MAJOR, Programs, find_programs
from heimdex.store.postmaster import (
    DATABASE,
    SUPERUSER,
    Answer,
    ask,
    end_servers,
    recorded_socket_folder,
    server_pids,
    url_of,
)
from heimdex.store.startlog import explain_failure

#: a Unix socket path has 107 bytes on Linux and 103 on macOS; the file name takes 14
_SOCKET_FOLDER_BYTES = 80
#: one call for the file system, where fsync of each file takes seconds
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
_LOG_BYTES = 10 << 20
#: after this long without an answer a server that should listen is taken for a wreck
_WRECK_S = 10.0


class EmbeddedPostgres:
    """One cluster in ``data_dir``. Safe to use from several threads and processes."""

    def __init__(self, data_dir: Path, *, start_timeout_s: float = 600.0, durable: bool = True) -> None:
        """
        Args:
            data_dir: made when missing.
            start_timeout_s: patience with a server that recovers from a crash, in seconds.
            durable: False gives up safety against power loss, not against crashes; for tests only.
        """
        self._data_dir = data_dir.absolute()
        self._pgdata = self._data_dir / "postgres"
        self._start_timeout_s = start_timeout_s
        self._durable = durable
        self._lease = FileLock(self._data_dir / "postgres.users")
        self._running = self._data_dir / "postgres.running"

    @property
    def pgdata(self) -> Path:
        return self._pgdata

    def start(self) -> str:
        """Make sure that the server answers and return its URL; cheap when it runs already.

        Raises:
            StoreUnavailable: it cannot start; the message says why and the remedy what to do.
        """
        if not filelock.SUPPORTED:
            raise StoreUnavailable(
                "Embedded PostgreSQL does not run on this platform.",
                remedy="Set DATABASE_URL to a PostgreSQL with pgvector.",
            )
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            if not self._lease.held:
                self._lease.acquire(shared=True, timeout_s=self._start_timeout_s)
            if ask(self._socket_folder()) is not Answer.READY:
                with _exclusive(self._data_dir / "postgres.lock", timeout_s=self._start_timeout_s):
                    self._bring_up()
            return url_of(self._socket_folder())
        except OSError as error:
            raise _explain(error, self._data_dir) from error

    def stop(self) -> bool:
        """Stop the server, whoever uses it; return whether one was running."""
        if not self._pgdata.exists():
            return False
        with _exclusive(self._data_dir / "postgres.lock", timeout_s=self._start_timeout_s):
            was_running = bool(server_pids(self._pgdata))
            if not self._shut_down():
                raise StoreUnavailable("The database does not stop.", remedy=f"End the processes of {self._pgdata}.")
            return was_running

    def release(self, *, stop_if_last: bool) -> None:
        """Note that this process is done with the server; stop it if asked and nobody else uses it."""
        if stop_if_last and self._lease.held and self._data_dir.exists():  # it may have been removed meanwhile
            with _exclusive(self._data_dir / "postgres.lock", timeout_s=self._start_timeout_s):
                if self._lease.acquire():
                    self._shut_down()
        self._lease.close()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release(stop_if_last=True)

    def _bring_up(self) -> None:
        """Start the server, or wait for the one that is starting; called under the lock."""
        programs: Programs | None = None
        log_start = 0
        deadline = time.monotonic() + self._start_timeout_s
        silent_since = time.monotonic()
        pause_s = 0.02
        while (answer := ask(self._socket_folder())) is not Answer.READY:
            now = time.monotonic()
            if now > deadline:
                raise explain_failure(self._log_tail(log_start), f"not ready after {self._start_timeout_s:.0f} s")
            if answer is Answer.WAIT:
                silent_since = now
            elif self._no_server_lives():
                if programs is not None:  # it was launched and is gone again
                    raise explain_failure(self._log_tail(log_start), "it ended while starting")
                programs = self._prepare()
                log_start = self._trim_log()
                self._launch(programs)
                silent_since = time.monotonic()
            elif now - silent_since > _WRECK_S:  # orphans of a killed server, or one whose socket was removed
                self._clear_wreck()
                silent_since = time.monotonic()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.5)
        self._create_database()

    def _no_server_lives(self) -> bool:
        lock = FileLock(self._running)
        free = lock.acquire()
        lock.close()
        return free

    def _prepare(self) -> Programs:
        """Return the programs, with a cluster to run them on."""
        programs = find_programs(self._pgdata)
        if not self._pgdata.exists():
            self._initialise(programs)
        version = (self._pgdata / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise StoreUnavailable(
                f"{self._pgdata} was made by PostgreSQL {version}; this version runs {MAJOR}.",
                remedy="Restore a backup into an empty data directory, or use the heimdex that made it.",
            )
        owner = self._pgdata.stat().st_uid
        if programs.account is None and owner != os.geteuid():
            raise StoreUnavailable(
                f"{self._pgdata} belongs to another user (uid {owner}).",
                remedy="Run heimdex as that user, or choose another HEIMDEX_DATA_DIR.",
            )
        self._write_configuration(programs)
        # nobody lives here (postgres.running is free), so files that name a process can only be stale;
        # PostgreSQL would believe them as long as any process, even a dead one not yet reaped, has that pid
        for stale in (self._pgdata / "postmaster.pid", *self._default_socket_folder().glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        return programs

    def _initialise(self, programs: Programs) -> None:
        staged = self._data_dir / "postgres.new"
        shutil.rmtree(staged, ignore_errors=True)  # of an interrupted attempt
        staged.mkdir(mode=0o700)
        programs.give(staged)
        options = ["--auth=trust", "--data-checksums", "--encoding=UTF8", f"--username={SUPERUSER}"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = [f"--sync-method={_SYNC_METHOD}"] if self._durable else ["--no-sync"]
        done = programs.run(
            "initdb", ["-D", programs.data_argument(staged), *options, *locale, *sync, "--no-instructions"],
            pgdata=staged, timeout_s=self._start_timeout_s,
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(staged, ignore_errors=True)
            raise explain_failure(done.stdout.decode(errors="replace"), "its files could not be created")
        staged.rename(self._pgdata)

    def _write_configuration(self, programs: Programs) -> None:
        folder = self._default_socket_folder()
        _make_private(folder, programs)
        staged = self._pgdata / "postgresql.conf.new"
        staged.write_text(configuration(folder, psutil.virtual_memory().total, durable=self._durable), encoding="utf-8")
        programs.give(staged)
        staged.replace(self._pgdata / "postgresql.conf")

    def _launch(self, programs: Programs) -> None:
        data = programs.data_argument(self._pgdata)
        running = FileLock(self._running)
        if not running.acquire():
            return  # somebody else was faster
        try:
            done = programs.run(
                "pg_ctl", ["start", "--no-wait", "--silent", "-D", data, "-l", f"{data}/server.log"],
                pgdata=self._pgdata, timeout_s=60, keep_open=[running.fileno()],
            )  # fmt: skip
        finally:
            running.close()
        if done.returncode != 0:
            raise explain_failure(done.stdout.decode(errors="replace"), "pg_ctl failed")

    def _create_database(self) -> None:
        with psycopg.connect(url_of(self._socket_folder(), "postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                with suppress(errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _shut_down(self) -> bool:
        ended = end_servers(self._pgdata, patience_s=30)
        if ended:
            with suppress(OSError):
                self._default_socket_folder().rmdir()
        return ended

    def _clear_wreck(self) -> None:
        if not server_pids(self._pgdata) or not end_servers(self._pgdata):
            raise StoreUnavailable(
                f"A database server holds {self._pgdata}, but does not answer and cannot be seen from here.",
                remedy="Stop the other container or user that uses this data directory.",
            )

    def _default_socket_folder(self) -> Path:
        # one for each account: what a cluster of another user left there for the same path is not ours to take
        owner = self._pgdata.stat().st_uid if self._pgdata.exists() else os.geteuid()
        name = f"heimdex-{hashlib.sha256(os.fsencode(self._pgdata) + b'%d' % owner).hexdigest()[:16]}"
        folder = Path(tempfile.gettempdir()).absolute() / name
        return folder if len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES else Path("/tmp") / name  # noqa: S108

    def _socket_folder(self) -> Path:
        """Return where the server listens: it says so itself, because its TMPDIR may differ from ours."""
        return recorded_socket_folder(self._pgdata) or self._default_socket_folder()

    def _trim_log(self) -> int:
        log = self._pgdata / "server.log"
        size = log.stat().st_size if log.exists() else 0
        if size > _LOG_BYTES:
            os.truncate(log, 0)
            return 0
        return size

    def _log_tail(self, start: int) -> str:
        try:
            return (self._pgdata / "server.log").read_bytes()[start:][-4096:].decode(errors="replace")
        except OSError:
            return ""


def configuration(socket_folder: Path, memory_bytes: int, *, durable: bool = True) -> str:
    """Return the text of postgresql.conf: modest on a laptop, durable, silent about what people search."""
    shared_mb = max(32, min(256, memory_bytes // 16 >> 20))
    safe = "on" if durable else "off"
    quoted = str(socket_folder).replace("'", "''").replace("\\", "\\\\")
    return f"""\
# Written by heimdex at every start; put your own settings in local.conf beside this file.
listen_addresses = ''
unix_socket_directories = '{quoted}'
unix_socket_permissions = 0700
cluster_name = 'heimdex'
max_connections = 100
shared_buffers = {shared_mb}MB
work_mem = 16MB
maintenance_work_mem = 128MB
effective_cache_size = {max(128, memory_bytes // 4 >> 20)}MB
random_page_cost = 1.1
jit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
checkpoint_timeout = 15min
fsync = {safe}
full_page_writes = {safe}
synchronous_commit = on
recovery_init_sync_method = {_SYNC_METHOD}
idle_in_transaction_session_timeout = 10min
log_checkpoints = off
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C'
include_if_exists = 'local.conf'
"""


def _make_private(folder: Path, programs: Programs) -> None:
    """Make ``folder`` a directory that only the server's account and root may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.geteuid() if programs.account is None else programs.account.uid
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner}:
        raise StoreUnavailable(
            f"{folder} is not ours: somebody else made it.", remedy="Remove it, or set TMPDIR to a private folder."
        )
    folder.chmod(0o700)
    programs.give(folder)


def _explain(error: OSError, data_dir: Path) -> StoreUnavailable:
    return StoreUnavailable(
        f"The database in {data_dir} cannot be used: {error.strerror or error}.",
        remedy="Check that the folder is writable and the disk has space, or choose another HEIMDEX_DATA_DIR.",
    )


@contextmanager
def _exclusive(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock on ``path`` for the block. Raises StoreUnavailable when others keep it too long."""
    lock = FileLock(path)
    if not lock.acquire(timeout_s=timeout_s):
        raise StoreUnavailable(
            f"Another process has been starting the database for {timeout_s:.0f} s.",
            remedy=f"Wait for it, or end it; the lock is {path}.",
        )
    try:
        yield
    finally:
        lock.close()
