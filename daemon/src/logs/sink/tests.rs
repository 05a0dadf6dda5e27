//! The writer thread: renamed files, silence, and queues that overflow.

use super::*;

#[test]
fn lines_follow_a_renamed_file_only_until_it_is_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("log"), dir.path().join("old"));
    let logs = Logs::start(Destination::file(&path).unwrap(), None).unwrap();
    logs.lines(Stream::Main, b"one\n".to_vec());
    logs.flush();
    std::fs::rename(&path, &old).unwrap();
    logs.lines(Stream::Main, b"two\n".to_vec());
    logs.reopen();
    logs.lines(Stream::Main, b"three\n".to_vec());
    logs.flush();
    assert_eq!(std::fs::read(&old).unwrap(), b"one\ntwo\n");
    assert_eq!(std::fs::read(&path).unwrap(), b"three\n");
}

#[test]
fn off_silences_until_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let logs = Logs::start(Destination::file(&path).unwrap(), None).unwrap();
    assert!(logs.traces(TRACE_IO));
    logs.off().unwrap();
    assert!(!logs.traces(TRACE_IO) && logs.switch(TRACE_IO));
    logs.lines(Stream::Main, b"lost\n".to_vec());
    logs.reopen();
    logs.lines(Stream::Main, b"kept\n".to_vec());
    logs.flush();
    assert!(logs.traces(TRACE_IO));
    assert_eq!(std::fs::read(&path).unwrap(), b"kept\n");
}

#[test]
fn a_file_that_cannot_be_opened_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let logs = Logs::start(Destination::file(&path).unwrap(), None).unwrap();
    assert!(logs.set_file(&dir.path().join("none/log")).is_err());
    logs.lines(Stream::Main, b"here\n".to_vec());
    logs.flush();
    assert_eq!(std::fs::read(&path).unwrap(), b"here\n");
}

#[test]
fn large_entries_are_bounded_by_their_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let logs = Logs::start(Destination::file(&path).unwrap(), None).unwrap();
    let (done, gate) = sync_channel(0);
    logs.queue.send(Item::Flushed(done)).unwrap();
    let large = vec![b'x'; usize::try_from(limits::LOG_QUEUE_BYTES).unwrap()];
    logs.lines(Stream::Main, large.clone());
    logs.lines(Stream::Main, large.clone());
    gate.recv().unwrap();
    logs.flush();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("1 log entries were lost"), "{text}");
    assert_eq!(text.matches('x').count(), large.len());
}

#[test]
fn what_a_stuck_writer_cannot_take_is_counted_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let logs = Logs::start(Destination::file(&path).unwrap(), None).unwrap();
    // The writer waits at a rendezvous that nobody attends until the queue has overflowed.
    let (done, gate) = sync_channel(0);
    logs.queue.send(Item::Flushed(done)).unwrap();
    for _ in 0..limits::LOG_QUEUE_ENTRIES + 10 {
        logs.lines(Stream::Main, b"x\n".to_vec());
    }
    gate.recv().unwrap();
    logs.flush();
    assert_eq!(logs.shared.queued.load(Relaxed), 0);
    logs.lines(Stream::Main, b"after\n".to_vec());
    logs.flush();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("log entries were lost"), "{text}");
    assert!(text.ends_with("after\n"));
}
