//! Subjects of the bench: programs that turn participants into a program on the relay.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{FPS, SIZE, alternatives, shared::Bench};
use crate::{
    api::Api,
    process::Process,
    sender::Sender,
    service::{Service, Setup},
};
use tilecast::media::Rect;

/// Key of every participant of a bench.
const KEY: &str = "key-of-bench";

/// Which program makes the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// This service: participants publish to it, it pushes to the relay.
    Tilecast,
    /// `ffmpeg` with `xstack` and `amix`: pulls participants from the relay, pushes to it.
    Ffmpeg,
    /// `gst-launch-1.0` with `compositor` and `audiomixer`: likewise.
    Gst,
}

impl Kind {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tilecast => "Tilecast",
            Self::Ffmpeg => "ffmpeg xstack",
            Self::Gst => "gst-launch compositor",
        }
    }
}

/// A running subject with its participants. Dropping it ends both.
#[derive(Debug)]
pub struct Running {
    /// The participants, in order.
    pub senders: Vec<Sender>,
    /// Processes whose CPU and memory count, children included.
    pub roots: Vec<u32>,
    /// Where the program is played.
    pub program: String,
    /// Rectangle of each participant in the program; empty for participants whom a layout does not show.
    pub tiles: Vec<Rect>,
    /// The alternative itself, or our own server.
    pub engine: Engine,
}

/// See [`Running::engine`].
#[derive(Debug)]
pub enum Engine {
    /// Another program.
    Alternative(Process),
    /// Tilecast.
    Meeting(Box<Meeting>),
}

/// A room of a Tilecast server, and the server if we started it.
#[derive(Debug)]
pub struct Meeting {
    /// The server's API.
    pub api: Api,
    /// Path of the room in the API.
    pub path: String,
    rtmp: String,
    room: String,
    service: Option<Service>,
    pid: Option<u32>,
}

/// Id of a participant by number.
pub fn id(number: u32) -> String {
    format!("p{number:02}")
}

/// Rectangles of an even grid, the arrangement of every subject.
pub fn grid(count: u32) -> Vec<Rect> {
    let columns = (1..).find(|n| n * n >= count).unwrap_or(count);
    let rows = count.div_ceil(columns);
    // Whole tiles with the canvas's aspect ratio, so that all show their whole picture.
    let side = columns.max(rows);
    let (width, height) = (SIZE.width / side / 2 * 2, SIZE.height / side / 2 * 2);
    let place = |n: u32| Rect { x: (n % columns * width) as i32, y: (n / columns * height) as i32, width, height };
    (0..count).map(place).collect()
}

/// A built-in layout in the API's form, with cuts instead of transitions: a moved person is recognised only in the new
/// place.
pub fn template(name: &str) -> Value {
    json!({"template": name, "transition_ms": 0})
}

/// A layout with participants in exactly these rectangles, in order.
fn arranged(tiles: &[Rect]) -> Value {
    let of = |px: u32, side: u32| f64::from(px) / f64::from(side);
    let place = |tile: &Rect| {
        let (x, y) = (of(tile.x.unsigned_abs(), SIZE.width), of(tile.y.unsigned_abs(), SIZE.height));
        let (width, height) = (of(tile.width, SIZE.width), of(tile.height, SIZE.height));
        json!({"rect": {"x": x, "y": y, "width": width, "height": height}, "cast": ["joined"]})
    };
    json!({"template": {"arrangements": [{"places": tiles.iter().map(place).collect::<Vec<_>>()}]}})
}

impl Running {
    /// Starts a subject with `count` participants.
    ///
    /// # Errors
    /// When any process cannot be started or the server refuses the room.
    pub async fn start(bench: &Bench, kind: Kind, count: u32) -> Result<Self> {
        match kind {
            Kind::Tilecast => Self::meeting(bench, count, &arranged(&grid(count))).await,
            Kind::Ffmpeg | Kind::Gst => Self::alternative(bench, kind, count).await,
        }
    }

    async fn alternative(bench: &Bench, kind: Kind, count: u32) -> Result<Self> {
        let urls: Vec<String> = (0..count).map(|n| bench.relay.url(&id(n))).collect();
        let mut senders = Vec::new();
        for (n, url) in (0..).zip(&urls) {
            senders.push(bench.sender(url, n).await?);
        }
        let program = bench.relay.url("program");
        let tiles = grid(count);
        let mut command = match kind {
            Kind::Gst => alternatives::gst(&urls, &tiles, &program),
            _ => alternatives::ffmpeg(&urls, &tiles, &program),
        };
        let process = Process::start(kind.name(), &mut command)?;
        Ok(Self { senders, roots: vec![process.id()], program, tiles, engine: Engine::Alternative(process) })
    }

    /// A Tilecast room with `count` participants in this layout.
    ///
    /// # Errors
    /// When the server cannot be started or refuses the room.
    pub async fn meeting(bench: &Bench, count: u32, layout: &Value) -> Result<Self> {
        let meeting = Meeting::open(bench, count, layout).await?;
        let mut senders = Vec::new();
        for n in 0..count {
            senders.push(bench.sender(&meeting.door(n), n).await?);
        }
        let tiles = meeting.tiles(count).await?;
        let roots = meeting.pid.into_iter().collect();
        let program = bench.relay.url("program");
        Ok(Self { senders, roots, program, tiles, engine: Engine::Meeting(Box::new(meeting)) })
    }

    /// The room, if the subject is Tilecast.
    ///
    /// # Errors
    /// When it is not.
    pub fn room(&self) -> Result<&Meeting> {
        match &self.engine {
            Engine::Meeting(meeting) => Ok(meeting),
            Engine::Alternative(process) => anyhow::bail!("{} has no room", process.name()),
        }
    }

    /// CPU time of the room's worker so far, s, and its present memory, MiB; `None` where there is no room.
    pub async fn worker(&self) -> Option<(f64, f64)> {
        let meeting = self.room().ok()?;
        let view = meeting.api.get(&meeting.path).await.ok()?;
        let worker = &view["status"]["worker"];
        Some((worker["cpu_ms"].as_f64()? / 1000.0, worker["rss_kib"].as_f64()? / 1024.0))
    }

    /// The server's prediction for the room, cores and MiB.
    pub async fn quoted(&self) -> Option<(f64, f64)> {
        let meeting = self.room().ok()?;
        let view = meeting.api.get(&meeting.path).await.ok()?;
        let mut document = view.as_object()?.clone();
        document.retain(|key, _| key != "id" && key != "status");
        let quote = meeting.api.post("/v1/rooms?quote=1", &Value::Object(document)).await.ok()?;
        Some((quote["cores"].as_f64()?, quote["mib"].as_f64()?))
    }

    /// # Errors
    /// When it or one of its participants has ended.
    pub fn check(&mut self) -> Result<()> {
        match &mut self.engine {
            Engine::Alternative(process) => process.check()?,
            Engine::Meeting(meeting) => meeting.service.iter_mut().try_for_each(|service| service.process().check())?,
        }
        self.senders.iter_mut().try_for_each(Sender::check)
    }

    /// Ends it in order: the room and its server first, so that they end as in real use.
    ///
    /// # Errors
    /// When the server does not end properly.
    pub async fn end(self) -> Result<()> {
        match self.engine {
            Engine::Alternative(process) => drop(process),
            Engine::Meeting(meeting) => meeting.close().await?,
        }
        Ok(())
    }
}

impl Meeting {
    /// A room with places for `count` participants, its program pushed to the relay.
    ///
    /// # Errors
    /// When the server cannot be started or refuses the room.
    pub async fn open(bench: &Bench, count: u32, layout: &Value) -> Result<Self> {
        let room = format!("bench-{}", std::process::id());
        let mut meeting = match &bench.server {
            Some(server) => {
                let api = Api::new(&server.api, server.key.clone())?;
                Self { api, path: String::new(), rtmp: server.rtmp.clone(), room, service: None, pid: server.pid }
            }
            None => {
                let program = crate::product()?;
                let service =
                    Service::start(&program, Setup { prices: bench.prices.clone(), ..Setup::default() }).await?;
                let (api, rtmp, pid) = (service.api().clone(), service.rtmp(), Some(service.id()));
                Self { api, path: String::new(), rtmp, room, service: Some(service), pid }
            }
        };
        meeting.path = format!("/v1/rooms/{}", meeting.room);
        let document = json!({
            "canvas": {"width": SIZE.width, "height": SIZE.height, "fps": FPS},
            "layout": layout,
            "participants": (0..count).map(|n| (id(n), Self::participant())).collect::<serde_json::Map<_, _>>(),
            "speaker": {"mode": "manual"},
            "video": {"encoder": "x264", "preset": "veryfast", "bitrate_kbps": alternatives::VIDEO_KBPS,
                      "keyframe_seconds": alternatives::KEYFRAME_SECONDS},
            "audio": {"bitrate_kbps": alternatives::AUDIO_KBPS},
            "outputs": {"relay": {"type": "rtmp", "url": bench.relay.url("program")}},
        });
        meeting.api.put(&meeting.path, &document).await?;
        Ok(meeting)
    }

    /// A participant of a bench in the API's form.
    pub fn participant() -> Value {
        json!({"source": {"type": "publish", "key": KEY}})
    }

    /// RTMP address of a participant.
    pub fn door(&self, number: u32) -> String {
        format!("{}/in/{}/{}?key={KEY}", self.rtmp, self.room, id(number))
    }

    /// WHIP endpoint of a participant, as `path` and `key`, in the form of the lab's pages.
    pub fn whip(&self, number: u32) -> Value {
        json!({"path": format!("/whip/{}/{}", self.room, id(number)), "key": KEY})
    }

    /// Process id of the server.
    ///
    /// # Errors
    /// When it is not known.
    pub fn pid(&self) -> Result<u32> {
        self.pid.context("the server's process is not known; --server-pid tells it")
    }

    /// WHEP endpoint of its program.
    pub fn whep(&self) -> String {
        format!("/whep/{}", self.room)
    }

    /// Rectangles of the participants' tiles, up to the first who has none.
    ///
    /// # Errors
    /// When the room shows nobody.
    async fn tiles(&self, count: u32) -> Result<Vec<Rect>> {
        let view = self.api.get(&self.path).await?;
        let tiles: Vec<Rect> = (0..count).map_while(|n| tile_in(&view, &id(n))).collect();
        anyhow::ensure!(!tiles.is_empty(), "the room shows nobody: {}", view["status"]);
        Ok(tiles)
    }

    /// RTMP address of its program at the server itself.
    pub fn program(&self) -> String {
        format!("{}/out/{}", self.rtmp, self.room)
    }

    /// # Errors
    /// When the server does not end properly.
    pub async fn close(self) -> Result<()> {
        self.api.delete(&self.path).await?;
        self.end().await
    }

    /// Ends the server, if it is our own. The room is removed already.
    ///
    /// # Errors
    /// When it does not end properly.
    pub async fn end(self) -> Result<()> {
        match self.service {
            Some(service) => service.stop().await,
            None => Ok(()),
        }
    }
}

/// Rectangle of a participant's tile, from the room's status.
pub fn tile_in(view: &Value, participant: &str) -> Option<Rect> {
    let scene = view["status"]["scene"].as_array()?;
    let tile = scene.iter().find(|tile| tile["participant"] == participant)?;
    serde_json::from_value(json!({"x": tile["x"], "y": tile["y"], "width": tile["width"], "height": tile["height"]}))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_keep_the_canvas_shape_and_lie_apart() {
        for count in [1, 2, 4, 9, 16] {
            let tiles = grid(count);
            assert_eq!(tiles.len(), count as usize);
            let last = tiles[tiles.len() - 1];
            assert!(last.x as u32 + last.width <= SIZE.width && last.y as u32 + last.height <= SIZE.height);
        }
        assert_eq!(grid(9)[4], Rect { x: 426, y: 240, width: 426, height: 240 });
    }
}
