"""Openly licensed emoji artwork: fetched with `npm pack`, rasterised into sprites.

A sprite is (side, side, 4) uint8 RGBA, straight alpha. Every style but `openmoji` may be trained on; `openmoji` is
share-alike and is only measured on.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray

from training.concepts import Vocabulary

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Style:
    name: str
    version: str
    licence: str
    ink: bool = False  # one-colour line drawings, which we fill with a second colour

    @property
    def package(self) -> str:
        return f"@iconify-json/{self.name}@{self.version}"


TRAIN_STYLES = (
    Style("noto", "1.2.9", "Apache-2.0"),
    Style("noto-v1", "1.2.5", "Apache-2.0"),
    Style("twemoji", "1.2.5", "CC-BY-4.0"),
    Style("fluent-emoji-flat", "1.2.6", "MIT"),
    Style("fluent-emoji", "1.2.7", "MIT"),
    Style("fxemoji", "1.2.2", "Apache-2.0"),
    Style("emojione", "1.2.3", "CC-BY-4.0"),
    Style("streamline-emojis", "1.2.4", "CC-BY-4.0"),
    Style("fluent-emoji-high-contrast", "1.2.6", "MIT", ink=True),
    Style("emojione-monotone", "1.2.1", "CC-BY-4.0", ink=True),
)
HELD_STYLE = Style("openmoji", "1.2.29", "CC-BY-SA-4.0")
STYLES = (*TRAIN_STYLES, HELD_STYLE)
NAMES_PACKAGE = "emojibase-data@17.0.0"  # MIT; names and tags from Unicode CLDR
WORDS_PACKAGES = ("cldr-localenames-full@48.2.0", "an-array-of-english-words@2.0.0")


def fetch(folder: Path) -> None:
    """Download and unpack every package into `folder/<package name>` (skipped where present)."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in (*(s.package for s in STYLES), NAMES_PACKAGE, *WORDS_PACKAGES):
        target = folder / package.rsplit("@", 1)[0].split("/")[-1]
        if target.exists():
            continue
        done = subprocess.run(
            ["npm", "pack", package, "--silent"], cwd=folder, check=True, capture_output=True, text=True
        )
        archive = folder / done.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
        archive.unlink()


@dataclass
class IconSet:
    """The SVG icons of one style, found by code point or by slug."""

    style: Style
    icons: dict[str, Any]
    aliases: dict[str, Any]
    by_code: dict[str, str]
    size: tuple[int, int]

    @staticmethod
    def load(folder: Path, style: Style) -> IconSet:
        package = folder / style.name / "package"
        raw = json.loads((package / "icons.json").read_text(encoding="utf-8"))
        chars = package / "chars.json"
        codes = json.loads(chars.read_text(encoding="utf-8")) if chars.exists() else {}
        return IconSet(
            style, raw["icons"], raw.get("aliases", {}), codes, (raw.get("width", 16), raw.get("height", 16))
        )

    def find(self, hexcode: str, label: str) -> list[str]:
        """Icon names that draw the emoji; numbered variants (`dog-1`, `dog-2`) all count."""
        code = hexcode.lower()
        slug = re.sub("[^a-z0-9]+", "-", label.lower().replace("’", "")).strip("-")
        wanted = [self.by_code.get(c) for c in (code, code.replace("-fe0f", ""), code + "-fe0f")] + [slug]
        wanted += [f"{slug}-{i}" for i in (1, 2, 3)] + [f"{slug}-face", f"{slug}-face-1", f"{slug}-face-2"]
        found: list[str] = []
        for name in wanted:
            while name is not None and name in self.aliases:
                name = self.aliases[name]["parent"]
            if name is not None and name in self.icons and name not in found:
                found.append(name)
        numbered = [n for n in found if n[-1:].isdigit() and n[-2:-1] == "-"]
        return numbered or found[:1]

    def draw(self, name: str, side: int) -> Pixels | None:
        """Rasterise one icon; None where nearly nothing was drawn."""
        icon = self.icons[name]
        width, height = icon.get("width", self.size[0]), icon.get("height", self.size[1])
        body = icon["body"].replace("currentColor", "#000000")
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}" width="{width}" height="{height}">{body}</svg>'
        )
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            return None
        if image.shape[:2] != (side, side):
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        if (image[..., 3] > 40).mean() < 0.03:
            return None
        return np.ascontiguousarray(image[..., [2, 1, 0, 3]]).astype(np.uint8)


@dataclass
class Sprites:
    """All drawings of all concepts: pixels (S, side, side, 4); style, concept, colour (S,); colour -1 = mixed."""

    pixels: Pixels
    style: NDArray[np.int16]
    concept: NDArray[np.int16]
    colour: NDArray[np.int16]

    def save(self, file: Path) -> None:
        np.savez(file, pixels=self.pixels, style=self.style, concept=self.concept, colour=self.colour)

    @staticmethod
    def load(file: Path) -> Sprites:
        with np.load(file) as z:
            return Sprites(z["pixels"], z["style"], z["concept"], z["colour"])


def emoji_codes(folder: Path) -> dict[str, str]:
    """Emoji label (English, emojibase) -> hexcode."""
    data = json.loads((folder / "emojibase-data/package/en/data.json").read_text(encoding="utf-8"))
    return {entry["label"]: entry["hexcode"] for entry in data}


def rasterise(folder: Path, words: Vocabulary, side: int = 96) -> Sprites:
    """Draw every concept in every style that has it."""
    from training.paint import dominant_colour  # painting builds on the sprite type above

    codes = emoji_codes(folder)
    pixels: list[Pixels] = []
    rows: list[tuple[int, int, int]] = []
    for style_index, style in enumerate(STYLES):
        icons = IconSet.load(folder, style)
        for concept_index, concept in enumerate(words.concepts):
            for label in concept.art:
                for name in icons.find(codes[label], label):
                    sprite = icons.draw(name, side)
                    if sprite is None:
                        continue
                    pixels.append(sprite)
                    rows.append((style_index, concept_index, -1 if style.ink else dominant_colour(sprite)))
    style_of, concept_of, colour_of = np.array(rows, np.int16).T
    return Sprites(np.stack(pixels), style_of, concept_of, colour_of)
