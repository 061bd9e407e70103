"""All settings, checked once at the start and frozen.

Sources, strongest first: command-line options, environment, `heimdex.toml` in the data directory,
defaults. Names of the published guide stand alone (``VISUAL_MODE``); everything else is
``HEIMDEX_…`` with ``__`` for nesting (``HEIMDEX_SEARCH__RERANK_POOL``). In the file the same names
are written in lower case (``visual_mode``, ``[search] rerank_pool``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from heimdex.domain.errors import SettingsInvalid
from heimdex.domain.query import Router


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchSettings(_Section):
    """How a query is answered."""

    router: Router = Field(
        "learned",
        description="What decides in `auto`: the `rules` alone, or sharpened by what was `learned` from real queries.",
    )
    rerank_pool: Literal["union", "text"] = Field(
        "union", description="Which candidates CLIP reranks when `auto` chose rerank; `text` is the guide's."
    )
    fusion: Literal["min_max", "rrf"] = Field(
        "min_max", description="How channels become one ranking: weighted `min_max`, or weighted reciprocal ranks."
    )
    rrf_k: float = Field(60.0, gt=0, le=10_000, description="Rank offset of `rrf`; larger flattens the first ranks.")
    frame_pooling: Literal["softmax", "max", "mean", "top_k"] = Field(
        "max", description="How the keyframes of a scene become its visual score; `max` is the best of them."
    )
    frame_top_k: int = Field(2, ge=1, le=8, description="Keyframes of a scene that `top_k` takes the mean of.")
    hub_correction: float = Field(
        0.0, ge=0, le=2,
        description="How far scenes that look near to every query are held back: 0 not at all, 0.75 as published.",
    )  # fmt: skip
    candidates: int = Field(200, ge=1, le=1000, description="Candidates that each channel may bring.")
    exact_below: int = Field(
        50_000, ge=0,
        description="Sets of at most this many vectors are searched whole; larger ones by an index, once built.",
    )  # fmt: skip
    deadline_s: float = Field(2.5, gt=0, le=60, description="Time for the whole search, in seconds.")
    channel_timeout_s: float = Field(1.5, gt=0, le=60, description="Time for one channel, in seconds.")


class IngestSettings(_Section):
    """What is indexed, and how much of the machine it may use."""

    min_scene_s: float = Field(1.0, gt=0, description="Shorter scenes join their neighbour, in seconds.")
    max_scene_s: float = Field(30.0, gt=1, description="Longer scenes are split, in seconds.")
    keyframes_per_scene: int = Field(3, ge=1, le=8, description="Most keyframes kept for one scene.")
    fast: bool = Field(False, description="Decode the encoder's keyframes only: much faster, coarser scenes.")
    detector: Literal["own", "scenedetect"] = Field(
        "own", description="What finds cuts; `scenedetect` is PySceneDetect, from the extra of that name."
    )
    thumbnail_px: int = Field(480, ge=64, le=1920, description="Longer side of a stored keyframe, in pixels.")
    timeout_s: float = Field(3600.0, gt=0, description="Time for decoding one file, in seconds.")
    max_memory_bytes: int = Field(3 << 30, ge=256 << 20, description="Address space of the decoder, in bytes.")
    max_duration_s: float = Field(86400.0, gt=0, description="Longest video that is indexed, in seconds.")
    max_frame_px: int = Field(8192 * 8192, gt=0, description="Largest frame that is decoded, in pixels.")
    max_scenes: int = Field(100_000, ge=1, description="Most scenes of one video.")
    free_bytes: int = Field(1 << 30, ge=0, description="Work waits while less than this is free on the disk, in bytes.")


class WorkerSettings(_Section):
    """How the queue is worked through."""

    concurrency: int = Field(1, ge=1, le=64, description="Files that one worker decodes at once.")
    lease_s: float = Field(
        60.0, ge=1, le=3600, description="Silence after which a job counts as abandoned and is handed out, in seconds."
    )
    attempts: int = Field(3, ge=1, le=100, description="Times that a worker may die on a file before it is set aside.")
    retries: int = Field(10, ge=1, le=1000, description="Failures that may pass, such as a model service that is away.")
    poll_s: float = Field(1.0, ge=0.05, le=60, description="How often an idle worker looks for jobs, in seconds.")
    patience_s: float = Field(60.0, ge=0, description="How long a worker waits for the database, in seconds.")


class WatchSettings(_Section):
    """How watched folders are followed."""

    poll_s: float = Field(5.0, ge=0.1, le=3600, description="How often the folders are walked, in seconds.")
    settle_s: float = Field(10.0, ge=0, le=3600, description="A file is taken when unchanged for so long, in seconds.")
    forget_after_s: float = Field(
        600.0, ge=0, description="A deleted file leaves the library after so long, in seconds."
    )


class EmbeddingSettings(_Section):
    """Which models are used and where they run."""

    model: str = Field(
        "auto",
        description="CLIP model: a name or a folder; `auto` takes what `heimdex models use` chose, else `pocket`.",
    )
    text_model: str = Field(
        "auto",
        description="Model for the meaning of text; `auto` takes what `heimdex models use` chose, else what is there.",
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto",
        description="Arithmetic of the CLIP model; `auto` takes int8 where `heimdex models quantise` found it as good.",
    )
    threads: int = Field(0, ge=0, description="Threads for inference; 0 takes what the machine has.")
    batch_size: int = Field(16, ge=1, le=256, description="Images embedded at once.")
    keys: SecretStr | None = Field(
        None, description="Further keys of the embedding service, `id:secret,id:secret`, newest first."
    )


class WebSettings(_Section):
    """The server."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="Port to listen on.")


class LogSettings(_Section):
    """What is written about the work."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severity that is logged.")
    format: Literal["console", "json"] = Field("console", description="Lines for people, or for machines.")


class Settings(BaseSettings):
    """Built once by the command line; frozen; parts of it are passed on as plain values."""

    model_config = SettingsConfigDict(
        env_prefix="HEIMDEX_", env_nested_delimiter="__", frozen=True, extra="ignore", populate_by_name=True,
        # `DATABASE_URL=` in a compose file means unset, and an empty data directory must not mean "here"
        env_ignore_empty=True,
    )  # fmt: skip

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("heimdex", appauthor=False)),
        description="Folder for the database, thumbnails and models.",
    )
    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="PostgreSQL with pgvector; unset runs an embedded one."
    )

    clip_runpod_url: str | None = Field(
        None, validation_alias="CLIP_RUNPOD_URL", description="Embedding service; unset runs the model in the process."
    )
    clip_runpod_secret: SecretStr | None = Field(
        None, validation_alias="CLIP_RUNPOD_SECRET", description="Shared secret of the embedding service."
    )
    clip_auth_scheme: Literal["v1", "legacy"] = Field(
        "v1", validation_alias="CLIP_AUTH_SCHEME",
        description="How requests to the embedding service are signed; `legacy` for an older deployment.",
    )  # fmt: skip
    clip_text_embedding_timeout_s: float = Field(
        1.5, gt=0, le=60, validation_alias="CLIP_TEXT_EMBEDDING_TIMEOUT_S",
        description="Time for a query embedding, all attempts together, in seconds.",
    )  # fmt: skip
    clip_text_embedding_max_retries: int = Field(
        1, ge=0, le=5, validation_alias="CLIP_TEXT_EMBEDDING_MAX_RETRIES", description="Retries within that time."
    )
    visual_mode: Literal["recall", "rerank", "auto", "skip"] = Field(
        "auto", validation_alias="VISUAL_MODE", description="What CLIP may do; `auto` decides per query."
    )
    multi_dense_enabled: bool = Field(
        True, validation_alias="MULTI_DENSE_ENABLED", description="Off: CLIP never retrieves, recall becomes rerank."
    )
    weight_visual: float = Field(0.25, ge=0, le=1, validation_alias="WEIGHT_VISUAL", description="0 calls no CLIP.")
    weight_transcript: float = Field(
        0.45, ge=0, le=1, validation_alias="WEIGHT_TRANSCRIPT", description="Weight of the meaning of what is said."
    )
    weight_summary: float = Field(
        0.10, ge=0, le=1, validation_alias="WEIGHT_SUMMARY", description="Weight of captions and summaries."
    )
    weight_lexical: float = Field(
        0.20, ge=0, le=1, validation_alias="WEIGHT_LEXICAL", description="Weight of the exact words that are said."
    )
    threshold_visual: float | None = Field(
        None, ge=-1, le=1, validation_alias="THRESHOLD_VISUAL",
        description="Least cosine of a visual candidate; unset takes every candidate.",
    )  # fmt: skip
    rerank_candidate_pool_size: int = Field(
        500, ge=1, le=10_000, validation_alias="RERANK_CANDIDATE_POOL_SIZE",
        description="Candidates that CLIP rescores.",
    )  # fmt: skip
    rerank_clip_weight: float = Field(
        0.3, ge=0, le=1, validation_alias="RERANK_CLIP_WEIGHT", description="CLIP's part in a reranked score."
    )
    rerank_min_score_range: float = Field(
        0.05, ge=0, le=2, validation_alias="RERANK_MIN_SCORE_RANGE",
        description="Raw cosine range below which CLIP does not reorder.",
    )  # fmt: skip

    search: SearchSettings = SearchSettings()
    ingest: IngestSettings = IngestSettings()
    worker: WorkerSettings = WorkerSettings()
    watch: WatchSettings = WatchSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        data_dir = os.environ.get("HEIMDEX_DATA_DIR") or platformdirs.user_data_dir("heimdex", appauthor=False)
        return init_settings, env_settings, _read_file(settings_cls, Path(data_dir) / "heimdex.toml")

    @property
    def calls_clip(self) -> bool:
        """Whether a query may reach the CLIP model, unless its request says otherwise."""
        return self.visual_mode != "skip" and self.weight_visual > 0

    @model_validator(mode="after")
    def _some_channel_weighs(self) -> Self:
        if self.weight_visual + self.weight_transcript + self.weight_summary + self.weight_lexical <= 0:
            raise ValueError("all channel weights are 0: give WEIGHT_LEXICAL or another channel a weight")
        return self


def load_settings(**overrides: object) -> Settings:
    """Read all sources. Raises SettingsInvalid naming the setting, its value and what is allowed."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:  # about several settings at once; its input is all of them, secrets included
            raise SettingsInvalid(f"Settings: {first['msg']}.", remedy=_REMEDY) from None
        name = ".".join(str(part) for part in first["loc"])
        got = "" if name in _SECRETS else f" (got {first.get('input')!r})"
        raise SettingsInvalid(f"Setting {name}: {first['msg']}{got}.", remedy=_REMEDY) from None
    except SettingsError as error:
        raise SettingsInvalid(
            f"{str(error).capitalize()}: not JSON.", remedy="Set single values, such as HEIMDEX_SEARCH__DEADLINE_S=2."
        ) from None


_REMEDY = "Correct it in the environment or in heimdex.toml; `heimdex config show` lists all settings."
_SECRETS = {"DATABASE_URL", "CLIP_RUNPOD_SECRET", "embedding.keys"}


def _read_file(settings_cls: type[BaseSettings], file: Path) -> TomlConfigSettingsSource:
    """Return the settings file as a source; a name in it that means nothing is a slip, not a comment."""
    try:
        source = TomlConfigSettingsSource(settings_cls, file)
    except (ValueError, OSError) as error:
        raise SettingsInvalid(
            f"The settings file {file} cannot be read: {error}.", remedy="Mend it, or move it away to use the defaults."
        ) from None
    aliases = {str(field.validation_alias) for field in settings_cls.model_fields.values() if field.validation_alias}
    if unknown := set(source()) - set(settings_cls.model_fields) - aliases:
        raise SettingsInvalid(f"The settings file {file} sets {min(unknown)!r}, which is no setting.", remedy=_REMEDY)
    return source
