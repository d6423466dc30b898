//! Opus encoder of a mix for one listener: the GStreamer pipeline of `pipelines/audio/opus.launch`. Its packets get
//! their timestamps here.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;

use crate::{
    pipeline,
    sound::{BLOCK, Block, RATE, Sink},
};
use tilecast_core::{
    link::{
        FromWorker,
        launch::{self, LaunchError, Value},
        message::AudioSettings,
    },
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
};

/// Samples in one packet, 20 ms: the packets that browsers send and expect.
const FRAME: i64 = 960;

/// Largest pre-skip that is accepted from an OpusHead, samples: 80 ms (RFC 7845 §4.2).
const MAX_PRE_SKIP: i64 = 3840;

/// Bytes of the pre-skip in an OpusHead (RFC 7845 §5.1).
const PRE_SKIP: std::ops::Range<usize> = 10..12;

/// Highest rate of a mix, kbit/s: at this rate, stereo music cannot be told from the original.
const MAX_KBPS: u32 = 96;

/// Blocks that may wait before the encoder is suspected of being stuck: 1 s. The encoder needs 20 ms.
const MAX_WAITING: u64 = RATE as u64 / BLOCK as u64;

/// The encoder is stuck if it sends nothing for this long while that many blocks wait: it encodes a burst after a pause
/// within milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longest wait for the encoder's last packets.
const FINISH: Duration = Duration::from_secs(1);

/// Why the encoder does not work.
#[derive(Debug, thiserror::Error)]
pub enum OpusEncoderError {
    #[error("the Opus encoder's launch text: {0}")]
    Launch(#[from] LaunchError),
    /// The launch text does not parse, or elements are missing on this machine.
    #[error(
        "the Opus encoder's launch text does not build: {0}; check pipelines/audio/opus.launch and the plugins it names"
    )]
    Build(#[from] gst::glib::Error),
    /// The launch text lacks `appsrc name=in` or `appsink name=out`.
    #[error("the Opus encoder's launch text has no element called {0}")]
    Missing(&'static str),
    /// GStreamer's error, at start or while running.
    #[error("the Opus encoder failed and is started anew: {0}")]
    Failed(String),
}

pub struct OpusEncoder {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    fault: pipeline::Fault,
    ended: Receiver<()>,
    /// Index of the next sample, counted from room time zero.
    next: i64,
    ending: bool,
    /// Packets that the encoder has sent.
    sent: Arc<AtomicI64>,
    /// Since when too many blocks wait, and how many packets had been sent by then.
    behind: Option<(Instant, i64)>,
    /// True once the encoder hangs: it gets no more sound, since waiting for it would hang too.
    stuck: bool,
}

/// What the timestamps of packets are computed from.
struct Stamper {
    /// Packets so far; no other code counts them.
    sent: Arc<AtomicI64>,
    /// Index of the first sample given to the encoder, counted from room time zero.
    begin: i64,
    listener: u32,
    sink: Sink,
}

impl OpusEncoder {
    /// Builds and starts the encoder for the listener with that number. The first sample pushed has index `begin`,
    /// counted from room time zero. Packets go to `sink`.
    pub fn start(
        text: &str,
        settings: &AudioSettings,
        listener: u32,
        begin: i64,
        sink: Sink,
    ) -> Result<Self, OpusEncoderError> {
        gst::init()?;
        let pipeline = build(text, settings)?;
        let named = |name| pipeline.by_name(name).ok_or(OpusEncoderError::Missing(name));
        let input = named("in")?.downcast::<gst_app::AppSrc>().map_err(|_| OpusEncoderError::Missing("in"))?;
        let output = named("out")?.downcast::<gst_app::AppSink>().map_err(|_| OpusEncoderError::Missing("out"))?;
        input.set_caps(Some(&caps()));
        input.set_format(gst::Format::Time);
        let sent = Arc::new(AtomicI64::new(0));
        let stamper = Stamper { sent: Arc::clone(&sent), begin, listener, sink };
        let (end, ended) = sync_channel(1);
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                stamper.send(&sample);
                Ok(gst::FlowSuccess::Ok)
            })
            // Nobody waits for a second end.
            .eos(move |_| _ = end.try_send(()));
        output.set_callbacks(callbacks.build());
        let fault = pipeline::watch(&pipeline);
        let (ending, behind, stuck) = (false, None, false);
        let encoder = Self { pipeline, input, fault, ended, next: begin, ending, sent, behind, stuck };
        let started = encoder.pipeline.set_state(gst::State::Playing);
        started.map_err(|error| OpusEncoderError::Failed(encoder.fault().unwrap_or(error.to_string())))?;
        Ok(encoder)
    }

    /// Encodes the next block. Never waits. After an error this encoder is useless.
    pub fn push(&mut self, block: &Block) -> Result<(), OpusEncoderError> {
        if let Some(fault) = self.fault() {
            return Err(OpusEncoderError::Failed(fault));
        }
        if self.hangs() {
            self.stuck = true;
            return Err(OpusEncoderError::Failed("it takes no more sound".to_owned()));
        }
        let bytes: Vec<u8> = block.as_flattened().iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let (at, end) = (clock_time(self.next), clock_time(self.next + BLOCK as i64));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(at);
            buffer.set_duration(end.saturating_sub(at));
        }
        self.next += BLOCK as i64;
        self.input.push_buffer(buffer).map_err(|error| OpusEncoderError::Failed(error.to_string()))?;
        Ok(())
    }

    /// Announces that no block follows: the encoder is to send what it still holds. Does not wait for that.
    pub fn end(&mut self) {
        // A failed encoder holds nothing.
        self.ending |= self.input.end_of_stream().is_ok();
    }

    /// True once everything is sent, after [`OpusEncoder::end`].
    pub fn has_ended(&self) -> bool {
        !self.ending || self.ended.try_recv().is_ok()
    }

    /// Sends what the encoder still holds, for at most a second, then ends it.
    pub fn finish(mut self) {
        if !self.ending {
            self.end();
        }
        if self.ending && self.ended.recv_timeout(FINISH).is_err() {
            tracing::warn!("the Opus encoder does not end");
        }
    }

    /// True if the encoder sends nothing although more blocks wait than it can be working on.
    fn hangs(&mut self) -> bool {
        if self.input.current_level_buffers() <= MAX_WAITING {
            self.behind = None;
            return false;
        }
        let sent = self.sent.load(Ordering::Relaxed);
        match self.behind {
            Some((since, then)) if then == sent => since.elapsed() > PATIENCE,
            _ => {
                self.behind = Some((Instant::now(), sent));
                false
            }
        }
    }

    fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        if self.stuck {
            pipeline::end_aside(&self.pipeline);
        } else {
            pipeline::end(&self.pipeline);
        }
    }
}

fn build(text: &str, settings: &AudioSettings) -> Result<gst::Pipeline, OpusEncoderError> {
    let kbps = u64::from(settings.bitrate_kbps.min(MAX_KBPS));
    let values = [("bitrate_kbps", Value::Number(kbps)), ("bitrate_bps", Value::Number(kbps * 1000))];
    let description = launch::fill(text, &values)?;
    let element = gst::parse::launch_full(&description, None, gst::ParseFlags::FATAL_ERRORS)?;
    element.downcast::<gst::Pipeline>().map_err(|_| OpusEncoderError::Missing("in"))
}

impl Stamper {
    fn send(&self, sample: &gst::Sample) {
        let ahead = sample.caps().and_then(pre_skip).unwrap_or_default();
        let at = self.begin - ahead + self.sent.fetch_add(1, Ordering::Relaxed) * FRAME;
        let Some(data) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else { return };
        // Program time begins at zero; earlier packets are silence.
        if at < 0 {
            return;
        }
        let (pts, data) = (Timestamp::from_units(at, RATE), Bytes::copy_from_slice(&data));
        let packet = Packet { codec: Codec::Audio(AudioCodec::Opus), role: Role::Key, pts, dts: pts, data };
        (self.sink)(FromWorker::Sound { listener: self.listener, packet });
    }
}

/// Encoder delay in samples: the pre-skip of the OpusHead, the first of the stream's headers.
fn pre_skip(caps: &gst::CapsRef) -> Option<i64> {
    let headers = caps.structure(0)?.get::<gst::Array>("streamheader").ok()?;
    let head = headers.first()?.get::<gst::Buffer>().ok()?;
    let map = head.map_readable().ok()?;
    let samples = u16::from_le_bytes(*map.get(PRE_SKIP)?.first_chunk()?);
    Some(i64::from(samples).min(MAX_PRE_SKIP))
}

fn caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("rate", RATE as i32)
        .field("channels", 2)
        .field("layout", "interleaved")
        .field("channel-mask", gst::Bitmask::new(3))
        .build()
}

fn clock_time(sample: i64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(Timestamp::from_units(sample, RATE).nanos().max(0).unsigned_abs())
}
