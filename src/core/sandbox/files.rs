//! File access rules: Landlock (landlock(7)).

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

use super::{Files, Gap};

/// The newest version of the kernel's interface that is tested. An older kernel confines what it can.
const TRIED: ABI = ABI::V6;

/// Confines the calling thread, and the threads and processes it starts.
pub(super) fn confine(files: &Files) -> Result<(), Gap> {
    let status = restrict(files).map_err(|error| Gap::Files(error.to_string()))?;
    match status.landlock {
        LandlockStatus::Available { .. } => Ok(()),
        LandlockStatus::NotEnabled => Err(Gap::Files("Landlock is switched off".to_owned())),
        LandlockStatus::NotImplemented => Err(Gap::Files("there is no Landlock".to_owned())),
    }
}

fn restrict(files: &Files) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let load = AccessFs::from_read(TRIED);
    let device: BitFlags<AccessFs> = read | AccessFs::WriteFile | AccessFs::IoctlDev;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TRIED))?
        // No rule allows any of these: no TCP, no abstract sockets of others, no signals to others.
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))?
        .create()?
        // Missing paths are left out; they cannot be opened in any case.
        .add_rules(path_beneath_rules(&files.read, read))?
        .add_rules(path_beneath_rules(&files.load, load))?
        .add_rules(path_beneath_rules(&files.devices, device))?
        .restrict_self()
}
