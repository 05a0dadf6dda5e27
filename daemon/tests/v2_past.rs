//! SUBSCRIBE out of history: what is told is what was told live, and where it ends that is said.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::mpsc::{Receiver, channel};

use common::{Daemon, PATIENCE};
use myriad_core::{Access, DomId, Perm};
use myriad_ring::{
    client::{Changed, Client, Commit, News, Place, Store, Stream, Wanted},
    v2::records::REMOVED,
};

fn plain(daemon: &Daemon) -> Client<Stream> {
    let client = Client::connect_to(daemon.path("socket")).unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn upgraded(daemon: &Daemon) -> Client<Stream> {
    let mut client = plain(daemon);
    assert!(client.negotiate().unwrap());
    client
}

/// All that a subscription is told up to a generation, and the gaps.
fn read(client: &mut Client<Stream>, token: u64, upto: u64) -> (Vec<Changed>, Vec<Place>) {
    let (mut all, mut gaps) = (Vec::new(), Vec::new());
    loop {
        let (of, news) = client.next_news().unwrap();
        match news {
            // Of one that has ended.
            _ if of != token => continue,
            News::Changed(changed) => all.push(changed),
            News::Gap(place) => gaps.push(place),
            News::Reached(place) if place.generation >= upto => return (all, gaps),
            News::Reached(_) => {}
        }
        if all.last().is_some_and(|changed: &Changed| changed.place.generation >= upto) {
            return (all, gaps);
        }
    }
}

/// Numbers that a seed repeats.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

const PATHS: [&str; 8] =
    ["/load/a", "/load/a/b", "/load/a/b/c", "/load/d", "/load/d/e", "/load", "/other", "/loader"];

/// One operation of many kinds, which may fail.
fn operate(client: &mut Client<Stream>, random: &mut Seeded) {
    let path = PATHS[random.below(PATHS.len())];
    let value = "v".repeat(random.below(30));
    match random.below(9) {
        0 | 1 => client.write(path, &value).unwrap(),
        2 => drop(client.rm(path)),
        3 => client.mkdir(path).unwrap(),
        4 => {
            let access = [Access::None, Access::Read, Access::Write, Access::Both];
            let perms = [
                Perm { access: access[random.below(4)], domid: DomId(0) },
                Perm { access: access[random.below(4)], domid: DomId(0) },
            ];
            drop(client.set_perms(path, &perms));
        }
        5 => {
            let other = PATHS[random.below(PATHS.len())];
            let done = client.transact(|tx| {
                tx.write(path, &value)?;
                tx.write(other, "second")?;
                tx.write(path, "third")?;
                tx.rm("/load/d")
            });
            drop(done);
        }
        6 => {
            let commit = Commit::new().write(path, &value).rm("/load/a").write(path, "again");
            drop(client.commit(&commit));
        }
        7 => client.write("/load/n/0/1/2", &value).unwrap(),
        _ => client.write("/loader/x", &value).unwrap(),
    }
}

/// A client that is told by a thread of its own, until the daemon ends.
fn listen(mut client: Client<Stream>) -> Receiver<News> {
    let (sender, news) = channel();
    std::thread::spawn(move || {
        while let Ok((_, news)) = client.next_news() {
            let _ = sender.send(news);
        }
    });
    news
}

#[test]
fn what_is_told_out_of_history_is_what_was_told_live() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let subscriptions = [
        Wanted::below("/").perms(true),
        Wanted::below("/load/a").perms(true),
        Wanted::below("/load").depth(1).values(false),
        Wanted::below("/load/d/e").kinds(REMOVED),
    ];
    let mut begin = None;
    let live = subscriptions.each_ref().map(|wanted| {
        let mut client = upgraded(&daemon);
        begin = Some(client.subscribe(wanted, None).unwrap().1);
        listen(client)
    });
    let begin = begin.unwrap();
    let mut writers = [plain(&daemon), upgraded(&daemon), plain(&daemon)];
    std::thread::scope(|scope| {
        for (client, seed) in writers.iter_mut().zip([11, 22, 33]) {
            scope.spawn(move || {
                let mut random = Seeded(seed);
                (0..1500).for_each(|_| operate(client, &mut random));
            });
        }
    });
    // It concerns all of them.
    let last = Commit::new().write("/load/d/e", "").write("/load/a", "").rm("/load");
    let last = writers[1].commit(&last).unwrap().generation.unwrap();
    let (mut past, mut all) = (upgraded(&daemon), Vec::new());
    for (wanted, live) in subscriptions.iter().zip(live) {
        let news = live.into_iter().filter_map(|news| match news {
            News::Changed(changed) => Some(changed),
            News::Reached(_) => None,
            News::Gap(place) => panic!("{place}"),
        });
        let mut told = Vec::new();
        for changed in news {
            told.push(changed);
            if told.last().unwrap().place.generation == last {
                break;
            }
        }
        let (token, _) = past.subscribe(wanted, Some(begin)).unwrap();
        let (kept, gaps) = read(&mut past, token, last);
        past.unsubscribe(token).unwrap();
        assert!(gaps.is_empty(), "{gaps:?}");
        assert!(told.len() > 20, "{wanted:?}: {}", told.len());
        for (told, kept) in told.iter().zip(&kept) {
            assert_eq!(told, kept);
        }
        assert_eq!(told.len(), kept.len());
        if wanted == &subscriptions[0] {
            all = told.iter().map(|changed| changed.place.generation).collect();
        }
    }
    // What the feed has alone is told from there; from in between by both.
    for back in [0, 1, 300, 3000] {
        let since = Place { generation: last - back, ..begin };
        let (token, _) = past.subscribe(&subscriptions[0], Some(since)).unwrap();
        let (kept, gaps) = read(&mut past, token, last);
        past.unsubscribe(token).unwrap();
        assert!(gaps.is_empty());
        let generations: Vec<u64> = kept.iter().map(|one| one.place.generation).collect();
        let after = all.iter().copied().filter(|generation| *generation > since.generation);
        assert_eq!(generations, after.collect::<Vec<_>>(), "{back}");
    }
}

const LETTERS: &[u8] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-.:;<=>?@";

/// Writes what is hard to compress, until history can't reach back.
fn fill(client: &mut Client<Stream>, times: usize) -> Vec<u64> {
    let mut random = Seeded(5);
    let mut commit = |n: usize| {
        let value: String =
            (0..3000).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect();
        let commit = Commit::new().write(format!("/fill/{}", n % 5), value);
        client.commit(&commit).unwrap().generation.unwrap()
    };
    (0..times).map(&mut commit).collect()
}

#[test]
fn where_history_does_not_reach_back_a_gap_is_told_and_all_that_follows() {
    for size in ["1M", "off"] {
        let daemon = Daemon::start(&["--history-size", size]);
        let mut client = upgraded(&daemon);
        let (token, begin) = client.subscribe(&Wanted::below("/fill"), None).unwrap();
        client.unsubscribe(token).unwrap();
        let made = fill(&mut client, 2500);
        let last = *made.last().unwrap();
        let (token, _) = client.subscribe(&Wanted::below("/fill"), Some(begin)).unwrap();
        let (told, gaps) = read(&mut client, token, last);
        let [gap] = gaps[..] else { panic!("{size}: {gaps:?}") };
        assert!(gap.generation > begin.generation);
        let told: Vec<u64> = told.iter().map(|changed| changed.place.generation).collect();
        let expected: Vec<u64> = made.into_iter().filter(|made| *made > gap.generation).collect();
        assert_eq!(told, expected, "{size}");
        assert_eq!(told.is_empty(), size == "off");
    }
}

#[test]
fn what_happened_around_a_restart_is_a_gap_and_what_follows_is_told() {
    // With the store of the daemon before, and with an empty one.
    restarted(&[]);
    restarted(&["--journal-size", "off"]);
}

fn restarted(options: &[&str]) {
    let daemon = Daemon::start(options);
    let mut client = upgraded(&daemon);
    client.write("/a", "1").unwrap();
    let (_, begin) = client.subscribe(&Wanted::below("/a"), None).unwrap();
    let (status, dir) = daemon.stop();
    drop(client);
    assert!(status.success());
    let daemon = Daemon::start_in(dir, options);
    let mut client = upgraded(&daemon);
    let (token, begun) = client.subscribe(&Wanted::below("/a"), Some(begin)).unwrap();
    assert_eq!(begun, begin, "it is the same store");
    let gap = client.next_news().unwrap().1;
    assert!(matches!(gap, News::Gap(place) if place.generation > begin.generation));
    client.write("/a", "2").unwrap();
    let (told, gaps) = read(&mut client, token, gap.place().generation + 1);
    assert_eq!((told[0].changes[0].value.as_slice(), gaps.len()), (&b"2"[..], 0));
}

#[test]
fn one_that_does_not_read_is_told_all_of_it_when_it_does() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let (mut slow, mut quick) = (upgraded(&daemon), upgraded(&daemon));
    let (token, _) = slow.subscribe(&Wanted::below("/fill"), None).unwrap();
    quick.subscribe(&Wanted::below("/fill"), None).unwrap();
    let quick = listen(quick);
    let made = fill(&mut upgraded(&daemon), 3000);
    let last = *made.last().unwrap();
    let told = |news: News| news.place().generation;
    let quick: Vec<u64> = quick.into_iter().map(told).take(made.len()).collect();
    assert_eq!(quick, made, "and nobody waits for it");
    let (told, gaps) = read(&mut slow, token, last);
    assert!(gaps.is_empty());
    let told: Vec<u64> = told.iter().map(|changed| changed.place.generation).collect();
    assert_eq!(told, made);
}
