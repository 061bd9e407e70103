from __future__ import annotations

import numpy as np
import pytest

from heimdex.domain.media import Span
from heimdex.media.keyframes import Candidate, choose, quality, thin
from heimdex.media.signature import sign
from heimdex.media.thumbnails import grey
from heimdex.testing.clips import picture, plain


def candidate(time_s: float, seed: int, score: float = 0.8) -> Candidate:
    return Candidate(sign(time_s, grey(picture(seed)), None, None), score, b"")


def test_pictures_that_say_the_same_are_kept_once() -> None:
    chosen = choose(Span(0, 4), [candidate(t / 2, seed=1) for t in range(8)], most=3)

    assert [c.time_s for c in chosen] == [2.0]


def test_pictures_that_differ_are_kept_in_order_of_time() -> None:
    candidates = [candidate(0.5, 1), candidate(1.5, 1), candidate(2.5, 2), candidate(3.5, 3)]

    assert [c.time_s for c in choose(Span(0, 4), candidates, most=3)] == [1.5, 2.5, 3.5]
    assert len(choose(Span(0, 4), candidates, most=1)) == 1


def test_dark_frames_are_taken_only_when_there_is_nothing_else() -> None:
    bright, dark = candidate(0.2, 1, 0.9), candidate(2.0, 2, 0.0)

    assert choose(Span(0, 4), [bright, dark], most=3) == [bright]
    assert choose(Span(0, 4), [dark], most=3) == [dark]


def test_no_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match="candidates"):
        choose(Span(0, 1), [], most=1)


def test_quality_falls_with_darkness_and_blur() -> None:
    sharp = picture(3)
    blurred = np.repeat(np.repeat(sharp[::12, ::12], 12, axis=0), 12, axis=1)[:180, :320]
    dim = (sharp * 0.12).astype(np.uint8)

    def of(image: np.ndarray) -> float:
        small = grey(image)
        return quality(sign(0, small, None, None), small)

    assert of(plain((0, 0, 0))) == 0
    assert of(sharp) > 0.5
    assert of(dim) < of(sharp)
    assert of(blurred) < of(sharp)
    assert 0 <= of(picture(1, width=2, height=2)) <= 1


def test_thinning_keeps_the_better_of_two() -> None:
    kept = thin(
        [candidate(0, 1, 0.1), candidate(1, 1, 0.5), candidate(2, 1, 0.4), candidate(3, 1, 0.2), candidate(4, 1)]
    )

    assert [c.time_s for c in kept] == [1, 2, 4]
