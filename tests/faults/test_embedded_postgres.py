"""What befalls a database that nobody administers: crashes, reused pids, odd paths, root, full disks.

Every test has a cluster of its own and does to it what it names, for real.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.query import Channel, SearchFilter
from heimdex.store import EmbeddedPostgres, binaries, embedded, open_store
from heimdex.store.binaries import find_programs
from heimdex.store.postmaster import recorded_pid, recorded_socket_folder, server_pids
from heimdex.testing.library import VISUAL_MODEL, axis, made_up_video

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
_START = "import sys; from pathlib import Path; from heimdex.store import EmbeddedPostgres; "
_START += "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False); server.start(); "


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    for cluster in tmp_path.rglob("PG_VERSION"):
        if cluster.parent.parent.name not in {"base", "pg_tblspc"}:
            EmbeddedPostgres(cluster.parent.parent).stop()


@pytest.fixture
def server(data_dir: Path) -> EmbeddedPostgres:
    """A running server with one row."""
    server = EmbeddedPostgres(data_dir, durable=False)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (1)")
    return server


def rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        return row[0] if row else -1


def postmaster(server: EmbeddedPostgres) -> int:
    pid = recorded_pid(server.pgdata)
    assert pid is not None
    return pid


def kill_postmaster(server: EmbeddedPostgres) -> None:
    os.kill(postmaster(server), signal.SIGKILL)


@contextmanager
def bystander_of(server: EmbeddedPostgres) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the same user as the server, so that the server could take it for another server."""
    owner = server.pgdata.stat()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid) as process:
        try:
            yield process
        finally:
            process.kill()


def give(server: EmbeddedPostgres, path: Path) -> None:
    find_programs(server.pgdata).give(path)


def test_a_running_server_is_shared_not_started_again(server: EmbeddedPostgres, data_dir: Path) -> None:
    pid = postmaster(server)

    assert rows(EmbeddedPostgres(data_dir).start()) == 1
    assert postmaster(server) == pid


@pytest.mark.parametrize("content", ["reused", "dead", "", "not a pid\n"])
def test_a_stale_pid_file_does_not_keep_it_from_starting(server: EmbeddedPostgres, content: str) -> None:
    lines = (server.pgdata / "postmaster.pid").read_text().splitlines(keepends=True)
    server.stop()
    with bystander_of(server) as bystander:
        pid = {"reused": bystander.pid, "dead": 2**22 - 1}.get(content)
        stale = content if pid is None else "".join([f"{pid}\n", *lines[1:]])
        (server.pgdata / "postmaster.pid").write_text(stale)
        give(server, server.pgdata / "postmaster.pid")

        assert rows(server.start()) == 1
        assert bystander.poll() is None


def test_a_stale_pid_file_is_not_taken_for_a_server_to_stop(server: EmbeddedPostgres) -> None:
    server.stop()
    with bystander_of(server) as bystander:
        (server.pgdata / "postmaster.pid").write_text(f"{bystander.pid}\n{server.pgdata}\n")

        assert server.stop() is False
        assert bystander.poll() is None


def test_a_killed_server_comes_back_with_what_was_committed(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        for number in range(50):
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        kill_postmaster(server)

    assert rows(server.start()) == 50


def test_it_comes_back_twenty_times(server: EmbeddedPostgres) -> None:
    for _ in range(20):
        kill_postmaster(server)
        assert rows(server.start()) == 1


def test_orphans_of_a_killed_server_are_ended(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_WRECK_S", 1.0)
    busy = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, psycopg; c = psycopg.connect(sys.argv[1]);"
            "c.execute('SET max_parallel_workers_per_gather = 0');"
            "c.execute('SELECT sum(sqrt(a * b)) FROM generate_series(1, 100000) a, generate_series(1, 100000) b')",
            server.start(),
        ],
        stderr=subprocess.DEVNULL,
    )
    while not any("SELECT" in " ".join(psutil.Process(pid).cmdline()) for pid in server_pids(server.pgdata)):
        time.sleep(0.05)
    kill_postmaster(server)

    assert rows(server.start()) == 1
    busy.wait()


def test_a_server_whose_socket_was_removed_is_replaced(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_WRECK_S", 1.0)
    pid = postmaster(server)
    folder = recorded_socket_folder(server.pgdata)
    assert folder is not None
    shutil.rmtree(folder)

    assert rows(server.start()) == 1
    assert postmaster(server) != pid


def test_a_slow_recovery_is_waited_for(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that answers nobody behaves like a recovery without end; promoting it ends the recovery."""
    monkeypatch.setattr(embedded, "_WRECK_S", 0.5)
    local = server.pgdata / "local.conf"
    local.write_text("wal_level = replica\nhot_standby = off\n")
    give(server, local)
    server.stop()
    server.start()
    server.stop()
    standby = server.pgdata / "standby.signal"
    standby.touch()
    give(server, standby)
    url: list[str] = []
    starting = threading.Thread(target=lambda: url.append(server.start()))
    starting.start()
    starting.join(timeout=4)
    assert starting.is_alive()
    pid = postmaster(server)

    promote = server.pgdata / "promote"
    promote.touch()
    give(server, promote)
    os.kill(pid, signal.SIGUSR1)
    starting.join(timeout=60)

    assert rows(url[0]) == 1
    assert postmaster(server) == pid


def test_patience_ends_with_a_reason(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.stop()
    local = server.pgdata / "local.conf"
    local.write_text("wal_level = replica\nhot_standby = off\n")
    standby = server.pgdata / "standby.signal"
    standby.touch()
    for path in (local, standby):
        give(server, path)

    with pytest.raises(StoreUnavailable, match="did not start"):
        EmbeddedPostgres(data_dir, start_timeout_s=2).start()


def test_processes_that_start_at_once_share_one_server(data_dir: Path) -> None:
    program = _START + "from heimdex.store.postmaster import recorded_pid; print(recorded_pid(server.pgdata))"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(data_dir)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    pids = {process.communicate()[0].strip() for process in started}

    assert len(pids) == 1
    assert pids != {b"None"}
    assert [process.returncode for process in started] == [0] * 4


def test_a_path_with_spaces_and_korean_letters_longer_than_a_socket_may_be(tmp_path: Path, data_dir: Path) -> None:
    folder = data_dir / "내 비디오 자료" / ("long name " * 12).strip() / 'it\'s "quoted" \\'
    server = EmbeddedPostgres(folder, durable=False)

    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT lower('ÀÉ') || '자동차'").fetchone() == ("àé자동차",)
    kill_postmaster(server)
    server.start()


def test_a_temporary_folder_too_long_for_a_socket_is_avoided(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 100)

    assert EmbeddedPostgres(data_dir, durable=False).start()


def test_a_process_with_another_temporary_folder_finds_the_server(
    server: EmbeddedPostgres, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = postmaster(server)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert rows(EmbeddedPostgres(data_dir).start()) == 1
    assert postmaster(server) == pid


def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    assert EmbeddedPostgres(data_dir, durable=False).start()


def test_a_cluster_of_another_version_is_left_alone(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.pgdata / "PG_VERSION").write_text("16\n")

    with pytest.raises(StoreUnavailable, match="made by PostgreSQL 16"):
        server.start()
    (server.pgdata / "PG_VERSION").write_text("18\n")


def test_a_data_directory_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(StoreUnavailable) as caught:
        EmbeddedPostgres(path).start()
    assert "HEIMDEX_DATA_DIR" in caught.value.remedy


def test_only_the_last_user_stops_the_server(server: EmbeddedPostgres, data_dir: Path) -> None:
    other = EmbeddedPostgres(data_dir)
    other.start()
    server.release(stop_if_last=True)
    assert server_pids(server.pgdata)

    other.release(stop_if_last=True)
    assert server_pids(server.pgdata) == []


def test_a_killed_user_does_not_keep_the_server_running(server: EmbeddedPostgres, data_dir: Path) -> None:
    program = _START + "print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        user.stdout.readline()
        user.kill()
        user.wait()

    server.release(stop_if_last=True)
    assert server_pids(server.pgdata) == []


def test_a_data_directory_removed_while_in_use_does_not_spoil_the_end(server: EmbeddedPostgres, data_dir: Path) -> None:
    pids = server_pids(server.pgdata)
    shutil.rmtree(data_dir)

    server.release(stop_if_last=True)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_short_commands_leave_it_running(server: EmbeddedPostgres) -> None:
    server.release(stop_if_last=False)

    assert server_pids(server.pgdata)


def test_nothing_listens_on_the_network(server: EmbeddedPostgres) -> None:
    process = psutil.Process(postmaster(server))

    assert [place for place in process.net_connections("inet") if place.status == psutil.CONN_LISTEN] == []


def test_only_the_owner_may_enter_the_socket_folder(server: EmbeddedPostgres) -> None:
    folder = recorded_socket_folder(server.pgdata)
    assert folder is not None

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_searched_words_do_not_reach_the_log(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.start()) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 'canary-word' || %s, 1 / 0", ["canary-parameter"])

    assert "canary" not in (server.pgdata / "server.log").read_text()


@as_root
def test_as_root_it_runs_as_somebody_else_and_opens_no_folder(tmp_path: Path, data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(parents=True, mode=0o700)
    before = {folder: folder.stat().st_mode for folder in (closed, *closed.parents)}
    server = EmbeddedPostgres(closed / "library", durable=False)
    server.start()

    assert psutil.Process(postmaster(server)).uids().real != 0
    assert {folder: folder.stat().st_mode for folder in before} == before


@as_root
def test_as_root_programs_out_of_reach_are_copied(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = binaries._wheel_folder()
    binaries._copy(wheel.parents[1], closed / "site-packages")
    out_of_reach = closed / "site-packages" / wheel.relative_to(wheel.parents[2])
    monkeypatch.setattr(binaries, "_wheel_folder", lambda: out_of_reach)
    programs = find_programs(data_dir / "postgres")
    try:
        assert not programs.folder.is_relative_to(closed)
        assert EmbeddedPostgres(data_dir, durable=False).start()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        EmbeddedPostgres(data_dir).stop()
        shutil.rmtree(programs.folder.parents[2])


@as_root
def test_a_socket_folder_that_somebody_else_made_is_refused(server: EmbeddedPostgres) -> None:
    folder = recorded_socket_folder(server.pgdata)
    assert folder is not None
    server.stop()
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    try:
        with pytest.raises(StoreUnavailable, match="not ours"):
            server.start()
    finally:
        folder.rmdir()


def test_a_stopped_server_leaves_no_socket_folder(server: EmbeddedPostgres) -> None:
    folder = recorded_socket_folder(server.pgdata)
    assert folder is not None
    assert folder.exists()
    server.stop()

    assert not folder.exists()


@as_root
def test_what_another_account_left_for_the_same_path_is_not_in_the_way(server: EmbeddedPostgres) -> None:
    left = recorded_socket_folder(server.pgdata)
    assert left is not None
    server.stop()
    left.mkdir()
    os.chown(left, 12345, 12345)
    for file in [server.pgdata, *server.pgdata.rglob("*")]:
        os.chown(file, 65534, 65534)  # the cluster of an ordinary user
    try:
        assert rows(server.start()) == 1
    finally:
        left.rmdir()


@as_root
def test_a_full_disk_is_named_and_freeing_it_is_enough(tmp_path: Path, data_dir: Path) -> None:
    data_dir.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", data_dir], check=False)
    if mounted.returncode != 0:
        pytest.skip("may not mount a small disk")
    try:
        server = EmbeddedPostgres(data_dir, durable=False)
        with pytest.raises(StoreUnavailable, match="No space left") as caught:
            server.start()
        assert "Free some space" in caught.value.remedy

        subprocess.run(["mount", "-o", "remount,size=300m", data_dir], check=True)
        assert server.start()
        server.stop()
        server.release(stop_if_last=False)
    finally:
        subprocess.run(["umount", "-l", data_dir], check=True)


async def test_a_store_in_use_survives_the_death_of_its_server(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    async with open_store(None, data_dir) as store:
        for number in range(10):
            video = made_up_video(["hello"], path=Path(f"/videos/{number}.mp4"), seed=number)
            await store.catalogue.publish(video)
            kill_postmaster(server)
            found = await store.scenes.nearest(
                Channel.VISUAL, VISUAL_MODEL, axis(8, 0), limit=50, within=SearchFilter(), timeout_s=30
            )
            assert len(found.candidates) == number + 1


async def test_publishing_while_the_server_dies_again_and_again_loses_and_doubles_nothing(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)

    def assassin() -> None:
        for _ in range(6):
            time.sleep(0.4)
            if (pid := recorded_pid(server.pgdata)) is not None:
                os.kill(pid, signal.SIGKILL)

    async with open_store(None, data_dir) as store:
        killer = threading.Thread(target=assassin)
        killer.start()
        number = 0
        while killer.is_alive() or number < 5:
            video = made_up_video(["hello"] * 20, path=Path(f"/videos/{number}.mp4"), seed=number)
            # killed twice in one unit of work: a person would run the command again
            for _ in range(10):
                with suppress(StoreUnavailable):
                    await store.catalogue.publish(video)
                    break
            number += 1
        killer.join()
        status = await store.catalogue.status()
        assert (status.videos, status.scenes, status.coverage["visual"]) == (number, 20 * number, 20 * number)
