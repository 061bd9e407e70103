"""The models on this machine: what there is, taking one in, checking it, letting it go."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heimdex.domain.errors import BadRequest, HeimdexError, ModelInvalid, NotFound
from heimdex.embedding.checksum import file_sha256
from heimdex.embedding.fidelity import measure_fidelity
from heimdex.embedding.folder import BRING_AGAIN, read_clip_folder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.lock import read_lock
from heimdex.embedding.precision import PARTS, Fidelity, Part, int8_file
from heimdex.embedding.registry import (
    Kind,
    KnownModel,
    find_known,
    how_to_install,
    installed_folder,
    known_models,
    pocket_folder,
)
from heimdex.embedding.session import device_of
from heimdex.embedding.text_local import TEXT_MODEL_FILE, LocalTextEmbedder, read_text_folder
from heimdex.ports import EmbeddingModel

_PROBE_TIMEOUT_S = 600.0
_PROBE_TEXTS = ("red car", "빨간 자동차", "")
_PROBE_PICTURE = np.linspace(0, 255, 30 * 40 * 3).reshape(30, 40, 3).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Shelved:
    """One model: known by name, on this machine, or both."""

    name: str
    kind: Kind
    folder: Path | None
    known: KnownModel | None
    #: None when it is not installed or cannot be used
    model: EmbeddingModel | None = None
    #: why it cannot be used; empty when it can
    problem: str = ""


def list_models(models_dir: Path) -> list[Shelved]:
    """Return the registry's models in its order, then folders that the user brought."""
    known = known_models()
    listed = [_shelved(model.id, model.kind, installed_folder(model, models_dir), model) for model in known]
    names = {model.id for model in known}
    own = sorted(p for p in models_dir.glob("*") if p.is_dir() and not p.name.startswith(".") and p.name not in names)
    return listed + [_shelved(folder.name, kind_of(folder), folder, None) for folder in own]


def find_model(name: str, models_dir: Path) -> Shelved:
    """Return the model of either kind that ``name`` means: a registry name, a folder in ``models_dir``, or a path.

    Raises:
        ModelInvalid: it is not here, or cannot be used.
    """
    known = find_known(name)
    places = [installed_folder(known, models_dir)] if known else [models_dir / name, Path(name).expanduser()]
    folder = next((place for place in places if name and place.is_dir()), None)
    if folder is None:
        remedy = how_to_install(known) if known else "`heimdex models list` shows what is installed."
        raise ModelInvalid(f"The model {name!r} is not installed.", remedy=remedy)
    found = _shelved(
        known.id if known else name if folder.parent == models_dir else str(folder.resolve()),
        known.kind if known else kind_of(folder),
        folder,
        known,
    )
    if found.model is None:
        raise ModelInvalid(found.problem, remedy=BRING_AGAIN)
    return found


def kind_of(folder: Path) -> Kind:
    """Say what a folder looks like."""
    return "text" if (folder / TEXT_MODEL_FILE).is_file() or (folder / "onnx").is_dir() else "clip"


async def add_model(source: Path, models_dir: Path, *, name: str = "") -> Path:
    """Copy a folder in, after its graphs have answered; return the copy.

    Raises:
        ModelInvalid: it cannot be used.
        BadRequest: the name is taken, or is none.
    """
    target = _free_place(name or source.name, models_dir)
    await verify_model(source)
    return await asyncio.to_thread(_copy_in, source, target)


@dataclass(frozen=True, slots=True)
class Verified:
    """A model that answers."""

    model: EmbeddingModel
    #: such as ``cpu`` or ``cuda``
    device: str
    #: how near int8 copies come, where there are some
    int8: Mapping[Part, Fidelity] = field(default_factory=dict)


async def verify_model(folder: Path, models_dir: Path | None = None) -> Verified:
    """Compare a model with the lock file, open its graphs and let them answer; measure int8 copies again.

    Raises:
        ModelInvalid: it is not what was downloaded, or cannot be used.
    """
    if models_dir is not None:
        _compare_with_lock(folder, models_dir)
    if kind_of(folder) == "text":
        text = LocalTextEmbedder(folder)
        try:
            await text.embed_queries(_PROBE_TEXTS, timeout_s=_PROBE_TIMEOUT_S)
        finally:
            text.close()
        return Verified(text.model, device_of(text.providers()))
    clip = LocalEmbedder(folder, precision="fp32")
    try:
        await clip.embed_texts(_PROBE_TEXTS[:2], timeout_s=_PROBE_TIMEOUT_S)
        await clip.embed_images([_PROBE_PICTURE], timeout_s=_PROBE_TIMEOUT_S)
    finally:
        clip.close()
    copies = all(int8_file(folder, part).is_file() for part in PARTS)
    return Verified(clip.model, device_of(clip.providers()), await measure_fidelity(folder) if copies else {})


def remove_model(name: str, models_dir: Path) -> None:
    """Delete a model's folder; the lock file goes on remembering what it was.

    Raises:
        NotFound: there is none. BadRequest: it is built in.
    """
    if name == pocket_folder().name:
        raise BadRequest("The built-in model is part of heimdex.", remedy="Choose another: HEIMDEX_EMBEDDING__MODEL.")
    folder = models_dir / name
    if not _is_name(name) or not folder.is_dir():
        raise NotFound(f"No model {name!r} is installed.", remedy="`heimdex models list` shows what is.")
    shutil.rmtree(folder)


def _free_place(name: str, models_dir: Path) -> Path:
    if not _is_name(name):
        raise BadRequest(f"{name!r} is no name for a model.", remedy="Use letters, digits, - and _.")
    if (models_dir / name).exists() or name == pocket_folder().name:
        raise BadRequest(f"There is already a model {name}.", remedy=f"`heimdex models remove {name}` first.")
    return models_dir / name


def _is_name(name: str) -> bool:
    """Say whether ``name`` is one folder inside the models' folder, and nothing above or beside it."""
    return bool(name) and not name.startswith(".") and Path(name).name == name


def _copy_in(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    return partial.rename(target)


def _shelved(name: str, kind: Kind, folder: Path, known: KnownModel | None) -> Shelved:
    if not folder.is_dir():
        return Shelved(name, kind, None, known)
    try:
        model = read_clip_folder(folder).model if kind == "clip" else read_text_folder(folder).model
    except HeimdexError as error:
        return Shelved(name, kind, folder, known, problem=error.message)
    return Shelved(name, kind, folder, known, model)


def _compare_with_lock(folder: Path, models_dir: Path) -> None:
    locked = read_lock(models_dir).get(folder.name)
    if locked is None or folder.resolve().parent != models_dir.resolve():
        return
    wrong = [n for n, due in locked.files.items() if not (folder / n).is_file() or file_sha256(folder / n) != due]
    if wrong:
        raise ModelInvalid(
            f"{', '.join(wrong)} of {folder.name} is not what was downloaded.",
            remedy=f"`heimdex models remove {folder.name}`, then `heimdex models pull {folder.name}`.",
        )
