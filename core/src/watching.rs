//! Watches coming and going, and who pays for them.

use crate::accounts::watch_bytes;
use crate::caller::Caller;
use crate::delta::NewWatch;
use crate::error::Error;
use crate::limits::WATCH_TEXT;
use crate::quota::Quota;
use crate::shelves::Held;
use crate::state::Env;
use crate::watch::{ConnId, Spec, Watch, WatchPath};
use crate::work::Work;

impl Work {
    /// Registers a watch.
    pub(crate) fn watch(&mut self, env: &Env, spec: &Spec<'_>) -> Result<(), Error> {
        if spec.path.as_str().len().max(spec.token.len()) > WATCH_TEXT {
            return Err(Error::InvalidValue(
                "a watch's path and token have at most 4096 bytes each",
            ));
        }
        let watches = &self.state.watches;
        if watches.find(&env.keys, spec.conn, spec.path, spec.token).is_some() {
            return Err(Error::Exists);
        }
        self.state.within(env, &spec.caller, Quota::Watches, |d| {
            d.map_or(0, |d| d.watches as usize) + 1
        })?;
        let bytes = watch_bytes(spec.path.as_str(), spec.token);
        self.state.afford(env, &spec.caller, spec.caller.guest(), bytes)?;
        self.state.watches.add(&env.keys, spec);
        self.delta.watch(&spec.registered());
        self.count_watches(env, &spec.caller, (1, bytes));
        Ok(())
    }

    /// Removes a watch.
    pub(crate) fn unwatch(
        &mut self,
        env: &Env,
        conn: ConnId,
        path: WatchPath<'_>,
        token: &[u8],
    ) -> Result<(), Error> {
        let watches = &mut self.state.watches;
        let found = watches.find(&env.keys, conn, path, token).ok_or(Error::NotFound)?;
        let caller = found.caller();
        watches.remove(&env.keys, conn, path, token);
        self.delta.unwatch(conn, path.as_str(), token);
        self.count_watches(env, &caller, (-1, -watch_bytes(path.as_str(), token)));
        Ok(())
    }

    /// Removes all watches of a connection.
    pub(crate) fn drop_watches(&mut self, env: &Env, conn: ConnId) {
        let all = self.state.watches.of_conn(&env.keys, conn);
        let Some(caller) = all.first().map(|w| w.caller()) else { return };
        let bytes: i64 = all.iter().map(|w| watch_bytes(w.path(), w.token())).sum();
        let gone = self.state.watches.remove_all(&env.keys, conn);
        self.delta.unwatched(conn);
        self.count_watches(env, &caller, (-i64::try_from(gone).unwrap_or(0), -bytes));
    }

    /// The watches of a connection become another's.
    pub(crate) fn move_watches(&mut self, env: &Env, from: ConnId, to: ConnId) {
        let all = self.state.watches.of_conn(&env.keys, from);
        let all: Vec<Held> = all.into_iter().map(Watch::hold).collect();
        if all.is_empty() {
            return;
        }
        self.state.watches.remove_all(&env.keys, from);
        self.delta.unwatched(from);
        for watch in &all {
            let moved = NewWatch { conn: to, ..Watch::held(watch).registered() };
            self.state.watches.add(&env.keys, &moved.spec());
            self.delta.watch(&moved);
        }
        self.dirty = true;
    }

    pub(crate) fn count_watches(
        &mut self,
        env: &Env,
        caller: &Caller,
        (change, bytes): (i64, i64),
    ) {
        self.dirty = true;
        self.state.indices.heed(self.state.watches.any_on_indices());
        let Some((domid, life)) = caller.guest() else { return };
        if self.state.domains.living(&env.keys, domid, life).is_none() {
            return;
        }
        if let Some(domain) = self.state.domains.get_mut(&env.keys, domid) {
            let count = i64::from(domain.watches) + change;
            domain.watches = u32::try_from(count).unwrap_or(0);
            domain.memory = domain.memory.saturating_add_signed(bytes);
        }
    }
}
