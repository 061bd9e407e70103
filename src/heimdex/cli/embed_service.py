"""``heimdex embed-service``: this machine's CLIP model for other machines."""

from __future__ import annotations

from typing import Annotated

import typer

from heimdex.cli.output import remark
from heimdex.cli.start import start


def embed_service(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8766,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Answer without a secret; on 127.0.0.1 only.")
    ] = False,
) -> None:
    """Serve text and picture embeddings, signed with CLIP_RUNPOD_SECRET.

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
    from heimdex.wiring import revealed

    keys = parse_keys(revealed(settings.clip_runpod_secret), revealed(settings.embedding.keys) or "")
    check_exposure(host, keys, allow_unsigned=allow_unsigned)
    embedding = settings.embedding
    embedder = LocalEmbedder(
        resolve_model(embedding.model, settings.data_dir / "models"),
        threads=embedding.threads,
        batch_size=embedding.batch_size,
    )
    device = embedder.providers()[0].removesuffix("ExecutionProvider").lower()
    remark(f"serving {embedder.model.model_id} on http://{host}:{port} ({device}); Ctrl-C stops it.")
    if embedder.model.notice:
        remark(embedder.model.notice)
    app = create_embedding_app(embedder, keys, device=device)
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
