//! Picture buffers of the stage: I420, limited range, BT.709, the stage's only pixel format.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::{VideoBufferPoolConfig, prelude::*};

pub use tilecast_core::draw::{rgb, yuv};
use tilecast_core::{
    draw::{self, Format, PlaneMut, PlaneRef, Surface, View},
    layout::Color,
    media::{Rect, Size},
};

/// Alignment of rows and of buffers, bytes: the widest vectors that swscale stores.
const ALIGN: usize = 64;

/// Caps of pictures of this size. Equal colorimetry everywhere keeps the compositor from converting.
pub fn caps(size: Size, fps: u32) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", size.width as i32)
        .field("height", size.height as i32)
        .field("framerate", gst::Fraction::new(fps as i32, 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .field("colorimetry", "bt709")
        .field("chroma-site", "mpeg2")
        .build()
}

/// A finished picture: its size, and the buffer, which carries a video meta with its strides.
#[derive(Debug, Clone)]
pub struct Picture {
    /// px, even
    pub size: Size,
    /// The part that is not bars.
    pub seen: Rect,
    /// I420, with a video meta that holds its strides.
    pub buffer: gst::Buffer,
}

impl Picture {
    /// The same pixels in a memory object that is mapped separately. GStreamer counts simultaneous mappings of one
    /// memory in eight bits, and every tile that shows a picture maps it several times.
    pub fn apart(&self) -> Result<Self, gst::glib::BoolError> {
        let mut buffer = gst::Buffer::new();
        let own = buffer.get_mut().expect("a buffer that nobody else has");
        for memory in self.buffer.iter_memories() {
            own.append_memory(memory.share(..));
        }
        // GStreamer does not copy it where it does not copy the memory: it says where in the memory the planes are.
        if let Some(meta) = self.buffer.meta::<gst_video::VideoMeta>() {
            let (flags, format, offset, stride) =
                (meta.video_frame_flags(), meta.format(), meta.offset(), meta.stride());
            gst_video::VideoMeta::add_full(own, flags, format, meta.width(), meta.height(), offset, stride)?;
        }
        Ok(Self { size: self.size, seen: self.seen, buffer })
    }
}

/// A picture that is mapped for reading.
#[derive(Debug)]
pub struct Looked {
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
    size: Size,
}

impl Picture {
    /// Maps its pixels for reading; `None` if its memory cannot be mapped.
    pub fn look(&self) -> Option<Looked> {
        let info = gst_video::VideoInfo::from_caps(&caps(self.size, 1)).ok()?;
        let frame = gst_video::VideoFrame::from_buffer_readable(self.buffer.clone(), &info).ok()?;
        Some(Looked { frame, size: self.size })
    }
}

impl Looked {
    pub fn view(&self) -> View<'_> {
        let [y, u, v, _] = self.frame.planes_data();
        let stride = self.frame.plane_stride();
        let plane = |data, index: usize| PlaneRef { data, stride: stride[index].unsigned_abs() as usize };
        let planes = [plane(y, 0), plane(u, 1), plane(v, 2)];
        View { format: Format::I420, size: self.size, planes, alpha: None, inked: None }
    }
}

/// Paints on a buffer that nobody else uses, and returns it.
pub fn paint_on(
    buffer: gst::Buffer,
    size: Size,
    paint: impl FnOnce(&mut Surface<'_>),
) -> Result<gst::Buffer, gst::glib::BoolError> {
    let info = gst_video::VideoInfo::from_caps(&caps(size, 1))?;
    let frame = gst_video::VideoFrame::from_buffer_writable(buffer, &info);
    let mut frame = frame.map_err(|_| gst::glib::bool_error!("a frame could not be mapped"))?;
    paint(&mut surface(&mut frame, size));
    Ok(frame.into_buffer())
}

fn surface(frame: &mut gst_video::VideoFrame<gst_video::video_frame::Writable>, size: Size) -> Surface<'_> {
    let strides = [0, 1, 2].map(|index| frame.plane_stride()[index].unsigned_abs() as usize);
    let [y, u, v, _] = frame.planes_data_mut();
    let plane = |data, index: usize| PlaneMut { data, stride: strides[index] };
    Surface { format: Format::I420, size, planes: [plane(y, 0), plane(u, 1), plane(v, 2)] }
}

/// Buffers of one size, reused when the last user drops one.
#[derive(Debug)]
pub struct Pool {
    size: Size,
    info: gst_video::VideoInfo,
    pool: gst_video::VideoBufferPool,
}

impl Pool {
    /// A pool of pictures of `size`, which must be even and at least 2x2.
    pub fn new(size: Size) -> Result<Self, gst::glib::BoolError> {
        let caps = caps(size, 1);
        let info = gst_video::VideoInfo::from_caps(&caps)?;
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), info.size() as u32, 0, 0);
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
        config.set_video_alignment(&gst_video::VideoAlignment::new(0, 0, 0, 0, &[ALIGN as u32 - 1; 4]));
        // swscale may write a vector beyond the last pixel; the padding keeps that inside the buffer.
        let params = gst::AllocationParams::new(gst::MemoryFlags::empty(), ALIGN - 1, 0, ALIGN);
        config.set_allocator(gst::Allocator::NONE, Some(&params));
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(Self { size, info, pool })
    }

    /// Size of its pictures.
    pub fn size(&self) -> Size {
        self.size
    }

    /// A picture drawn by `draw`, which gets a buffer of unspecified content.
    pub fn draw<E: From<gst::glib::BoolError>>(
        &self,
        draw: impl FnOnce(&mut Planes) -> Result<(), E>,
    ) -> Result<Picture, E> {
        let failed = |what| E::from(gst::glib::bool_error!("{what}"));
        let buffer = self.pool.acquire_buffer(None).map_err(|_| failed("no picture buffer could be allocated"))?;
        let frame = gst_video::VideoFrame::from_buffer_writable(buffer, &self.info)
            .map_err(|_| failed("a picture buffer could not be mapped"))?;
        let mut planes = Planes { frame, size: self.size };
        draw(&mut planes)?;
        let Size { width, height } = self.size;
        let seen = Rect { x: 0, y: 0, width, height };
        Ok(Picture { size: self.size, seen, buffer: planes.frame.into_buffer() })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Buffers that are still in use are freed when they come back. This fails only for a pool that never was
        // active.
        let _ = self.pool.set_active(false);
    }
}

/// The three planes of a picture being drawn.
#[derive(Debug)]
pub struct Planes {
    frame: gst_video::VideoFrame<gst_video::video_frame::Writable>,
    size: Size,
}

/// One plane: its bytes, bytes from row to row, and its size in samples.
#[derive(Debug)]
pub struct Plane<'a> {
    /// Rows of samples; may be longer than `stride * height`.
    pub data: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Samples in a row.
    pub width: usize,
    pub height: usize,
}

impl Planes {
    /// Plane 0 (Y), 1 (U) or 2 (V).
    pub fn plane(&mut self, index: usize) -> Plane<'_> {
        let shift = usize::from(index > 0);
        let stride = self.frame.plane_stride()[index].unsigned_abs() as usize;
        let (width, height) = (self.size.width as usize >> shift, self.size.height as usize >> shift);
        let data = self.frame.plane_data_mut(index as u32).expect("an I420 frame has three planes");
        Plane { data, stride, width, height }
    }

    /// All three, to paint on.
    pub fn surface(&mut self) -> Surface<'_> {
        surface(&mut self.frame, self.size)
    }

    /// Fills everything with one colour.
    pub fn fill(&mut self, color: Color) {
        for (index, value) in yuv(color).into_iter().enumerate() {
            let plane = self.plane(index);
            for row in plane.data.chunks_mut(plane.stride).take(plane.height) {
                row[..plane.width].fill(value);
            }
        }
    }

    /// Paints a picture of the same size.
    pub fn paint(&mut self, picture: View<'_>) {
        let mut surface = self.surface();
        let whole = surface.bounds();
        draw::paint(&mut surface, whole, &[draw::Stroke::ground(picture)], &mut draw::Scratch::default());
    }

    /// Fills everything with a blend of two pictures of the same size: `part` of `over` and the rest of `under`; 0 to
    /// 1.
    pub fn mix(&mut self, under: View<'_>, over: View<'_>, part: f64) {
        let part = (part.clamp(0.0, 1.0) * 256.0).round() as u16;
        for index in 0..3 {
            let (under, over) = (&under.planes[index], &over.planes[index]);
            let Plane { data, stride, width, height } = self.plane(index);
            let rows = data.chunks_mut(stride).zip(under.data.chunks(under.stride)).zip(over.data.chunks(over.stride));
            for ((row, under), over) in rows.take(height) {
                for ((sample, under), over) in row[..width].iter_mut().zip(&under[..width]).zip(&over[..width]) {
                    *sample = ((u16::from(*under) * (256 - part) + u16::from(*over) * part + 128) >> 8) as u8;
                }
            }
        }
    }

    /// Fills everything outside the rectangle, whose numbers are even, with one colour.
    pub fn fill_around(&mut self, (x, y): (u32, u32), inside: Size, color: Color) {
        for (index, value) in yuv(color).into_iter().enumerate() {
            let shift = usize::from(index > 0);
            let [left, top, width, height] = [x, y, inside.width, inside.height].map(|n| n as usize >> shift);
            let plane = self.plane(index);
            for (y, row) in plane.data.chunks_mut(plane.stride).take(plane.height).enumerate() {
                if y < top || y >= top + height {
                    row[..plane.width].fill(value);
                } else {
                    row[..left].fill(value);
                    row[left + width..plane.width].fill(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_apart_has_its_planes_where_they_are() {
        gst::init().expect("GStreamer");
        // Rows of this width are padded.
        let size = Size { width: 312, height: 176 };
        let pool = Pool::new(size).expect("a pool");
        let drawn = pool.draw::<gst::glib::BoolError>(|planes| {
            for index in 0..3 {
                let plane = planes.plane(index);
                for (y, row) in plane.data.chunks_mut(plane.stride).take(plane.height).enumerate() {
                    row[..plane.width].fill((y + index) as u8);
                }
            }
            Ok(())
        });
        let apart = drawn.expect("a picture").apart().expect("another");
        let looked = apart.look().expect("its pixels");
        for (index, plane) in looked.view().planes.iter().enumerate() {
            for (y, row) in plane.data.chunks(plane.stride).take(if index == 0 { 176 } else { 88 }).enumerate() {
                assert!(row[..150].iter().all(|sample| *sample == (y + index) as u8), "plane {index}, row {y}");
            }
        }
    }

    #[test]
    fn colours_land_where_bt709_puts_them() {
        let of = |red, green, blue| yuv(Color { red, green, blue });
        assert_eq!(of(0, 0, 0), [16, 128, 128]);
        assert_eq!(of(255, 255, 255), [235, 128, 128]);
        assert_eq!(of(255, 0, 0), [63, 102, 240]);
        assert_eq!(rgb(of(0x10, 0x14, 0x18)), [0x10, 0x14, 0x18]);
    }
}
