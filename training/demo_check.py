"""Asks the model about every scene of the demo library, in English and Korean: is the first hit a scene that shows it?

python -m training.demo_check --model src/heimdex/embedding/pocket --demo src/heimdex/demo
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from training.concepts import LANGUAGES, Vocabulary, vocabulary
from training.folder_model import FolderModel


@dataclass(frozen=True)
class Shown:
    """One scene of the library: (concept, colour or None) pairs and the background."""

    video: str
    middle_s: float
    objects: tuple[tuple[str, str | None], ...]
    background: str


def read_truth(demo: Path) -> list[Shown]:
    raw = json.loads((demo / "truth.json").read_text(encoding="utf-8"))["videos"]
    return [
        Shown(
            name,
            (scene["start_s"] + scene["end_s"]) / 2,
            tuple((o["concept"], o["colour"]) for o in scene["objects"]),
            scene["background"],
        )
        for name, video in raw.items()
        for scene in video["scenes"]
    ]


def middle_frames(demo: Path, scenes: list[Shown], model: FolderModel) -> NDArray[np.uint8]:
    """The frame in the middle of each scene at the model's input size, (N, height, width, 3)."""
    frames: list[NDArray[np.uint8]] = []
    for name in dict.fromkeys(s.video for s in scenes):
        wanted = [s.middle_s for s in scenes if s.video == name]
        with av.open(str(demo / name)) as container:
            for frame in container.decode(video=0):
                if wanted and frame.time is not None and frame.time >= wanted[0]:
                    frames.append(model.shrink(frame.to_ndarray(format="rgb24").astype(np.uint8)))
                    wanted.pop(0)
    return np.stack(frames)


def questions(scenes: list[Shown], words: Vocabulary, language: str) -> dict[str, set[int]]:
    """Query text -> scenes for which it is true: thing, colour and thing, thing and background."""
    asked: dict[str, set[int]] = {}
    for scene in scenes:
        background = words.backgrounds[words.background(scene.background)]
        for concept, colour in scene.objects:
            noun = words.concepts[words.concept(concept)].words[language][0]
            at = background.at[language][0]
            asked[noun] = {i for i, s in enumerate(scenes) if any(c == concept for c, _ in s.objects)}
            placed = f"{noun} {at}" if language == "en" else f"{at} {noun}"
            asked[placed] = {i for i in asked[noun] if scenes[i].background == scene.background}
            if colour is not None:
                shade = words.colours[words.colour(colour)].words[language][0]
                asked[f"{shade} {noun}"] = {i for i, s in enumerate(scenes) if (concept, colour) in s.objects}
    return asked


def check(folder: Path, demo: Path) -> None:
    words, scenes, model = vocabulary(), read_truth(demo), FolderModel(folder)
    seen = model.pixels(middle_frames(demo, scenes, model))
    for language in LANGUAGES:
        asked = questions(scenes, words, language)
        scores = model.texts(list(asked)) @ seen.T
        wrong = []
        for (query, true), row in zip(asked.items(), scores, strict=True):
            first = int(row.argmax())
            if first not in true:
                got = ", ".join(c for c, _ in scenes[first].objects)
                wrong.append(f"{query} -> {got} ({row[first]:.2f}, right {max(row[i] for i in true):.2f})")
        print(f"{language}: {len(asked) - len(wrong)} of {len(asked)} right at the first place; wrong: {wrong}")
    for query in ("red car", "빨간 자동차"):
        row = (model.texts([query]) @ seen.T)[0]
        order = np.argsort(-row)[:3]
        print(query, [(scenes[i].objects, round(float(row[i]), 3)) for i in order])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("src/heimdex/embedding/pocket"))
    parser.add_argument("--demo", type=Path, default=Path("src/heimdex/demo"))
    given = parser.parse_args()
    check(given.model, given.demo)
