//! The specification against the reference model: the programs of histories, one request at a time.

use myriad_core::{Caller, Config, ConnId, DomId, Errno, Error};
use myriad_verify::{
    linear::{
        act::{Act, Ask, Reply, strings},
        generate::program,
        item::Item,
        record::{Call, ClientLog},
        spec::{Asker, State},
    },
    model::{Answer, Model, Request, Transaction, Watch},
    oracle::rng::Rng,
};

/// An event: client, path and token.
type Told = (usize, String, String);

/// What the model was asked and answers, in order.
struct Asked {
    model: Model,
    open: Vec<Option<Transaction>>,
    callers: Vec<Caller>,
    logs: Vec<ClientLog>,
    /// Of each request its client, and the events that followed.
    order: Vec<(usize, Vec<Told>)>,
}

impl Asked {
    fn new(setup: &[Act], domids: &[u16]) -> Asked {
        let mut model = Model::new(&Config::default());
        for domid in domids {
            model.know_domain(DomId(*domid));
        }
        for act in setup {
            model.run(&Caller::Control, &request(act)).unwrap();
        }
        let log = |domid: &u16| ClientLog { domid: *domid, ..ClientLog::default() };
        Asked {
            open: domids.iter().map(|_| None).collect(),
            logs: domids.iter().map(log).collect(),
            callers: domids.iter().map(|domid| model.caller(DomId(*domid)).unwrap()).collect(),
            model,
            order: Vec::new(),
        }
    }

    fn ask(&mut self, client: usize, ask: Ask) {
        self.model.take_events();
        let reply = self.answer(client, &ask);
        let raised = self.model.take_events();
        let client_of = |conn: ConnId| usize::try_from(conn.0).unwrap();
        let mut told: Vec<Told> = raised
            .into_iter()
            .map(|e| (client_of(e.conn), e.path, String::from_utf8(e.token).unwrap()))
            .collect();
        let one = |(path, token): &(String, String)| (client, path.clone(), token.clone());
        match (&ask.act, &reply) {
            (Act::Watch(path, token), Ok(_)) => told.push((client, path.clone(), token.clone())),
            (Act::WatchAll(watches), Ok(_)) => told.extend(watches.iter().map(one)),
            _ => {}
        }
        let call = Call { ask, invoked: 0, answered: 0, reply, events: Vec::new() };
        self.logs[client].calls.push(call);
        self.order.push((client, told));
    }

    /// Executes the same by the specification.
    fn compare(self, setup: &[Act]) {
        let mut state = State::after(setup, self.logs.len());
        let mut at = vec![0; self.logs.len()];
        for (client, mut told) in self.order {
            let asker = Asker { client, log: &self.logs[client] };
            let call = &asker.log.calls[at[client]];
            if call.ask.act == Act::Start {
                state.begin(asker, at[client]).unwrap();
            }
            let effects = state.step(asker, at[client]);
            let effects = effects.unwrap_or_else(|right| panic!("{call:?} should be {right}"));
            at[client] += 1;
            let due = effects.due.into_iter();
            let mut due: Vec<Told> =
                due.map(|d| (d.client, d.path.to_string(), d.token.to_string())).collect();
            // Who is told first is nobody's matter: each has a stream of its own.
            due.sort_by_key(|told| told.0);
            told.sort_by_key(|told| told.0);
            if !effects.is_ordered {
                due.sort();
                told.sort();
            }
            assert_eq!(due, told, "{}", call.ask);
        }
    }

    fn answer(&mut self, client: usize, ask: &Ask) -> Reply {
        let Asked { model, open, callers, .. } = self;
        let (caller, conn) = (callers[client], ConnId(client as u64));
        let done = |result: Result<(), Error>| bytes(result.map(|()| Answer::Done));
        match &ask.act {
            Act::Start => {
                open[client] = Some(model.begin(0));
                Ok(b"1\0".to_vec())
            }
            Act::End(commit) => {
                let tx = open[client].take().unwrap();
                done(if *commit { model.commit(&tx) } else { Ok(()) })
            }
            Act::Watch(path, token) => {
                let (path, token) = (path.clone(), token.clone().into_bytes());
                done(model.watch(Watch { conn, caller, path, token, depth: None, prefix: 0 }))
            }
            Act::Unwatch(path, token) => done(model.unwatch(conn, path, token.as_bytes())),
            Act::Commit(items) => commit(model, &caller, items),
            Act::WatchAll(watches) => watch_all(model, caller, conn, watches),
            act => {
                let mut run = |request: &Request| match &mut open[client] {
                    Some(tx) if ask.tx => tx.run(model, &caller, request),
                    _ => model.run(&caller, request),
                };
                look(act, &mut run).unwrap_or_else(|| bytes(run(&request(act))))
            }
        }
    }
}

/// What v2 asks in one request is several of the model's; none for another act.
fn look(act: &Act, run: &mut impl FnMut(&Request) -> Result<Answer, Error>) -> Option<Reply> {
    let mut told = |path: String| match bytes(run(&Request::Read(path))) {
        Ok(value) => value,
        Err(errno) => format!("!{errno}").into_bytes(),
    };
    match act {
        Act::GetMany(paths) => {
            Some(Ok(paths.iter().flat_map(|p| [told(p.clone()), vec![0]].concat()).collect()))
        }
        Act::ListValues(path) => {
            let names = match run(&Request::List(path.clone())) {
                Ok(Answer::Names(listing)) => listing.names,
                other => return Some(bytes(other)),
            };
            let mut all = Vec::new();
            for name in names {
                let value = bytes(run(&Request::Read(format!("{path}/{name}"))));
                let value = value.unwrap_or_else(|errno| format!("!{errno}").into_bytes());
                all.extend([name.as_bytes(), b"=", &value, &[0]].concat());
            }
            Some(Ok(all))
        }
        Act::LookUp(key) => {
            let found = run(&Request::Lookup("domain-name".into(), key.clone().into_bytes()));
            let Ok(Answer::Matches(found)) = found else { return Some(Ok(Vec::new())) };
            let one = |(domain, owner): &(String, DomId)| format!("{domain} {}\0", owner.0);
            Some(Ok(found.iter().flat_map(|found| one(found).into_bytes()).collect()))
        }
        _ => None,
    }
}

/// A COMMIT is a transaction that nobody meets.
fn commit(model: &mut Model, caller: &Caller, items: &[Item]) -> Reply {
    let mut tx = model.begin(0);
    for (at, item) in items.iter().enumerate() {
        let blame = |errno: &str| Err(format!("{errno} {at}"));
        let mut run = |request: &Request| bytes(tx.run(model, caller, request));
        let read = |path: &String| Request::Read(path.clone());
        let failed = match item {
            Item::Change(act) => run(&request(act)).err(),
            Item::IfExists(path) => run(&read(path)).err(),
            Item::IfValue(path, value) => match run(&read(path)) {
                Ok(is) if is == value.as_bytes() => None,
                Ok(_) => Some("EAGAIN".into()),
                Err(errno) => Some(errno),
            },
            Item::IfAbsent(path) => match run(&read(path)) {
                Ok(_) => Some("EEXIST".into()),
                Err(errno) => Some(errno).filter(|errno| errno != "ENOENT"),
            },
        };
        if let Some(errno) = failed {
            return blame(&errno);
        }
    }
    bytes(model.commit_at_once(&tx).map(|()| Answer::Done))
}

fn watch_all(
    model: &mut Model,
    caller: Caller,
    conn: ConnId,
    watches: &[(String, String)],
) -> Reply {
    for (at, (path, token)) in watches.iter().enumerate() {
        let (path, token) = (path.clone(), token.clone().into_bytes());
        let watch = Watch { conn, caller, path, token, depth: None, prefix: 0 };
        if let Err(error) = model.watch(watch) {
            for (path, token) in &watches[..at] {
                model.unwatch(conn, path, token.as_bytes()).unwrap();
            }
            return Err(format!("{} {at}", Errno::from(&error).name()));
        }
    }
    Ok(b"OK\0".to_vec())
}

fn request(act: &Act) -> Request {
    match act.clone() {
        Act::Read(path) => Request::Read(path),
        Act::List(path) => Request::List(path),
        Act::GetPerms(path) => Request::GetPerms(path),
        Act::Write(path, value) => Request::Write(path, value.into_bytes()),
        Act::Mkdir(path) => Request::Mkdir(path),
        Act::Rm(path) => Request::Rm(path),
        Act::SetPerms(path, perms) => Request::SetPerms(path, perms),
        other => panic!("{other} is no request of a tree"),
    }
}

fn bytes(answer: Result<Answer, Error>) -> Reply {
    let names = |names: Vec<String>| names.iter().flat_map(|n| n.bytes().chain([0])).collect();
    match answer {
        Ok(Answer::Done) => Ok(b"OK\0".to_vec()),
        Ok(Answer::Value(value)) => Ok(value),
        Ok(Answer::Names(listing)) => Ok(names(listing.names)),
        Ok(Answer::Perms(perms)) => Ok(strings(&perms).into_bytes()),
        Ok(Answer::Matches(_)) => unreachable!("nobody looks up"),
        Err(error) => Err(Errno::from(&error).name().to_owned()),
    }
}

#[test]
fn the_specification_is_that_of_the_reference_model() {
    let domids = [0, 0, 1, 2];
    let (mut requests, mut events, mut failed) = (0, 0, 0);
    for number in 0..230 {
        let program = program(30, number, &domids);
        let mut asked = Asked::new(&program.setup, &domids);
        let asks = |client: &Vec<Vec<Ask>>| client.concat().into_iter().rev().collect();
        let mut left: Vec<Vec<Ask>> = program.clients.iter().map(asks).collect();
        let mut rng = Rng::new(number);
        while left.iter().any(|asks| !asks.is_empty()) {
            let client = rng.below(left.len());
            if let Some(ask) = left[client].pop() {
                asked.ask(client, ask);
            }
        }
        let calls = asked.logs.iter().flat_map(|log| &log.calls);
        failed += calls.filter(|call| call.reply == Err("EAGAIN".into())).count();
        requests += asked.order.len();
        events += asked.order.iter().map(|(_, told)| told.len()).sum::<usize>();
        asked.compare(&program.setup);
    }
    assert!(requests > 9_000 && events > 1_000 && failed > 100, "{requests} {events} {failed}");
}
