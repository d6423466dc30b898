//! Font folders of the system (fontconfig's fonts.conf).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use fontconfig_parser::FontConfig;

/// Usual font folders, for a system without a configuration.
const USUAL: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
/// The same in the user's home.
const OWN: [&str; 2] = [".fonts", ".local/share/fonts"];

/// Every folder that [`Fonts::load`](super::Fonts::load) reads: folders with fonts, and folders with configuration
/// files.
pub fn font_folders() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("HOME");
    let mut config = FontConfig::default();
    let user = set("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let user = user.map(|folder| folder.join("fontconfig/fonts.conf"));
    let files = match set("FONTCONFIG_FILE") {
        Some(file) => vec![file],
        None => user.into_iter().chain(["/etc/fonts/local.conf".into(), "/etc/fonts/fonts.conf".into()]).collect(),
    };
    for file in files {
        // A missing or broken file names no folders.
        let _ = config.merge_config(&file);
    }
    let at_home = |path: &Path| match path.strip_prefix("~") {
        Ok(rest) => Some(home.as_ref()?.join(rest)),
        Err(_) => Some(path.to_owned()),
    };
    let named = config.dirs.iter().filter_map(|folder| at_home(&folder.path));
    let named_in = config.config_files.iter().filter_map(|file| file.parent().map(Path::to_owned));
    let own = home.iter().flat_map(|home| OWN.map(|folder| home.join(folder)));
    let all: BTreeSet<PathBuf> = named.chain(named_in).chain(own).chain(USUAL.map(PathBuf::from)).collect();
    // Links to configuration files lie elsewhere than the files.
    all.into_iter().chain([PathBuf::from("/etc/fonts")]).collect()
}
