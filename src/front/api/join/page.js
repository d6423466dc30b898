// The page to join with: devices, buttons and words; `call.js` does the calling.

import { Call } from './call.js';
import { deviceTrouble, unfit } from './words.js';

const $ = (id) => document.getElementById(id);
const [room, who] = location.pathname.split('/').slice(2).map(decodeURIComponent);
// Not URLSearchParams, which would make a space of a plus.
const key = decode(location.hash.match(/[#&]key=([^&]*)/)?.[1] ?? '');

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
// Three sizes, of which the room decodes the one that fits the tile; the server says how much of them it wants.
const LAYERS = [
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 200_000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 2_500_000 },
];

const own = { picture: null, sound: null };
const turns = { picture: 0, sound: 0 };
let publishing = null;
let watching = null;
let joined = false;
// What the button says. A microphone that is taken later is as mute as the one before.
let muted = false;
// What the picture menu goes back to when a screen is shared no longer: what was on air before, which may be nothing.
let unshared = '';
let sharing = null;
let awake = null;

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The same words again would be read out again.
const say = (text) => $('state').textContent === text || ($('state').textContent = text);
const complain = (text) => ($('fault').textContent = text);

// Devices

async function capture(kind, value) {
  const [source, id] = value.split(/:(.*)/s);
  const deviceId = id ? { exact: id } : undefined;
  if (source === 'screen') return (await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 30 } } })).getVideoTracks()[0];
  if (kind === 'picture') return (await navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, deviceId } })).getVideoTracks()[0];
  return (await navigator.mediaDevices.getUserMedia({ audio: { deviceId } })).getAudioTracks()[0];
}

/// Takes what the menu `kind` says; what was taken before ends, and its light goes out.
async function choose(kind) {
  const menu = $(kind);
  const turn = ++turns[kind];
  const value = menu.value;
  const source = value.split(':')[0];
  if (kind === 'picture' && source === 'screen' && !shared()) unshared = own.picture ? (menu.dataset.last ?? '') : '';
  let track = null;
  // Some cameras can be opened only once, so the old one goes first; a screen is asked for while the camera still shows.
  if (source !== 'screen') release(kind);
  if (value) {
    try {
      track = await capture(kind, value);
    } catch (error) {
      if (turn !== turns[kind]) return;
      complain(deviceTrouble(error, source));
      if (source !== 'screen') menu.value = '';
      else if (!shared()) menu.value = unshared;
    }
  }
  if (turn !== turns[kind]) return track?.stop();
  if (track) {
    release(kind);
    complain('');
    if (source === 'screen') track.contentHint = 'detail';
    else menu.dataset.last = value;
    if (kind === 'sound') track.enabled = !muted;
    track.addEventListener('ended', () => stopped(kind, track, source));
    own[kind] = track;
    sharing = source === 'screen' ? track : sharing;
  }
  if (track || !menu.value) show();
  await list();
  await send();
  if (joined) report();
}

function release(kind) {
  own[kind]?.stop();
  own[kind] = null;
}

/// A device was unplugged, or sharing was stopped by the browser's own button.
function stopped(kind, track, source) {
  if (own[kind] !== track) return;
  $(kind).value = source === 'screen' ? unshared : '';
  if (source !== 'screen') complain(`Your ${source} has stopped. Plug it in again, or choose another one.`);
  choose(kind);
}

/// Names the devices, which browsers tell only once one of them may be used.
async function list() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  for (const [menu, kind, source, track] of [['picture', 'videoinput', 'camera', own.picture], ['sound', 'audioinput', 'microphone', own.sound]]) {
    const named = devices.filter((device) => device.kind === kind && device.deviceId && device.label);
    if (!named.length) continue;
    const select = $(menu);
    const others = [...select.options].filter((option) => option.value.split(':')[0] !== source);
    const found = named.map(({ label, deviceId }) => new Option(label, `${source}:${deviceId}`));
    const wanted = select.value;
    select.replaceChildren(...found, ...others);
    const used = `${source}:${track?.getSettings().deviceId}`;
    select.value = wanted.split(':')[0] !== source ? wanted : found.some(({ value }) => value === used) ? used : found[0].value;
    if (select.value === used) select.dataset.last = used;
  }
}

function show() {
  const { picture, sound } = own;
  document.body.dataset.picture = picture ? 'on' : 'off';
  $('self').srcObject = picture ? new MediaStream([picture]) : null;
  $('self').classList.toggle('mirrored', !!picture && !screened() && picture.getSettings().facingMode !== 'environment');
  press('camera', !picture || screened());
  press('share', !!picture && screened());
  press('mute', muted || !sound);
  $('mute').disabled = !sound;
  meter.listen(sound);
}

const screened = () => $('picture').value === 'screen';
const shared = () => !!own.picture && own.picture === sharing;
const press = (id, pressed) => $(id).setAttribute('aria-pressed', String(pressed));

// How loud the microphone is, so that one sees being heard.
const meter = {
  context: null,
  timer: 0,
  listen(track) {
    clearInterval(this.timer);
    this.context?.close();
    this.context = null;
    $('level').value = 0;
    if (!track || joined) return;
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      $('level').value = Math.min(1, 3 * Math.max(...samples.map(Math.abs)));
    }, 100);
  },
};

// The call

const base = `${encodeURIComponent(room)}/${encodeURIComponent(who)}`;
const doorbell = `/whip/${base}`;

function publish(peer) {
  const streams = [new MediaStream()];
  peer.addTransceiver(own.sound ?? 'audio', { direction: 'sendonly', streams });
  peer.addTransceiver(own.picture ?? 'video', { direction: 'sendonly', streams, sendEncodings: LAYERS });
}

function watch(peer) {
  const stream = new MediaStream();
  for (const kind of ['audio', 'video']) stream.addTrack(peer.addTransceiver(kind, { direction: 'recvonly' }).receiver.track);
  $('program').srcObject = stream;
  $('program').muted = false;
  $('program').play().catch((error) => {
    // Browsers play no sound on a page that was not touched yet.
    if (error.name !== 'NotAllowedError') return;
    $('hear').hidden = false;
    $('program').muted = true;
    $('program').play().catch(() => {});
  });
}

/// Sends the present picture and sound, and begins to when there is the first.
async function send() {
  if (!joined) return;
  if (!publishing) {
    if (own.picture || own.sound) begin('publishing');
    return;
  }
  const senders = publishing.peer?.getTransceivers() ?? [];
  for (const { sender, receiver } of senders) {
    const video = receiver.track.kind === 'video';
    await sender.replaceTrack(video ? own.picture : own.sound);
    if (!video || !own.picture) continue;
    // Small copies of a screen are unreadable: only the whole one is sent.
    const parameters = sender.getParameters();
    for (const layer of parameters.encodings) layer.active = !screened() || !layer.rid || layer.rid === 'h';
    await sender.setParameters(parameters);
  }
}

const told = { publishing: '', watching: '' };
// What was wrong last, until it is mended: most attempts are too short to read anything.
const troubles = { publishing: '', watching: '' };

/// Asks whether to throw out who is at this place. Not by `confirm`, which a page within another one does not get.
function takeOver(words) {
  const dialog = $('taken');
  $('holder').textContent = words;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true }));
}

function begin(what) {
  const options = {
    publishing: { url: doorbell, exclusive: true, resolve: takeOver, prepare: publish },
    watching: { url: `/whep/${encodeURIComponent(room)}?for=${encodeURIComponent(who)}`, exclusive: false, prepare: watch },
  }[what];
  const call = new Call({ ...options, key, doorbell, tell: (state, trouble) => current() === call && tell(what, state, trouble) });
  const current = () => (what === 'publishing' ? publishing : watching);
  if (what === 'publishing') publishing = call;
  else watching = call;
  call.run();
}

function tell(what, state, trouble) {
  told[what] = state;
  if (state === 'refused') return leave('', trouble.message);
  if (state === 'ended') {
    if (own.picture || own.sound) {
      return leave('', 'You were let go: somebody came to this place with the same link, perhaps you on another device. Join to take it back.');
    }
    // Nothing was sent for so long that the server forgot us; there is nothing to send, so that is in order.
    publishing = null;
    return;
  }
  if (state === 'lost') troubles[what] = trouble.message;
  if (state === 'connected') troubles[what] = '';
  if (state === 'connected' && what === 'publishing') send();
  report();
}

function report() {
  const trouble = Object.values(troubles).find(Boolean);
  if (trouble) say(`${trouble} Trying again…`);
  else if (Object.values(told).includes('connecting')) say('Connecting…');
  else if (!own.sound) say(`You are in the meeting, but ${own.picture ? 'not' : 'neither seen nor'} heard.`);
  else say(muted ? 'You are in the meeting, muted.' : 'You are in the meeting.');
}

function join() {
  joined = true;
  complain('');
  document.body.dataset.stage = 'in';
  $('mute').focus();
  meter.listen(null);
  begin('watching');
  send();
  stayAwake();
}

/// Keeps the screen on during the meeting. Browsers take that back whenever the page is hidden.
function stayAwake() {
  if (!joined || document.visibilityState !== 'visible' || (awake && !awake.released)) return;
  navigator.wakeLock?.request('screen').then((lock) => {
    awake?.release();
    awake = joined ? lock : null;
    if (!joined) lock.release();
  }, () => {});
}

function leave(state, fault) {
  joined = false;
  const calls = [publishing, watching];
  publishing = watching = null;
  told.publishing = told.watching = '';
  troubles.publishing = troubles.watching = '';
  for (const call of calls) call?.close();
  $('taken').close();
  awake?.release();
  awake = null;
  $('program').srcObject = null;
  $('hear').hidden = true;
  document.body.dataset.stage = 'before';
  say(state);
  complain(fault);
  show();
  $('join').focus();
}

// Buttons

$('devices').addEventListener('submit', (event) => (event.preventDefault(), joined || join()));
$('leave').addEventListener('click', () => leave('You left the meeting.', ''));
for (const kind of ['picture', 'sound']) $(kind).addEventListener('change', () => choose(kind));
$('mute').addEventListener('click', () => {
  muted = !muted;
  // None while another microphone is being opened.
  if (own.sound) own.sound.enabled = !muted;
  press('mute', muted);
  say(muted ? 'You are muted.' : 'You are heard.');
});
const pick = (value) => {
  $('picture').value = value;
  return choose('picture');
};
const filmed = () => $('picture').value.startsWith('camera');
const camera = () => {
  const { dataset, options } = $('picture');
  const cameras = [...options].map(({ value }) => value).filter((value) => value.startsWith('camera'));
  return cameras.includes(dataset.last) ? dataset.last : cameras[0];
};
// By the menu, which says off at once, and not by what is on air: another camera may just be opening.
$('camera').addEventListener('click', () => pick(filmed() ? '' : camera()));
$('share').addEventListener('click', () => pick(screened() ? unshared : 'screen'));
$('hear').addEventListener('click', () => {
  $('program').muted = false;
  $('hear').hidden = true;
});
document.addEventListener('visibilitychange', stayAwake);
addEventListener('online', () => (publishing?.hurry(), watching?.hurry()));
addEventListener('pagehide', () => (publishing?.abandon(), watching?.abandon()));
addEventListener('pageshow', (event) => event.persisted && location.reload());
addEventListener('hashchange', () => location.reload());
navigator.mediaDevices?.addEventListener('devicechange', list);

$('room').textContent = room;
$('who').textContent = who;
document.title = `${room} – join as ${who}`;
const hindrance = unfit() || (key ? '' : 'This link has no key. It has to end in #key= and the key that you were given; ask for a whole link.');
if (hindrance) {
  complain(hindrance);
  for (const control of $('devices').elements) control.disabled = true;
} else {
  if (!navigator.mediaDevices.getDisplayMedia) {
    $('share').hidden = true;
    $('picture').querySelector('[value=screen]').remove();
  }
  await choose('sound');
  const silent = $('fault').textContent;
  await choose('picture');
  if (silent) complain([silent, $('fault').textContent].filter(Boolean).join('\n'));
}
