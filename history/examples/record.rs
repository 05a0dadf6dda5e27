//! A toolstack that records the history of a tree of its own.
//!
//! ```sh
//! cargo run -p myriad-history --example record -- /tmp/example.history
//! cargo run -p myriad-history --example walk -- /tmp/example.history
//! ```
//!
//! Each run adds to the file what the last one left.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use myriad_history::file::{
    Author, CONTROL, Change, Commit, History, Options, Perm, SnapshotNode, What, Writer,
};

/// A node's value and the generation of its last change. Plain byte order is path order as long as
/// no name has a character below `/`.
type Tree = BTreeMap<String, (Vec<u8>, u64)>;

/// All is the control domain's.
const PERMS: &[Perm] = &[Perm { access: 0, domid: 0, instance: CONTROL }];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("record FILE")?;
    let path = Path::new(&path);
    let mut writer = Writer::open(path, &Options::sized(1 << 20))?;
    // Generations go on after those in the file, and the tree is what it was.
    let (mut seq, mut generation, _) = writer.last().unwrap_or_default();
    let mut tree = Tree::new();
    let last = History::open(path)?;
    if let Some(newest) = last.versions().last() {
        for (path, node) in last.tree(newest.generation)?.iter() {
            tree.insert(path.to_owned(), (node.value.to_vec(), node.generation));
        }
    }
    drop(last);

    for count in 0..1000u32 {
        // A segment is to begin: with all nodes, right after the last commit.
        if writer.wants_snapshot() {
            let nodes = tree.iter().map(|(path, (value, generation))| SnapshotNode {
                path,
                value,
                perms: PERMS,
                generation: *generation,
            });
            writer.snapshot(seq, generation, now(), nodes)?;
        }
        (seq, generation) = (seq + 1, generation + 1);
        let (path, value) = (format!("/counter-{}", count % 7), count.to_string().into_bytes());
        let new = !tree.contains_key(&path);
        tree.insert(path.clone(), (value.clone(), generation));
        let author = Author { instance: CONTROL, ..Author::default() };
        let what = match new {
            true => What::Created { value: &value, perms: PERMS },
            false => What::Written { value: &value },
        };
        let change = Change { author, generation, path: &path, what };
        writer.append(&Commit { seq, generation, at: now(), changes: &[change] })?;
        // What waits long enough is written, and what a second, a minute … came to.
        writer.tick(now())?;
    }
    writer.close()?;
    println!("{} versions", History::open(path)?.versions().len());
    Ok(())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
