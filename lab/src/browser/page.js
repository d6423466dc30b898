// What tests do in a page: painted and sounding tracks, WHIP, WHEP, and a look at what came.
globalThis.lab = (() => {
  const peers = {};
  const sources = {};

  // A picture of one colour in which a bar wanders, so that no encoder takes it for a still.
  // With `clock` a strip across its top tells the time in ms, as lab/clock.rs reads it. While `flashes` says so it is white.
  // `beside` is the colour of its right half, if that has another.
  // A flash is painted as it begins, between pictures too, so that what is measured of it is not the page's.
  const paint = ({ colour, beside, width, height, fps, clock, flashes }) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const brush = canvas.getContext('2d');
    let [turn, white] = [0, false];
    const draw = () => {
      white = !!flashes?.();
      brush.fillStyle = white ? '#fff' : colour;
      brush.fillRect(0, 0, width, height);
      if (beside) {
        brush.fillStyle = beside;
        brush.fillRect(width / 2, 0, width / 2, height);
      }
      brush.fillStyle = '#fff';
      brush.fillRect((turn++ * 4) % width, height * 0.9, width / 20, height / 10);
      if (clock) strip(brush, width, height / 8, Date.now() & 0xffff);
    };
    draw();
    const timers = [setInterval(draw, 1000 / fps)];
    if (flashes) timers.push(setInterval(() => !!flashes() !== white && draw(), 4));
    const stream = flashes ? canvas.captureStream() : canvas.captureStream(fps);
    return { track: stream.getVideoTracks()[0], stop: () => timers.forEach(clearInterval) };
  };

  // A phone's pictures as its camera lies, each with a note of how far to turn it clockwise, degrees.
  const lay = (track, rotation) => {
    const laid = new MediaStreamTrackGenerator({ kind: 'video' });
    const transform = (frame, out) => (out.enqueue(new VideoFrame(frame, { rotation })), frame.close());
    new MediaStreamTrackProcessor({ track }).readable.pipeThrough(new TransformStream({ transform })).pipeTo(laid.writable);
    return laid;
  };

  const BLOCKS = 22;
  const check = (value) => (6 ^ (value >> 12) ^ (value >> 8) ^ (value >> 4) ^ value) & 0xf;

  const strip = (brush, width, height, value) => {
    const word = (0b10 << 20) | (value << 4) | check(value);
    for (let block = 0; block < BLOCKS; block++) {
      brush.fillStyle = (word >> (BLOCKS - 1 - block)) & 1 ? '#fff' : '#000';
      brush.fillRect((block * width) / BLOCKS, 0, width / BLOCKS + 1, height);
    }
  };

  // How old the time in a part [x, y, width, height] of a video is, ms, or null when there is none.
  const glance = new OffscreenCanvas(BLOCKS * 4, 1).getContext('2d', { willReadFrequently: true });
  const age = (video, [x, y, width, height]) => {
    const [w, h] = [video.videoWidth, video.videoHeight];
    glance.drawImage(video, x * w, (y + height / 32) * h, width * w, (height / 16) * h, 0, 0, BLOCKS * 4, 1);
    const { data } = glance.getImageData(0, 0, BLOCKS * 4, 1);
    const block = (n) => (data[(4 * n + 1) * 4] + data[(4 * n + 2) * 4]) / 2;
    const [white, black] = [block(0), block(1)];
    if (white - black < 100) return null;
    let word = 0;
    for (let n = 2; n < BLOCKS; n++) word = (word << 1) | (block(n) > (white + black) / 2);
    const value = word >> 4;
    return check(value) === (word & 0xf) ? (Date.now() - value) & 0xffff : null;
  };

  // A tone; with `beats` only in the first tenth of each second, in which `flashes` holds.
  const hum = (hz, beats) => {
    const context = new AudioContext({ sampleRate: 48000 });
    const tone = new OscillatorNode(context, { frequency: hz });
    const loud = new GainNode(context, { gain: beats ? 0 : 0.15 });
    for (let second = 1; beats && second < 600; second++) loud.gain.setValueAtTime(0.15, second).setValueAtTime(0, second + 0.1);
    const end = new MediaStreamAudioDestinationNode(context);
    tone.connect(loud).connect(end);
    tone.start();
    const flashes = beats && (() => context.currentTime >= 1 && context.currentTime % 1 < 0.1);
    return { track: end.stream.getAudioTracks()[0], stop: () => context.close(), flashes };
  };

  // With `port` the server is reached there, by UDP alone: through a network that is not good.
  const reach = (sdp, port) =>
    port ? sdp.replace(/^a=candidate:.* tcp .*\r\n/gim, '').replace(/^(a=candidate:\S+ \d udp \d+ \S+) \d+/gim, `$1 ${port}`) : sdp;

  const post = async (peer, path, key, port) => {
    await peer.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp', ...(key && { Authorization: `Bearer ${key}` }) };
    const answer = await fetch(path, { method: 'POST', headers, body: peer.localDescription.sdp });
    const sdp = await answer.text();
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${sdp}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: reach(sdp, port) });
    return answer.headers.get('Location');
  };

  // Sends a painted picture and a hummed tone, or a camera and its microphone; by `codec`, or by what the browser likes best. Gives
  // when it asked, ms since 1970.
  const whip = async (what) => {
    const { path, key, codec, colour, width = 640, height = 360, fps = 30, hz, beats, camera, rotation, encodings, ice, port } = what;
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...ice });
    const made = [];
    let [picture, sound] = [null, null];
    if (camera) {
      const media = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: fps }, audio: true });
      [picture, sound] = [media.getVideoTracks()[0], media.getAudioTracks()[0]];
    }
    if (hz) made.push(hum(hz, beats)), (sound = made.at(-1).track);
    if (colour) {
      made.push(paint({ ...what, width, height, fps, flashes: made.at(-1)?.flashes }));
      picture = rotation === undefined ? made.at(-1).track : lay(made.at(-1).track, rotation);
    }
    if (picture) {
      const sender = peer.addTransceiver(picture, { direction: 'sendonly', sendEncodings: encodings ?? [{ maxBitrate: 1_500_000 }] });
      const all = RTCRtpSender.getCapabilities('video').codecs;
      const fits = (name) => all.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${name}`);
      if (codec) sender.setCodecPreferences([...fits(codec), ...fits('rtx')]);
    }
    if (sound) peer.addTransceiver(sound, { direction: 'sendonly' });
    const began = Date.now();
    const at = await post(peer, path, key, port);
    peers[path] = { peer, at };
    sources[path] = made;
    return began;
  };

  // Watches `path`, and listens to everything in it.
  const whep = async ({ path, key, ice, port }) => {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...ice });
    const stream = new MediaStream();
    for (const kind of ['audio', 'video']) stream.addTrack(peer.addTransceiver(kind, { direction: 'recvonly' }).receiver.track);
    const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true, playsInline: true, srcObject: stream });
    video.style.width = '640px';
    document.body.append(video);
    const entry = { peer, video, ear: listen(stream), shown: [] };
    const note = (now) => (entry.shown.push(now), video.requestVideoFrameCallback(note));
    video.requestVideoFrameCallback(note);
    entry.at = await post(peer, path, key, port);
    peers[path] = entry;
  };

  const listen = (stream) => {
    const context = new AudioContext({ sampleRate: 48000 });
    const analyser = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
    return { context, analyser };
  };

  // Mean colour of each rectangle [x, y, width, height] (parts of one) of a video as it is shown.
  const colours = (video, rects) => {
    const canvas = new OffscreenCanvas(320, 180);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    brush.drawImage(video, 0, 0, 320, 180);
    return rects.map(([x, y, width, height]) => {
      const { data } = brush.getImageData(x * 320, y * 180, width * 320, height * 180);
      const sum = [0, 0, 0];
      for (let at = 0; at < data.length; at += 4) for (const c of [0, 1, 2]) sum[c] += data[at + c];
      return sum.map((value) => (value * 4) / data.length);
    });
  };

  // Loudness of each tone, dBFS of its peak: the bin that holds it, under Web Audio's Blackman window.
  const tones = ({ context, analyser }, list) => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    return list.map((hz) => {
      // A participant's sound is played up to 1 % faster or slower while its clock is followed.
      const [from, to] = [0.989, 1.011].map((bend) => (hz * bend * analyser.fftSize) / context.sampleRate);
      return Math.max(-120, ...bins.slice(Math.floor(from), Math.ceil(to) + 1));
    });
  };

  const stats = async ({ path, kinds }) => {
    const found = [];
    (await peers[path].peer.getStats()).forEach((entry) => kinds.includes(entry.type) && found.push({ ...entry }));
    return found;
  };

  const see = ({ path, rects = [], hz = [] }) => {
    const { video, ear, peer } = peers[path];
    const shown = video.videoWidth ? colours(video, rects) : rects.map(() => [0, 0, 0]);
    return { size: [video.videoWidth, video.videoHeight], colours: shown, tones: tones(ear, hz), state: peer.connectionState };
  };

  // Notes how old each picture is when it is shown, from now on, by the clock in a part of it; `aged` gives what was noted.
  const age_of = ({ path, rect }) => {
    const entry = peers[path];
    entry.ages = [];
    const note = () => {
      const found = age(entry.video, rect);
      if (found !== null) entry.ages.push(found);
      entry.video.requestVideoFrameCallback(note);
    };
    entry.video.requestVideoFrameCallback(note);
  };
  const aged = ({ path }) => peers[path].ages.splice(0);

  // Notes how loud a tone is, four times a second, from now on; `heard` gives what was noted.
  const hear = ({ path, hz }) => {
    const entry = peers[path];
    entry.heard = [];
    entry.hearing = setInterval(() => entry.heard.push(tones(entry.ear, [hz])[0]), 250);
  };
  const heard = ({ path }) => peers[path].heard.splice(0);

  // When pictures were shown since this was last asked, ms of the page's clock.
  const shown = ({ path }) => peers[path].shown.splice(0);

  const leave = async ({ path }) => {
    const { peer, at, ear, video, hearing } = peers[path];
    clearInterval(hearing);
    delete peers[path];
    // First, since the server forgets the session as soon as the connection ends.
    const answer = await fetch(at, { method: 'DELETE' });
    for (const source of sources[path] ?? []) source.stop();
    peer.close();
    ear?.context.close();
    video?.remove();
    return answer.status;
  };

  return { whip, whep, see, shown, age_of, aged, hear, heard, stats, leave, colours, tones, listen, peers };
})();
