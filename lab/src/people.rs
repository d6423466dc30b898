//! Synthetic people: each has a moving picture in a colour of its own, with name and running clock burnt in, and a tone
//! of its own.

use std::process::Command;

use anyhow::Result;

use crate::process::{Process, ffmpeg};
use tilecast::media::Size;

/// Someone who is not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Person {
    pub id: &'static str,
    /// Name that is burnt into the picture.
    pub name: &'static str,
    /// Dark, middle and bright colour of the picture, `rrggbb`.
    pub colours: [&'static str; 3],
    /// Frequency of the person's tone, Hz. No two people's tones share a harmonic below 4 kHz.
    pub tone_hz: f32,
}

/// Four people who differ visibly and audibly.
pub const FOUR: [Person; 4] = [
    Person { id: "alice", name: "Alice", colours: ["4527a0", "7e57c2", "d1a7ff"], tone_hz: 233.0 },
    Person { id: "bob", name: "Bob", colours: ["00574b", "00897b", "80e5d5"], tone_hz: 311.0 },
    Person { id: "chen", name: "Chen", colours: ["b33900", "f4711f", "ffc48f"], tone_hz: 397.0 },
    Person { id: "dana", name: "Dana", colours: ["0d47a1", "1e88e5", "90caf9"], tone_hz: 523.0 },
];

/// Properties of a person's stream. [`Camera::default`] is a modest webcam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Picture size, px; `None` for sound alone.
    pub picture: Option<Size>,
    /// Frames a second.
    pub fps: u32,
    /// Video rate, kbit/s.
    pub bitrate_kbps: u32,
    /// Samples a second; `None` for a camera without a microphone.
    pub sample_rate: Option<u32>,
    /// Whether the name is burnt into the picture, for programs whose layout does not show it.
    pub named: bool,
    /// Ends by itself after this long.
    pub seconds: Option<u32>,
}

impl Default for Camera {
    fn default() -> Self {
        let picture = Some(Size { width: 640, height: 360 });
        Self { picture, fps: 30, bitrate_kbps: 900, sample_rate: Some(48_000), named: true, seconds: None }
    }
}

impl Person {
    /// Publishes to an RTMP address, key included, until the handle is dropped.
    ///
    /// # Errors
    /// When FFmpeg cannot be started. [`Process::check`] shows whether the server accepted the stream.
    pub fn publish(&self, camera: &Camera, url: &str) -> Result<Process> {
        let mut command = ffmpeg();
        self.describe(camera, &mut command);
        command.args(["-f", "flv", url]);
        Process::start(format!("{}'s camera", self.name), &mut command)
    }

    /// Adds this person's inputs and encoders to an FFmpeg command that still lacks its output.
    pub fn describe(&self, camera: &Camera, command: &mut Command) {
        let mut maps = Vec::new();
        if let Some(size) = camera.picture {
            command.args(["-re", "-f", "lavfi", "-i", &self.picture_source(camera, size)]);
            maps.push("0:v".to_owned());
        }
        if let Some(rate) = camera.sample_rate {
            let tone = format!("sine=frequency={}:sample_rate={rate}", self.tone_hz);
            command.args(["-re", "-f", "lavfi", "-i", &tone]);
            maps.push(format!("{}:a", maps.len()));
        }
        for map in &maps {
            command.args(["-map", map]);
        }
        let rate = format!("{}k", camera.bitrate_kbps);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]);
        command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate, "-g", &(camera.fps * 2).to_string()]);
        command.args(["-c:a", "aac", "-b:a", "96k"]);
        if let Some(seconds) = camera.seconds {
            command.args(["-t", &seconds.to_string()]);
        }
    }

    /// The picture as an FFmpeg filter graph: a turning gradient, a large letter that moves, name and clock below.
    fn picture_source(&self, camera: &Camera, size: Size) -> String {
        let [dark, middle, bright] = self.colours;
        let Size { width, height } = size;
        let letter = self.name.chars().next().unwrap_or('?');
        let seed = self.tone_hz as u32;
        let fps = camera.fps;
        let label = "fontcolor=white:box=1:boxcolor=black@0.45:boxborderw=8";
        let name = format!("drawtext=font=DejaVu Sans:text={}:fontsize=h*0.11:x=w*0.04:y=h*0.80:{label},", self.name);
        let name = if camera.named { name.as_str() } else { "" };
        format!(
            "gradients=s={width}x{height}:r={fps}:speed=0.03:seed={seed}:nb_colors=3:c0=0x{dark}:c1=0x{middle}:c2=0x{bright},\
             drawtext=font=DejaVu Sans:text={letter}:fontsize=h*0.5:fontcolor=white@0.85:\
             x=w/2-tw/2+w*0.28*sin(1.9*t+{seed}):y=h*0.42-th/2+h*0.12*sin(3.1*t),\
             {name}drawtext=font=DejaVu Sans Mono:text='%{{pts\\:hms}}':fontsize=h*0.08:x=w*0.96-tw:y=h*0.82:{label}"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        picture::difference,
        tone::level_dbfs,
        watch::{Look, record_file},
    };

    #[tokio::test]
    async fn a_person_moves_and_hums_and_is_told_from_others() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [alice, bob, ..] = FOUR;
        let mut means = Vec::new();
        for person in [alice, bob] {
            let file = folder.path().join(person.id).with_extension("flv");
            let mut command = ffmpeg();
            person.describe(&Camera { seconds: Some(2), ..Camera::default() }, &mut command);
            let mut made = Process::start("ffmpeg", command.arg(&file)).expect("ffmpeg");
            made.wait(Duration::from_secs(30)).await.expect("ends by itself");
            let look = Look::whole(Size { width: 160, height: 90 }).in_colour().with_sound();
            let seen = record_file(&file, &look).await.expect("plays");
            assert_eq!(seen.frames.len(), 60, "{}", made.last_words());
            let whole = seen.frames[0].whole();
            assert!(seen.frames.windows(2).all(|two| difference(&two[0], &two[1], whole) > 0.2));
            assert!(level_dbfs(&seen.sound, person.tone_hz) > -30.0);
            let other = if person == alice { bob } else { alice };
            assert!(level_dbfs(&seen.sound, other.tone_hz) < -60.0);
            means.push(seen.frames[30].mean(whole));
        }
        let apart = means[0].iter().zip(&means[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart > 30.0, "{means:?}");
    }
}
