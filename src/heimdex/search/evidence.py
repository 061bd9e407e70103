"""What speaks for a hit: its receipt, its label, the words to show and the second to play from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate, Label, Match, SceneDetails
from heimdex.ports import EmbeddingModel
from heimdex.ranking.fuse import Fused
from heimdex.ranking.labels import (
    OUTLIER_MIN_SCORES,
    CutOffs,
    Spoken,
    label_cosine,
    label_outlier,
    label_words,
    strongest,
)
from heimdex.ranking.rerank import Blended
from heimdex.ranking.signals import spoken_part
from heimdex.ranking.tokens import content_words, index_terms, quoted_phrases
from heimdex.search.hearing import Heard

_SPEECH = frozenset({Channel.TRANSCRIPT, Channel.LEXICAL})
_TOLD_CHARACTERS = 300


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
        scores = [c.raw for c in self.found[channel].values()]
        if channel is Channel.SUMMARY and len(scores) < OUTLIER_MIN_SCORES:
            return Label.NONE  # a few descriptions have no middle to stand out of; their words may still count
        return label_outlier(candidate.raw, scores)

    def may_count(self, scene: SceneId) -> bool:
        """Return whether a scene can have a label at all; decided without reading its transcript."""
        worded = any(scene in self.found.get(channel, {}) for channel in (Channel.LEXICAL, Channel.SUMMARY))
        return worded or any(self.cosine_label(channel, scene) is not Label.NONE for channel in self.models)

    def labels(self, scene: SceneId, details: SceneDetails) -> dict[Channel, Label]:
        """Return the label that each kind of evidence earns."""
        labels = {channel: self.cosine_label(channel, scene) for channel in self.models}
        if scene in self.found.get(Channel.LEXICAL, {}):
            labels[Channel.LEXICAL] = label_words(self.spoken, " ".join(s.text for s in details.segments))
        if scene in self.found.get(Channel.SUMMARY, {}):
            worded = label_words(self.spoken, details.description)
            labels[Channel.SUMMARY] = strongest((worded, labels.get(Channel.SUMMARY, Label.NONE)))
        return labels


def matches(
    scene: SceneId,
    fused: Fused,
    ranks: Mapping[Channel, Mapping[SceneId, int]],
    retrieved: Mapping[Channel, Mapping[SceneId, Candidate]],
    blended: Blended | None,
    scored: Mapping[SceneId, Candidate],
    heard: Heard,
    description: str,
    labels: Mapping[Channel, Label],
) -> tuple[Match, ...]:
    """Return a scene's receipt: the sum of ``normalised · weight`` over it is the scene's score."""
    base_weight = 1.0 if blended is None else blended.base_weight
    said = heard.share > 0.0
    lines = []
    for channel, weight in fused.weights.items():
        candidate = retrieved[channel].get(scene)
        if candidate is None:
            continue
        is_speech = said and channel in _SPEECH
        lines.append(
            Match(
                channel=channel,
                rank=ranks[channel][scene],
                raw=candidate.raw,
                normalised=fused.normalised[channel][scene],
                weight=weight * base_weight,
                label=labels.get(channel, Label.NONE),
                frame_s=candidate.frame_s,
                text=heard.text if is_speech else _told(description) if channel is Channel.SUMMARY else None,
                text_span=heard.span if is_speech else None,
            )
        )
    if blended is not None and blended.clip is not None:
        clip = scored.get(scene)
        lines.append(
            Match(
                channel=Channel.VISUAL,
                rank=ranks.get(Channel.VISUAL, {}).get(scene),
                raw=blended.clip,
                normalised=blended.clip_normalised,
                weight=blended.clip_weight,
                label=labels.get(Channel.VISUAL, Label.NONE),
                frame_s=clip.frame_s if clip else None,
                by="rerank",
            )
        )
    return tuple(sorted(lines, key=lambda line: (-line.normalised * line.weight, line.channel)))


def _told(description: str) -> str | None:
    text = " ".join(description.split())
    return (text if len(text) <= _TOLD_CHARACTERS else text[:_TOLD_CHARACTERS].rstrip() + "…") or None


def recompute(matched: Sequence[Match], penalty: float = 0.0) -> float:
    """Return the score that a receipt adds up to."""
    return sum(match.normalised * match.weight for match in matched) - penalty


def moment_of(details: SceneDetails, matched: Sequence[Match], heard: Heard) -> float:
    """Return where to start playing: at the words when they speak most for the hit, else at the scene's start."""
    speech = sum(match.normalised * match.weight for match in matched if match.channel in _SPEECH)
    if heard.share <= 0.0 or speech < recompute(matched) / 2:
        return details.span.start_s
    return min(max(heard.starts_s, details.span.start_s), details.span.end_s)
