// One direction of a call: an offer by WHIP or WHEP (RFC 9725), and another one whenever the connection is lost.

import { BLOCKED, Trouble, UNREACHABLE, refusal } from './words.js';

// As long as the server waits for a client: beyond that there is no way through.
const CONNECT_MS = 20000;
// A connection that is only disconnected often mends itself (a phone that changes networks); this long is a pause one notices.
const MEND_MS = 3000;
// First wait before trying again, and the longest: soon enough for a blink, seldom enough for a server that starts.
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const ANSWER_MS = 10000;
// Offers in place of a connection of ours that was lost: the server may take what it last sent for somebody else for a second.
const GHOSTS = 2;
const GHOST_WAIT_MS = 1500;

async function ask(url, options) {
  try {
    return await fetch(url, { ...options, cache: 'no-store', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(ANSWER_MS) });
  } catch {
    throw new Trouble(UNREACHABLE);
  }
}

// STUN and TURN servers from Link headers (RFC 9725 §4.6).
function servers(link) {
  const found = [];
  for (const [, urls, rest] of (link ?? '').matchAll(/<([^>]+)>((?:\s*;\s*[\w-]+="[^"]*")*)/g)) {
    const parts = Object.fromEntries([...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    if (parts.rel === 'ice-server') found.push({ urls, username: parts.username, credential: parts.credential });
  }
  return found;
}

const pause = (ms, woken) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    woken.push(() => (clearTimeout(timer), done()));
  });

/// Keeps one connection to `url` up until `close`. At `doorbell` it asks for STUN and TURN servers first. `exclusive`: only one may
/// be there, and who comes second throws out the first, once `resolve(words)`, told who is there, gives true. `prepare(peer)` adds what it carries; `tell(state, trouble)` hears
/// `connecting`, `connected`, `lost` (it tries again), `ended` (somebody else came, it does not) or `refused` (it cannot).
export class Call {
  #url; #key; #doorbell; #exclusive; #resolve; #prepare; #tell;
  #peer = null;
  #session = null;
  #closed = false;
  #woken = [];
  #ghosts = 0;

  constructor({ url, key, doorbell, exclusive, resolve, prepare, tell }) {
    this.#url = url;
    this.#key = key;
    this.#doorbell = doorbell;
    this.#exclusive = exclusive;
    this.#resolve = resolve;
    this.#prepare = prepare;
    this.#tell = tell;
  }

  get peer() {
    return this.#peer;
  }

  /// Resolves when the call is over.
  async run() {
    let wait = FIRST_WAIT_MS;
    while (!this.#closed) {
      let trouble;
      this.#tell('connecting');
      try {
        const { over } = await this.#connect();
        wait = FIRST_WAIT_MS;
        this.#ghosts = GHOSTS;
        this.#tell('connected');
        if ((await over) === 'goodbye' && this.#exclusive && !this.#closed) {
          // The server ended it. If it still lets us in, somebody took the place; if not, it says why.
          await this.#servers();
          await this.#drop();
          this.#tell('ended');
          return;
        }
        trouble = new Trouble('The connection was lost.');
      } catch (error) {
        trouble = error instanceof Trouble ? error : new Trouble(error.message || String(error));
      }
      await this.#drop();
      if (this.#closed) return;
      if (trouble.final) {
        this.#tell('refused', trouble);
        return;
      }
      this.#tell('lost', trouble);
      await pause(Math.max(trouble.wait, wait * (0.75 + Math.random() / 2)), this.#woken);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  /// Tries again at once, as when the network is back.
  hurry() {
    for (const wake of this.#woken.splice(0)) wake();
  }

  /// Leaves.
  async close() {
    this.#closed = true;
    this.hurry();
    await this.#drop(true);
  }

  /// Leaves while the page goes away.
  abandon() {
    this.#closed = true;
    if (this.#session) fetch(this.#session, { method: 'DELETE', keepalive: true }).catch(() => {});
    this.#peer?.close();
  }

  #headers(more) {
    return this.#key ? { Authorization: `Bearer ${this.#key}`, ...more } : { ...more };
  }

  async #servers() {
    const answer = await ask(this.#doorbell, { method: 'OPTIONS', headers: this.#headers() });
    if (!answer.ok) throw await refusal(answer);
    return servers(answer.headers.get('Link'));
  }

  // Gives a promise of how the connection ends.
  async #connect() {
    const iceServers = await this.#servers();
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers });
    this.#peer = peer;
    await this.#prepare(peer);
    await peer.setLocalDescription();
    const body = peer.localDescription.sdp;
    const offer = (url) => ask(url, { method: 'POST', headers: this.#headers({ 'Content-Type': 'application/sdp' }), body });
    let answer = await offer(this.#url);
    if (answer.status === 409 && this.#exclusive) {
      if (this.#ghosts-- > 0) throw new Trouble('The connection was lost.', { wait: GHOST_WAIT_MS });
      const taken = await refusal(answer);
      if (!(await this.#resolve(taken.message))) throw taken;
      if (this.#closed) throw new Trouble('Left.');
      answer = await offer(`${this.#url}?takeover=1`);
    }
    if (answer.status !== 201) throw await refusal(answer);
    this.#session = new URL(answer.headers.get('Location'), location.href).href;
    // Left while the answer was under way.
    if (this.#closed) throw new Trouble('Left.');
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    const { connected, over } = watch(peer);
    await connected;
    // In an object: a bare promise would be waited for.
    return { over };
  }

  // Forgets the connection. That the server hears of it is a courtesy, and nothing waits for it on a network that is gone.
  async #drop(politely) {
    const [session, peer] = [this.#session, this.#peer];
    this.#session = this.#peer = null;
    const told = session ? ask(session, { method: 'DELETE' }).catch(() => {}) : null;
    if (politely) await told;
    peer?.close();
  }
}

function watch(peer) {
  let mending = 0;
  let stood = false;
  let settle;
  const over = new Promise((done) => (settle = done));
  const connected = new Promise((yes, no) => {
    const late = setTimeout(() => no(new Trouble(BLOCKED)), CONNECT_MS);
    const look = () => {
      clearTimeout(mending);
      const state = peer.connectionState;
      const goodbye = peer.getTransceivers().some(({ sender, receiver }) => (sender.transport ?? receiver.transport)?.state === 'closed');
      if (state === 'connected' && !goodbye) {
        clearTimeout(late);
        stood = true;
        yes();
      } else if (goodbye && stood) {
        settle('goodbye');
      } else if (state === 'failed' || state === 'closed') {
        clearTimeout(late);
        no(new Trouble(BLOCKED));
        settle('lost');
      } else if (state === 'disconnected') {
        mending = setTimeout(() => settle('lost'), MEND_MS);
      }
    };
    peer.addEventListener('connectionstatechange', look);
    const transport = peer.getTransceivers().map(({ sender, receiver }) => sender.transport ?? receiver.transport).find(Boolean);
    transport?.addEventListener('statechange', look);
    look();
  });
  return { connected, over };
}
