//! GStreamer pipelines: how every pipeline here reports its faults and ends.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

/// The first fault of a pipeline, in GStreamer's words.
pub type Fault = Arc<Mutex<Option<String>>>;

/// Records the pipeline's first fault from now on. Messages are handled where they arise, so nothing queues on the bus.
pub fn watch(pipeline: &gst::Pipeline) -> Fault {
    let fault = Fault::default();
    let noted = Arc::clone(&fault);
    let bus = pipeline.bus().expect("a pipeline has a bus");
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(error) => {
                let text = format!("{} ({})", error.error(), error.debug().unwrap_or_default());
                tracing::error!(pipeline = %text, "a pipeline failed");
                noted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
            }
            gst::MessageView::Warning(warning) => tracing::warn!(pipeline = %warning.error(), "a pipeline warns"),
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
    fault
}

/// Stops a pipeline whose threads may hang, on a thread of its own. That thread may hang too, and then ends with the
/// process.
pub fn end_aside(pipeline: &gst::Pipeline) {
    let pipeline = pipeline.clone();
    if let Err(error) = std::thread::Builder::new().name("pipeline-end".to_owned()).spawn(move || end(&pipeline)) {
        tracing::warn!(%error, "a pipeline that hangs is left as it is");
    }
}

/// Stops a pipeline and joins its threads.
pub fn end(pipeline: &gst::Pipeline) {
    if let Err(error) = pipeline.set_state(gst::State::Null) {
        tracing::warn!(%error, "a pipeline does not stop");
    }
}
