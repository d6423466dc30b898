//! Built-in templates.

use super::Template;
use crate::base::TemplateName;

const FILES: [(&str, &str); 11] = [
    ("classroom", include_str!("../../../layouts/classroom.json")),
    ("filmstrip", include_str!("../../../layouts/filmstrip.json")),
    ("grid", include_str!("../../../layouts/grid.json")),
    ("interview", include_str!("../../../layouts/interview.json")),
    ("lecture", include_str!("../../../layouts/lecture.json")),
    ("panel", include_str!("../../../layouts/panel.json")),
    ("pip", include_str!("../../../layouts/pip.json")),
    ("presentation", include_str!("../../../layouts/presentation.json")),
    ("side-by-side", include_str!("../../../layouts/side-by-side.json")),
    ("single", include_str!("../../../layouts/single.json")),
    ("speaker", include_str!("../../../layouts/speaker.json")),
];

/// The built-in templates, by name.
pub fn builtin() -> Vec<(TemplateName, Template)> {
    let template = |(name, json): (&str, &str)| {
        let name = name.parse().expect("a valid name");
        let template = Template::parse(json.as_bytes()).expect("a valid template, as the tests show");
        (name, template)
    };
    FILES.into_iter().map(template).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set to write the schema instead of comparing it.
    const BLESS: &str = "TILECAST_BLESS";

    #[test]
    fn the_schema_is_that_of_the_types() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../layouts/layout.schema.json");
        let schema = schemars::schema_for!(Template);
        let schema = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        if std::env::var_os(BLESS).is_some() {
            std::fs::write(file, &schema).expect("the schema can be written");
        }
        let kept = std::fs::read_to_string(file).expect("the schema is there");
        assert!(kept == schema, "layouts/layout.schema.json is out of date: run `{BLESS}=1 cargo test --lib schema`");
    }

    #[test]
    fn every_layout_file_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../layouts");
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("a file").file_name().into_string().expect("a plain name"))
            .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
            .filter(|name| name != "layout.schema")
            .collect();
        names.sort();
        assert_eq!(names, FILES.map(|(name, _)| name));
    }
}
