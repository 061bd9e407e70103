"""The composition root: settings become adapters, adapters become use cases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from heimdex.domain.query import Channel, Mode
from heimdex.embedding.opening import open_embedder
from heimdex.embedding.text_choice import NoTextModel, find_text_model
from heimdex.embedding.text_local import LocalTextEmbedder
from heimdex.ingest.library import IndexLibrary
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.ports import Catalogue, Embedder, Preferences, Tags, TextEmbedder, VideoShelf
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.settings import Settings
from heimdex.speech.sidecar import SidecarReader
from heimdex.store.opening import open_store


@dataclass(frozen=True, slots=True)
class Library:
    """An open library, ready to be searched and added to."""

    search: SearchEngine
    index: IndexLibrary
    catalogue: Catalogue
    shelf: VideoShelf
    preferences: Preferences
    tags: Tags
    #: folder of the keyframes
    artefacts: Path
    embedder: Embedder
    text_embedder: TextEmbedder | None
    #: why there is no text embedder, and what to do about it; empty when there is one
    text_reason: str
    #: whether queries may use a CLIP model of this process, which then loads at its first use
    loads_clip: bool


@asynccontextmanager
async def open_library(settings: Settings, *, stop_if_last: bool = False) -> AsyncIterator[Library]:
    """Open the library that ``settings`` name; close everything at the end.

    Args:
        stop_if_last: stop an embedded database at the end unless another process uses it.

    Raises:
        ModelInvalid: the chosen model is not there or cannot be used.
        StoreUnavailable: the database cannot be started or reached.
        MigrationFailed: its schema cannot be brought up to date.
    """
    text_model = find_text_model(settings.embedding.text_model, settings.data_dir / "models")
    text_embedder, text_reason = _text_embedder(text_model, settings.embedding.threads)
    async with (
        open_clip(settings) as embedder,
        open_store(revealed(settings.database_url), settings.data_dir, stop_if_last=stop_if_last) as store,
    ):
        try:
            yield Library(
                search=SearchEngine(
                    store.scenes, embedder, text_embedder, search_config(settings, text_reason), store.preferences
                ),
                index=_index(settings, embedder, text_embedder, store.catalogue),
                catalogue=store.catalogue,
                shelf=store.shelf,
                preferences=store.preferences,
                tags=store.tags,
                artefacts=artefact_folder(settings),
                embedder=embedder,
                text_embedder=text_embedder,
                text_reason=text_reason,
                loads_clip=settings.clip_runpod_url is None and settings.calls_clip,
            )
        finally:
            if text_embedder is not None:
                text_embedder.close()


def open_clip(settings: Settings) -> AbstractAsyncContextManager[Embedder]:
    """Return the CLIP model that ``settings`` name, to be entered: in the process or over HTTP.

    Entering raises ModelInvalid or SettingsInvalid. A service is left alone where the settings say skip.
    """
    return open_embedder(
        url=settings.clip_runpod_url,
        secret=revealed(settings.clip_runpod_secret),
        keys=revealed(settings.embedding.keys) or "",
        scheme=settings.clip_auth_scheme,
        max_retries=settings.clip_text_embedding_max_retries,
        model=settings.embedding.model,
        models_dir=settings.data_dir / "models",
        threads=settings.embedding.threads,
        batch_size=settings.embedding.batch_size,
        discover=settings.calls_clip,
    )


def revealed(secret: SecretStr | None) -> str | None:
    """Return a secret for the adapter that needs it, and for nobody else."""
    return secret.get_secret_value() if secret else None


def artefact_folder(settings: Settings) -> Path:
    """Return the folder of the keyframes."""
    return settings.data_dir / "artefacts"


def open_decoder(settings: Settings, *, threads: int = 0) -> IsolatedDecoder:
    """Return the decoder that ``settings`` describe; 0 threads are as many as the machine has."""
    ingest = settings.ingest
    rules = DecodeRules(
        min_scene_s=ingest.min_scene_s,
        max_scene_s=ingest.max_scene_s,
        keyframes_per_scene=ingest.keyframes_per_scene,
        thumbnail_px=ingest.thumbnail_px,
        max_duration_s=ingest.max_duration_s,
        max_frame_px=ingest.max_frame_px,
        max_scenes=ingest.max_scenes,
        threads=threads,
        fast=ingest.fast,
        detector=ingest.detector,
    )
    return IsolatedDecoder(rules, timeout_s=ingest.timeout_s, max_memory_bytes=ingest.max_memory_bytes)


def search_config(settings: Settings, text_missing: str = "") -> SearchConfig:
    """Return what a search depends on, as the search sees it."""
    return SearchConfig(
        visual_mode=Mode(settings.visual_mode),
        router=settings.search.router,
        multi_dense_enabled=settings.multi_dense_enabled,
        weights={
            Channel.VISUAL: settings.weight_visual,
            Channel.TRANSCRIPT: settings.weight_transcript,
            Channel.SUMMARY: settings.weight_summary,
            Channel.LEXICAL: settings.weight_lexical,
        },
        threshold_visual=settings.threshold_visual,
        clip_timeout_s=settings.clip_text_embedding_timeout_s,
        rerank_pool_size=settings.rerank_candidate_pool_size,
        rerank_clip_weight=settings.rerank_clip_weight,
        rerank_min_score_range=settings.rerank_min_score_range,
        rerank_pool=settings.search.rerank_pool,
        fusion=settings.search.fusion,
        rrf_k=settings.search.rrf_k,
        frame_pooling=settings.search.frame_pooling,
        frame_top_k=settings.search.frame_top_k,
        hub_correction=settings.search.hub_correction,
        candidates=settings.search.candidates,
        deadline_s=settings.search.deadline_s,
        channel_timeout_s=settings.search.channel_timeout_s,
        text_missing=text_missing,
    )


def _text_embedder(found: Path | NoTextModel, threads: int) -> tuple[LocalTextEmbedder | None, str]:
    if isinstance(found, NoTextModel):
        return None, f"{found.reason}: {found.remedy}"
    return LocalTextEmbedder(found, threads=threads), ""


def _index(
    settings: Settings, embedder: Embedder, text_embedder: TextEmbedder | None, catalogue: Catalogue
) -> IndexLibrary:
    decoder = open_decoder(settings)
    return IndexLibrary(
        decoder=decoder,
        transcripts=SidecarReader(),
        embedder=embedder,
        text_embedder=text_embedder,
        catalogue=catalogue,
        artefacts=artefact_folder(settings),
        decoding_fingerprint=decoder.fingerprint,
        limits_fingerprint=decoder.limits_fingerprint,
        batch_size=settings.embedding.batch_size,
    )
