//! Samples that break each rule, and some that are close and keep it.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Allowed, Findings, documents, rust,
    source::{Function, Source},
    workspace,
};

/// What a rule finds in a sample.
fn breaks(path: &str, text: &str, rule: impl Fn(&Source, &mut Findings)) -> Vec<String> {
    let mut found = Findings::default();
    rule(&Source::new(path, text), &mut found);
    found.0
}

#[test]
fn code_comments_and_strings_are_told_apart() {
    let text = "let a = \"un\\\"safe // {\"; // unsafe\n\
        let b = r#\"}\"\"#; /* { /* */ */ let c = '{';\n\
        fn f<'a>(x: &'a [u8; 2]) -> char {\n    '\\''\n}\nfn g();\n";
    let file = Source::new("x.rs", text);
    assert_eq!(file.lines[0].code.trim_end(), "let a = \"             \";");
    assert_eq!(file.lines[0].comment.trim(), "// unsafe");
    assert_eq!(file.lines[1].code.matches(['{', '}']).count(), 0);
    assert_eq!(file.functions(), [Function { name: "f".into(), first: 2, last: 4 }]);
    assert_eq!(file.lines.len(), 6);
}

#[test]
fn lengths_can_break() {
    let long = |len: usize| format!("//! x\n{}", "\n".repeat(len - 1));
    let listed: &[Allowed] = &[("a.rs", "reason")];
    let file = |len, listed| breaks("a.rs", &long(len), |f, to| rust::file_length(f, listed, to));
    assert_eq!((file(300, &[]).len(), file(301, &[]).len(), file(301, listed).len()), (0, 1, 0));
    assert_eq!((file(501, listed).len(), file(300, listed).len()), (1, 1));

    let line =
        |len, listed| breaks("a.rs", &"é".repeat(len), |f, to| rust::line_length(f, listed, to));
    assert_eq!((line(100, &[]).len(), line(101, &[]).len(), line(101, listed).len()), (0, 1, 0));
    assert_eq!(line(100, listed).len(), 1);

    let body = |len: usize| format!("fn f() {{{}}}", "\n".repeat(len - 1));
    let listed: &[Allowed] = &[("a.rs::f", "reason")];
    let function =
        |len, listed| breaks("a.rs", &body(len), |f, to| rust::function_length(f, listed, to));
    assert_eq!((function(70, &[]).len(), function(71, &[]).len()), (0, 1));
    assert_eq!(function(71, listed).len(), 0);
    assert_eq!(breaks("a.rs", "use a;\n//! late\n", rust::opening).len(), 1);
}

#[test]
fn unsafe_code_can_break() {
    let listed: &[Allowed] = &[("core/src/a.rs", "reason")];
    let rule = |path, text| breaks(path, text, |f, to| rust::unsafe_code(f, listed, to)).len();
    let good = "// SAFETY: it holds.\nunsafe { a() }";
    assert_eq!((rule("core/src/a.rs", good), rule("core/src/b.rs", good)), (0, 1));
    assert_eq!(rule("core/src/a.rs", "unsafe { a() }"), 1);
    assert_eq!(rule("core/src/a.rs", "// SAFETY: far away.\n\nlet a;\nunsafe { a() }"), 1);
    assert_eq!(rule("core/src/a.rs", &format!("{good}\nunsafe {{ b() }}")), 1);
    let rule = |path, text| breaks(path, text, |f, to| rust::forbids_unsafe(f, listed, to)).len();
    assert_eq!((rule("ring/src/lib.rs", "//! x"), rule("core/src/lib.rs", "//! x")), (1, 0));
    assert_eq!(rule("ring/src/bin/a.rs", "#![forbid(unsafe_code)]"), 0);
}

#[test]
fn synchronization_can_break() {
    let doors: &[Allowed] = &[("core/src/sync.rs", "reason")];
    let rule = |path, text| breaks(path, text, |f, to| rust::atomics(f, doors, to)).len();
    let import = "use std::sync::{Arc, atomic::AtomicU64};";
    assert_eq!((rule("core/src/a.rs", import), rule("core/src/sync.rs", import)), (1, 0));
    assert_eq!((rule("core/tests/a.rs", import), rule("core/src/a/tests.rs", import)), (0, 0));

    let rule = |body: &str| {
        let head = "//! x\n//! # Synchronization\nuse crate::sync::Ordering::{Acquire, Release};\n";
        let text = format!("{head}fn f() {{\n{body}\n}}\n");
        breaks("core/src/a.rs", &text, |f, to| rust::orderings(f, doors, to)).len()
    };
    assert_eq!(rule("a.load(Acquire);"), 1);
    assert_eq!(rule("// Acquire: pairs with the Release in `g`.\na.load(Acquire);"), 0);
    assert_eq!(rule("// Release: pairs with the Acquire in `g`.\na.load(Acquire);"), 1);
    assert_eq!(rule("// Pairs with the swap in `g`.\na.load(Acquire);"), 0);
    assert_eq!(rule("a.load(Acquire);\n// Acquire: pairs with the Release in `g`."), 1);
    let bare = "//! x\nfn f() { a.load(Ordering::Relaxed) }";
    let bare = breaks("core/src/a.rs", bare, |f, to| rust::orderings(f, doors, to));
    assert_eq!(bare.len(), 1, "no section on synchronization");
}

#[test]
fn leftovers_can_break() {
    let rule = |text: &str| breaks("a.rs", text, rust::leftovers).len();
    assert_eq!(
        (rule("todo!()"), rule("unimplemented!(\"x\")"), rule("#[ignore = \"\"]")),
        (1, 1, 1)
    );
    assert_eq!((rule(concat!("// FIX", "ME: x")), rule(concat!("/* XX", "X */"))), (1, 1));
    assert_eq!(rule("let todo = \"todo!()\"; // todo"), 0);
}

#[test]
fn folders_and_places_can_break() {
    let check = |names: &[&str]| {
        let mut found = Findings::default();
        let names: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
        workspace::folders(&names, &mut found);
        found.0.len()
    };
    assert_eq!(check(&["benches", "core", "daemon", "ring", "verify"]), 0);
    assert_eq!((check(&workspace::FOLDERS), check(&["core"]), check(&["x"])), (0, 4, 6));

    let check = |path: &str, text: &str| {
        let mut found = Findings::default();
        workspace::places(path, text, &[("listed.rs", "reason")], &mut found);
        found.0.len()
    };
    let (root, tmp) = (["", "root", "x"].join("/"), ["", "tmp", "x"].join("/"));
    assert_eq!((check("a.md", &format!("cd {root}")), check("a.sh", &format!("cd {tmp}"))), (1, 1));
    assert_eq!(check("a.rs", &format!("open(\"{tmp}\")")), 1);
    assert_eq!((check("a.md", &tmp), check("a.rs", &format!("//! {tmp}"))), (0, 0));
    assert_eq!((check("listed.rs", &tmp), check("a.sh", &format!("$peers{root}"))), (0, 0));
}

#[test]
fn documents_can_break() {
    let files = [
        ("core/Cargo.toml", "[package]\nname = \"c\"\n[[bin]]\nname = \"b\"\n"),
        ("core/tests/a.rs", "#[test]\nfn it_holds() {}\nfn helper() {}\n"),
        (".ci/x.sh", ""),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let check = |text: &str| {
        let mut found = Findings::default();
        documents::links("core/A.md", text, &files, &mut found);
        documents::commands("core/A.md", text, &files, &mut found);
        found.0.len()
    };
    for good in ["[a](tests/a.rs)", "[a](#b)", "[a](https://b.c)", "`.ci/x.sh 3`", "`cargo test`"] {
        assert_eq!(check(good), 0, "{good}");
    }
    assert_eq!(check("`cargo test -p c --test a it_holds`, `cargo run -p c --bin b -- x`"), 0);
    let bad = ["[a](b.rs)", "`.ci/y.sh`", "`cargo test -p d`", "`cargo test -p c --test b`"];
    for bad in bad.into_iter().chain(["`cargo test -p c helper`", "cargo run -p c --bin x"]) {
        assert_eq!(check(bad), 1, "{bad}");
    }
}

#[test]
fn manifests_can_break() {
    let manifest =
        "[workspace.dependencies]\nmyriad-core = {}\nloom = \"1\"\nrustix = \"1\"\n\n[x]\n";
    let table = |lines: &str| {
        let mut found = Findings::default();
        let text = format!("# C\n## Dependencies\n{lines}## More\n| `late` |\n");
        workspace::reasons(manifest, &text, &mut found);
        found.0.len()
    };
    assert_eq!(table("| `loom` | models |\n| `rustix` | calls |\n"), 0);
    assert_eq!((table("| `loom` | models |\n"), table("| `loom` |\n| `old` |\n")), (1, 2));

    let member = |text: &str| {
        let mut found = Findings::default();
        let both = [("Cargo.toml", manifest), ("a/Cargo.toml", text)];
        let both = both.map(|(path, text)| (path.to_owned(), text.to_owned()));
        workspace::members(&both, &mut found);
        found.0
    };
    let head = "[package]\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n\n[lints]\nworkspace = true\n";
    let good = "[dependencies]\nloom.workspace = true\nrustix = { workspace = true }\n";
    assert_eq!(member(&format!("{head}{good}")), Vec::<String>::new());
    let bad = "[dev-dependencies]\nloom = \"1\"\n";
    assert_eq!(member(&format!("{head}{bad}")).len(), 2, "not the workspace's; rustix is unused");
    assert_eq!(member(good).len(), 5, "no lints, no metadata");
}

fn package(name: &str, license: &str, source: Option<&str>) -> serde_json::Value {
    json!({ "name": name, "license": license, "source": source })
}

#[test]
fn licences_can_break() {
    for good in ["MIT", "MIT OR GPL-2.0-only", "(MIT OR Apache-2.0) AND NCSA", "Unlicense/MIT"] {
        assert!(workspace::is_permissive(good), "{good}");
    }
    assert!(workspace::is_permissive("GPL-3.0 OR Apache-2.0 WITH LLVM-exception"));
    for bad in
        ["", "GPL-2.0-only", "MIT AND LGPL-2.1", "(MIT OR GPL-2.0) AND MPL-2.0", "MIT WITH x"]
    {
        assert!(!workspace::is_permissive(bad), "{bad}");
    }
    let mut packages = vec![package("good", "MIT", Some("registry")); 6];
    packages.push(package("krata-xenstore", "Apache-2.0", Some("registry")));
    packages.push(package("ring", "MIT OR Apache-2.0", None));
    packages.push(package("gnu", "GPL-2.0-only", Some("registry")));
    let mut found = Findings::default();
    workspace::packages(&json!({ "packages": packages }), &mut found);
    assert_eq!(found.0.len(), 3, "{:?}", found.0);
}
