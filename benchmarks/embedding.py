"""What heimdex adds to, and saves of, the bare cost of a CLIP model, measured side by side in one run.

    python -m benchmarks.embedding [FOLDER] [--rounds N] [--int8]

Without a folder: ViT-B/32 of the true size with random weights (`benchmarks.random_clip`), the guide's architecture.
Text: one query through the embedder (tokens, graph on the tokens alone, checks) against the same graph
on ids padded to the context length, the usual way. Pictures: through the embedder (scaling,
normalising, graph, checks) against the graph alone on ready tensors. CPU time of the process on one
thread, best of the rounds, alternating, so that a busy machine distorts both alike; each call is timed right after
the same call untimed, so that none pays for the caches that the one before it emptied. The matrix peak is a product
of 2048 x 2048 in the same run: numpy's sgemm or that of ONNX Runtime, whichever is quicker here. ``--int8`` makes
int8 copies, and measures how fast and how faithful they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.random_clip import picture_flop, write_product, write_random_clip
from heimdex.embedding.fidelity import measure_fidelity
from heimdex.embedding.folder import TEXTUAL_GRAPH, VISUAL_GRAPH, read_clip_folder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.precision import quantise
from heimdex.embedding.preprocess import preprocess
from heimdex.embedding.session import Tower, tower
from heimdex.embedding.tokenise import ClipTokeniser

QUERY = "a red car driving fast"
BATCH = 8
#: of the square matrices whose product gives the peak
SIDE = 2048


async def measure(folder: Path, product: Tower, rounds: int, *, int8: bool = False, flop: int = 0) -> dict[str, object]:
    """Return milliseconds of CPU and their ratios.

    Args:
        product: the graph of one matrix product.
        int8: measure the int8 copies in the place of the originals; the rivals stay fp32.
        flop: of one picture, for the share of the matrix peak; 0 when unknown.
    """
    found = read_clip_folder(folder)
    embedder = LocalEmbedder(folder, threads=1, batch_size=BATCH, precision="int8" if int8 else "fp32")
    text_graph, image_graph = tower(folder / TEXTUAL_GRAPH, 1), tower(folder / VISUAL_GRAPH, 1)
    length = text_graph.input_size(1) or found.tokenising.context_length
    padded = ClipTokeniser(folder / "textual/tokenizer.json", found.tokenising).ids([QUERY], length=length)
    noise = np.random.default_rng(0).integers(0, 256, (BATCH, 270, 480, 3), dtype=np.uint8)
    square = np.random.default_rng(1).normal(size=(SIDE, SIDE)).astype(np.float32)
    ready = np.stack([preprocess(Image.fromarray(picture), found.preprocessing) for picture in noise])
    text_name, image_name = text_graph.input_names[0], image_graph.input_names[0]
    runs: dict[str, Callable[[], Awaitable[object]]] = {
        "text_embedder_ms": lambda: embedder.embed_texts([QUERY], timeout_s=600),
        "text_padded_graph_ms": lambda: asyncio.to_thread(text_graph.run, {text_name: padded}),
        "images_embedder_ms": lambda: embedder.embed_images(list(noise), timeout_s=600),
        "images_bare_graph_ms": lambda: asyncio.to_thread(image_graph.run, {image_name: ready}),
        "sgemm_numpy_ms": lambda: asyncio.to_thread(np.matmul, square, square),
        "sgemm_onnxruntime_ms": lambda: asyncio.to_thread(product.run, {"a": square, "b": square}),
    }
    spent = {name: float("inf") for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            await run()
            started = time.process_time()
            await run()
            spent[name] = min(spent[name], (time.process_time() - started) * 1000)
    embedder.close()
    peak = 2 * SIDE**3 / min(spent["sgemm_numpy_ms"], spent["sgemm_onnxruntime_ms"])
    share = {"images_share_of_matrix_peak": round(BATCH * flop / spent["images_embedder_ms"] / peak, 3)} if flop else {}
    return {
        "model": found.model.model_id,
        "precision": "int8" if int8 else "fp32",
        "machine": f"{platform.machine()}, {platform.system()}, one thread",
        **{name: round(value, 2) for name, value in spent.items()},
        "pictures_a_batch": BATCH,
        "text_times_faster_than_padded": round(spent["text_padded_graph_ms"] / spent["text_embedder_ms"], 2),
        "images_share_of_bare_graph": round(spent["images_bare_graph_ms"] / spent["images_embedder_ms"], 3),
        **share,
    }


async def main(folder: Path | None, rounds: int, *, int8: bool) -> dict[str, object]:
    """Measure a folder, or one of random weights made for it."""
    with tempfile.TemporaryDirectory(prefix="heimdex-bench-") as made:
        used = folder or write_random_clip(Path(made) / "random-ViT-B-32")
        flop = 0 if folder else picture_flop()
        product = tower(write_product(Path(made) / "product.onnx"), 1)
        measured: dict[str, object] = {"fp32": await measure(used, product, rounds, flop=flop)}
        if int8:
            quantise(used)
            faithful = await measure_fidelity(used)
            measured["int8"] = await measure(used, product, rounds, int8=True, flop=flop)
            measured["fidelity"] = {part: asdict(each) | {"passes": each.passes} for part, each in faithful.items()}
        return measured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="default: random weights")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--int8", action="store_true", help="also int8 copies; a folder of yours keeps them")
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(main(asked.folder, asked.rounds, int8=asked.int8)), indent=2))
