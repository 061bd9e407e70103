"""Where a file is broken: what could not be decoded, on the clock of the video."""

from __future__ import annotations

#: what lies nearer than this is one broken place
_NEAR_S = 1.0
#: the places that are told; a file that is broken all over is told by its number of packets
_MOST_PLACES = 5


class Damage:
    """Counts what failed and remembers where."""

    def __init__(self) -> None:
        self._packets = self._frames = 0
        self._places: list[list[float]] = []

    def __bool__(self) -> bool:
        return bool(self._packets or self._frames)

    def packet(self, time_s: float) -> None:
        """Note a packet that could not be decoded, or not be read whole."""
        self._packets += 1
        self._place(time_s)

    def frame(self, time_s: float) -> None:
        """Note a frame that the decoder gave and called broken."""
        self._frames += 1
        self._place(time_s)

    def note(self) -> str:
        """Return one line for people."""
        counts = [
            f"{count} {kind}{'' if count == 1 else 's'} {what}"
            for count, kind, what in (
                (self._packets, "packet", "could not be read"),
                (self._frames, "frame", "came out broken"),
            )
            if count
        ]
        places = [f"{a:.1f} s" if b - a < 0.05 else f"{a:.1f} to {b:.1f} s" for a, b in self._places[:_MOST_PLACES]]
        more = " and elsewhere" if len(self._places) > _MOST_PLACES else ""
        return f"damaged at {', '.join(places)}{more}: {' and '.join(counts)}"

    def _place(self, time_s: float) -> None:
        if self._places and abs(time_s - self._places[-1][1]) <= _NEAR_S:
            self._places[-1][1] = max(self._places[-1][1], time_s)
        elif len(self._places) <= _MOST_PLACES:
            self._places.append([time_s, time_s])
