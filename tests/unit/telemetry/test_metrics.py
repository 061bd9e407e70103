"""What `/metrics` shows: known names, few labels, nothing of what was asked; and a record that never harms."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from heimdex.domain.media import LibraryStatus
from heimdex.telemetry import metrics, record

#: the names that the documents, the rules and the dashboard build on
NAMES = {
    "heimdex_clip_requests", "heimdex_clip_request_duration_seconds", "heimdex_clip_cache", "heimdex_clip_up",
    "heimdex_clip_breaker_state", "heimdex_clip_rerank", "heimdex_clip_score_range", "heimdex_router_decisions",
    "heimdex_search_duration_seconds", "heimdex_search_degraded", "heimdex_search_channels", "heimdex_hits_opened",
    "heimdex_shed", "heimdex_http_responses", "heimdex_ingest_steps", "heimdex_quarantined_files",
    "heimdex_ingest_oldest_pending_seconds", "heimdex_library_up", "heimdex_scenes", "heimdex_channel_scenes",
    "heimdex_backup_last_success_timestamp_seconds", "heimdex_disk_free_bytes", "heimdex_disk_size_bytes",
    "heimdex_embed_requests", "heimdex_embed_request_duration_seconds", "heimdex_embed_batch_items",
    "heimdex_embed_waiting_items", "heimdex_embed_key_requests", "heimdex_embed_nonces",
}  # fmt: skip
LABELS = {"outcome", "result", "mode", "degraded", "reason", "channel", "status", "step", "kind", "key", "le"}


def _shown() -> str:
    return b"".join(map(metrics.exposition, (metrics.SERVER, metrics.WORKER, metrics.EMBEDDING))).decode()


def _families() -> Iterator[Metric]:
    for family in text_string_to_metric_families(_shown()):
        if family.name.startswith("heimdex_"):
            yield family


@pytest.fixture(autouse=True)
def _counting() -> None:
    record.count_here()


def test_the_catalogue_is_what_the_documents_say() -> None:
    assert {family.name for family in _families()} == NAMES


def test_a_process_shows_no_figure_that_is_not_its_own() -> None:
    server, service = (metrics.exposition(which).decode() for which in (metrics.SERVER, metrics.EMBEDDING))

    assert "heimdex_embed_" not in server
    # a service without a library must not look like one with a full disk and no backup
    assert set(re.findall(r"^heimdex_(?!embed_|shed_)\w+", service, re.MULTILINE)) == set()


def test_labels_never_name_a_query_a_path_a_tenant_or_an_id() -> None:
    assert {label for family in _families() for sample in family.samples for label in sample.labels} <= LABELS


def test_series_are_there_before_their_first_event() -> None:
    shown = _shown()

    for series in (
        'heimdex_clip_requests_total{outcome="breaker_open"}', 'heimdex_clip_rerank_total{outcome="skipped_flat"}',
        'heimdex_router_decisions_total{mode="skip"}', 'heimdex_shed_total{reason="busy"}',
        'heimdex_search_duration_seconds_count{degraded="true",mode="rerank"}',
        'heimdex_quarantined_files{reason="decoder_crash"}', 'heimdex_channel_scenes{channel="visual"}',
    ):  # fmt: skip
        assert series in shown


@pytest.mark.parametrize(
    "call",
    [
        lambda: record.routed("no such mode" * 3), lambda: record.shed(None),  # type: ignore[arg-type]
        lambda: record.library(object()), lambda: record.searched(None),  # type: ignore[arg-type]
        lambda: record.disk(free_bytes="x", size_bytes=1),  # type: ignore[arg-type]
        lambda: record.responded("200"), lambda: record.backup("never"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_record_that_fails_raises_nothing(call: object) -> None:
    assert callable(call)
    call()


def test_a_library_that_does_not_answer_keeps_its_last_figures() -> None:
    record.library(LibraryStatus(2, 7, 10.0, 3, {"visual": 5}))
    record.library(None)
    shown = _shown()

    assert "heimdex_library_up 0.0" in shown
    assert "heimdex_scenes 7.0" in shown
    assert 'heimdex_channel_scenes{channel="visual"} 5.0' in shown


def test_a_command_that_serves_nothing_loads_nothing_for_metrics() -> None:
    code = (
        "import sys, heimdex.search.engine; from heimdex.telemetry import record; record.routed('recall'); "
        "print('prometheus_client' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
