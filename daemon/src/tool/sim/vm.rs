//! One simulated guest: its three parties, and how far they have come together.
//!
//! | stage | toolstack | guest | backend |
//! |---|---|---|---|
//! | built | creates the domain | | |
//! | settled | waits for the backends | | connects |
//! | booted | | boots | connects |
//! | verified | looks at the result | | |
//! | up | | waits for the word | |
//! | stopped | gives the word | powers off | |
//! | halted | stops the domain | | disconnects |
//! | removed | destroys the domain | | |

use std::time::{Duration, Instant};

use myriad_ring::page::guest::Client;

use super::{
    actor::Actor,
    cast::Cast,
    script::Role,
    scripts::{backend, guest, toolstack},
    states::States,
};

/// A simulated guest.
#[derive(Debug)]
pub(super) struct Vm {
    pub(super) cast: Cast,
    pub(super) states: States,
    pub(super) stage: Stage,
    pub(super) toolstack: Actor,
    pub(super) guest: Actor,
    pub(super) backend: Actor,
    /// The guest's end of its ring.
    pub(super) ring: Option<Client>,
    /// Whether its toolstack speaks v2.
    has_v2: bool,
    /// Whether it counts among those under way.
    pub(super) counted: bool,
    started: Option<Instant>,
    /// From the first request of its boot to the last answer.
    pub(super) boot: Option<Duration>,
}

/// How far a guest has come: what is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table above")]
pub(super) enum Stage {
    New,
    Building,
    Settling,
    Booting,
    Verifying,
    Up,
    Stopping,
    Halting,
    Removing,
    Gone,
}

/// What a guest's progress asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing: somebody is still at work.
    None,
    /// These parties have something to do.
    Run(&'static [Role]),
    /// It is to be given its ring; then it boots.
    Attach,
    /// It has booted.
    Up,
    /// It is gone.
    Gone,
}

impl Vm {
    pub(super) fn new(cast: Cast, has_v2: bool) -> Vm {
        Vm {
            cast,
            states: States::default(),
            stage: Stage::New,
            toolstack: Actor::new(Role::Toolstack),
            guest: Actor::new(Role::Guest),
            backend: Actor::new(Role::Backend),
            ring: None,
            has_v2,
            counted: false,
            started: None,
            boot: None,
        }
    }

    pub(super) fn actor(&mut self, role: Role) -> &mut Actor {
        match role {
            Role::Toolstack => &mut self.toolstack,
            Role::Guest => &mut self.guest,
            Role::Backend => &mut self.backend,
        }
    }

    /// Begins its life.
    pub(super) fn create(&mut self) -> Progress {
        self.stage = Stage::Building;
        self.toolstack.start(if self.has_v2 {
            toolstack::CREATE_AT_ONCE
        } else {
            toolstack::CREATE
        });
        Progress::Run(&[Role::Toolstack])
    }

    /// It has got its ring.
    pub(super) fn attached(&mut self, ring: Client) -> Progress {
        (self.stage, self.ring) = (Stage::Booting, Some(ring));
        self.started = Some(Instant::now());
        self.guest.start(guest::BOOT);
        Progress::Run(&[Role::Guest])
    }

    /// Begins its end, where it is up.
    pub(super) fn shut_down(&mut self) -> Progress {
        if self.stage != Stage::Up {
            return Progress::None;
        }
        self.stage = Stage::Stopping;
        self.toolstack.start(toolstack::SHUT_DOWN);
        Progress::Run(&[Role::Toolstack])
    }

    /// Goes on to the next stage where all that belongs to this one is done.
    pub(super) fn advance(&mut self) -> Progress {
        let [toolstack, guest, backend] =
            [&self.toolstack, &self.guest, &self.backend].map(Actor::is_done);
        self.states.is_told |= self.stage == Stage::Stopping && toolstack;
        match self.stage {
            Stage::Building if toolstack => {
                self.stage = Stage::Settling;
                self.toolstack.start(if self.has_v2 {
                    toolstack::WAIT_AT_ONCE
                } else {
                    toolstack::WAIT
                });
                self.backend.start(backend::CONNECT);
                Progress::Run(&[Role::Toolstack, Role::Backend])
            }
            Stage::Settling if toolstack => Progress::Attach,
            Stage::Booting if guest && backend => {
                self.boot = self.started.map(|started| started.elapsed());
                self.stage = Stage::Verifying;
                self.toolstack.start(toolstack::VERIFY);
                Progress::Run(&[Role::Toolstack])
            }
            Stage::Verifying if toolstack => {
                self.stage = Stage::Up;
                self.guest.start(guest::POWER_OFF);
                Progress::Up
            }
            // In the state Up the word came from somebody else.
            Stage::Up | Stage::Stopping if toolstack && guest => {
                (self.stage, self.ring) = (Stage::Halting, None);
                self.toolstack.start(toolstack::HALT);
                self.backend.start(backend::DISCONNECT);
                Progress::Run(&[Role::Toolstack, Role::Backend])
            }
            Stage::Halting if toolstack && backend => {
                self.stage = Stage::Removing;
                self.toolstack.start(toolstack::DESTROY);
                Progress::Run(&[Role::Toolstack])
            }
            Stage::Removing if toolstack => {
                self.stage = Stage::Gone;
                Progress::Gone
            }
            _ => Progress::None,
        }
    }
}
