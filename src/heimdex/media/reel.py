"""The packets of one file in one pass: frames with their times, subtitles and sound to those who want them."""

from __future__ import annotations

from collections.abc import Iterator

import av.error
from av import VideoFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from heimdex.media import probe, subtitles
from heimdex.media.damage import Damage
from heimdex.media.sound import SoundTrack

#: in the fast mode, of frames that lie nearer than this one is decoded: some codecs make all of them keyframes
_FAST_EVERY_S = 0.5
#: how often a demuxer that failed is asked to go on
_MOST_RETRIES = 8


class Reel:
    """The frames of one stream with their times on the clock that players show, damage stepped over."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        texts: list[subtitles.Track],
        sound: SoundTrack | None,
        *,
        keyframes_only: bool,
    ) -> None:
        self._container, self._stream, self._sound = container, stream, sound
        self._texts = {track.stream.index: track for track in texts}
        self.is_fast = keyframes_only
        self._clock_start_s = probe.clock_start_s(container)
        self._last_s = self._last_key_s = -1.0
        self.end_s = 0.0
        self.damage = Damage()
        self.encrypted = probe.is_encrypted(container, stream)

    def frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Yield each frame and its time in seconds, which rises."""
        for packet in self._packets():
            index = packet.stream.index  # the packet's own index is 0 when it flushes
            if index in self._texts:
                subtitles.read_packet(self._texts[index], packet, self._clock_start_s or 0.0)
            elif self._sound is not None and index == self._sound.index:
                self._sound.read_packet(packet, self._clock_start_s or 0.0)
            elif not self.is_fast or self._is_wanted(packet):
                yield from self._decode(packet)

    def _decode(self, packet: Packet[Stream]) -> Iterator[tuple[VideoFrame, float]]:
        if packet.has_sidedata("encryption_info"):
            self.encrypted = True
        if packet.is_corrupt:  # the container knows that something is missing before it
            self.damage.packet(self._shown_s(packet))
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self.damage.packet(self._shown_s(packet))
            return
        for frame in frames:
            if isinstance(frame, VideoFrame) and (time_s := self._time(frame)) is not None:
                if frame.is_corrupt:
                    self.damage.frame(time_s)
                yield frame, time_s

    def _is_wanted(self, packet: Packet[Stream]) -> bool:
        """Whether the fast mode decodes a packet; those that it does not still tell how long the video is."""
        if not packet.size:
            return True
        shown_s = self._shown_s(packet)
        if packet.time_base is not None and packet.duration:
            self.end_s = max(self.end_s, round(shown_s + float(packet.duration * packet.time_base), 6))
        if not packet.is_keyframe or 0 <= shown_s - self._last_key_s < _FAST_EVERY_S <= self._last_key_s:
            return False
        self._last_key_s = shown_s
        return True

    def _packets(self) -> Iterator[Packet[Stream]]:
        streams: list[Stream] = [self._stream, *(track.stream for track in self._texts.values())]
        if self._sound is not None:
            streams.append(self._sound.stream)
        for _ in range(_MOST_RETRIES):
            try:
                yield from self._container.demux(streams)
                return
            except av.error.FFmpegError:
                self.damage.packet(max(0.0, self._last_s))

    def _shown_s(self, packet: Packet[Stream]) -> float:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.time_base is None:
            return max(0.0, self._last_s)
        return max(0.0, float(stamp * packet.time_base) - (self._clock_start_s or 0.0))

    def _time(self, frame: VideoFrame) -> float | None:
        """Return when the frame is shown; a frame that goes back in time is left out."""
        step_s = self._step_s(frame)
        if frame.pts is None or frame.time_base is None:
            time_s = self._last_s + step_s if self._last_s >= 0 else 0.0
        else:
            shown_s = float(frame.pts * frame.time_base)
            if self._clock_start_s is None:
                self._clock_start_s = shown_s
            time_s = round(max(0.0, shown_s - self._clock_start_s), 6)
        if time_s <= self._last_s:
            return None
        self._last_s = time_s
        self.end_s = max(self.end_s, round(time_s + step_s, 6))
        return time_s

    def _step_s(self, frame: VideoFrame) -> float:
        if frame.duration and frame.time_base and 0 < (duration_s := float(frame.duration * frame.time_base)) < 60:
            return duration_s
        rate = self._stream.average_rate or self._stream.guessed_rate
        return 1 / float(rate) if rate and 1 <= rate <= 1000 else 0.04
