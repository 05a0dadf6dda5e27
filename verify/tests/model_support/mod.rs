//! Random steps for the store and its model.

use myriad_core::{Access, DomId, Perm, Quota, Special};
use myriad_verify::model::Request;
use myriad_verify::model::twin::{Asker, GUESTS, Part, SLOTS, Step, Watching};
use proptest::collection::vec;
use proptest::prelude::*;

/// Steps, shown one a line.
#[derive(Clone)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|step| f.write_str(&format!("\n{step:?}")))
    }
}

pub(crate) fn steps(
    step: impl Strategy<Value = Step>,
    most: usize,
) -> impl Strategy<Value = Steps> {
    vec(step, 1..=most).prop_map(Steps)
}

/// All that can happen.
pub(crate) fn anything() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (asker(), request(path().boxed())).prop_map(|(a, r)| Step::Request(a, r)),
        3 => vec((asker(), request(path().boxed())), 2..6).prop_map(Step::Batch),
        12 => transacted(path().boxed()),
        6 => together(path().boxed()),
        14 => watches(),
        6 => specials(),
        14 => domains(),
    ]
}

/// Many requests to a publication.
pub(crate) fn batches() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec((asker(), request(path().boxed())), 1..60).prop_map(Step::Batch),
        1 => watches(),
        1 => domains(),
    ]
}

/// Transactions, and what comes between.
pub(crate) fn inside() -> impl Strategy<Value = Step> {
    let few = || few_paths().boxed();
    prop_oneof![
        60 => transacted(few()),
        25 => (asker(), request(few())).prop_map(|(a, r)| Step::Request(a, r)),
        15 => together(few()),
        5 => watches(),
        4 => domains(),
    ]
}

fn transacted(path: BoxedStrategy<String>) -> impl Strategy<Value = Step> {
    let bound = prop_oneof![3 => Just(0u32), 1 => 1..20u32];
    prop_oneof![
        1 => (0..SLOTS, bound).prop_map(|(slot, bound)| Step::Begin(slot, bound)),
        9 => (0..SLOTS, asker(), request(path)).prop_map(|(s, a, r)| Step::Inside(s, a, r)),
        3 => (0..SLOTS, prop::bool::weighted(0.9)).prop_map(|(s, commits)| Step::End(s, commits)),
    ]
}

fn together(path: BoxedStrategy<String>) -> impl Strategy<Value = Step> {
    (asker(), vec(part(path), 1..8)).prop_map(|(asker, all)| Step::Together(asker, all))
}

fn part(path: BoxedStrategy<String>) -> impl Strategy<Value = Part> {
    let seen = || prop_oneof![6 => path.clone(), 1 => reserved()];
    prop_oneof![
        12 => request(path.clone()).prop_map(Part::Do),
        1 => (seen(), value()).prop_map(|(p, v)| Part::IfValue(p, v)),
        2 => seen().prop_map(Part::IfExists),
        2 => seen().prop_map(Part::IfAbsent),
    ]
}

fn request(path: BoxedStrategy<String>) -> impl Strategy<Value = Request> {
    let path = || path.clone();
    let index = || prop_oneof![Just("domain-name"), Just("vm-name"), Just("two"), Just("none")];
    prop_oneof![
        8 => (path(), value()).prop_map(|(p, v)| Request::Write(p, v)),
        2 => path().prop_map(Request::Mkdir),
        3 => path().prop_map(Request::Rm),
        4 => (path(), list()).prop_map(|(p, l)| Request::SetPerms(p, l)),
        2 => path().prop_map(Request::Read),
        2 => path().prop_map(Request::List),
        1 => path().prop_map(Request::GetPerms),
        1 => (index(), value()).prop_map(|(i, key)| Request::Lookup(i.to_owned(), key)),
        1 => reserved().prop_map(Request::Read),
        1 => reserved().prop_map(Request::List),
        1 => reserved().prop_map(Request::GetPerms),
    ]
}

fn watches() -> impl Strategy<Value = Step> {
    let depth = prop_oneof![3 => Just(None), 1 => (0..3u32).prop_map(Some)];
    let watching = (watched(), 0..2u8, depth, any::<bool>())
        .prop_map(|(path, token, depth, relative)| Watching { path, token, depth, relative });
    prop_oneof![
        12 => (asker(), watching).prop_map(|(a, w)| Step::Watch(a, w)),
        4 => (asker(), watched(), 0..2u8).prop_map(|(a, p, t)| Step::Unwatch(a, p, t)),
        1 => asker().prop_map(Step::DropWatches),
        1 => asker().prop_map(Step::MoveWatches),
    ]
}

fn specials() -> impl Strategy<Value = Step> {
    let node = || prop_oneof![Just(Special::IntroduceDomain), Just(Special::ReleaseDomain)];
    prop_oneof![
        1 => (asker(), node()).prop_map(|(a, n)| Step::GetSpecial(a, n)),
        1 => (asker(), node(), list()).prop_map(|(a, n, l)| Step::SetSpecial(a, n, l)),
    ]
}

fn domains() -> impl Strategy<Value = Step> {
    let any_domain = || (0..=GUESTS + 1).prop_map(DomId);
    let quota = proptest::sample::select(Quota::ALL.to_vec());
    let value = prop_oneof![3 => 0..40u32, 1 => 100..3000u32];
    prop_oneof![
        2 => any_domain().prop_map(Step::Know),
        8 => any_domain().prop_map(Step::Introduce),
        6 => any_domain().prop_map(Step::Release),
        2 => vec(any_domain(), 0..3).prop_map(Step::Shutdown),
        1 => any_domain().prop_map(Step::Resume),
        4 => (any_domain(), any_domain()).prop_map(|(d, t)| Step::Target(d, t)),
        1 => (any_domain(), any::<u32>()).prop_map(|(d, bits)| Step::Features(d, bits)),
        3 => (proptest::option::of(any_domain()), quota, value)
            .prop_map(|(d, q, v)| Step::Quota(d, q, v)),
        1 => (any_domain(), 0..3u64).prop_map(|(d, id)| Step::Seat(d, id)),
    ]
}

fn asker() -> impl Strategy<Value = Asker> {
    prop_oneof![
        16 => Just(Asker::CONTROL),
        8 => (1..=GUESTS).prop_map(Asker::guest),
        1 => (1..=GUESTS).prop_map(|domid| Asker { domid, before: true }),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => (0..4u8).prop_map(|n| format!("n{n}")),
        2 => (0..60u8).prop_map(|n| format!("wide-{n}")),
        1 => Just("name".to_owned()),
    ];
    let deep = (1..200usize).prop_map(|n| "/d".repeat(n));
    let vm = (0..4u8).prop_map(|n| format!("/local/domain/{n}/name"));
    let short = vec(name, 1..5)
        .prop_map(|names| names.iter().fold(String::new(), |path, name| path + "/" + name));
    prop_oneof![1 => Just("/".to_owned()), 20 => short, 1 => deep, 3 => vm]
}

fn few_paths() -> impl Strategy<Value = String> {
    let all = ["/", "/a", "/a/x", "/a/x/y", "/a/z", "/b", "/b/x/y", "/n/m", "/n/m/k"];
    let named = ["/local/domain/1/name", "/local/domain/2/name", "/vm/1/name", "/vm/2/name"];
    proptest::sample::select([&all[..], &named[..]].concat()).prop_map(str::to_owned)
}

fn reserved() -> impl Strategy<Value = String> {
    let index = prop_oneof![Just("domain-name"), Just("vm-name"), Just("two"), Just("none")];
    let key = prop_oneof![Just("_"), Just("_00"), Just("a"), Just("_ff_00")];
    let leaf = prop_oneof![Just("1"), Just("2"), Just("n1__n2")];
    prop_oneof![
        1 => Just("/@index".to_owned()),
        3 => index.clone().prop_map(|index| format!("/@index/{index}")),
        4 => (index.clone(), key.clone()).prop_map(|(i, k)| format!("/@index/{i}/{k}")),
        2 => (index, key, leaf).prop_map(|(i, k, l)| format!("/@index/{i}/{k}/{l}")),
    ]
}

fn watched() -> impl Strategy<Value = String> {
    let special = prop_oneof![
        Just("@introduceDomain".to_owned()),
        Just("@releaseDomain".to_owned()),
        (0..=GUESTS).prop_map(|domid| format!("@releaseDomain/{domid}")),
        (0..=GUESTS).prop_map(|domid| format!("@introduceDomain/{domid}")),
        Just("@other".to_owned()),
    ];
    prop_oneof![6 => path(), 4 => few_paths(), 2 => special, 2 => reserved()]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        16 => vec(prop_oneof![Just(b'a'), Just(0), any::<u8>()], 0..12),
        16 => vec(prop_oneof![Just(b'a'), Just(0)], 0..2),
        6 => vec(any::<u8>(), 0..1800),
        1 => Just(vec![b'x'; 4095]),
    ]
}

fn list() -> impl Strategy<Value = Vec<Perm>> {
    let letter = prop_oneof![Just(b'n'), Just(b'r'), Just(b'w'), Just(b'b')];
    let domid = prop_oneof![12 => 0..=GUESTS + 1, 1 => Just(DomId::ANY.0)];
    let perm = (letter, domid).prop_map(|(letter, domid)| Perm {
        access: Access::from_letter(letter).expect("a letter"),
        domid: DomId(domid),
    });
    vec(perm, 0..7)
}
