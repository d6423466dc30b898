//! Snapshots: the newest frame as JPEG, encoded on request in a thread of its own.

use std::io;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use image::codecs::jpeg::JpegEncoder;

use crate::{
    helper::{Helper, Work},
    i420,
    out::Out,
};
use tilecast_core::{
    link::FromWorker,
    media::{Size, Timestamp},
};

/// Snapshots that may wait: a few people pressing the button at once.
const MAX_WAITING: usize = 4;

/// JPEG quality, of 100: no visible loss on a still of compressed video.
const QUALITY: u8 = 85;

pub struct Snapshots {
    helper: Helper<(u64, gst::Buffer)>,
    out: Out,
}

impl Snapshots {
    /// Starts the thread for frames of this size.
    pub fn start(canvas: Size, out: Out, now: Timestamp) -> io::Result<Self> {
        let sender = out.clone();
        let begin = move || -> Work<(u64, gst::Buffer)> {
            let out = sender.clone();
            Box::new(move |(id, frame)| answer(*id, frame, canvas, &out))
        };
        Ok(Self { helper: Helper::start("snapshot", MAX_WAITING, now, begin)?, out })
    }

    /// Answers request `id` with this frame; with nothing if there is no frame yet, or too many requests wait.
    pub fn take(&self, id: u64, frame: Option<&gst::Buffer>) {
        if !frame.is_some_and(|frame| self.helper.ask((id, frame.clone()))) {
            self.send_none(id);
        }
    }

    /// Checks the thread: what to tell the operator if it was lost.
    pub fn look(&mut self, now: Timestamp) -> Option<String> {
        let (lost, _) = self.helper.look(now)?;
        if let Some((id, _)) = lost {
            self.send_none(id);
        }
        Some("the making of a snapshot failed or hung, and it is left out".to_owned())
    }

    fn send_none(&self, id: u64) {
        self.out.send(&FromWorker::Snapshot { id, jpeg: Bytes::new() });
    }
}

fn answer(id: u64, frame: &gst::Buffer, canvas: Size, out: &Out) {
    let jpeg = jpeg(frame, canvas).unwrap_or_else(|what| {
        tracing::warn!(%what, "no snapshot");
        Bytes::new()
    });
    out.send(&FromWorker::Snapshot { id, jpeg });
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
