//! Drawing jobs, from a reader to a writer.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, Read, Write},
    sync::Arc,
};

use image::RgbaImage;

use crate::{
    base::{AssetHash, AssetName},
    draw::{
        self, Fonts, MAX_FILE_BYTES,
        job::{self, Answer, MAX_IMAGES, MAX_JOB, Pack, Preview},
        raster, upload,
    },
    layout::Layout,
    media::Size,
};

/// Decodes an upload to pixels.
///
/// # Errors
/// When it cannot be read or answered.
pub fn upload(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut file = Vec::new();
    input.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut file)?;
    match upload::draw(&file) {
        Ok(drawn) => {
            let upload::Drawn { kind, size: own, lossy, pixels } = drawn;
            let size = Size { width: pixels.width(), height: pixels.height() };
            job::write(output, &Answer::Pixels { kind, own, size, lossy }, pixels.as_raw())
        }
        Err(error) => job::write(output, &Answer::Refused(error.to_string()), &[]),
    }
}

/// Encodes pixels as a finished picture.
///
/// # Errors
/// When they cannot be read or answered.
pub fn pack(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let Pack { size: Size { width, height }, lossy, most } = job::read(input, MAX_JOB)?;
    let length = width as usize * height as usize * 4;
    if !raster::is_sane(Size { width, height }) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more pixels than a raster has"));
    }
    let pixels = RgbaImage::from_raw(width, height, job::take(input, length)?).ok_or(io::ErrorKind::InvalidData)?;
    match raster::encode(pixels, lossy, most) {
        Some((size, file)) => job::write(output, &Answer::File { size, bytes: file.len() }, &file),
        None => {
            let why = format!("the image cannot be stored in {} KiB; use a simpler one", most / 1024);
            job::write(output, &Answer::Refused(why), &[])
        }
    }
}

/// Draws a layout for synthetic people.
///
/// # Errors
/// When the job cannot be read or answered.
pub fn preview(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let job: Preview = job::read(input, MAX_JOB)?;
    if job.images.iter().map(|(.., bytes)| bytes).sum::<usize>() > MAX_IMAGES {
        let why =
            format!("the images of this layout take more than {} MiB together; use smaller ones", MAX_IMAGES >> 20);
        return job::write(output, &Answer::Refused(why), &[]);
    }
    let mut files = HashMap::new();
    for (_, hash, bytes) in &job.images {
        files.insert(*hash, job::take(input, *bytes)?);
    }
    let called = |name: &AssetName| job.images.iter().find(|(known, ..)| known == name).map(|(_, hash, _)| *hash);
    let layout = Layout::new(&job.template, &job.arguments, called);
    let images = Images { files, last: RefCell::default() };
    let picture = draw::preview(&mut Fonts::load(), &layout, &job.rehearsal, &job.canvas, &|hash| images.get(hash));
    let (size, png) = (job.canvas.size(), draw::png(&picture));
    job::write(output, &Answer::File { size, bytes: png.len() }, &png)
}

/// Finished pictures, decoded when they are shown. The last one is kept, since a watermark and a logo are often the
/// same. All of them together might not fit in memory.
struct Images {
    files: HashMap<AssetHash, Vec<u8>>,
    last: RefCell<Option<(AssetHash, Arc<RgbaImage>)>>,
}

impl Images {
    fn get(&self, hash: AssetHash) -> Option<Arc<RgbaImage>> {
        if let Some((_, image)) = self.last.borrow().as_ref().filter(|(last, _)| *last == hash) {
            return Some(Arc::clone(image));
        }
        let image = raster::decode(self.files.get(&hash)?);
        let image = image.inspect_err(|error| eprintln!("the image {hash} cannot be shown: {error}"));
        let image = Arc::new(image.ok()?);
        *self.last.borrow_mut() = Some((hash, Arc::clone(&image)));
        Some(image)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;
    use crate::{
        draw::{Kind, Rehearsal},
        layout::{Arguments, Canvas, Template},
    };

    const SVG: &[u8] = br##"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="20"><rect width="200" height="20" fill="#ff0000"/></svg>"##;

    fn done(job: impl Fn(&mut &[u8], &mut Vec<u8>) -> io::Result<()>, input: &[u8]) -> (Answer, Vec<u8>) {
        let mut output = Vec::new();
        job(&mut &input[..], &mut output).expect("done");
        let mut rest = &output[..];
        (job::read(&mut rest, job::MAX_ANSWER).expect("an answer"), rest.to_vec())
    }

    #[test]
    fn an_upload_becomes_pixels_and_pixels_a_file_and_a_file_a_preview() {
        let (answer, pixels) = done(|input, output| upload(input, output), SVG);
        let (own, size) = (Size { width: 400, height: 20 }, Size { width: 3840, height: 192 });
        assert_eq!(answer, Answer::Pixels { kind: Kind::Svg, own, size, lossy: false });
        assert_eq!(pixels.len(), 3840 * 192 * 4);

        let mut input = job::head(&Pack { size, lossy: false, most: raster::MAX_BYTES });
        input.extend_from_slice(&pixels);
        let (answer, file) = done(|input, output| pack(input, output), &input);
        assert_eq!(answer, Answer::File { size, bytes: file.len() });
        assert_eq!(raster::decode(&file).expect("read").get_pixel(9, 9), &Rgba([255, 0, 0, 255]));

        let json = br#"{"background": {"image": {"asset": "logo", "fit": "fill"}}, "arrangements": [{"places": []}]}"#;
        let template = Template::parse(json).expect("a template");
        let images = vec![("logo".parse().expect("a name"), AssetHash::of(&file), file.len())];
        let canvas = Canvas { width: 64, height: 32, ..Canvas::default() };
        let (arguments, rehearsal) = (Arguments::default(), Rehearsal::default());
        let mut input = job::head(&Preview { template, arguments, rehearsal, canvas, images });
        input.extend_from_slice(&file);
        let (answer, png) = done(|input, output| preview(input, output), &input);
        assert_eq!(answer, Answer::File { size: Size { width: 64, height: 32 }, bytes: png.len() });
        assert_eq!(image::load_from_memory(&png).expect("a PNG").to_rgb8().get_pixel(9, 9).0, [255, 0, 0]);
    }

    #[test]
    fn a_job_that_is_none_is_an_error_and_a_bad_upload_an_answer() {
        let (answer, rest) = done(|input, output| upload(input, output), b"GIF89a");
        assert_eq!((answer, rest.len()), (Answer::Refused("the file is no PNG, JPEG, WebP or SVG".to_owned()), 0));
        let huge = Pack { size: Size { width: 60_000, height: 60_000 }, lossy: false, most: 1 << 20 };
        for bad in [&b""[..], b"\0\0\0\x02{}", &job::head(&huge)] {
            assert!(pack(&mut &bad[..], &mut Vec::new()).is_err() && preview(&mut &bad[..], &mut Vec::new()).is_err());
        }
    }
}
