//! How long a store takes to come back: of 410,000 nodes, the 41 of each of 10,000 VMs, and 50,000
//! commits since the checkpoint.
//!
//! `cargo run --release -p myriad-history --example comeback -- FOLDER`, on a tmpfs.

use std::{error::Error, path::PathBuf, sync::Arc, time::Instant};

use myriad_core::{Caller, Config, DomId, Path, Restore, Store, Writes};
use myriad_history::recovery::{BootId, Directory, Journal, JournalConfig, Keeper, Recovered};

const VMS: u16 = 10_000;
const NODES: u16 = 40;
const COMMITS: u32 = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("give a folder on a tmpfs for its files")?;
    let directory = Directory::open(&folder.join("comeback"), BootId::of_host()?)?;
    let keeper = Arc::new(Keeper::default());
    let config = Config { journal: Some(keeper.clone()), ..Config::default() };
    let store = Store::new(&config)?;
    let control = Caller::Control;
    for vm in 1..=VMS {
        let made = store.edit(|edit| {
            edit.introduce(DomId(vm));
            for node in 0..NODES {
                let path = format!("/local/domain/{vm}/device/vif/0/node-{node}");
                edit.write(&control, Path::new(&path)?, b"some value")?;
            }
            Ok(())
        });
        made.result?;
    }
    let began = Instant::now();
    let base = keeper.write_checkpoint(&directory, &store, 1)?;
    println!("checkpoint written: {:?}", began.elapsed());
    keeper.begin(Journal::create(&directory, &JournalConfig::default(), &base)?);
    let began = Instant::now();
    for commit in 0..COMMITS {
        let vm = commit % u32::from(VMS) + 1;
        let path = format!("/local/domain/{vm}/device/vif/0/node-0");
        let value = commit.to_le_bytes();
        store.edit(|edit| edit.write(&control, Path::new(&path)?, &value)).result?;
    }
    println!("{COMMITS} commits: {:?}", began.elapsed());

    let began = Instant::now();
    let found = Recovered::read(&directory)?.ok_or("there is nothing")?;
    let read = began.elapsed();
    let mut restore = Restore::new(&Config::default(), found.checkpoint())?;
    let restored = began.elapsed();
    for record in found.records() {
        restore.replay(&record.entry().ok_or("a record of another kind")?)?;
    }
    let again = restore.finish(1);
    println!(
        "back with {} records: {:?} (read {read:?}, with the checkpoint {restored:?})",
        found.records().len(),
        began.elapsed()
    );
    again.pin().check().map_err(|differences| differences.join(", "))?;
    Ok(directory.clear()?)
}
