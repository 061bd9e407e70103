"""Each alert, rehearsed with a real Prometheus: break the thing, see the rule fire, mend it, see it clear.

python -m pytest -m slow tests/e2e/test_alerts_rehearsed.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml
from tests.e2e.rehearsal import RULES, broken_database, make_clip, roomy_disk, stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: prometheus)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
]


async def test_each_alert_fires_and_clears(tmp_path: Path) -> None:
    rehearsed: dict[str, str] = {}
    began = time.monotonic()

    def done(*alerts: str) -> None:
        for alert in alerts:
            rehearsed[alert] = f"{time.monotonic() - began:.0f} s"
            print(f"fired and cleared: {alert} ({rehearsed[alert]})", flush=True)

    with roomy_disk(tmp_path / "data") as resize:
        async with stage(tmp_path) as at:
            # no backup was ever made
            await at.see("BackupStale")
            (at.data / "last-backup").touch()
            await at.see_clear("BackupStale")
            done("BackupStale")
            assert await at.firing() == set()

            # the embedding service dies
            at.kill("embed")
            await at.see("ClipServiceDown", "HeimdexServiceAbsent", while_doing=lambda: at.search("recall"))
            at.start_embedding()
            await at.see_clear("ClipServiceDown", "HeimdexServiceAbsent", while_doing=lambda: at.search("recall"))
            done("ClipServiceDown", "HeimdexServiceAbsent")

            # it is far away
            at.delay_s = 0.9
            await at.see("ClipLatencyHigh", while_doing=lambda: at.search("recall"))
            at.delay_s = 0.0
            await at.see_clear("ClipLatencyHigh", while_doing=lambda: at.search("recall"))
            done("ClipLatencyHigh")

            # somebody asks without end; his key is taken away with a restart
            await asyncio.gather(*(at.embed() for _ in range(160)))
            await at.see("EmbedNoncesFull")
            at.kill("embed", signal.SIGTERM)
            at.start_embedding()
            await at.see_clear("EmbedNoncesFull")
            done("EmbedNoncesFull")

            # the database is gone and does not start again
            with broken_database(at):
                await at.see("HeimdexDatabaseDown", "SearchErrorsHigh",
                             while_doing=lambda: asyncio.gather(*(at.search("skip") for _ in range(6))))  # fmt: skip
            await at.see_clear("HeimdexDatabaseDown", "SearchErrorsHigh", while_doing=lambda: at.search("skip"))
            done("HeimdexDatabaseDown", "SearchErrorsHigh")

            # a file waits, and nobody works
            make_clip(tmp_path / "videos" / "two.mp4", seed=2)
            await asyncio.to_thread(at.command_line().run, "index", tmp_path / "videos" / "two.mp4", "--enqueue")
            await at.see("IngestStuck")
            await asyncio.to_thread(at.command_line().run, "worker", "--drain")
            await at.see_clear("IngestStuck")
            done("IngestStuck")

            # files that are cut off
            whole = (tmp_path / "videos" / "two.mp4").read_bytes()
            for number in range(8):
                (tmp_path / "videos" / f"broken-{number}.mp4").write_bytes(whole[: 900 + 10 * number])
            await asyncio.to_thread(at.command_line().run, "index", tmp_path / "videos", code=None)
            await at.see("QuarantineGrowing")
            await at.see_clear("QuarantineGrowing")
            done("QuarantineGrowing")

            # the disk has little room
            resize("1g")
            await at.see("HeimdexDiskFilling")
            resize("8g")
            await at.see_clear("HeimdexDiskFilling")
            done("HeimdexDiskFilling")

            # a setting that no pool of scenes can meet
            at.kill("server", signal.SIGTERM)
            at.start_server(RERANK_MIN_SCORE_RANGE="2")
            await at.answers("server", "/ready")
            await at.see("ClipScoresFlatHigh", while_doing=lambda: at.search("rerank"))
            at.kill("server", signal.SIGTERM)
            at.start_server(RERANK_MIN_SCORE_RANGE="0")
            await at.answers("server", "/ready")
            await at.see_clear("ClipScoresFlatHigh", while_doing=lambda: at.search("rerank"))
            done("ClipScoresFlatHigh")

    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert set(rehearsed) == {rule["alert"] for rule in rules if "alert" in rule}
