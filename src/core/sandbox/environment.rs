//! Environment variables of a confined process.

use std::ffi::OsString;

/// Variables that name folders of plugins, libraries and fonts, or set the language. A confined process gets no other
/// variable, above all no secret. `HOME` only leads to the list of plugins and to the user's fonts.
const VARIABLES: [&str; 17] = [
    "HOME",
    "LANG",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "GST_DEBUG",
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_PATH_1_0",
    "GST_PLUGIN_SCANNER",
    "GST_PLUGIN_SCANNER_1_0",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "GST_REGISTRY",
    "GST_REGISTRY_1_0",
    "LD_LIBRARY_PATH",
];

/// GStreamer uses its list of plugins without an update. An update would compare the list with devices and folders that
/// a confined process cannot see, and read every plugin again.
const AS_LISTED: (&str, &str) = ("GST_REGISTRY_UPDATE", "no");

/// The variables of the process that lists the plugins for confined processes.
pub fn environment_to_prepare() -> impl Iterator<Item = (&'static str, OsString)> {
    VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// The variables of a confined process.
pub fn environment() -> impl Iterator<Item = (&'static str, OsString)> {
    environment_to_prepare().chain([(AS_LISTED.0, AS_LISTED.1.into())])
}
