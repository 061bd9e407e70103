"""Which text belongs to which scene."""

from __future__ import annotations

from collections.abc import Sequence

from heimdex.domain.media import Scene, Segment

_HEARD_S = 1.0


def text_of_scenes(scenes: Sequence[Scene], segments: Sequence[Segment]) -> list[str]:
    """Return the text of each scene: every segment goes to each scene that it overlaps well.

    A segment belongs to the scene that it overlaps longest, and to any other that holds at least a
    third of it or a second: words can be heard in a second, and a sentence that goes on over a cut
    is looked for as a whole. Exact repetitions within a scene (the same line in two files) count once.
    """
    texts: list[dict[str, None]] = [{} for _ in scenes]
    first = 0
    for segment in sorted(segments, key=lambda s: s.span.start_s):
        while first < len(scenes) - 1 and scenes[first].span.end_s <= segment.span.start_s:
            first += 1
        for index in _homes(scenes, segment, first):
            texts[index].setdefault(segment.text)
    return [" ".join(lines) for lines in texts]


def _homes(scenes: Sequence[Scene], segment: Segment, first: int) -> list[int]:
    if not scenes or segment.span.start_s >= scenes[-1].span.end_s:
        return []
    overlaps: list[tuple[float, int]] = []
    for index in range(first, len(scenes)):
        if index > first and scenes[index].span.start_s >= segment.span.end_s:
            break
        overlaps.append((scenes[index].span.overlap_s(segment.span), index))
    longest = max(overlaps, key=lambda o: o[0])
    enough = min(segment.span.duration_s / 3, _HEARD_S)
    return [index for overlap, index in overlaps if index == longest[1] or (enough > 0 and overlap >= enough)]
