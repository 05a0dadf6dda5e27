//! Why `myriad` fails, and by which exit code.

use std::io;

use myriad_ring::client::Error;

use crate::sim::machine::MachineError;

use super::{
    compat::Fault,
    history::PastError,
    sim::{SimError, Wrong},
    stream::StreamFailure,
};

/// A failure. Its number is its exit code, and part of the tool's interface: never renumber.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// an answer of "no", which needs no message
    #[error("no")]
    False,
    /// what was looked for is not there
    #[error("{0}")]
    NotFound(String),
    /// the command line is not valid
    #[error("{0}; see --help")]
    Usage(String),
    /// the daemon, or the way to it
    #[error(transparent)]
    Client(#[from] Error),
    /// a run of simulated guests
    #[error(transparent)]
    Sim(#[from] SimError),
    /// what is told of the past
    #[error(transparent)]
    Past(#[from] PastError),
    /// a migration stream
    #[error(transparent)]
    Stream(StreamFailure),
    /// the output
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::False | Failure::NotFound(_) => 1,
            Failure::Usage(_) | Failure::Client(Error::Nul { .. } | Error::TooLong { .. }) => 2,
            Failure::Sim(SimError::Wrong(_) | SimError::Silent { .. }) => 1,
            Failure::Sim(SimError::Usage(_)) => 2,
            Failure::Sim(SimError::Client(Error::Unreachable { .. }))
            | Failure::Client(Error::Unreachable { .. }) => 3,
            Failure::Sim(SimError::Machine(MachineError::Io(_))) => 3,
            Failure::Sim(
                SimError::Limit(_) | SimError::Client(Error::Refused { .. }) | SimError::Machine(_),
            ) => 4,
            Failure::Sim(_) => 5,
            Failure::Client(Error::Contended { .. }) => 6,
            Failure::Client(error) if error.is_not_found() => 1,
            Failure::Client(
                Error::Refused { .. } | Error::Declined { .. } | Error::Unlistable { .. },
            ) => 4,
            Failure::Client(_) => 5,
            Failure::Past(error) => error.code(),
            Failure::Stream(_) => 8,
            Failure::Output(_) => 7,
        }
    }

    /// The answer that was wrong, where one was.
    pub(crate) fn wrong(&self) -> Option<&Wrong> {
        match self {
            Failure::Sim(error) => error.wrong(),
            _ => None,
        }
    }

    /// The protocol's name of the error, where the daemon gave one.
    pub(crate) fn errno(&self) -> Option<&'static str> {
        match self {
            Failure::Client(error) => error.errno().map(myriad_core::Errno::name),
            _ => None,
        }
    }
}

impl From<StreamFailure> for Failure {
    fn from(failure: StreamFailure) -> Failure {
        match failure {
            StreamFailure::Output(error) => Failure::Output(error),
            other => Failure::Stream(other),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Output(error) => Failure::Output(error),
            Fault::Unlistable(_, error) => Failure::Client(error),
            Fault::Die(says) => Failure::Usage(String::from_utf8_lossy(&says).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_core::Errno;
    use myriad_history::file::OpenError;
    use myriad_ring::v1::Op;

    #[test]
    fn exit_codes_are_stable() {
        let refused =
            |errno| Failure::from(Error::Refused { op: Op::Read, subject: "/".into(), errno });
        let broken = io::Error::from(io::ErrorKind::BrokenPipe);
        let table = [
            (Failure::False, 1),
            (Failure::NotFound("x".into()), 1),
            (refused(Errno::ENOENT), 1),
            (Failure::Usage("x".into()), 2),
            (Error::Unreachable { path: "/".into(), source: broken }.into(), 3),
            (refused(Errno::EACCES), 4),
            (Error::Broken.into(), 5),
            (Error::Contended { attempts: 1 }.into(), 6),
            (io::Error::from(io::ErrorKind::StorageFull).into(), 7),
            (PastError::Unknown("x".into()).into(), 1),
            (PastError::Search("x".into()).into(), 2),
            (PastError::Open(OpenError::NotHistory("x".into())).into(), 8),
            (PastError::Program("x".into()).into(), 9),
        ];
        for (failure, code) in table {
            assert_eq!(failure.code(), code, "{failure}");
        }
    }
}
