"""A small WHEP and WHIP server on aiortc: another stack than ours at the other end.

    standin.py PORT TOKEN

POST /whep/NAME sends a turquoise picture with a bar that wanders, and a tone of 440 Hz. POST /whip/NAME takes what is pushed.
GET /seen says what came in of late: how many pictures, the mean of the newest one's planes, and the last half second of sound.
"""

import asyncio
import fractions
import json
import math
import struct
import sys
import uuid
from collections import deque

import aioice.ice
import av
from aiohttp import web
from aiortc import AudioStreamTrack, MediaStreamError, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack

# It would leave loopback out, and nothing else is to be used here.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

PORT, TOKEN = int(sys.argv[1]), sys.argv[2]
WIDTH, HEIGHT = 320, 180
# Turquoise, BT.601.
COLOUR = (140, 150, 60)
RATE, TONE = 48_000, 440

sessions = {}
seen = {"pictures": 0, "size": None, "means": None}
sound = deque(maxlen=RATE // 2)


class Picture(VideoStreamTrack):
    def __init__(self):
        super().__init__()
        self.count = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, value in zip(frame.planes, COLOUR):
            plane.update(bytes([value]) * plane.buffer_size)
        luma = bytearray(frame.planes[0])
        stride = frame.planes[0].line_size
        left = self.count * 4 % (WIDTH - 16)
        for row in range(HEIGHT):
            luma[row * stride + left : row * stride + left + 16] = bytes([235]) * 16
        frame.planes[0].update(bytes(luma))
        self.count += 1
        frame.pts, frame.time_base = pts, base
        return frame


class Tone(AudioStreamTrack):
    def __init__(self):
        super().__init__()
        self.start, self.at = None, 0

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.start = self.start or loop.time()
        await asyncio.sleep(max(0, self.start + self.at / RATE - loop.time()))
        samples = range(self.at, self.at + RATE // 50)
        values = [int(8000 * math.sin(2 * math.pi * TONE * n / RATE)) for n in samples]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(values))
        frame.planes[0].update(struct.pack(f"<{len(values)}h", *values))
        frame.pts, frame.sample_rate, frame.time_base = self.at, RATE, fractions.Fraction(1, RATE)
        self.at += len(values)
        return frame


async def look(track):
    try:
        while True:
            frame = await track.recv()
            seen["pictures"] += 1
            seen["size"] = [frame.width, frame.height]
            if seen["pictures"] % 10 == 0:
                parts = [bytes(plane)[::97] for plane in frame.planes]
                seen["means"] = [sum(part) / len(part) for part in parts]
    except MediaStreamError:
        pass


async def listen(track):
    try:
        while True:
            frame = await track.recv()
            values = struct.unpack(f"<{frame.planes[0].buffer_size // 2}h", bytes(frame.planes[0]))
            channels = len(frame.layout.channels)
            sound.extend(values[: frame.samples * channels : channels])
    except MediaStreamError:
        pass


async def opened(request, prepare):
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return web.Response(status=401)
    peer, name = RTCPeerConnection(), uuid.uuid4().hex
    await prepare(peer, RTCSessionDescription(await request.text(), "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    sessions[name] = peer
    headers = {"Location": f"/session/{name}"}
    return web.Response(status=201, text=peer.localDescription.sdp, content_type="application/sdp", headers=headers)


async def whep(request):
    async def prepare(peer, offer):
        peer.addTrack(Picture())
        peer.addTrack(Tone())
        await peer.setRemoteDescription(offer)

    return await opened(request, prepare)


async def whip(request):
    async def prepare(peer, offer):
        @peer.on("track")
        def arrived(track):
            request.app["tasks"].append(asyncio.ensure_future(look(track) if track.kind == "video" else listen(track)))

        await peer.setRemoteDescription(offer)

    return await opened(request, prepare)


async def leave(request):
    peer = sessions.pop(request.match_info["name"], None)
    if peer is None:
        return web.Response(status=404)
    await peer.close()
    return web.Response(status=200)


async def tell(request):
    about = {"sessions": len(sessions), "sound": [value / 32768 for value in sound], **seen}
    return web.Response(text=json.dumps(about), content_type="application/json")


app = web.Application()
app["tasks"] = []
app.add_routes(
    [
        web.post("/whep/{name}", whep),
        web.post("/whip/{name}", whip),
        web.delete("/session/{name}", leave),
        web.get("/seen", tell),
    ]
)
web.run_app(app, host="127.0.0.1", port=PORT, print=None, handle_signals=True)
