//! Clients of the past, over real sockets.

use std::{os::unix::net::UnixStream, time::Duration};

use myriad_core::Errno;
use myriad_ring::client::{Client, Store as _};

use super::*;

type Nodes<'a> = [(&'a str, Option<(&'a str, &'a str)>)];

fn advance(past: &Past, nodes: &Nodes<'_>) {
    let perm = |text: &str| Perm::parse(text.as_bytes()).unwrap();
    let nodes: Vec<Becomes<'_>> = nodes
        .iter()
        .map(|(path, node)| Becomes {
            path,
            node: node.map(|(v, perms)| (v.as_bytes(), perms.split(',').map(perm).collect())),
        })
        .collect();
    past.advance(&nodes).unwrap();
}

fn client(server: &Server) -> Client<UnixStream> {
    let socket = UnixStream::connect(server.path()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    Client::new(socket)
}

#[test]
fn the_past_can_be_read_and_watched_and_not_written() {
    let past = Past::new().unwrap();
    advance(
        &past,
        &[("/", Some(("", "n0"))), ("/a", Some(("1", "n5,r7"))), ("/a/b", Some(("", "b5")))],
    );
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&dir.path().join("socket"), &past).unwrap();
    let mut client = client(&server);
    assert_eq!(client.read("/a").unwrap(), b"1");
    assert_eq!(client.list("/a").unwrap(), ["b"]);
    let perms: Vec<String> =
        client.get_perms("/a").unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(perms, ["n5", "r7"]);
    let erofs = |result: Result<(), myriad_ring::client::Error>| {
        assert_eq!(result.unwrap_err().errno(), Some(Errno::EROFS));
    };
    erofs(client.write("/a", "2"));
    erofs(client.mkdir("/c"));
    erofs(client.rm("/a"));
    erofs(client.set_perms("/a", &[CONTROL_ALONE]));
    erofs(client.introduce(DomId(7), 1, 1));
    erofs(client.control("check", [""; 0]).map(drop));
    erofs(client.transact(|tx| tx.write("/a", "2")));
    assert_eq!(client.transact(|tx| tx.read("/a")).unwrap(), b"1");
    client.watch("/a", "token").unwrap();
    assert_eq!(client.next_event().unwrap().path, "/a");

    advance(&past, &[("/a", Some(("2", "n5"))), ("/a/b", None), ("/c", Some(("", "n0")))]);
    server.moved();
    let mut paths = [client.next_event().unwrap().path, client.next_event().unwrap().path];
    paths.sort();
    assert_eq!(paths, ["/a", "/a/b"]);
    assert_eq!(client.list("/").unwrap(), ["a", "c"]);
    assert!(!client.exists("/a/b").unwrap());
}

#[test]
fn many_clients_come_and_go() {
    let past = Past::new().unwrap();
    let value = "v".repeat(4000);
    advance(&past, &[("/a", Some((&value, "n0")))]);
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("socket");
    let server = Server::start(&place, &past).unwrap();
    // More than are served at once: the others wait until one goes.
    for _ in 0..3 {
        let mut clients: Vec<_> =
            (0..crate::tool::history::limits::PAST_CLIENTS).map(|_| client(&server)).collect();
        for client in &mut clients {
            assert_eq!(client.read("/a").unwrap(), value.as_bytes());
        }
    }
    assert!(Server::start(&place, &past).unwrap_err().to_string().contains("--socket"));
    drop(server);
    assert!(!place.exists());
}
