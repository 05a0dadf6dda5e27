//! The functions of `libmyriad` on history, as C calls them.
#![allow(missing_docs, reason = "ring/include/myriad.h documents each function")]

use std::ffi::c_int;

use myriad_ring::{
    client::{Node, When},
    v2::records::BELOW,
};

use super::{
    calls::{NO_PLACE, give, put, text, with},
    handle::Handle,
    results::{self, Listed, OneGot},
    results_history::{self, Kept, Log},
};
use crate::raw::{Out, Text, export};

export! {
    fn myriad_history(client: Option<&mut Handle>, kept: Out<'_, Kept>) -> c_int {
        with(client, |client| {
            let Some(place) = kept else {
                return Err(client.fail(libc::EINVAL, NO_PLACE));
            };
            let kept = client.ask(|client| client.history());
            place.write(kept.as_ref().map(Kept::from).unwrap_or_default());
            kept.map(|_| 0)
        })
    }

    fn myriad_history_get(
        client: Option<&mut Handle>,
        generation: u64,
        path: Text<'_>,
        version: Out<'_, u64>,
        got: Out<'_, Option<Box<OneGot>>>,
    ) -> c_int {
        give(client, got, |client| {
            let path = text(client, path)?;
            let was = client.ask(|client| client.history_node(path, when(generation)))?;
            put(version, was.generation);
            Ok(results::got(Node::from(was.what)))
        })
    }

    fn myriad_history_list(
        client: Option<&mut Handle>,
        generation: u64,
        path: Text<'_>,
        version: Out<'_, u64>,
        listed: Out<'_, Option<Box<Listed>>>,
    ) -> c_int {
        give(client, listed, |client| {
            let path = text(client, path)?;
            let was = client.ask(|client| client.history_list(path, when(generation)))?;
            put(version, was.generation);
            let children = was.what.into_iter().map(|(name, value)| (name, Ok(value)));
            Ok(results::listed(children.collect()))
        })
    }

    fn myriad_history_log(
        client: Option<&mut Handle>,
        generation: u64,
        path: Text<'_>,
        flags: u32,
        count: u32,
        log: Out<'_, Option<Box<Log>>>,
    ) -> c_int {
        give(client, log, |client| {
            let path = text(client, path)?;
            let below = flags == u32::from(BELOW);
            if flags != 0 && !below {
                return Err(client.fail(libc::EINVAL, "myriad_history_log has no such flag"));
            }
            let asked = client.ask(|client| {
                client.history_log(path, below, when(generation), count)
            });
            asked.map(results_history::log)
        })
    }

    fn myriad_log_free(log: Option<Box<Log>>) {
        drop(log);
    }
}

fn when(generation: u64) -> When {
    if generation == u64::MAX { When::Newest } else { When::Generation(generation) }
}
