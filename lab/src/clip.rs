//! Test clips to publish: real texture and motion, a frame counter painted into every picture, and sound.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
};

use crate::{
    clock, flv,
    process::{Process, ffmpeg},
};
use tilecast::media::{Packet, Role, Size, Timestamp, Track};

/// Content and length of a clip.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// A film to loop; `None` for a generated picture of equal detail.
    pub film: Option<PathBuf>,
    pub size: Size,
    /// Frames a second.
    pub fps: u32,
    /// Length in frames, at most 65 536, so that no two share a counter.
    pub frames: u32,
    /// Frames from one keyframe to the next.
    pub gop: u32,
    /// Video rate, kbit/s.
    pub bitrate_kbps: u32,
}

/// Longest encoding time per second of a clip: a machine that needs more cannot run a bench.
const ENCODE_LIMIT_PER_SECOND: Duration = Duration::from_secs(3);

/// An encoded clip. Loops without a seam in its timestamps.
#[derive(Debug)]
pub struct Clip {
    pub configs: Vec<Packet>,
    /// Sound and pictures in order of decoding; the first picture's time is zero.
    pub packets: Vec<Packet>,
    pub frames: u32,
    /// Frames a second.
    pub fps: u32,
    /// Frames from one keyframe to the next.
    pub gop: u32,
    /// How long it plays.
    pub length: Duration,
}

impl Clip {
    /// Makes a clip with FFmpeg; takes about as long as it plays.
    ///
    /// # Errors
    /// When FFmpeg is missing or refuses the film.
    pub async fn make(recipe: &Recipe) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder for a clip")?;
        let file = folder.path().join("clip.flv");
        encode(recipe, &file).await?;
        let packets = flv::packets(Bytes::from(fs::read(&file).context("the clip")?))?;
        let (configs, mut packets): (Vec<_>, Vec<_>) = packets.into_iter().partition(|p| p.role == Role::Config);
        let pictures = || packets.iter().filter(|packet| packet.track() == Track::Video);
        let count = pictures().count();
        ensure!(count == recipe.frames as usize, "{count} frames were encoded instead of {}", recipe.frames);
        // An AAC encoder's priming shifts the whole file, and sound may begin before or end after the picture. Sound is
        // cut to the picture's time, so that rounds follow each other without a gap.
        let begins = pictures().map(|packet| packet.dts).min().context("no picture")?;
        let length = Duration::from_secs(recipe.frames.into()) / recipe.fps;
        packets.retain(|packet| packet.dts >= begins && packet.dts < begins + length);
        for packet in &mut packets {
            packet.pts = Timestamp::ZERO + packet.pts.since(begins);
            packet.dts = Timestamp::ZERO + packet.dts.since(begins);
        }
        let Recipe { fps, gop, frames, .. } = *recipe;
        Ok(Self { configs, packets, frames, fps, gop, length })
    }
}

/// Decodes the film to raw pictures, paints the counter, encodes. Pictures come as fast as the encoder accepts them.
async fn encode(recipe: &Recipe, file: &Path) -> Result<()> {
    let Size { width, height } = recipe.size;
    let (fps, frames) = (recipe.fps.to_string(), recipe.frames.to_string());
    let mut source = ffmpeg();
    match &recipe.film {
        // Each picture of the film is used once, whatever its rate, so that none is shown twice.
        Some(film) => {
            source.args(["-stream_loop", "-1", "-i"]).arg(film);
            source.args(["-vf", &format!("setpts=N/{fps}/TB,scale={width}:{height}:flags=bicubic")]);
        }
        None => {
            source.args(["-f", "lavfi", "-i", &format!("mandelbrot=s={}x{}:r={fps}", width / 2, height / 2)]);
            source.args(["-vf", &format!("scale={width}:{height}:flags=bicubic,noise=alls=10:allf=t")]);
        }
    }
    source.args(["-an", "-r", &fps, "-frames:v", &frames, "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"]);
    let mut source = Process::start("the film", source.stdout(Stdio::piped()))?;

    let mut sink = ffmpeg();
    sink.args([
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-s",
        &format!("{width}x{height}"),
        "-r",
        &fps,
        "-i",
        "pipe:0",
    ]);
    sink.args(["-f", "lavfi", "-i", "anoisesrc=r=48000:color=pink:amplitude=0.1", "-shortest"]);
    let rate = format!("{}k", recipe.bitrate_kbps);
    sink.args([
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate,
    ]);
    sink.args(["-g", &recipe.gop.to_string(), "-sc_threshold", "0", "-c:a", "aac", "-b:a", "96k"]).arg(file);
    let mut sink = Process::start("the clip's encoder", sink.stdin(Stdio::piped()))?;

    let mut from = ChildStdout::from_std(source.take_stdout().context("piped")?)?;
    let mut into = ChildStdin::from_std(sink.take_stdin().context("piped")?)?;
    let mut picture = vec![0; (width * height * 3 / 2) as usize];
    for count in 0..recipe.frames {
        from.read_exact(&mut picture).await.with_context(|| format!("the film ended: {}", source.last_words()))?;
        clock::paint(&mut picture[..(width * height) as usize], recipe.size, count as u16);
        into.write_all(&picture).await.with_context(|| format!("the encoder ended: {}", sink.last_words()))?;
    }
    drop(into);
    let status = sink.wait(ENCODE_LIMIT_PER_SECOND * recipe.frames.div_ceil(recipe.fps)).await?;
    ensure!(status.success(), "the encoder ended with {status}: {}", sink.last_words());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock,
        watch::{Look, record_file},
    };
    use tilecast::media::Rect;

    #[tokio::test]
    async fn the_counter_survives_a_sixteenth_of_the_picture_at_a_low_rate() {
        let size = Size { width: 1280, height: 720 };
        let recipe = Recipe { film: None, size, fps: 30, frames: 45, gop: 30, bitrate_kbps: 1500 };
        let clip = Clip::make(&recipe).await.expect("ffmpeg");
        assert_eq!(clip.configs.len(), 2);
        let keys = clip.packets.iter().filter(|packet| packet.is_keyframe()).map(|packet| packet.dts.millis());
        assert_eq!(keys.collect::<Vec<_>>(), [0, 1000]);

        let folder = tempfile::tempdir().expect("temporary folder");
        let (whole, small) = (folder.path().join("whole.flv"), folder.path().join("small.flv"));
        encode(&recipe, &whole).await.expect("ffmpeg");
        let mut command = ffmpeg();
        command.arg("-i").arg(&whole).args(["-vf", "scale=320:180,pad=1280:720:320:180:gray"]);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-b:v", "300k"]).arg(&small);
        let mut made = Process::start("ffmpeg", &mut command).expect("ffmpeg");
        made.wait(Duration::from_secs(60)).await.expect("ends");
        let tile = Rect { x: 320, y: 180, width: 320, height: 180 };
        let seen = record_file(&small, &Look::part(clock::strip(tile))).await.expect("plays");
        let read: Vec<_> = seen.frames.iter().map(|frame| clock::read(frame, frame.whole())).collect();
        assert_eq!(read, (0..45).map(Some).collect::<Vec<_>>());
    }
}
