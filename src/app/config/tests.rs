//! Configuration tests: precedence, defaults and faults of settings.

use std::{collections::BTreeMap, fs};

use clap::{CommandFactory, Parser};

use super::*;

fn args(words: &[&str]) -> ServeArgs {
    let words = ["tilecast", "serve"].iter().chain(words);
    match Cli::try_parse_from(words).expect("a command line").command {
        Command::Serve(args) => *args,
        other => panic!("{other:?}"),
    }
}

pub(super) fn load(words: &[&str], variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Config::load(&args(words), |name| variables.get(name).map(|value| (*value).to_owned()))
}

pub(super) fn faults(words: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    load(words, variables).expect_err("faults").0
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn with_nothing_said_this_machine_alone_is_served() {
    let config = load(&[], &[("HOME", "/home/me")]).expect("defaults");
    assert_eq!(config.http.to_string(), "127.0.0.1:8080");
    assert_eq!(config.rtmp.to_string(), "127.0.0.1:1935");
    assert_eq!(config.webrtc.to_string(), "127.0.0.1:8189");
    assert!(config.public_address.is_empty());
    assert_eq!(config.state, Path::new("/home/me/.local/state/tilecast"));
    assert!(config.api_keys.is_empty() && config.allow_address.is_empty() && config.layouts.is_empty());
    assert_eq!(config.allowance, Allowance::REQUESTS);
    assert_eq!((config.log_format, config.log.as_str()), (LogFormat::Text, "info"));
}

#[test]
fn state_goes_where_services_and_users_expect_it() {
    let state = |variables: &[(&str, &str)]| load(&[], variables).expect("sound").state;
    assert_eq!(state(&[]), Path::new("/var/lib/tilecast"));
    assert_eq!(state(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]), Path::new("/x/tilecast"));
    assert_eq!(state(&[("HOME", "/h"), ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")]), Path::new("/var/lib/a"));
    assert_eq!(state(&[("HOME", "/h"), ("TILECAST_STATE", "/t")]), Path::new("/t"));
}

#[test]
fn command_line_before_environment_before_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tilecast.toml");
    let text = "http = \"127.0.0.1:1\"\nrtmp = \"127.0.0.1:2\"\nlog = \"warn\"\nrate_burst = 7\n\
        allow_address = [\"10.0.0.0/8\", \"192.0.2.7\"]\napi_keys = [\"file-key-0123456789\"]\n";
    fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text");
    let variables = [
        ("TILECAST_CONFIG", path),
        ("TILECAST_HTTP", "127.0.0.1:3"),
        ("TILECAST_RTMP", "127.0.0.1:4"),
        ("TILECAST_LOG", ""),
    ];
    let config = load(&["--http", "127.0.0.1:5"], &variables).expect("sound");
    assert_eq!([config.http.port(), config.rtmp.port()], [5, 4]);
    assert_eq!(config.log, "warn", "an empty variable is not set");
    assert_eq!(config.allowance.burst.get(), 7);
    assert_eq!(config.allow_address, ["10.0.0.0/8", "192.0.2.7/32"].map(|range| range.parse().expect("a range")));
    assert_eq!(config.api_keys, [Secret::new("file-key-0123456789")]);
    let keys = [("TILECAST_CONFIG", path), ("TILECAST_API_KEYS", "one-key-0123456789, two-key-0123456789")];
    assert_eq!(load(&[], &keys).expect("sound").api_keys.len(), 2);
    let config = load(&["--api-key", "args-key-0123456789", "--http", "0.0.0.0:80"], &keys).expect("sound");
    assert_eq!(config.api_keys, [Secret::new("args-key-0123456789")]);
}

#[test]
fn a_variable_of_commas_alone_does_not_hide_what_the_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tilecast.toml");
    fs::write(&path, "api_keys = [\"file-key-0123456789\"]\n").expect("written");
    let path = path.to_str().expect("text");
    for variable in ["TILECAST_API_KEYS", "TILECAST_ALLOW_ADDRESS", "TILECAST_PUBLIC_ADDRESS", "TILECAST_ICE_SERVER"] {
        for text in [",", " ", " , ,"] {
            let found = faults(&[], &[("TILECAST_CONFIG", path), (variable, text)]);
            let told = format!("{variable}: there is nothing between its commas");
            assert!(found.len() == 1 && found[0].starts_with(&told), "{found:?}");
        }
    }
}

#[test]
fn every_fault_is_told_at_once_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tilecast.toml");
    fs::write(&path, "htpp = \"127.0.0.1:1\"\nlog = 7\nrate_burst = 0\nallow_address = \"10.0.0.0/8\"\n")
        .expect("written");
    let layouts = folder.path().join("layouts");
    fs::create_dir(&layouts).expect("a folder");
    fs::write(layouts.join("mine.json"), "{\"arrangements\": [], \"colour\": 1}").expect("written");
    fs::write(layouts.join("layout.schema.json"), "{}").expect("written");
    let words = [
        "--config",
        path.to_str().expect("text"),
        "--http",
        "8080",
        "--rtmp",
        "0.0.0.0:1935",
        "--layouts",
        layouts.to_str().expect("text"),
        "--pipelines",
        "/nowhere",
    ];
    let found = faults(&words, &[("TILECAST_LOG_FORMAT", "xml")]);
    for part in [
        "there is no setting \"htpp\"",
        "tilecast.toml: log: write log = \"...\"",
        "tilecast.toml: rate_burst: \"0\" is not a whole number",
        "tilecast.toml: allow_address: write allow_address = [",
        "--http: \"8080\" is not an address to listen on",
        "rtmp: 0.0.0.0:1935 can be reached from other machines, but no API key is configured",
        "layouts: ",
        "mine.json: ",
        "pipelines: ",
        "TILECAST_LOG_FORMAT: \"xml\" is not a log format",
    ] {
        assert!(found.iter().any(|fault| fault.contains(part)), "{part} is not in {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
}

#[test]
fn browsers_must_be_told_where_to_go() {
    let key = ["--api-key", "0123456789abcdef"];
    let with = |words: &[&'static str]| [&key[..], words].concat();
    let found = faults(&with(&["--webrtc", "0.0.0.0:8189"]), &[]);
    assert!(found.iter().any(|fault| fault.contains("--public-address IP")), "{found:?}");
    let config = load(
        &with(&["--webrtc", "[::]:8189", "--public-address", "203.0.113.7", "--public-address", "2001:db8::7"]),
        &[],
    );
    assert_eq!(config.expect("sound").public_address.len(), 2);
    for (words, part) in [
        (
            &["--public-address", "2001:db8::7"][..],
            "public_address: 2001:db8::7 is IPv6, but webrtc listens on 127.0.0.1:8189",
        ),
        (&["--public-address", "0.0.0.0"], "is not an address that browsers could reach"),
        (&["--ice-server", "turn:turn.example"], "ice_server: a TURN server lets nobody in without credentials"),
        (&["--turn-secret", "north"], "turn_secret: there is no TURN server"),
        (&["--ice-server", "http://turn.example"], "is not a STUN or TURN server"),
    ] {
        let found = faults(words, &[]);
        assert!(found.len() == 1 && found[0].contains(part), "{part} is not in {found:?}");
    }
    let variables = [("TILECAST_ICE_SERVER", "stun:stun.example,turn:turn.example"), ("TILECAST_TURN_SECRET", "north")];
    assert!(load(&[], &variables).is_ok());
}

#[test]
fn a_file_that_does_not_read_is_told_without_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tilecast.toml");
    let text = path.to_str().expect("text");
    assert!(faults(&["--config", text], &[])[0].contains("cannot be read"));
    fs::write(&path, "log = \"info\"\napi_keys = [\"secret-0123456789\" \"x\"]\n").expect("written");
    let found = faults(&["--config", text], &[]);
    assert!(found[0].contains("line 2 is not TOML") && !found[0].contains("secret"), "{found:?}");
}

#[test]
fn the_layouts_that_come_with_us_read_as_a_folder_too() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/layouts");
    let config = load(&["--layouts", folder], &[]).expect("sound");
    assert!(config.layouts.iter().any(|(name, _)| name.as_str() == "grid"));
}

#[test]
fn a_layout_file_with_a_name_that_no_template_can_have_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("validate.json"), include_str!("../../../layouts/grid.json")).expect("written");
    let found = faults(&["--layouts", folder.path().to_str().expect("text")], &[]);
    assert!(found.len() == 1 && found[0].contains("choose another"), "{found:?}");
}
