//! The modules of a source folder, and which of their files use each other.

use super::reader::{self, Segments, Uses};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// One file of a crate.
pub struct File {
    pub path: PathBuf,
    pub uses: Uses,
}

/// Each file of a crate by its module path.
pub struct Modules {
    pub files: BTreeMap<Segments, File>,
}

/// Re-exports that lead from one to the next: more than the code has, so that a fault of the reader ends.
const MOST_REEXPORTS: usize = 8;

/// Reads every file below a folder of the workspace, without the packages in it.
pub fn modules(root: &str) -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut files = BTreeMap::new();
    super::sources(&root, &mut |path, text| {
        let package =
            path.ancestors().take_while(|above| *above != root).any(|above| above.join("Cargo.toml").exists());
        if package {
            return;
        }
        let inner = path.strip_prefix(&root).expect("below its root").with_extension("");
        let mut module: Segments = inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
            module.pop();
        }
        files.insert(module, File { path: fs::canonicalize(path).expect("a file"), uses: reader::read(text) });
    });
    Modules { files }
}

/// A path of this crate from its root; none for a path into another crate.
pub fn absolute(module: &[String], path: &[String]) -> Option<Segments> {
    let mut base = match path[0].as_str() {
        "crate" => Vec::new(),
        "super" | "self" => module.to_vec(),
        _ => return None,
    };
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = after;
    }
    base.extend_from_slice(rest);
    Some(base)
}

impl Modules {
    /// The module in whose file a path's item is written: through re-exports, to their end.
    fn home(&self, path: Segments, most: usize) -> Segments {
        let depth = (0..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth])).unwrap_or(0);
        let (module, rest) = path.split_at(depth);
        let behind = rest.first().and_then(|name| self.files.get(module)?.uses.names.get(name));
        match behind.and_then(|behind| absolute(module, behind)) {
            Some(mut next) if most > 0 => {
                next.extend_from_slice(&rest[1..]);
                self.home(next, most - 1)
            }
            _ => module.to_vec(),
        }
    }

    /// Pairs of files that use each other. A module and what lies below it may.
    pub fn circles(&self) -> Vec<String> {
        let mut arrows = BTreeSet::new();
        for (module, file) in &self.files {
            for path in file.uses.paths.iter().filter_map(|path| absolute(module, path)) {
                arrows.insert((module.clone(), self.home(path, MOST_REEXPORTS)));
            }
        }
        let apart = |a: &Segments, b: &Segments| !a.starts_with(b) && !b.starts_with(a);
        arrows
            .iter()
            .filter(|(from, to)| from < to && apart(from, to) && arrows.contains(&(to.clone(), from.clone())))
            .map(|(from, to)| format!("{} and {}", from.join("::"), to.join("::")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Modules {
        let file = |(module, text): &(&str, &str)| {
            let module = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            (module, File { path: PathBuf::new(), uses: reader::read(text) })
        };
        Modules { files: files.iter().map(file).collect() }
    }

    #[test]
    fn a_circle_is_found_through_a_reexport_as_well() {
        let plain = crate_of(&[("", ""), ("a", "use crate::b::B;"), ("b", "fn f(a: super::a::A) {}")]);
        assert_eq!(plain.circles(), ["a and b"]);
        let hidden = crate_of(&[("", "pub use self::b::B;"), ("a", "use super::B;"), ("b", "use crate::a;")]);
        assert_eq!(hidden.circles(), ["a and b"]);
    }

    #[test]
    fn a_module_and_its_child_may_use_each_other() {
        assert!(crate_of(&[("a", "use self::b::B;"), ("a::b", "use super::A;")]).circles().is_empty());
    }
}
