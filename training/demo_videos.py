"""Films the demo library: scenes of emoji artwork with hard cuts and slow camera moves, subtitles, and the truth.

    python -m training.demo_videos --data CACHE --out src/heimdex/demo

`truth.json` is for tests and documentation; search never reads it.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from training import artwork
from training.backdrop import backdrop
from training.concepts import Vocabulary, vocabulary
from training.paint import dominant_colour, repaint
from training.render import place
from training.scene import Thing

WIDTH, HEIGHT, RATE = 640, 360, 25
STAGE = 1.5  # the scene is drawn this much larger than the frame, so that the camera can move
SPRITE_PX = 512
QUALITY = "29"  # x264 constant rate factor

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """One scene of a video: `things` are (concept name, colour name or None as drawn)."""

    start_s: float
    end_s: float
    background: str
    things: tuple[tuple[str, str | None], ...]
    said: str


@dataclass(frozen=True)
class Film:
    title: str
    language: str
    style: artwork.Style
    shots: tuple[Shot, ...]


def read_films(words: Vocabulary) -> list[Film]:
    raw = tomllib.loads(Path(__file__).with_name("demo_scenes.toml").read_text(encoding="utf-8"))
    colours = {c.name for c in words.colours}
    films = []
    for video in raw["video"]:
        shots, clock = [], 0.0
        for seconds, background, things, said in video["scenes"]:
            parsed = tuple(
                (t.split(" ", 1)[1], t.split(" ", 1)[0]) if t.split(" ")[0] in colours else (t, None) for t in things
            )
            shots.append(Shot(clock, clock + seconds, background, parsed, said))
            clock += seconds
        style = next(s for s in artwork.TRAIN_STYLES if s.name == video["style"])
        films.append(Film(video["title"], video["language"], style, tuple(shots)))
    return films


class Studio:
    """Draws the things of one film in its style."""

    def __init__(self, folder: Path, words: Vocabulary, style: artwork.Style) -> None:
        self.words, self.icons, self.codes = words, artwork.IconSet.load(folder, style), artwork.emoji_codes(folder)

    def sprite(self, concept: str, colour: str | None, rng: np.random.Generator) -> tuple[Pixels, str | None]:
        """The drawing and its true colour name (None where no single name is true)."""
        for label in self.words.concepts[self.words.concept(concept)].art:
            for name in self.icons.find(self.codes[label], label):
                drawn = self.icons.draw(name, SPRITE_PX)
                if drawn is None:
                    continue
                if colour is not None:
                    index = self.words.colour(colour)
                    return repaint(drawn, index, self.words.colours[index].rgb, rng), colour
                own = -1 if self.is_person(concept) else dominant_colour(drawn)
                return drawn, (self.words.colours[own].name if own >= 0 else None)
        raise LookupError(f"{self.icons.style.name} does not draw {concept}")

    def is_person(self, concept: str) -> bool:
        """People are not named by a colour."""
        people = next(c for c in self.words.categories if c.name == "person")
        return self.words.concept(concept) in people.members

    def stage(self, shot: Shot, rng: np.random.Generator) -> tuple[Pixels, list[dict[str, str | None]]]:
        """The whole scene, larger than a frame, and the truth about its things."""
        width, height = round(WIDTH * STAGE), round(HEIGHT * STAGE)
        canvas = backdrop(shot.background, width, height, rng)
        aspect, count = width / height, len(shot.things)
        shown: list[dict[str, str | None]] = []
        for index, (concept, colour) in enumerate(shot.things):
            drawn, true_colour = self.sprite(concept, colour, rng)
            x = aspect * (0.5 if count == 1 else 0.33 + 0.34 * index) + rng.uniform(-0.06, 0.06)
            thing = Thing(0, 0, 0, 0, x, 0.52 + rng.uniform(-0.04, 0.04), 0.68 if count == 1 else 0.52)
            place(canvas, drawn, thing, aspect)
            shown.append({"concept": concept, "colour": true_colour})
        return np.clip(canvas, 0, 255).astype(np.uint8), shown


def camera_move(stage: Pixels, frames: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """A slow pan and zoom over the stage, (HEIGHT, WIDTH, 3) each."""
    high, wide = stage.shape[:2]
    zoom = rng.permutation([rng.uniform(1.0, 1.08), rng.uniform(1.2, 1.34)])
    slack = np.array([wide, high]) * 0.035
    start, end = (np.array([wide, high]) / 2 + rng.uniform(-1, 1, 2) * slack for _ in range(2))
    for frame in range(frames):
        t = frame / max(1, frames - 1)
        scale = (WIDTH / wide) * (zoom[0] + (zoom[1] - zoom[0]) * t)
        centre = start + (end - start) * t
        half = np.array([WIDTH, HEIGHT]) / 2 / scale
        centre = np.clip(centre, half, np.array([wide, high]) - half)
        matrix = np.array([[scale, 0, WIDTH / 2 - scale * centre[0]], [0, scale, HEIGHT / 2 - scale * centre[1]]])
        yield cv2.warpAffine(stage, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA).astype(np.uint8)


def film(work: Film, studio: Studio, seed: int, file: Path) -> list[dict[str, object]]:
    """Encode one video; returns the truth about its scenes."""
    rng = np.random.default_rng(seed)
    truth: list[dict[str, object]] = []
    with av.open(str(file), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["title"] = work.title
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": QUALITY, "preset": "slow", "threads": "2"}
        for shot in work.shots:
            stage, shown = studio.stage(shot, rng)
            for picture in camera_move(stage, round((shot.end_s - shot.start_s) * RATE), rng):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            truth.append(
                {"start_s": shot.start_s, "end_s": shot.end_s, "objects": shown, "background": shot.background}
            )
        container.mux(stream.encode())
    return truth


def stamp(seconds: float) -> str:
    """SubRip time."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def subtitles(work: Film) -> list[dict[str, object]]:
    return [
        {"start_s": round(s.start_s + 0.6, 3), "end_s": round(s.end_s - 0.6, 3), "text": s.said} for s in work.shots
    ]


def make(folder: Path, out: Path) -> None:
    """Film everything into `out`: videos, subtitle files, truth.json and NOTICE.md."""
    words = vocabulary()
    out.mkdir(parents=True, exist_ok=True)
    library: dict[str, object] = {}
    films = read_films(words)
    for index, work in enumerate(films):
        file = out / f"{work.title}.mp4"
        scenes = film(work, Studio(folder, words, work.style), 40 + index, file)
        lines = subtitles(work)
        text = "\n".join(
            f"{n}\n{stamp(float(str(line['start_s'])))} --> {stamp(float(str(line['end_s'])))}\n{line['text']}\n"
            for n, line in enumerate(lines, 1)
        )
        file.with_suffix(".srt").write_text(text, encoding="utf-8")
        library[file.name] = {"title": work.title, "language": work.language, "scenes": scenes, "subtitles": lines}
        print(f"{file.name}: {file.stat().st_size // 1000} kB", flush=True)
    (out / "truth.json").write_text(
        json.dumps({"videos": library}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (out / "NOTICE.md").write_text(notice(films), encoding="utf-8")


def notice(films: list[Film]) -> str:
    rows = "\n".join(f"| {f.title} | `{f.style.package}` | {f.style.licence} |" for f in films)
    return (
        "# Artwork in the demo videos\n\n"
        "The videos were rendered for heimdex (`training/demo_videos.py`) from emoji artwork, recoloured in part\n"
        "and put on backgrounds of our own. The artwork keeps its licence:\n\n"
        f"| video | artwork (npm) | licence |\n|---|---|---|\n{rows}\n\n"
        "Noto Emoji © Google (Apache-2.0). Twemoji © Twitter, Inc. and other contributors (CC BY 4.0).\n"
        "Fluent Emoji © Microsoft (MIT). EmojiOne 2 © Ranks.com Inc. (CC BY 4.0).\n"
        "Changes: recoloured, scaled, composed into scenes.\n"
        "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the unpacked artwork in art/")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    artwork.fetch(given.data / "art")
    make(given.data / "art", given.out)
