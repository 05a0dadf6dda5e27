//! Seeds of the shared page: what its two guests do, in the target's own form.
//!
//! The first byte says where the indices begin. A command is one byte, the guest's number (0 the
//! liar, 1 the honest one) plus twice what to do, and what that needs.

use myriad_ring::{page::Word, v1::Op};

const LIAR: u8 = 0;
const HONEST: u8 = 1;

/// Places in the target's list of payloads.
const A: u8 = 0;
const SHARED_X: u8 = 1;
const SHARED_WATCH: u8 = 5;

/// Where the indices wrap at once, where soon, and where not.
const AT_THE_END: u8 = 127;
const NEAR_THE_END: u8 = 100;
const FURTHER_ON: u8 = 200;

/// Ways to lie: any value, more, less, a ring further.
const ANY: u8 = 4;
const MORE: u8 = 5;
const LESS: u8 = 6;
const RING: u8 = 7;

/// The seeds, by name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let scripts: [(&str, u8, Write); 9] = [
        ("events-between-guests", FURTHER_ON, events_between_guests),
        ("firmware-zeroes-the-page", FURTHER_ON + 1, firmware_zeroes_the_page),
        ("indices-of-the-guest", NEAR_THE_END, indices_of_the_guest),
        ("indices-of-the-server", NEAR_THE_END, indices_of_the_server),
        ("introduced-again", FURTHER_ON, introduced_again),
        ("many-requests", AT_THE_END, many_requests),
        ("reconnection", NEAR_THE_END, reconnection),
        ("too-long-a-payload", FURTHER_ON, too_long_a_payload),
        ("words-and-bytes", FURTHER_ON, words_and_bytes),
    ];
    let written = scripts.map(|(name, start, write)| {
        let mut script = Script(vec![start]);
        write(&mut script);
        (name, script.0)
    });
    written.to_vec()
}

fn events_between_guests(to: &mut Script) {
    to.ask(HONEST, Op::Watch, SHARED_WATCH, 0).turn(HONEST).turn(HONEST);
    to.ask(LIAR, Op::Write, SHARED_X, 9).turn(LIAR).turn(LIAR).turn(HONEST);
}

fn many_requests(to: &mut Script) {
    for len in [0, 3, 40, 90, 120] {
        to.ask(LIAR, Op::Write, A, len).ask(LIAR, Op::Read, A, 0).turn(LIAR);
        to.ask(HONEST, Op::Write, SHARED_X, len).ask(HONEST, Op::Read, SHARED_X, 0).turn(HONEST);
    }
}

fn reconnection(to: &mut Script) {
    to.ask(LIAR, Op::Watch, SHARED_WATCH, 0).push(&[1; 20]).turn(LIAR);
    to.ask(HONEST, Op::Read, A, 200).turn(HONEST).reconnect(LIAR).reconnect(HONEST);
    to.ask(LIAR, Op::Read, A, 0).turn(LIAR).ask(HONEST, Op::Read, A, 0).turn(HONEST);
}

fn indices_of_the_guest(to: &mut Script) {
    to.ask(LIAR, Op::Write, A, 2).turn(LIAR).lie(Word::RequestsProduced, MORE, &[]).turn(LIAR);
    to.lie(Word::ResponsesConsumed, LESS, &[]).turn(LIAR).reconnect(LIAR);
    to.lie(Word::RequestsProduced, RING, &[]).turn(LIAR).lie(Word::RequestsProduced, RING, &[]);
    to.turn(LIAR).reconnect(LIAR).lie(Word::RequestsProduced, ANY, &[0, 0, 0, 64]).turn(LIAR);
}

fn indices_of_the_server(to: &mut Script) {
    to.ask(LIAR, Op::Read, A, 0).turn(LIAR).lie(Word::RequestsConsumed, LESS, &[]).turn(LIAR);
    to.lie(Word::ResponsesProduced, MORE, &[]).ask(LIAR, Op::Read, A, 0).turn(LIAR).turn(LIAR);
}

fn firmware_zeroes_the_page(to: &mut Script) {
    to.ask(LIAR, Op::Read, A, 0).turn(LIAR).turn(LIAR).wipe();
    to.ask(LIAR, Op::Read, A, 0).turn(LIAR).turn(LIAR);
}

fn introduced_again(to: &mut Script) {
    to.ask(LIAR, Op::Watch, SHARED_WATCH, 0).turn(LIAR).introduce();
    to.reconnect(LIAR).ask(LIAR, Op::Watch, SHARED_WATCH, 0).turn(LIAR).turn(LIAR);
}

fn too_long_a_payload(to: &mut Script) {
    to.push(&[[2, 0, 0, 0], [1, 0, 0, 0], [0; 4], [0, 0, 0, 64]].concat()).turn(LIAR);
    to.reconnect(LIAR).ask(LIAR, Op::Read, A, 0).turn(LIAR);
}

fn words_and_bytes(to: &mut Script) {
    for word in [Word::Features, Word::Error, Word::EventChannel, Word::Connection] {
        to.lie(word, ANY, &[1, 0, 0, 0]).turn(LIAR);
    }
    to.ask(LIAR, Op::Write, A, 1).scribble(LIAR, 200, &[2; 31]).turn(LIAR).scribble(HONEST, 0, &[]);
}

type Write = fn(&mut Script);

/// An input under construction.
struct Script(Vec<u8>);

impl Script {
    fn command(&mut self, guest: u8, what: u8, needs: &[u8]) -> &mut Script {
        self.0.push(guest + 2 * what);
        self.0.extend(needs);
        self
    }

    /// Queues a request, `len` times 8 bytes longer than its payload in the list.
    fn ask(&mut self, guest: u8, op: Op, payload: u8, len: u8) -> &mut Script {
        let at = Op::ALL.iter().position(|one| *one == op).and_then(|at| u8::try_from(at).ok());
        self.command(guest, 0, &[at.unwrap_or(0), 0, len, payload])
    }

    /// The guest moves what it can, the server sweeps, and the guest takes what there is.
    fn turn(&mut self, guest: u8) -> &mut Script {
        self.command(guest, 3, &[]).command(guest, 5, &[]).command(guest, 3, &[])
    }

    fn lie(&mut self, word: Word, how: u8, value: &[u8]) -> &mut Script {
        let at = Word::ALL.iter().position(|one| *one == word).and_then(|at| u8::try_from(at).ok());
        self.command(LIAR, 7, &[at.unwrap_or(0), how]);
        self.0.extend(value);
        self
    }

    /// In the ring of requests, or by `HONEST`'s number in that of responses.
    fn scribble(&mut self, lane: u8, place: u8, bytes: &[u8]) -> &mut Script {
        self.command(lane, 8, &[place]);
        self.0.extend(u8::try_from(bytes.len()));
        self.0.extend(bytes);
        self
    }

    /// The liar queues any bytes.
    fn push(&mut self, bytes: &[u8]) -> &mut Script {
        self.command(LIAR, 9, &[]);
        self.0.extend(u8::try_from(bytes.len()));
        self.0.extend(bytes);
        self
    }

    fn reconnect(&mut self, guest: u8) -> &mut Script {
        self.command(guest, 10, &[])
    }

    fn introduce(&mut self) -> &mut Script {
        self.command(0, 11, &[])
    }

    fn wipe(&mut self) -> &mut Script {
        self.command(1, 11, &[])
    }
}
