"""``heimdex doctor``: what works, what is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import platform
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heimdex.cli.exits import ExitCode
from heimdex.cli.output import plain, remark, say, say_json
from heimdex.cli.running import find_server
from heimdex.cli.start import start
from heimdex.domain.errors import HeimdexError, StoreUnavailable
from heimdex.domain.query import Channel

if TYPE_CHECKING:
    from heimdex.settings import Settings
    from heimdex.wiring import InUse

LEAST_FREE_BYTES = 1 << 30
_MODEL_TIMEOUT_S = 60.0
#: how far from 1 the length of a vector may be
_NORM_TOLERANCE = 1e-3
SAMPLE = Path(__file__).with_name("sample.mp4")

State = Literal["ok", "optional", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. ``optional``: absent, and heimdex does well without it."""

    check: str
    state: State
    detail: str
    remedy: str = ""


class NotWell(HeimdexError):
    """A check failed."""


def doctor(
    mend: Annotated[
        bool, typer.Option("--mend", help="First remove pictures of no video, and index anew what lost its pictures.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of JSON objects.")] = False,
) -> None:
    """Check everything that heimdex needs; each line says ok, or what is missing and what to do.

    \b
    heimdex doctor
    heimdex doctor --mend
    """
    settings = start()
    if mend:
        asyncio.run(_mend(settings))
    findings = asyncio.run(examine(settings))
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "ok      ", "optional": "absent  ", "missing": "MISSING "}[finding.state]
            say(f"{mark} {finding.check:<15} {plain(' '.join(finding.detail.split()))}")
            if finding.remedy:
                say(f"{'':<25}→ {plain(finding.remedy)}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


async def examine(settings: Settings) -> list[Finding]:
    """Run every check, one after another; a failing one does not stop the rest."""
    checks: dict[str, Callable[[Settings], Awaitable[Finding | str]]] = {
        "python": _python,
        "data directory": _data_directory,
        "free disk": _free_disk,
        "database": _database,
        "pictures": _pictures,
        "picture model": _picture_model,
        "text model": _text_model,
        "decoder": _decoder,
        "server": _server,
    }
    findings = []
    for name, check in checks.items():
        try:
            found = await check(settings)
        except HeimdexError as error:
            found = Finding(name, "missing", error.message, error.remedy)
        except Exception as error:
            found = Finding(name, "missing", f"{type(error).__name__}: {error}", "Reinstall heimdex, or report this.")
        findings.append(found if isinstance(found, Finding) else Finding(name, "ok", found))
    return findings


async def _python(_settings: Settings) -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


async def _data_directory(settings: Settings) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=settings.data_dir):
            return str(settings.data_dir)
    except OSError as error:
        raise NotWell(
            f"{settings.data_dir}: {error.strerror}", remedy="Set HEIMDEX_DATA_DIR to a folder that you may write to."
        ) from None


async def _free_disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.data_dir).free
    if free < LEAST_FREE_BYTES:
        raise NotWell(f"{free / 1e9:.1f} GB free", remedy="Free some space, or set HEIMDEX_DATA_DIR to another disk.")
    return f"{free / 1e9:.0f} GB free"


async def _database(settings: Settings) -> str:
    from heimdex.store.migrate import LEAST_PGVECTOR
    from heimdex.store.opening import open_store

    url = settings.database_url.get_secret_value() if settings.database_url else None
    async with open_store(url, settings.data_dir) as store:
        scenes = (await store.catalogue.status()).scenes
    kind = "the server of DATABASE_URL" if url else "embedded PostgreSQL"
    least = ".".join(str(part) for part in LEAST_PGVECTOR[:2])
    return f"{kind} answers, pgvector {least} or newer, schema current, {scenes} scenes"


async def _pictures(settings: Settings) -> Finding | str:
    from heimdex.wiring import open_spaces, open_tidying

    try:
        async with open_spaces(settings) as store:
            found = await open_tidying(settings, store).look(thorough=True)
    except StoreUnavailable:
        return Finding("pictures", "optional", "not compared with the library, whose database does not answer")
    if found.is_foreign:
        raise NotWell(
            "the folder artefacts belongs to another library",
            remedy="Give each library a HEIMDEX_DATA_DIR of its own; or remove artefacts/.library to adopt the folder.",
        )
    if found.orphans or found.bare:
        raise NotWell(
            f"{len(found.orphans)} results of no video, {len(found.bare)} videos without their pictures",
            remedy="heimdex doctor --mend, then heimdex worker --drain.",
        )
    return "every video has its pictures, and no picture is left over"


async def _mend(settings: Settings) -> None:
    from heimdex.wiring import open_spaces, open_tidying

    async with open_spaces(settings) as store:
        tidying = open_tidying(settings, store)
        found = await tidying.look(thorough=True)
        queued = await tidying.mend(found)
    remark(
        f"removed {len(found.orphans)} results of no video; put {queued} of {len(found.bare)} videos into the queue."
    )


async def _picture_model(settings: Settings) -> str:
    import numpy as np

    from heimdex.embedding.session import device_of
    from heimdex.wiring import open_clip

    async with open_clip(settings, (await _in_use(settings)).get(Channel.VISUAL)) as embedder:
        text = await embedder.embed_texts(["red car", "빨간 자동차"], timeout_s=_MODEL_TIMEOUT_S)
        image = await embedder.embed_images([np.zeros((32, 32, 3), np.uint8)], timeout_s=_MODEL_TIMEOUT_S)
        model, providers = embedder.model, getattr(embedder, "providers", None)
    rows = np.concatenate([text, image])
    if rows.shape[1] != model.dim or np.abs(np.linalg.norm(rows, axis=1) - 1).max() > _NORM_TOLERANCE:
        raise NotWell(f"{model.model_id} makes vectors of a wrong kind", remedy="Fetch the model again.")
    place = f" on {device_of(providers())}" if providers else f" at {settings.clip_runpod_url}"
    notice = f" ({model.notice})" if model.notice else ""
    return f"{model.model_id}{place}, {model.dim}-d, unit vectors{notice}"


async def _in_use(settings: Settings) -> InUse:
    """Return what the library is indexed with; nothing when the database does not say: its own check tells."""
    from heimdex.wiring import open_spaces

    try:
        async with open_spaces(settings) as store:
            return await store.spaces.in_use()
    except HeimdexError:
        return {}


async def _text_model(settings: Settings) -> Finding | str:
    from heimdex.embedding.text_choice import NoTextModel, find_text_model
    from heimdex.embedding.text_local import LocalTextEmbedder

    in_use = (await _in_use(settings)).get(Channel.TRANSCRIPT)
    folder = find_text_model(settings.embedding.text_model, settings.data_dir / "models", in_use)
    if isinstance(folder, NoTextModel):
        detail = f"{folder.reason}; spoken words are found, their meaning is not"
        return Finding("text model", "optional", detail, folder.remedy)
    embedder = LocalTextEmbedder(folder)
    try:
        await embedder.embed_queries(["goodbye"], timeout_s=_MODEL_TIMEOUT_S)
    finally:
        embedder.close()
    return f"{embedder.model.model_id}, {embedder.model.dim}-d"


async def _decoder(settings: Settings) -> Finding | str:
    from heimdex.wiring import open_decoder

    decoder = open_decoder(settings)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(tempfile.mkdtemp(dir=folder))
        decoded = await asyncio.to_thread(decoder.decode, SAMPLE, place, on_progress=lambda _: None)
        refused = await asyncio.to_thread(decoder.examine, place)
    made = f"a clip of {decoded.facts.duration_s:.0f} s gave {len(decoded.scenes)} scenes"
    free = [_FREEDOMS[name] for name, is_refused in refused.items() if not is_refused]
    if not free:
        return f"{made}; its process can reach no network, start nothing and write nowhere else"
    detail = f"{made}; a file that takes over its process could {' and '.join(free)}"
    return Finding("decoder", "optional", detail, "Index files of strangers on Linux 5.13 or newer.")


#: what is wrong where the system does not refuse it
_FREEDOMS = {"network": "reach the network", "processes": "start others", "files": "write where you may"}


async def _server(settings: Settings) -> Finding | str:
    server = find_server(settings.data_dir)
    if server is None:
        return Finding("server", "optional", "none runs", "`heimdex serve` starts the search page.")
    return f"{server.url} (process {server.pid})"
