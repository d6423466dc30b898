//! Video compositor: GStreamer's, driven by hand. Each pad gets one buffer, and one composed frame comes out.
//!
//! Buffers are pushed on pads of our own, from the tick's thread: there is no `appsrc`, so a tile has no queue and no
//! thread. The compositor is not live; it only waits for a buffer on each pad.

use std::{
    sync::{
        Arc, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::{
    i420::{self, Picture},
    pipeline,
    watch::Heartbeat,
};
use tilecast_core::{
    link::launch::{self, LaunchError, Value},
    media::{Rect, Size},
};

/// Longest time for one frame: twice the time for 64 scaled tiles on a 4K canvas on a loaded machine of two cores.
const PATIENCE: Duration = Duration::from_secs(5);

/// Composed frames that may wait: the tick takes each frame before it feeds the next.
const MAX_FRAMES: usize = 2;

/// Why the stage cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CompositorError {
    /// A fault in the launch text's placeholders.
    #[error("pipelines/stage.launch: {0}")]
    Launch(#[from] LaunchError),
    /// The launch text is invalid, or GStreamer lacks plugins that it needs.
    #[error("pipelines/stage.launch does not build: {0}; is gstreamer1.0-plugins-base installed?")]
    Build(#[from] gst::glib::Error),
    /// An element is missing that the stage needs by name.
    #[error("pipelines/stage.launch has no {kind} called {name}")]
    Missing {
        kind: &'static str,
        /// Name in the text.
        name: &'static str,
    },
    #[error("the compositor refused: {0}")]
    Refused(String),
    /// No frame came in time.
    #[error("the compositor gave no frame within {PATIENCE:?}")]
    Stalled,
}

pub struct Compositor {
    pipeline: gst::Pipeline,
    compositor: gst::Element,
    frames: Receiver<gst::Buffer>,
    /// Frames composed; also the compositor's private time, in seconds.
    frame: u64,
    fault: pipeline::Fault,
    pulse: Arc<Heartbeat>,
}

/// Position and look of a pad's picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Appearance {
    /// px on the canvas
    pub rect: Rect,
    /// Higher lies in front.
    pub z: u32,
    /// 0 to 1
    pub alpha: f64,
}

/// One input of the compositor, for pictures of one size. A change of size needs another input: videoaggregator takes
/// the pictures of all inputs before it notices that one has changed its caps, and then wants another picture of each.
/// Dropping an input removes it.
pub struct Input {
    source: gst::Pad,
    sink: gst::Pad,
    compositor: gst::Element,
    size: Size,
    appearance: Option<Appearance>,
    /// The last two buffers. A pool takes a buffer back only when nobody shares its pixels, and the compositor holds
    /// its share until it has the next buffer.
    fed: [Option<gst::Buffer>; 2],
}

impl Compositor {
    /// Builds and starts the compositor for a canvas of this size.
    pub fn start(text: &str, canvas: Size, pulse: Arc<Heartbeat>) -> Result<Self, CompositorError> {
        let values = [("width", Value::Number(canvas.width.into())), ("height", Value::Number(canvas.height.into()))];
        let description = launch::fill(text, &values)?;
        let pipeline = gst::parse::launch_full(&description, None, gst::ParseFlags::FATAL_ERRORS)?;
        let missing = |kind, name| CompositorError::Missing { kind, name };
        let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| missing("pipeline", "at all"))?;
        let compositor = pipeline.by_name("stage").ok_or(missing("compositor", "stage"))?;
        let out = pipeline.by_name("out").and_then(|out| out.static_pad("sink")).ok_or(missing("appsink", "out"))?;
        let frames = take_frames(&out);
        let fault = pipeline::watch(&pipeline);
        pipeline.set_state(gst::State::Playing).map_err(|error| CompositorError::Refused(error.to_string()))?;
        Ok(Self { pipeline, compositor, frames, frame: 0, fault, pulse })
    }

    /// Adds an input for pictures of this size, which must be fed from the next frame on. All inputs of a frame must
    /// exist before the first of them is fed: the compositor starts when every input it knows has a picture.
    pub fn input(&self, size: Size) -> Result<Input, CompositorError> {
        let refused = |what: &str| CompositorError::Refused(what.to_owned());
        let sink = self.compositor.request_pad_simple("sink_%u").ok_or_else(|| refused("no more pads"))?;
        let source = gst::Pad::new(gst::PadDirection::Src);
        source.set_active(true).map_err(|error| refused(&error.to_string()))?;
        source.link(&sink).map_err(|error| refused(&error.to_string()))?;
        source.push_event(gst::event::StreamStart::new(&sink.name()));
        source.push_event(gst::event::Caps::new(&i420::caps(size, 1)));
        source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        Ok(Input { source, sink, compositor: self.compositor.clone(), size, appearance: None, fed: [None, None] })
    }

    /// The frame made of all inputs' last pictures. Nobody else uses it. Every input must have been fed once.
    pub fn compose(&mut self) -> Result<gst::Buffer, CompositorError> {
        self.frame += 1;
        self.pulse.compositor.waits(1);
        let composed = self.frames.recv_timeout(PATIENCE).map_err(|_| self.stalled())?;
        self.pulse.compositor.beat();
        self.pulse.compositor.waits(0);
        Ok(composed)
    }

    /// Number of the frame being fed.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    fn stalled(&self) -> CompositorError {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        fault.map_or(CompositorError::Stalled, CompositorError::Refused)
    }
}

/// Takes every frame before it enters the sink. The sink would keep a reference, and then painting on the frame would
/// need a copy.
fn take_frames(sink: &gst::Pad) -> Receiver<gst::Buffer> {
    let (frames, taken) = sync_channel(MAX_FRAMES);
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(frame)) = info.data.take() {
            // It only fails when the stage has ended.
            let _ = frames.try_send(frame);
        }
        gst::PadProbeReturn::Handled
    });
    taken
}

impl Drop for Compositor {
    fn drop(&mut self) {
        pipeline::end(&self.pipeline);
    }
}

impl Input {
    /// Sets the pad's properties; unchanged ones are not touched.
    pub fn appear(&mut self, appearance: Appearance) {
        let before = self.appearance.replace(appearance);
        let differs = |of: fn(&Appearance) -> i64| before.as_ref().is_none_or(|before| of(before) != of(&appearance));
        if differs(|a| a.rect.x.into()) {
            self.sink.set_property("xpos", appearance.rect.x);
        }
        if differs(|a| a.rect.y.into()) {
            self.sink.set_property("ypos", appearance.rect.y);
        }
        if differs(|a| a.rect.width.into()) {
            self.sink.set_property("width", appearance.rect.width as i32);
        }
        if differs(|a| a.rect.height.into()) {
            self.sink.set_property("height", appearance.rect.height as i32);
        }
        if differs(|a| a.z.into()) {
            // 0 is the backdrop's.
            self.sink.set_property("zorder", appearance.z.saturating_add(1));
        }
        if before.is_none_or(|before| before.alpha != appearance.alpha) {
            self.sink.set_property("alpha", appearance.alpha.clamp(0.0, 1.0));
        }
    }

    /// Puts the input behind everything else, permanently.
    pub fn lie_behind(&mut self, rect: Rect) {
        self.appear(Appearance { rect, z: 0, alpha: 1.0 });
        self.sink.set_property("zorder", 0u32);
    }

    /// Size of its pictures.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pushes the picture, of the input's size, for frame number `frame`.
    pub fn feed(&mut self, picture: &Picture, frame: u64) -> Result<(), CompositorError> {
        self.fed.swap(0, 1);
        self.fed[0] = Some(picture.buffer.clone());
        // The buffer shares the pixels; only the timestamp is this frame's own.
        let mut buffer = picture.buffer.clone();
        let own = buffer.make_mut();
        own.set_pts(gst::ClockTime::from_seconds(frame));
        own.set_duration(gst::ClockTime::SECOND);
        self.source.push(buffer).map_err(|error| CompositorError::Refused(error.to_string()))?;
        Ok(())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // Neither fails for a pad that was active and linked.
        let _ = self.source.set_active(false);
        let _ = self.source.unlink(&self.sink);
        self.compositor.release_request_pad(&self.sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i420::Pool;

    #[test]
    fn pictures_go_back_to_their_pool() {
        gst::init().expect("GStreamer is there");
        let text = launch::builtin("stage").expect("it is built in");
        let mut compositor =
            Compositor::start(text, Size { width: 64, height: 64 }, Arc::default()).expect("it starts");
        // So large that the allocator never hands out the same memory again: old content is seen only in a reused
        // buffer.
        let size = Size { width: 6000, height: 4000 };
        let pool = Pool::new(size).expect("a pool");
        let mut input = compositor.input(size).expect("an input");
        input.appear(Appearance {
            rect: Rect { x: 0, y: 0, width: size.width, height: size.height },
            z: 0,
            alpha: 1.0,
        });
        let mut new = 0;
        for _ in 0..10 {
            let picture = pool.draw(|planes| {
                let mark = &mut planes.plane(0).data[..4];
                new += usize::from(mark != *b"mark");
                mark.copy_from_slice(b"mark");
                Ok::<_, gst::glib::BoolError>(())
            });
            input.feed(&picture.expect("a picture"), compositor.frame()).expect("it takes the picture");
            compositor.compose().expect("a frame");
        }
        assert!(new <= 4, "{new} of 10 pictures were allocated");
    }
}
