//! Templates of the layouts folder.

use std::{fs, io, io::Read, path::Path};

use crate::{
    base::TemplateName,
    layout::{Template, template::MAX_TEMPLATE_BYTES},
};

/// Reads every `NAME.json`; faults name the file and the place in it. JSON Schema files beside them are skipped.
pub(super) fn read(folder: &Path, faults: &mut Vec<String>) -> Vec<(TemplateName, Template)> {
    let mut templates = Vec::new();
    let mut files: Vec<_> = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(error) => {
            faults.push(format!("layouts: the folder {} cannot be read: {error}", folder.display()));
            return templates;
        }
    };
    files.sort();
    for path in files {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = file.strip_suffix(".json").filter(|name| !name.ends_with(".schema")) else { continue };
        match template(name, &path) {
            Ok(template) => templates.push(template),
            Err(found) => faults.extend(found.into_iter().map(|fault| format!("layouts: {}: {fault}", path.display()))),
        }
    }
    templates
}

fn template(name: &str, path: &Path) -> Result<(TemplateName, Template), Vec<String>> {
    let name: TemplateName = name.parse().map_err(|error| vec![format!("{error}")])?;
    let mut text = Vec::new();
    // One byte more than a template may have, so that the parser reports its length.
    let file = fs::File::open(path).map(|file| file.take(MAX_TEMPLATE_BYTES as u64 + 1));
    file.and_then(|mut file| file.read_to_end(&mut text)).map_err(|error| vec![error.to_string()])?;
    let faults = |faults: Vec<crate::layout::Fault>| faults.iter().map(|fault| fault.to_string()).collect::<Vec<_>>();
    Template::parse(&text).map(|template| (name, template)).map_err(faults)
}
