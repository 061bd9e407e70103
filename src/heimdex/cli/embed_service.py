"""``heimdex embed-service``: this machine's CLIP model for other machines."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from heimdex.cli.output import remark
from heimdex.cli.start import start
from heimdex.domain.errors import HeimdexError, SettingsInvalid

if TYPE_CHECKING:
    from heimdex.embedding.gate import Gate


def embed_service(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8766,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Answer without a secret; on 127.0.0.1 only.")
    ] = False,
) -> None:
    """Serve text and picture embeddings, signed with CLIP_RUNPOD_SECRET.

    After a change of its keys in heimdex.toml, `kill -HUP` makes it use them without a pause.

    \b
    export CLIP_RUNPOD_SECRET=$(heimdex keygen)
    heimdex embed-service --host 0.0.0.0
    """
    settings = start(log_to_terminal=True)
    import uvicorn

    from heimdex.embedding.keys import parse_keys
    from heimdex.embedding.local import LocalEmbedder
    from heimdex.embedding.registry import resolve_model
    from heimdex.embedding.server import check_exposure, create_embedding_app
    from heimdex.embedding.session import device_of
    from heimdex.wiring import revealed

    keys = parse_keys(revealed(settings.clip_runpod_secret), revealed(settings.embedding.keys) or "")
    check_exposure(host, keys, allow_unsigned=allow_unsigned)
    embedding = settings.embedding
    embedder = LocalEmbedder(
        resolve_model(embedding.model, settings.data_dir / "models"),
        threads=embedding.threads,
        batch_size=embedding.batch_size,
        precision=embedding.precision,
    )
    device = device_of(embedder.providers())
    remark(f"serving {embedder.model.model_id} on http://{host}:{port} ({device}); Ctrl-C stops it.")
    if embedder.model.notice:
        remark(embedder.model.notice)
    app = create_embedding_app(embedder, keys, device=device)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if hasattr(signal, "SIGHUP"):
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _take_new_keys, app.state.gate)

    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    Server(config).run()


def _take_new_keys(gate: Gate) -> None:
    """Read the keys again; when they cannot be used, the present ones stay."""
    import structlog

    from heimdex.embedding.keys import parse_keys
    from heimdex.settings import load_settings
    from heimdex.wiring import revealed

    log = structlog.get_logger()
    try:
        settings = load_settings()
        keys = parse_keys(revealed(settings.clip_runpod_secret), revealed(settings.embedding.keys) or "")
        if not keys:
            raise SettingsInvalid("The embedding service has no secret any more.", remedy="Set one.")
    except HeimdexError as error:
        log.error("embedding_service.keys_kept", error=str(error))
        return
    gate.use(keys)
    log.info("embedding_service.keys_taken", keys=[key.id for key in keys])
