"""Which models have names, and which folder a name means on this machine."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from heimdex.domain.errors import ModelInvalid

Kind = Literal["clip", "text"]
POCKET = "pocket"
#: the value of a setting that leaves the choice to the library
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One entry of ``registry.toml``."""

    id: str
    kind: Kind
    dim: int
    licence: str
    languages: tuple[str, ...]
    notes: str
    #: on the model hub; empty for a model that comes another way
    repository: str = ""
    #: on the package index; empty for a model that comes another way
    package: str = ""
    built_in: bool = False
    default: bool = False
    #: files to fetch; empty means the layout of a CLIP export
    files: tuple[str, ...] = ()
    query_prefix: str = ""
    passage_prefix: str = ""
    pooling: Literal["mean", "cls"] = "mean"
    max_tokens: int = 512


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Return the registry, in its order."""
    content = tomllib.loads(resources.files("heimdex.embedding").joinpath("registry.toml").read_text("utf-8"))
    listed = ("languages", "files")
    entries: list[dict[str, Any]] = content["model"]
    return tuple(
        KnownModel(**(entry | {name: tuple(entry[name]) for name in listed if name in entry})) for entry in entries
    )


def find_known(name: str) -> KnownModel | None:
    """Return the entry called ``name``, by its id or its repository."""
    return next((model for model in known_models() if name in (model.id, model.repository) and name), None)


def default_model(kind: Kind) -> KnownModel:
    """Return the model to pull when the user names none."""
    return next(model for model in known_models() if model.kind == kind and model.default)


def pocket_folder() -> Path:
    """Return the folder of the built-in model."""
    return Path(str(resources.files("heimdex.embedding"))) / POCKET


@cache
def pocket_model_id() -> str:
    """Return what vectors of the built-in model are noted under."""
    return str(json.loads((pocket_folder() / "config.json").read_text("utf-8"))["model_id"])


def installed_folder(model: KnownModel, models_dir: Path) -> Path:
    """Return where the model lies, or would lie once pulled."""
    return pocket_folder() if model.built_in else models_dir / model.id


def resolve_model(name: str, models_dir: Path) -> Path:
    """Return the folder of the CLIP model that ``name`` means.

    ``auto`` is the built-in model. Otherwise in this order: the built-in model, the registry's name of an
    installed model, a folder inside ``models_dir``, the path of a folder.

    Raises:
        ModelInvalid: not installed, or no such model; the remedy is the command that brings it.
    """
    known = find_known(POCKET if name == AUTO else name)
    if known is not None:
        if known.kind != "clip":
            raise ModelInvalid(
                f"{name} is a model for the meaning of text, it knows no pictures.",
                remedy="Set HEIMDEX_EMBEDDING__TEXT_MODEL to it; HEIMDEX_EMBEDDING__MODEL takes a CLIP model.",
            )
        folder = installed_folder(known, models_dir)
        if folder.is_dir():
            return folder
        raise ModelInvalid(f"The model {name} is not installed.", remedy=how_to_install(known))
    for folder in (models_dir / name, Path(name).expanduser()):
        if name and folder.is_dir():
            return folder
    raise ModelInvalid(
        f"There is no model {name!r}: neither a name that heimdex knows nor a folder.",
        remedy=f"`heimdex models list` shows the names, `heimdex models pull {default_model('clip').id}` fetches one.",
    )


def how_to_install(model: KnownModel) -> str:
    """Return the remedy for a model that is not there."""
    if model.built_in:
        return "Install heimdex again: the built-in model is part of it. From a checkout: `make pocket`."
    if model.package:
        return "Run `heimdex models add-minilm`."
    return f"Run `heimdex models pull {model.id}`, or bring its folder by hand with `heimdex models add PATH`."
