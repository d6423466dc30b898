//! Launch texts (gst-launch pipelines) of `pipelines/`: the built-in ones, and an operator's own in their place.

use std::{collections::BTreeMap, fs, io, path::Path};

use anyhow::Context;

use crate::link::launch;

/// Longest launch text. The built-in ones are under 1 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// Every launch text by its purpose.
#[derive(Debug, Clone)]
pub struct Pipelines {
    pub stage: String,
    /// The video encoders by name.
    pub video: BTreeMap<String, String>,
    pub opus: String,
}

impl Pipelines {
    /// The built-in texts, each replaced by the file of the same path in `folder` (`stage.launch`,
    /// `video/x264.launch`), and further encoders from `folder/video/`. A text that nothing uses is an error.
    pub fn load(folder: Option<&Path>) -> anyhow::Result<Self> {
        let mut texts: BTreeMap<String, String> =
            launch::BUILTIN.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            for part in ["", "video", "audio"] {
                read_folder(folder, part, &mut texts)
                    .with_context(|| format!("the pipelines folder {} cannot be read", folder.display()))?;
            }
        }
        let stage = texts.remove("stage").context("there is no stage.launch")?;
        let opus = texts.remove("audio/opus").context("there is no audio/opus.launch")?;
        let video = texts.into_iter().map(|(path, text)| match path.strip_prefix("video/") {
            Some(name) => Ok((name.to_owned(), text)),
            None => anyhow::bail!(
                "the pipelines folder has a {path}.launch, which nothing reads: take it out, or name it stage.launch, \
                 audio/opus.launch or video/NAME.launch"
            ),
        });
        Ok(Self { stage, video: video.collect::<anyhow::Result<_>>()?, opus })
    }

    /// For each video encoder, the presets in its comment line `# presets: a, b, c`; the first is the suggested one. An
    /// encoder without that line has only the preset `default`.
    pub fn presets(&self) -> BTreeMap<String, Vec<String>> {
        let of = |text: &String| {
            let line = text.lines().find_map(|line| line.strip_prefix("# presets:"));
            let presets: Vec<String> =
                line.unwrap_or("default").split(',').map(|preset| preset.trim().to_owned()).collect();
            presets
        };
        self.video.iter().map(|(name, text)| (name.clone(), of(text))).collect()
    }
}

fn read_folder(root: &Path, part: &str, texts: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(root.join(part)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !part.is_empty() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "launch") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file name that is not text")?;
        let size = fs::metadata(&path)?.len();
        anyhow::ensure!(size <= MAX_BYTES, "{} is {size} bytes; a launch text has at most {MAX_BYTES}", path.display());
        let name = if part.is_empty() { name.to_owned() } else { format!("{part}/{name}") };
        texts.insert(name, fs::read_to_string(&path).with_context(|| path.display().to_string())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_encoder_names_its_presets() {
        let pipelines = Pipelines::load(None).expect("built in");
        for (encoder, presets) in pipelines.presets() {
            assert!(presets.len() > 1, "{encoder}: {presets:?}");
        }
        assert!(pipelines.presets()["x264"].contains(&"veryfast".to_owned()));
    }

    #[test]
    fn a_folder_replaces_and_adds() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("video")).expect("a folder");
        fs::write(folder.path().join("video/mine.launch"), "# presets: fast\nappsrc").expect("written");
        fs::write(folder.path().join("stage.launch"), "mine").expect("written");
        let pipelines = Pipelines::load(Some(folder.path())).expect("readable");
        assert_eq!(pipelines.stage, "mine");
        assert_eq!(pipelines.presets()["mine"], ["fast"]);
        assert!(pipelines.video.contains_key("x264"));
        assert!(Pipelines::load(Some(&folder.path().join("absent"))).is_err());
        fs::create_dir(folder.path().join("audio")).expect("a folder");
        fs::write(folder.path().join("audio/aac.launch"), "appsrc").expect("written");
        let said = Pipelines::load(Some(folder.path())).expect_err("nothing reads it").to_string();
        assert!(said.contains("audio/aac.launch"), "{said}");
    }
}
