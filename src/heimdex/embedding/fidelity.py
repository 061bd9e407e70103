"""Does an int8 copy give the answers of its original? Measured on the model and the machine at hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.precision import Fidelity, Part, write_note
from heimdex.ports import Image, Matrix

_TIMEOUT_S = 1800.0
_PLACES = 10
_COLOURS = {
    "red": ("빨간", (200, 30, 30)), "green": ("초록", (30, 150, 50)), "blue": ("파란", (40, 60, 210)),
    "yellow": ("노란", (235, 215, 40)), "black": ("검은", (15, 15, 15)), "white": ("하얀", (245, 245, 245)),
}  # fmt: skip
_THINGS = {"car": "자동차", "dog": "개", "tree": "나무", "house": "집"}
_SENTENCES = (
    "a person walks along the beach at sunset", "two people talk in a kitchen", "close-up of a hand with a ring",
    "crowded street at night, neon lights", "사람들이 식당에서 밥을 먹는다", "눈 덮인 산 위의 아침 해",
)  # fmt: skip


async def measure_fidelity(folder: Path) -> dict[Part, Fidelity]:
    """Compare the int8 copies with the originals, note the result in the folder, and return it.

    Texts: 54 queries, English and Korean. Pictures: 72 drawn ones. Overlap: the first ten of those pictures for
    each query, before and after one side is exchanged.

    Raises:
        ModelInvalid: there are no copies, or a graph fails.
    """
    texts, pictures = probe_texts(), probe_pictures()
    exact, quick = LocalEmbedder(folder, precision="fp32"), LocalEmbedder(folder, precision="int8")
    try:
        read, read_quick = [await e.embed_texts(texts, timeout_s=_TIMEOUT_S) for e in (exact, quick)]
        seen, seen_quick = [await e.embed_images(pictures, timeout_s=_TIMEOUT_S) for e in (exact, quick)]
    finally:
        exact.close()
        quick.close()
    found: dict[Part, Fidelity] = {
        "visual": _fidelity(seen, seen_quick, read @ seen.T, read @ seen_quick.T),
        "textual": _fidelity(read, read_quick, read @ seen.T, read_quick @ seen.T),
    }
    write_note(folder, exact.model.revision, found)
    return found


def probe_texts() -> list[str]:
    """Return the queries."""
    english = [f"a {colour} {thing}" for colour, thing in product(_COLOURS, _THINGS)]
    korean = [f"{word} {thing}" for (word, _), thing in product(_COLOURS.values(), _THINGS.values())]
    return [*english, *korean, *_SENTENCES]


def probe_pictures() -> list[Image]:
    """Return drawn pictures, (180, 320, 3) uint8: shapes of every colour on grounds of every other, with noise."""
    chance = np.random.default_rng(0)
    paints = [colour for _, colour in _COLOURS.values()]
    pictures: list[Image] = []
    for number in range(72):
        ground, paint = paints[number % 6], paints[(number // 6 + number + 1) % 6]
        picture = PillowImage.new("RGB", (320, 180), ground)
        left, top, size = (int(value) for value in chance.integers((10, 10, 40), (200, 90, 90)))
        draw = (ImageDraw.Draw(picture).rectangle, ImageDraw.Draw(picture).ellipse)[number % 2]
        draw((left, top, left + size, top + size), fill=paint)
        noisy = np.asarray(picture) + chance.normal(0, 6, (180, 320, 3))
        pictures.append(noisy.clip(0, 255).astype(np.uint8))
    return pictures


def _fidelity(exact: Matrix, quick: Matrix, before: Matrix, after: Matrix) -> Fidelity:
    cosines = (exact * quick).sum(axis=1)
    first, then = (np.argsort(-scores, axis=1, kind="stable")[:, :_PLACES] for scores in (before, after))
    stay = [len(set(one) & set(other)) / _PLACES for one, other in zip(first.tolist(), then.tolist(), strict=True)]
    return Fidelity(float(cosines.min()), float(cosines.mean()), round(float(np.mean(stay)), 6))  # 0.9 is 0.9
