"""``/metrics`` of the server, and the report of a played hit."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import NewJob
from heimdex.web.metrics import BACKUP_STAMP


async def _value(client: httpx.AsyncClient, series: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series + " ")), 0.0)


async def test_metrics_are_text_for_prometheus_and_tell_what_the_library_holds(client: httpx.AsyncClient) -> None:
    shown = await client.get("/metrics")

    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "heimdex_library_up 1.0" in shown.text
    assert 'heimdex_channel_scenes{channel="visual"} 1.0' in shown.text
    assert 'heimdex_quarantined_files{reason="empty"} 1.0' in shown.text
    assert "heimdex_disk_free_bytes" in shown.text
    assert "secret" not in shown.text


async def test_a_database_that_is_down_is_a_figure_not_an_error(client: httpx.AsyncClient, library: Any) -> None:
    library.catalogue.error = StoreUnavailable("away")

    shown = await client.get("/metrics")

    assert shown.status_code == 200
    assert "heimdex_library_up 0.0" in shown.text


async def test_the_library_is_not_asked_at_every_scrape(client: httpx.AsyncClient, library: Any) -> None:
    await client.get("/metrics")
    library.catalogue.error = StoreUnavailable("away")

    assert "heimdex_library_up 1.0" in (await client.get("/metrics")).text


@pytest.mark.parametrize("mode", ["recall", "rerank", "skip"])
async def test_a_played_hit_is_counted_for_its_mode(client: httpx.AsyncClient, mode: str) -> None:
    series = f'heimdex_hits_opened_total{{mode="{mode}"}}'
    before = await _value(client, series)

    assert (await client.post("/v1/opened", json={"mode": mode})).status_code == 204
    assert await _value(client, series) - before == 1


@pytest.mark.parametrize("body", [{}, {"mode": "auto"}, {"mode": "x" * 99}, {"mode": 1}])
async def test_what_is_no_mode_makes_no_series(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/v1/opened", json=body)).status_code == 422
    assert "xxx" not in (await client.get("/metrics")).text


async def test_answers_are_counted_by_class(client: httpx.AsyncClient, library: Any) -> None:
    before = {kind: await _value(client, f'heimdex_http_responses_total{{status="{kind}"}}') for kind in ("4xx", "5xx")}
    await client.get("/nowhere")
    library.search.error = StoreUnavailable("away")
    await client.post("/search", json={"query": "car"})

    for kind, count in before.items():
        assert await _value(client, f'heimdex_http_responses_total{{status="{kind}"}}') - count == 1


async def test_a_backup_is_as_old_as_its_stamp(client: httpx.AsyncClient, library: Any) -> None:
    stamp = library.artefacts.parent / BACKUP_STAMP
    stamp.touch()
    os.utime(stamp, (1_000_000, 1_000_000))

    assert await _value(client, "heimdex_backup_last_success_timestamp_seconds") == 1_000_000


async def test_no_backup_is_one_from_the_beginning_of_time(client: httpx.AsyncClient) -> None:
    assert await _value(client, "heimdex_backup_last_success_timestamp_seconds") == 0


async def test_what_waits_to_be_indexed_has_an_age(client: httpx.AsyncClient, library: Any) -> None:
    await library.queue.enqueue([NewJob(Path("/v/new.mp4"))], uuid7())
    library.queue.now = lambda: time.monotonic() + 100

    assert await _value(client, "heimdex_ingest_oldest_pending_seconds") > 99
