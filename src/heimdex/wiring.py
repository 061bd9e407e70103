"""The composition root: settings become adapters, adapters become use cases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from heimdex.domain.errors import ModelInvalid
from heimdex.domain.query import Channel, Mode
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.opening import open_embedder
from heimdex.embedding.registry import AUTO, POCKET, pocket_model_id, resolve_model
from heimdex.embedding.text_choice import NoTextModel, find_text_model
from heimdex.embedding.text_local import LocalTextEmbedder
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.backfill import Backfill
from heimdex.ingest.library import IndexLibrary
from heimdex.ingest.removing import Remover
from heimdex.ingest.tidying import Tidying
from heimdex.ingest.watching import WatchRules
from heimdex.ingest.worker import WorkRules
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.ports import Catalogue, Embedder, Preferences, Tags, TextEmbedder
from heimdex.ports.jobs import Inventory, JobQueue
from heimdex.ports.shelf import VideoShelf
from heimdex.ports.spaces import NamedModel, VectorSpaces
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.settings import Settings
from heimdex.speech.sidecar import SidecarReader
from heimdex.store.opening import Store, open_store
from heimdex.store.vector_index import VectorIndexes

InUse = Mapping[Channel, NamedModel]


@dataclass(frozen=True, slots=True)
class Models:
    """The models that answer queries and embed new videos."""

    embedder: Embedder
    text_embedder: TextEmbedder | None
    #: why there is no text embedder, and what to do about it; empty when there is one
    text_reason: str
    #: what each was opened by; empty for a service
    names: Mapping[Channel, str]
    #: what the library said was in use when they were chosen
    in_use: InUse


@dataclass(slots=True)
class Library:
    """An open library, ready to be searched and added to.

    ``adopt`` exchanges its models, and with them ``search`` and ``index``; a search that runs keeps those that it had.
    """

    settings: Settings
    catalogue: Catalogue
    queue: JobQueue
    inventory: Inventory
    shelf: VideoShelf
    preferences: Preferences
    tags: Tags
    spaces: VectorSpaces
    #: folder of the keyframes
    artefacts: Path
    models: Models
    search: SearchEngine
    index: IndexLibrary
    #: whether queries may use a CLIP model of this process, which then loads at its first use
    loads_clip: bool
    _store: Store

    @property
    def embedder(self) -> Embedder:
        """The CLIP model."""
        return self.models.embedder

    @property
    def text_embedder(self) -> TextEmbedder | None:
        """The model for the meaning of text."""
        return self.models.text_embedder

    @property
    def vector_indexes(self) -> VectorIndexes:
        """The approximate indexes, for libraries too large to be searched whole."""
        return self._store.vector_indexes

    @property
    def backfill(self) -> Backfill:
        """What embeds the library anew."""
        return Backfill(self.spaces, self.artefacts, self.settings.embedding.batch_size)

    def adopt(self, models: Models) -> None:
        """Use other models from the next search and the next indexing on. The former ones stay open."""
        config = replace(self.search.config, text_missing=models.text_reason)
        self.search = SearchEngine(
            self._store.scenes, models.embedder, models.text_embedder, config, self._store.preferences
        )
        self.index = _index(self.settings, models, self._store)
        self.models = models


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
    if settings.clip_runpod_url is None:  # a wrong name is said at once, before the database starts
        resolve_model(settings.embedding.model, models_folder(settings))
    find_text_model(settings.embedding.text_model, models_folder(settings))
    async with (
        open_spaces(settings, stop_if_last=stop_if_last) as store,
        open_models(settings, await store.spaces.in_use()) as models,
    ):
        yield Library(
            settings=settings,
            catalogue=store.catalogue,
            shelf=store.shelf,
            preferences=store.preferences,
            tags=store.tags,
            spaces=store.spaces,
            artefacts=artefact_folder(settings),
            models=models,
            search=SearchEngine(
                store.scenes,
                models.embedder,
                models.text_embedder,
                search_config(settings, models.text_reason),
                store.preferences,
            ),
            index=_index(settings, models, store),
            queue=store.jobs,
            inventory=store.inventory,
            loads_clip=settings.clip_runpod_url is None and settings.calls_clip,
            _store=store,
        )


def open_spaces(settings: Settings, *, stop_if_last: bool = False) -> AbstractAsyncContextManager[Store]:
    """Return the library's database, to be entered, without its models: they may be what is to be mended."""
    return open_store(
        revealed(settings.database_url), settings.data_dir, stop_if_last=stop_if_last,
        lease_s=settings.worker.lease_s, max_attempts=settings.worker.attempts,
        exact_below=settings.search.exact_below,
    )  # fmt: skip


@asynccontextmanager
async def open_models(settings: Settings, in_use: InUse) -> AsyncIterator[Models]:
    """Open the models that ``settings`` name, or that the library uses where they say ``auto``. Raises ModelInvalid."""
    text_model = find_text_model(settings.embedding.text_model, models_folder(settings), in_use.get(Channel.TRANSCRIPT))
    async with AsyncExitStack() as resources:
        embedder = await resources.enter_async_context(open_clip(settings, in_use.get(Channel.VISUAL)))
        text_embedder: LocalTextEmbedder | None = None
        text_reason = ""
        if isinstance(text_model, NoTextModel):
            text_reason = f"{text_model.reason}: {text_model.remedy}"
        else:
            text_embedder = LocalTextEmbedder(text_model, threads=settings.embedding.threads)
            resources.callback(text_embedder.close)
        names = {
            Channel.VISUAL: "" if settings.clip_runpod_url else clip_name(settings, in_use.get(Channel.VISUAL)),
            Channel.TRANSCRIPT: "" if isinstance(text_model, NoTextModel) else name_of(text_model, settings),
        }
        yield Models(embedder, text_embedder, text_reason, names, in_use)


@asynccontextmanager
async def open_named(settings: Settings, channel: Channel, name: str) -> AsyncIterator[Embedder | TextEmbedder]:
    """Open a model of this machine for ``channel``, whatever is in use. Raises ModelInvalid."""
    embedding = settings.embedding
    opened: LocalEmbedder | LocalTextEmbedder
    if channel is Channel.VISUAL:
        folder = resolve_model(name, models_folder(settings))
        opened = LocalEmbedder(
            folder, threads=embedding.threads, batch_size=embedding.batch_size, precision=embedding.precision
        )
    else:
        found = find_text_model(name, models_folder(settings))
        if isinstance(found, NoTextModel):
            raise ModelInvalid(f"There is no text model: {found.reason}.", remedy=found.remedy)
        opened = LocalTextEmbedder(found, threads=embedding.threads)
    try:
        yield opened
    finally:
        opened.close()


def clip_name(settings: Settings, in_use: NamedModel | None) -> str:
    """Return what the CLIP model of this process is opened by."""
    if settings.embedding.model != AUTO:
        return settings.embedding.model
    if in_use is None:
        return POCKET
    if not in_use.name and in_use.model.model_id == pocket_model_id():  # indexed before names were noted
        return POCKET
    return in_use.name or in_use.model.model_id


def name_of(folder: Path, settings: Settings) -> str:
    """Return what opens the text model in ``folder`` again."""
    return folder.name if folder.parent == models_folder(settings) else str(folder.resolve())


def models_folder(settings: Settings) -> Path:
    """Return the folder of the installed models."""
    return settings.data_dir / "models"


def open_clip(settings: Settings, in_use: NamedModel | None = None) -> AbstractAsyncContextManager[Embedder]:
    """Return the CLIP model that ``settings`` name, to be entered: in the process or over HTTP.

    Args:
        in_use: what the library is indexed with, for settings that leave the choice to it.

    Entering raises ModelInvalid or SettingsInvalid. A service is left alone where the settings say skip.
    """
    return open_embedder(
        url=settings.clip_runpod_url,
        secret=revealed(settings.clip_runpod_secret),
        keys=revealed(settings.embedding.keys) or "",
        scheme=settings.clip_auth_scheme,
        max_retries=settings.clip_text_embedding_max_retries,
        model=clip_name(settings, in_use),
        models_dir=models_folder(settings),
        threads=settings.embedding.threads,
        batch_size=settings.embedding.batch_size,
        precision=settings.embedding.precision,
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


def _index(settings: Settings, models: Models, store: Store) -> IndexLibrary:
    decoder = open_decoder(settings)
    return IndexLibrary(
        decoder=decoder,
        transcripts=SidecarReader(),
        embedder=models.embedder,
        text_embedder=models.text_embedder,
        catalogue=store.catalogue,
        queue=store.jobs,
        artefacts=artefact_folder(settings),
        workers=settings.data_dir / "workers",
        decoding_fingerprint=decoder.fingerprint,
        limits_fingerprint=decoder.limits_fingerprint,
        batch_size=settings.embedding.batch_size,
        rules=WorkRules(
            concurrency=settings.worker.concurrency,
            poll_s=settings.worker.poll_s,
            patience_s=settings.worker.patience_s,
            max_failures=settings.worker.retries,
        ),
        least_free_bytes=settings.ingest.free_bytes,
        tidying=open_tidying(settings, store),
    )


def open_tidying(settings: Settings, store: Store) -> Tidying:
    """Return what compares the artefact folder with the library."""
    return Tidying(Artefacts(artefact_folder(settings)), store.inventory, store.jobs)


def open_remover(settings: Settings, store: Store) -> Remover:
    """Return what takes videos out of the library."""
    return Remover(store.inventory, store.jobs, open_tidying(settings, store))


def watch_rules(settings: Settings) -> WatchRules:
    """Return how patient `heimdex watch` is."""
    watch = settings.watch
    return WatchRules(watch.poll_s, watch.settle_s, watch.forget_after_s)
