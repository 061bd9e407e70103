"""Reads weights in the safetensors format: a length, a JSON table of contents, raw little-endian arrays.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FLOAT32 = "F32"
_WORST_HEADER_BYTES = 100_000_000


def read_float32(file: Path) -> dict[str, NDArray[np.float32]]:
    """Return name -> array for every float32 tensor, views on the mapped file.

    Raises:
        ValueError: the file is cut short or its table does not fit its content.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, _WORST_HEADER_BYTES):
            raise ValueError(f"{file} is not a safetensors file")
        table = json.loads(stream.read(length))
    content = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
    found: dict[str, NDArray[np.float32]] = {}
    for name, entry in table.items():
        if name == "__metadata__" or entry["dtype"] != _FLOAT32:
            continue
        start, end = entry["data_offsets"]
        if end > len(content) or end - start != 4 * math.prod(entry["shape"]):
            raise ValueError(f"{file} is cut short: {name} is not whole")
        found[name] = np.frombuffer(content[start:end].tobytes(), dtype="<f4").reshape(entry["shape"])
    return found
