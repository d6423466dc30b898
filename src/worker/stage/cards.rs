//! Placeholder cards, drawn off the tick's thread.

use std::{
    collections::VecDeque,
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use crate::{
    base::ParticipantId,
    draw::{self, Fonts},
    layout::{Color, MAX_TILES},
    link::Report,
    media::Size,
    worker::{
        i420::{Picture, Planes, Pool},
        out::Out,
    },
};

/// Cards kept for when they are asked for again, bytes of pixels: a 4K one, or every tile of a large meeting.
const MAX_KEPT_BYTES: u64 = 12 << 20;

/// What a card shows and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose tile.
    pub participant: ParticipantId,
    /// What it says.
    pub name: String,
    /// px, even
    pub size: Size,
}

/// Draws cards in the background.
pub struct Cards {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Cards {
    /// Starts the thread; `done` is called on it with each finished card.
    pub fn start(background: Color, out: Out, done: impl Fn(Request, Picture) + Send + 'static) -> io::Result<Self> {
        // Every tile of a scene and of the one before.
        let (requests, work) = sync_channel(2 * MAX_TILES);
        let artist = Artist { fonts: None, background, out, kept: VecDeque::new() };
        let thread = std::thread::Builder::new().name("cards".to_owned()).spawn(move || artist.run(&work, done))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks for a card; false when there are too many waiting already, to ask again later.
    pub fn ask(&self, request: Request) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.try_send(request).is_ok())
    }
}

impl Drop for Cards {
    fn drop(&mut self) {
        self.requests = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the drawing of cards panicked");
        }
    }
}

struct Artist {
    /// Loaded for the first card: looking for fonts takes longer than drawing.
    fonts: Option<Fonts>,
    background: Color,
    out: Out,
    kept: VecDeque<(String, Picture)>,
}

impl Artist {
    fn run(mut self, work: &Receiver<Request>, done: impl Fn(Request, Picture)) {
        for request in work {
            let known = self.kept.iter().find(|(name, card)| *name == request.name && card.size == request.size);
            let card = known.map(|(_, card)| card.clone()).or_else(|| self.draw(&request));
            if let Some(card) = card {
                done(request, card);
            }
        }
    }

    fn draw(&mut self, request: &Request) -> Option<Picture> {
        let out = &self.out;
        let fonts = self.fonts.get_or_insert_with(|| {
            let fonts = Fonts::load();
            if !fonts.has_text() {
                let text =
                    "no font was found, so cards show no names: install a font package such as fonts-dejavu-core";
                out.report(Report::Fault { feed: None, text: text.to_owned() });
            }
            fonts
        });
        let drawn = draw::card(fonts, request.size, &request.name, self.background);
        let card = picture(request.size, |planes| planes.paint(&drawn))?;
        self.kept.push_back((request.name.clone(), card.clone()));
        let bytes = |(_, card): &(String, Picture)| u64::from(card.size.width) * u64::from(card.size.height) * 3 / 2;
        while self.kept.iter().map(bytes).sum::<u64>() > MAX_KEPT_BYTES && self.kept.len() > 1 {
            self.kept.pop_front();
        }
        Some(card)
    }
}

/// One colour, nothing else.
pub fn plain(size: Size, color: Color) -> Option<Picture> {
    picture(size, |planes| planes.fill(color))
}

fn picture(size: Size, draw: impl FnOnce(&mut Planes)) -> Option<Picture> {
    let drawn = Pool::new(size).and_then(|pool| {
        pool.draw(|planes| {
            draw(planes);
            Ok::<_, gstreamer::glib::BoolError>(())
        })
    });
    drawn.inspect_err(|error| tracing::error!(%error, "a card cannot be drawn")).ok()
}
