// What went wrong, in words that tell a person what to do next.

/// A refusal of the server's, or a silence of the network's. `final` when trying again by itself cannot help.
export class Trouble extends Error {
  constructor(message, { final = false, wait = 0 } = {}) {
    super(message);
    this.final = final;
    this.wait = wait;
  }
}

const DEVICES = {
  NotAllowedError: (what) =>
    what === 'screen'
      ? 'No screen is shared. Press "Share screen" again to choose one; if it is not to be had, let the browser record the screen in the system\'s settings.'
      : `The browser did not let this page use your ${what}. Allow it in the address bar (or the phone's settings), then choose it here again.`,
  NotFoundError: (what) => `No ${what} was found. Plug one in, or choose to join without it.`,
  NotReadableError: (what) => `Your ${what} is in use by another program. Close that program, then try again.`,
  OverconstrainedError: (what) => `The ${what} you chose is not there any more. Choose another one.`,
  SecurityError: (what) => `The browser's settings forbid pages to use a ${what}. Change them, or use another browser.`,
};

/// Why a camera, microphone or screen cannot be had.
export function deviceTrouble(error, what) {
  const words = DEVICES[error?.name];
  return words ? words(what) : `Your ${what} does not start (${error?.message || error}). Unplug and plug it, or choose another one.`;
}

/// Why this browser cannot take part at all, or nothing.
export function unfit() {
  if (!window.RTCPeerConnection) {
    return 'This browser cannot make calls: WebRTC is missing or turned off. Use a current Firefox, Chrome, Edge or Safari.';
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    return 'Browsers give camera and microphone only to safe pages. Open this page by https:// instead of http://.';
  }
  const codecs = RTCRtpReceiver.getCapabilities?.('video')?.codecs;
  if (codecs && !codecs.some((codec) => codec.mimeType.toLowerCase() === 'video/h264')) {
    return 'This browser cannot play H.264, which the meeting is sent in. Use another browser, or install its H.264 support.';
  }
  return '';
}

const REFUSALS = {
  401: 'The key in this link is not the right one, or this meeting or your place in it is not there (any more). Ask for a new link.',
  403: 'This server does not let pages in from here. Ask who runs it.',
  409: 'Somebody is live at your place already with the same key, perhaps you in another program or on another device.',
  422: 'This browser and the meeting have no codec in common. Use a current Firefox, Chrome, Edge or Safari.',
};

/// An answer of the server's that is not a success.
export async function refusal(answer) {
  if (answer.status === 429 || answer.status >= 500) {
    const wait = Math.min(Number(answer.headers.get('Retry-After')) || 0, 60) * 1000;
    return new Trouble('The server is busy or starting.', { wait });
  }
  let detail = '';
  try {
    detail = (await answer.json()).detail ?? '';
  } catch {
    // Not one of the server's own problem documents.
  }
  const words = REFUSALS[answer.status] ?? `The server refused (${answer.status}). ${detail}`;
  return new Trouble(words, { final: true });
}

export const UNREACHABLE = 'The server cannot be reached. Check your network.';
export const BLOCKED =
  'The server answers, but your network lets no sound and picture through. Try another network, or ask who runs the server for a TURN server.';
