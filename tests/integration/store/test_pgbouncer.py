"""PgBouncer in transaction mode between heimdex and its database: the build of an index, and settings that leak not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from heimdex.domain.query import Channel, SearchFilter
from heimdex.store import open_store
from heimdex.store.vector_index import IndexState, VectorIndexes
from heimdex.testing.library import VISUAL_MODEL, made_up_video, unit_rows

POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(POOLER is None, reason="PgBouncer is not installed")


@pytest.fixture
def pooled_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """URL of the test's database through a pooler of its own; each transaction may get another connection."""
    assert POOLER is not None
    parts = urlsplit(database_url)
    folder, name = parse_qs(parts.query)["host"][0], parts.path[1:]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{name} = host={folder} dbname={name} user={parts.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 8\n"
    )
    command = [POOLER, "-q", str(config)]
    if os.geteuid() == 0:  # it refuses to be root; the server's account may enter the folder of its socket
        for each in (tmp_path, *tmp_path.parents[:3]):
            each.chmod(each.stat().st_mode | 0o055)
        command[1:1] = ["-u", Path(folder).owner()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"postgresql://{parts.username}@127.0.0.1:{port}/{name}"
    try:
        for _ in range(100):
            try:
                psycopg.connect(url, connect_timeout=2, prepare_threshold=None).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, "PgBouncer ended"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def test_an_index_is_built_and_searched_through_a_pooler_and_no_setting_leaks(
    pooled_url: str, tmp_path: Path
) -> None:
    async with open_store(pooled_url, tmp_path, exact_below=0) as store:
        rows = unit_rows(1000, VISUAL_MODEL.dim, seed=1)
        video = made_up_video([""] * len(rows), visual=[row[None] for row in rows], meaning_model=None)
        await store.catalogue.publish(video)
        # as on a server of ours: with a memory of its own, which a pooler refuses
        indexes = VectorIndexes(store.database, exact_below=0, is_ours=True)
        await indexes.build_wanted(lambda index, fraction: None)
        assert [index.state for index in await indexes.status()] == [IndexState.VALID]

        for seed in range(10):
            found = await store.scenes.nearest(
                Channel.VISUAL, VISUAL_MODEL, unit_rows(1, VISUAL_MODEL.dim, seed=seed)[0], limit=5,
                within=SearchFilter(), timeout_s=10,
            )  # fmt: skip
            assert (len(found.candidates), found.exhaustive) == (5, False)

    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as connection:
        for _ in range(20):
            row = connection.execute(
                "SELECT current_setting('hnsw.ef_search', true), current_setting('hnsw.iterative_scan', true),"
                " current_setting('max_parallel_maintenance_workers'), current_setting('maintenance_work_mem')"
            ).fetchone()
            assert row is not None
            assert row[0] in {"40", "", None}
            assert row[1] in {"off", "", None}
            assert row[2:] == ("2", "128MB")
