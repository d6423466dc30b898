//! Uploads that are read, and uploads that are refused.

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

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="20"><rect width="200" height="20" fill="#ff0000"/></svg>"##;

#[test]
fn four_formats_are_read() {
    let size = Size { width: 40, height: 20 };
    for (kind, format) in
        [(Kind::Png, ImageFormat::Png), (Kind::Jpeg, ImageFormat::Jpeg), (Kind::Webp, ImageFormat::WebP)]
    {
        let file = written(format);
        assert_eq!(inspect(&file), Ok((kind, size)));
        let read = draw(&file).expect("pixels");
        assert!(read.pixels.get_pixel(5, 10)[0] > 240, "{kind:?}");
        assert_eq!((read.kind, read.size, read.lossy), (kind, size, kind == Kind::Jpeg));
        if kind != Kind::Jpeg {
            assert_eq!(read.pixels, picture());
        }
    }
    let size = Size { width: 400, height: 20 };
    assert_eq!(inspect(SVG.as_bytes()), Ok((Kind::Svg, size)));
    let drawn = draw(SVG.as_bytes()).expect("drawn");
    assert_eq!((drawn.size, drawn.pixels.dimensions()), (size, (3840, 192)));
    assert_eq!((drawn.pixels.get_pixel(1000, 90).0, drawn.pixels.get_pixel(2900, 90)[3]), ([255, 0, 0, 255], 0));
}

#[test]
fn a_photograph_stands_as_the_camera_was_held() {
    let plain = written(ImageFormat::Jpeg);
    // APP1 with one entry of IFD0: orientation (0x0112), 6: the top is at the right (CIPA DC-008 section 4.6.5).
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let file = [&plain[..2], b"\xff\xe1", &length, exif, &plain[2..]].concat();
    let drawn = draw(&file).expect("drawn");
    assert_eq!((drawn.size, drawn.pixels.dimensions()), (Size { width: 20, height: 40 }, (20, 40)));
    let [top, bottom] = [5, 35].map(|y| drawn.pixels.get_pixel(10, y).0);
    assert!(top[0] > 240 && bottom[2] > 100, "{top:?} {bottom:?}");
}

#[test]
fn an_svg_is_drawn_as_large_as_is_not_too_much() {
    let shape = |body: &str| format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90">{body}</svg>"#);
    let rect = r#"<rect width="160" height="90"/>"#;
    let width = |body: &str| svg::plan(&svg::parse(shape(body).as_bytes())?).map(|plan| plan.size.width);
    // Too many pixels.
    assert_eq!(width(rect), Ok(3840));
    assert_eq!(width(&rect.repeat(100)), Ok(1920));
    assert_eq!(width(&rect.repeat(300)), Ok(1280));
    assert_eq!(width(&rect.repeat(500)), Err(UploadError::Work));
    // Too many layers at the same time.
    let groups = |depth| format!("{}{rect}{}", r#"<g opacity="0.9">"#.repeat(depth), "</g>".repeat(depth));
    assert_eq!([width(&groups(3)), width(&groups(12)), width(&groups(30))], [Ok(3840), Ok(1920), Ok(1280)]);
    assert_eq!(width(&groups(60)), Err(UploadError::Work));
    // Layers that only cut count too: each mask and clip path is cut by the one before it.
    for (tag, cut) in [("mask", "mask"), ("clipPath", "clip-path")] {
        let link = |n: usize| format!(r#"<{tag} id="c{}" {cut}="url(#c{n})">{rect}</{tag}>"#, n + 1);
        let chain = |length: usize| {
            let links: String = (1..length).map(link).collect();
            format!(r#"<{tag} id="c1">{rect}</{tag}>{links}<g {cut}="url(#c{length})">{rect}</g>"#)
        };
        assert_eq!(
            [width(&chain(2)), width(&chain(10)), width(&chain(60))],
            [Ok(3840), Ok(1920), Err(UploadError::Work)]
        );
        let within =
            |n: usize| format!(r#"<{tag} id="c{}"><rect width="160" height="90" {cut}="url(#c{n})"/></{tag}>"#, n + 1);
        let nested: String = (1..60).map(within).collect();
        let nested = format!(r#"<{tag} id="c1">{rect}</{tag}>{nested}<g {cut}="url(#c60)">{rect}</g>"#);
        assert_eq!(width(&nested), Err(UploadError::Work), "{tag}");
    }
    // A shape far outside may need a layer many times as large.
    let far = r#"<g opacity="0.5"><rect x="-300" y="-170" width="790" height="440"/></g>"#;
    assert_eq!(width(far), Ok(1280));
}

/// A PNG header that announces this many pixels.
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
        assert!(draw(&promising(width, height)).is_err(), "{width}x{height}");
    }
    assert_eq!(inspect(&vec![0; MAX_FILE_BYTES + 1]), Err(UploadError::Bytes(MAX_FILE_BYTES + 1, MAX_FILE_BYTES)));
    let shape =
        |body: &str| format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">{body}</svg>"#);
    let many = shape(&r#"<path d="M0 0h1"/>"#.repeat(25_000));
    assert_eq!(draw(many.as_bytes()).map(|_| ()), Err(UploadError::Work));
    // Each group shows the one before ten times.
    let mut laughs = r#"<g id="a0"><rect width="1" height="1"/></g>"#.to_owned();
    for level in 1..9 {
        let uses = format!(r##"<use href="#a{}"/>"##, level - 1).repeat(10);
        laughs += &format!(r#"<g id="a{level}">{uses}</g>"#);
    }
    assert!(draw(shape(&laughs).as_bytes()).is_err());
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
        assert!(matches!(inspect(bad.as_bytes()), Err(UploadError::Svg(..))), "{bad}");
    }
    let elsewhere = body(r#"<use href="file:///etc/passwd#a"/>"#);
    assert!(draw(elsewhere.as_bytes()).is_ok_and(|drawn| drawn.pixels.pixels().all(|pixel| pixel[3] == 0)));
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    for bad in [&b""[..], b"GIF89a", b"<html></html>", b"%PDF-1.4", b"<svg", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]
    {
        assert!(inspect(bad).is_err(), "{bad:?}");
    }
    let mut cut = written(ImageFormat::Png);
    cut.truncate(60);
    assert!(draw(&cut).is_err());
}
