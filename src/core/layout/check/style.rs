//! Validation of styles, texts and overlays.

use super::{Known, Report, check_region, check_rules};
use crate::layout::{
    region::MAX_Z,
    rule::MAX_RULES,
    style::{LabelSpec, Line, MAX_TEXT_BYTES, MAX_VARIABLES, OverlaySpec, ShadowSpec, Style, TextSpec},
    words::{self, Word},
};

/// The unit of lengths.
const SHORT: &str = "a fraction of the canvas's shorter side";

/// Most badges: one for each state.
const MAX_BADGES: usize = 4;

impl Report {
    pub(super) fn style(&mut self, style: &Style) {
        self.number("opacity", style.opacity.unwrap_or(1.0), 0.0, 1.0, "an opacity");
        self.number("radius", style.radius.unwrap_or(0.0), 0.0, 0.5, SHORT);
        self.line("border", style.border);
        self.line("highlight", style.highlight);
        if let Some(ShadowSpec { blur, x, y, .. }) = style.shadow {
            self.within("shadow", |r| {
                r.number("blur", blur, 0.0, 0.1, SHORT);
                r.number("x", x, -0.1, 0.1, SHORT);
                r.number("y", y, -0.1, 0.1, SHORT);
            });
        }
        if let Some(LabelSpec { text, badges }) = &style.label {
            self.within("label", |r| {
                r.within("text", |r| r.spec(text, true));
                r.count("badges", badges.len(), 0, MAX_BADGES, "badges");
            });
        }
    }

    fn line(&mut self, name: &str, line: Option<Line>) {
        if let Some(line) = line {
            self.within(name, |r| r.number("width", line.width, 0.0, 0.1, SHORT));
        }
    }

    /// A text; `personal` when it is about a person.
    fn spec(&mut self, text: &TextSpec, personal: bool) {
        self.text("words", &text.words, MAX_TEXT_BYTES);
        let control = |c: char| c.is_control() && c != '\n';
        match words::parse(&text.words) {
            Err(detail) => self.within("words", |r| r.say(detail)),
            Ok(words) if !personal && words.iter().any(Word::is_personal) => self.within("words", |r| {
                r.say("has {name} or {role}, but is about nobody; say in `about` whose".to_owned());
            }),
            Ok(words) if words.iter().filter(|word| word.is_variable()).count() > MAX_VARIABLES => {
                self.within("words", |r| r.say(format!("has more than {MAX_VARIABLES} variables; leave some out")));
            }
            Ok(_) if text.words.chars().any(control) => {
                self.within("words", |r| r.say("has control characters; only line breaks are allowed".to_owned()));
            }
            Ok(_) => {}
        }
        self.number("size", text.size, 0.01, 0.5, SHORT);
        self.number("inset", text.inset, 0.0, 0.5, SHORT);
        self.within("clock", |r| {
            r.number("utc_offset_minutes", text.clock.utc_offset_minutes, -840, 840, "minutes ahead of UTC");
        });
    }

    pub(super) fn overlay(&mut self, overlay: &OverlaySpec, known: &Known) {
        self.within("name", |r| r.name(&overlay.name));
        self.within("rect", |r| check_region(r, &overlay.rect, known));
        self.number("z", overlay.z, 0, MAX_Z, "a level");
        self.number("opacity", overlay.opacity.unwrap_or(1.0), 0.0, 1.0, "an opacity");
        self.number("radius", overlay.radius.unwrap_or(0.0), 0.0, 0.5, SHORT);
        self.line("border", overlay.border);
        if overlay.image.is_some() && overlay.text.is_some() {
            self.within("text", |r| {
                r.say("is beside `image`; an overlay holds one of them, so make it two".to_owned())
            });
        }
        if let Some(text) = &overlay.text {
            self.within("text", |r| r.spec(text, !overlay.about.is_empty()));
        }
        self.count("about", overlay.about.len(), 0, MAX_RULES, "rules");
        check_rules(self, "about", &overlay.about);
    }
}
