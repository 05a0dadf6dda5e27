//! `CONTROL sim …`: the words that move the simulated host.

use std::str::FromStr;

use myriad_core::DomId;

use crate::options::DomidRange;

/// A command to the simulated host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `create DOMID[-DOMID]`
    Create(DomidRange),
    /// `shutdown DOMID`
    Shutdown(DomId),
    /// `crash DOMID`
    Crash(DomId),
    /// `resume DOMID`
    Resume(DomId),
    /// `destroy DOMID[-DOMID]`
    Destroy(DomidRange),
    /// `list`
    List,
}

/// What is wrong with a command to the simulated host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sim: use create|destroy DOMID[-DOMID], shutdown|crash|resume DOMID, or list")]
pub struct CommandError;

impl Command {
    /// Reads the words after `sim`.
    ///
    /// # Errors
    /// [`CommandError`], which says what would be right.
    pub fn parse(words: &[&str]) -> Result<Command, CommandError> {
        let range = |text| DomidRange::from_str(text).map_err(|_| CommandError);
        let single = |text| {
            range(text)
                .and_then(|r| if r.first == r.last { Ok(r.first) } else { Err(CommandError) })
        };
        match words {
            ["create", domids] => range(domids).map(Command::Create),
            ["destroy", domids] => range(domids).map(Command::Destroy),
            ["shutdown", domid] => single(domid).map(Command::Shutdown),
            ["crash", domid] => single(domid).map(Command::Crash),
            ["resume", domid] => single(domid).map(Command::Resume),
            ["list"] => Ok(Command::List),
            _ => Err(CommandError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_commands() {
        let range = DomidRange { first: DomId(1), last: DomId(20) };
        assert_eq!(Command::parse(&["create", "1-20"]), Ok(Command::Create(range)));
        assert_eq!(Command::parse(&["crash", "7"]), Ok(Command::Crash(DomId(7))));
        assert_eq!(Command::parse(&["resume", "7"]), Ok(Command::Resume(DomId(7))));
        assert_eq!(Command::parse(&["list"]), Ok(Command::List));
        let wrong: [&[&str]; 6] =
            [&[], &["create"], &["create", "x"], &["crash", "1-2"], &["list", "x"], &["boil", "1"]];
        for words in wrong {
            assert_eq!(Command::parse(words), Err(CommandError), "{words:?}");
        }
    }
}
