//! Commands in AMF0 (Action Message Format 0, Adobe 2007).
//!
//! `rml_amf0` reads the values, but only after [`check`]: it recurses as deep as the sender nests, believes announced lengths
//! and does not notice the end of the input.

use bytes::Bytes;
pub use rml_amf0::Amf0Value as Value;

/// Deepest nesting taken. `connect` with `videoFourCcInfoMap` nests two deep.
const MAX_DEPTH: u8 = 8;

/// Most values in one command, nested ones counted. The fullest `connect` has about 30; 48 objects of one property take 20 kB.
const MAX_VALUES: usize = 96;

/// Why a command cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("it ends inside a value")]
    Short,
    /// Nested deeper than any command needs.
    #[error("its values nest more than {MAX_DEPTH} deep")]
    Deep,
    /// More values than any command needs.
    #[error("it has more than {MAX_VALUES} values")]
    Many,
    /// A type that no command uses.
    #[error("it has a value of AMF0 type {0}")]
    Marker(u8),
    /// Text that is not UTF-8.
    #[error("its text is not UTF-8")]
    Text,
    /// An object that does not end as one.
    #[error("an object in it has no end")]
    ObjectEnd,
    /// No name or no transaction id.
    #[error("it does not begin with a name and a number")]
    NoCommand,
}

/// Walks AMF0 values without building them; succeeds only for what is safe to build.
pub fn check(bytes: &[u8]) -> Result<(), Malformed> {
    let mut walk = Walk { rest: bytes, values: 0 };
    while !walk.rest.is_empty() {
        walk.value(0)?;
    }
    Ok(())
}

struct Walk<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Walk<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self) -> Result<usize, Malformed> {
        let length = self.take(2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])))?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Text)?;
        Ok(length)
    }

    fn value(&mut self, depth: u8) -> Result<(), Malformed> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Malformed::Many);
        }
        if depth > MAX_DEPTH {
            return Err(Malformed::Deep);
        }
        match self.take(1)?[0] {
            0 => self.take(8).map(drop),
            1 => self.take(1).map(drop),
            2 => self.text().map(drop),
            3 => self.properties(depth),
            5 | 6 => Ok(()),
            8 => self.take(4).and_then(|_| self.properties(depth)),
            10 => {
                let count = self.take(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))?;
                (0..count).try_for_each(|_| self.value(depth + 1))
            }
            marker => Err(Malformed::Marker(marker)),
        }
    }

    fn properties(&mut self, depth: u8) -> Result<(), Malformed> {
        while self.text()? > 0 {
            self.value(depth + 1)?;
        }
        if self.take(1)?[0] == 9 { Ok(()) } else { Err(Malformed::ObjectEnd) }
    }
}

/// A remote procedure call or its answer (RTMP 1.0 §7.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Such as `connect`.
    pub name: String,
    /// What the answer must repeat; 0 wants no answer.
    pub transaction: f64,
    /// The command object, then the arguments.
    pub arguments: Vec<Value>,
}

impl Command {
    /// Reads a command message's payload.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        check(payload)?;
        let mut values = rml_amf0::deserialize(&mut &payload[..]).map_err(|_| Malformed::Short)?.into_iter();
        match (values.next(), values.next()) {
            (Some(Value::Utf8String(name)), Some(Value::Number(transaction))) => {
                Ok(Self { name, transaction, arguments: values.collect() })
            }
            _ => Err(Malformed::NoCommand),
        }
    }

    /// The argument at `index` as text; the command object is 0.
    pub fn text(&self, index: usize) -> Option<&str> {
        as_text(self.arguments.get(index)?)
    }

    /// A property of the argument at `index` as text.
    pub fn property(&self, index: usize, name: &str) -> Option<&str> {
        as_text(self.object(index)?.get(name)?)
    }

    /// The argument at `index` as an object.
    pub fn object(&self, index: usize) -> Option<&std::collections::HashMap<String, Value>> {
        match self.arguments.get(index)? {
            Value::Object(properties) => Some(properties),
            _ => None,
        }
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Utf8String(text) => Some(text),
        _ => None,
    }
}

/// Builds AMF0, with properties in the order given.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A command up to its arguments.
    pub fn command(name: &str, transaction: f64) -> Self {
        Self::default().text(name).number(transaction)
    }

    /// A string; text beyond 65535 bytes, which is none of ours, is cut.
    pub fn text(mut self, text: &str) -> Self {
        self.0.push(2);
        self.bare(text);
        self
    }

    fn bare(&mut self, text: &str) {
        let end = text.floor_char_boundary(usize::from(u16::MAX));
        self.0.extend_from_slice(&(end as u16).to_be_bytes());
        self.0.extend_from_slice(&text.as_bytes()[..end]);
    }

    /// A number.
    pub fn number(mut self, number: f64) -> Self {
        self.0.push(0);
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Null.
    pub fn null(mut self) -> Self {
        self.0.push(5);
        self
    }

    /// An object.
    pub fn object(mut self, properties: &[(&str, Property<'_>)]) -> Self {
        self.0.push(3);
        self.properties(properties)
    }

    /// An ECMA array, which is how FLV metadata come (FLV specification v10.1 §E.5).
    pub fn array(mut self, properties: &[(&str, Property<'_>)]) -> Self {
        self.0.push(8);
        self.0.extend_from_slice(&(properties.len() as u32).to_be_bytes());
        self.properties(properties)
    }

    fn properties(mut self, properties: &[(&str, Property<'_>)]) -> Self {
        for (name, property) in properties {
            self.bare(name);
            self = match *property {
                Property::Text(text) => self.text(text),
                Property::Number(number) => self.number(number),
                Property::True => {
                    self.0.extend_from_slice(&[1, 1]);
                    self
                }
                Property::Texts(texts) => {
                    self.0.push(10);
                    self.0.extend_from_slice(&(texts.len() as u32).to_be_bytes());
                    texts.iter().fold(self, |writer, text| writer.text(text))
                }
            };
        }
        self.0.extend_from_slice(&[0, 0, 9]);
        self
    }

    /// The bytes.
    pub fn finish(self) -> Bytes {
        Bytes::from(self.0)
    }
}

/// A value in [`Writer::object`].
#[derive(Debug, Clone, Copy)]
pub enum Property<'a> {
    /// A string.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// A true boolean.
    True,
    /// A strict array of strings.
    Texts(&'a [&'a str]),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let client =
            [("app", Property::Text("in/weekly")), ("audioCodecs", Property::Number(3575.0)), ("fpad", Property::True)];
        let list = [("fourCcList", Property::Texts(&["hvc1", "av01"]))];
        let bytes = Writer::command("connect", 1.0).object(&client).array(&list).null().text("ü").finish();
        let command = Command::read(&bytes).expect("our own");
        assert_eq!((command.name.as_str(), command.transaction), ("connect", 1.0));
        assert_eq!(command.property(0, "app"), Some("in/weekly"));
        assert_eq!(command.object(1).map(|o| o.len()), Some(1));
        assert_eq!(command.text(3), Some("ü"));
    }

    #[test]
    fn what_the_crate_would_choke_on_is_refused_first() {
        let nested: Vec<u8> = [10u8, 0, 0, 0, 1].repeat(100_000);
        assert_eq!(check(&nested), Err(Malformed::Deep));
        let objects: Vec<u8> = [3u8, 0, 1, b'a'].repeat(100_000);
        assert_eq!(check(&objects), Err(Malformed::Deep));
        assert_eq!(check(&[10, 0xff, 0xff, 0xff, 0xff, 5, 5]), Err(Malformed::Short));
        assert_eq!(check(&[5; 1000]), Err(Malformed::Many));
        assert_eq!(check(&[2, 0xff, 0xff, b'a']), Err(Malformed::Short));
        assert_eq!(check(&[2, 0, 1, 0xff]), Err(Malformed::Text));
        assert_eq!(check(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed::Marker(11)));
        assert_eq!(check(&[3, 0, 0, 5]), Err(Malformed::ObjectEnd));
        assert_eq!(Command::read(&[2, 0, 3, b'f', b'o', b'o']), Err(Malformed::NoCommand));
        assert_eq!(Command::read(&[]), Err(Malformed::NoCommand));
    }
}
