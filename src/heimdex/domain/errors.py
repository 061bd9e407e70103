"""Every error that heimdex raises on purpose.

HeimdexError
├── BadRequest            the caller can mend it
│   └── SettingsInvalid
├── NotFound
├── MediaRejected         one file, one reason
├── EmbedderUnavailable   retrying may help
│   ├── EmbedderPaused    it failed lately and is left alone
│   └── EmbedderTimeout
├── EmbedderRejected      retrying will not help
│   └── EmbedderUnauthorized
├── ModelInvalid          a model folder that cannot be used
├── DimensionMismatch
├── CoverageIncomplete
├── ModelInUse
├── StoreUnavailable
│   ├── StoreTimeout
│   └── StoreFull        no space left where the database is
├── LeaseLost             a job is in other hands
└── MigrationFailed

Each carries what happened and what to do about it. ``code`` is stable: it is the ``type`` of the
HTTP problem, the anchor in the documentation and the field in the log.
"""

from __future__ import annotations

from heimdex.domain.media import Reason


class HeimdexError(Exception):
    """What happened, and a remedy that the reader can carry out."""

    code = "error"
    http_status = 500
    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class BadRequest(HeimdexError):
    """The request cannot mean anything; nothing was done."""

    code = "bad_request"
    http_status = 422
    exit_code = 2


class SettingsInvalid(BadRequest):
    """A setting has a value that heimdex cannot run with."""

    code = "settings_invalid"


class NotFound(HeimdexError):
    """No such video, scene or file."""

    code = "not_found"
    http_status = 404


class MediaRejected(HeimdexError):
    """One media file cannot be indexed; the others are not concerned."""

    code = "media_rejected"
    http_status = 422

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail or reason.explanation}", remedy=reason.remedy)
        self.reason = reason
        self.detail = detail or reason.explanation


class EmbedderUnavailable(HeimdexError):
    """The model did not answer in time; retrying may help."""

    code = "embedder_unavailable"
    http_status = 503


class EmbedderPaused(EmbedderUnavailable):
    """The model failed lately, and is left alone for some seconds; it was not asked."""


class EmbedderTimeout(EmbedderUnavailable):
    """The model did not answer within the time that it had."""

    code = "embedder_timeout"


class EmbedderRejected(HeimdexError):
    """The model refused the input or the signature; retrying will not help."""

    code = "embedder_rejected"
    http_status = 502


class EmbedderUnauthorized(EmbedderRejected):
    """The two sides do not trust each other's signature."""

    code = "embedder_unauthorized"


class ModelInvalid(HeimdexError):
    """A model folder is incomplete, damaged or of another kind."""

    code = "model_invalid"


class DimensionMismatch(HeimdexError):
    """Vectors of two spaces met."""

    code = "dimension_mismatch"
    http_status = 409

    def __init__(self, *, stored: int, got: int, model_id: str) -> None:
        super().__init__(
            f"The library holds {stored}-d vectors; {model_id} makes {got}-d ones.",
            remedy=f"Run `heimdex reembed --model {model_id}`, or restore the former model.",
        )


class CoverageIncomplete(HeimdexError):
    """A model was to be used that does not know the whole library yet."""

    code = "coverage_incomplete"
    http_status = 409

    def __init__(self, model_id: str, videos: int, scenes: int) -> None:
        super().__init__(
            f"{model_id} does not cover the library yet: {videos} videos with {scenes} scenes would not be found.",
            remedy=f"`heimdex reembed --model {model_id}` goes on; or use it at once with --anyway.",
        )


class ModelInUse(HeimdexError):
    """The model in use cannot be removed."""

    code = "model_in_use"
    http_status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is in use.", remedy="Use another first: `heimdex models use NAME`.")


class StoreUnavailable(HeimdexError):
    """The database does not answer."""

    code = "store_unavailable"
    http_status = 503


class StoreTimeout(StoreUnavailable):
    """The database did not answer in time; the statement was cancelled."""

    code = "store_timeout"


class StoreFull(StoreUnavailable):
    """The disk of the database is full; nothing was changed."""

    code = "store_full"


class LeaseLost(HeimdexError):
    """A job was handed to another worker; this one's result is not taken."""

    code = "lease_lost"
    http_status = 409


class MigrationFailed(HeimdexError):
    """The schema is not what this version expects, and could not be brought there."""

    code = "migration_failed"
