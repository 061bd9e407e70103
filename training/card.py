"""The model card: what the pocket model knows, what it does not, its figures, and the licences of its artwork."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.artwork import HELD_STYLE, TRAIN_STYLES
from training.concepts import Vocabulary

BARS = {
    "trained": {
        "object": (0.95, 0.92),
        "colour + object": (0.50, 0.50),
        "colour + object, held-out pairs": (0.40, 0.40),
        "two objects": (0.60, 0.60),
        "object + background": (0.75, 0.75),
        "binding, two coloured objects against swapped": (0.93, 0.93),
        "absent concept": (0.93, 0.93),
    },
    "unseen": {"object": (0.55, 0.55), "binding, two coloured objects against swapped": (0.75, 0.75)},
}
TITLES = {"trained": "Trained styles, held-out scenes", "unseen": "Style never trained on (OpenMoji)"}


def value(figure: dict[str, Any]) -> float:
    return float(figure.get("p1", figure.get("accuracy", figure.get("auc", 0.0))))


def table(name: str, figures: dict[str, Any]) -> str:
    lines = [
        f"### {TITLES[name]}",
        "",
        "| query | English | Korean | aim | chance | ideal part-blind model |",
        "|---|---|---|---|---|---|",
    ]
    for kind, english in figures["en"].items():
        korean = figures["ko"][kind]
        aim = BARS[name].get(kind)
        told = "–" if aim is None else " / ".join(f"{a:.2f}" for a in dict.fromkeys(aim))
        blind = ", ".join(f"{k} {v:.2f}" for k, v in english.items() if k.startswith("only ")) or "–"
        count = english.get("n", english.get("present", 0))
        both = f"{value(english):.3f} | {value(korean):.3f}"
        lines.append(f"| {kind} (n {count}) | {both} | {told} | {english['chance']} | {blind} |")
    return "\n".join(lines)


def model_card(words: Vocabulary, figures: dict[str, Any], calibration: dict[str, Any]) -> str:
    """Fill the template `model_card.md`."""
    below = calibration["below_weak"]
    return (
        Path(__file__)
        .with_name("model_card.md")
        .read_text(encoding="utf-8")
        .format(
            concepts=", ".join(c.words["en"][0] for c in words.concepts),
            concept_count=len(words.concepts),
            categories=", ".join(c.words["en"][0] for c in words.categories),
            category_count=len(words.categories),
            colours=", ".join(c.name for c in words.colours),
            colour_count=len(words.colours),
            places=", ".join(b.name for b in words.backgrounds),
            place_count=len(words.backgrounds),
            trained=table("trained", figures["trained"]),
            unseen=table("unseen", figures["unseen"]),
            weak=calibration["weak"],
            absent_object=f"{below['absent object']:.0%}",
            absent_pair=f"{below['absent pair']:.0%}",
            unknown=f"{below['unknown']:.0%}",
            styles="\n".join(f"| `{s.package}` | {s.licence} | training |" for s in TRAIN_STYLES),
            held_style=HELD_STYLE.package,
            held_licence=HELD_STYLE.licence,
        )
    )
