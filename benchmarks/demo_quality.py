"""The product against its rivals on the demo library, end to end: files, decoder, model, PostgreSQL, search.

    .venv/bin/python -m benchmarks.demo_quality [--data-dir FOLDER] [--set NAME=VALUE …]

Indexes the six drawn videos in a folder of its own (or in FOLDER, where text models may lie), asks
for what is seen in every scene (`training.demo_check`), for what is said in it, and for both at
once, in English and Korean, and compares reciprocal ranks of the best right scene, in pairs, with
intervals by video. The rivals get the raw scores of the same index. Equal weights and the best
channel are chosen in hindsight, on these very queries, which flatters them.

It is a small library of drawings and its model is at home in it: it shows that the whole works,
not how well it does on photographs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from benchmarks.quality import PATIENT, with_settings
from benchmarks.rivals import CHANNEL_SETS, POOLINGS, Choice, Scores, equal_weight_scores, guide_scores
from benchmarks.simulator import TYPES, Library
from heimdex.cli.demo import FOLDER as DEMO
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel, SearchFilter
from heimdex.domain.results import SceneDetails
from heimdex.embedding.text_choice import NoTextModel, find_text_model
from heimdex.embedding.text_local import LocalTextEmbedder
from heimdex.evaluation.compare import paired_bootstrap
from heimdex.evaluation.metrics import Ranks, recall_at, reciprocal_ranks
from heimdex.ports import Embedder, SceneIndex, TextEmbedder
from heimdex.ranking.tokens import stop_words, words_of
from heimdex.search.engine import SearchEngine
from heimdex.search.grammar import parse
from heimdex.search.plan import SearchConfig
from heimdex.search.request import check
from heimdex.settings import Settings, load_settings
from heimdex.store.opening import open_store
from heimdex.wiring import open_clip, open_library
from training.concepts import vocabulary
from training.demo_check import Shown, questions, read_truth

_TIMEOUT_S = 60.0
_WORDS_ASKED = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, what it needs (index into TYPES) and the true scenes (numbers of the truth)."""

    text: str
    kind: int
    right: frozenset[int]


def _said(truth: Sequence[Shown]) -> list[str]:
    """Return for each true scene the first telling words that are said in it."""
    videos = json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))["videos"]
    said = []
    for scene in truth:
        lines = videos[scene.video]["subtitles"]
        line = next((cue["text"] for cue in lines if cue["start_s"] <= scene.middle_s < cue["end_s"]), "")
        telling = [word for word in words_of(line) if word not in stop_words()]
        said.append(" ".join(telling[:_WORDS_ASKED]))
    return said


def queries(truth: Sequence[Shown]) -> list[Asked]:
    """Return all queries: seen in both languages; said, and both, in the language of the video."""
    words, asked = vocabulary(), []
    for language in ("en", "ko"):
        asked += [Asked(text, 0, frozenset(right)) for text, right in questions(list(truth), words, language).items()]
    for number, (scene, said) in enumerate(zip(truth, _said(truth), strict=True)):
        if not said:
            continue
        korean = not said.isascii()
        asked.append(Asked(f"{said} 라고 말하는 장면" if korean else f"someone says {said}", 1, frozenset({number})))
        for concept, _ in scene.objects[:1]:
            noun = words.concepts[words.concept(concept)].words["ko" if korean else "en"][0]
            both = f"{noun} 나오고 {said} 라고 말하는 장면" if korean else f"a {noun} while someone says {said}"
            asked.append(Asked(both, 2, frozenset({number})))
    return asked


@dataclass(frozen=True, slots=True)
class _Parts:
    index: SceneIndex
    clip: Embedder
    text: TextEmbedder | None
    #: scene -> number of the truth; and the other way round, in the order of the arrays
    scenes: tuple[SceneId, ...]
    true: tuple[int, ...]


async def _scenes(index: SceneIndex, clip: Embedder, truth: Sequence[Shown]) -> tuple[list[SceneId], list[int]]:
    vector = (await clip.embed_texts(["anything"], timeout_s=_TIMEOUT_S))[0]
    found = await index.nearest(
        Channel.VISUAL, clip.model, vector, limit=1000, within=SearchFilter(), timeout_s=_TIMEOUT_S
    )
    details = await index.details([c.scene_id for c in found.candidates])
    ids, numbers = [], []
    for scene in sorted(details.values(), key=lambda d: (d.path.name, d.span.start_s)):
        ids.append(scene.scene_id)
        numbers.append(_number(scene, truth))
    return ids, numbers


def _number(scene: SceneDetails, truth: Sequence[Shown]) -> int:
    """Return which true scene lies in a found one; -1 for none."""
    inside = (
        number
        for number, shown in enumerate(truth)
        if shown.video == scene.path.name and scene.span.start_s <= shown.middle_s < scene.span.end_s
    )
    return next(inside, -1)


async def _library(parts: _Parts, asked: Sequence[Asked]) -> Library:
    """Return the raw scores of the index in the shape that the rivals take."""
    place = {scene: i for i, scene in enumerate(parts.scenes)}
    n, q = len(place), len(asked)
    held = await parts.index.frames(parts.clip.model, parts.scenes, timeout_s=_TIMEOUT_S)
    most = int(np.bincount(held.owner).max())
    frames = np.zeros((n, most, held.vectors.shape[1]), np.float32)
    for i, scene in enumerate(held.scene_ids):
        rows = held.vectors[held.owner == i].astype(np.float32)
        frames[place[scene]] = rows[np.arange(most) * len(rows) // most]  # repeats change no best and no mean direction
    clauses = [parse(query.text).sides[0] for query in asked]
    vectors = np.concatenate([await parts.clip.embed_texts([c.seen], timeout_s=_TIMEOUT_S) for c in clauses])
    lexical, transcript = np.zeros((q, n), np.float32), np.full((q, n), np.nan, np.float32)
    for i, clause in enumerate(clauses):
        hits = await parts.index.match_words(clause.words, limit=1000, within=SearchFilter(), timeout_s=_TIMEOUT_S)
        for candidate in hits.candidates:
            lexical[i, place[candidate.scene_id]] = candidate.raw
        if parts.text is not None:
            meant = (await parts.text.embed_queries([clause.spoken], timeout_s=_TIMEOUT_S))[0]
            near = await parts.index.nearest(
                Channel.TRANSCRIPT, parts.text.model, meant, limit=1000, within=SearchFilter(), timeout_s=_TIMEOUT_S
            )
            for candidate in near.candidates:
                transcript[i, place[candidate.scene_id]] = candidate.raw
    return Library(
        kind=np.array([query.kind for query in asked]),
        right=np.zeros(q, np.int64),
        video=np.zeros(n, np.int64),
        frames=frames,
        asked=vectors.astype(np.float32),
        bank=np.zeros((0, frames.shape[2]), np.float32),
        transcript=transcript,
        summary=np.full((q, n), np.nan, np.float32),
        lexical=lexical,
        seen=np.ones(n, bool),
        cosines=np.einsum("qd,nfd->qnf", vectors, frames, optimize=True),
    )


def _ranks(scores: Scores, asked: Sequence[Asked], true: Sequence[int]) -> Ranks:
    """Return the rank of the best right scene; ties count as their mean rank, what is not found as never."""
    ranks = []
    for row, query in zip(scores, asked, strict=True):
        right = [row[i] for i, number in enumerate(true) if number in query.right]
        best = max(right, default=-np.inf)
        above, ties = (row > best).sum(), (row == best).sum()
        ranks.append(1 + above + (ties - 1) / 2 if np.isfinite(best) else np.inf)
    return np.asarray(ranks, np.float64)


async def _product(parts: _Parts, config: SearchConfig, asked: Sequence[Asked]) -> Ranks:
    engine = SearchEngine(parts.index, parts.clip, parts.text, config)
    number = dict(zip(parts.scenes, parts.true, strict=True))
    ranks = []
    for query in asked:
        answer = await engine.search(check(query.text, limit=100, include_weak=True))
        shown = ({number[s] for s in (hit.scene.scene_id, *hit.merged)} for hit in answer.hits)
        ranks.append(next((rank for rank, those in enumerate(shown, start=1) if those & query.right), np.inf))
    return np.asarray(ranks, np.float64)


def _best_choice(library: Library, asked: Sequence[Asked], true: Sequence[int], options: Sequence[Choice]) -> Choice:
    def mrr(choice: Choice) -> float:
        return float(reciprocal_ranks(_ranks(equal_weight_scores(library, choice), asked, true)).mean())

    return max(options, key=mrr)


async def measure(settings: Settings, changes: Sequence[str]) -> None:
    """Index, ask and print."""
    async with open_library(settings) as opened:
        await opened.index.run([DEMO], lambda _: None)
    truth = read_truth(DEMO)
    asked = queries(truth)
    found = find_text_model(settings.embedding.text_model, settings.data_dir / "models")
    text = None if isinstance(found, NoTextModel) else LocalTextEmbedder(found, threads=1)
    async with open_clip(settings) as clip, open_store(None, settings.data_dir, stop_if_last=True) as store:
        ids, true = await _scenes(store.scenes, clip, truth)
        parts = _Parts(store.scenes, clip, text, tuple(ids), tuple(true))
        library = await _library(parts, asked)
        product = await _product(parts, with_settings(changes, PATIENT), asked)
    texts: list[Choice] = [("max", ("transcript",)), ("max", ("lexical",))]
    equal = _best_choice(library, asked, true, [(p, names) for p in POOLINGS for names in CHANNEL_SETS])
    single = _best_choice(library, asked, true, [*texts, *((p, ("visual",)) for p in POOLINGS)])
    systems = {
        "heimdex": product,
        "the guide's, as published": _ranks(guide_scores(library, seed=1), asked, true),
        "the guide's, pool of 500": _ranks(guide_scores(library, seed=1, limit=500), asked, true),
        f"equal weights: {equal[0]}, {' '.join(equal[1])}": _ranks(equal_weight_scores(library, equal), asked, true),
        f"one channel: {' '.join(single[1])}": _ranks(equal_weight_scores(library, single), asked, true),
    }
    _show(systems, asked, truth, text, len(set(true) - {-1}))


def _show(
    systems: dict[str, Ranks], asked: Sequence[Asked], truth: Sequence[Shown], text: TextEmbedder | None, scenes: int
) -> None:
    kind = np.array([query.kind for query in asked])
    videos = [truth[min(query.right)].video for query in asked]
    counts = ", ".join(f"{(kind == k).sum()} {name}" for k, name in enumerate(("seen", "said", "both")))
    model = text.model.model_id if text else "none, so that what is said is found by its words alone"
    print(f"{scenes} of {len(truth)} true scenes indexed; queries: {counts}; model for meaning: {model}")
    print(f"{'':52} R@1    MRR (seen said both)       heimdex is better by")
    ours = reciprocal_ranks(systems["heimdex"])
    for name, ranks in systems.items():
        scores = reciprocal_ranks(ranks)
        kinds = " ".join(f"{scores[kind == k].mean():.2f}" for k in range(len(TYPES)))
        over = "" if name == "heimdex" else str(paired_bootstrap(ours, scores, videos))
        print(f"  {name:50} {recall_at(ranks, 1):.3f}  {scores.mean():.3f} ({kinds})   {over}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="keep the library here; models are read from its models folder")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of SearchConfig to try")
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=args.data_dir or Path(folder))
        asyncio.run(measure(settings, args.set))
    return 0


if __name__ == "__main__":
    sys.exit(main())
