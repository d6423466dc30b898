//! Stored prices (calibration cache): kept in the state folder, valid for this program on this machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{machine::Machine, measure};
use crate::{base::tasks::Tasks, cost::Prices, front::room::Ledger};

/// File in the state folder.
const FILE: &str = "prices.json";

/// Largest file read, bytes.
const MAX_FILE: u64 = 64 << 10;

/// How often it is checked whether there are no rooms, so that measuring disturbs nobody.
const LOOK: Duration = Duration::from_secs(10);

/// How often it is checked whether a room has come meanwhile, which ends the measurement.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Wait before the next attempt after a failed measurement, for example on a busy machine. Meanwhile rooms are admitted
/// by the reference's prices, which is no problem.
const AGAIN: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: String,
    cpu: String,
    prices: Prices,
}

/// Gives admission this machine's prices: the stored ones if there are any, otherwise the result of a measurement in
/// the background.
pub fn in_background(state: &Path, ledger: Ledger, tasks: &Tasks) {
    let (path, cpu) = (state.join(FILE), Machine::here().cpu);
    if let Some(prices) = read(&path, &cpu) {
        ledger.set_prices(prices);
        return;
    }
    let stopping = tasks.token();
    tasks.spawn("calibrate", async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = find(path, cpu, ledger) => {}
        }
    });
}

async fn find(path: PathBuf, cpu: String, ledger: Ledger) {
    loop {
        tokio::time::sleep(LOOK).await;
        if !ledger.is_empty() {
            continue;
        }
        let measured = tokio::select! {
            measured = measure() => measured,
            () = somebody_comes(&ledger) => continue,
        };
        match measured {
            Ok(prices) => {
                tracing::info!("this machine was measured; tilecast calibrate shows what work costs on it");
                ledger.set_prices(prices.clone());
                if let Err(error) = write(&path, &Kept { version: version(), cpu, prices }) {
                    tracing::warn!(path = %path.display(), "the machine's prices cannot be kept: {error}");
                }
                return;
            }
            Err(error) => tracing::info!("this machine was not measured, which is tried again later: {error:#}"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn somebody_comes(ledger: &Ledger) {
    while ledger.is_empty() {
        tokio::time::sleep(LOOK_UP).await;
    }
}

/// Keeps prices for the server with this state folder.
///
/// # Errors
/// When the folder cannot be written.
pub fn keep(state: &Path, prices: &Prices) -> io::Result<()> {
    write(&state.join(FILE), &Kept { version: version(), cpu: Machine::here().cpu, prices: prices.clone() })
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The stored prices, if they are of this program and machine. Otherwise the machine is measured again.
fn read(path: &Path, cpu: &str) -> Option<Prices> {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= MAX_FILE);
    let kept: Kept = small.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok()).flatten()?;
    (kept.version == version() && kept.cpu == cpu && kept.prices.are_sane()).then_some(kept.prices)
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, kept)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_kept_for_this_program_on_this_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        assert!(read(&path, "x").is_none());
        let prices = Prices { decode: 3.0, ..Prices::reference() };
        let kept = |version| Kept { version, cpu: "x".to_owned(), prices: prices.clone() };
        write(&path, &kept(version())).expect("written");
        assert_eq!(read(&path, "x"), Some(prices.clone()));
        assert_eq!(read(&path, "another"), None);
        write(&path, &kept("0.0.0".to_owned())).expect("written");
        assert_eq!(read(&path, "x"), None);
        fs::write(&path, "{").expect("written");
        assert_eq!(read(&path, "x"), None);
    }
}
