"""What a decoding pass is told. Apart from the decoder, so that the parent need not load FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass

#: name of the sound that is written, in the folder of the keyframes
AUDIO = "audio.wav"
#: names of the ways to find cuts: ours, and PySceneDetect's adaptive one for comparison (extra `scenedetect`)
OWN, SCENEDETECT = "own", "scenedetect"


@dataclass(frozen=True, slots=True)
class DecodeRules:
    """What the scenes depend on (the first four, ``fast`` and ``detector``) and what bounds the work."""

    min_scene_s: float
    max_scene_s: float
    keyframes_per_scene: int
    thumbnail_px: int
    max_duration_s: float
    max_frame_px: int
    max_scenes: int
    threads: int = 0
    #: decode only what the encoder made a keyframe; scenes then begin at those
    fast: bool = False
    #: `OWN` or `SCENEDETECT`
    detector: str = OWN
