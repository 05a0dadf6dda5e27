//! A Unix-socket server that answers and does nothing: one thread, one `epoll_wait`, as much read
//! as there is, one write. Like our daemon it looks out for the next request for a while before it
//! sleeps, since an idle core takes longer to wake than all else.

use std::{
    io,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    net::{RecvFlags, SendFlags, recv, send},
};

use super::answer::Answers;

struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    used: usize,
}

/// Serves the socket at `path` until it fails.
///
/// # Errors
/// What the system said.
pub fn serve(path: &Path) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let listening = epoll::EventData::new_u64(u64::MAX);
    epoll::add(&poller, &listener, listening, epoll::EventFlags::IN)?;
    let answers = Answers::new();
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut ready = Vec::with_capacity(64);
    let mut out = Vec::new();
    let mut awake_until = Instant::now();
    loop {
        ready.clear();
        let timeout = (Instant::now() < awake_until).then(Timespec::default);
        epoll::wait(&poller, spare_capacity(&mut ready), timeout.as_ref())?;
        if !ready.is_empty() {
            awake_until = Instant::now() + LOOKOUT;
        }
        for event in &ready {
            let data = event.data;
            let Ok(at) = usize::try_from(data.u64()) else { continue };
            if let Some(place) = clients.get_mut(at) {
                let goes_on = place.as_mut().is_some_and(|c| c.serve(&answers, &mut out).is_ok());
                if !goes_on {
                    *place = None;
                }
                continue;
            }
            let (stream, _) = listener.accept()?;
            let free = clients.iter().position(Option::is_none).unwrap_or(clients.len());
            let data = epoll::EventData::new_u64(free as u64);
            epoll::add(&poller, &stream, data, epoll::EventFlags::IN)?;
            let client = Some(Client { stream, input: vec![0; ROOM], used: 0 });
            match clients.get_mut(free) {
                Some(place) => *place = client,
                None => clients.push(client),
            }
        }
    }
}

/// For how long it looks out for the next request.
const LOOKOUT: Duration = Duration::from_micros(50);

impl Client {
    fn serve(&mut self, answers: &Answers, out: &mut Vec<u8>) -> io::Result<()> {
        let free = self.input.get_mut(self.used..).unwrap_or_default();
        let (count, _) = recv(&self.stream, free, RecvFlags::DONTWAIT)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.used += count;
        out.clear();
        let done = answers.answer(self.input.get(..self.used).unwrap_or_default(), out);
        self.input.copy_within(done..self.used, 0);
        self.used -= done;
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            let sent = send(&self.stream, rest, SendFlags::NOSIGNAL)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Of one client's requests; the largest has 4112 bytes.
const ROOM: usize = 64 * 1024;
