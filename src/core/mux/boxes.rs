//! Boxes of the ISO base media file format (ISO/IEC 14496-12 §4.2): written nested, read bounded.

/// Name of a box.
pub type Kind = [u8; 4];

/// Bytes of a box's size and name.
pub const HEADER: usize = 8;

/// Writes boxes into a buffer. A box's size is set when the box ends.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A box whose body `body` writes. A box beyond 4 GiB cannot be told so, and no caller makes one.
    pub fn boxed(&mut self, kind: &Kind, body: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.out.len();
        self.u32(0).bytes(kind);
        body(self);
        let size = u32::try_from(self.out.len() - start).unwrap_or(u32::MAX);
        self.set_u32(start, size);
        self
    }

    /// A full box: with a version and 24 bits of flags.
    pub fn full(&mut self, kind: &Kind, version: u8, flags: u32, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.boxed(kind, |out| {
            out.u32(u32::from(version) << 24 | flags & 0xff_ffff);
            body(out);
        })
    }

    /// Appends a byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.out.push(value);
        self
    }

    /// Appends 16 bits.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends 32 bits.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends 64 bits.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Appends zeros.
    pub fn zeros(&mut self, count: usize) -> &mut Self {
        self.out.resize(self.out.len() + count, 0);
        self
    }

    /// Makes room beforehand.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Overwrites 32 bits at a place that was written.
    pub fn set_u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.out.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Overwrites 64 bits at a place that was written.
    pub fn set_u64(&mut self, at: usize, value: u64) {
        if let Some(place) = self.out.get_mut(at..at + 8) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// The buffer.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// What begins a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub kind: Kind,
    /// Bytes of this header, 8 or 16.
    pub header: usize,
    /// Bytes of the whole box, this header included.
    pub size: u64,
}

/// Reads a header; `None` where there are too few bytes, or where the size is smaller than the header. A box to the end of the
/// file (size 0) counts as unreadable, since nothing here writes one.
pub fn header(data: &[u8]) -> Option<Header> {
    let mut read = Reader(data);
    let (size, kind) = (read.u32()?, read.kind()?);
    let (header, size) = match size {
        1 => (16, read.u64()?),
        size => (HEADER, u64::from(size)),
    };
    (size >= header as u64).then_some(Header { kind, header, size })
}

/// The boxes in a body, each with its own body. Ends at the first that is not whole.
pub fn children(mut data: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    std::iter::from_fn(move || {
        let head = header(data)?;
        let size = usize::try_from(head.size).ok()?;
        let whole = data.get(..size)?;
        data = &data[size..];
        Some((head.kind, &whole[head.header..]))
    })
}

/// The body of the box at a path of names.
pub fn find<'a>(mut data: &'a [u8], path: &[&Kind]) -> Option<&'a [u8]> {
    for kind in path {
        data = children(data).find(|(found, _)| found == *kind)?.1;
    }
    Some(data)
}

/// Reads numbers off the front of a body; `None` once there are too few bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A byte.
    pub fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    /// 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A box's name.
    pub fn kind(&mut self) -> Option<Kind> {
        self.array()
    }

    /// Version and flags of a full box.
    pub fn version_flags(&mut self) -> Option<(u8, u32)> {
        self.u32().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_nested_is_read_by_path() {
        let mut out = Writer::new();
        out.boxed(b"moov", |out| {
            out.full(b"mvhd", 1, 2, |out| _ = out.u64(7));
            out.boxed(b"trak", |out| _ = out.u16(5));
        });
        let bytes = out.into_bytes();
        assert_eq!(header(&bytes), Some(Header { kind: *b"moov", header: 8, size: bytes.len() as u64 }));
        assert_eq!(find(&bytes, &[b"moov", b"trak"]), Some(&[0, 5][..]));
        let mut read = Reader(find(&bytes, &[b"moov", b"mvhd"]).expect("it is there"));
        assert_eq!((read.version_flags(), read.u64(), read.u8()), (Some((1, 2)), Some(7), None));
    }

    #[test]
    fn a_box_that_is_not_whole_ends_the_list() {
        let mut out = Writer::new();
        out.boxed(b"free", |out| _ = out.u32(1)).boxed(b"mdat", |out| _ = out.u32(2));
        let bytes = out.into_bytes();
        assert_eq!(children(&bytes).count(), 2);
        assert_eq!(children(&bytes[..bytes.len() - 1]).count(), 1);
        assert_eq!(header(&[0, 0, 0, 7, b'f', b'r', b'e', b'e']), None, "smaller than its header");
        assert_eq!(header(&[0, 0, 0, 1, b'm', b'd', b'a', b't', 0, 0, 0, 0, 0, 0, 0, 15]), None);
    }
}
