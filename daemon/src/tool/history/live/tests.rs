//! Random steps, and what a model has after and before each.

use super::*;
use crate::tool::history::layout::tests::Model;

fn node(value: &str) -> Node {
    Node { value: value.as_bytes().into(), perms: [].into(), generation: 1 }
}

fn model(live: &Live) -> Model {
    let nodes = live
        .nodes
        .iter()
        .map(|(key, node)| (key.0.to_string(), (node.value.to_vec(), words::perms(&node.perms))));
    Model(nodes.collect())
}

fn same(picture: &dyn Picture, model: &Model, all: &[&str]) {
    for path in all {
        assert_eq!(picture.value(path), model.value(path), "{path}");
        assert_eq!(picture.has_children(path), model.has_children(path), "{path}");
        let (mut mine, mut theirs) = (picture.children(path), model.children(path));
        assert!(mine.is_sorted(), "{mine:?}");
        mine.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(mine, theirs, "{path}");
    }
}

/// Changes that make a step, with a detour: what goes is removed, what is above it too, and
/// what remains is made again.
fn commit(step: &[Difference]) -> Vec<OwnedChange> {
    let change = |path: &str, what| OwnedChange {
        author: Default::default(),
        generation: 2,
        path: path.into(),
        what,
    };
    let mut changes = vec![change("@special", OwnedWhat::Noted("x".into()))];
    for one in step {
        match &one.after {
            None => changes.push(change(&one.path, OwnedWhat::Removed)),
            Some(node) => {
                let (value, perms) = (b"other".to_vec(), node.perms.clone());
                changes.push(change(&one.path, OwnedWhat::Created { value, perms }));
                let value = node.value.to_vec();
                changes.push(change(&one.path, OwnedWhat::Written { value }));
                changes.push(change(&one.path, OwnedWhat::Perms(node.perms.clone())));
            }
        }
    }
    changes
}

#[test]
fn a_commit_that_does_not_fit_is_no_step() {
    let written = OwnedWhat::Written { value: Vec::new() };
    let mut changes = commit(&[]);
    let (path, author) = ("/missing".into(), Default::default());
    changes.push(OwnedChange { author, generation: 2, path, what: written });
    assert_eq!(Live::default().step_of(&changes), None);
    assert_eq!(Live::default().step_of(&changes[..1]), Some(Vec::new()));
}

#[test]
fn a_step_and_what_was_before_it_are_as_a_model_has_them() {
    let all = ["/", "/a", "/a/b", "/a/b/c", "/a/b-c", "/a/d", "/aa", "/aa/b", "/e"];
    let mut live = Live::default();
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        state >> 33
    };
    for _ in 0..500 {
        let old = model(&live);
        let mut step = Vec::new();
        for path in all.iter().skip(1) {
            let before = live.get(path).cloned();
            let is_orphan = parent(path).is_some_and(|parent| {
                let changed = step.iter().rev().find(|one: &&Difference| one.path == parent);
                changed
                    .map_or(parent != "/" && live.get(parent).is_none(), |one| one.after.is_none())
            });
            let after = match random() % 4 {
                _ if is_orphan => None,
                0 => None,
                1 => Some(node(&random().to_string())),
                _ => before.clone(),
            };
            if before != after {
                step.push(Difference { path: (*path).into(), before, after });
            }
        }
        let mut by_commit = Live { nodes: live.nodes.clone() };
        by_commit.apply(&by_commit.step_of(&commit(&step)).unwrap());
        live.apply(&step);
        assert_eq!(model(&by_commit), model(&live));
        same(&live, &model(&live), &all);
        same(&live.before(&step), &old, &all);
    }
}
