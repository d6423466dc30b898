//! The newest frame as JPEG, made on demand in a thread of its own.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use image::codecs::jpeg::JpegEncoder;

use crate::{
    link::FromWorker,
    media::Size,
    worker::{i420, out::Out},
};

/// Snapshots that may wait: a few people pressing the button at once.
const MAX_WAITING: usize = 4;

/// JPEG quality, of 100: no visible loss on a still of compressed video.
const QUALITY: u8 = 85;

/// Makes snapshots.
pub struct Snapshots {
    work: Option<SyncSender<(u64, gst::Buffer)>>,
    thread: Option<JoinHandle<()>>,
    out: Out,
}

impl Snapshots {
    /// Starts the thread for frames of this size.
    pub fn start(canvas: Size, out: Out) -> io::Result<Self> {
        let (work, asked) = sync_channel(MAX_WAITING);
        let sender = out.clone();
        let thread =
            std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || answer(&asked, canvas, &sender))?;
        Ok(Self { work: Some(work), thread: Some(thread), out })
    }

    /// Answers request `id` with this frame; with nothing if there is none yet, or too many others ask.
    pub fn take(&self, id: u64, frame: Option<&gst::Buffer>) {
        let work = self.work.as_ref();
        let accepted = frame.zip(work).is_some_and(|(frame, work)| work.try_send((id, frame.clone())).is_ok());
        if !accepted {
            self.out.send(&FromWorker::Snapshot { id, jpeg: Bytes::new() });
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.work = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the making of snapshots panicked");
        }
    }
}

fn answer(asked: &Receiver<(u64, gst::Buffer)>, canvas: Size, out: &Out) {
    for (id, frame) in asked {
        let jpeg = jpeg(&frame, canvas).unwrap_or_else(|what| {
            tracing::warn!(%what, "no snapshot");
            Bytes::new()
        });
        out.send(&FromWorker::Snapshot { id, jpeg });
    }
}

fn jpeg(frame: &gst::Buffer, canvas: Size) -> Result<Bytes, String> {
    let info = gst_video::VideoInfo::from_caps(&i420::caps(canvas, 1)).map_err(|error| error.to_string())?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(frame, &info).map_err(|error| error.to_string())?;
    let mut rgb = image::RgbImage::new(canvas.width, canvas.height);
    let [y_plane, u_plane, v_plane, _] = frame.planes_data();
    let [y_stride, u_stride, v_stride] = [0, 1, 2].map(|plane| frame.plane_stride()[plane].unsigned_abs() as usize);
    for (x, y, pixel) in rgb.enumerate_pixels_mut() {
        let (x, y) = (x as usize, y as usize);
        let luma = y_plane[y * y_stride + x];
        let (u, v) = (u_plane[y / 2 * u_stride + x / 2], v_plane[y / 2 * v_stride + x / 2]);
        pixel.0 = i420::rgb([luma, u, v]);
    }
    let mut bytes = Vec::new();
    rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).map_err(|error| error.to_string())?;
    Ok(bytes.into())
}
