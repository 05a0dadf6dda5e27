//! What must be so when all is quiet.

use myriad_core::{Caller, Path, Reads};

use super::{
    actor::{Actor, Who},
    answers::mark_of,
    errand::COUNTER,
    world::World,
};

impl World {
    /// Looks at everything. All must be quiet.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut view = self.daemon.stepped.store().pin();
        view.check().map_err(|why| format!("the version contradicts itself: {why:?}"))?;
        let mut read = |path: &str| {
            let path = Path::new(path).map_err(|error| error.to_string())?;
            Ok::<_, String>(view.read(&Caller::Control, path).ok().map(<[u8]>::to_vec))
        };
        let mut counted = self.counted;
        for resident in &self.actors {
            let actor = &resident.actor;
            counted = (counted.0 + actor.counted, counted.1 + actor.uncertain);
            check_watches(actor, &mut read)?;
            let wanted = (actor.marks > 0).then_some((actor.life, actor.marks));
            let found = read(&actor.node())?.as_deref().and_then(mark_of);
            if found != wanted {
                return Err(format!("{} is {found:?}, not {wanted:?}", actor.node()));
            }
        }
        let count = read(COUNTER)?.and_then(|value| String::from_utf8(value).ok()?.parse().ok());
        let count: u64 = count.unwrap_or(0);
        if !(counted.0..=counted.0 + counted.1).contains(&count) {
            let (sure, unsure) = counted;
            return Err(format!("the counter is {count}: {sure} are sure, {unsure} are not"));
        }
        self.actors.iter().try_for_each(|resident| {
            self.check_usage(&resident.actor)?;
            self.check_home(&resident.actor)
        })
    }

    /// A domain has the watches that it has set, and no more.
    fn check_usage(&self, actor: &Actor) -> Result<(), String> {
        let Who::Guest(domid) = actor.who else { return Ok(()) };
        let known = self.daemon.stepped.store().pin().domain(domid);
        let watches = known.ok_or_else(|| format!("domain {domid} is not known"))?.watches;
        let wanted = actor.watched.len() + usize::from(actor.own.is_set);
        if u64::from(watches) != wanted as u64 {
            return Err(format!("domain {domid} has {watches} watches, not {wanted}"));
        }
        Ok(())
    }

    /// Everything below a client's home is as its model says.
    fn check_home(&self, actor: &Actor) -> Result<(), String> {
        let mut view = self.daemon.stepped.store().pin();
        let mut todo = vec![actor.home.clone()];
        let mut found = 0;
        while let Some(path) = todo.pop() {
            found += 1;
            let at = Path::new(&path).map_err(|error| error.to_string())?;
            let value = view.read(&Caller::Control, at).map(<[u8]>::to_vec);
            let wanted = actor.model.read(&Caller::Control, &path);
            if value != wanted {
                return Err(format!("{path} is {value:?}, not {wanted:?}"));
            }
            let list = view.list(&Caller::Control, at).map_err(|error| error.to_string())?;
            let names: Vec<String> = String::from_utf8_lossy(&list.names)
                .split_terminator('\0')
                .map(str::to_owned)
                .collect();
            let wanted = actor.model.list(&Caller::Control, &path).map(|list| list.names);
            if wanted.as_ref() != Ok(&names) {
                return Err(format!("{path} has {names:?}, not {wanted:?}"));
            }
            todo.extend(names.iter().map(|name| format!("{path}/{name}")));
        }
        let within = format!("{}/", actor.home);
        let wanted = 1 + actor.model.nodes().filter(|(path, _)| path.starts_with(&within)).count();
        if found != wanted {
            return Err(format!("{} has {found} nodes, not {wanted}", actor.home));
        }
        Ok(())
    }
}

/// Each has seen the last state of what it watches.
fn check_watches(
    actor: &Actor,
    read: &mut impl FnMut(&str) -> Result<Option<Vec<u8>>, String>,
) -> Result<(), String> {
    if actor.own.owed > 0 {
        return Err(format!("{:?} has {:?}", actor.who, actor.own));
    }
    for (path, seen) in &actor.watched {
        // Guests aren't told of what they must not read.
        if matches!(actor.who, Who::Guest(_)) && !path.starts_with("/local/") {
            continue;
        }
        let now = read(path)?.as_deref().and_then(mark_of);
        if now.is_some_and(|now| now != seen.last) {
            let (who, last) = (actor.who, seen.last);
            return Err(format!("{path} is {now:?}, and {who:?} was told of {last:?} last"));
        }
    }
    Ok(())
}
