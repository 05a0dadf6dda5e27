//! A toolstack that opens a history file and walks it: no daemon is needed.
//!
//! ```sh
//! cargo run -p myriad-history --example walk -- /var/lib/xenstored/history /local/domain/5
//! ```

use std::error::Error;
use std::path::Path;

use myriad_history::file::{History, OwnedWhat};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), top) = (args.next(), args.next().unwrap_or_else(|| "/".to_owned())) else {
        return Err("walk FILE [PATH]".into());
    };
    let history = History::open(Path::new(&file))?;
    let versions = history.versions();
    let (Some(oldest), Some(newest)) = (versions.first(), versions.last()) else {
        println!("nothing yet");
        return Ok(());
    };
    println!("{} versions, {} to {}", versions.len(), oldest.generation, newest.generation);
    for gap in history.gaps() {
        println!("missing from publication {} to {}: {:?}", gap.from_seq, gap.to_seq, gap.reason);
    }

    println!("\nThe last changes below {top}:");
    for change in history.changes_of(&top, true).take(10) {
        let (head, change) = change?;
        let what = match &change.what {
            OwnedWhat::Written { value } => format!("= {}", String::from_utf8_lossy(value)),
            OwnedWhat::Created { value, .. } => format!("new: {}", String::from_utf8_lossy(value)),
            OwnedWhat::Removed => "removed".to_owned(),
            OwnedWhat::Perms(perms) => format!("{} permissions", perms.len()),
            OwnedWhat::Noted(text) => text.clone(),
        };
        println!("{} domain {} {} {what}", head.generation, change.author.domid, change.path);
    }

    println!("\nWhat differs between the oldest version and the newest:");
    for difference in history.diff(oldest.generation, newest.generation, &top)?.iter().take(10) {
        let sign = match (&difference.before, &difference.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        println!("{sign} {}", difference.path);
    }

    let tree = history.tree(newest.generation)?;
    println!("\nThe newest version:");
    for (path, node) in tree.within(&top).take(20) {
        println!("{path} = {}", String::from_utf8_lossy(&node.value));
    }
    if !tree.is_complete() {
        println!("not all of it is known");
    }
    Ok(())
}
