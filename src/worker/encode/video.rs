//! Video encoder: one pipeline, `appsrc` → encoder → `appsink`.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use crate::{clock::Clock, i420, out::Out, pipeline, process, watch::Heartbeat};
use tilecast_core::{
    layout::Canvas,
    link::{
        FromWorker,
        launch::{self, LaunchError, Value},
        message::VideoSettings,
    },
    media::{Codec, Packet, Role, Timestamp, VideoCodec},
};

/// Frames that may wait for the encoder. With the frame in work, the program is two frames behind; a third is not
/// composed.
const MAX_WAITING: u64 = 2;

/// Longest time that the encoder may keep a frame: 4K at the slowest preset takes about 2 s. Beyond it the encoder is
/// stuck or gives no output, and a new worker is better.
const STUCK: Duration = Duration::from_secs(10);

/// Longest time for the encoder to send what it holds at the end. This is most of the time that a worker has to end.
const FINISH: Duration = Duration::from_secs(1);

/// Most encoding times that are kept until the next report, in case nobody asks: a minute at 60 fps.
const MAX_TIMES: usize = 3600;

/// Why the encoder does not work.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the video encoder's launch text: {0}")]
    Launch(#[from] LaunchError),
    /// The launch text does not parse, or elements are missing on this machine.
    #[error("the video encoder's launch text does not build: {0}")]
    Build(#[from] gst::glib::Error),
    /// The launch text lacks `appsrc name=in`, `appsink name=out` or `name=encoder`.
    #[error("the video encoder's launch text has no element called {0}")]
    Missing(&'static str),
    /// GStreamer's error, at start or while running.
    #[error("the video encoder failed: {0}")]
    Failed(String),
}

pub struct Video {
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    output: gst_app::AppSink,
    encoder: gst::Element,
    /// Property of the target rate, and how many of its units are one kbit/s.
    rate: Option<(String, u32)>,
    fault: pipeline::Fault,
    shared: Arc<Shared>,
    pulse: Arc<Heartbeat>,
}

/// State that the appsink's callback and the tick share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    ended: bool,
    /// Frames in the encoder: program time, and when each was handed over.
    pending: VecDeque<(Timestamp, Timestamp)>,
    times: Vec<Duration>,
    config: Bytes,
    /// The encoder's H.264 has a form that the program cannot carry.
    unusable: bool,
    last_dts: Option<Timestamp>,
}

impl Video {
    /// Builds and starts the encoder.
    pub fn start(
        text: &str,
        canvas: &Canvas,
        settings: &VideoSettings,
        clock: Clock,
        out: Out,
        pulse: Arc<Heartbeat>,
    ) -> Result<Self, EncodeError> {
        let pipeline = build(text, canvas, settings)?;
        let named = |name| pipeline.by_name(name).ok_or(EncodeError::Missing(name));
        let input = named("in")?.downcast::<gst_app::AppSrc>().map_err(|_| EncodeError::Missing("in"))?;
        let output = named("out")?.downcast::<gst_app::AppSink>().map_err(|_| EncodeError::Missing("out"))?;
        let encoder = named("encoder")?;
        input.set_caps(Some(&i420::caps(canvas.size(), canvas.fps)));
        input.set_format(gst::Format::Time);
        input.set_stream_type(gst_app::AppStreamType::Stream);
        let shared = Arc::<Shared>::default();
        let (encoded, ended, beats) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&pulse));
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let mut state = encoded.lock();
                state.encoded(&sample, clock.now(), &out);
                beats.encoder.beat();
                beats.encoder.waits(state.pending.len());
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| {
                ended.lock().ended = true;
                ended.ended.notify_all();
            });
        output.set_callbacks(callbacks.build());
        let fault = pipeline::watch(&pipeline);
        pipeline.set_state(gst::State::Playing).map_err(|error| EncodeError::Failed(error.to_string()))?;
        let rate = [("bitrate_kbps", 1), ("bitrate_bps", 1000)].into_iter();
        let rate = rate.filter_map(|(name, units)| Some((launch::property_of(text, name)?.to_owned(), units))).next();
        Ok(Self { pipeline, input, output, encoder, rate, fault, shared, pulse })
    }

    /// True while another frame would only wait. An error when that has lasted for too long, or the output is unusable.
    pub fn is_behind(&self, now: Timestamp) -> Result<bool, EncodeError> {
        let behind = self.input.current_level_buffers() >= MAX_WAITING;
        if let Some(fault) = self.take_fault() {
            return Err(EncodeError::Failed(fault));
        }
        if self.shared.lock().unusable {
            let text =
                "it gives no avcC record: its launch text must end in video/x-h264,stream-format=avc,alignment=au";
            return Err(EncodeError::Failed(text.to_owned()));
        }
        let oldest = self.shared.lock().pending.front().map_or(now, |(_, handed)| *handed);
        if now.since(oldest) > STUCK {
            return Err(self.failed(format!("no frame within {} s", STUCK.as_secs())));
        }
        Ok(behind)
    }

    /// The pipeline's own reason, if it gave one.
    fn failed(&self, otherwise: String) -> EncodeError {
        EncodeError::Failed(self.take_fault().unwrap_or(otherwise))
    }

    fn take_fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Hands over one frame, shown at `pts` of program time. Never waits.
    pub fn push(&self, frame: gst::Buffer, pts: Timestamp, now: Timestamp) -> Result<(), EncodeError> {
        {
            let mut state = self.shared.lock();
            state.pending.push_back((pts, now));
            self.pulse.encoder.waits(state.pending.len());
        }
        self.input.push_buffer(frame).map_err(|error| self.failed(error.to_string()))?;
        Ok(())
    }

    /// Sets the target rate from the next frame on, kbit/s. Ignored if the launch text has no placeholder for it.
    pub fn set_bitrate(&self, kbps: u32) {
        let Some((property, units)) = &self.rate else { return };
        let value = kbps.saturating_mul(*units);
        let spec = self.encoder.find_property(property);
        if let Some(spec) = spec.as_ref().and_then(|spec| spec.downcast_ref::<gst::glib::ParamSpecUInt>()) {
            self.encoder.set_property(property, value.clamp(spec.minimum(), spec.maximum()));
        } else {
            tracing::warn!(property, "the encoder's rate cannot be changed while it runs");
        }
    }

    /// Makes the next frame a keyframe.
    pub fn force_keyframe(&self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        if !self.output.send_event(event) {
            tracing::warn!("the video encoder does not take requests for keyframes");
        }
    }

    /// The encoding times since the last call.
    pub fn take_times(&self) -> Vec<Duration> {
        std::mem::take(&mut self.shared.lock().times)
    }

    /// Makes the encoder send what it still holds. No frame can follow.
    pub fn finish(&self) {
        if self.input.end_of_stream().is_ok() {
            let waited = self.shared.ended.wait_timeout_while(self.shared.lock(), FINISH, |state| !state.ended);
            drop(waited);
        }
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        // Unfinished frames belong to nobody now; the next encoder begins with nothing.
        self.pulse.encoder.waits(0);
        pipeline::end(&self.pipeline);
    }
}

/// Pixels a second that one thread encodes in time with x264's faster presets, with half of its time to spare: 720p at
/// 30 fps.
const PIXELS_PER_THREAD: u64 = 1280 * 720 * 30;

/// As few threads as keep up: a frame in slices costs 8 % more CPU than the whole frame, and some quality.
fn threads(canvas: &Canvas) -> u64 {
    let pixels = u64::from(canvas.width) * u64::from(canvas.height) * u64::from(canvas.fps);
    pixels.div_ceil(PIXELS_PER_THREAD).clamp(1, process::cores() as u64)
}

fn build(text: &str, canvas: &Canvas, settings: &VideoSettings) -> Result<gst::Pipeline, EncodeError> {
    let description = launch::fill(
        text,
        &[
            ("width", Value::Number(canvas.width.into())),
            ("height", Value::Number(canvas.height.into())),
            ("fps", Value::Number(canvas.fps.into())),
            ("preset", Value::Word(&settings.preset)),
            ("bitrate_kbps", Value::Number(settings.bitrate_kbps.into())),
            ("bitrate_bps", Value::Number(u64::from(settings.bitrate_kbps) * 1000)),
            ("keyframe_frames", Value::Number(settings.keyframe_frames.into())),
            ("buffer_ms", Value::Number(settings.buffer_ms.into())),
            ("threads", Value::Number(threads(canvas))),
        ],
    )?;
    let pipeline = gst::parse::launch_full(&description, None, gst::ParseFlags::FATAL_ERRORS)?;
    pipeline.downcast::<gst::Pipeline>().map_err(|_| EncodeError::Missing("in"))
}

impl State {
    fn encoded(&mut self, sample: &gst::Sample, now: Timestamp, out: &Out) {
        let Some(buffer) = sample.buffer() else { return };
        self.send_config(sample, out);
        self.unusable |= self.config.is_empty();
        if self.unusable {
            return;
        }
        let Some((pts, dts)) = self.times_of(sample, buffer) else { return };
        // A frame that left the encoder is no longer in it, and neither are frames that it dropped before.
        while let Some((frame, handed)) = self.pending.front().copied().filter(|(frame, _)| *frame <= pts) {
            self.pending.pop_front();
            if frame == pts && self.times.len() < MAX_TIMES {
                self.times.push(now.since(handed));
            }
        }
        let delta = buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let role = if delta { Role::Delta } else { Role::Key };
        let Ok(data) = buffer.map_readable() else { return };
        let data = Bytes::copy_from_slice(&data);
        let codec = Codec::Video(VideoCodec::H264);
        out.send(&FromWorker::Program(Packet { codec, role, pts, dts, data }));
    }

    /// Sends the encoder's `avcC` when it is new or has changed.
    fn send_config(&mut self, sample: &gst::Sample, out: &Out) {
        let caps = sample.caps().and_then(|caps| caps.structure(0));
        let Some(config) = caps.and_then(|caps| caps.get::<gst::Buffer>("codec_data").ok()) else { return };
        let Ok(config) = config.map_readable() else { return };
        if self.config[..] == config[..] {
            return;
        }
        self.config = Bytes::copy_from_slice(&config);
        let time = self.pending.front().map_or(Timestamp::ZERO, |(pts, _)| *pts);
        let codec = Codec::Video(VideoCodec::H264);
        let data = self.config.clone();
        out.send(&FromWorker::Program(Packet { codec, role: Role::Config, pts: time, dts: time, data }));
    }

    /// Program time of a packet. Encoders shift their segment, so running time counts; dts never falls.
    fn times_of(&mut self, sample: &gst::Sample, buffer: &gst::BufferRef) -> Option<(Timestamp, Timestamp)> {
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        let running = |time: gst::ClockTime| {
            let running = segment.to_running_time_full(time)?;
            let nanos = i64::try_from(running.abs().nseconds()).ok()?;
            Some(Timestamp::from_nanos(if running.is_negative() { -nanos } else { nanos }))
        };
        let pts = running(buffer.pts()?)?;
        let dts = buffer.dts().and_then(running).unwrap_or(pts).min(pts);
        let dts = self.last_dts.map_or(dts, |last| dts.max(last));
        self.last_dts = Some(dts);
        Some((pts, dts))
    }
}
