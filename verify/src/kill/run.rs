//! A run: who begins and kills the daemon, and gathers what the others find.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use myriad::sim::{SimError, TableError, machine::MachineError};

use super::{
    client::Client,
    daemon::{Daemon, Program, Started},
    fault::{Fault, Kind},
    guests::Guests,
    limits::FAULTS_MAX,
    overseer::Overseer,
    point::Point,
    report::Summary,
    setup::set_up,
    stage::{Note, Reporter, Stage},
};
use crate::oracle::rng::Rng;

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The daemon's program.
    pub daemon: PathBuf,
    /// More arguments for it.
    pub arguments: Vec<String>,
    /// Socket clients.
    pub clients: u16,
    /// Guests that live as long as the run.
    pub guests: u16,
    /// Guests that die while the daemon is down.
    pub mortals: u16,
    /// How often it is killed at each point, in turn.
    pub kills: Vec<(Point, u32)>,
    /// What the draws begin with.
    pub seed: u64,
    /// How long anybody waits for the daemon, or for an answer of it.
    pub patience: Duration,
    /// Whether each life that ends at random is looked at in full before; otherwise half of them.
    pub settles: bool,
    /// Whether the daemon's directory is kept where something is wrong.
    pub keeps: bool,
}

/// Why a run can't be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KillError {
    /// the system refuses
    #[error("{0}; is the daemon's program where --daemon says, and built?")]
    Io(#[from] io::Error),
    /// the first daemon, which has nothing to recover, doesn't serve
    #[error("the daemon can't be set up: {0}")]
    SetUp(String),
    /// the guests can't begin
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// the host can't be changed while the daemon is down
    #[error(transparent)]
    Host(#[from] TableError),
    /// a domain can't be changed
    #[error(transparent)]
    Domain(#[from] SimError),
}

/// Who is told how far a run has come.
pub trait Observer {
    /// A daemon was killed, or is about to be.
    fn progress(&mut self, point: Point, kills: u32, faults: usize);
}

/// Does a run.
///
/// # Errors
/// [`KillError`]: what keeps it from being done. What it finds is in the summary.
pub fn run(plan: &Plan, observer: &mut dyn Observer) -> Result<Summary, KillError> {
    let folder = tempfile::Builder::new().prefix("xenstored-").tempdir()?;
    let mut director = Director::begin(plan, folder.path().into())?;
    let done = director.play(observer);
    director.stage.end();
    for actor in std::mem::take(&mut director.actors) {
        // One that panicked says so itself, and is missed below.
        if actor.join().is_err() {
            director.fault(Kind::Wrong, "a part of this program panicked".into());
        }
    }
    director.gather();
    done?;
    director.summary.answered = director.stage.answered();
    if plan.keeps && !director.summary.faults.is_empty() {
        // Logs, and what the daemon has left, are worth more than the room they take.
        let kept = folder.keep();
        eprintln!("the daemon's directory is kept: {}", kept.display());
    }
    Ok(director.summary)
}

pub(super) struct Director<'a> {
    pub(super) plan: &'a Plan,
    pub(super) program: Program,
    pub(super) stage: Arc<Stage>,
    pub(super) notes: Receiver<Note>,
    pub(super) actors: Vec<JoinHandle<()>>,
    /// How many those are.
    pub(super) crew: usize,
    pub(super) rng: Rng,
    pub(super) summary: Summary,
    /// The life that notes speak of, and how many have looked at all in it.
    pub(super) verified: (u64, usize),
    pub(super) done: usize,
    /// How often a daemon can be expected to come to a point.
    pub(super) reach: BTreeMap<Point, usize>,
    /// The daemon that runs.
    pub(super) daemon: Option<Daemon>,
    /// Where the one before was killed.
    pub(super) before: Option<Point>,
    /// Where those were killed from which none has come back yet.
    pub(super) waiting: Vec<Point>,
}

impl<'a> Director<'a> {
    /// Begins the first daemon, sets everything up, and begins the others.
    fn begin(plan: &'a Plan, run_dir: PathBuf) -> Result<Director<'a>, KillError> {
        let stage = Arc::new(Stage::new(&run_dir, plan));
        let (daemon, arguments) = (plan.daemon.clone(), plan.arguments.clone());
        let program = Program { program: daemon, arguments, run_dir };
        let daemon = match program.start(stage.begin_life(), None)? {
            Started::Ready(daemon) => daemon,
            Started::Killed => return Err(KillError::SetUp("it was killed".into())),
            Started::Failed(why) => return Err(KillError::SetUp(why)),
        };
        let (sender, notes) = channel();
        let reporter = |who: String| Reporter::new(sender.clone(), who);
        set_up(&stage, plan, &reporter("setting up".into()))
            .map_err(|broken| KillError::SetUp(format!("{broken:?}")))?;
        let guests = Guests::board(
            Arc::clone(&stage),
            reporter("the guests".into()),
            plan.guests,
            plan.seed,
        )?;
        let mut actors = vec![Builder::new().name("guests".into()).spawn(|| guests.run())?];
        let overseer = Overseer::new(
            Arc::clone(&stage),
            reporter("the control domain".into()),
            plan.guests,
            plan.seed,
        );
        actors.push(Builder::new().name("overseer".into()).spawn(|| overseer.run())?);
        for number in 1..=plan.clients {
            let name = format!("client {number}");
            let client = Client::new(Arc::clone(&stage), reporter(name.clone()), number, plan.seed);
            actors.push(Builder::new().name(name).spawn(|| client.run())?);
        }
        Ok(Director {
            plan,
            program,
            stage,
            notes,
            crew: actors.len(),
            actors,
            rng: Rng::new(plan.seed),
            summary: Summary { seed: plan.seed, ..Summary::default() },
            verified: (0, 0),
            done: 0,
            reach: BTreeMap::new(),
            daemon: Some(daemon),
            before: None,
            waiting: Vec::new(),
        })
    }

    /// Kills, and at last looks at what is there.
    fn play(&mut self, observer: &mut dyn Observer) -> Result<(), KillError> {
        let mut left = self.plan.kills.clone();
        let kills = left.iter().any(|(_, count)| *count > 0);
        // The first daemon isn't killed at a point: it ends at random, if it ends.
        self.live(None)?;
        while let Some(at) = self.next(&left)
            && self.summary.faults.len() < FAULTS_MAX
        {
            let Some((point, count)) = left.get_mut(at) else { break };
            let point = *point;
            self.end_life(observer)?;
            let failpoint = self.draw(point);
            if self.start(failpoint)? {
                self.live(failpoint)?;
            } else if self.stage.is_over() {
                return Ok(());
            }
            if self.before == Some(point) {
                *count -= 1;
            } else if self.gives_up(point, *count) {
                *count = 0;
            }
        }
        if kills {
            self.end_life(observer)?;
            // Before it begins: whoever finds it knows that it is the last.
            self.stage.make_last();
            self.start(None)?;
        }
        self.stage.make_last();
        self.close()
    }

    /// Which point is next: in turn, so that each is hit in all stages of a run.
    fn next(&mut self, left: &[(Point, u32)]) -> Option<usize> {
        let open: Vec<_> =
            (0..left.len()).filter(|at| left.get(*at).is_some_and(|l| l.1 > 0)).collect();
        open.get(self.rng.below(open.len())).copied()
    }

    pub(super) fn actors(&self) -> usize {
        usize::from(self.plan.clients) + usize::from(self.plan.guests)
    }

    /// Waits until everybody has looked at the last daemon.
    fn close(&mut self) -> Result<(), KillError> {
        let begin = Instant::now();
        while self.done < self.crew && !self.stage.is_over() {
            match self.notes.recv_timeout(self.plan.patience) {
                Ok(note) => self.note(note),
                Err(RecvTimeoutError::Timeout) if begin.elapsed() < 4 * self.plan.patience => {}
                Err(_) => {
                    self.fault(Kind::Restart, "not all have come to an end".into());
                    self.stage.end();
                }
            }
        }
        if let Some(mut daemon) = self.daemon.take() {
            let status = daemon.stop()?;
            if !status.success() {
                self.fault(Kind::Start, format!("the last daemon ends with {status}"));
            }
            for line in daemon.complaints() {
                self.fault(Kind::Check, line);
            }
        }
        Ok(())
    }

    pub(super) fn gather(&mut self) {
        while let Ok(note) = self.notes.try_recv() {
            self.note(note);
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Fault(fault) => self.summary.faults.push(fault),
            Note::Pause(pause) => self.summary.pauses.push(pause),
            Note::Done => self.done += 1,
            Note::Verified(life) => {
                let (of, count) = &mut self.verified;
                if life > *of {
                    (*of, *count) = (life, 0);
                }
                *count += usize::from(life == *of);
                self.summary.verified += u64::from(*count == self.crew && life == *of);
            }
        }
    }

    pub(super) fn fault(&mut self, kind: Kind, what: String) {
        let life = self.stage.life();
        self.summary.faults.push(Fault { kind, who: "the daemon".into(), life, what });
    }
}
