//! A history file that tests make: a store of their own, commit by commit, a second apart.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use myriad_history::file::{
    Author, CONTROL, Change, Commit, GapReason, Options, Perm, SnapshotNode, What, Writer, order,
};

/// 2026-11-20 12:00:00 UTC, in nanoseconds since 1970.
pub const BEGIN: u64 = 1_795_176_000 * SECOND;
pub const SECOND: u64 = 1_000_000_000;

/// Who changes things in tests.
pub const DOM0: Author =
    Author { domid: 0, instance: CONTROL, conn: 1, request: 1, transaction: 0, op: 11 };

/// A guest in a life of its own.
pub fn guest(domid: u16, instance: u64) -> Author {
    Author { domid, instance, conn: 7, request: 2, transaction: 0, op: 11 }
}

/// A permission such as `r5`, of the life 100 + 5 (control for domain 0).
pub fn perm(text: &str) -> Perm {
    let access = u8::try_from("nrwb".find(&text[..1]).unwrap()).unwrap();
    let domid: u16 = text[1..].parse().unwrap();
    let instance = if domid == 0 { CONTROL } else { 100 + u64::from(domid) };
    Perm { access, domid, instance }
}

pub fn perms(text: &str) -> Vec<Perm> {
    text.split(',').map(perm).collect()
}

/// What a commit does.
#[derive(Clone, Debug)]
pub enum Do<'a> {
    /// Writes a value, creating the node for this owner where it is missing (parents exist).
    Write(&'a str, &'a str),
    Chmod(&'a str, Vec<Perm>),
    Remove(&'a str),
    Note(&'a str, &'a str),
}

/// A path that sorts as the file wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key(String);

impl Ord for Key {
    fn cmp(&self, other: &Key) -> std::cmp::Ordering {
        order::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

pub struct Maker {
    writer: Writer,
    tree: BTreeMap<Key, (Vec<u8>, Vec<Perm>)>,
    pub seq: u64,
    pub generation: u64,
    pub at: u64,
}

impl Maker {
    /// A history of a store with nothing but a root, at generation 1.
    pub fn new(file: &Path) -> Maker {
        let writer = Writer::open(file, &Options::sized(1 << 20)).unwrap();
        let tree = BTreeMap::from([(Key("/".into()), (Vec::new(), perms("n0")))]);
        let mut maker = Maker { writer, tree, seq: 1, generation: 1, at: BEGIN };
        maker.snapshot();
        maker
    }

    fn snapshot(&mut self) {
        let nodes = self.tree.iter().map(|(path, (value, perms))| SnapshotNode {
            path: &path.0,
            value,
            perms,
            generation: 0,
        });
        self.writer.snapshot(self.seq, self.generation, self.at, nodes).unwrap();
    }

    /// One commit, a second after the last; gives its generation.
    pub fn commit(&mut self, author: Author, all: &[Do<'_>]) -> u64 {
        self.seq += 1;
        self.generation += 1;
        self.at += SECOND;
        let owner = if author.domid == 0 {
            perms("n0")
        } else {
            vec![Perm { access: 0, domid: author.domid, instance: author.instance }]
        };
        let mut changes = Vec::new();
        for one in all {
            let (path, what) = match one {
                Do::Write(path, value) => {
                    let key = Key((*path).into());
                    let value = value.as_bytes();
                    match self.tree.get_mut(&key) {
                        Some(node) => {
                            node.0 = value.to_vec();
                            (path, What::Written { value })
                        }
                        None => {
                            self.tree.insert(key, (value.to_vec(), owner.clone()));
                            (path, What::Created { value, perms: &owner })
                        }
                    }
                }
                Do::Chmod(path, perms) => {
                    self.tree.get_mut(&Key((*path).into())).unwrap().1 = perms.clone();
                    (path, What::Perms(perms))
                }
                Do::Remove(path) => {
                    self.tree.retain(|key, _| !order::is_within(&key.0, path));
                    (path, What::Removed)
                }
                Do::Note(path, text) => (path, What::Noted(text)),
            };
            changes.push(Change { author, generation: self.generation, path, what });
        }
        let (seq, generation, at) = (self.seq, self.generation, self.at);
        self.writer.append(&Commit { seq, generation, at, changes: &changes }).unwrap();
        if self.writer.wants_snapshot() {
            self.snapshot();
        }
        self.generation
    }

    /// The daemon was down from here on.
    pub fn gap(&mut self) {
        self.writer.gap(GapReason::Overrun, self.seq + 1, self.at).unwrap();
        self.seq += 10;
        self.generation += 10;
        self.snapshot();
    }

    /// What has been committed can be read from now on.
    pub fn flush(&mut self) {
        self.writer.flush().unwrap();
    }

    pub fn close(self) {
        self.writer.close().unwrap();
    }
}

/// A directory with a history file in it: a store with some VMs in which this and that happens.
///
/// Generation 2: `/local/domain/5` and its name, and the device 6 belongs to domain 5. From 3 to 12
/// the guest counts in `data`. 13: its name changes. 14: its device goes. 15: permissions.
pub struct Story {
    pub dir: tempfile::TempDir,
    pub file: PathBuf,
}

impl Story {
    pub fn new() -> Story {
        let story = Story::empty();
        let mut maker = Maker::new(&story.file);
        story.tell(&mut maker);
        maker.close();
        story
    }

    pub fn empty() -> Story {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history");
        Story { dir, file }
    }

    pub fn tell(&self, maker: &mut Maker) {
        let home = "/local/domain/5";
        maker.commit(
            DOM0,
            &[
                Do::Write("/local", ""),
                Do::Write("/local/domain", ""),
                Do::Write(home, ""),
                Do::Chmod(home, perms("n0,r5")),
                Do::Write("/local/domain/5/name", "web"),
                Do::Write("/local/domain/5/data", ""),
                Do::Chmod("/local/domain/5/data", perms("n5")),
                Do::Write("/local/domain/5/device", ""),
                Do::Write("/local/domain/5/device/vif", "two\nlines"),
            ],
        );
        for count in 3..=12 {
            let value = count.to_string();
            maker.commit(guest(5, 105), &[Do::Write("/local/domain/5/data", &value)]);
        }
        maker.commit(DOM0, &[Do::Write("/local/domain/5/name", "web-2")]);
        maker.commit(DOM0, &[Do::Remove("/local/domain/5/device")]);
        maker.commit(DOM0, &[Do::Chmod("/local/domain/5/name", perms("n0,r5,b6"))]);
    }

    /// The tool on this file. It ends by itself, or with code 124 when it hangs.
    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .arg("120")
            .arg(program)
            .args(args)
            .env("MYRIAD_HISTORY", &self.file)
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .env_remove("XENSTORED_PATH")
            .stdin(Stdio::null());
        command
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code, output and errors.
pub fn outcome(output: &Output) -> (i32, String, String) {
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
