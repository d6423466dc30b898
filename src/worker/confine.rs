//! Sandbox of a worker: it gives up everything that its libraries, its fonts and a hardware encoder do not need, before
//! it reads strangers' data.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use tilecast_core::{
    draw,
    link::message::Settings,
    sandbox::{self, Calls, Files},
};

/// Folders of libraries and of GStreamer's helper programs on every Linux.
const LIBRARIES: [&str; 6] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/lib"];

/// Files that the loader reads to find libraries, the C library to count processors, and GLib to seed its random
/// numbers.
const LOADING: [&str; 3] = ["/etc/ld.so.cache", "/sys/devices/system/cpu/online", "/dev/urandom"];

/// Where a worker reads the state of its own threads.
const THREADS: &str = "/proc/self/task";

/// Variables that name folders of plugins and libraries.
const NAMED: [&str; 5] = [
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_PATH_1_0",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "LD_LIBRARY_PATH",
];

/// Name prefixes of hardware encoders, and name prefixes of their devices under `/dev`.
const HARDWARE: [(&str, &[&str]); 9] = [
    ("vah", &["dri"]),
    ("vaapi", &["dri"]),
    ("qsv", &["dri"]),
    ("msdk", &["dri"]),
    ("amf", &["dri"]),
    ("vulkan", &["dri", "nvidia"]),
    ("nv", &["dri", "nvidia"]),
    ("v4l2", &["video", "media"]),
    ("omx", &["video", "media"]),
];

/// Where the drivers of hardware encoders look for devices.
const DRIVERS: [&str; 4] = ["/sys", "/proc/driver", "/usr/share", "/etc/vulkan"];

/// What a worker keeps after confinement.
#[derive(Debug)]
pub struct Confined {
    calls: Calls,
    /// Held open: without that the kernel would forget the allowed folder, and create another one for the next access.
    _threads: Option<File>,
}

/// Gives up privileges and files, before there are threads. Parts that the kernel cannot enforce are logged.
pub fn enclose(settings: &Settings) -> Confined {
    let threads = File::open(THREADS).ok();
    let devices = devices(&settings.pipelines.video);
    let calls = if devices.is_empty() { Calls::Worker } else { Calls::WorkerWithDevices };
    let mut read = draw::font_folders();
    read.extend(LOADING.map(PathBuf::from));
    read.extend(registry());
    read.push(THREADS.into());
    if !devices.is_empty() {
        read.extend(DRIVERS.map(PathBuf::from));
    }
    let files = Files { read, load: libraries(), devices };
    for gap in sandbox::enclose(&files) {
        tracing::warn!("{gap}");
    }
    Confined { calls, _threads: threads }
}

impl Confined {
    /// Gives up system calls, after libraries and encoders are loaded.
    pub fn seal(&self) {
        if let Err(gap) = sandbox::seal(self.calls) {
            tracing::warn!("{gap}");
        }
    }
}

/// Folders of the libraries that this process uses or may still load.
fn libraries() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).map(Path::new);
    let library = |path: &&Path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"));
    let mapped = mapped.filter(library).filter_map(|path| path.parent().map(Path::to_owned));
    let named = NAMED.into_iter().filter_map(std::env::var_os);
    let named = named.flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
    let own = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    let own = own.map(|folder| folder.join("gstreamer-1.0"));
    let all: BTreeSet<PathBuf> = mapped
        .chain(named.filter(|folder| folder.is_absolute()))
        .chain(own)
        .chain(LIBRARIES.map(PathBuf::from))
        .collect();
    all.into_iter().collect()
}

/// Where GStreamer keeps its list of plugins.
fn registry() -> Vec<PathBuf> {
    let named = ["GST_REGISTRY", "GST_REGISTRY_1_0"].into_iter().filter_map(set);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    named.chain(cache.map(|folder| folder.join("gstreamer-1.0"))).collect()
}

fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The devices of this launch text's encoder; none for a software encoder.
fn devices(launch: &str) -> Vec<PathBuf> {
    let kinds = kinds(launch);
    if kinds.is_empty() {
        return Vec::new();
    }
    let there = fs::read_dir("/dev").into_iter().flatten().flatten();
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        kinds.iter().any(|kind| name.starts_with(kind))
    };
    // Without such a device the encoder fails, and reports that itself.
    there.map(|entry| entry.path()).filter(is_one).collect()
}

/// Name prefixes of these devices.
fn kinds(launch: &str) -> Vec<&'static str> {
    let lines = launch.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let elements = text.split('!').filter_map(|part| part.split_whitespace().next());
    let kinds = elements.flat_map(|element| {
        HARDWARE
            .iter()
            .filter(move |(begin, _)| element.starts_with(begin))
            .flat_map(|(_, kinds)| kinds.iter().copied())
    });
    kinds.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::link::launch;

    #[test]
    fn encoders_in_software_have_no_devices() {
        for name in ["video/x264", "video/openh264"] {
            assert_eq!(devices(launch::builtin(name).expect("built in")), Vec::<PathBuf>::new(), "{name}");
        }
        assert_eq!(kinds(launch::builtin("video/va").expect("built in")), ["dri"]);
        assert_eq!(kinds(launch::builtin("video/nvenc").expect("built in")), ["dri", "nvidia"]);
        assert_eq!(
            kinds("appsrc name=in ! v4l2convert\n! v4l2h264enc name=encoder ! appsink name=out"),
            ["media", "video"]
        );
        assert_eq!(kinds("# vah264enc\nappsrc ! identity comment=vah264enc ! appsink"), [""; 0]);
    }

    #[test]
    fn libraries_are_where_this_process_has_them() {
        let folders = libraries();
        assert!(folders.iter().any(|folder| folder.join("libgstreamer-1.0.so.0").exists()), "{folders:?}");
        assert!(folders.iter().all(|folder| folder.is_absolute() && folder != Path::new("/")), "{folders:?}");
    }
}
