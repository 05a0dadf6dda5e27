//! Seeds of the connection machine: commands to its three clients, in the target's own form.
//!
//! A command is one byte, the client's number plus three times what to do, and what that needs. A
//! request names its payload's strings by their place in the target's list of pieces; should that
//! list change, the seeds still run, but mean less.

use myriad_ring::v1::Op;

/// The privileged client, by its number.
const CONTROL: u8 = 0;
/// Domain 5, and domain 6.
const FIVE: u8 = 1;
const SIX: u8 = 2;

/// Places in the target's list of pieces.
const A: u8 = 1;
const A_B: u8 = 2;
const IN_FIVE: u8 = 3;
const HOME_OF_FIVE: u8 = 4;
const IN_SIX: u8 = 5;
const SHARED: u8 = 6;
const SHARED_X: u8 = 7;
const RELEASES: u8 = 8;
const INTRODUCTIONS: u8 = 9;
const N5: u8 = 10;
const B6: u8 = 11;
const R0: u8 = 12;
const TRUE: u8 = 13;
const FALSE: u8 = 14;
const NUMBER_5: u8 = 15;
const NUMBER_6: u8 = 16;
const ZERO: u8 = 17;
const MINUS: u8 = 18;
const MEMORY: u8 = 19;
const NODES: u8 = 20;
const PRINT: u8 = 22;
/// Added to a place, the string has no NUL behind it.
const OPEN: u8 = 216;

/// The seeds, by name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let scripts: [(&str, Write); 10] = [
        ("conflict", conflict),
        ("death-of-a-domain", death_of_a_domain),
        ("events-across-clients", events_across_clients),
        ("guest-without-privilege", guest_without_privilege),
        ("permissions", permissions),
        ("quota-of-nodes", quota_of_nodes),
        ("quotas-and-features", quotas_and_features),
        ("reader-that-stalls", reader_that_stalls),
        ("target", target),
        ("transaction", transaction),
    ];
    let written = scripts.map(|(name, write)| {
        let mut script = Script::default();
        write(&mut script);
        (name, script.0)
    });
    written.to_vec()
}

fn conflict(to: &mut Script) {
    to.ask(FIVE, Op::TransactionStart, 0, &[ZERO]).read(FIVE);
    to.ask(FIVE, Op::Read, 1, &[SHARED]).ask(CONTROL, Op::Write, 0, &[SHARED, OPEN + A]);
    to.ask(FIVE, Op::Write, 1, &[SHARED_X, OPEN + A]).ask(FIVE, Op::TransactionEnd, 1, &[TRUE]);
    to.read(FIVE).read(CONTROL);
}

fn transaction(to: &mut Script) {
    to.ask(SIX, Op::Watch, 0, &[SHARED, A]).read(SIX);
    to.ask(FIVE, Op::TransactionStart, 0, &[ZERO]).ask(FIVE, Op::TransactionStart, 0, &[ZERO]);
    to.ask(FIVE, Op::Write, 1, &[SHARED_X, OPEN + A]).ask(FIVE, Op::Directory, 1, &[SHARED]);
    to.ask(FIVE, Op::Rm, 2, &[SHARED_X]).read(FIVE);
    to.ask(FIVE, Op::TransactionEnd, 1, &[TRUE]).ask(FIVE, Op::TransactionEnd, 2, &[FALSE]);
    to.read(FIVE).deliver().read(SIX);
}

fn events_across_clients(to: &mut Script) {
    to.ask(CONTROL, Op::Watch, 0, &[HOME_OF_FIVE, A]).ask(CONTROL, Op::Watch, 0, &[RELEASES, A]);
    to.ask(FIVE, Op::Watch, 0, &[A, A_B, ZERO]).ask(FIVE, Op::Write, 0, &[A, OPEN + A_B]);
    to.ask(FIVE, Op::Write, 0, &[A_B, OPEN + A]).ask(FIVE, Op::Rm, 0, &[A]).read(FIVE);
    to.deliver().read(CONTROL).ask(FIVE, Op::Unwatch, 0, &[A, A_B]).read(FIVE);
}

fn permissions(to: &mut Script) {
    to.ask(FIVE, Op::Mkdir, 0, &[A]).ask(FIVE, Op::SetPerms, 0, &[A, N5, B6, R0]).read(FIVE);
    to.ask(SIX, Op::Write, 0, &[IN_FIVE, OPEN + A]).ask(SIX, Op::GetPerms, 0, &[IN_FIVE]).read(SIX);
    to.ask(FIVE, Op::SetPerms, 0, &[A, B6]).ask(CONTROL, Op::SetPerms, 0, &[RELEASES, N5, B6]);
    to.ask(SIX, Op::GetPerms, 0, &[RELEASES]).read(SIX).read(FIVE).read(CONTROL);
}

fn quota_of_nodes(to: &mut Script) {
    for path in [A, A_B, IN_FIVE, SHARED_X, N5, B6, R0, TRUE, FALSE, NUMBER_5, NUMBER_6] {
        to.ask(FIVE, Op::Mkdir, 0, &[path]).read(FIVE);
    }
    to.ask(FIVE, Op::Rm, 0, &[A]).ask(FIVE, Op::Mkdir, 0, &[MEMORY]).read(FIVE);
}

fn quotas_and_features(to: &mut Script) {
    to.ask(CONTROL, Op::GetQuota, 0, &[]).ask(CONTROL, Op::GetQuota, 0, &[NUMBER_5, NODES]);
    to.ask(CONTROL, Op::SetQuota, 0, &[NUMBER_5, MEMORY, ZERO]);
    to.ask(CONTROL, Op::SetQuota, 0, &[NODES, MINUS]).ask(CONTROL, Op::GetFeature, 0, &[NUMBER_6]);
    to.ask(CONTROL, Op::SetFeature, 0, &[NUMBER_6, ZERO]).ask(FIVE, Op::GetFeature, 0, &[]);
    to.ask(CONTROL, Op::Control, 0, &[PRINT, A]).read(CONTROL).read(FIVE);
}

fn guest_without_privilege(to: &mut Script) {
    let ops = [Op::Control, Op::Introduce, Op::Release, Op::Resume, Op::SetTarget, Op::SetQuota];
    for op in ops {
        to.ask(SIX, op, 0, &[NUMBER_6, NUMBER_5, NUMBER_5]).read(SIX);
    }
    to.ask(SIX, Op::IsDomainIntroduced, 4, &[NUMBER_6]).garbage(SIX, &[0; 7]).read(SIX);
}

fn reader_that_stalls(to: &mut Script) {
    to.ask(FIVE, Op::Watch, 0, &[SHARED, A]).ask(FIVE, Op::Watch, 0, &[SHARED_X, A]);
    for _ in 0..8 {
        to.ask(SIX, Op::Write, 0, &[SHARED_X, OPEN + A]).read(SIX).deliver();
        to.ask(FIVE, Op::Read, 0, &[SHARED_X]);
    }
    to.pass(21).deliver().read(FIVE).ask(FIVE, Op::ResetWatches, 0, &[ZERO]).read(FIVE);
}

fn death_of_a_domain(to: &mut Script) {
    to.ask(CONTROL, Op::Watch, 0, &[INTRODUCTIONS, A]).ask(CONTROL, Op::Watch, 0, &[RELEASES, A]);
    to.ask(SIX, Op::TransactionStart, 0, &[ZERO]).ask(SIX, Op::Write, 0, &[IN_SIX, OPEN + A]);
    to.read(SIX).ask(CONTROL, Op::Release, 0, &[NUMBER_6]).read(CONTROL);
    to.ask(SIX, Op::Write, 1, &[SHARED_X, OPEN + A]).read(SIX).restart(SIX);
    to.ask(CONTROL, Op::Introduce, 0, &[NUMBER_6, NUMBER_5, NUMBER_5]).read(CONTROL);
}

fn target(to: &mut Script) {
    to.ask(FIVE, Op::Mkdir, 0, &[A]).ask(FIVE, Op::SetPerms, 0, &[A, N5]).read(FIVE);
    to.ask(CONTROL, Op::SetTarget, 0, &[NUMBER_6, NUMBER_5]).read(CONTROL);
    to.ask(SIX, Op::Write, 0, &[IN_FIVE, OPEN + A]).ask(SIX, Op::Rm, 0, &[HOME_OF_FIVE]);
    to.read(SIX);
}

type Write = fn(&mut Script);

/// An input under construction.
#[derive(Default)]
struct Script(Vec<u8>);

impl Script {
    fn ask(&mut self, client: u8, op: Op, tx_id: u8, pieces: &[u8]) -> &mut Script {
        let [op, ..] = (op as u32).to_le_bytes();
        self.0.extend([client, op, tx_id]);
        self.0.extend(u8::try_from(pieces.len()));
        self.0.extend(pieces);
        self
    }

    fn garbage(&mut self, client: u8, bytes: &[u8]) -> &mut Script {
        self.0.push(client + 3 * 10);
        self.0.extend(u8::try_from(bytes.len()));
        self.0.extend(bytes);
        self
    }

    fn read(&mut self, client: u8) -> &mut Script {
        self.0.extend([client + 3 * 11, u8::MAX]);
        self
    }

    fn pass(&mut self, seconds: u8) -> &mut Script {
        self.0.extend([3 * 13, seconds]);
        self
    }

    fn deliver(&mut self) -> &mut Script {
        self.0.push(3 * 14);
        self
    }

    fn restart(&mut self, client: u8) -> &mut Script {
        self.0.push(client + 3 * 15);
        self
    }
}
