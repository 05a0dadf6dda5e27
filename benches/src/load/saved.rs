//! Reports that earlier runs have written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Role, report::Report};

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// it can't be read
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// it is not what `myriad-load --out` writes
    #[error("{path} is not what myriad-load --out writes")]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// One file's report.
///
/// # Errors
/// [`SavedError`].
pub fn read(path: &Path) -> Result<Report, SavedError> {
    let form = || SavedError::Form { path: path.to_owned() };
    let text = fs::read_to_string(path)
        .map_err(|source| SavedError::Read { path: path.to_owned(), source })?;
    let document: Value = serde_json::from_str(&text).map_err(|_| form())?;
    let peers = document.get("peers").and_then(Value::as_array).ok_or_else(form)?;
    let name = |peer: &Value| Some(peer.get("name")?.as_str()?.to_owned());
    let peers = peers.iter().map(name).collect::<Option<Vec<_>>>().ok_or_else(form)?;
    let figures = document.get("figures").ok_or_else(form)?;
    Report::from_json(peers, figures).ok_or_else(form)
}

/// All of them as one: rounds of the same figure of the same scenario are put together. Rivals come
/// first, floors last.
///
/// # Errors
/// [`SavedError`].
pub fn read_all(paths: &[PathBuf]) -> Result<Report, SavedError> {
    let reports = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut peers: Vec<String> = Vec::new();
    for role in [Role::Rival, Role::Ours, Role::Floor] {
        for peer in reports.iter().flat_map(Report::peers).filter(|p| Role::of(p) == role) {
            if !peers.contains(peer) {
                peers.push(peer.clone());
            }
        }
    }
    let mut all = Report::new(peers);
    reports.iter().for_each(|report| all.append(report));
    Ok(all)
}
