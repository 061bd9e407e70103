"""What speaks for a hit: its receipt, its label, the words to show and the second to play from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.media import Segment
from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate, Label, Match, SceneDetails
from heimdex.ports import EmbeddingModel
from heimdex.ranking.fuse import Fused
from heimdex.ranking.labels import (
    CutOffs,
    Spoken,
    coverage,
    label_cosine,
    label_outlier,
    label_words,
    occurs,
    strongest,
)
from heimdex.ranking.rerank import Blended
from heimdex.ranking.signals import spoken_part
from heimdex.ranking.tokens import content_words, index_terms, quoted_phrases

_SPEECH = frozenset({Channel.TRANSCRIPT, Channel.LEXICAL, Channel.SUMMARY})


def spoken_of(query: str) -> Spoken:
    """Return what of a query should be heard in a transcript."""
    heard = spoken_part(query, without_verbs=True)
    return Spoken(tuple(content_words(heard)), tuple(index_terms(heard)), quoted_phrases(query))


@dataclass(frozen=True, slots=True)
class Evidence:
    """All raw evidence of one search."""

    spoken: Spoken
    #: channel -> scene -> candidate; for the visual channel also what CLIP only rescored
    found: Mapping[Channel, Mapping[SceneId, Candidate]]
    models: Mapping[Channel, EmbeddingModel]

    def cosine_label(self, channel: Channel, scene: SceneId) -> Label:
        """Return the label of a dense channel's score for a scene, by its model's cut-offs if it has them."""
        candidate = self.found.get(channel, {}).get(scene)
        if candidate is None or channel not in self.models:
            return Label.NONE
        if cut := self.models[channel].calibration:
            return label_cosine(candidate.raw, CutOffs(cut.weak, cut.medium, cut.strong))
        return label_outlier(candidate.raw, [c.raw for c in self.found[channel].values()])

    def may_count(self, scene: SceneId) -> bool:
        """Return whether a scene can have a label at all; decided without reading its transcript."""
        said = scene in self.found.get(Channel.LEXICAL, {})
        return said or any(self.cosine_label(channel, scene) is not Label.NONE for channel in self.models)

    def labels(self, scene: SceneId, details: SceneDetails) -> dict[Channel, Label]:
        """Return the label that each kind of evidence earns."""
        labels = {channel: self.cosine_label(channel, scene) for channel in self.models}
        if scene in self.found.get(Channel.LEXICAL, {}):
            labels[Channel.LEXICAL] = label_words(self.spoken, " ".join(s.text for s in details.segments))
        return labels

    def label(self, scene: SceneId, details: SceneDetails) -> Label:
        """Return the best label of any kind of evidence."""
        return strongest(self.labels(scene, details).values())


def best_segment(spoken: Spoken, segments: Sequence[Segment]) -> tuple[Segment | None, float]:
    """Return the segment with the most of the query's words, earliest first, and the share that it has."""
    best: tuple[float, Segment] | None = None
    for segment in segments:
        terms = index_terms(segment.text)
        phrases = (spoken.whole, *spoken.required)
        share = coverage(spoken, terms) + any(occurs(phrase, terms) for phrase in phrases)
        if best is None or share > best[0]:
            best = (share, segment)
    return (None, 0.0) if best is None else (best[1], min(1.0, best[0]))


def matches(
    scene: SceneId,
    fused: Fused,
    ranks: Mapping[Channel, Mapping[SceneId, int]],
    found: Mapping[Channel, Mapping[SceneId, Candidate]],
    blended: Blended | None,
    said: tuple[Segment | None, float],
) -> tuple[Match, ...]:
    """Return a scene's receipt: the sum of ``normalised · weight`` over it is the scene's score."""
    base_weight = 1.0 if blended is None else blended.base_weight
    segment, share = said
    lines = []
    for channel, weight in fused.weights.items():
        candidate = found[channel].get(scene)
        if candidate is None:
            continue
        heard = segment if channel in _SPEECH and share > 0.0 else None
        lines.append(
            Match(
                channel=channel,
                rank=ranks[channel][scene],
                raw=candidate.raw,
                normalised=fused.normalised[channel][scene],
                weight=weight * base_weight,
                frame_s=candidate.frame_s,
                text=heard.text if heard else None,
                text_span=heard.span if heard else None,
            )
        )
    if blended is not None and blended.clip is not None:
        clip = found.get(Channel.VISUAL, {}).get(scene)
        lines.append(
            Match(
                channel=Channel.VISUAL,
                rank=ranks.get(Channel.VISUAL, {}).get(scene),
                raw=blended.clip,
                normalised=blended.clip_normalised,
                weight=blended.clip_weight,
                frame_s=clip.frame_s if clip else None,
            )
        )
    return tuple(sorted(lines, key=lambda line: (-line.normalised * line.weight, line.channel)))


def recompute(matched: Sequence[Match]) -> float:
    """Return the score that a receipt adds up to."""
    return sum(match.normalised * match.weight for match in matched)


def moment_of(details: SceneDetails, matched: Sequence[Match], said: tuple[Segment | None, float]) -> float:
    """Return where to start playing: at the words when they speak most for the hit, else at the scene's start."""
    segment, share = said
    speech = sum(match.normalised * match.weight for match in matched if match.channel in _SPEECH)
    if segment is None or share <= 0.0 or speech < recompute(matched) / 2:
        return details.span.start_s
    return min(max(segment.span.start_s, details.span.start_s), details.span.end_s)
