"""Does pooling keyframes, or holding back hubs, help the pocket model in the demo library?

    .venv/bin/python -m training.keyframe_check

Indexes the six drawn videos as the product does (its decoder, its keyframes, the model that it
ships), asks about every scene in English and Korean (thing, coloured thing, thing and background,
as `training.demo_check` asks), and prints R@1 and MRR of the best scene that shows it. It is a
small library and its model is at home in it: differences below a few points are chance, which is
what the intervals by video say.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.registry import resolve_model
from heimdex.evaluation.compare import paired_bootstrap
from heimdex.evaluation.metrics import recall_at
from heimdex.ingest.images import read_image
from heimdex.media.decode import decode_video
from heimdex.media.rules import DecodeRules
from heimdex.ranking.hubs import background_captions, nearness
from heimdex.ranking.pool_frames import Pooling, pool_frames
from heimdex.settings import IngestSettings
from training.concepts import LANGUAGES, vocabulary
from training.demo_check import Shown, questions, read_truth

DEMO = Path(str(resources.files("heimdex") / "demo"))
POOLINGS: tuple[Pooling, ...] = ("max", "softmax", "mean", "top_k")
_PATIENCE_S = 600.0
_INGEST = IngestSettings()
RULES = DecodeRules(
    min_scene_s=_INGEST.min_scene_s,
    max_scene_s=_INGEST.max_scene_s,
    keyframes_per_scene=_INGEST.keyframes_per_scene,
    thumbnail_px=_INGEST.thumbnail_px,
    max_duration_s=_INGEST.max_duration_s,
    max_frame_px=_INGEST.max_frame_px,
    max_scenes=_INGEST.max_scenes,
)


def keyframes(embedder: LocalEmbedder, truth: list[Shown]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return unit rows and the number of the true scene that each shows."""
    pictures, owner = [], []
    for name in dict.fromkeys(shown.video for shown in truth):
        numbers = [number for number, shown in enumerate(truth) if shown.video == name]
        with tempfile.TemporaryDirectory() as folder:
            decoded = decode_video(DEMO / name, Path(folder), RULES, on_progress=lambda _: None)
            for scene in decoded.scenes:
                inside = [n for n in numbers if scene.span.start_s <= truth[n].middle_s < scene.span.end_s]
                for frame in scene.keyframes if inside else ():
                    pictures.append(read_image(Path(folder) / frame.image))
                    owner.append(inside[0])
    rows = asyncio.run(embedder.embed_images(pictures, timeout_s=_PATIENCE_S))
    order = np.argsort(owner, kind="stable")
    return rows[order], np.asarray(owner, np.int64)[order]


def main() -> int:
    truth, words = read_truth(DEMO), vocabulary()
    embedder = LocalEmbedder(resolve_model("pocket", Path()), threads=1)
    rows, owner = keyframes(embedder, truth)
    found = np.unique(owner)
    dense = np.searchsorted(found, owner)
    asked = [(text, right) for lang in LANGUAGES for text, right in questions(truth, words, lang).items()]
    texts = asyncio.run(embedder.embed_texts([text for text, _ in asked], timeout_s=_PATIENCE_S))
    near = nearness(asyncio.run(embedder.embed_texts(background_captions(), timeout_s=_PATIENCE_S)), rows, dense)
    print(f"{len(found)} of {len(truth)} scenes found, {len(rows)} keyframes, {len(asked)} queries")
    base: NDArray[np.float64] | None = None
    for how in POOLINGS:
        for name, alpha in ((how, 0.0), (f"{how}, hubs held back", 0.75)):
            ranks = []
            for query, (_, right) in zip(texts, asked, strict=True):
                scores = pool_frames(query, rows, dense, how) - alpha * near
                best = max((scores[np.searchsorted(found, n)] for n in right if n in found), default=-np.inf)
                ranks.append(1 + int((scores > best).sum()))
            figures = 1.0 / np.asarray(ranks, np.float64)
            base = figures if base is None else base
            videos = [truth[min(right)].video for _, right in asked]
            change = paired_bootstrap(figures, base, videos)
            print(f"  {name:26} R@1 {recall_at(ranks, 1):.3f}  MRR {figures.mean():.3f}  against max {change}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
