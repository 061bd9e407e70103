"""What a decoding pass is told. Apart from the decoder, so that the parent need not load FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecodeRules:
    """What the scenes depend on (the first four) and what bounds the work."""

    min_scene_s: float
    max_scene_s: float
    keyframes_per_scene: int
    thumbnail_px: int
    max_duration_s: float
    max_frame_px: int
    max_scenes: int
    threads: int = 0
