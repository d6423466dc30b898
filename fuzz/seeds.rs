//! Writes the seeds of every fuzz target into a folder each below the one that is named.

#[path = "untrusted.rs"]
#[allow(dead_code)]
mod untrusted;

#[path = "entries.rs"]
#[allow(dead_code)]
mod entries;

fn main() -> std::io::Result<()> {
    let folder = std::path::PathBuf::from(std::env::args_os().nth(1).expect("seeds FOLDER"));
    let untrusted = untrusted::ENTRIES.iter().map(|(name, _)| (*name, untrusted::seeds(name)));
    let session = entries::session();
    let rtmp = [
        ("accept", vec![session.clone()]),
        ("chunks", vec![[&[7], &session[..]].concat()]),
        ("amf0", vec![]),
        ("flv", vec![]),
    ];
    for (name, seeds) in untrusted.chain(rtmp) {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed{number}")), seed)?;
        }
    }
    Ok(())
}
