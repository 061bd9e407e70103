"""The catalogue of metrics: every name that `/metrics` shows, declared once.

Labels have few values, all known in advance: never a query, a path, a tenant or an id. Series are
there from the start with 0, because Prometheus sees no increase in a series that begins with its
first event. How each is recorded is `heimdex.telemetry.record`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from heimdex.domain.media import Reason
from heimdex.domain.query import Channel, Mode
from heimdex.domain.results import ChannelStatus

# when a series began is of no use here, and doubles their number
disable_created_metrics()  # type: ignore[no-untyped-call]

#: what the server, a worker and the embedding service show: a process shows no figure that is not its own
SERVER = CollectorRegistry()
WORKER = CollectorRegistry()
EMBEDDING = CollectorRegistry()
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

#: what a query embedding can end with
CLIP_OUTCOMES = ("ok", "timeout", "error", "auth", "invalid", "breaker_open")
SHED_REASONS = ("busy", "queue_full", "too_late", "too_many_requests", "nonces_full")
INGEST_STEPS = ("decode", "publish")
INGEST_OUTCOMES = ("done", "failed", "quarantined")
EMBED_KINDS = ("text", "image")
_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5)
_MODES = tuple(mode.value for mode in Mode if mode is not Mode.AUTO)


def _counter(name: str, about: str, **labels: Sequence[str]) -> Counter:
    made = Counter(name, about, tuple(labels), registry=_registry(name))
    _begin(made, labels)
    return made


def _gauge(name: str, about: str, **labels: Sequence[str]) -> Gauge:
    made = Gauge(name, about, tuple(labels), registry=_registry(name))
    _begin(made, labels)
    return made


def _histogram(name: str, about: str, buckets: Sequence[float], **labels: Sequence[str]) -> Histogram:
    made = Histogram(name, about, tuple(labels), registry=_registry(name), buckets=buckets)
    _begin(made, labels)
    return made


def _registry(name: str) -> CollectorRegistry:
    if name == "heimdex_ingest_steps_total":
        return WORKER
    return EMBEDDING if name.startswith("heimdex_embed_") else SERVER


def _begin(metric: Counter | Gauge | Histogram, labels: dict[str, Sequence[str]]) -> None:
    """Make every series of the labels, where all their values are known."""
    if not labels or not all(labels.values()):
        return
    series: list[tuple[str, ...]] = [()]
    for values in labels.values():
        series = [(*one, value) for one in series for value in values]
    for one in series:
        metric.labels(*one)


# CLIP as the search sees it: in the process and behind an address alike
CLIP_REQUESTS = _counter("heimdex_clip_requests_total", "Query embeddings asked of CLIP.", outcome=CLIP_OUTCOMES)
CLIP_DURATION = _histogram("heimdex_clip_request_duration_seconds", "Time until CLIP answered or failed.", _LATENCY_S)
CLIP_CACHE = _counter("heimdex_clip_cache_total", "Query embeddings by source.", result=("hit", "miss", "stale"))
CLIP_UP = _gauge("heimdex_clip_up", "1 when the CLIP model answered the last time; NaN before it was asked.")
CLIP_UP.set(math.nan)
CLIP_BREAKER = _gauge("heimdex_clip_breaker_state", "1 while the embedding service is left alone.")
CLIP_RERANK = _counter(
    "heimdex_clip_rerank_total", "Reranks by what they did.", outcome=("applied", "skipped_flat", "unscored", "error")
)
CLIP_SCORE_RANGE = _histogram(
    "heimdex_clip_score_range", "Range of raw cosines in a reranked pool.",
    (0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5),
)  # fmt: skip

# searches
ROUTER_DECISIONS = _counter("heimdex_router_decisions_total", "What the router chose.", mode=_MODES)
SEARCH_DURATION = _histogram(
    "heimdex_search_duration_seconds", "Time of a search, by the mode that was used.", _LATENCY_S,
    mode=_MODES, degraded=("true", "false"),
)  # fmt: skip
SEARCH_DEGRADED = _counter("heimdex_search_degraded_total", "Degraded answers by what was lost.", reason=())
SEARCH_CHANNELS = _counter(
    "heimdex_search_channels_total", "How the channels fared.",
    channel=[channel.value for channel in Channel], status=[status.value for status in ChannelStatus],
)  # fmt: skip
HITS_OPENED = _counter(
    "heimdex_hits_opened_total", "Hits that somebody played, by the mode that found them.", mode=_MODES
)
SHED = _counter("heimdex_shed_total", "Requests refused because there was too much to do.", reason=SHED_REASONS)
HTTP_RESPONSES = _counter(
    "heimdex_http_responses_total", "Answers by class of status.", status=("2xx", "3xx", "4xx", "5xx")
)

# the library
INGEST_FILES = _counter(
    "heimdex_ingest_steps_total", "Steps of ingest by outcome.", step=INGEST_STEPS, outcome=INGEST_OUTCOMES
)
QUARANTINED = _gauge(
    "heimdex_quarantined_files", "Files that cannot be indexed.", reason=[reason.value for reason in Reason]
)
OLDEST_PENDING = _gauge("heimdex_ingest_oldest_pending_seconds", "Age of the oldest file that waits to be indexed.")
LIBRARY_UP = _gauge("heimdex_library_up", "1 when the database answered the last time; NaN before it was asked.")
LIBRARY_UP.set(math.nan)
SCENES = _gauge("heimdex_scenes", "Scenes in the library.")
COVERAGE = _gauge(
    "heimdex_channel_scenes", "Scenes that a channel can find.", channel=[channel.value for channel in Channel]
)
BACKUP_AT = _gauge(
    "heimdex_backup_last_success_timestamp_seconds", "When the last backup ended, as its stamp says; 0 without one."
)
DISK_FREE = _gauge("heimdex_disk_free_bytes", "Free space where the library lies.")
DISK_SIZE = _gauge("heimdex_disk_size_bytes", "Size of the disk where the library lies.")

# the embedding service
EMBED_REQUESTS = _counter(
    "heimdex_embed_requests_total", "Requests to the embedding service.",
    kind=EMBED_KINDS, outcome=("ok", "refused", "shed", "error"),
)  # fmt: skip
EMBED_DURATION = _histogram(
    "heimdex_embed_request_duration_seconds",
    "Time from a believed request to its answer.",
    _LATENCY_S,
    kind=EMBED_KINDS,
)
EMBED_BATCH = _histogram(
    "heimdex_embed_batch_items",
    "Texts or pictures in one call of the model.",
    (1, 2, 4, 8, 16, 32, 64),
    kind=EMBED_KINDS,
)
EMBED_WAITING = _gauge("heimdex_embed_waiting_items", "Texts or pictures in the queue.", kind=EMBED_KINDS)
EMBED_KEYS = _counter("heimdex_embed_key_requests_total", "Believed requests by the name of their key.", key=())
EMBED_NONCES = _gauge("heimdex_embed_nonces", "Nonces remembered, of at most 100,000.")

EMBEDDING.register(SHED)
for _each in (SERVER, WORKER, EMBEDDING):
    ProcessCollector(registry=_each)
    PlatformCollector(registry=_each)


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all that one kind of process shows, in the text format of Prometheus."""
    return generate_latest(registry)
