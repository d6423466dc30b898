//! Architecture test: a folder may import only the folders before it, and front and worker never see each other.

use self::modules::{absolute, modules};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

mod modules;
mod reader;

/// Each room with those it may import.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("base", &[]),
    ("media", &["base"]),
    ("mux", &["base", "media"]),
    ("layout", &["base", "media"]),
    ("sandbox", &["base"]),
    ("speaker", &["base", "media"]),
    ("cost", &["base", "media"]),
    ("draw", &["base", "media", "layout"]),
    ("link", &["base", "media", "layout"]),
    ("worker", &["base", "media", "layout", "sandbox", "draw", "link"]),
    ("front", &["base", "media", "mux", "layout", "sandbox", "speaker", "cost", "draw", "link"]),
    ("app", &["base", "media", "mux", "layout", "sandbox", "speaker", "cost", "draw", "link", "worker", "front"]),
];

/// The folders of `front`, from the ground up: each may use those before it.
const FLOORS: [&str; 15] = [
    "net",
    "model",
    "metrics",
    "raster",
    "rtmp",
    "webrtc",
    "docker",
    "docker_gate",
    "sources",
    "outputs",
    "engine",
    "room",
    "cluster",
    "doors",
    "api",
];

/// Tests may use what they need.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        Path::new(part.as_os_str()).file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"))
    })
}

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

/// The rooms that a file names after `crate::`, `tilecast_core::` or `tilecast::`.
fn imports(text: &str) -> Vec<String> {
    let of_a_crate = |path: &Vec<String>| !["super", "self"].contains(&path[0].as_str());
    reader::read(text).paths.into_iter().filter(of_a_crate).filter_map(|path| path.into_iter().nth(1)).collect()
}

/// A floor's folder of `front`, for a path from the crate's root.
fn floor(path: &[String]) -> Option<usize> {
    let folder = (path.first()? == "front").then(|| path.get(1)).flatten()?;
    FLOORS.iter().position(|floor| floor == folder)
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
fn each_floor_of_the_front_uses_only_those_below_it() {
    let front = modules("src");
    let mut faults = Vec::new();
    let mut inhabited = HashSet::new();
    for (module, file) in front.files.iter().filter(|(_, file)| !is_test(&file.path)) {
        let Some(mine) = floor(module) else { continue };
        inhabited.insert(mine);
        for path in file.uses.paths.iter().filter_map(|path| absolute(module, path)) {
            if floor(&path).is_some_and(|other| other > mine) {
                faults.push(format!("{} uses {}", file.path.display(), path.join("::")));
            }
        }
    }
    assert_eq!(inhabited.len(), FLOORS.len(), "every floor has files");
    for (module, _) in front.files.iter().filter(|(module, _)| module.len() == 2 && module[0] == "front") {
        assert!(floor(module).is_some(), "{} has no floor", module.join("::"));
    }
    assert!(faults.is_empty(), "arrows that point up:\n{}", faults.join("\n"));
}

#[test]
fn no_two_files_use_each_other() {
    let circles: Vec<String> =
        ["src", "src/core", "src/worker", "lab/src"].into_iter().flat_map(|root| modules(root).circles()).collect();
    assert!(circles.is_empty(), "files that use each other:\n{}", circles.join("\n"));
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
