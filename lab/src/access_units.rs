//! H.264 access units for WebRTC senders, coded as browsers code them.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{Process, ffmpeg};
use tilecast::media::Size;

/// The content, and how it is coded.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// FFmpeg's arguments up to the input, such as `-f lavfi -i testsrc2`.
    pub input: Vec<String>,
    pub size: Size,
    pub fps: u32,
    pub count: u32,
    /// Pictures from one keyframe to the next.
    pub gop: u32,
    pub kbps: u32,
}

impl Recipe {
    /// FFmpeg's moving test picture, with noise of this strength (0 to 100) so that it uses the permitted rate.
    pub fn test_picture(size: Size, count: u32, kbps: u32, noise: u32) -> Self {
        let Size { width, height } = size;
        let source = format!("testsrc2=s={width}x{height}:r=30,noise=alls={noise}:allf=t");
        let input = ["-f", "lavfi", "-i", &source].map(str::to_owned).to_vec();
        Self { input, size, fps: 30, count, gop: 30, kbps }
    }

    /// A film from its beginning, repeated, or a generated picture of equal detail.
    pub fn film(film: Option<&Path>, size: Size, count: u32, kbps: u32) -> Self {
        let input = match film {
            Some(film) => ["-stream_loop", "-1", "-i"]
                .map(str::to_owned)
                .into_iter()
                .chain([film.display().to_string()])
                .collect(),
            None => ["-f", "lavfi", "-i", "mandelbrot=s=640x360:r=30,noise=alls=10:allf=t"].map(str::to_owned).to_vec(),
        };
        Self { input, size, fps: 30, count, gop: 30, kbps }
    }

    /// Codes the content: Annex B with parameter sets before every keyframe, no B-frames, one slice.
    ///
    /// # Errors
    /// When FFmpeg is missing or refuses the input.
    pub fn make(&self) -> Result<Vec<Vec<u8>>> {
        let Size { width, height } = self.size;
        let rate = format!("{}k", self.kbps);
        let mut command = ffmpeg();
        command.args(&self.input).args(["-an", "-r", &self.fps.to_string()]);
        // Each picture of the input is used once, whatever its rate, so that none is shown twice.
        command.args(["-vf", &format!("setpts=N/{}/TB,scale={width}:{height}:flags=bicubic", self.fps)]);
        command.args(["-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryfast", "-tune", "zerolatency"]);
        command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate, "-g", &self.gop.to_string()]);
        command.args(["-x264-params", "aud=1:sliced-threads=0:scenecut=0", "-pix_fmt", "yuv420p"]);
        command.args(["-frames:v", &self.count.to_string(), "-f", "h264", "pipe:1"]);
        let mut process = Process::start("ffmpeg", command.stdout(Stdio::piped()))?;
        let mut stream = Vec::new();
        let mut output = process.take_stdout().context("its output is piped")?;
        std::io::Read::read_to_end(&mut output, &mut stream).context("FFmpeg's pictures")?;
        let units = access_units(&stream);
        ensure!(units.len() == self.count as usize, "{} pictures: {}", units.len(), process.last_words());
        Ok(units)
    }
}

/// Cuts a stream before each access unit delimiter.
fn access_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = (0..stream.len().saturating_sub(4))
        .filter(|at| stream[*at..*at + 4] == [0, 0, 0, 1] && stream[*at + 4] & 0x1f == 9)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(from, to)| stream[*from..to].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_one_unit_and_keyframes_come_when_told() {
        let size = Size { width: 160, height: 90 };
        let units = Recipe { gop: 5, ..Recipe::test_picture(size, 12, 200, 0) }.make().expect("ffmpeg");
        let keys = units.iter().map(|unit| unit.windows(4).any(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == 5));
        let keys: Vec<usize> = keys.enumerate().filter_map(|(n, key)| key.then_some(n)).collect();
        assert_eq!(keys, [0, 5, 10]);
    }
}
