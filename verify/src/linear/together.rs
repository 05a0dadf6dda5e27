//! What protocol v2 does at one point: a COMMIT, and a batch of watches.
//!
//! - Items are taken in order, each on what those before it left. The first that fails makes the
//!   answer, with its place, and nothing has happened.
//! - A COMMIT raises what a transaction raises: once for each node, with the permissions right
//!   before and after it.
//! - Of a batch of watches all are registered, or none; each fires once, behind the answer.

use std::rc::Rc;

use super::{
    act::{Act, Reply},
    answer::{Wrong, ack, answer, execute, expect},
    item::Item,
    node::{Errno, Raised},
    spec::{Asker, Effects, State, committed},
    tree::Tree,
};

impl State {
    pub(super) fn commit(
        &mut self,
        asker: Asker<'_>,
        items: &[Item],
        reply: &Reply,
    ) -> Result<Effects, Wrong> {
        let domid = asker.log.domid;
        let before = Rc::clone(&self.tree);
        let (mut tree, mut raised) = (Tree::clone(&before), Vec::new());
        for (at, item) in items.iter().enumerate() {
            if let Err(errno) = take(&mut tree, domid, item, &mut raised) {
                return blamed(reply, errno, at);
            }
        }
        expect(reply, ack())?;
        if raised.is_empty() {
            return Ok(Effects { may_change: true, ..Effects::default() });
        }
        self.tree = Rc::new(tree);
        let raised = committed(&before, &self.tree, raised);
        self.overtake();
        Ok(Effects { due: self.due(&raised), is_ordered: false, may_change: true })
    }

    pub(super) fn watch_all(
        &mut self,
        asker: Asker<'_>,
        watches: &[(String, String)],
        reply: &Reply,
    ) -> Result<Effects, Wrong> {
        let Asker { client, log } = asker;
        let registered = Rc::clone(&self.watches);
        let mut due = Vec::new();
        for (at, (path, token)) in watches.iter().enumerate() {
            let known = self.watches.iter().any(|watch| {
                watch.client == client && *watch.path == **path && *watch.token == **token
            });
            if known {
                self.watches = registered;
                return blamed(reply, "EEXIST", at);
            }
            due.push(self.register(client, log.domid, path, token));
        }
        expect(reply, ack())?;
        Ok(Effects { due, is_ordered: true, may_change: true })
    }
}

/// The answer where an item is to blame: nothing has happened.
fn blamed(reply: &Reply, errno: Errno, at: usize) -> Result<Effects, Wrong> {
    let right = format!("{errno} {at}");
    match reply {
        Err(got) if *got == right => Ok(Effects::default()),
        _ => Err(right),
    }
}

fn take(tree: &mut Tree, domid: u16, item: &Item, raised: &mut Vec<Raised>) -> Result<(), Errno> {
    let value = |path: &String| answer(tree, domid, &Act::Read(path.clone()));
    match item {
        Item::Change(act) => execute(tree, domid, act, raised).map(drop),
        Item::IfValue(path, is) if value(path)? == is.as_bytes() => Ok(()),
        Item::IfValue(..) => Err("EAGAIN"),
        Item::IfExists(path) => value(path).map(drop),
        Item::IfAbsent(path) => match value(path) {
            Err("ENOENT") => Ok(()),
            Err(errno) => Err(errno),
            Ok(_) => Err("EEXIST"),
        },
    }
}
