"""What is counted when something happens. Recording never raises: no answer is lost to a metric.

Only a process that serves `/metrics` counts; a command of a second neither counts nor loads what counting needs.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from heimdex.domain.errors import EmbedderPaused
from heimdex.domain.media import LibraryStatus, Reason
from heimdex.domain.results import SearchAnswer

if TYPE_CHECKING:
    from heimdex.telemetry import metrics

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()
_counts = False


def count_here() -> None:
    """Count from now on in this process."""
    global _counts, metrics
    metrics = importlib.import_module("heimdex.telemetry.metrics")
    _counts = True


def _never_fails(record: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(record)
    def safely(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if not _counts:
                return
            record(*args, **kwargs)
        except Exception as error:  # whatever it is, what is recorded matters more than the record
            log.debug("metric.failed", record=record.__name__, error=str(error))

    return safely


async def clip_call(call: Coroutine[None, None, T], reason_of: Callable[[BaseException], str]) -> T:
    """Await one call of the CLIP model and note how it ended and how long it took.

    Args:
        reason_of: gives the stable name of a failure, such as ``clip_timeout``.
    """
    started = time.perf_counter()
    try:
        result = await call
    except BaseException as error:
        clip_ended(_clip_outcome(error, reason_of), time.perf_counter() - started)
        raise
    clip_ended("ok", time.perf_counter() - started)
    return result


@_never_fails
def clip_ended(outcome: str, seconds: float) -> None:
    """Count one call of the CLIP model; what was not asked has no duration."""
    metrics.CLIP_REQUESTS.labels(outcome).inc()
    metrics.CLIP_UP.set(outcome == "ok")
    if outcome != "breaker_open":
        metrics.CLIP_DURATION.observe(seconds)


@_never_fails
def clip_alive(alive: bool) -> None:
    """Note whether the model answers, asked for that alone."""
    metrics.CLIP_UP.set(alive)


@_never_fails
def breaker(*, open_: bool) -> None:
    """Note whether the embedding service is left alone."""
    metrics.CLIP_BREAKER.set(open_)


@_never_fails
def clip_vector(*, cached: bool, stale: bool) -> None:
    """Count where a query's vector came from."""
    metrics.CLIP_CACHE.labels("stale" if stale else "hit" if cached else "miss").inc()


@_never_fails
def reranked(outcome: str, score_range: float | None) -> None:
    """Count a rerank; the range is that of the pool's raw cosines."""
    metrics.CLIP_RERANK.labels({"flat": "skipped_flat"}.get(outcome, outcome)).inc()
    if score_range is not None:
        metrics.CLIP_SCORE_RANGE.observe(score_range)


@_never_fails
def routed(mode: str) -> None:
    """Count a decision of the router."""
    metrics.ROUTER_DECISIONS.labels(mode).inc()


@_never_fails
def searched(answer: SearchAnswer) -> None:
    """Count an answer: its time, mode, losses and how its channels fared."""
    degraded = "true" if answer.degraded else "false"
    metrics.SEARCH_DURATION.labels(answer.mode_used.value, degraded).observe(answer.took_ms / 1000)
    for reason in answer.degraded_reasons:
        metrics.SEARCH_DEGRADED.labels(reason).inc()
    for channel, report in answer.channels.items():
        metrics.SEARCH_CHANNELS.labels(channel.value, report.status.value).inc()


@_never_fails
def hit_opened(mode: str) -> None:
    """Count that somebody played a hit."""
    metrics.HITS_OPENED.labels(mode).inc()


@_never_fails
def shed(reason: str) -> None:
    """Count a request that was refused because there was too much to do."""
    metrics.SHED.labels(reason).inc()


@_never_fails
def responded(status: int) -> None:
    """Count an HTTP answer."""
    metrics.HTTP_RESPONSES.labels(f"{status // 100}xx").inc()


@_never_fails
def ingested(step: str, outcome: str) -> None:
    """Count one step of one file."""
    metrics.INGEST_FILES.labels(step, outcome).inc()


@_never_fails
def library(status: LibraryStatus | None) -> None:
    """Take over what the library holds; None when the database does not answer."""
    metrics.LIBRARY_UP.set(status is not None)
    if status is None:
        return
    metrics.SCENES.set(status.scenes)
    for channel, scenes in status.coverage.items():
        metrics.COVERAGE.labels(channel).set(scenes)
    _quarantined([file.reason for file in status.unreadable])


def _quarantined(reasons: Collection[Reason]) -> None:
    for reason in Reason:
        metrics.QUARANTINED.labels(reason.value).set(sum(one is reason for one in reasons))


@_never_fails
def disk(*, free_bytes: int, size_bytes: int) -> None:
    """Take over how much room there is for the library."""
    metrics.DISK_FREE.set(free_bytes)
    metrics.DISK_SIZE.set(size_bytes)


@_never_fails
def backup(finished_at: float) -> None:
    """Take over when the last backup ended, in seconds since 1970."""
    metrics.BACKUP_AT.set(finished_at)


@_never_fails
def pending(oldest_s: float) -> None:
    """Take over how long the oldest file has waited to be indexed; 0 when none waits."""
    metrics.OLDEST_PENDING.set(oldest_s)


@_never_fails
def embedded(kind: str, status: int, seconds: float) -> None:
    """Count a request to the embedding service."""
    outcome = "ok" if status < 400 else "shed" if status in (429, 503) else "refused" if status < 500 else "error"
    metrics.EMBED_REQUESTS.labels(kind, outcome).inc()
    metrics.EMBED_DURATION.labels(kind).observe(seconds)


@_never_fails
def batch(kind: str, items: int) -> None:
    """Note how many items one call of the model had."""
    metrics.EMBED_BATCH.labels(kind).observe(items)


@_never_fails
def embedding_queues(waiting: Mapping[str, int], nonces: int) -> None:
    """Take over how much waits in the embedding service and how many nonces it remembers."""
    for kind, items in waiting.items():
        metrics.EMBED_WAITING.labels(kind).set(items)
    metrics.EMBED_NONCES.set(nonces)


@_never_fails
def key_used(key_id: str) -> None:
    """Count a believed request, so that an old key can be seen to be idle."""
    metrics.EMBED_KEYS.labels(key_id).inc()


def _clip_outcome(error: BaseException, reason_of: Callable[[BaseException], str]) -> str:
    if isinstance(error, EmbedderPaused):
        return "breaker_open"
    if isinstance(error, asyncio.CancelledError):  # by the deadline of its search
        return "timeout"
    kind = reason_of(error).removeprefix("clip_")
    return kind if kind in ("timeout", "auth", "invalid") else "error"
