//! Scaling: any decoded picture → the I420 tile, in one pass: by swscale, or by [`halve`] or [`Shrink`] where nothing
//! else is needed.

use std::ptr;

use ffmpeg_next::{ffi, format::Pixel};

use super::{
    codec::Frame,
    color::Meaning,
    halve::{Rows, halve},
    recolor::Recolor,
    rotation::Rotation,
    shrink::Shrink,
    siting::{Place, Shift, Siting},
};
use crate::i420::{Picture, Planes, Pool};
use tilecast_core::{
    draw::blur_around,
    layout::{
        Color, Fit,
        fit::{Area, Plan, Wish, plan},
    },
    media::{ColorSpace, Rect, Size},
};

/// Why a picture cannot become a tile.
#[derive(Debug, thiserror::Error)]
pub enum ScaleError {
    /// A pixel format that swscale does not read, or one with a palette.
    #[error("pictures of format {0:?} cannot be scaled")]
    Format(Pixel),
    #[error("{0}")]
    Buffer(#[from] gstreamer::glib::BoolError),
}

/// The properties that a scaler was built for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Key {
    picture: Size,
    aspect: f64,
    format: Pixel,
    meaning: Option<Meaning>,
    siting: Siting,
    turn: Rotation,
    target: Target,
}

/// The requests of all tiles of a participant: the first copy's, the second's, …
pub type Targets = std::sync::Arc<[Target]>;

/// The request of one tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// px, even
    pub size: Size,
    /// Which part of the picture is seen, and how it is fitted to the tile.
    pub wish: Wish,
    /// Colour of the bars.
    pub background: Color,
}

/// Scales the pictures of one decoder. It builds its tables only when a size changes.
#[derive(Default)]
pub struct Scaler {
    ready: Option<Ready>,
}

struct Ready {
    key: Key,
    method: Method,
    /// Colour conversion, done last, when the picture is smallest.
    recolor: Option<Recolor>,
    plan: Plan,
    pool: Pool,
    /// Buffers of tiles before rotation: turning a tile is less work than turning a picture.
    lying: Option<Pool>,
}

impl Scaler {
    /// The picture as a finished tile.
    pub fn scale(&mut self, frame: &Frame, target: Target) -> Result<Picture, ScaleError> {
        let key = Key::of(frame, target);
        if self.ready.as_ref().is_none_or(|ready| ready.key != key) {
            self.ready = Some(Ready::new(key, self.ready.take())?);
        }
        let ready = self.ready.as_mut().expect("made above");
        Ok(Picture { seen: ready.seen(), ..ready.scale(frame)? })
    }
}

impl Ready {
    fn new(key: Key, before: Option<Self>) -> Result<Self, ScaleError> {
        let (target, turn) = (key.target, key.turn);
        // Everything before the rotation works on the picture as it lies.
        let plan = plan(key.picture, key.aspect, turn.size(target.size), turn.wish(target.wish));
        let method = Method::of(&key, plan)?;
        let recolor = key.meaning.and_then(Recolor::of);
        let (pool, lying) = before.map_or((None, None), |before| (Some(before.pool), before.lying));
        let reuse = |pool: Option<Pool>, size| match pool {
            Some(pool) if pool.size() == size => Ok(pool),
            _ => Pool::new(size),
        };
        let pool = reuse(pool, target.size)?;
        let lying = if turn == Rotation::None { None } else { Some(reuse(lying, turn.size(target.size))?) };
        Ok(Self { key, method, recolor, plan, pool, lying })
    }

    /// The part of a finished tile that is not bars, upright. A picture lies in the middle of its bars, whichever way
    /// it is turned.
    fn seen(&self) -> Rect {
        let Self { key, plan, .. } = self;
        let Rect { x, y, width, height } = plan.seen(key.turn.size(key.target.size), key.target.wish.fit);
        match key.turn {
            Rotation::None | Rotation::Half => Rect { x, y, width, height },
            Rotation::Right | Rotation::Left => Rect { x: y, y: x, width: height, height: width },
        }
    }

    fn scale(&mut self, frame: &Frame) -> Result<Picture, ScaleError> {
        let Self { key, method, recolor, plan, pool, lying } = self;
        let mut draw = |planes: &mut Planes| {
            let Area { x, y, size } = plan.target;
            let bars = size != key.turn.size(key.target.size);
            let blurred = bars && key.target.wish.fit == Fit::Blur;
            match method {
                Method::Halve(chroma) => halve_planes(chroma, frame, planes)?,
                Method::Shrink(both) => shrink_planes(both, frame, plan, planes)?,
                Method::Scale(context) => context.run(frame, plan, planes)?,
            }
            if let Some(recolor) = recolor {
                recolor.run(&mut planes.surface(), plan.target);
            }
            // The bars are painted after scaling: swscale's widest stores reach beyond the picture.
            if bars && !blurred {
                planes.fill_around((x, y), size, key.target.background);
            }
            if blurred {
                let inside = Rect { x: x as i32, y: y as i32, width: size.width, height: size.height };
                blur_around(&mut planes.surface(), inside);
            }
            Ok(())
        };
        let Some(lying) = lying else { return pool.draw(draw) };
        let mut upright = None;
        lying.draw(|from| {
            draw(from)?;
            upright = Some(pool.draw(|to| {
                key.turn.apply(from, to);
                Ok::<_, ScaleError>(())
            })?);
            Ok::<_, ScaleError>(())
        })?;
        Ok(upright.expect("drawn above"))
    }
}

/// How pictures of one kind become tiles.
enum Method {
    /// The whole picture has the tile's format and twice its size. Chroma is shifted as well.
    Halve(Box<Shrink>),
    /// The visible part has the tile's format and is larger: one for luma, one for both planes of chroma.
    Shrink(Box<[Shrink; 2]>),
    Scale(Context),
}

impl Method {
    fn of(key: &Key, plan: Plan) -> Result<Self, ScaleError> {
        let twice = Size { width: plan.target.size.width * 2, height: plan.target.size.height * 2 };
        let whole = plan.source.size == key.picture && plan.target.size == key.turn.size(key.target.size);
        if key.format == Pixel::YUV420P {
            match shrinks(key, plan) {
                Some(both) if key.picture == twice && whole => {
                    let [_, chroma] = *both;
                    return Ok(Self::Halve(Box::new(chroma)));
                }
                Some(both) => return Ok(Self::Shrink(both)),
                None => {}
            }
        }
        Context::new(key, plan).map(Self::Scale)
    }
}

fn halve_planes(chroma: &mut Shrink, frame: &Frame, planes: &mut Planes) -> Result<(), ScaleError> {
    for index in 0..3 {
        let plane = planes.plane(index);
        let (stride, data) = frame.plane(index).ok_or(ScaleError::Format(frame.format()))?;
        let source = Rows { data, stride };
        match index {
            0 => halve(source, plane.data, plane.stride, plane.width, plane.height),
            _ => chroma.run(source, plane.data, plane.stride),
        }
    }
    Ok(())
}

/// One for luma and one for chroma, if the plan makes both smaller.
fn shrinks(key: &Key, plan: Plan) -> Option<Box<[Shrink; 2]>> {
    let (from, to) = (plan.source.size, plan.target.size);
    // swscale only copies a picture of the same size.
    if from == to {
        return None;
    }
    let sides = |size: Size| (size.width as usize, size.height as usize);
    let half = |(width, height): (usize, usize)| (width.div_ceil(2), height.div_ceil(2));
    let (from, to) = (sides(from), sides(to));
    let (source, target) = (key.siting, Siting::before(key.turn));
    let across = Shift { from: source.across, to: target.across };
    let down = Shift { from: source.down, to: target.down };
    let still = (Shift::default(), Shift::default());
    Some(Box::new([Shrink::new(from, to, still)?, Shrink::new(half(from), half(to), (across, down))?]))
}

fn shrink_planes(both: &mut [Shrink; 2], frame: &Frame, plan: &Plan, planes: &mut Planes) -> Result<(), ScaleError> {
    for index in 0..3 {
        let chroma = usize::from(index > 0);
        let start = |area: Area, stride: usize| (area.y >> chroma) as usize * stride + (area.x >> chroma) as usize;
        let plane = planes.plane(index);
        let source = frame
            .plane(index)
            .and_then(|(stride, rows)| Some(Rows { data: rows.get(start(plan.source, stride)..)?, stride }));
        let source = source.ok_or(ScaleError::Format(frame.format()))?;
        both[chroma].run(source, &mut plane.data[start(plan.target, plane.stride)..], plane.stride);
    }
    Ok(())
}

impl Key {
    fn of(frame: &Frame, target: Target) -> Self {
        let (picture, aspect) = (frame.size(), frame.aspect());
        // Formats whose name says full range. swscale would convert them by itself.
        let (format, named) = match frame.format() {
            Pixel::YUVJ420P => (Pixel::YUV420P, true),
            Pixel::YUVJ422P => (Pixel::YUV422P, true),
            Pixel::YUVJ444P => (Pixel::YUV444P, true),
            Pixel::YUVJ440P => (Pixel::YUV440P, true),
            Pixel::YUVJ411P => (Pixel::YUV411P, true),
            format => (format, false),
        };
        let color = frame.color();
        let coded = ColorSpace { full_range: named || color.full_range, ..color };
        let meaning = Meaning::of(coded, frame.aside.color, frame.codec, frame.high);
        // swscale converts formats other than luma and chroma to the stage's colours.
        let meaning = (!is_rgb(format)).then_some(meaning);
        Self { picture, aspect, format, meaning, siting: frame.siting(), turn: frame.aside.turn, target }
    }
}

/// swscale's value for "chroma position unknown".
const UNSAID: i64 = -513;

/// An `SwsContext`, and the properties of the source format that cropping needs. It stays on the thread that made it.
struct Context {
    sws: ptr::NonNull<ffi::SwsContext>,
    /// For each source plane: bytes per sample, and how often it is halved across and down.
    planes: Vec<(usize, u32, u32)>,
}

impl Context {
    fn new(key: &Key, plan: Plan) -> Result<Self, ScaleError> {
        let unsupported = ScaleError::Format(key.format);
        let planes = source_planes(key.format).ok_or(ScaleError::Format(key.format))?;
        let (source, target) = (plan.source.size, plan.target.size);
        let pixels = |format: ffi::AVPixelFormat| format as i64;
        // In 256ths of the distance of two luma samples. For planes as large as luma's the position is unknown.
        let place = |place: Place, halved: bool| if halved { 128 * (place + 1) } else { UNSAID };
        let halved = planes.get(1).map_or((false, false), |(_, across, down)| (*across == 1, *down == 1));
        let lies = Siting::before(key.turn);
        let options = [
            (c"srcw", i64::from(source.width)),
            (c"srch", i64::from(source.height)),
            (c"src_format", pixels(key.format.into())),
            (c"dstw", i64::from(target.width)),
            (c"dsth", i64::from(target.height)),
            (c"dst_format", pixels(ffi::AVPixelFormat::AV_PIX_FMT_YUV420P)),
            // Area is the fastest of the good methods when shrinking, and is bilinear when growing.
            (c"sws_flags", i64::from(ffi::SWS_AREA)),
            (c"src_h_chr_pos", place(key.siting.across, halved.0)),
            (c"src_v_chr_pos", place(key.siting.down, halved.1)),
            (c"dst_h_chr_pos", place(lies.across, true)),
            (c"dst_v_chr_pos", place(lies.down, true)),
        ];
        // SAFETY: the context is allocated and ours alone; options are set before it is initialised, as libswscale
        // wants them. Sizes are positive and bounded (Frame::sane, the scene's check); null filters are allowed. The
        // coefficient tables are static.
        unsafe {
            let sws = ptr::NonNull::new(ffi::sws_alloc_context()).ok_or(ScaleError::Format(key.format))?;
            let made = Self { sws, planes };
            for (name, value) in options {
                if ffi::av_opt_set_int(sws.as_ptr().cast(), name.as_ptr(), value, 0) < 0 {
                    return Err(unsupported);
                }
            }
            if ffi::sws_init_context(sws.as_ptr(), ptr::null_mut(), ptr::null_mut()) < 0 {
                return Err(unsupported);
            }
            // The same on both sides: only red, green and blue are converted.
            let (matrix, one) = (ffi::sws_getCoefficients(ffi::SWS_CS_ITU709), 1 << 16);
            ffi::sws_setColorspaceDetails(sws.as_ptr(), matrix, 0, matrix, 0, 0, one, one);
            Ok(made)
        }
    }

    fn run(&mut self, frame: &Frame, plan: &Plan, planes: &mut Planes) -> Result<(), ScaleError> {
        let mut data = [ptr::null(); 4];
        let mut strides = [0; 4];
        for (index, (bytes, across, down)) in self.planes.iter().enumerate() {
            // SAFETY: the decoder filled this many planes of the format we looked up; the plan's source lies inside the
            // picture, so the offset stays inside the plane.
            unsafe {
                strides[index] = (*frame.raw()).linesize[index];
                let skipped = (plan.source.y >> down) as isize * strides[index] as isize;
                let offset = skipped + ((plan.source.x >> across) as usize * bytes) as isize;
                data[index] = (*frame.raw()).data[index].offset(offset).cast_const();
            }
        }
        let mut out = [ptr::null_mut(); 4];
        let mut out_strides = [0; 4];
        for index in 0..3 {
            let plane = planes.plane(index);
            let shift = u32::from(index > 0);
            let at = (plan.target.y >> shift) as usize * plane.stride + (plan.target.x >> shift) as usize;
            out[index] = plane.data[at..].as_mut_ptr();
            out_strides[index] = plane.stride as i32;
        }
        // SAFETY: source planes as argued above; the target area lies inside the tile, whose rows and end are padded
        // for swscale's widest stores. swscale reads and writes nothing beyond the sizes it was built for.
        let rows = unsafe {
            ffi::sws_scale(
                self.sws.as_ptr(),
                data.as_ptr(),
                strides.as_ptr(),
                0,
                plan.source.size.height as i32,
                out.as_ptr(),
                out_strides.as_ptr(),
            )
        };
        let whole = rows == plan.target.size.height as i32;
        if whole { Ok(()) } else { Err(ScaleError::Format(frame.format())) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by sws_getContext, freed once.
        unsafe { ffi::sws_freeContext(self.sws.as_ptr()) }
    }
}

fn is_rgb(format: Pixel) -> bool {
    // SAFETY: descriptors are static tables of libavutil.
    let descriptor = format.descriptor().and_then(|descriptor| unsafe { descriptor.as_ptr().as_ref() });
    descriptor.is_some_and(|descriptor| descriptor.flags & ffi::AV_PIX_FMT_FLAG_RGB as u64 != 0)
}

/// Bytes per sample and halvings of each plane; `None` for formats without plain planes.
fn source_planes(format: Pixel) -> Option<Vec<(usize, u32, u32)>> {
    // SAFETY: descriptors are static tables of libavutil.
    let descriptor = unsafe { format.descriptor()?.as_ptr().as_ref()? };
    let is = |flag: i32| descriptor.flags & flag as u64 != 0;
    if is(ffi::AV_PIX_FMT_FLAG_PAL) || is(ffi::AV_PIX_FMT_FLAG_BITSTREAM) || is(ffi::AV_PIX_FMT_FLAG_HWACCEL) {
        return None;
    }
    let mut planes = [None; 4];
    for (index, component) in descriptor.comp.iter().take(usize::from(descriptor.nb_components)).enumerate() {
        let chroma = !is(ffi::AV_PIX_FMT_FLAG_RGB) && (index == 1 || index == 2);
        let (across, down) = if chroma { (descriptor.log2_chroma_w, descriptor.log2_chroma_h) } else { (0, 0) };
        let plane = planes.get_mut(component.plane as usize)?;
        *plane = Some((component.step as usize, u32::from(across), u32::from(down)));
    }
    Some(planes.into_iter().map_while(|plane| plane).collect())
}
