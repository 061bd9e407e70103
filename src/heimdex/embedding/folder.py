"""A CLIP model is a folder in the layout of the public ONNX exports; this reads and checks one.

    config.json                       embed_dim and text_cfg, as open_clip writes them
    visual/model.onnx                 one input, pictures (N, 3, H, W); one output (N, embed_dim)
    visual/preprocess_cfg.json
    textual/model.onnx                one input, token ids (N, L); one output (N, embed_dim)
    textual/tokenizer.json
    textual/tokenizer_config.json
    calibration.json                  ours, optional: weak, medium, strong

Three keys of ``config.json`` are ours: ``model_id`` (otherwise the folder's name), ``knows``
(``"drawings"`` for a model that does not know photographs) and ``languages`` (tags such as ``en``
of the texts that it can read; otherwise those of the registry).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding.checksum import files_revision
from heimdex.embedding.preprocess import Preprocessing, parse_preprocessing
from heimdex.embedding.registry import find_known
from heimdex.embedding.tokenise import Tokenising, parse_tokenising
from heimdex.ports import Calibration, EmbeddingModel

VISUAL_GRAPH = "visual/model.onnx"
TEXTUAL_GRAPH = "textual/model.onnx"
REQUIRED_FILES = (
    "config.json",
    VISUAL_GRAPH,
    "visual/preprocess_cfg.json",
    TEXTUAL_GRAPH,
    "textual/tokenizer.json",
    "textual/tokenizer_config.json",
)
DRAWINGS_NOTICE = (
    "The built-in pocket model knows drawings, not photographs: "
    "`heimdex models pull XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k` brings a real model."
)
BRING_AGAIN = (
    "Fetch it again with `heimdex models pull NAME`, or copy the whole folder of the export; "
    "`heimdex models verify` checks it."
)


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """A folder whose files are all there and whose settings make sense. The graphs are not opened yet."""

    path: Path
    model: EmbeddingModel
    preprocessing: Preprocessing
    tokenising: Tokenising


def read_clip_folder(path: Path) -> ClipFolder:
    """Read and check everything but the graphs.

    Raises:
        ModelInvalid: a file is missing, is a pointer instead of a file, or says something that cannot be.
    """
    require_files(path, REQUIRED_FILES)
    config = read_json(path / "config.json")
    dim = config.get("embed_dim")
    if not isinstance(dim, int) or not 1 <= dim <= 16_000:
        raise ModelInvalid(f"{path / 'config.json'}: embed_dim is {dim!r}, not a dimension.", remedy=BRING_AGAIN)
    tokenizer_config = read_json(path / "textual" / "tokenizer_config.json")
    try:
        preprocessing = parse_preprocessing(read_json(path / "visual" / "preprocess_cfg.json"))
        tokenising = parse_tokenising(config, tokenizer_config)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ModelInvalid(f"The model in {path} cannot be used: {error}.", remedy=BRING_AGAIN) from None
    model_id = str(config.get("model_id") or path.resolve().name)
    model = EmbeddingModel(
        model_id=model_id,
        revision=files_revision(path, deciding_files(path)),
        dim=dim,
        notice=DRAWINGS_NOTICE if config.get("knows") == "drawings" else "",
        calibration=read_calibration(path),
        languages=_languages(model_id, config.get("languages")),
    )
    return ClipFolder(path, model, preprocessing, tokenising)


def _languages(model_id: str, said: object) -> tuple[str, ...]:
    if isinstance(said, list):
        return tuple(str(tag) for tag in said)
    known = find_known(model_id)
    return known.languages if known is not None else ()


def deciding_files(path: Path) -> list[Path]:
    """Return the files that decide the vectors: the required ones, and weights kept beside a graph."""
    return [
        *(path / name for name in REQUIRED_FILES),
        *(p for part in ("visual", "textual") for p in (path / part).glob("*data") if p.is_file()),
    ]


def require_files(path: Path, names: tuple[str, ...]) -> None:
    """Raise ModelInvalid unless every file is there and holds its content."""
    if not path.is_dir():
        raise ModelInvalid(f"There is no model folder {path}.", remedy=BRING_AGAIN)
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise ModelInvalid(f"The model folder {path} lacks {', '.join(missing)}.", remedy=BRING_AGAIN)
    for name in names:
        if _is_pointer(path / name):
            raise ModelInvalid(
                f"{path / name} is a Git LFS pointer, not the file itself.", remedy="Run `git lfs pull` in the folder."
            )


def read_json(file: Path) -> Mapping[str, Any]:
    """Return the object in a JSON file. Raises ModelInvalid when it holds none."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{file} cannot be read: {error}.", remedy=BRING_AGAIN) from None
    if not isinstance(content, dict):
        raise ModelInvalid(f"{file} holds no JSON object.", remedy=BRING_AGAIN)
    return content


def read_calibration(path: Path) -> Calibration | None:
    """Return the model's cosines for weak, medium and strong matches, None when nobody measured them."""
    if not (path / "calibration.json").is_file():
        return None
    content = read_json(path / "calibration.json")
    try:
        return Calibration(*(float(content[name]) for name in ("weak", "medium", "strong")))
    except (KeyError, TypeError, ValueError):
        raise ModelInvalid(
            f"{path / 'calibration.json'} needs weak <= medium <= strong, cosines from -1 to 1.",
            remedy="Correct the file, or delete it: matches are then shown without a label.",
        ) from None


def _is_pointer(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(64).startswith(b"version https://git-lfs")
