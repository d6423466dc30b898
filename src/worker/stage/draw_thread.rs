//! Drawing thread (render thread): draws cards, words and images, which take longer than a tick has time for.

use std::{io, sync::Arc};

use image::RgbaImage;

use super::assets::Assets;
use crate::{
    helper::{Helper, How},
    i420::{Picture, Planes, Pool},
    out::Out,
};
use tilecast_core::{
    base::AssetHash,
    draw::{self, CardStyle, Fonts, Format, Sheet},
    layout::{Badge, Color, Fit, MAX_OVERLAYS, MAX_TILES, Text, fit::Wish},
    link::Report,
    media::{Size, Timestamp},
};

/// Most drawings that may wait: a card and a label for every tile, and every overlay, of a scene and of the one before.
const MAX_WAITING: usize = 4 * MAX_TILES + 2 * MAX_OVERLAYS;

/// A drawing that is wanted. Equal subjects look the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A participant's placeholder card.
    Card {
        name: String,
        /// px, even
        size: Size,
        background: Color,
        /// The parts that the tile makes unnecessary.
        style: CardStyle,
    },
    /// A label or a caption.
    Words {
        /// The text style; its parts are not used.
        style: Text,
        said: String,
        /// Badges before the words of a label; `None` for an overlay.
        badges: Option<Vec<Badge>>,
        /// Space that the words must fit into, px.
        room: Size,
    },
    Image {
        asset: AssetHash,
        /// How the image is fitted to its rectangle.
        fit: Fit,
        /// px, even
        size: Size,
    },
    /// An uploaded image as the backdrop.
    Backdrop {
        asset: AssetHash,
        /// How the image is fitted to the canvas.
        fit: Fit,
        /// Colour where the image is transparent.
        color: Color,
        /// Size of the canvas, px.
        size: Size,
    },
}

impl Subject {
    /// Words as they are to be drawn at a moment.
    pub fn words(text: &Text, badges: Option<Vec<Badge>>, room: Size, utc: i64) -> Self {
        let style = Text { parts: Vec::new(), ..text.clone() };
        Self::Words { style, said: draw::say(&text.parts, utc), badges, room }
    }
}

impl Subject {
    /// The upload that it shows.
    fn asset(&self) -> Option<AssetHash> {
        match self {
            Self::Image { asset, .. } | Self::Backdrop { asset, .. } => Some(*asset),
            Self::Card { .. } | Self::Words { .. } => None,
        }
    }
}

/// The result of a drawing.
#[derive(Debug, Clone)]
pub enum Drawn {
    /// An opaque picture for the compositor.
    Picture(Picture),
    /// A sheet with alpha, to be painted over something.
    Sheet(Arc<Sheet>),
    /// There is nothing to see.
    Nothing,
}

impl Drawn {
    /// Memory of the result, bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => picture.size.width as usize * picture.size.height as usize * 3 / 2,
            Self::Sheet(sheet) => sheet.bytes(),
            Self::Nothing => 0,
        }
    }
}

/// Draws in the background.
pub struct DrawThread {
    assets: Assets,
    helper: Helper<Subject>,
}

impl DrawThread {
    /// Starts the thread; `done` is called on it with each result.
    pub fn start(
        assets: Assets,
        out: Out,
        now: Timestamp,
        done: impl Fn(Subject, Drawn) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let done = Arc::new(done);
        let known = assets.clone();
        let begin = move || -> Box<dyn FnMut(&Subject)> {
            let (mut studio, done) =
                (Studio { fonts: None, assets: assets.clone(), out: out.clone() }, Arc::clone(&done));
            Box::new(move |subject| done(subject.clone(), studio.draw(subject)))
        };
        Ok(Self { assets: known, helper: Helper::start("artist", MAX_WAITING, now, begin)? })
    }

    /// Asks for a drawing. False when too many are waiting or the upload has not come yet; the caller asks again.
    pub fn ask(&self, subject: Subject) -> bool {
        if subject.asset().is_some_and(|asset| !self.assets.has_come(asset)) {
            return false;
        }
        self.helper.ask(subject)
    }

    /// Checks the thread: what was lost with it, and what to tell the operator.
    pub fn look(&mut self, now: Timestamp) -> Option<(Option<Subject>, String)> {
        let (subject, how) = self.helper.look(now)?;
        let what = match &subject {
            Some(Subject::Card { name, .. }) => format!("the card of {name}"),
            Some(Subject::Words { said, .. }) => format!("the words \"{said}\""),
            Some(Subject::Image { asset, .. } | Subject::Backdrop { asset, .. }) => format!("the image {asset}"),
            None => "what was next".to_owned(),
        };
        let text = match how {
            How::Panicked => format!("the drawing of {what} failed, and it is left out"),
            How::Hung => format!("the drawing of {what} hung, and it is left out"),
            How::HungOnceTooOften => format!("the drawing of {what} hung; nothing new is drawn from now on"),
        };
        Some((subject, text))
    }
}

struct Studio {
    /// Loaded for the first words: searching for fonts takes longer than drawing.
    fonts: Option<Fonts>,
    assets: Assets,
    out: Out,
}

impl Studio {
    fn draw(&mut self, subject: &Subject) -> Drawn {
        let sheet = |image: &RgbaImage| Drawn::Sheet(Arc::new(Sheet::from_rgba(image, Format::I420)));
        let picture = |sheet: &Sheet| picture(sheet.size(), |planes| planes.paint(sheet.view()));
        match subject {
            Subject::Card { name, size, background, style } => {
                let card = draw::card(self.fonts(), *size, name, *background, *style);
                picture(&Sheet::from_rgb(&card, Format::I420)).map_or(Drawn::Nothing, Drawn::Picture)
            }
            Subject::Words { style, said, badges, room } => {
                let fonts = self.fonts();
                let drawn = match badges {
                    Some(badges) => draw::label(fonts, style, said, badges, *room),
                    None => draw::words(fonts, style, said, *room),
                };
                drawn.map_or(Drawn::Nothing, |drawn| sheet(&drawn))
            }
            Subject::Image { asset, fit, size } => {
                self.image(*asset, *fit, *size).map_or(Drawn::Nothing, |image| sheet(&image))
            }
            Subject::Backdrop { asset, fit, color, size } => {
                let Some(mut image) = self.image(*asset, *fit, *size) else { return Drawn::Nothing };
                draw::lay_on(&mut image, *color);
                picture(&Sheet::from_rgba(&image, Format::I420)).map_or(Drawn::Nothing, Drawn::Picture)
            }
        }
    }

    fn fonts(&mut self) -> &mut Fonts {
        let out = &self.out;
        self.fonts.get_or_insert_with(|| {
            let fonts = Fonts::load();
            if !fonts.has_text() {
                let text =
                    "no font was found, so cards show no names: install a font package such as fonts-dejavu-core";
                out.report(Report::Fault { feed: None, text: text.to_owned() });
            }
            fonts
        })
    }

    fn image(&self, asset: AssetHash, fit: Fit, size: Size) -> Option<RgbaImage> {
        let fault = |text: String| self.out.report(Report::Fault { feed: None, text });
        let Some(file) = self.assets.get(asset) else {
            fault(format!("the image {asset} is not here any more, or did not fit"));
            return None;
        };
        match draw::raster::decode(&file) {
            Ok(image) => Some(draw::fitted(&image, size, Wish { fit, ..Wish::default() })),
            Err(error) => {
                fault(format!("the image {asset} cannot be shown: {error}"));
                None
            }
        }
    }
}

/// A picture of one colour.
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
    drawn.inspect_err(|error| tracing::error!(%error, "a picture cannot be drawn")).ok()
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, os::unix::net::UnixStream, sync::mpsc};

    use super::*;
    use crate::out::Writer;

    #[test]
    fn an_image_that_comes_after_its_scene_is_drawn_when_it_is_there() {
        let (ours, _theirs) = UnixStream::pair().expect("sockets");
        let (out, writer) = Writer::start(&ours).expect("a thread");
        let (done, drawn) = mpsc::channel();
        let assets = Assets::default();
        let finished = move |_, drawn| done.send(matches!(drawn, Drawn::Sheet(_))).expect("somebody listens");
        let draw_thread = DrawThread::start(assets.clone(), out, Timestamp::ZERO, finished).expect("a thread");
        let mut png = Cursor::new(Vec::new());
        RgbaImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).expect("a PNG");
        let file = bytes::Bytes::from(png.into_inner());
        let asset = AssetHash::of(&file);
        let subject = Subject::Image { asset, fit: Fit::Contain, size: Size { width: 8, height: 8 } };
        assert!(!draw_thread.ask(subject.clone()), "nothing to draw yet, and so nothing to remember");
        assets.keep(asset, file).expect("it fits");
        assert!(draw_thread.ask(subject));
        assert_eq!(drawn.recv(), Ok(true));
        drop(draw_thread);
        writer.finish();
    }
}
