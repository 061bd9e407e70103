"""The lines that the published guide tells operators to grep for, word for word, with their facts beside them.

What is told here and has a metric is counted here too, so that log and metrics agree.
"""

from __future__ import annotations

import structlog

from heimdex.domain.query import Intent, Mode
from heimdex.search.losses import Loss
from heimdex.telemetry import record

log = structlog.get_logger()


def clip_embedded(dim: int, elapsed_ms: float) -> None:
    line = f"CLIP text embedding generated: dim={dim}, elapsed_ms={elapsed_ms:.0f}"
    log.info(line, dim=dim, elapsed_ms=round(elapsed_ms))


def clip_failed(loss: Loss) -> None:
    if loss.reason == "clip_auth":
        status = "" if loss.detail.startswith(("401", "403")) else "401 "
        line = f"CLIP authentication failed: {status}{loss.detail}"
        log.error(line, code=loss.reason)
        return
    line = f"CLIP text embedding failed: {loss.detail}"
    log.warning(line, code=loss.reason)


def routed(intent: Intent) -> None:
    line = f"Visual intent router: mode={intent.mode}, confidence={intent.confidence:.2f}, reason={intent.reason}"
    log.info(line, mode=intent.mode.value, confidence=intent.confidence)
    record.routed(intent.mode.value)


def degraded_to_speech() -> None:
    line = f"Visual intent router: mode={Mode.SKIP} (degraded to speech-only search)"
    log.info(line, mode=Mode.SKIP.value)


def unread(channel: str, reason: str) -> None:
    line = f"Channel {channel} skipped: {reason}"
    log.warning(line, channel=channel)


def visual_skipped() -> None:
    log.info("Visual channel skipped: no CLIP embedding")


def rerank_begins(candidates: int, top: int) -> None:
    line = f"CLIP rerank: Scoring {candidates} candidates from top {top} results"
    log.info(line, candidates=candidates, pool=top)


def rerank_done(scored: int, clip_weight: float, elapsed_ms: float) -> None:
    line = (
        f"CLIP rerank complete: scored={scored}, skipped=False, clip_weight={clip_weight:.3g}, "
        f"elapsed_ms={elapsed_ms:.0f}"
    )
    log.info(line, scored=scored, skipped=False, clip_weight=clip_weight, elapsed_ms=round(elapsed_ms))


def rerank_flat(score_range: float, scored: int) -> None:
    line = f"CLIP rerank: Skipping due to flat scores (range={score_range:.2g})"
    log.info(line, score_range=score_range, scored=scored, skipped=True)


def rerank_failed(loss: Loss) -> None:
    line = f"CLIP rerank failed: {loss.detail}"
    log.warning(line, code=loss.reason)
    record.reranked("error", None)


def preferences_failed(error: Exception) -> None:
    line = f"Saved preferences could not be read: {str(error) or type(error).__name__}"
    log.warning(line)


def hubs_failed(error: Exception) -> None:
    line = f"Hub correction skipped: {str(error) or type(error).__name__}"
    log.warning(line)


def channel_failed(channel: str, loss: Loss) -> None:
    line = f"Channel {channel} failed: {loss.detail}"
    log.warning(line, channel=channel, code=loss.reason)


def scores_dropped(channel: str, dropped: int) -> None:
    log.warning("Candidates without a valid score were dropped", channel=channel, dropped=dropped)
