//! The functions of `libmyriad`, as C calls them.
#![allow(unsafe_code, missing_docs, reason = "ring/include/myriad.h documents each function")]

use std::{
    ffi::{c_char, c_int},
    time::Duration,
};

use myriad_ring::client::{Commit, Snapshot};

use super::{
    calls::{NO_PLACE, at, give, give_if, put, text, with},
    handle::{Called, Handle, is_the_clients_own},
    results::{self, Fired, Found, Listed, ManyGot, OneGot, Reply},
    steps,
};
use crate::raw::{Array, Out, Step, Text, export};

/// `MYRIAD_API_VERSION`.
const API_VERSION: u32 = 1;

export! {
    fn myriad_api_version() -> u32 {
        API_VERSION
    }

    fn myriad_client_new() -> Option<Box<Handle>> {
        Some(Box::new(Handle::new()))
    }

    fn myriad_client_free(client: Option<Box<Handle>>) {
        drop(client);
    }

    fn myriad_connect(client: Option<&mut Handle>, path: Text<'_>, flags: u32) -> c_int {
        with(client, |client| client.connect(path.bytes(), flags).map(|()| 0))
    }

    fn myriad_protocol(client: Option<&Handle>) -> c_int {
        client.map_or(-libc::EINVAL, Handle::protocol)
    }

    fn myriad_set_timeout(client: Option<&mut Handle>, milliseconds: u32) -> c_int {
        with(client, |client| {
            client.set_timeout(Duration::from_millis(milliseconds.into()));
            Ok(0)
        })
    }

    fn myriad_error(client: Option<&Handle>) -> *const c_char {
        client.map_or(c"there is no client".as_ptr(), |client| client.words().as_ptr())
    }

    fn myriad_error_item(client: Option<&Handle>) -> u32 {
        client.map_or(u32::MAX, Handle::item)
    }

    fn myriad_fd(client: Option<&mut Handle>) -> c_int {
        with(client, Handle::descriptor)
    }

    fn myriad_get(
        client: Option<&mut Handle>,
        snapshot: u32,
        path: Text<'_>,
        got: Out<'_, Option<Box<OneGot>>>,
    ) -> c_int {
        give(client, got, |client| {
            let path = text(client, path)?;
            let node = client.ask(|client| match at(snapshot) {
                None => client.get(path),
                Some(at) => client.get_at(at, path),
            });
            node.map(results::got)
        })
    }

    fn myriad_got_free(got: Option<Box<OneGot>>) {
        drop(got);
    }

    fn myriad_get_many(
        client: Option<&mut Handle>,
        snapshot: u32,
        paths: Array<'_, Text<'_>>,
        count: usize,
        got: Out<'_, Option<Box<ManyGot>>>,
    ) -> c_int {
        give(client, got, |client| {
            // SAFETY: by the header `paths` has `count` elements.
            let Some(paths) = (unsafe { paths.of(count) }) else {
                return Err(client.fail(libc::EINVAL, "paths that are no array"));
            };
            let named = paths.iter().map(|path| text(client, *path)).collect::<Called<Vec<_>>>()?;
            let nodes = client.ask(|client| match at(snapshot) {
                None => client.get_many(&named),
                Some(at) => client.get_many_at(at, &named),
            });
            nodes.map(results::got_many)
        })
    }

    fn myriad_got_many_free(got: Option<Box<ManyGot>>) {
        drop(got);
    }

    fn myriad_list(
        client: Option<&mut Handle>,
        snapshot: u32,
        path: Text<'_>,
        listed: Out<'_, Option<Box<Listed>>>,
    ) -> c_int {
        give(client, listed, |client| {
            let path = text(client, path)?;
            let children = client.ask(|client| match at(snapshot) {
                None => client.list_values(path),
                Some(at) => client.list_values_at(at, path),
            });
            children.map(results::listed)
        })
    }

    fn myriad_listed_free(listed: Option<Box<Listed>>) {
        drop(listed);
    }

    fn myriad_lookup(
        client: Option<&mut Handle>,
        snapshot: u32,
        index: Text<'_>,
        key: Text<'_>,
        found: Out<'_, Option<Box<Found>>>,
    ) -> c_int {
        give(client, found, |client| {
            let (index, key) = (text(client, index)?, text(client, key)?);
            let Ok(index) = std::str::from_utf8(index) else {
                return Err(client.fail(libc::EINVAL, "an index whose name is not UTF-8"));
            };
            let matches = client.ask(|client| match at(snapshot) {
                None => client.matches(index, key),
                Some(at) => client.matches_at(at, index, key),
            });
            matches.map(results::found)
        })
    }

    fn myriad_found_free(found: Option<Box<Found>>) {
        drop(found);
    }

    fn myriad_commit(
        client: Option<&mut Handle>,
        steps: Array<'_, Step<'_>>,
        count: usize,
        generation: Out<'_, u64>,
    ) -> c_int {
        with(client, |client| {
            // SAFETY: by the header `steps` has `count` elements.
            let Some(all) = (unsafe { steps.of(count) }) else {
                return Err(client.fail(libc::EINVAL, "steps that are no array"));
            };
            let mut commit = Commit::new();
            for (item, step) in all.iter().enumerate() {
                let added = steps::add(commit, step);
                commit = added.map_err(|bad| client.fail_at(item, bad.0, bad.1))?;
            }
            let done = client.ask(|client| client.commit(&commit))?;
            put(generation, done.generation.unwrap_or(0));
            Ok(0)
        })
    }

    fn myriad_watch(
        client: Option<&mut Handle>,
        path: Text<'_>,
        token: u64,
        depth: u32,
    ) -> c_int {
        with(client, |client| {
            let path = text(client, path)?;
            let token = steps::token(token);
            let done = client.ask(|client| match depth {
                u32::MAX => client.watch(path, token),
                depth => client.watch_depth(path, token, depth),
            });
            done.map(|()| 0)
        })
    }

    fn myriad_unwatch(client: Option<&mut Handle>, path: Text<'_>, token: u64) -> c_int {
        with(client, |client| {
            let path = text(client, path)?;
            client.ask(|client| client.unwatch(path, steps::token(token))).map(|()| 0)
        })
    }

    fn myriad_next_event(
        client: Option<&mut Handle>,
        milliseconds: c_int,
        fired: Out<'_, Option<Box<Fired>>>,
    ) -> c_int {
        let mut has_fired = 0;
        let patience = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        let failed = give_if(client, fired, |client| {
            let event = client.next_event(patience)?.map(results::fired);
            has_fired = event.is_some().into();
            Ok(event)
        });
        if failed < 0 { failed } else { has_fired }
    }

    fn myriad_fired_free(fired: Option<Box<Fired>>) {
        drop(fired);
    }

    fn myriad_snapshot(
        client: Option<&mut Handle>,
        snapshot: Out<'_, u32>,
        generation: Out<'_, u64>,
    ) -> c_int {
        with(client, |client| {
            let Some(place) = snapshot else {
                return Err(client.fail(libc::EINVAL, NO_PLACE));
            };
            let kept = client.ask(|client| client.snapshot());
            place.write(kept.map_or(0, |kept| kept.number));
            put(generation, kept?.generation);
            Ok(0)
        })
    }

    fn myriad_snapshot_end(client: Option<&mut Handle>, snapshot: u32) -> c_int {
        let ended = Snapshot { number: snapshot, generation: 0 };
        with(client, |client| client.ask(|client| client.end_snapshot(ended)).map(|()| 0))
    }

    fn myriad_classic(
        client: Option<&mut Handle>,
        op: u32,
        transaction: u32,
        payload: Array<'_, u8>,
        size: usize,
        reply: Out<'_, Option<Box<Reply>>>,
    ) -> c_int {
        give(client, reply, |client| {
            // SAFETY: by the header `payload` has `size` bytes.
            let Some(payload) = (unsafe { payload.of(size) }) else {
                return Err(client.fail(libc::EINVAL, "a payload of NULL that has a size"));
            };
            if is_the_clients_own(op) {
                return Err(client.fail(libc::EINVAL, "watches are myriad_watch's, not v1's"));
            }
            if size > myriad_ring::v1::PAYLOAD_MAX {
                return Err(client.fail(libc::E2BIG, "a message of v1 holds 4096 bytes"));
            }
            client.ask(|client| client.raw(op, transaction, payload)).map(results::reply)
        })
    }

    fn myriad_classic_free(reply: Option<Box<Reply>>) {
        drop(reply);
    }
}
