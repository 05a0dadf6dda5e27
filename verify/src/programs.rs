//! The programs that tests run: Debian's, unpacked by `verify/peers/setup.sh`, and our own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::peer::{PeerError, at};

/// The folder with Debian's programs and the shim, set up if it isn't yet.
///
/// # Errors
/// [`PeerError::Setup`].
pub fn peers() -> Result<PathBuf, PeerError> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match std::env::var_os("MYRIAD_PEERS") {
        Some(folder) => PathBuf::from(folder),
        None => here.join("../target/peers"),
    };
    let status = Command::new(here.join("peers/setup.sh"))
        .arg(&folder)
        .stdout(Stdio::null())
        .status()
        .map_err(at("running verify/peers/setup.sh"))?;
    if !status.success() {
        return Err(PeerError::Setup);
    }
    folder.canonicalize().map_err(at("opening the folder of peers"))
}

/// One of Debian's programs, such as `usr/bin/xenstore-ls`, ready to run against `socket`.
///
/// # Errors
/// [`PeerError`].
pub fn debian_program(program: &str, socket: &Path) -> Result<Command, PeerError> {
    let peers = peers()?;
    let mut command = Command::new(peers.join("root").join(program));
    command.env("LD_LIBRARY_PATH", libraries(&peers)?).env("XENSTORED_PATH", socket);
    Ok(command)
}

/// Our daemon, built in this profile; `MYRIAD_XENSTORED` may name another file.
///
/// # Errors
/// [`PeerError::Build`].
pub fn xenstored() -> Result<PathBuf, PeerError> {
    myriad_program("xenstored", "MYRIAD_XENSTORED")
}

/// The same, which ends itself where `MYRIAD_FAILPOINT` says; built in a folder of its own.
/// `MYRIAD_XENSTORED_FAILPOINTS` may name another file.
///
/// # Errors
/// [`PeerError::Build`].
pub fn xenstored_with_failpoints() -> Result<PathBuf, PeerError> {
    if let Some(program) = std::env::var_os("MYRIAD_XENSTORED_FAILPOINTS") {
        return Ok(PathBuf::from(program));
    }
    let profile = profile()?;
    let target = profile.parent().unwrap_or(Path::new(".")).join("failpoints");
    let target = target.to_string_lossy();
    let options = ["--features", "myriad-history/failpoints", "--target-dir", &target];
    build("xenstored", &profile, &options)?;
    Ok(Path::new(&*target).join(profile.file_name().unwrap_or_default()).join("xenstored"))
}

/// A program of package `myriad`, built in this profile; `variable` may name another file.
pub(crate) fn myriad_program(name: &str, variable: &str) -> Result<PathBuf, PeerError> {
    if let Some(program) = std::env::var_os(variable) {
        return Ok(PathBuf::from(program));
    }
    let profile = profile()?;
    build(name, &profile, &[])?;
    Ok(profile.join(name))
}

/// The folder of the programs of this profile.
fn profile() -> Result<PathBuf, PeerError> {
    let this = std::env::current_exe().map_err(at("finding this program"))?;
    let mut folders = this.ancestors().skip(1);
    let folder = folders.find(|f| !f.ends_with("deps") && !f.ends_with("examples"));
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

/// The folder with what C programs link, built in this profile: `libmyriad.so`, and
/// `xenstore/libxenstore.so.4`.
///
/// # Errors
/// [`PeerError::Build`].
pub fn c_libraries() -> Result<PathBuf, PeerError> {
    let profile = profile()?;
    cargo_build(&profile, &["-p", "myriad-c"])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ring/c/link.sh");
    match Command::new(script).arg(&profile).status() {
        Ok(status) if status.success() => Ok(profile),
        _ => Err(PeerError::Build),
    }
}

fn build(name: &str, profile: &Path, options: &[&str]) -> Result<(), PeerError> {
    cargo_build(profile, &[&["-p", "myriad", "--bin", name], options].concat())
}

fn cargo_build(profile: &Path, options: &[&str]) -> Result<(), PeerError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "-q"]).args(options).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(PeerError::Build),
    }
}

/// Where Xen's libraries are.
pub(crate) fn libraries(peers: &Path) -> Result<PathBuf, PeerError> {
    let folders = peers.join("root/usr/lib").read_dir().map_err(at("finding Xen's libraries"))?;
    let wanted = |f: &PathBuf| f.to_string_lossy().ends_with("-linux-gnu");
    folders.flatten().map(|f| f.path()).find(wanted).ok_or(PeerError::Setup)
}
