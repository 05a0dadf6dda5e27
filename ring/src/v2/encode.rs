//! Requests as they go over the wire: the client's half of [`Request::parse`].

use crate::v2::{
    Op, Record, Request, Step,
    body::{count, pad, put},
    frame,
    records::{Batch, Item, Lookup, Name, SnapshotOf, Unsubscription},
};

impl Request<'_> {
    /// Its operation.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Request::Info => Op::Info,
            Request::Get(..) => Op::Get,
            Request::GetMany(..) => Op::GetMany,
            Request::List(..) => Op::List,
            Request::Lookup { .. } => Op::Lookup,
            Request::Commit(_) => Op::Commit,
            Request::Watch(_) => Op::Watch,
            Request::Unwatch(_) => Op::Unwatch,
            Request::Snapshot => Op::Snapshot,
            Request::SnapshotEnd(_) => Op::SnapshotEnd,
            Request::Classic(..) => Op::Classic,
            Request::Ring(_) => Op::Ring,
            Request::Subscribe(..) => Op::Subscribe,
            Request::Unsubscribe(_) => Op::Unsubscribe,
            Request::History(..) => Op::History,
        }
    }

    /// The request as frames. Lengths and counts are those of what there is, whatever its heads
    /// say; a path or value that is too long for its field makes a message that the server refuses.
    ///
    /// ```
    /// # use myriad_ring::v2::{Next, Input, Op, Request};
    /// let bytes = Request::SnapshotEnd(3).encode(7);
    /// let mut input = Input::new(1 << 20);
    /// input.push(&bytes);
    /// input.gather(1 << 20).unwrap();
    /// let Ok(Next::Message(frame, body)) = input.message() else { panic!("it is whole") };
    /// assert_eq!(Request::parse(Op::SnapshotEnd, body, 1), Ok(Request::SnapshotEnd(3)));
    /// assert_eq!(frame.id.get(), 7);
    /// ```
    #[must_use]
    pub fn encode(&self, id: u64) -> Vec<u8> {
        let mut out = frame::begin();
        self.put(&mut out);
        frame::finish(&mut out, self.op() as u16, 0, id, 0);
        out
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Request::Info | Request::Snapshot => {}
            Request::Get(get, path) => {
                let mut get = *get;
                get.path_length = short(path);
                put_named(out, &get, path);
            }
            Request::GetMany(get, paths) => {
                let mut get = *get;
                get.count = count(paths.len()).into();
                put(out, &get);
                for path in paths {
                    let name = Name { path_length: short(path), ..Name::default() };
                    put_named(out, &name, path);
                }
            }
            Request::List(list, path) => {
                let mut list = *list;
                list.path_length = short(path);
                put_named(out, &list, path);
            }
            Request::Lookup { snapshot, index, key } => {
                let snapshot = (*snapshot).into();
                let lookup =
                    Lookup { snapshot, index_length: short(index), key_length: short(key) };
                put(out, &lookup);
                out.extend_from_slice(index);
                out.extend_from_slice(key);
                pad(out);
            }
            Request::Commit(steps) => put_batch(out, steps, put_step),
            Request::Watch(watches) => put_batch(out, watches, |out, (watch, path)| {
                let mut watch = *watch;
                watch.path_length = short(path);
                put_named(out, &watch, path);
            }),
            Request::Unwatch(watches) => put_batch(out, watches, |out, (watch, path)| {
                let mut watch = *watch;
                watch.path_length = short(path);
                put_named(out, &watch, path);
            }),
            Request::SnapshotEnd(snapshot) => {
                put(out, &SnapshotOf { snapshot: (*snapshot).into(), ..SnapshotOf::default() });
            }
            Request::Ring(sizes) => put(out, sizes),
            Request::Subscribe(subscription, path) => {
                let mut subscription = *subscription;
                subscription.path_length = short(path);
                put_named(out, &subscription, path);
            }
            Request::History(question, path) => {
                let mut question = *question;
                question.path_length = short(path);
                put_named(out, &question, path);
            }
            Request::Unsubscribe(token) => {
                put(out, &Unsubscription { token: (*token).into() });
            }
            Request::Classic(header, payload) => {
                out.extend_from_slice(&header.to_bytes());
                out.extend_from_slice(payload);
            }
        }
    }
}

fn put_batch<T>(out: &mut Vec<u8>, items: &[T], mut put_one: impl FnMut(&mut Vec<u8>, &T)) {
    put(out, &Batch { count: count(items.len()).into(), reserved: 0.into() });
    items.iter().for_each(|item| put_one(out, item));
}

fn put_step(out: &mut Vec<u8>, step: &Step<'_>) {
    let item = Item {
        kind: (step.kind as u16).into(),
        path_length: short(step.path),
        value_length: count(step.value.len()).into(),
        stamp: step.stamp.into(),
    };
    put(out, &item);
    out.extend_from_slice(step.path);
    out.extend_from_slice(step.value);
    pad(out);
}

fn put_named(out: &mut Vec<u8>, record: &impl Record, name: &[u8]) {
    put(out, record);
    out.extend_from_slice(name);
    pad(out);
}

fn short(bytes: &[u8]) -> zerocopy::little_endian::U16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).into()
}
