//! The bounds of a run.

use std::time::Duration;

/// Socket clients, unless another number is asked for.
pub const CLIENTS: u16 = 8;
/// Guests on rings that live as long as the run, unless another number is asked for.
pub const GUESTS: u16 = 200;
/// Guests that die, or whose ids get other tenants, while the daemon is down.
pub const MORTALS: u16 = 4;
/// The most guests of both kinds: ids below those that no domain has.
pub const DOMAINS_MAX: u16 = 32_000;
/// Kills at each point, unless another number is asked for.
pub const KILLS: u32 = 50;
/// Kills at random for each at a point.
pub const RANDOM_PER_POINT: u32 = 10;

/// How long anybody waits for the daemon, or for an answer of it, unless another time is asked for:
/// then something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long the guests sleep at most before they look at what isn't told by doorbells.
pub const TICK: Duration = Duration::from_millis(20);
/// How often the daemon is looked at by whoever is to kill it.
pub const LOOK: Duration = Duration::from_micros(200);
/// How long a client waits before it tries to connect again.
pub const CONNECT_PAUSE: Duration = Duration::from_millis(2);

/// Answers in a life that ends at random: from so many …
pub const ANSWERS_LEAST: usize = 20;
/// … to so many for each guest and client.
pub const ANSWERS_EACH: usize = 60;
/// Answers for each guest and client after which a point that wasn't hit often enough is missed.
pub const ANSWERS_MISSED: usize = 200;
/// The same where the point is reached when much was written.
pub const ANSWERS_MISSED_RARE: usize = 1500;
/// For each guest and client: times that a daemon comes to a point, until more is known.
pub const HITS_EACH: usize = 20;
/// The same at all for points that are reached when much was written.
pub const HITS_RARE: usize = 64;
/// Lives in which a point is missed, beyond the number of its kills, before it is given up.
pub const MISSES: u32 = 12;
/// What each guest and client does after the last restart.
pub const LAST_ACTS: u64 = 10;
/// After so many acts since a restart a guest must have heard of all that it watches.
pub const ACTS_UNTIL_HEARD: u64 = 20;

/// Changes that a client sends before it reads the answers.
pub const BURST: usize = 6;
/// Changes in a transaction of a client.
pub const CHANGES: usize = 5;
/// Bytes of a long value: more than a ring has.
pub const LONG_VALUE: usize = 3600;
/// What a node may hold (`-S`): such a value with its name and permissions.
pub const NODE_SIZE: u32 = 4096;
/// Children of the node whose listing is longer than a ring.
pub const LONG_LIST: usize = 48;
/// Rounds in which a guest's ring is looked at before the next one's.
pub const ROUNDS: usize = 8;
/// How many guests are set up between two looks at the answers.
pub const SETUP_BATCH: usize = 16;
/// Faults after which a run ends: then everything is wrong.
pub const FAULTS_MAX: usize = 300;
/// Faults of each kind that are told in full.
pub const FAULTS_TOLD: usize = 8;
/// Bytes of a value or a message that a fault shows.
pub const SHOWN: usize = 120;
