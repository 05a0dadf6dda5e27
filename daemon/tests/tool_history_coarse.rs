//! The tool on a history most of which is merged: one version for many commits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod past;

use std::{path::Path, process::Command};

use past::{DOM0, Do, Maker, Story, outcome, text};
use serde_json::Value;

const COMMITS: u64 = 3000;
/// In the part that is merged.
const FLAG: u64 = 500;

/// A store in which values that can't be packed replace each other.
fn story() -> Story {
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    maker.commit(DOM0, &[Do::Write("/data", "")]);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        state >> 20
    };
    for count in 0..COMMITS {
        let value: String = (0..40).map(|_| format!("{:x}", random())).collect();
        let path = format!("/data/{}", random() % 4);
        if count == FLAG {
            maker.commit(DOM0, &[Do::Write("/flag", "")]);
        }
        if count % 100 == 99 {
            maker.commit(DOM0, &[Do::Remove("/data"), Do::Write("/data", "")]);
        }
        maker.commit(DOM0, &[Do::Write(&path, &value)]);
    }
    maker.close();
    story
}

fn good(story: &Story, args: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let (code, out, err) = outcome(&story.command(program, args).output().unwrap());
    assert_eq!(code, 0, "{args:?} {err}");
    out
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_merged_is_told_searched_and_exported() {
    let story = story();
    let log = lines(&good(&story, &["--json", "log"]));
    let generations: Vec<u64> = log.iter().map(|c| c["generation"].as_u64().unwrap()).collect();
    assert!(generations.is_sorted_by(|newer, older| newer > older));
    let merged = log.iter().filter(|commit| commit["merged"] == true).count();
    assert!(merged > 3 && merged < log.len(), "{merged} of {}", log.len());

    let stats = &lines(&good(&story, &["--json", "history", "stats"]))[0];
    let oldest = |tier: usize| stats["tiers"][tier]["oldest"]["generation"].as_u64().unwrap();
    assert!(oldest(0) > oldest(2), "every commit is kept of the recent past alone: {stats}");

    good(&story, &["bisect", "start"]);
    let found = good(&story, &["--json", "bisect", "run", "--expr", "absent /flag"]);
    let found = &lines(&found).pop().unwrap();
    let (first, last) = (found["generation"].as_u64().unwrap(), found["good"].as_u64().unwrap());
    assert!(first > FLAG && last < first, "{found}");
    assert!(!good(&story, &["ls", "-d", "1", &format!("{last}:/")]).contains("flag"));
    assert!(good(&story, &["ls", "-d", "1", &format!("{first}:/")]).contains("flag"));

    let place = story.dir.path().join("git");
    good(&story, &["export", "--git", place.to_str().unwrap()]);
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&place).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?} {}", text(&output.stderr));
        text(&output.stdout)
    };
    let commits = git(&["log", "--format=%H %s"]);
    // Some of all ages, merged ones among them: the files are the nodes.
    for line in commits.lines().step_by(commits.lines().count() / 30) {
        let (commit, subject) = line.split_once(' ').unwrap();
        let generation = subject.split_once(':').unwrap().0;
        let tree = good(&story, &["ls", "-f", &format!("{generation}:/")]);
        let nodes: Vec<&str> = tree.lines().filter(|line| line.contains(" = ")).collect();
        let files = git(&["ls-tree", "-r", "--name-only", commit, "data/"]);
        let files = files.lines().filter(|file| !file.ends_with(".perms"));
        let shown: Vec<String> = files
            .map(|file| format!("/{file} = \"{}\"", git(&["show", &format!("{commit}:{file}")])))
            .collect();
        let (mut nodes, mut shown) = (nodes, shown);
        nodes.sort_unstable();
        shown.sort_unstable();
        assert_eq!(nodes, shown, "{generation}");
    }
}
