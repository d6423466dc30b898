//! Static checks of the container image, without Docker: it is built from what `scripts/setup` names. `make test-image`
//! builds and runs it.

use std::{collections::BTreeSet, fs, path::Path};

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file of the repository")
}

/// The packages in a shell variable of `scripts/setup`.
fn list(setup: &str, variable: &str) -> BTreeSet<String> {
    let begin = format!("\n{variable}=\"");
    let rest = &setup[setup.find(&begin).expect("the list is there") + begin.len()..];
    rest[..rest.find('"').expect("it ends")].split_whitespace().map(str::to_owned).collect()
}

/// The packages that a stage of the Dockerfile installs.
fn stage(dockerfile: &str, name: &str) -> BTreeSet<String> {
    let begin = format!(" AS {name}\n");
    let rest = &dockerfile[dockerfile.find(&begin).expect("the stage is there") + begin.len()..];
    let stage = &rest[..rest.find("\nFROM ").unwrap_or(rest.len())];
    let (_, install) = stage.split_once("--no-install-recommends").expect("it installs");
    let (install, _) = install.split_once("&&").expect("and cleans up");
    install.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect()
}

#[test]
fn it_is_made_of_what_setup_names() {
    let (setup, dockerfile) = (text("scripts/setup"), text("Dockerfile"));
    let [build, run, try_] = ["build", "run", "try"].map(|variable| list(&setup, variable));
    let missing = |wanted: &BTreeSet<String>, stage: &BTreeSet<String>| -> Vec<String> {
        wanted.difference(stage).cloned().collect()
    };
    assert_eq!(missing(&build, &stage(&dockerfile, "tools")), [""; 0]);
    assert_eq!(missing(&run, &stage(&dockerfile, "parts")), [""; 0]);
    let test: BTreeSet<String> = run.union(&try_).cloned().collect();
    assert_eq!(missing(&test, &stage(&dockerfile, "test")), [""; 0]);
}

#[test]
fn it_has_every_element_that_launch_texts_name() {
    let parts = text("scripts/image-parts");
    let checked = parts.lines().find_map(|line| line.strip_prefix("for element in ")).expect("it looks for elements");
    // What needs a graphics card needs its drivers as well, and MORE_PLUGINS.
    for file in ["stage", "audio/opus", "video/x264", "video/openh264"] {
        let launch = text(&format!("pipelines/{file}.launch"));
        let launch: Vec<&str> = launch.lines().filter(|line| !line.starts_with('#')).collect();
        for part in launch.join(" ").split('!') {
            let element = part.split_whitespace().next().expect("something between two !");
            let element = if element.contains('/') { "capsfilter" } else { element };
            assert!(checked.split([' ', ';']).any(|word| word == element), "{file}.launch: {element}");
        }
    }
}

#[test]
fn it_names_no_address_and_needs_no_shell() {
    let dockerfile = text("Dockerfile");
    assert!(!dockerfile.contains("://"), "bases, packages and crates come from wherever the builder is set up to look");
    for word in ["\nENTRYPOINT ", "\nCMD ", " CMD "] {
        let (_, rest) = dockerfile.split_once(word).expect("it is there");
        assert!(rest.starts_with('['), "{word}");
    }
}

#[test]
fn it_is_built_of_what_the_repository_keeps() {
    let names = |file: &str| -> BTreeSet<String> {
        text(file).lines().map(|line| line.trim_start_matches("**/").trim_start_matches('/').to_owned()).collect()
    };
    // Keys above all stay out, and whatever the tests read comes along.
    let mut left_out = names(".gitignore");
    left_out.extend([".git", ".ci"].map(str::to_owned));
    assert_eq!(names(".dockerignore"), left_out);
}

#[test]
fn it_sets_only_what_there_is_to_set() {
    let settings = text("src/app/config/sources.rs");
    for file in ["Dockerfile", "deploy/compose.yaml", "docs/deploy.md", "docs/srs.md"] {
        let text = text(file);
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        for word in words.filter_map(|word| word.strip_prefix("TILECAST_")) {
            let key = format!("\"{}\",", word.to_ascii_lowercase());
            assert!(word == "CONFIG" || settings.contains(&key), "{file}: TILECAST_{word}");
        }
    }
}
