//! Seeds of the connection machine: commands to its three clients, in the target's own form.
//!
//! A command is one byte, the client's number plus three times what to do, and what that needs. A
//! request is its operation, its transaction, its shape, and for each of its strings the place in
//! the target's lists; should those lists change, the seeds still run, but mean less.

use myriad_ring::v1::Op;

/// The privileged client, domain 5 and domain 6, by number.
const CONTROL: u8 = 0;
const FIVE: u8 = 1;
const SIX: u8 = 2;

/// Places in the target's lists: paths, …
const A: u8 = 0;
const A_B: u8 = 1;
const IN_FIVE: u8 = 2;
const HOME_OF_FIVE: u8 = 3;
const IN_SIX: u8 = 4;
const SHARED: u8 = 5;
const SHARED_X: u8 = 6;
const SHARED_X_Y: u8 = 7;
const ROOT: u8 = 8;
const RELEASES: u8 = 9;
const INTRODUCTIONS: u8 = 10;
/// … permissions, …
const N5: u8 = 0;
const B6: u8 = 1;
const R0: u8 = 2;
const R_ANY: u8 = 3;
const N7: u8 = 4;
/// … numbers, …
const NUMBER_5: u8 = 0;
const NUMBER_6: u8 = 1;
const ZERO: u8 = 3;
const TWO: u8 = 4;
const MINUS: u8 = 6;
/// … names, of which the first is a token too, …
const TOKEN: u8 = 0;
const MEMORY: u8 = 2;
const NODES: u8 = 3;
const PRINT: u8 = 6;
/// … and how a transaction ends.
const TRUE: u8 = 0;
const FALSE: u8 = 2;

/// The shape of a request in its usual form, and of the longer form of WATCH and SET_PERMS.
const USUAL: u8 = 200;
const LONGER: u8 = 40;

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
    to.ask(FIVE, Op::TransactionStart, 0, &[ROOT]).read(FIVE);
    to.ask(FIVE, Op::Directory, 1, &[SHARED]).write(CONTROL, 0, SHARED_X);
    to.write(FIVE, 1, A).ask(FIVE, Op::TransactionEnd, 1, &[TRUE]).read(FIVE).read(CONTROL);
}

fn transaction(to: &mut Script) {
    to.ask(SIX, Op::Watch, 0, &[SHARED, TOKEN]).read(SIX);
    to.ask(FIVE, Op::TransactionStart, 0, &[ROOT]).ask(FIVE, Op::TransactionStart, 0, &[ROOT]);
    to.read(FIVE).write(FIVE, 1, SHARED_X).ask(FIVE, Op::Directory, 1, &[SHARED]);
    to.write(FIVE, 1, SHARED_X_Y).ask(FIVE, Op::Rm, 2, &[SHARED_X]).read(FIVE);
    to.ask(FIVE, Op::TransactionEnd, 1, &[TRUE]).ask(FIVE, Op::TransactionEnd, 2, &[FALSE]);
    to.read(FIVE).deliver().read(SIX);
}

fn events_across_clients(to: &mut Script) {
    to.ask(CONTROL, Op::Watch, 0, &[HOME_OF_FIVE, TOKEN]);
    to.ask(CONTROL, Op::Watch, 0, &[RELEASES, TOKEN]).read(CONTROL);
    to.longer(FIVE, Op::Watch, &[A, TOKEN, ZERO]).write(FIVE, 0, A).write(FIVE, 0, A_B);
    to.ask(FIVE, Op::Rm, 0, &[A]).read(FIVE).deliver().read(CONTROL);
    to.ask(FIVE, Op::Unwatch, 0, &[A, TOKEN]).read(FIVE);
}

fn permissions(to: &mut Script) {
    to.ask(FIVE, Op::Mkdir, 0, &[A]).longer(FIVE, Op::SetPerms, &[A, N5, B6, R0]).read(FIVE);
    to.write(SIX, 0, IN_FIVE).ask(SIX, Op::GetPerms, 0, &[IN_FIVE]).read(SIX);
    to.ask(FIVE, Op::SetPerms, 0, &[A, B6]).ask(FIVE, Op::SetPerms, 0, &[A, N7]).read(FIVE);
    to.longer(CONTROL, Op::SetPerms, &[RELEASES, N5, B6, R_ANY]).read(CONTROL);
    to.ask(SIX, Op::GetPerms, 0, &[RELEASES]).ask(SIX, Op::Watch, 0, &[RELEASES, TOKEN]).read(SIX);
}

fn quota_of_nodes(to: &mut Script) {
    for path in [A, A_B, SHARED_X, SHARED_X_Y] {
        to.write(FIVE, 0, path).write(SIX, 0, path).read(FIVE).read(SIX);
    }
    to.longer(FIVE, Op::SetPerms, &[SHARED_X, B6, B6, B6]).write(SIX, 0, IN_SIX);
    to.ask(FIVE, Op::Rm, 0, &[A]).write(FIVE, 0, A_B).read(FIVE).read(SIX);
}

fn quotas_and_features(to: &mut Script) {
    to.ask(CONTROL, Op::GetQuota, 0, &[NODES]).ask(CONTROL, Op::GetQuota, 0, &[TOKEN]);
    to.ask(CONTROL, Op::SetQuota, 0, &[MEMORY, ZERO]).read(CONTROL);
    to.ask(CONTROL, Op::SetQuota, 0, &[NODES, MINUS]).ask(CONTROL, Op::GetFeature, 0, &[NUMBER_6]);
    to.ask(CONTROL, Op::SetQuota, 0, &[NODES, TWO]).write(FIVE, 0, A_B).read(FIVE);
    to.ask(CONTROL, Op::SetFeature, 0, &[NUMBER_6, ZERO]).ask(FIVE, Op::GetFeature, 0, &[ZERO]);
    to.ask(CONTROL, Op::Control, 0, &[PRINT, TOKEN]).read(CONTROL).read(FIVE);
}

fn guest_without_privilege(to: &mut Script) {
    to.ask(SIX, Op::Introduce, 0, &[NUMBER_6, NUMBER_5, NUMBER_5]).read(SIX);
    for op in [Op::SetTarget, Op::SetFeature, Op::SetQuota, Op::Control] {
        to.ask(SIX, op, 0, &[NUMBER_6, NUMBER_5]).read(SIX);
    }
    for op in [Op::Release, Op::Resume] {
        to.ask(SIX, op, 0, &[NUMBER_5]).read(SIX);
    }
    to.ask(SIX, Op::IsDomainIntroduced, 3, &[NUMBER_6]).garbage(SIX, &[0; 7]).read(SIX);
}

fn reader_that_stalls(to: &mut Script) {
    to.ask(FIVE, Op::Watch, 0, &[SHARED, TOKEN]).ask(FIVE, Op::Watch, 0, &[SHARED_X, TOKEN]);
    for _ in 0..8 {
        to.write(SIX, 0, SHARED_X).read(SIX).deliver().ask(FIVE, Op::Read, 0, &[SHARED_X]);
    }
    to.pass(21).deliver().read(FIVE).ask(FIVE, Op::ResetWatches, 0, &[ROOT]).read(FIVE);
}

fn death_of_a_domain(to: &mut Script) {
    to.ask(CONTROL, Op::Watch, 0, &[INTRODUCTIONS, TOKEN]);
    to.ask(CONTROL, Op::Watch, 0, &[RELEASES, TOKEN]).read(CONTROL);
    to.ask(SIX, Op::TransactionStart, 0, &[ROOT]).write(SIX, 0, IN_SIX).read(SIX);
    to.ask(CONTROL, Op::Release, 0, &[NUMBER_6]).read(CONTROL);
    to.write(SIX, 1, SHARED_X).read(SIX).restart(SIX);
    to.ask(CONTROL, Op::Introduce, 0, &[NUMBER_6, NUMBER_5, NUMBER_5]).read(CONTROL);
    to.ask(SIX, Op::Read, 0, &[IN_SIX]).read(SIX);
}

fn target(to: &mut Script) {
    to.ask(FIVE, Op::Mkdir, 0, &[A]).ask(FIVE, Op::SetPerms, 0, &[A, N5]).read(FIVE);
    to.ask(CONTROL, Op::SetTarget, 0, &[NUMBER_6, NUMBER_5]).read(CONTROL);
    to.write(SIX, 0, IN_FIVE).ask(SIX, Op::Rm, 0, &[HOME_OF_FIVE]).read(SIX);
}

type Write = fn(&mut Script);

/// An input under construction.
#[derive(Default)]
struct Script(Vec<u8>);

impl Script {
    fn ask(&mut self, client: u8, op: Op, tx_id: u8, places: &[u8]) -> &mut Script {
        self.shaped(client, op, tx_id, USUAL, places)
    }

    fn longer(&mut self, client: u8, op: Op, places: &[u8]) -> &mut Script {
        self.shaped(client, op, 0, LONGER, places)
    }

    /// Writes a value of 36 bytes.
    fn write(&mut self, client: u8, tx_id: u8, path: u8) -> &mut Script {
        self.shaped(client, Op::Write, tx_id, USUAL, &[path, 3])
    }

    fn shaped(&mut self, client: u8, op: Op, tx: u8, shape: u8, places: &[u8]) -> &mut Script {
        let [op, ..] = (op as u32).to_le_bytes();
        let tx = if tx == 0 { 0 } else { 128 + tx };
        self.0.extend([client, op, tx, shape]);
        self.0.extend(places);
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
