//! A client that follows a subtree is killed a hundred times under load, and resumes each time.
//!
//! The client is this program, run again: it keeps what it is told in a file, with the place after
//! it, and begins where that ends. In the end the file must have every change of the subtree once,
//! in order, as those who made them know.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
};

use common::{Daemon, PATIENCE};
use myriad_ring::client::{Client, Commit, Follower, News, Store, Stream, Wanted};

const KILLS: usize = 100;
const WRITERS: usize = 3;
/// By which the program knows that it is the client.
const PLACE: &str = "MYRIAD_TEST_FOLLOWS";

/// Keeps what it is told, and says so by a byte each, for ever.
#[test]
fn the_client_that_is_killed() {
    let Some(dir) = std::env::var_os(PLACE).map(PathBuf::from) else { return };
    let kept = std::fs::read_to_string(dir.join("kept")).unwrap();
    // What ends without a line's end was not written whole.
    let whole = kept.rfind('\n').map_or(0, |end| end + 1);
    let mut file = OpenOptions::new().append(true).open(dir.join("kept")).unwrap();
    file.set_len(whole.try_into().unwrap()).unwrap();
    let last = kept[..whole].lines().last().unwrap();
    let since = last.split(' ').next().unwrap().parse().unwrap();
    let mut tell = UnixStream::connect(dir.join("told")).unwrap();
    let wanted = Wanted::below("/load");
    for news in Follower::connect(dir.join("socket"), wanted, Some(since)) {
        let news = news.unwrap();
        let mut line = news.place().to_string();
        match news {
            News::Changed(changed) => {
                for change in changed.changes {
                    let value = String::from_utf8(change.value).unwrap();
                    line += &format!(" {}={value}", change.path);
                }
            }
            News::Gap(_) => line += " gap",
            News::Reached(_) => {}
        }
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
        tell.write_all(b".").unwrap();
    }
}

struct Follows {
    child: Child,
    told: UnixStream,
}

impl Follows {
    fn start(dir: &Path, listener: &UnixListener) -> Follows {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let child = command
            .args(["--exact", "the_client_that_is_killed", "--nocapture"])
            .env(PLACE, dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (told, _) = listener.accept().unwrap();
        told.set_read_timeout(Some(PATIENCE)).unwrap();
        Follows { child, told }
    }

    /// Waits until it has kept so many news more.
    fn wait(&mut self, news: usize) {
        let mut bytes = vec![0; news];
        self.told.read_exact(&mut bytes).unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// By which the writers are told to make commits, one each time, and say that they have.
struct Budget {
    writers: Vec<Sender<()>>,
    made: Receiver<()>,
    left: usize,
}

impl Budget {
    fn add(&mut self, more: usize) {
        for n in 0..more {
            self.writers[n % self.writers.len()].send(()).unwrap();
        }
        self.left += more;
    }

    /// Waits until all of it is used.
    fn used(&mut self) {
        (0..std::mem::take(&mut self.left)).for_each(|_| self.made.recv().unwrap());
    }
}

/// Writes below the subtree and beside it: what it has made, by generation.
fn write(
    daemon: &Daemon,
    number: usize,
    wanted: &Receiver<()>,
    done: &Sender<()>,
) -> Vec<(u64, String)> {
    let mut client = Client::connect_to(daemon.path("socket")).unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    client.negotiate().unwrap();
    let mut made = Vec::new();
    for (n, ()) in wanted.iter().enumerate() {
        let path = format!("/load/{number}/{}", n % 5);
        let commit = Commit::new().write(&path, n.to_string());
        let generation = client.commit(&commit).unwrap().generation.unwrap();
        made.push((generation, format!("{path}={n}")));
        if n % 3 == 0 {
            client.write("/beside", "").unwrap();
        }
        done.send(()).unwrap();
    }
    made
}

fn last_place(client: &mut Client<Stream>) -> String {
    client.subscribe(&Wanted::below("/load"), None).unwrap().1.to_string()
}

#[test]
fn a_client_killed_a_hundred_times_sees_every_change_once_and_in_order() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut client = Client::connect_to(daemon.path("socket")).unwrap();
    client.negotiate().unwrap();
    // So that each commit changes one node of the subtree.
    for number in 0..WRITERS {
        (0..5).for_each(|n| client.write(format!("/load/{number}/{n}"), "").unwrap());
    }
    let kept = daemon.path("kept");
    std::fs::write(&kept, last_place(&mut client) + "\n").unwrap();
    let listener = UnixListener::bind(daemon.path("told")).unwrap();
    let truth: BTreeMap<u64, String> = std::thread::scope(|scope| {
        let (done, made) = channel();
        let (mut budget, daemon) = (Budget { writers: Vec::new(), made, left: 0 }, &daemon);
        let writers = [(); WRITERS].map(|()| {
            let number = budget.writers.len();
            let (sender, wanted) = channel();
            budget.writers.push(sender);
            let done = done.clone();
            scope.spawn(move || write(daemon, number, &wanted, &done))
        });
        let mut seed = 42_u64;
        for kill in 0..KILLS {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            if kill % 10 == 3 {
                // It comes back when the store's feed has let go of what it missed.
                budget.add(2000);
                budget.used();
            }
            budget.add(150);
            let mut follows = Follows::start(daemon.dir.path(), &listener);
            follows.wait(usize::try_from(seed >> 33).unwrap() % 120);
            follows.kill();
        }
        budget.used();
        drop(budget);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    // To the end.
    let last = last_place(&mut client);
    let mut follows = Follows::start(daemon.dir.path(), &listener);
    let mut tail = std::fs::File::open(&kept).unwrap();
    loop {
        follows.wait(1);
        let mut text = String::new();
        tail.read_to_string(&mut text).unwrap();
        if text.lines().any(|line| line == last) {
            break;
        }
    }
    let end = std::fs::read_to_string(&kept).unwrap();
    follows.kill();
    assert!(!end.contains("gap"), "history reaches back");
    let mut seen = Vec::new();
    for (place, changes) in end.lines().filter_map(|line| line.split_once(' ')) {
        let (_, generation) = place.split_once(':').unwrap();
        seen.push((generation.parse::<u64>().unwrap(), changes.to_owned()));
    }
    assert!(truth.len() > KILLS * 150, "{}", truth.len());
    for (seen, made) in seen.iter().zip(&truth) {
        assert_eq!((&seen.0, &seen.1), made);
    }
    assert_eq!(seen.len(), truth.len());
}
