"""What heimdex adds to, and saves of, the bare cost of a CLIP model, measured side by side in one run.

    python -m benchmarks.embedding [FOLDER] [--rounds N]

Text: one query through the embedder (tokens, graph on the tokens alone, checks) against the same graph
on ids padded to the context length, the usual way. Pictures: through the embedder (scaling,
normalising, graph, checks) against the graph alone on ready tensors. CPU time of the process on one
thread, best of the rounds, alternating, so that a busy machine distorts both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from heimdex.embedding.folder import TEXTUAL_GRAPH, VISUAL_GRAPH, read_clip_folder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.preprocess import preprocess
from heimdex.embedding.registry import pocket_folder
from heimdex.embedding.session import tower
from heimdex.embedding.tokenise import ClipTokeniser

QUERY = "a red car driving fast"
BATCH = 8


async def measure(folder: Path, rounds: int) -> dict[str, object]:
    """Return milliseconds of CPU and the two ratios."""
    from PIL import Image

    found = read_clip_folder(folder)
    embedder = LocalEmbedder(folder, threads=1, batch_size=BATCH)
    text_graph, image_graph = tower(folder / TEXTUAL_GRAPH, 1), tower(folder / VISUAL_GRAPH, 1)
    length = text_graph.input_size(1) or found.tokenising.context_length
    padded = ClipTokeniser(folder / "textual/tokenizer.json", found.tokenising).ids([QUERY], length=length)
    noise = np.random.default_rng(0).integers(0, 256, (BATCH, 270, 480, 3), dtype=np.uint8)
    ready = np.stack([preprocess(Image.fromarray(picture), found.preprocessing) for picture in noise])
    text_name, image_name = text_graph.input_names[0], image_graph.input_names[0]
    runs: dict[str, Callable[[], Awaitable[object]]] = {
        "text_embedder_ms": lambda: embedder.embed_texts([QUERY], timeout_s=600),
        "text_padded_graph_ms": lambda: asyncio.to_thread(text_graph.run, {text_name: padded}),
        "images_embedder_ms": lambda: embedder.embed_images(list(noise), timeout_s=600),
        "images_bare_graph_ms": lambda: asyncio.to_thread(image_graph.run, {image_name: ready}),
    }
    spent = {name: float("inf") for name in runs}
    for _ in range(rounds + 1):  # one more: the first opens the graphs
        for name, run in runs.items():
            started = time.process_time()
            await run()
            spent[name] = min(spent[name], (time.process_time() - started) * 1000)
    return {
        "model": found.model.model_id,
        "machine": f"{platform.machine()}, {platform.system()}, one thread",
        **{name: round(value, 2) for name, value in spent.items()},
        "pictures_a_batch": BATCH,
        "text_times_faster_than_padded": round(spent["text_padded_graph_ms"] / spent["text_embedder_ms"], 2),
        "images_share_of_bare_graph": round(spent["images_bare_graph_ms"] / spent["images_embedder_ms"], 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=pocket_folder())
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(measure(asked.folder, asked.rounds)), indent=2))
