//! RTMP publisher of a clip in real time, with a log of when each frame left.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{net::TcpStream, task::JoinSet};

use crate::clip::Clip;
use tilecast::{
    front::{
        net::address::RtmpUrl,
        rtmp::{self, client},
    },
    media::{Packet, Timestamp, Track},
};

/// A participant who plays a clip repeatedly. Dropping it cuts the connection.
#[derive(Debug)]
pub struct Sender {
    task: JoinSet<rtmp::Error>,
    log: Arc<SendLog>,
}

/// Departure times of a sender's frames, for the receiver.
#[derive(Debug)]
pub struct SendLog {
    clip_frames: u32,
    first: u32,
    sent: Mutex<Vec<Instant>>,
}

impl SendLog {
    /// Frames sent so far.
    pub fn frames(&self) -> usize {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Age of the frame with this counter when it arrived, counted from its latest departure before `at`. `None` if it
    /// had not left by then.
    pub fn age(&self, counter: u16, at: Instant) -> Option<Duration> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = (u32::from(counter) + self.clip_frames).checked_sub(self.first)? % self.clip_frames;
        let departures = sent.iter().skip(ahead as usize).step_by(self.clip_frames as usize);
        departures.take_while(|left| **left <= at).last().map(|left| at - *left)
    }
}

impl Sender {
    /// Publishes `clip` to an RTMP address, key included, from its frame `first` on, which must be a keyframe. Returns
    /// when the server has agreed.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn start(clip: Arc<Clip>, url: &str, first: u32) -> Result<Self> {
        let address = RtmpUrl::parse(url)?;
        let stream = TcpStream::connect((address.host(), address.port())).await.with_context(|| url.to_owned())?;
        // As every publisher does: otherwise a frame's last bytes wait for the acknowledgement of the first.
        stream.set_nodelay(true)?;
        let publication = client::publish_on(stream, &address).await.with_context(|| url.to_owned())?;
        let log = Arc::new(SendLog { clip_frames: clip.frames, first, sent: Mutex::default() });
        let mut task = JoinSet::new();
        task.spawn(send(clip, publication, log.clone()));
        Ok(Self { task, log })
    }

    /// The log of departures.
    pub fn log(&self) -> Arc<SendLog> {
        self.log.clone()
    }

    /// # Errors
    /// When the stream has ended.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.task.try_join_next();
        ensure!(
            ended.is_none(),
            "a participant lost its server: {}",
            ended.map_or(String::new(), |e| format!("{e:?}"))
        );
        Ok(())
    }
}

async fn send(clip: Arc<Clip>, mut publication: rtmp::Sender<TcpStream>, log: Arc<SendLog>) -> rtmp::Error {
    let skipped = Duration::from_secs(log.first.into()) / clip.fps;
    let begin = clip.packets.partition_point(|packet| packet.dts < Timestamp::ZERO + skipped);
    let start = tokio::time::Instant::now();
    for config in &clip.configs {
        if let Err(error) = publication.send(config).await {
            return error;
        }
    }
    let mut base = Duration::ZERO;
    let mut skip = begin;
    loop {
        for packet in &clip.packets[skip..] {
            let at = |time: Timestamp| (Timestamp::ZERO + (base + time.since(Timestamp::ZERO))) - skipped;
            let packet = Packet { pts: at(packet.pts), dts: at(packet.dts), ..packet.clone() };
            tokio::select! {
                error = publication.closed() => return error,
                () = tokio::time::sleep_until(start + packet.dts.since(Timestamp::ZERO)) => {}
            }
            if packet.track() == Track::Video {
                log.sent.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            }
            if let Err(error) = publication.send(&packet).await {
                return error;
            }
        }
        base += clip.length;
        skip = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_counts_from_the_latest_departure() {
        let start = Instant::now();
        let at = |n: u32| start + Duration::from_millis(100) * n;
        // A clip of five frames, begun at the third, sent twice over.
        let log = SendLog { clip_frames: 5, first: 2, sent: Mutex::new((0..10).map(at).collect()) };
        assert_eq!(log.age(2, at(0)), Some(Duration::ZERO));
        assert_eq!(log.age(4, at(3)), Some(Duration::from_millis(100)));
        assert_eq!(log.age(0, at(4)), Some(Duration::from_millis(100)));
        assert_eq!(log.age(2, at(6)), Some(Duration::from_millis(100)));
        assert_eq!(log.age(1, at(3)), None);
    }
}
