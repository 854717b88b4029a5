"""Real VP8 and H264 as a webcam call has them: encode a few pictures, decode them again."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

try:
    import av
    from av import logging as av_logging

    av_logging.set_level(av_logging.ERROR)
except ImportError:  # pictures are then compressed as JPEG only
    av = None


def encode_decode(
    frames: list[np.ndarray], codec: str, bits_per_second: int | None, quantiser: int | None, fps: int = 30
) -> list[np.ndarray]:
    """BGR uint8 frames of one even size -> what a player decodes; see `encode`."""
    packets = encode(frames, codec, bits_per_second, quantiser, fps)
    decoder = av.CodecContext.create("h264" if codec == "h264" else "vp8", "r")
    decoder.thread_count = 1
    decoded = [frame for packet in packets for frame in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return [frame.to_ndarray(format="bgr24") for frame in decoded]


def encode(frames: list[np.ndarray], codec: str, bits_per_second: int | None, quantiser: int | None, fps: int = 30) -> list:
    """BGR uint8 frames of one even size -> a packet (av.Packet) for each. `codec` is 'h264' or 'vp8'.

    Either a bitrate (rate control as in a call) or a fixed quantiser (H264: 0..51, VP8: 0..63).
    """
    if av is None:
        raise RuntimeError("PyAV is not installed (Debian: python3-av, PyPI: av)")
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create("libx264" if codec == "h264" else "libvpx", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps, 1)
    encoder.gop_size = 600
    encoder.thread_count = 1
    if codec == "h264":
        options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
        if quantiser is not None:
            options["qp"] = str(quantiser)
    else:
        # A positive speed would follow the clock: the same picture would come out different each time.
        options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "error-resilient": "1"}
        if quantiser is not None:
            options.update({"qmin": str(quantiser), "qmax": str(quantiser)})
            encoder.bit_rate = 50_000_000
    if bits_per_second is not None:
        encoder.bit_rate = bits_per_second
        if codec == "h264":
            options.update({"maxrate": str(bits_per_second), "bufsize": str(bits_per_second // 2)})
    encoder.options = options
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    return packets
