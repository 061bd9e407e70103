"""Which graph of a model runs: the one that came, or an int8 copy made here that was found to be as good.

``visual/model.int8.onnx`` and ``textual/model.int8.onnx`` lie beside the originals. ``int8.json`` holds what
`heimdex.embedding.fidelity` measured on this machine, and for which files: a copy that was not measured, or
whose original changed, is not used.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding.checksum import file_sha256
from heimdex.embedding.session import runs_on_cpu

Precision = Literal["auto", "fp32", "int8"]
Part = Literal["visual", "textual"]
PARTS: tuple[Part, Part] = ("visual", "textual")
NOTE = "int8.json"

#: what an int8 copy must reach against its original
LEAST_COSINE = 0.99
LEAST_OVERLAP = 0.90


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How near an int8 copy comes to its original, on the same inputs."""

    least_cosine: float
    mean_cosine: float
    #: mean share of the first ten places that stay, over many queries
    overlap: float

    @property
    def passes(self) -> bool:
        """Whether the copy may stand in."""
        return self.least_cosine >= LEAST_COSINE and self.overlap >= LEAST_OVERLAP


def graph_file(folder: Path, part: Part, precision: Precision, revision: str) -> Path:
    """Return the graph to open for one side of a CLIP folder.

    Args:
        precision: ``auto`` takes the int8 copy where it passed and the CPU does the work.
        revision: of the folder; a note about another one is void.

    Raises:
        ModelInvalid: int8 was asked for and there is no copy.
    """
    original, copy = folder / part / "model.onnx", int8_file(folder, part)
    if precision == "fp32":
        return original
    if precision == "int8":
        if copy.is_file():
            return copy
        raise ModelInvalid(
            f"There is no int8 copy of {folder.name}.", remedy=f"`heimdex models quantise {folder.name}` makes it."
        )
    found = read_note(folder, revision).get(part)
    return copy if found is not None and found.passes and copy.is_file() and runs_on_cpu() else original


def int8_file(folder: Path, part: Part) -> Path:
    """Return where the int8 copy lies, or would lie."""
    return folder / part / "model.int8.onnx"


def quantise(folder: Path) -> None:
    """Write both int8 copies: weights of the matrix products in 8 bits, activations quantised as they come.

    Source: dynamic quantisation of ONNX Runtime; embeddings, convolutions and norms stay as they are.

    Raises:
        ModelInvalid: `onnx` is not installed, or a graph cannot be quantised.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]
    except ImportError:
        raise ModelInvalid("Making int8 copies needs the package `onnx`.", remedy="`pip install onnx`.") from None
    (folder / NOTE).unlink(missing_ok=True)
    for part in PARTS:
        copy = int8_file(folder, part)
        fresh = copy.with_suffix(".new")
        logging.disable(logging.WARNING)  # it advises steps that change nothing for these graphs
        try:
            quantize_dynamic(
                folder / part / "model.onnx", fresh, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True,
                weight_type=QuantType.QInt8, extra_options={"MatMulConstBOnly": True},
            )  # fmt: skip
        except Exception as error:  # onnx and ONNX Runtime raise what they like
            raise ModelInvalid(
                f"{folder / part / 'model.onnx'} cannot be quantised: {str(error).splitlines()[0][:200]}.",
                remedy="It goes on being used as it is.",
            ) from None
        finally:
            logging.disable(logging.NOTSET)
        fresh.replace(copy)


def write_note(folder: Path, revision: str, found: dict[Part, Fidelity]) -> None:
    """Remember what was measured, and of which files."""
    content = {
        part: {
            "least_cosine": each.least_cosine, "mean_cosine": each.mean_cosine, "overlap": each.overlap,
            "sha256": file_sha256(int8_file(folder, part)),
        }
        for part, each in found.items()
    }  # fmt: skip
    fresh = folder / f"{NOTE}.new"
    fresh.write_text(json.dumps({"revision": revision, **content}, indent=2) + "\n")
    fresh.replace(folder / NOTE)


def read_note(folder: Path, revision: str) -> dict[Part, Fidelity]:
    """Return what was measured of these very files; nothing where that is unknown."""
    try:
        content = json.loads((folder / NOTE).read_text())
        if content["revision"] != revision:
            return {}
        return {
            part: Fidelity(said["least_cosine"], said["mean_cosine"], said["overlap"])
            for part in PARTS
            if (said := content.get(part)) and said["sha256"] == file_sha256(int8_file(folder, part))
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
