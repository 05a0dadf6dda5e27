//! `myriad bisect`: the first version in which something is wrong.

mod search;
mod state;
mod trial;

use std::path::{Path, PathBuf};

use myriad_history::file::Kept;
use serde_json::{Value, json};

use self::{
    search::{Next, Search, Verdict},
    state::State,
    trial::Judge,
};
use super::{
    cli::{Bisect, BisectStep},
    error::PastError,
    expr::Expr,
    log,
    show::{json_version, report_unknown},
    source::{Source, valid},
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
    sim::signals::Signals,
};

/// Does a step of a search.
///
/// # Errors
/// [`PastError::Search`] where there is no search, or there is one already; [`Failure::Past`].
pub(crate) fn bisect(
    options: &Bisect,
    named: Option<&Path>,
    default: impl FnOnce() -> PathBuf,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let file = options.state.clone().unwrap_or_else(state::default_file);
    let state = match &options.step {
        BisectStep::Reset => {
            let text = if State::forget(&file)? { "the search is forgotten" } else { "no search" };
            return say(json!({"state": "none"}), text, json, console);
        }
        BisectStep::Start { good, bad } => {
            if State::load(&file)?.is_some() {
                let says = "a search is under way; go on with it, or: myriad bisect reset";
                return Err(PastError::Search(says.into()).into());
            }
            let history = named.map_or_else(default, Path::to_owned);
            let history = std::path::absolute(&history).unwrap_or(history);
            start(history, good.as_deref(), bad.as_deref(), console)?
        }
        _ => under_way(&file, named)?,
    };
    let source = Source::open(&state.history)?;
    if source.history.stats().created != state.id {
        let history = state.history.display();
        let says = format!("the search under way isn't of {history}; name its file, or reset it");
        return Err(PastError::Search(says).into());
    }
    let mut run = Run { file, state, source, json, warned: false };
    match &options.step {
        BisectStep::Good { version } => run.say_of(version.as_deref(), Verdict::Good, console)?,
        BisectStep::Bad { version } => run.say_of(version.as_deref(), Verdict::Bad, console)?,
        BisectStep::Skip { version } => run.say_of(version.as_deref(), Verdict::Skip, console)?,
        BisectStep::Run { expr, command, below, no_files } => {
            valid(below)?;
            let below = (!no_files).then(|| below.clone());
            let judge = match expr {
                Some(expr) => Judge::Expr(Expr::parse(expr).map_err(PastError::from)?),
                None => Judge::Command(command.clone(), below, None),
            };
            run.judge_all(judge, console)?;
        }
        _ => {}
    }
    run.state.save(&run.file)?;
    run.report(console)
}

fn under_way(file: &Path, named: Option<&Path>) -> Result<State, PastError> {
    let none = "no search is under way; begin one: myriad bisect start";
    let mut state = State::load(file)?.ok_or_else(|| PastError::Search(none.into()))?;
    if let Some(named) = named {
        // The same one, moved or mounted elsewhere: who names it must know.
        state.history = named.to_owned();
    }
    Ok(state)
}

fn start(
    history: PathBuf,
    good: Option<&str>,
    bad: Option<&str>,
    console: &mut Console<'_>,
) -> Result<State, Failure> {
    let source = Source::open(&history)?;
    let newest = source.version(bad.unwrap_or("HEAD"), console.err)?;
    let oldest = match good {
        Some(good) => source.version(good, console.err)?,
        None => source.history.versions().first().copied().unwrap_or(newest),
    };
    let search = Search::new(oldest.generation, newest.generation).map_err(PastError::Search)?;
    let id = source.history.stats().created;
    Ok(State { history, id, search, good_is_said: good.is_some(), bad_is_said: bad.is_some() })
}

/// A step of a search that is under way.
struct Run {
    file: PathBuf,
    state: State,
    source: Source,
    json: bool,
    /// It has been said that some versions aren't known in full.
    warned: bool,
}

impl Run {
    fn next(&self) -> Next {
        let versions = self.source.history.versions().iter();
        self.state.search.next(versions.map(|kept| kept.generation))
    }

    fn say_of(
        &mut self,
        version: Option<&str>,
        verdict: Verdict,
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        let generation = match (version, self.next()) {
            (Some(version), _) => self.source.version(version, console.err)?.generation,
            (None, Next::Test { generation, .. }) => generation,
            (None, _) => {
                let says = "nothing is left to be looked at; say which version is meant";
                return Err(PastError::Search(says.into()).into());
            }
        };
        Ok(self.note(generation, verdict)?)
    }

    fn note(&mut self, generation: u64, verdict: Verdict) -> Result<(), PastError> {
        let search = self.state.search.with(generation, verdict).map_err(PastError::Search)?;
        self.state.search = search;
        self.state.good_is_said |= verdict == Verdict::Good;
        self.state.bad_is_said |= verdict == Verdict::Bad;
        Ok(())
    }

    /// Lets a judge judge until nothing is left.
    fn judge_all(&mut self, mut judge: Judge, console: &mut Console<'_>) -> Result<(), Failure> {
        // While a command runs, an interrupt ends that, and so the search, but not this program.
        let signals = Signals::catch().map_err(PastError::place("can't catch signals"))?;
        let Search { good, bad, .. } = self.state.search;
        if !self.state.good_is_said && self.judge(&mut judge, good, console)? != Verdict::Good {
            let says = format!(
                "generation {good}, the oldest that is kept, isn't good: when it began isn't kept \
                 any more, or the question is the wrong way round"
            );
            return Err(PastError::Search(says).into());
        }
        self.state.good_is_said = true;
        if !self.state.bad_is_said && self.judge(&mut judge, bad, console)? != Verdict::Bad {
            let says = format!("generation {bad}, the newest, isn't bad: there is nothing to find");
            return Err(PastError::Search(says).into());
        }
        self.state.bad_is_said = true;
        // Ends: each turn leaves fewer versions that are not judged.
        while let Next::Test { generation, .. } = self.next() {
            if signals.came() {
                let says = "interrupted; what was found until then is kept: run again to go on";
                return Err(PastError::Program(says.into()).into());
            }
            let verdict = self.judge(&mut judge, generation, console)?;
            self.note(generation, verdict)?;
            self.state.save(&self.file)?;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        judge: &mut Judge,
        generation: u64,
        console: &mut Console<'_>,
    ) -> Result<Verdict, Failure> {
        let kept = self.kept(generation)?;
        console.out.flush()?;
        let tree = self.source.tree(&kept)?;
        if !self.warned && !tree.is_complete() {
            self.warned = true;
            report_unknown(&tree, console)?;
        }
        let verdict = judge.judge(&self.source.history, tree)?;
        let word = verdict.word();
        let text = format!("generation {generation}, of {}: {word}", words::time(kept.at));
        let mut object = json_version(&kept);
        if let Some(object) = object.as_object_mut() {
            object.insert("verdict".into(), word.into());
        }
        say(object, &text, self.json, console)?;
        Ok(verdict)
    }

    fn kept(&self, generation: u64) -> Result<Kept, Failure> {
        let versions = self.source.history.versions();
        let upto = versions.partition_point(|kept| kept.generation <= generation);
        let says = || PastError::Unknown(format!("generation {generation} isn't kept any more"));
        let kept = upto.checked_sub(1).and_then(|at| versions.get(at));
        Ok(*kept.ok_or_else(says)?)
    }

    /// Says where the search is.
    fn report(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self.next() {
            Next::Test { generation, left, steps } => {
                let kept = self.kept(generation)?;
                let text = format!(
                    "generation {generation}, of {}: is it good or bad? ({left} versions left, \
                     about {steps} steps)\nlook at it: myriad ls {generation}:/ or myriad serve \
                     {generation}",
                    words::time(kept.at)
                );
                let mut object = json_version(&kept);
                if let Some(object) = object.as_object_mut() {
                    object.insert("state".into(), "testing".into());
                    object.insert("left".into(), left.into());
                    object.insert("steps".into(), steps.into());
                }
                say(object, &text, self.json, console)
            }
            Next::Found(bad) => self.report_found(bad, console),
            Next::OneOf(all) => {
                let list: Vec<String> = all.iter().map(u64::to_string).collect();
                let text = format!(
                    "the first bad version is one of these, all but the last of which were \
                     skipped: {}",
                    list.join(" ")
                );
                say(json!({"state": "unsure", "generations": all}), &text, self.json, console)
            }
        }
    }

    fn report_found(&self, bad: u64, console: &mut Console<'_>) -> Result<(), Failure> {
        let kept = self.kept(bad)?;
        let good = self.state.search.good;
        let mut object = json_version(&kept);
        if let Some(object) = object.as_object_mut() {
            object.insert("state".into(), "found".into());
            object.insert("good".into(), good.into());
        }
        let text = format!("generation {bad} is the first bad version; {good} was good");
        say(object, &text, self.json, console)?;
        if !self.json {
            for commit in self.source.history.commits(bad..=bad) {
                log::print(&commit.map_err(PastError::from)?, false, console.out)?;
            }
        }
        Ok(())
    }
}

fn say(object: Value, text: &str, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    if json {
        json_line(console.out, &object)?;
    } else {
        line(console.out, text.as_bytes())?;
    }
    Ok(console.out.flush()?)
}
