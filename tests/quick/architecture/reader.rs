//! Reads which modules a Rust source file uses: `use` trees and inline paths. Code behind `#[cfg(test)]` does not count.

use std::collections::HashMap;

/// A path as its segments.
pub type Segments = Vec<String>;

/// What one file uses.
#[derive(Default)]
pub struct Uses {
    /// Paths that begin with a root ([`ROOTS`]), and inline paths that begin with a name in `names`, written out.
    pub paths: Vec<Segments>,
    /// Names that `use` brings in, each with the path behind it.
    pub names: HashMap<String, Segments>,
}

const ROOTS: [&str; 6] = ["crate", "super", "self", "tilecast_core", "tilecast_worker", "tilecast"];

/// Reads the text of one file.
pub fn read(text: &str) -> Uses {
    let tokens = without_tests(tokens(text));
    let mut uses = Uses::default();
    let mut inline = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            at = tree(&tokens, at + 1, &[], &mut uses);
        } else if is_name(&tokens[at]) {
            let after_colons = at > 0 && tokens[at - 1] == "::";
            let mut path = vec![tokens[at].clone()];
            at += 1;
            while tokens.get(at).is_some_and(|t| t == "::") && tokens.get(at + 1).is_some_and(|t| is_name(t)) {
                path.push(tokens[at + 1].clone());
                at += 2;
            }
            if !after_colons && path.len() > 1 {
                inline.push(path);
            }
        } else {
            at += 1;
        }
    }
    for path in inline {
        if ROOTS.contains(&path[0].as_str()) {
            uses.paths.push(path);
        } else if let Some(behind) = uses.names.get(&path[0]) {
            uses.paths.push(behind.iter().chain(&path[1..]).cloned().collect());
        }
    }
    uses
}

/// Reads one branch of a `use` tree; the answer is where it ends.
fn tree(tokens: &[String], mut at: usize, before: &[String], uses: &mut Uses) -> usize {
    let mut path = before.to_vec();
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < tokens.len() && tokens[at] != "}" {
                    at = tree(tokens, at, &path, uses);
                    if tokens.get(at).is_some_and(|t| t == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => {
                keep(path, tokens.get(at + 1).map_or("_", String::as_str), uses);
                return at + 2;
            }
            "," | "}" | ";" => break,
            // `self` inside a group is the module that the group belongs to.
            "self" if !before.is_empty() => at += 1,
            segment => {
                path.push(segment.to_owned());
                at += 1;
            }
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    keep(path, &name, uses);
    at
}

fn keep(path: Segments, name: &str, uses: &mut Uses) {
    if path.first().is_some_and(|root| ROOTS.contains(&root.as_str())) {
        uses.names.insert(name.to_owned(), path.clone());
        uses.paths.push(path);
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits a source text into names, `::` and single signs, without comments, strings and characters.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match chars[at] {
            '/' if next == '/' => at = find(&chars, at, &['\n']),
            '/' if next == '*' => at = find(&chars, at, &['*', '/']) + 2,
            '"' => at = end_of_string(&chars, at + 1),
            'r' if next == '"' || next == '#' => match raw_string(&chars, at) {
                Some(end) => at = end,
                None => at = word(&chars, at, &mut found),
            },
            '\'' if next == '\\' => at = find(&chars, at + 3, &['\'']) + 1,
            '\'' if chars.get(at + 2) == Some(&'\'') => at += 3,
            ':' if next == ':' => {
                found.push("::".to_owned());
                at += 2;
            }
            c if c.is_alphanumeric() || c == '_' => at = word(&chars, at, &mut found),
            c if c.is_whitespace() => at += 1,
            c => {
                found.push(c.to_string());
                at += 1;
            }
        }
    }
    found
}

fn word(chars: &[char], start: usize, found: &mut Vec<String>) -> usize {
    let word: String = chars[start..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
    let end = start + word.chars().count();
    found.push(word);
    end
}

/// Where `what` stands, at or after `at`; else the end.
fn find(chars: &[char], at: usize, what: &[char]) -> usize {
    (at..chars.len()).find(|start| chars[*start..].starts_with(what)).unwrap_or(chars.len())
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of the raw string that begins here, if one does.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then(|| {
        let mut end = vec!['"'];
        end.extend(std::iter::repeat_n('#', hashes));
        find(chars, at + 2 + hashes, &end) + end.len()
    })
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().map(String::as_str).take(MARK.len()).eq(MARK) {
            at = end_of_item(&tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// An item ends with a `;` outside braces, or with the brace that closes its body. A group in a `use` is no body.
fn end_of_item(tokens: &[String], mut at: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_use = false;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "use" => is_use = true,
            ";" if depth == 0 => return at + 1,
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && !is_use {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        read(text).paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn use_trees_are_read_to_their_leaves() {
        assert_eq!(
            paths("pub(crate) use crate::{base::X, media::{self, b::C as D}, link::*};"),
            ["crate::base::X", "crate::media", "crate::media::b::C", "crate::link::*"]
        );
        assert_eq!(paths("use super::{super::far::A, near};"), ["super::super::far::A", "super::near"]);
        assert_eq!(paths("use tilecast_core::media::Packet; use std::fmt;"), ["tilecast_core::media::Packet"]);
    }

    #[test]
    fn inline_paths_count_with_and_without_an_import() {
        assert_eq!(paths("fn f(a: crate::a::B) -> self::c::D {}"), ["crate::a::B", "self::c::D"]);
        assert_eq!(
            paths("use super::store; fn f() { store::folder::open() }"),
            ["super::store", "super::store::folder::open"]
        );
    }

    #[test]
    fn comments_texts_and_tests_do_not_count() {
        assert!(
            paths("// crate::a::B\n/* crate::a */ const X: &str = \"crate::a\"; const Y: &str = r#\"\" crate::a\"#;")
                .is_empty()
        );
        assert!(paths("#[cfg(test)]\nmod tests { use super::*; fn f() { {} } }").is_empty());
        assert_eq!(paths("#[cfg(test)]\nuse crate::{a::B, c};\nuse crate::d;"), ["crate::d"]);
        assert_eq!(paths("const Q: char = '\"'; fn f<'a>(x: &'a crate::a::B) {}"), ["crate::a::B"]);
    }
}
