//! What confinement came to: in this process, in another one, and what a kernel would offer.

use std::{fmt, fs};

use super::files;

/// What is in force in a process that is confined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InForce {
    /// Capabilities.
    pub capabilities: State,
    /// Which files can be opened.
    pub files: State,
    /// Which system calls can be made.
    pub calls: State,
}

/// One kind of confinement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there: what is left.
    There(String),
    /// It isn't: why.
    Missing(String),
}

impl InForce {
    /// Each kind, with its name.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &State); 3] {
        let InForce { capabilities, files, calls } = self;
        [("capabilities", capabilities), ("files", files), ("system calls", calls)]
    }

    /// In one line.
    #[must_use]
    pub fn short(&self) -> String {
        self.all().map(|(what, state)| format!("{what}: {state}")).join("; ")
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().into_iter().try_for_each(|(what, state)| writeln!(f, "{what:<12} {state}"))
    }
}

impl State {
    pub(super) fn of<T>(done: Result<T, String>, what_is_left: impl FnOnce(T) -> String) -> State {
        done.map_or_else(State::Missing, |left| State::There(what_is_left(left)))
    }

    /// Whether this kind is in force.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self, State::There(_))
    }

    /// In force is what is so in both of two threads.
    pub(super) fn and(self, other: State) -> State {
        if self.is_there() { other } else { self }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::There(left) => f.write_str(left),
            State::Missing(why) => write!(f, "not confined: {why}"),
        }
    }
}

/// What the kernel says of a process; landlock is not among it.
#[must_use]
pub fn of_process(pid: i32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    summary(&status)
}

fn summary(status: &str) -> Option<String> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim())
    };
    let calls = match field("Seccomp")? {
        "2" => "system calls are filtered",
        "0" => "system calls are not filtered",
        _ => "of system calls only the strictest few",
    };
    let capabilities = match u64::from_str_radix(field("CapEff")?, 16).ok()? {
        0 => "no capabilities".to_owned(),
        some => format!("{} capabilities", some.count_ones()),
    };
    let privileges = if field("NoNewPrivs")? == "1" { "none" } else { "some" };
    Some(format!("{calls}, {capabilities}, {privileges} can be gained"))
}

/// What this kernel offers a daemon that confines itself.
#[must_use]
pub fn offered() -> String {
    let files = match files::offered() {
        Some(abi) => format!("landlock {abi}"),
        None => "no landlock (files stay open to it; see lsm= of the kernel)".to_owned(),
    };
    // The file is there since Linux 4.14.
    let calls = match fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail") {
        Ok(actions) if actions.split_whitespace().any(|action| action == "errno") => "seccomp",
        _ => "no seccomp (all system calls stay)",
    };
    format!("{files}, {calls}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_a_process_is_put_in_words() {
        let status = "Name:\tx\nCapEff:\t000001fffeffffff\nNoNewPrivs:\t0\nSeccomp:\t0\n";
        let text = "system calls are not filtered, 40 capabilities, some can be gained";
        assert_eq!(summary(status).as_deref(), Some(text));
        let status = "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        let text = "system calls are filtered, no capabilities, none can be gained";
        assert_eq!(summary(status).as_deref(), Some(text));
        assert_eq!(summary("Name:\tx\n"), None);
        assert!(of_process(i32::try_from(std::process::id()).unwrap()).is_some());
    }

    #[test]
    fn in_force_is_what_is_so_in_both_threads() {
        let (there, missing) = (State::There("a".into()), State::Missing("b".into()));
        assert_eq!(there.clone().and(missing.clone()), missing);
        assert_eq!(missing.clone().and(there.clone()), missing);
        assert_eq!(there.clone().and(there.clone()), there);
    }

    #[test]
    fn each_kind_has_a_line() {
        let in_force = InForce {
            capabilities: State::There("none".into()),
            files: State::Missing("no landlock".into()),
            calls: State::There("90".into()),
        };
        let text = "capabilities none\nfiles        not confined: no landlock\nsystem calls 90\n";
        assert_eq!(in_force.to_string(), text);
        assert!(in_force.short().contains("files: not confined"));
    }
}
