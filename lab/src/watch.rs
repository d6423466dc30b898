//! Player (analysing viewer): plays a stream with FFmpeg and returns pictures, sound and packet timestamps.

use std::{
    io::Read,
    path::Path,
    process::{ChildStdout, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    picture::Frame,
    process::{Process, ffmpeg},
    tone,
};
use tilecast::media::{Rect, Size, Track};

/// Most items that wait for the caller: 4 s of pictures and sound. Beyond that the player is blocked, as a slow display
/// would block it.
const MAX_WAITING: usize = 400;

/// Longest time of a player from its start to the end of a file or its first picture.
const PLAY_LIMIT: Duration = Duration::from_secs(60);

/// Samples per item: 20 ms.
const SOUND_BLOCK: usize = tone::RATE as usize / 50;

/// What a player extracts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    size: Size,
    crop: Option<Rect>,
    colour: bool,
    sound: bool,
    packets: bool,
}

impl Look {
    /// The whole picture, scaled to `size` px, in grey.
    pub fn whole(size: Size) -> Self {
        Self { size, crop: None, colour: false, sound: false, packets: false }
    }

    /// A part of the picture, unscaled, in grey.
    pub fn part(rect: Rect) -> Self {
        Self { size: rect.size(), crop: Some(rect), colour: false, sound: false, packets: false }
    }

    /// The same with red, green and blue.
    pub fn in_colour(self) -> Self {
        Self { colour: true, ..self }
    }

    /// The same with sound, mixed to one channel at [`tone::RATE`].
    pub fn with_sound(self) -> Self {
        Self { sound: true, ..self }
    }

    /// The same with the timestamps of the packets as they arrived.
    pub fn with_packets(self) -> Self {
        Self { packets: true, ..self }
    }

    fn depth(&self) -> usize {
        if self.colour { 3 } else { 1 }
    }

    fn filter(&self) -> String {
        let Size { width, height } = self.size;
        match self.crop {
            Some(rect) => format!("crop={width}:{height}:{}:{}:exact=1", rect.x, rect.y),
            None => format!("scale={width}:{height}:flags=area"),
        }
    }
}

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Picture(Frame),
    /// 20 ms of sound, mono, [`tone::RATE`].
    Sound(Vec<f32>),
    /// A packet of the stream, before decoding.
    Packet {
        track: Track,
        /// Presentation time on the stream's own time line, ms.
        pts_ms: i64,
    },
}

/// A viewer. Dropping it ends the player.
#[derive(Debug)]
pub struct Player {
    // Dropped in this order: the player, then what reads from it.
    process: Process,
    seen: mpsc::Receiver<Seen>,
    side: JoinSet<()>,
    pictures: Option<JoinHandle<()>>,
}

impl Player {
    /// Plays an address (RTMP or a file) as soon and as close to live as FFmpeg can.
    ///
    /// # Errors
    /// When FFmpeg cannot be started. If there is nothing to play, [`Player::next`] ends.
    pub async fn open(url: &str, look: &Look) -> Result<Self> {
        let (send, seen) = mpsc::channel(MAX_WAITING);
        let mut side = JoinSet::new();
        let over = CancellationToken::new();
        let mut command = ffmpeg();
        // One thread and low delay: a decoder with frame threads shows each picture a few frames late.
        command.args(["-copyts", "-threads", "1", "-flags", "low_delay", "-i", url]);
        let pixels = if look.colour { "rgb24" } else { "gray" };
        command.args(["-map", "0:v:0", "-vf", &look.filter(), "-fps_mode", "passthrough"]);
        // One thread here too: even raw video goes through FFmpeg's threaded encoders, a frame late for each thread.
        command.args(["-threads", "1", "-f", "rawvideo", "-pix_fmt", pixels, "-flush_packets", "1", "pipe:1"]);
        if look.sound {
            let url = side_door(&mut side, over.clone(), send.clone(), read_sound).await?;
            command.args(["-map", "0:a:0", "-ac", "1", "-ar", &tone::RATE.to_string(), "-f", "f32le"]);
            command.args(["-flush_packets", "1", &url]);
        }
        if look.packets {
            let url = side_door(&mut side, over.clone(), send.clone(), read_packets).await?;
            command.args(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-f", "framecrc"]);
            command.args(["-flush_packets", "1", &url]);
        }
        let mut process = Process::start("the player", command.stdout(Stdio::piped()))?;
        let stdout = process.take_stdout().context("the player's output is piped")?;
        let (look, over) = (*look, over.drop_guard());
        // A thread of its own, so that the noted arrival times do not depend on other tasks.
        let pictures = thread::Builder::new()
            .name("player".to_owned())
            .spawn(move || read_pictures(stdout, &look, &send, over))
            .context("no thread for a player")?;
        Ok(Self { process, seen, side, pictures: Some(pictures) })
    }

    /// The next observation; `None` when the stream or the player has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }

    /// The next picture; other observations before it are dropped.
    ///
    /// # Errors
    /// When there is none within `limit`, with the player's error output.
    pub async fn picture(&mut self, limit: Duration) -> Result<Frame> {
        let wait = async {
            loop {
                match self.seen.recv().await {
                    Some(Seen::Picture(frame)) => break Some(frame),
                    Some(_) => {}
                    None => break None,
                }
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => bail!("the stream ended: {}", self.process.last_words()),
            Err(_) => bail!("no picture within {limit:?}: {}", self.process.last_words()),
        }
    }

    /// Everything from the first picture on, for `span` or until the stream ends.
    ///
    /// # Errors
    /// When there is no picture within a minute.
    pub async fn record(mut self, span: Duration) -> Result<Recording> {
        let mut recording = Recording::default();
        let deadline = tokio::time::Instant::now() + PLAY_LIMIT;
        let mut end = deadline;
        while let Ok(Some(seen)) = tokio::time::timeout_at(end, self.next()).await {
            if recording.frames.is_empty() && matches!(seen, Seen::Picture(_)) {
                end = (tokio::time::Instant::now() + span).min(deadline + span);
            }
            recording.take(seen);
        }
        if recording.frames.is_empty() {
            bail!("nothing to see within {PLAY_LIMIT:?}: {}", self.process.last_words());
        }
        Ok(recording)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.side.abort_all();
        self.process.signal(rustix::process::Signal::KILL);
        // This ends a reader that waits for space; the pipe's end then ends one that waits for bytes.
        self.seen.close();
        if let Some(pictures) = self.pictures.take() {
            let _ = pictures.join();
        }
    }
}

/// Observations of a player over some time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// Decoded pictures in order.
    pub frames: Vec<Frame>,
    /// Sound in order, mono, [`tone::RATE`].
    pub sound: Vec<f32>,
    /// Timestamps of the video packets in order of arrival, ms.
    pub video_pts_ms: Vec<i64>,
    /// Timestamps of the audio packets in order of arrival, ms.
    pub audio_pts_ms: Vec<i64>,
}

impl Recording {
    /// Adds one observation.
    pub fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Picture(frame) => self.frames.push(frame),
            Seen::Sound(block) => self.sound.extend(block),
            Seen::Packet { track: Track::Video, pts_ms } => self.video_pts_ms.push(pts_ms),
            Seen::Packet { track: Track::Audio, pts_ms } => self.audio_pts_ms.push(pts_ms),
        }
    }
}

/// Plays an address for `span` from its first picture. See [`Player::record`].
///
/// # Errors
/// When it cannot be played.
pub async fn record(url: &str, look: &Look, span: Duration) -> Result<Recording> {
    Player::open(url, look).await?.record(span).await
}

/// Plays a whole file.
///
/// # Errors
/// When it cannot be played, or is longer than a minute.
pub async fn record_file(file: &Path, look: &Look) -> Result<Recording> {
    let path = file.to_str().context("a file name that is not UTF-8")?;
    record(path, look, PLAY_LIMIT).await
}

fn read_pictures(mut stdout: ChildStdout, look: &Look, send: &mpsc::Sender<Seen>, _over: DropGuard) {
    let bytes = look.size.width as usize * look.size.height as usize * look.depth();
    for index in 0.. {
        let mut data = vec![0; bytes];
        if stdout.read_exact(&mut data).is_err() {
            return;
        }
        let frame = Frame { at: Instant::now(), index, size: look.size, depth: look.depth(), data };
        if send.blocking_send(Seen::Picture(frame)).is_err() {
            return;
        }
    }
}

/// Listens on loopback for one of the player's further outputs and returns the address. A player that has ended
/// (`over`) without connecting never will.
async fn side_door<F>(
    side: &mut JoinSet<()>,
    over: CancellationToken,
    send: mpsc::Sender<Seen>,
    read: impl FnOnce(TcpStream, mpsc::Sender<Seen>) -> F + Send + 'static,
) -> Result<String>
where
    F: Future<Output = ()> + Send + 'static,
{
    let door = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on loopback")?;
    let url = format!("tcp://{}", door.local_addr()?);
    side.spawn(async move {
        let stream = tokio::select! {
            biased;
            accepted = door.accept() => accepted,
            () = over.cancelled() => return,
        };
        if let Ok((stream, _)) = stream {
            read(stream, send).await;
        }
    });
    Ok(url)
}

async fn read_sound(mut stream: TcpStream, send: mpsc::Sender<Seen>) {
    let mut bytes = vec![0; SOUND_BLOCK * 4];
    while stream.read_exact(&mut bytes).await.is_ok() {
        let samples = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if send.send(Seen::Sound(samples)).await.is_err() {
            return;
        }
    }
}

async fn read_packets(stream: TcpStream, send: mpsc::Sender<Seen>) {
    let mut lines = BufReader::new(stream).lines();
    let mut clock = Units::default();
    while let Ok(Some(line)) = lines.next_line().await {
        let Some((stream, pts_ms)) = clock.packet(&line) else { continue };
        let track = if stream == 0 { Track::Video } else { Track::Audio };
        if send.send(Seen::Packet { track, pts_ms }).await.is_err() {
            return;
        }
    }
}

/// Parses FFmpeg's `framecrc` lines: `#tb STREAM: NUM/DEN`, then `STREAM, DTS, PTS, DURATION, SIZE, CRC`.
#[derive(Debug, Default)]
struct Units {
    /// Time base by stream: seconds per unit, as a fraction.
    bases: Vec<(i64, i64)>,
}

impl Units {
    /// Stream and presentation time in ms, if the line is a packet's.
    fn packet(&mut self, line: &str) -> Option<(usize, i64)> {
        if let Some(rest) = line.strip_prefix("#tb ") {
            let (_, fraction) = rest.split_once(": ")?;
            let (over, under) = fraction.split_once('/')?;
            self.bases.push((over.trim().parse().ok()?, under.trim().parse().ok()?));
            return None;
        }
        let mut fields = line.split(',').map(str::trim);
        let stream = fields.next()?.parse().ok()?;
        let pts: i64 = fields.nth(1)?.parse().ok()?;
        let (over, under) = self.bases.get(stream)?;
        Some((stream, pts * 1000 * over / under))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cadence::Cadence, tone::level_dbfs};

    #[tokio::test]
    async fn a_file_shows_every_frame_and_its_timestamps_and_sound() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("clip.flv");
        let mut command = ffmpeg();
        command.args([
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x180:r=30",
            "-f",
            "lavfi",
            "-i",
            "sine=440:sample_rate=48000",
        ]);
        command.args(["-t", "2", "-c:v", "libx264", "-tune", "zerolatency", "-c:a", "aac"]).arg(&file);
        let mut made = Process::start("ffmpeg", &mut command).expect("ffmpeg");
        made.wait(Duration::from_secs(30)).await.expect("ends");
        let look = Look::part(Rect { x: 16, y: 20, width: 64, height: 32 }).with_sound().with_packets();
        let seen = record_file(&file, &look).await.expect("plays");
        assert_eq!(seen.frames.len(), 60);
        assert!(seen.frames.iter().all(|frame| frame.data.len() == 64 * 32));
        assert!(Cadence::of(&seen.video_pts_ms, 30).is_whole() && seen.video_pts_ms.len() == 60);
        assert!(seen.audio_pts_ms.len() > 90);
        assert!(seen.sound.len() > 90_000 && level_dbfs(&seen.sound, 440.0) > -25.0);
    }

    #[tokio::test]
    async fn nothing_to_play_is_an_error_that_tells_what_ffmpeg_said() {
        let missing = Path::new("/nonexistent/clip.flv");
        let error = record_file(missing, &Look::whole(Size { width: 16, height: 16 }).with_sound())
            .await
            .expect_err("no such file");
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
