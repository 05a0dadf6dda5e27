//! Landlock: which files the calling thread may open, make and remove.
//!
//! What is open already stays usable. A rule is of a directory with all that is below it, or of a
//! single file; paths that don't exist have none. All that landlock of ABI 6 (Linux 6.12) can
//! refuse is refused; older kernels refuse less of it, and that is said.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};

use super::Needs;

/// Rules that are ready to be put upon a thread.
#[derive(Debug)]
pub(super) struct Files {
    ruleset: RulesetCreated,
    rules: usize,
}

impl Files {
    /// Makes the rules. The paths are looked at now.
    pub(super) fn prepare(needs: &Needs) -> Result<Files, String> {
        if offered().is_none() {
            return Err("the kernel has no landlock (CONFIG_SECURITY_LANDLOCK, and `landlock` \
                        among lsm=)"
                .to_owned());
        }
        let ruleset = create(needs).map_err(said)?;
        let mut files = Files { ruleset, rules: 0 };
        for dir in &needs.own {
            files.allow(dir, OWN).map_err(said)?;
        }
        for path in &needs.removed {
            files.allow_directory(path, AccessFs::RemoveFile.into()).map_err(said)?;
        }
        for path in &needs.logs {
            // A pipe or a terminal is opened again; only a file is ever renamed and made anew.
            match std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
                true => files.allow_directory(path, LOGS),
                false => files.allow(path, AccessFs::WriteFile.into()),
            }
            .map_err(said)?;
        }
        for dir in &needs.log_dirs {
            files.allow(dir, LOGS).map_err(said)?;
        }
        for path in &needs.devices {
            files.allow(path, DEVICES).map_err(said)?;
        }
        Ok(files)
    }

    /// The same rules, for another thread.
    pub(super) fn try_clone(&self) -> Result<Files, String> {
        let ruleset = self.ruleset.try_clone().map_err(|error| error.to_string())?;
        Ok(Files { ruleset, rules: self.rules })
    }

    /// Puts them upon the calling thread; says what that came to.
    pub(super) fn restrict(self) -> Result<String, String> {
        let rules = self.rules;
        let abi = offered().unwrap_or_default();
        match self.ruleset.restrict_self().map_err(said)?.ruleset {
            RulesetStatus::FullyEnforced => Ok(format!("below {rules} places alone (landlock)")),
            RulesetStatus::PartiallyEnforced => Ok(format!(
                "below {rules} places alone (landlock {abi}, which can't refuse all that later \
                 ones can)"
            )),
            RulesetStatus::NotEnforced => Err("landlock enforces nothing here".to_owned()),
        }
    }

    /// Allows something in the directory that a file lies in, but not in the root: then only with
    /// the file that is there.
    fn allow_directory(
        &mut self,
        path: &Path,
        access: BitFlags<AccessFs>,
    ) -> Result<(), RulesetError> {
        match path.parent().filter(|dir| dir.parent().is_some()) {
            Some(dir) => self.allow(dir, access),
            None => self.allow(path, access & AccessFs::from_file(NEWEST)),
        }
    }

    fn allow(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        // What doesn't exist can't be allowed: then it can't be opened later, either.
        let Ok(place) = PathFd::new(path) else { return Ok(()) };
        if !access.is_empty() {
            (&mut self.ruleset).add_rule(PathBeneath::new(place, access))?;
            self.rules += 1;
        }
        Ok(())
    }
}

/// The ABI of the kernel's landlock, as far as it is used here; none where it has none.
pub(super) fn offered() -> Option<i32> {
    let known = [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1];
    let has = |abi: &ABI| {
        let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let handled = strict.handle_access(AccessFs::from_all(*abi));
        // What V6 has more than V5, and V4 more than V3, is not of files.
        let handled = match abi {
            ABI::V6 => handled.and_then(|ruleset| ruleset.scope(Scope::from_all(*abi))),
            ABI::V4 => handled.and_then(|ruleset| ruleset.handle_access(AccessNet::BindTcp)),
            _ => handled,
        };
        handled.and_then(Ruleset::create).is_ok()
    };
    known.into_iter().find(has).map(|abi| abi as i32)
}

/// Rules that allow nothing.
fn create(needs: &Needs) -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?;
    let scope = match needs.abstract_sockets {
        true => Scope::Signal.into(),
        false => Scope::from_all(NEWEST),
    };
    ruleset.scope(scope)?.create()
}

fn said(error: RulesetError) -> String {
    error.to_string()
}

/// The newest ABI that this was tried with: what a later one can refuse is not refused.
const NEWEST: ABI = ABI::V6;
/// What the daemon does in directories of its own.
const OWN: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | WriteFile | ReadDir | RemoveFile | MakeDir | MakeReg | MakeSock | Truncate
});
/// What it does where logs lie: it appends, and reads nothing.
const LOGS: BitFlags<AccessFs> = make_bitflags!(AccessFs::{WriteFile | MakeReg});
/// What it does with devices.
const DEVICES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile | IoctlDev});
