use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{
    base::Secret,
    front::room::Templates,
    layout::template::{MAX_ARRANGEMENTS, MAX_PLACES},
};

fn room(id: &str) -> RoomId {
    RoomId::try_from(id.to_owned()).expect("an id")
}

fn document() -> RoomDocument {
    let json = serde_json::json!({
        "participants": {"alice": {"name": "愛麗絲", "source": {"type": "publish", "key": "s3cret"}, "gain_db": -3.3}},
        "outputs": {"srs": {"type": "rtmp", "url": "rtmp://srs/live/weekly"}},
    });
    serde_json::from_value(json).expect("a document")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn what_was_kept_is_there_again() {
    let folder = folder();
    let path = folder.path().join("deep/er");
    let (store, loaded) = FolderStore::open(&path).expect("opens");
    assert!(loaded.rooms.is_empty() && loaded.set_aside.is_empty());
    store.put_room(&room("weekly"), &RoomDocument::default()).expect("kept");
    store.put_room(&room("weekly"), &document()).expect("kept");
    store.put_room(&room("gone"), &document()).expect("kept");
    store.delete_room(&room("gone")).expect("forgotten");
    store.delete_room(&room("never-there")).expect("forgotten");
    drop(store);
    let (_store, loaded) = FolderStore::open(&path).expect("opens again");
    assert_eq!(loaded.rooms, [(room("weekly"), document())]);
    let mode = fs::metadata(path.join("rooms/weekly.json")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds keys");
    let Some(crate::front::model::document::Source::Publish { key }) =
        loaded.rooms[0].1.participants.values().next().map(|alice| alice.source.clone())
    else {
        panic!("alice publishes")
    };
    assert_eq!(key, Secret::new("s3cret"));
}

#[test]
fn a_folder_serves_one_process_at_a_time() {
    let folder = folder();
    let (store, _) = FolderStore::open(folder.path()).expect("opens");
    let error = FolderStore::open(folder.path()).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let clone = store.clone();
    drop(store);
    assert!(FolderStore::open(folder.path()).is_err(), "a clone still has it");
    drop(clone);
    FolderStore::open(folder.path()).expect("free again");
}

#[test]
fn what_does_not_read_is_set_aside_and_told() {
    let folder = folder();
    let (store, _) = FolderStore::open(folder.path()).expect("opens");
    store.put_room(&room("whole"), &document()).expect("kept");
    drop(store);
    let rooms = folder.path().join("rooms");
    let whole = fs::read_to_string(rooms.join("whole.json")).expect("text");
    let put = |name: &str, text: &str| fs::write(rooms.join(name), text).expect("written");
    put("cut.json", &whole[..whole.len() / 2]);
    put("empty.json", "");
    put("later.json", &whole.replace("\"version\": 1", "\"version\": 2"));
    put("odd name.json", &whole);
    put("unknown.json", &whole.replace("\"canvas\"", "\"canvass\""));
    put(".unfinished-x", "half");
    put("README", "not ours");
    let (_store, loaded) = FolderStore::open(folder.path()).expect("opens all the same");
    assert_eq!(loaded.rooms, [(room("whole"), document())]);
    let names: Vec<_> =
        loaded.set_aside.iter().map(|(path, _)| path.file_name().expect("a name").to_string_lossy()).collect();
    let aside = ["cut", "empty", "later", "odd name", "unknown"].map(|name| format!("{name}.json.corrupt-1"));
    assert_eq!(names, aside);
    assert!(loaded.set_aside[2].1.contains("format 2"), "{:?}", loaded.set_aside);
    assert!(loaded.set_aside.iter().all(|(path, _)| path.exists()));
    assert!(!rooms.join(".unfinished-x").exists() && rooms.join("README").exists());
}

#[test]
fn a_second_corrupt_file_does_not_replace_the_first() {
    let folder = folder();
    for content in ["one", "two"] {
        let rooms = folder.path().join("rooms");
        fs::create_dir_all(&rooms).expect("a folder");
        fs::write(rooms.join("weekly.json"), content).expect("written");
        let (_store, loaded) = FolderStore::open(folder.path()).expect("opens");
        assert_eq!(loaded.set_aside.len(), 1);
    }
    for (number, content) in [(1, "one"), (2, "two")] {
        let path = folder.path().join(format!("rooms/weekly.json.corrupt-{number}"));
        assert_eq!(fs::read_to_string(path).expect("kept"), content);
    }
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let folder = folder();
    let (store, _) = FolderStore::open(folder.path()).expect("opens");
    store.put_room(&room("weekly"), &document()).expect("kept");
    let rooms = folder.path().join("rooms");
    let before = fs::read(rooms.join("weekly.json")).expect("text");
    // A folder in the file's place cannot be replaced by a file, whoever runs this test.
    fs::create_dir(rooms.join("blocked.json")).expect("a folder");
    let error = store.put_room(&room("blocked"), &document()).expect_err("refused");
    assert!(error.to_string().contains("blocked.json"), "{error}");
    assert_eq!(fs::read(rooms.join("weekly.json")).expect("text"), before);
    let left = fs::read_dir(&rooms).expect("a folder").count();
    assert_eq!(left, 2, "nothing unfinished is left behind");
}

/// As large as templates come: every arrangement with every place, in few bytes each.
fn large_template() -> Template {
    let rect = serde_json::json!({"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "cast": ["joined"]});
    let places = vec![rect; MAX_PLACES];
    let arrangements = vec![serde_json::json!({"places": places}); MAX_ARRANGEMENTS];
    serde_json::from_value(serde_json::json!({"arrangements": arrangements})).expect("a template")
}

#[test]
fn whatever_was_kept_reads_again_however_large_its_indentation_is() {
    let folder = folder();
    let (store, _) = FolderStore::open(folder.path()).expect("opens");
    let name: TemplateName = "large".parse().expect("a name");
    let templates = Templates::new(Vec::new(), Vec::new());
    for _ in 0..20 {
        templates.put(name.clone(), templates.next(&name, large_template()));
    }
    let kept = templates.kept(&name).expect("stored");
    let indented = serde_json::to_vec_pretty(&StoredTemplate::from(&kept)).expect("JSON");
    assert!(indented.len() > MAX_FILE_BYTES && kept.earlier.len() > 8, "{} bytes", indented.len());
    store.put_template(&name, &kept).expect("kept");
    drop(store);
    let (_store, loaded) = FolderStore::open(folder.path()).expect("opens again");
    assert_eq!(loaded.set_aside, []);
    assert!(loaded.templates == [(name, kept)]);
}

#[test]
fn what_could_not_be_read_again_is_refused() {
    let folder = folder();
    let (store, _) = FolderStore::open(folder.path()).expect("opens");
    store.put_room(&room("weekly"), &document()).expect("kept");
    let mut large = document();
    large.participants.values_mut().for_each(|alice| alice.name = Some("愛".repeat(MAX_FILE_BYTES / 3)));
    let error = store.put_room(&room("weekly"), &large).expect_err("refused");
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    drop(store);
    let (_store, loaded) = FolderStore::open(folder.path()).expect("opens again");
    assert_eq!(loaded.rooms, [(room("weekly"), document())]);
}
