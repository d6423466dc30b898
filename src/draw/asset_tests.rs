//! What is read, what is refused.

use image::{DynamicImage, Rgba};

use super::*;

fn picture() -> RgbaImage {
    RgbaImage::from_fn(40, 20, |x, _| if x < 20 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 255, 128]) })
}

fn written(format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgba8(picture());
    let picture = if format == ImageFormat::Jpeg { DynamicImage::ImageRgb8(picture.to_rgb8()) } else { picture };
    picture.write_to(&mut file, format).expect("written");
    file.into_inner()
}

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="#ff0000"/></svg>"##;

#[test]
fn four_formats_are_read() {
    let size = Size { width: 40, height: 20 };
    for (kind, format) in
        [(Kind::Png, ImageFormat::Png), (Kind::Jpeg, ImageFormat::Jpeg), (Kind::Webp, ImageFormat::WebP)]
    {
        let file = written(format);
        assert_eq!(inspect(&file), Ok(Inspected { kind, size }));
        let read = decode(&file, None).expect("pixels");
        assert!(read.get_pixel(5, 10)[0] > 240, "{kind:?}");
        if kind != Kind::Jpeg {
            assert_eq!(read, picture());
        }
    }
    assert_eq!(inspect(SVG.as_bytes()), Ok(Inspected { kind: Kind::Svg, size }));
    let large = decode(SVG.as_bytes(), Some(Size { width: 400, height: 400 })).expect("drawn");
    assert_eq!(large.dimensions(), (400, 200));
    assert_eq!((large.get_pixel(100, 100).0, large.get_pixel(300, 100)[3]), ([255, 0, 0, 255], 0));
}

/// A PNG head that promises so many pixels.
fn promising(width: u32, height: u32) -> Vec<u8> {
    let mut file = written(ImageFormat::Png);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = 0xffff_ffff_u32;
    for byte in &file[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    file[29..33].copy_from_slice(&(!crc).to_be_bytes());
    file
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    for (width, height) in [(60_000, 60_000), (8192, 8192), (1, 100_000)] {
        assert!(inspect(&promising(width, height)).is_err(), "{width}x{height}");
        assert!(decode(&promising(width, height), None).is_err(), "{width}x{height}");
    }
    assert_eq!(inspect(&vec![0; MAX_FILE_BYTES + 1]), Err(AssetError::Bytes(MAX_FILE_BYTES + 1, MAX_FILE_BYTES)));
    let shape =
        |body: &str| format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">{body}</svg>"#);
    let many = shape(&r#"<path d="M0 0h1"/>"#.repeat(25_000));
    assert!(decode(many.as_bytes(), None).is_err());
    let heavy = shape(&r#"<rect width="100" height="100"/>"#.repeat(5000));
    assert_eq!(decode(heavy.as_bytes(), Some(Size { width: 2000, height: 2000 })), Err(AssetError::Work));
    // Each group shows the one before ten times.
    let mut laughs = r#"<g id="a0"><rect width="1" height="1"/></g>"#.to_owned();
    for level in 1..9 {
        let uses = format!(r##"<use href="#a{}"/>"##, level - 1).repeat(10);
        laughs += &format!(r#"<g id="a{level}">{uses}</g>"#);
    }
    assert!(decode(shape(&laughs).as_bytes(), None).is_err());
}

#[test]
fn an_svg_reads_nothing_but_itself() {
    let body = |body: &str| format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{body}</svg>"#);
    for bad in [
        body(r#"<image href="/etc/passwd"/>"#),
        body("<svg:image xmlns:svg=\"http://www.w3.org/2000/svg\" href=\"http://127.0.0.1/\"/>"),
        body("<text>hello</text>"),
        body("<script>1</script>"),
        format!("<!DOCTYPE svg [<!ENTITY a \"b\">]>{}", body("&a;")),
    ] {
        assert!(matches!(inspect(bad.as_bytes()), Err(AssetError::Svg(..))), "{bad}");
    }
    let elsewhere = body(r#"<use href="file:///etc/passwd#a"/>"#);
    assert!(decode(elsewhere.as_bytes(), None).is_ok_and(|picture| picture.pixels().all(|pixel| pixel[3] == 0)));
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    for bad in [&b""[..], b"GIF89a", b"<html></html>", b"%PDF-1.4", b"<svg", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]
    {
        assert!(inspect(bad).is_err(), "{bad:?}");
    }
    let mut cut = written(ImageFormat::Png);
    cut.truncate(60);
    assert!(decode(&cut, None).is_err());
}
