//! One subscription over connections that come and go.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    marker::PhantomData,
    thread,
    time::Duration,
};

use super::{
    Client, Error, News, Place, Stream, Wanted,
    limits::{FOLLOWER_ATTEMPTS, FOLLOWER_PAUSE, FOLLOWER_PAUSE_MAX},
};

/// Follows the changes below a path. Where its connection is lost it connects again, and goes on
/// where it was: each change comes once, in order, or [`News::Gap`] says that some can't be told.
///
/// Whoever wants to go on after their own end, too, keeps the place of the last news that they are
/// done with, and gives it to [`Follower::new`]:
///
/// ```no_run
/// # use myriad_ring::client::{Client, Follower, News, Wanted};
/// # fn keep(text: String) {}
/// # let kept: Option<String> = None;
/// let since = kept.as_deref().map(str::parse).transpose().expect("it was a place's text");
/// let mut news = Follower::connect("/run/xenstored/socket", Wanted::below("/vm"), since);
/// for one in news {
///     let one = one?;
///     match &one {
///         News::Changed(changed) => println!("{:?}", changed.changes),
///         News::Gap(_) => println!("read /vm again"),
///         News::Reached(_) => println!("that is all"),
///     }
///     keep(one.place().to_string());
/// }
/// # Ok::<(), myriad_ring::client::Error>(())
/// ```
pub struct Follower<S, C> {
    connect: C,
    pause: Box<dyn FnMut(Duration) + Send>,
    wanted: Wanted,
    place: Option<Place>,
    client: Option<Client<S>>,
    stream: PhantomData<S>,
}

impl Follower<Stream, Box<dyn FnMut() -> Result<Client<Stream>, Error> + Send>> {
    /// Follows what the daemon behind a socket tells.
    #[must_use]
    pub fn connect(
        path: impl Into<std::path::PathBuf>,
        wanted: Wanted,
        since: Option<Place>,
    ) -> Self {
        let path = path.into();
        Follower::new(Box::new(move || Client::connect_to(&path)), wanted, since)
    }
}

impl<S: Read + Write, C: FnMut() -> Result<Client<S>, Error>> Follower<S, C> {
    /// Follows by connections that `connect` makes, after a place, or from the first connection on.
    #[must_use]
    pub fn new(connect: C, wanted: Wanted, since: Option<Place>) -> Follower<S, C> {
        let pause = Box::new(thread::sleep);
        Follower { connect, pause, wanted, place: since, client: None, stream: PhantomData }
    }

    /// Waits otherwise than by sleeping before it connects again.
    #[must_use]
    pub fn with_pause(mut self, pause: impl FnMut(Duration) + Send + 'static) -> Follower<S, C> {
        self.pause = Box::new(pause);
        self
    }

    /// All up to here has been told; none before the first connection.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Connects and subscribes where it isn't connected; the next news otherwise come from there.
    ///
    /// # Errors
    /// As [`Follower::news`].
    pub fn begin(&mut self) -> Result<(), Error> {
        let mut pause = FOLLOWER_PAUSE;
        let mut left = FOLLOWER_ATTEMPTS;
        // Ends: by a connection, or after so many attempts.
        while self.client.is_none() {
            match self.attempt() {
                Ok(client) => self.client = Some(client),
                Err(error) if left > 0 && passes(&error) => {
                    left -= 1;
                    (self.pause)(pause);
                    pause = pause.saturating_mul(2).min(FOLLOWER_PAUSE_MAX);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next news.
    ///
    /// # Errors
    /// [`Error::TimedOut`] where the stream has a timeout; [`Error::Unreachable`] or
    /// [`Error::Lost`] where a connection can't be had for [`FOLLOWER_ATTEMPTS`] attempts: it may
    /// be called again after all of these. [`Error::Declined`] where the daemon refuses.
    pub fn news(&mut self) -> Result<News, Error> {
        loop {
            self.begin()?;
            let Some(client) = &mut self.client else { continue };
            match client.next_news() {
                Ok((_, news)) => {
                    self.place = Some(news.place());
                    return Ok(news);
                }
                Err(Error::TimedOut) => return Err(Error::TimedOut),
                Err(_) => self.client = None,
            }
        }
    }

    /// The paths of the nodes that have changed, as a watch would tell them, for ever: the followed
    /// path itself where it isn't known what has changed below it. Unlike a watch's, no event is
    /// missed over a lost connection.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Follower, Wanted};
    /// let vms = Wanted::below("/local/domain").values(false);
    /// for path in Follower::connect("/run/xenstored/socket", vms, None).paths() {
    ///     println!("{} changed", path?);
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    pub fn paths(mut self) -> impl Iterator<Item = Result<String, Error>> {
        let mut waiting = VecDeque::new();
        std::iter::from_fn(move || {
            // Ends: by a change, or an error.
            loop {
                if let Some(path) = waiting.pop_front() {
                    return Some(Ok(path));
                }
                match self.news() {
                    Ok(News::Changed(changed)) => {
                        waiting.extend(changed.changes.into_iter().map(|change| change.path));
                    }
                    Ok(News::Gap(_)) => waiting.push_back(self.wanted.path()),
                    Ok(News::Reached(_)) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    fn attempt(&mut self) -> Result<Client<S>, Error> {
        let mut client = (self.connect)()?;
        client.negotiate()?;
        let (_, begun) = client.subscribe(&self.wanted, self.place)?;
        // Where it is of another store, a gap follows.
        self.place.get_or_insert(begun);
        Ok(client)
    }
}

impl<S: Read + Write, C: FnMut() -> Result<Client<S>, Error>> Iterator for Follower<S, C> {
    type Item = Result<News, Error>;

    fn next(&mut self) -> Option<Result<News, Error>> {
        Some(self.news())
    }
}

impl<S, C> std::fmt::Debug for Follower<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("wanted", &self.wanted)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Whether another attempt may do better.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Unreachable { .. } | Error::Lost(_) | Error::Broken | Error::TimedOut)
}
