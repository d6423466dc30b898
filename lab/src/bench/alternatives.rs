//! The two programs that are compared with Tilecast, FFmpeg and GStreamer, with the best settings for live use that we
//! know.

use std::{fmt::Write, process::Command};

use super::{FPS, SIZE};
use crate::process::{ffmpeg as ffmpeg_command, quiet};
use tilecast::media::{Rect, Size};

/// Rate of every program's picture, kbit/s.
pub const VIDEO_KBPS: u32 = 2500;
/// Time between keyframes of every program, s.
pub const KEYFRAME_SECONDS: u32 = 2;
/// Rate of every program's sound, kbit/s.
pub const AUDIO_KBPS: u32 = 128;
/// VBV buffer of every encoder, ms.
const VBV_MS: u32 = 300;

/// FFmpeg: scaling, `xstack`, `amix`, x264.
///
/// The command uses arrival times (kept by `-copyts`) instead of the senders' timestamps. Those belong to different
/// clocks, and FFmpeg opens its inputs one after another: without arrival times the first input would be late by the
/// time that the others took. Resampling drops the sound that piled up meanwhile, and a short interleaving bound
/// prevents it from delaying the picture. Without these three options the same command lags by 7 s with four inputs.
pub fn ffmpeg(urls: &[String], tiles: &[Rect], program: &str) -> Command {
    let mut command = ffmpeg_command();
    command.arg("-copyts");
    for url in urls {
        command.args(["-fflags", "nobuffer", "-flags", "low_delay", "-threads", "1", "-thread_queue_size", "512"]);
        // Long enough to contain a keyframe, without which FFmpeg does not detect the picture.
        command.args(["-analyzeduration", "2500000", "-use_wallclock_as_timestamps", "1", "-i", url]);
    }
    let mut graph = String::new();
    let (mut pictures, mut sounds, mut places) = (String::new(), String::new(), Vec::new());
    for (n, tile) in tiles.iter().enumerate() {
        let _ = write!(graph, "[{n}:v]scale={}:{}:flags=bilinear,setsar=1[v{n}];", tile.width, tile.height);
        let _ = write!(pictures, "[v{n}]");
        let _ = write!(graph, "[{n}:a]aresample=async=1[s{n}];");
        let _ = write!(sounds, "[s{n}]");
        places.push(format!("{}_{}", tile.x, tile.y));
    }
    let Size { width, height } = SIZE;
    let count = tiles.len();
    if count == 1 {
        let _ = write!(graph, "[v0]setpts=PTS-STARTPTS,fps={FPS}[v];[s0]asetpts=PTS-STARTPTS[a]");
    } else {
        let _ = write!(
            graph,
            "{pictures}xstack=inputs={count}:layout={}:fill=black,setpts=PTS-STARTPTS,fps={FPS},\
             pad={width}:{height}[v];{sounds}amix=inputs={count}:normalize=0,asetpts=PTS-STARTPTS[a]",
            places.join("|")
        );
    }
    command.args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-bf", "0", "-sc_threshold", "0"]);
    let rate = format!("{VIDEO_KBPS}k");
    command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &format!("{}k", VIDEO_KBPS * VBV_MS / 1000)]);
    command.args(["-g", &(FPS * KEYFRAME_SECONDS).to_string(), "-pix_fmt", "yuv420p"]);
    command.args(["-c:a", "aac", "-b:a", &format!("{AUDIO_KBPS}k"), "-ar", "48000", "-ac", "2"]);
    command.args(["-max_interleave_delta", "100000", "-flush_packets", "1", "-f", "flv", program]);
    command
}

/// GStreamer: decoding with libavcodec, scaling in `compositor`, `audiomixer`, x264. The sink does not wait for the
/// clock; otherwise every frame would wait for as long as its participant had been on the air before the pipeline
/// began.
pub fn gst(urls: &[String], tiles: &[Rect], program: &str) -> Command {
    let Size { width, height } = SIZE;
    let mut text = String::from("compositor name=c background=black");
    for (n, tile) in tiles.iter().enumerate() {
        let Rect { x, y, width, height } = tile;
        let _ =
            write!(text, " sink_{n}::xpos={x} sink_{n}::ypos={y} sink_{n}::width={width} sink_{n}::height={height}");
    }
    let _ = write!(
        text,
        " ! video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1 ! queue max-size-buffers=1 \
         ! x264enc tune=zerolatency speed-preset=veryfast bitrate={VIDEO_KBPS} vbv-buf-capacity={VBV_MS} \
           key-int-max={} bframes=0 option-string=scenecut=0 ! h264parse ! queue ! mux. \
         audiomixer name=a ! audioconvert ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate={} ! aacparse ! queue ! mux. \
         flvmux name=mux streamable=true ! rtmp2sink location={program} async-connect=false sync=false",
        FPS * KEYFRAME_SECONDS,
        AUDIO_KBPS * 1000,
    );
    for (n, url) in urls.iter().enumerate() {
        let _ = write!(
            text,
            " rtmp2src location={url} ! flvdemux name=d{n} \
             d{n}.video ! queue ! h264parse ! avdec_h264 max-threads=1 ! queue max-size-buffers=2 ! c.sink_{n} \
             d{n}.audio ! queue ! aacparse ! avdec_aac ! audioconvert ! audioresample ! queue ! a."
        );
    }
    let mut command = quiet("gst-launch-1.0");
    command.arg("-q").args(text.split_whitespace());
    command
}
