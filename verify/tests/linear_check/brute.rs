//! The search against one that tries all orders, on random small histories.

use myriad_verify::{
    linear::{
        act::{Act, Ask, Reply},
        check::{Verdict, check},
        record::{Call, ClientLog, History},
        spec::{Asker, State},
    },
    oracle::rng::Rng,
};

/// Whether any order explains it. Nothing is remembered, and nothing left out.
fn any_order(history: &History, state: &State, at: &[(usize, bool)]) -> bool {
    let next = |client: usize| history.clients[client].calls.get(at[client].0);
    let soonest = (0..at.len()).filter_map(next).map(|call| call.answered).min();
    let Some(soonest) = soonest else { return true };
    (0..at.len()).any(|client| {
        let Some(call) = next(client).filter(|call| call.invoked <= soonest) else { return false };
        let (mut state, mut at) = (state.clone(), at.to_vec());
        if call.ask.act == Act::Start && !at[client].1 {
            let asker = Asker { client, log: &history.clients[client] };
            let is_right = state.begin(asker, at[client].0).is_ok();
            at[client].1 = true;
            return is_right && any_order(history, &state, &at);
        }
        let asker = Asker { client, log: &history.clients[client] };
        let is_right = state.step(asker, at[client].0).is_ok();
        at[client] = (at[client].0 + 1, false);
        is_right && any_order(history, &state, &at)
    })
}

fn pick<T: Clone>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.below(all.len())].clone()
}

fn call(rng: &mut Rng, tx: bool) -> (Ask, Reply) {
    let path = pick(rng, &["/a", "/a/b"]).to_owned();
    let ok: Reply = Ok(b"OK\0".to_vec());
    let missing: Reply = Err("ENOENT".into());
    let values: [Reply; 4] = [Ok(b"".into()), Ok(b"1".into()), Ok(b"2".into()), missing.clone()];
    let lists: [Reply; 3] = [Ok(b"".into()), Ok(b"b\0".into()), missing.clone()];
    let (act, reply) = match rng.below(9) {
        0..=2 => (Act::Write(path, pick(rng, &["1", "2"]).into()), ok),
        3 => (Act::Mkdir(path), ok),
        4 => (Act::Rm(path), pick(rng, &[ok.clone(), ok, missing])),
        5 => (Act::List("/a".into()), pick(rng, &lists)),
        _ => (Act::Read(path), pick(rng, &values)),
    };
    (Ask { act, tx }, reply)
}

fn calls(rng: &mut Rng) -> Vec<(Ask, Reply)> {
    if rng.permille(600) {
        return (0..rng.range(1, 3)).map(|_| call(rng, false)).collect();
    }
    let ok: Reply = Ok(b"OK\0".to_vec());
    let end = pick(rng, &[ok.clone(), ok, Err("EAGAIN".into())]);
    let mut calls = vec![(Ask { act: Act::Start, tx: false }, Ok(b"1\0".to_vec()))];
    calls.extend((0..rng.range(1, 2)).map(|_| call(rng, true)));
    calls.push((Ask { act: Act::End(true), tx: true }, end));
    calls
}

fn random(rng: &mut Rng) -> History {
    let all: Vec<_> = (0..rng.range(2, 3)).map(|_| calls(rng)).collect();
    let mut times: Vec<Vec<u64>> = vec![Vec::new(); all.len()];
    let mut open: Vec<usize> = (0..all.len()).flat_map(|c| vec![c; 2 * all[c].len()]).collect();
    for now in 0.. {
        if open.is_empty() {
            break;
        }
        let client = open.swap_remove(rng.below(open.len()));
        times[client].push(now);
    }
    let clients = all.into_iter().zip(times).map(|(calls, times)| {
        // Some are sent before the answer before has come.
        let batched = rng.permille(400);
        let half = calls.len();
        let calls = calls.into_iter().enumerate().map(|(at, (ask, reply))| {
            let (sent, done) = if batched { (at, half + at) } else { (2 * at, 2 * at + 1) };
            let (invoked, answered) = (times[sent], times[done]);
            Call { ask, invoked, answered, reply, events: Vec::new() }
        });
        ClientLog { domid: 0, calls: calls.collect(), after: Vec::new() }
    });
    let clients = clients.collect();
    History { seed: 0, number: 0, setup: vec![Act::Mkdir("/a".into())], clients }
}

#[test]
fn it_finds_an_order_where_there_is_one() {
    let mut rng = Rng::new(20);
    let mut found = [0, 0];
    for number in 0..3_000 {
        let history = random(&mut rng);
        let state = State::after(&history.setup, history.clients.len());
        let exists = any_order(&history, &state, &vec![(0, false); history.clients.len()]);
        let verdict = check(&history);
        assert_eq!(matches!(verdict, Verdict::Right(_)), exists, "{number}: {history:#?}");
        found[usize::from(exists)] += 1;
    }
    assert!(found.iter().all(|n| *n > 500), "{found:?}");
}
