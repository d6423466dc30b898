"""A WebRTC client on a stack of its own (aiortc): publishes a colour and a tone by WHIP until it is killed, or watches by WHEP and
tells in one line of JSON what it saw and heard."""

import array
import asyncio
import fractions
import json
import math
import sys
import time
import urllib.request

import aioice.ice
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av import AudioFrame, AudioResampler, VideoFrame

RATE = 48000
FPS = 20

# It leaves loopback out of its own accord, and has no other way to a server that listens there alone.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Paced(MediaStreamTrack):
    """A track whose frames come in real time."""

    def __init__(self, rate, step):
        super().__init__()
        self.base, self.step, self.count, self.began = fractions.Fraction(1, rate), step, 0, None

    async def recv(self):
        self.began = self.began or time.monotonic()
        at = self.count * self.step
        await asyncio.sleep(max(0, self.began + float(at * self.base) - time.monotonic()))
        frame = self.make(at)
        frame.pts, frame.time_base = at, self.base
        self.count += 1
        return frame


class Picture(Paced):
    kind = "video"

    def __init__(self, colour):
        super().__init__(90000, 90000 // FPS)
        red, green, blue = colour
        # BT.601, limited range, as browsers and our decoders take it.
        luma = 16 + (65.5 * red + 128.6 * green + 25.0 * blue) / 255
        self.yuv = luma, 128 + (-37.8 * red - 74.2 * green + 112 * blue) / 255, 128 + (112 * red - 93.8 * green - 18.2 * blue) / 255

    def make(self, at):
        frame = VideoFrame(320, 180, "yuv420p")
        for index, (plane, value) in enumerate(zip(frame.planes, self.yuv)):
            data = bytearray([round(value)]) * plane.buffer_size
            if index == 0:
                # A line that wanders along the bottom, so that no encoder takes it for a still.
                row = plane.line_size * (plane.height - 1 - self.count % 8)
                data[row : row + plane.line_size] = b"\xeb" * plane.line_size
            plane.update(data)
        return frame


class Tone(Paced):
    kind = "audio"

    def __init__(self, hz):
        super().__init__(RATE, RATE // 50)
        self.turn = 2 * math.pi * hz / RATE

    def make(self, at):
        frame = AudioFrame(format="s16", layout="mono", samples=self.step)
        wave = (round(4915 * math.sin(self.turn * (at + n))) for n in range(self.step))
        frame.planes[0].update(array.array("h", wave).tobytes())
        frame.sample_rate = RATE
        return frame


async def post(peer, url, key):
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, peer.localDescription.sdp.encode(), headers)
    answer = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=20).read().decode())
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def publish(peer, url, key, colour, hz, codec):
    transceiver = peer.addTransceiver(Picture(colour), "sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in (f"video/{codec}", "video/rtx")])
    peer.addTransceiver(Tone(hz), "sendonly")
    await post(peer, url, key)
    await asyncio.Event().wait()


async def watch(peer, url, key, rects, hz, seconds):
    receivers = [peer.addTransceiver(kind, "recvonly").receiver for kind in ("video", "audio")]
    await post(peer, url, key)
    # The tracks are there once the answer is.
    picture, sound = [receiver.track for receiver in receivers]
    seen, heard = [], []
    tasks = [asyncio.create_task(task) for task in (look(picture, seen), listen(sound, heard))]
    await asyncio.sleep(seconds)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    times, frame = [at for at, _ in seen], seen[-1][1] if seen else None
    return {
        "size": [frame.width, frame.height] if frame else None,
        "pictures": len(seen),
        "longest_gap": max((after - before for before, after in zip(times, times[1:])), default=None),
        "colours": [mean(frame, rect) for rect in rects] if frame else [],
        # Sound is played up to 1 % faster or slower while its sender's clock is followed.
        "tones": [max(level(heard[-RATE // 2 :], each + bend) for bend in (-6, -3, 0, 3, 6)) for each in hz],
    }


async def look(track, seen):
    while True:
        frame = await track.recv()
        if seen:
            # Only the last is looked at.
            seen[-1] = seen[-1][0], None
        seen.append((time.monotonic(), frame))


async def listen(track, heard):
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    while True:
        for frame in resampler.resample(await track.recv()):
            heard.extend(array.array("h", bytes(frame.planes[0])[: 2 * frame.samples]))


def mean(frame, rect):
    """Mean colour of a part [x, y, width, height] (parts of one) of a picture."""
    plane = frame.reformat(format="rgb24").planes[0]
    data, (x, y, width, height) = bytes(plane), rect
    columns = range(int(x * frame.width), int((x + width) * frame.width), 4)
    rows = range(int(y * frame.height), int((y + height) * frame.height), 4)
    points = [row * plane.line_size + 3 * column for row in rows for column in columns]
    return [sum(data[point + channel] for point in points) / len(points) for channel in range(3)]


def level(samples, hz):
    """Loudness of a tone, dBFS of its peak, under a Hann window."""
    count, turn = len(samples), 2 * math.pi * hz / RATE
    real = imaginary = 0.0
    for n, sample in enumerate(samples):
        weighed = sample * (0.5 - 0.5 * math.cos(2 * math.pi * n / count))
        real += weighed * math.cos(turn * n)
        imaginary += weighed * math.sin(turn * n)
    return 20 * math.log10(max(4 * math.hypot(real, imaginary) / count / 32768, 1e-6))


async def main(do, **more):
    peer = RTCPeerConnection()
    try:
        answer = await {"publish": publish, "watch": watch}[do](peer, **more)
        print(json.dumps(answer), flush=True)
    finally:
        await peer.close()


asyncio.run(main(**json.loads(sys.argv[1])))
