//! `myriad export --git`: what git makes of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod past;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use past::{DOM0, Do, Maker, Story, outcome, text};

fn export(story: &Story, place: &Path) -> (i32, String, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let args = ["export", "--git", place.to_str().unwrap()];
    outcome(&story.command(program, &args).output().unwrap())
}

/// git in a repository, by itself: no configuration of whoever runs this counts.
fn git(place: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(place)
        .args(["-c", "user.name=test", "-c", "user.email=test@example"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn new(story: &Story) -> PathBuf {
    let place = story.dir.path().join("repository");
    let (code, out, err) = export(story, &place);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("repository: 15 new commits, up to generation 15\n"), "{out}");
    place
}

#[test]
fn log_diff_and_bisect_of_git_work_on_an_export() {
    let story = Story::new();
    let place = new(&story);
    assert_eq!(git(&place, &["rev-list", "--count", "HEAD"]), "15\n");
    let log = git(&place, &["log", "-3", "--format=%an|%ae|%aI|%s"]);
    let expected = "\
control|control@xenstore|2026-11-20T12:00:14+00:00|15: P /local/domain/5/name  (n0,r5,b6)
control|control@xenstore|2026-11-20T12:00:13+00:00|14: D /local/domain/5/device
control|control@xenstore|2026-11-20T12:00:12+00:00|13: M /local/domain/5/name = \"web-2\"
";
    assert_eq!(log.replace('Z', "+00:00"), expected);
    let by_guest = git(&place, &["log", "--format=%s", "--author=domain 5"]);
    assert_eq!(by_guest.lines().count(), 10);
    assert_eq!(git(&place, &["show", "HEAD~3:local/domain/5/name"]), "web");
    assert_eq!(git(&place, &["show", "HEAD~3:local/domain/5/device/vif"]), "two\nlines");
    let diff = git(&place, &["diff", "--name-status", "HEAD~3", "HEAD"]);
    let names: Vec<&str> = diff.lines().collect();
    assert_eq!(
        names,
        [
            "M\tlocal/domain/5/.perms",
            "D\tlocal/domain/5/device/.perms",
            "D\tlocal/domain/5/device/vif",
            "M\tlocal/domain/5/name",
        ]
    );
    let perms = fs::read_to_string(place.join("local/domain/5/.perms")).unwrap();
    assert_eq!(perms, ". n0,r5\ndata n5\nname n0,r5,b6\n");
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
    git(&place, &["bisect", "start", "HEAD", "HEAD~13"]);
    let found = git(&place, &["bisect", "run", "test", "-e", "local/domain/5/device/vif"]);
    assert!(found.contains("is the first bad commit"), "{found}");
    assert!(found.contains("    14: D /local/domain/5/device\n"), "{found}");
    git(&place, &["bisect", "reset"]);
    git(&place, &["fsck", "--strict"]);
}

#[test]
fn every_commit_has_the_tree_of_its_version() {
    let story = Story::new();
    let place = new(&story);
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    for back in 0..14 {
        let generation = 15 - back;
        let args = ["ls", "-f", &format!("{generation}:/")];
        let listed = text(&story.command(program, &args).output().unwrap().stdout);
        let leaves = listed.lines().filter(|line| line.contains(" = "));
        let files = git(&place, &["ls-tree", "-r", "--name-only", &format!("HEAD~{back}")]);
        let files: Vec<&str> = files.lines().filter(|file| !file.contains("/.")).collect();
        for leaf in leaves {
            let (path, value) = leaf.split_once(" = ").unwrap();
            assert!(files.contains(&&path[1..]), "{generation} {path} {files:?}");
            let blob = git(&place, &["show", &format!("HEAD~{back}:{}", &path[1..])]);
            assert_eq!(format!("\"{}\"", blob.replace('\n', "\\n")), value, "{generation} {path}");
        }
    }
}

#[test]
fn an_export_is_brought_up_to_date() {
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.flush();
    let place = new(&story);
    let before = git(&place, &["rev-parse", "HEAD"]);
    let (code, out, _) = export(&story, &place);
    assert!(code == 0 && out.ends_with("0 new commits, up to generation 15\n"), "{out}");
    maker.commit(DOM0, &[Do::Write("/local/domain/5/name/below", "x")]);
    maker.commit(DOM0, &[Do::Remove("/local/domain/5")]);
    maker.close();
    let (code, out, err) = export(&story, &place);
    assert!(code == 0 && out.contains("2 new commits, up to generation 17"), "{out} {err}");
    assert_eq!(git(&place, &["rev-parse", "HEAD~2"]), before);
    assert_eq!(git(&place, &["show", "HEAD~1:local/domain/5/name/.value"]), "web-2");
    assert_eq!(git(&place, &["ls-files"]), ".perms\nlocal/.perms\nlocal/domain\n");
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
}

#[test]
fn nothing_of_anybody_else_is_written_over() {
    let refused = |story: &Story, place: &Path, says: &str| {
        let (code, out, err) = export(story, place);
        assert!(code == 9 && err.contains(says), "{code} {out} {err}");
    };
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.flush();
    let place = new(&story);
    let file = place.join("local/domain/5/name");
    fs::write(&file, "mine").unwrap();
    maker.commit(DOM0, &[Do::Write("/local/domain/5/name", "theirs")]);
    maker.close();
    refused(&story, &place, "were changed; take the changes away");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    refused(&Story::new(), &place, "was made from another history");
    let full = story.dir.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("file"), "").unwrap();
    refused(&story, &full, "neither empty nor a git repository");
    let foreign = story.dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    git(&foreign, &["init", "-q", "-b", "main"]);
    git(&foreign, &["commit", "-q", "--allow-empty", "-m", "mine"]);
    refused(&story, &foreign, "is no export's");
    let elsewhere = story.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    git(&elsewhere, &["init", "-q", "-b", "trunk"]);
    git(&elsewhere, &["commit", "-q", "--allow-empty", "-m", "mine"]);
    refused(&story, &elsewhere, "is no export's");
    assert_eq!(git(&elsewhere, &["rev-list", "--count", "--all"]), "1\n");
}

#[test]
fn a_bare_repository_and_one_inside_of_another_are_fine() {
    let story = Story::new();
    let bare = story.dir.path().join("bare.git");
    fs::create_dir(&bare).unwrap();
    git(&bare, &["init", "-q", "--bare", "-b", "main"]);
    assert_eq!(export(&story, &bare).0, 0);
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "15\n");
    git(story.dir.path(), &["init", "-q", "-b", "main"]);
    let inside = story.dir.path().join("inside");
    assert_eq!(export(&story, &inside).0, 0);
    assert_eq!(git(&inside, &["rev-list", "--count", "main"]), "15\n");
    let mut outside = Command::new("git");
    outside.arg("-C").arg(story.dir.path()).args(["rev-parse", "--verify", "HEAD"]);
    let outside = outside.output().unwrap();
    assert!(!outside.status.success(), "nothing was committed outside");
}
