//! Architecture test: a folder may import only the folders before it, and front and worker never see each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each folder, with the folders it may import.
const MAY_IMPORT: [(&str, &[&str]); 11] = [
    ("base", &[]),
    ("media", &["base"]),
    ("layout", &["base", "media"]),
    ("sandbox", &["base"]),
    ("speaker", &["base", "media"]),
    ("cost", &["base", "media"]),
    ("draw", &["base", "media", "layout"]),
    ("link", &["base", "media", "layout"]),
    ("worker", &["base", "media", "layout", "sandbox", "draw", "link"]),
    ("front", &["base", "media", "layout", "sandbox", "speaker", "cost", "draw", "link"]),
    ("app", &["base", "media", "layout", "sandbox", "speaker", "cost", "draw", "link", "worker", "front"]),
];

/// The folder of a room.
fn folder(room: &str) -> PathBuf {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let shared = src.join("core").join(room);
    if shared.exists() { shared } else { src.join(room) }
}

fn sources(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            visit(&path, &fs::read_to_string(&path).expect("text"));
        }
    }
}

/// The folders that a file names after `crate::` or `tilecast_core::`, in paths and in grouped imports.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let roots = ["crate::", "tilecast_core::", "tilecast::"].iter().flat_map(|root| text.match_indices(root));
    for (at, root) in roots {
        let rest = &text[at + root.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut at_head = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => at_head = true,
                    c if depth == 0 && at_head && (c.is_alphanumeric() || c == '_') => word.push(c),
                    ':' if at_head && depth == 0 => {
                        found.push(std::mem::take(&mut word));
                        at_head = false;
                    }
                    _ => {}
                }
                if at_head && c == ',' {
                    word.clear();
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn arrows_only_go_down_the_list() {
    let mut faults = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        let mut files = 0;
        sources(&folder(room), &mut |path, text| {
            files += 1;
            for import in imports(text) {
                let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
                if known && import != room && !allowed.contains(&import.as_str()) {
                    faults.push(format!("{} uses {import}", path.display()));
                }
            }
        });
        assert!(files > 0, "room {room} has files");
    }
    assert!(faults.is_empty(), "arrows that point up:\n{}", faults.join("\n"));
}

#[test]
fn a_grouped_import_is_read_as_well_as_a_path() {
    assert_eq!(imports("use crate::{base::X, media::{A, b::C}, link::Y};"), ["base", "media", "link"]);
    assert_eq!(imports("crate::front::room::Rooms"), ["front"]);
}

#[test]
fn only_a_process_that_may_die_reads_what_strangers_uploaded() {
    for room in ["front", "worker", "link"] {
        sources(&folder(room), &mut |path, text| {
            for name in ["resvg", "upload::", "draw::upload", "draw::preview", "image::load", "ImageReader"] {
                assert!(!text.contains(name), "{} names {name}", path.display());
            }
        });
    }
}

#[test]
fn only_the_worker_holds_c() {
    for room in ["base", "media", "layout", "sandbox", "speaker", "draw", "link", "front", "app"] {
        sources(&folder(room), &mut |path, text| {
            for name in ["ffmpeg_next", "gstreamer", "opusic_c", "unsafe {"] {
                assert!(!text.contains(name), "{} names {name}", path.display());
            }
        });
    }
}
