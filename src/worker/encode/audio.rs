//! The mix to AAC: a GStreamer leg from `pipelines/audio/`, whose packets are stamped here.

use std::{
    sync::{
        PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;

use crate::{
    link::{
        FromWorker,
        launch::{self, LaunchError, Value},
        message::AudioSettings,
    },
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
    worker::{
        pipeline,
        sound::{BLOCK, Block, RATE, Sink},
    },
};

/// Samples in one AAC frame (ISO/IEC 14496-3, AAC-LC).
const FRAME: i64 = 1024;

/// Samples by which the encoder's first packet decodes to what came before the sound: one frame of overlap.
const PRIMING: i64 = 1024;

/// Blocks the encoder may leave lying before it counts as stuck: 5 s. It needs 20 ms.
const MAX_WAITING: u64 = 5 * RATE as u64 / BLOCK as u64;

/// Longest wait for the encoder's last packets.
const FINISH: Duration = Duration::from_secs(1);

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// Placeholders.
    #[error("the audio encoder's launch text: {0}")]
    Launch(#[from] LaunchError),
    /// Does not parse, or elements are missing on this machine.
    #[error("the audio encoder's launch text does not build: {0}; check pipelines/audio and the plugins it names")]
    Build(#[from] gst::glib::Error),
    /// No `appsrc name=in` or `appsink name=out`.
    #[error("the audio encoder's launch text has no element called {0}")]
    Missing(&'static str),
    /// It did at start or while running.
    #[error("the audio encoder failed and is started anew: {0}")]
    Failed(String),
}

/// The running encoder.
pub struct Audio {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    fault: pipeline::Fault,
    ended: Receiver<()>,
    /// Index of the next sample, from room time zero.
    next: i64,
}

/// What the encoder's packets need besides their bytes.
struct Stamper {
    /// Packets so far.
    count: i64,
    /// Index of the first sample given to the encoder, from room time zero.
    begin: i64,
    config: Bytes,
    sink: Sink,
}

impl Audio {
    /// Builds and starts it. The first sample pushed has index `begin`, counted from room time zero; packets go to
    /// `sink`, the AudioSpecificConfig first.
    pub fn start(text: &str, settings: &AudioSettings, begin: i64, sink: Sink) -> Result<Self, AudioError> {
        gst::init()?;
        let pipeline = build(text, settings)?;
        let named = |name| pipeline.by_name(name).ok_or(AudioError::Missing(name));
        let input = named("in")?.downcast::<gst_app::AppSrc>().map_err(|_| AudioError::Missing("in"))?;
        let output = named("out")?.downcast::<gst_app::AppSink>().map_err(|_| AudioError::Missing("out"))?;
        input.set_caps(Some(&caps()));
        input.set_format(gst::Format::Time);
        let mut stamper = Stamper { count: 0, begin, config: Bytes::new(), sink };
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
        let encoder = Self { fault: pipeline::watch(&pipeline), pipeline, input, ended, next: begin };
        let started = encoder.pipeline.set_state(gst::State::Playing);
        started.map_err(|error| AudioError::Failed(encoder.fault().unwrap_or(error.to_string())))?;
        Ok(encoder)
    }

    /// Encodes the next block. Never waits; after an error this encoder is of no more use.
    pub fn push(&mut self, block: &Block) -> Result<(), AudioError> {
        if let Some(fault) = self.fault() {
            return Err(AudioError::Failed(fault));
        }
        if self.input.current_level_buffers() > MAX_WAITING {
            return Err(AudioError::Failed("it takes no more sound".to_owned()));
        }
        let bytes: Vec<u8> = block.as_flattened().iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let (at, end) = (clock_time(self.next), clock_time(self.next + BLOCK as i64));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(at);
            buffer.set_duration(end.saturating_sub(at));
        }
        self.next += BLOCK as i64;
        self.input.push_buffer(buffer).map_err(|error| AudioError::Failed(error.to_string()))?;
        Ok(())
    }

    /// Sends what the encoder still holds, then ends it.
    pub fn finish(self) {
        if self.input.end_of_stream().is_ok() && self.ended.recv_timeout(FINISH).is_err() {
            tracing::warn!("the audio encoder does not end");
        }
    }

    fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Audio {
    fn drop(&mut self) {
        pipeline::end(&self.pipeline);
    }
}

fn build(text: &str, settings: &AudioSettings) -> Result<gst::Pipeline, AudioError> {
    let kbps = u64::from(settings.bitrate_kbps);
    let values = [("bitrate_kbps", Value::Number(kbps)), ("bitrate_bps", Value::Number(kbps * 1000))];
    let description = launch::fill(text, &values)?;
    let element = gst::parse::launch_full(&description, None, gst::ParseFlags::FATAL_ERRORS)?;
    element.downcast::<gst::Pipeline>().map_err(|_| AudioError::Missing("in"))
}

impl Stamper {
    fn send(&mut self, sample: &gst::Sample) {
        let config = sample.caps().and_then(codec_data).unwrap_or_default();
        let at = self.begin - PRIMING + self.count * FRAME;
        self.count += 1;
        if !config.is_empty() && config != self.config {
            self.config = config.clone();
            self.packet(Role::Config, at.max(self.begin), config);
        }
        let Some(data) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else { return };
        // Program time begins at zero, and what is before it is the priming's silence.
        if at >= 0 {
            self.packet(Role::Key, at, Bytes::copy_from_slice(&data));
        }
    }

    fn packet(&self, role: Role, at: i64, data: Bytes) {
        let pts = Timestamp::from_units(at, RATE);
        (self.sink)(FromWorker::Program(Packet { codec: Codec::Audio(AudioCodec::Aac), role, pts, dts: pts, data }));
    }
}

fn codec_data(caps: &gst::CapsRef) -> Option<Bytes> {
    let data = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    let map = data.map_readable().ok()?;
    Some(Bytes::copy_from_slice(&map))
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
