//! Test media: made by the `ffmpeg` command, read back packet by packet.

use std::{path::Path, process::Command};

use bytes::Bytes;
use ffmpeg_next as ff;
use tilecast::media::{AudioCodec, Codec, Packet, Role, Timestamp, VideoCodec};

/// A clip's video, its configuration first.
pub fn clip(source: &str, encode: &[&str]) -> Vec<Packet> {
    let file = tempfile::Builder::new().suffix(".mkv").tempfile().expect("a temporary file");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source])
        .args(encode)
        .arg(file.path())
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg made {source}");
    read(file.path())
}

/// H.264 as a live encoder sends it, a keyframe every two seconds.
pub fn h264(source: &str) -> Vec<Packet> {
    clip(source, &["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "60", "-pix_fmt", "yuv420p"])
}

/// A tone at a quarter of full scale as a browser sends it: bare Opus packets of 20 ms.
pub fn opus(hertz: u32, seconds: u32) -> Vec<Packet> {
    let file = tempfile::Builder::new().suffix(".mka").tempfile().expect("a temporary file");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
        .arg(format!("aevalsrc='0.25*sin({hertz}*2*PI*t)':s=48000:d={seconds}"))
        .args(["-c:a", "libopus", "-b:a", "64k"])
        .arg(file.path())
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg made a tone");
    ff::init().expect("ffmpeg initialises");
    let mut input = ff::format::input(file.path()).expect("the tone opens");
    let packet = |(n, coded): (usize, ff::Packet)| {
        let pts = Timestamp::from_millis(n as i64 * 20);
        let data = Bytes::copy_from_slice(coded.data().expect("not empty"));
        Packet { codec: Codec::Audio(AudioCodec::Opus), role: Role::Key, pts, dts: pts, data }
    };
    input.packets().map(|(_, coded)| coded).enumerate().map(packet).collect()
}

/// What FFmpeg's own decoder hears, the left side, from the first packet on.
pub fn decode_opus(packets: &[&Packet]) -> Vec<f32> {
    ff::init().expect("ffmpeg initialises");
    let codec = ff::decoder::find(ff::codec::Id::OPUS).expect("an Opus decoder");
    let context = ff::codec::Context::new_with_codec(codec);
    let mut decoder = context.decoder().open_as(codec).expect("it opens").audio().expect("it is sound");
    let (mut heard, mut frame) = (Vec::new(), ff::frame::Audio::empty());
    for packet in packets {
        decoder.send_packet(&ff::Packet::copy(&packet.data)).expect("decodes");
        while decoder.receive_frame(&mut frame).is_ok() {
            heard.extend_from_slice(frame.plane::<f32>(0));
        }
    }
    heard
}

/// Level of the `hertz` part of each 100 ms, dB to full scale, lowest first.
pub fn levels(samples: &[f32], hertz: f64) -> Vec<f64> {
    let level = |piece: &[f32]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in piece.iter().enumerate() {
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / piece.len() as f64).cos();
            let (sin, cos) = (std::f64::consts::TAU * hertz * i as f64 / 48_000.0).sin_cos();
            re += f64::from(*sample) * window * cos;
            im += f64::from(*sample) * window * sin;
        }
        20.0 * (4.0 * re.hypot(im) / piece.len() as f64).max(1e-9).log10()
    };
    let mut levels: Vec<f64> = samples.chunks_exact(4800).map(level).collect();
    levels.sort_by(f64::total_cmp);
    levels
}

fn read(path: &Path) -> Vec<Packet> {
    ff::init().expect("ffmpeg initialises");
    let mut input = ff::format::input(path).expect("the clip opens");
    let stream = input.streams().best(ff::media::Type::Video).expect("it has video");
    let (index, base) = (stream.index(), stream.time_base());
    let codec = Codec::Video(match stream.parameters().id() {
        ff::codec::Id::H264 => VideoCodec::H264,
        ff::codec::Id::HEVC => VideoCodec::Hevc,
        ff::codec::Id::VP8 => VideoCodec::Vp8,
        ff::codec::Id::VP9 => VideoCodec::Vp9,
        ff::codec::Id::AV1 => VideoCodec::Av1,
        other => panic!("{other:?} is not used in tests"),
    });
    // SAFETY: the parameters belong to the open input, which says how long their extradata is.
    let config = unsafe {
        let raw = &*stream.parameters().as_ptr();
        match raw.extradata_size {
            0 => Bytes::new(),
            size => Bytes::copy_from_slice(std::slice::from_raw_parts(raw.extradata, size as usize)),
        }
    };
    let nanos = |time: Option<i64>| {
        let units = i128::from(time.expect("every packet has its times")) * i128::from(base.numerator());
        Timestamp::from_nanos((units * 1_000_000_000 / i128::from(base.denominator())) as i64)
    };
    let mut packets =
        vec![Packet { codec, role: Role::Config, pts: Timestamp::ZERO, dts: Timestamp::ZERO, data: config }];
    packets.extend(input.packets().filter(|(stream, _)| stream.index() == index).map(|(_, packet)| Packet {
        codec,
        role: if packet.is_key() { Role::Key } else { Role::Delta },
        pts: nanos(packet.pts()),
        dts: nanos(packet.dts().or(packet.pts())),
        data: Bytes::copy_from_slice(packet.data().expect("not empty")),
    }));
    packets
}

/// One decoded program frame.
pub struct Frame {
    frame: ff::frame::Video,
}

impl Frame {
    /// Width and height, px.
    pub fn size(&self) -> (u32, u32) {
        (self.frame.width(), self.frame.height())
    }

    /// Mean Y, U and V over a rectangle (x, y, width, height), px.
    pub fn mean(&self, (x, y, width, height): (u32, u32, u32, u32)) -> [f64; 3] {
        [0, 1, 2].map(|plane| {
            let shift = u32::from(plane > 0);
            let stride = self.frame.stride(plane);
            let (mut sum, mut count) = (0u64, 0u64);
            for row in y >> shift..((y + height) >> shift).max((y >> shift) + 1) {
                for column in x >> shift..((x + width) >> shift).max((x >> shift) + 1) {
                    sum += u64::from(self.frame.data(plane)[row as usize * stride + column as usize]);
                    count += 1;
                }
            }
            sum as f64 / count as f64
        })
    }

    /// True when the middle half of the rectangle is `yuv`, to what H.264 makes of a flat colour.
    pub fn shows(&self, (x, y, width, height): (u32, u32, u32, u32), yuv: [u8; 3]) -> bool {
        let mean = self.mean((x + width / 4, y + height / 4, width / 2, height / 2));
        mean.iter().zip(yuv).all(|(mean, wanted)| (mean - f64::from(wanted)).abs() < 6.0)
    }

    pub fn to_rgb(&self) -> image::RgbImage {
        let (width, height) = self.size();
        let mut picture = image::RgbImage::new(width, height);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let at = |plane: usize, shift: u32| {
                self.frame.data(plane)[(y >> shift) as usize * self.frame.stride(plane) + (x >> shift) as usize]
            };
            pixel.0 = tilecast::worker::i420::rgb([at(0, 0), at(1, 1), at(2, 1)]);
        }
        picture
    }

    /// Writes it where a person can look at it.
    pub fn save(&self, path: &str) {
        self.to_rgb().save(path).expect("a picture file");
    }
}

pub struct Program {
    decoder: Option<ff::decoder::Video>,
    /// Errors the decoder reported.
    pub errors: usize,
}

impl Program {
    /// Waits for the config.
    pub fn new() -> Self {
        Self { decoder: None, errors: 0 }
    }

    /// The frame of a packet, if it completes one.
    pub fn push(&mut self, packet: &Packet) -> Option<Frame> {
        if packet.role == Role::Config {
            self.decoder = Some(open(&packet.data));
            return None;
        }
        let decoder = self.decoder.as_mut().expect("the config comes first");
        let mut coded = ff::Packet::copy(&packet.data);
        coded.set_pts(Some(packet.pts.nanos()));
        self.errors += usize::from(decoder.send_packet(&coded).is_err());
        let mut frame = ff::frame::Video::empty();
        decoder.receive_frame(&mut frame).ok()?;
        Some(Frame { frame })
    }
}

fn open(config: &[u8]) -> ff::decoder::Video {
    ff::init().expect("ffmpeg initialises");
    let codec = ff::decoder::find(ff::codec::Id::H264).expect("an H.264 decoder");
    let mut context = ff::codec::Context::new_with_codec(codec);
    // SAFETY: allocated with libavcodec's allocator and its padding, freed with the context.
    unsafe {
        let raw = context.as_mut_ptr();
        (*raw).flags |= ff::ffi::AV_CODEC_FLAG_LOW_DELAY as i32;
        (*raw).extradata = ff::ffi::av_mallocz(config.len() + 64).cast();
        std::ptr::copy_nonoverlapping(config.as_ptr(), (*raw).extradata, config.len());
        (*raw).extradata_size = config.len() as i32;
    }
    context.decoder().open_as(codec).expect("it opens").video().expect("it is video")
}
