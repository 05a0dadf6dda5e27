//! SUBSCRIBE over the daemon's socket: live, from a generation on, and across workers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Daemon, PATIENCE};
use myriad_ring::client::{Client, Commit, Error, Follower, News, Place, Store, Stream, Wanted};

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

/// Paths and values of the next commit.
fn next(client: &mut Client<Stream>) -> (u64, Vec<(String, String)>) {
    match client.next_news().unwrap() {
        (_, News::Changed(changed)) => {
            let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
            let changes = changed.changes.into_iter().map(|one| (one.path, text(one.value)));
            (changed.place.generation, changes.collect())
        }
        (_, other) => panic!("{other:?}"),
    }
}

fn pair(path: &str, value: &str) -> (String, String) {
    (path.into(), value.into())
}

#[test]
fn subscribers_of_each_worker_are_told_of_what_clients_of_any_do() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut subscribers: Vec<_> = (0..4).map(|_| upgraded(&daemon)).collect();
    for client in &mut subscribers {
        client.subscribe(&Wanted::below("/a"), None).unwrap();
    }
    let mut writers: Vec<_> = (0..4).map(|_| plain(&daemon)).collect();
    for round in 0..50 {
        for (n, writer) in writers.iter_mut().enumerate() {
            // Each is told before the next is done, so nobody is woken by another's.
            let value = format!("{round}");
            let path = format!("/a/{n}");
            writer.write(&path, &value).unwrap();
            for client in &mut subscribers {
                let (_, changes) = next(client);
                assert_eq!(changes.last(), Some(&pair(&path, &value)));
            }
        }
    }
}

#[test]
fn who_subscribes_again_goes_on_where_it_was() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut writer = upgraded(&daemon);
    let mut first = upgraded(&daemon);
    let (_, begin) = first.subscribe(&Wanted::below("/a"), None).unwrap();
    let made: Vec<u64> = (0..20)
        .map(|n| {
            let commit = Commit::new().write("/a/n", n.to_string()).write("/b", "x");
            writer.commit(&commit).unwrap().generation.unwrap()
        })
        .collect();
    let place = |generation| Place { generation, ..begin };
    let seen: Vec<u64> = (0..7).map(|_| next(&mut first).0).collect();
    assert_eq!(seen, made[..7]);
    drop(first);
    let mut again = upgraded(&daemon);
    let (token, begun) = again.subscribe(&Wanted::below("/a"), Some(place(seen[6]))).unwrap();
    assert_eq!(begun, place(seen[6]));
    for (n, generation) in made.iter().enumerate().skip(7) {
        assert_eq!(next(&mut again), (*generation, vec![pair("/a/n", &n.to_string())]));
    }
    let reached = News::Reached(place(*made.last().unwrap()));
    assert_eq!(again.next_news().unwrap(), (token, reached));
    again.unsubscribe(token).unwrap();
    // Another store's generation is none here.
    let other = Place { store: begin.store ^ 1, generation: seen[6] };
    again.subscribe(&Wanted::below("/a"), Some(other)).unwrap();
    assert!(matches!(again.next_news().unwrap().1, News::Gap(_)));
}

#[test]
fn subscriptions_watches_and_requests_share_a_connection() {
    let daemon = Daemon::start(&[]);
    let mut client = upgraded(&daemon);
    client.subscribe(&Wanted::below("/a"), None).unwrap();
    client.watch("/a", "w").unwrap();
    for n in 0..10 {
        client.write("/a", n.to_string()).unwrap();
        assert_eq!(client.read("/a").unwrap(), n.to_string().as_bytes());
    }
    for n in 0..10 {
        assert_eq!(next(&mut client).1, [pair("/a", &n.to_string())]);
    }
    assert_eq!(client.next_event().unwrap().path, "/a");
    assert_eq!(daemon.connect().control(&["check"]).unwrap(), "OK");
}

#[test]
fn a_follower_connects_again_and_misses_nothing() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut writer = plain(&daemon);
    let socket = daemon.path("socket");
    // Each connection is cut off after a while, in the middle of a frame.
    let mut budget = 500;
    let connect = move || {
        budget += 37;
        let stream = Stream::open(&socket)?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Ok(Client::new(Cut { stream, left: budget }))
    };
    let mut follower = Follower::new(connect, Wanted::below("/a"), None).with_pause(|_| {});
    follower.begin().unwrap();
    for n in 0..200 {
        writer.write(format!("/a/{}", n % 3), n.to_string()).unwrap();
    }
    let (mut seen, mut last) = (Vec::new(), 0);
    while seen.len() < 200 {
        match follower.news().unwrap() {
            News::Changed(changed) => {
                assert!(changed.place.generation > last);
                last = changed.place.generation;
                let value = changed.changes.last().unwrap().value.clone();
                seen.push(String::from_utf8(value).unwrap());
            }
            News::Reached(place) => assert!(place.generation >= last),
            News::Gap(place) => panic!("{place}"),
        }
    }
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_follower_tells_paths_as_a_watch_does_over_its_connections() {
    let daemon = Daemon::start(&["--history-size", "off"]);
    let mut writer = plain(&daemon);
    let mut paths =
        Follower::connect(daemon.path("socket"), Wanted::below("/a").values(false), None);
    paths.begin().unwrap();
    let place = paths.place();
    let mut paths = paths.paths();
    writer.write("/a/b", "1").unwrap();
    assert_eq!(paths.next().unwrap().unwrap(), "/a");
    assert_eq!(paths.next().unwrap().unwrap(), "/a/b");
    // One that comes back too late is told to look at all of it.
    (0..2000).for_each(|_| writer.write("/c", "").unwrap());
    let mut late = Follower::connect(daemon.path("socket"), Wanted::below("/a"), place).paths();
    assert_eq!(late.next().unwrap().unwrap(), "/a");
    writer.rm("/a/b").unwrap();
    assert_eq!(late.next().unwrap().unwrap(), "/a/b");
}

#[test]
fn a_follower_gives_up_after_so_many_attempts_and_can_be_asked_again() {
    let mut attempts = 0;
    let connect = move || {
        attempts += 1;
        let gone = std::io::ErrorKind::ConnectionRefused.into();
        Err::<Client<Stream>, _>(Error::Unreachable {
            path: attempts.to_string().into(),
            source: gone,
        })
    };
    let mut follower = Follower::new(connect, Wanted::below("/"), None).with_pause(|_| {});
    for round in [65, 130] {
        match follower.news().unwrap_err() {
            Error::Unreachable { path, .. } => assert_eq!(path.to_str(), Some(&*round.to_string())),
            other => panic!("{other}"),
        }
    }
}

/// A stream that ends after so many bytes.
struct Cut {
    stream: Stream,
    left: usize,
}

impl std::io::Read for Cut {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let most = buf.len().min(self.left);
        let read = self.stream.read(&mut buf[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl std::io::Write for Cut {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
