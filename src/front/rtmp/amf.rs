//! Commands in AMF0 (Action Message Format 0, Adobe 2007), with values in AMF3 (Adobe 2013) among them.
//!
//! What a command says beyond what is needed here is stepped over, whatever it is: only what nests too deep or is too much is
//! refused. Where a command cannot be read on, it ends.

use std::collections::HashMap;

use bytes::Bytes;

pub use super::amf_walk::Malformed;
use super::{amf_walk::Walk, amf3};

/// A value, as far as commands need it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, or a date, ms since 1970.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; what is not UTF-8 in it became U+FFFD.
    Text(String),
    /// An object of any class, or an ECMA array. Of properties of one name the last counts.
    Object(HashMap<String, Value>),
    /// A strict array.
    Array(Vec<Value>),
    /// Nothing, or something of no use here.
    Nothing,
}

impl Walk<'_> {
    fn length(&mut self) -> Result<usize, Malformed> {
        self.take(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = self.take(2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])))?;
        self.take(length).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    fn number(&mut self) -> Result<f64, Malformed> {
        let bytes = self.take(8)?;
        Ok(f64::from_be_bytes(bytes.try_into().map_err(|_| Malformed::Short)?))
    }

    fn value(&mut self, depth: u8) -> Result<Value, Malformed> {
        self.count(depth)?;
        Ok(match self.take(1)?[0] {
            0 => Value::Number(self.number()?),
            1 => Value::Boolean(self.take(1)?[0] != 0),
            2 => Value::Text(self.text()?),
            3 => self.properties(depth)?,
            // Null, undefined and unsupported.
            5 | 6 | 13 => Value::Nothing,
            // A reference to an object before.
            7 => self.take(2).map(|_| Value::Nothing)?,
            // How many it has is a hint.
            8 => self.take(4).and_then(|_| self.properties(depth))?,
            10 => {
                let count = self.length()?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                Value::Array(values)
            }
            11 => {
                let date = self.number()?;
                self.take(2).map(|_| Value::Number(date))?
            }
            // A long string, or XML.
            12 | 15 => {
                let length = self.length()?;
                Value::Text(String::from_utf8_lossy(self.take(length)?).into_owned())
            }
            16 => {
                self.text()?;
                self.properties(depth)?
            }
            17 => {
                amf3::skip(self, depth + 1)?;
                Value::Nothing
            }
            marker => return Err(Malformed::Marker(marker)),
        })
    }

    /// The properties of an object up to its end. Where one cannot be read, those before it count, and the command ends there.
    fn properties(&mut self, depth: u8) -> Result<Value, Malformed> {
        let mut properties = HashMap::new();
        loop {
            let read = self.property(depth);
            match read {
                Ok(Some((name, value))) => drop(properties.insert(name, value)),
                Ok(None) => return Ok(Value::Object(properties)),
                Err(fault) if fault.harms() => return Err(fault),
                Err(_) => {
                    self.rest = &[];
                    return Ok(Value::Object(properties));
                }
            }
        }
    }

    fn property(&mut self, depth: u8) -> Result<Option<(String, Value)>, Malformed> {
        let name = self.text()?;
        // Some name a property with nothing, so it is the mark behind that ends the object.
        if name.is_empty() && self.rest.first() == Some(&9) {
            return self.take(1).map(|_| None);
        }
        if name.is_empty() {
            return Err(Malformed::ObjectEnd);
        }
        Ok(Some((name, self.value(depth + 1)?)))
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
    /// Reads a command message's payload, as far as it reads.
    ///
    /// # Errors
    /// When it does not begin as a command, or goes beyond what any command needs.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut walk = Walk::new(payload);
        let mut values = Vec::new();
        while !walk.rest.is_empty() {
            match walk.value(0) {
                Ok(value) => values.push(value),
                Err(fault) if fault.harms() => return Err(fault),
                Err(_) => break,
            }
        }
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(Value::Text(name)), Some(Value::Number(transaction))) => {
                Ok(Self { name, transaction, arguments: values.collect() })
            }
            // FFmpeg, as a server, tells `onFCPublish` by its name alone.
            (Some(Value::Text(name)), None) => Ok(Self { name, transaction: 0.0, arguments: Vec::new() }),
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
    pub fn object(&self, index: usize) -> Option<&HashMap<String, Value>> {
        match self.arguments.get(index)? {
            Value::Object(properties) => Some(properties),
            _ => None,
        }
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
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
    fn what_nests_too_deep_or_is_too_much_is_refused() {
        let nested: Vec<u8> = [10u8, 0, 0, 0, 1].repeat(100_000);
        assert_eq!(Command::read(&nested), Err(Malformed::Deep));
        let objects: Vec<u8> = [3u8, 0, 1, b'a'].repeat(100_000);
        assert_eq!(Command::read(&objects), Err(Malformed::Deep));
        // An array in AMF3 of one, and so on.
        let arrays: Vec<u8> = [17u8].into_iter().chain([9u8, 3, 1].repeat(100_000)).collect();
        assert_eq!(Command::read(&arrays), Err(Malformed::Deep));
        assert_eq!(Command::read(&[5; 1000]), Err(Malformed::Many));
        for nothing in [&[][..], &[10, 0xff, 0xff, 0xff, 0xff, 5, 5], &[2, 0xff, 0xff, b'a'], &[5, 5]] {
            assert_eq!(Command::read(nothing), Err(Malformed::NoCommand), "{nothing:?}");
        }
        let name_alone = Command::read(&[2, 0, 3, b'f', b'o', b'o']).expect("FFmpeg's way of telling");
        assert_eq!((&*name_alone.name, name_alone.transaction), ("foo", 0.0));
    }

    /// `connect` with a property of this value before the one that is needed, and an argument behind.
    fn connect(value: &[u8]) -> Vec<u8> {
        let mut bytes = Writer::command("connect", 1.0).finish().to_vec();
        bytes.extend(b"\x03\0\x03odd");
        bytes.extend(value);
        bytes.extend(b"\0\x03app\x02\0\x02in\0\0\x09\x02\0\x04more");
        bytes
    }

    #[test]
    fn values_of_every_type_are_stepped_over() {
        for value in [
            &b"\x05"[..],                              // null
            b"\x06",                                   // undefined
            b"\x07\0\x01",                             // a reference
            b"\x0b\0\0\0\0\0\0\0\0\0\0",               // a date
            b"\x0c\0\0\0\x05hello",                    // a long string
            b"\x0d",                                   // unsupported
            b"\x0f\0\0\0\x04<a/>",                     // XML
            b"\x10\0\x03Foo\0\x01x\x05\0\0\x09",       // a typed object
            b"\x08\0\0\0\x09\0\x01x\x05\0\0\x09",      // an ECMA array that says nine
            b"\x02\0\x04\xbb\xe1\xd2\xe9",             // GBK
            b"\x11\x01",                               // AMF3: null
            b"\x11\x04\xff\xff\xff\xff",               // an integer of four bytes
            b"\x11\x06\x0bhello",                      // a string
            b"\x11\x08\x01\0\0\0\0\0\0\0\0",           // a date
            b"\x11\x09\x03\x03k\x04\x01\x01\x06\x03v", // an array with a name and a place
            b"\x11\x0a\x13\x07Foo\x03a\x04\x05",       // an object of a class with one property
            b"\x11\x0a\x0b\x01\x03a\x04\x05\x01",      // one without a class
            b"\x11\x0c\x05\x01\x02",                   // bytes
            b"\x11\x0d\x03\0\0\0\0\x07",               // a vector of integers
        ] {
            let command = Command::read(&connect(value)).expect("nothing in it harms");
            assert_eq!(command.property(0, "app"), Some("in"), "{value:?}");
            assert_eq!(command.text(1), Some("more"), "{value:?}");
        }
    }

    #[test]
    fn a_command_that_cannot_be_read_on_counts_as_far_as_it_reads() {
        for (value, known) in [(&b"\x04"[..], false), (b"\x11\x20", false), (b"\x05", true)] {
            let command = Command::read(&connect(value)).expect("nothing in it harms");
            assert_eq!(command.name, "connect");
            assert_eq!(command.property(0, "app").is_some(), known, "{value:?}");
        }
        // An ECMA array as the command object, of which the end was forgotten.
        let open = [&Writer::command("connect", 1.0).finish()[..], b"\x08\0\0\0\x01\0\x03app\x02\0\x02in"].concat();
        assert_eq!(Command::read(&open).expect("it is known by then").property(0, "app"), Some("in"));
    }
}
