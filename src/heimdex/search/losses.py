"""What went wrong in one channel, as words that the answer and the log can carry."""

from __future__ import annotations

from heimdex.domain.errors import DimensionMismatch, EmbedderRejected, EmbedderTimeout, EmbedderUnauthorized
from heimdex.domain.results import ChannelStatus


class Loss(Exception):
    """A channel did not answer. ``reason`` is stable, ``detail`` is for people."""

    def __init__(self, reason: str, detail: str, *, timed_out: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.timed_out = timed_out

    @property
    def status(self) -> ChannelStatus:
        return ChannelStatus.TIMEOUT if self.timed_out else ChannelStatus.ERROR


class InvalidVector(Exception):
    """A model gave something that is no unit vector of its space."""


def embedding_loss(family: str, error: BaseException) -> Loss:
    """Return the loss behind a failed query embedding.

    Args:
        family: ``clip`` or ``text``; the reason is ``{family}_unavailable|timeout|auth|invalid``.
    """
    detail = str(error) or type(error).__name__
    match error:
        case Loss():
            return error
        case TimeoutError() | EmbedderTimeout():
            return Loss(f"{family}_timeout", detail, timed_out=True)
        case EmbedderUnauthorized():
            return Loss(f"{family}_auth", detail)
        case EmbedderRejected() | InvalidVector() | DimensionMismatch():
            return Loss(f"{family}_invalid", detail)
        case _:
            return Loss(f"{family}_unavailable", detail)
