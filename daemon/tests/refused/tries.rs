//! What is tried: calls that an intruder would make, and those that the daemon makes.
#![allow(unsafe_code, reason = "calls that have no safe form, to see them refused")]

use std::{
    fs::{self, File},
    io::{self, Write},
    net::{TcpListener, UdpSocket},
    os::unix::{
        net::{UnixDatagram, UnixStream},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use libc::c_long;
use rustix::{io::Errno, net::AddressFamily};

/// Something that is tried.
pub(crate) struct Try {
    pub(crate) name: &'static str,
    pub(crate) expected: Expected,
    pub(crate) run: fn(&Path) -> Result<(), Errno>,
}

/// What comes of it where it is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Works,
    Refused(Errno),
}

use Expected::{Refused, Works};

const fn call(name: &'static str, run: fn(&Path) -> Result<(), Errno>) -> Try {
    Try { name, expected: Refused(Errno::PERM), run }
}

const fn file(name: &'static str, run: fn(&Path) -> Result<(), Errno>) -> Try {
    Try { name, expected: Refused(Errno::ACCESS), run }
}

const fn works(name: &'static str, run: fn(&Path) -> Result<(), Errno>) -> Try {
    Try { name, expected: Works, run }
}

/// All tries. None of them does harm where it is not refused.
pub(crate) const TRIES: &[Try] = &[
    // Programs and processes.
    call("a program is executed", |_| Err(of(Command::new("/bin/true").exec()))),
    call("a program is started", |_| {
        done(Command::new("/bin/true").spawn().and_then(|mut child| child.wait()))
    }),
    call("a process is forked", |_| fork()),
    call("execveat", |_| raw(libc::SYS_execveat, [ALL, 0, 0, 0, 0])),
    call("another process is asked whether it is there", |_| raw(libc::SYS_kill, [1, 0, 0, 0, 0])),
    call("ptrace", |_| raw(libc::SYS_ptrace, [ALL, 0, 0, 0, 0])),
    call("process_vm_readv", |_| raw(libc::SYS_process_vm_readv, [me(), 0, 0, 0, 0])),
    call("process_vm_writev", |_| raw(libc::SYS_process_vm_writev, [me(), 0, 0, 0, 0])),
    call("pidfd_open", |_| raw(libc::SYS_pidfd_open, [me(), 0, 0, 0, 0])),
    call("pidfd_getfd", |_| raw(libc::SYS_pidfd_getfd, [ALL, 0, 0, 0, 0])),
    // Who it is, and where.
    call("setuid", |_| raw(libc::SYS_setuid, [0, 0, 0, 0, 0])),
    call("setresgid", |_| raw(libc::SYS_setresgid, [ALL, ALL, ALL, 0, 0])),
    call("setgroups", |_| raw(libc::SYS_setgroups, [1, 0, 0, 0, 0])),
    call("capset", |_| raw(libc::SYS_capset, [0, 0, 0, 0, 0])),
    call("unshare", |_| raw(libc::SYS_unshare, [0, 0, 0, 0, 0])),
    call("setns", |_| raw(libc::SYS_setns, [ALL, 0, 0, 0, 0])),
    call("chroot", |_| raw(libc::SYS_chroot, [0, 0, 0, 0, 0])),
    call("pivot_root", |_| raw(libc::SYS_pivot_root, [0, 0, 0, 0, 0])),
    call("mount", |_| raw(libc::SYS_mount, [0, 0, 0, 0, 0])),
    call("umount2", |_| raw(libc::SYS_umount2, [0, 0, 0, 0, 0])),
    call("fsopen", |_| raw(libc::SYS_fsopen, [0, 0, 0, 0, 0])),
    call("personality", |_| raw(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0])),
    call("a thread that is dumpable again", |_| {
        raw(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0, 0])
    }),
    call("a limit is raised", |_| raw(libc::SYS_prlimit64, [0, 7, 1, 0, 0])),
    // The kernel.
    call("init_module", |_| raw(libc::SYS_init_module, [0, 0, 0, 0, 0])),
    call("finit_module", |_| raw(libc::SYS_finit_module, [ALL, 0, 0, 0, 0])),
    call("delete_module", |_| raw(libc::SYS_delete_module, [0, 0, 0, 0, 0])),
    call("kexec_load", |_| raw(libc::SYS_kexec_load, [0, 1, 0, 0xff, 0])),
    call("bpf", |_| raw(libc::SYS_bpf, [ALL, 0, 0, 0, 0])),
    call("perf_event_open", |_| raw(libc::SYS_perf_event_open, [0, 0, 0, 0, 0])),
    call("userfaultfd", |_| raw(libc::SYS_userfaultfd, [ALL, 0, 0, 0, 0])),
    call("io_uring_setup", |_| raw(libc::SYS_io_uring_setup, [0, 0, 0, 0, 0])),
    call("add_key", |_| raw(libc::SYS_add_key, [0, 0, 0, 0, 0])),
    call("keyctl", |_| raw(libc::SYS_keyctl, [ALL, 0, 0, 0, 0])),
    call("reboot", |_| raw(libc::SYS_reboot, [0, 0, 0, 0, 0])),
    call("swapon", |_| raw(libc::SYS_swapon, [0, 0, 0, 0, 0])),
    call("sethostname", |_| raw(libc::SYS_sethostname, [0, ALL, 0, 0, 0])),
    call("clock_settime", |_| raw(libc::SYS_clock_settime, [ALL, 0, 0, 0, 0])),
    call("a filter of its own", |_| raw(libc::SYS_seccomp, [ALL, 0, 0, 0, 0])),
    // Memory that is executed.
    call("executable memory", |_| raw(libc::SYS_mmap, [0, 4096, EXECUTABLE, ANONYMOUS, ALL])),
    call("memory is made executable", |_| raw(libc::SYS_mprotect, [0, 0, EXECUTABLE, 0, 0])),
    // Sockets of the network.
    call("an IPv4 socket", |_| done(UdpSocket::bind("127.0.0.1:0"))),
    call("a TCP socket", |_| done(TcpListener::bind("127.0.0.1:0"))),
    call("an IPv6 socket", |_| socket(AddressFamily::INET6)),
    call("a netlink socket", |_| socket(AddressFamily::NETLINK)),
    // Requests to devices.
    call("TIOCSTI", |_| raw(libc::SYS_ioctl, [ALL, 0x5412, 0, 0, 0])),
    call("a request of privcmd's that is not used", |_| {
        raw(libc::SYS_ioctl, [ALL, 0x20_5002, 0, 0, 0])
    }),
    // Files, as calls.
    call("open_by_handle_at", |_| raw(libc::SYS_open_by_handle_at, [ALL, 0, 0, 0, 0])),
    call("name_to_handle_at", |_| raw(libc::SYS_name_to_handle_at, [ALL, 0, 0, 0, 0])),
    call("mknodat", |_| raw(libc::SYS_mknodat, [ALL, 0, 0, 0, 0])),
    call("symlinkat", |_| raw(libc::SYS_symlinkat, [0, ALL, 0, 0, 0])),
    call("fchmodat", |_| raw(libc::SYS_fchmodat, [ALL, 0, 0, 0, 0])),
    call("fchownat", |_| raw(libc::SYS_fchownat, [ALL, 0, 0, 0, 0])),
    call("a file is made to run as its owner", |_| raw(libc::SYS_fchmod, [ALL, 0o4755, 0, 0, 0])),
    call("setxattr", |_| raw(libc::SYS_setxattr, [0, 0, 0, 0, 0])),
    call("chdir", |_| done(std::env::set_current_dir("/"))),
    // Files that others have, or that lie elsewhere.
    file("/etc/passwd is read", |_| done(File::open("/etc/passwd"))),
    file("/etc/passwd is opened to append", |_| {
        done(File::options().append(true).open("/etc/passwd"))
    }),
    file("the root is listed", |_| done(fs::read_dir("/"))),
    file("memory of this process is opened as a file", |_| done(File::open("/proc/self/mem"))),
    file("a file elsewhere is read", |dir| done(fs::read(dir.join("elsewhere/file")))),
    file("a file elsewhere is made", |dir| done(fs::write(dir.join("elsewhere/new"), ""))),
    file("a file elsewhere is removed", |dir| {
        let path = dir.join("elsewhere/file");
        let removed = done(fs::remove_file(&path));
        // Where it worked, for the next.
        let _ = fs::write(path, "");
        removed
    }),
    file("a log is read", |dir| done(fs::read(dir.join("logs/log")))),
    file("a log is removed", |dir| {
        let path = dir.join("logs/log");
        let removed = done(fs::remove_file(&path));
        // Where it worked, for the next.
        let _ = fs::write(path, "");
        removed
    }),
    file("a file that only a capability opens", |dir| done(File::open(dir.join("run/others")))),
    Try {
        name: "a file goes to another directory",
        expected: Refused(Errno::XDEV),
        run: |dir| {
            let (from, to) = (dir.join("run/file"), dir.join("run/sim/file"));
            let moved = done(fs::rename(&from, &to));
            moved.and_then(|()| done(fs::rename(to, from)))
        },
    },
    // What C libraries try and do without: it must not be EPERM.
    Try {
        name: "clone3",
        expected: Refused(Errno::NOSYS),
        run: |_| raw(libc::SYS_clone3, [0, 0, 0, 0, 0]),
    },
];

/// What the daemon goes on to do.
pub(crate) const DAILY: &[Try] = &[
    works("files of its own are made, locked, renamed, linked and removed", |dir| {
        let name = |name: &str| dir.join("run").join(name);
        let mut made = File::options().write(true).create_new(true).open(name("a")).map_err(of)?;
        rustix::fs::flock(&made, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        rustix::fs::fallocate(&made, rustix::fs::FallocateFlags::empty(), 0, 4096)?;
        done(made.write_all(b"x").and_then(|()| made.sync_data()).and_then(|()| made.set_len(9)))?;
        done(fs::rename(name("a"), name("b")))?;
        done(fs::hard_link(name("b"), name("c")))?;
        done(fs::read(name("b")).and_then(|_| fs::metadata(name("b"))))?;
        done(fs::remove_file(name("b")).and_then(|()| fs::remove_file(name("c"))))?;
        done(fs::read_dir(dir.join("run")))
    }),
    works("sockets are listened at, restricted and removed", |dir| {
        let path = dir.join("run/sim/1.socket");
        let listener = myriad::claim::listen(&path).map_err(|_| Errno::IO)?;
        done(UnixStream::connect(&path))?;
        rustix::net::accept(&listener)?;
        done(fs::remove_file(path))
    }),
    works("a log is renamed by others and opened again", |dir| {
        let log = dir.join("logs/log");
        let mut append = File::options();
        append.append(true).create(true);
        done(append.open(log).and_then(|mut log| log.write_all(b"x")))?;
        done(append.open(dir.join("logs/next")))
    }),
    works("systemd is told by a socket elsewhere", |dir| {
        let path = dir.join("elsewhere/notify");
        done(UnixDatagram::unbound().and_then(|socket| socket.send_to(b"READY=1", path)))
    }),
    works("a page is made, sealed and mapped", |_| {
        let page = myriad_ring::page::Memfd::create().and_then(|file| file.map());
        done(page)
    }),
    works("threads with names come and go, and wait", |_| {
        let thread = std::thread::Builder::new().name("later".into());
        let done = thread.spawn(|| std::thread::park_timeout(std::time::Duration::from_micros(1)));
        done.map_err(of)?.join().map_err(|_| Errno::IO)
    }),
    works("much memory is taken, grown and given back", |_| {
        let mut memory = vec![1_u8; 64 << 20];
        memory.reserve_exact(64 << 20);
        memory.shrink_to(1);
        memory.truncate(1);
        memory.shrink_to_fit();
        if memory == [1] { Ok(()) } else { Err(Errno::NOMEM) }
    }),
    works("the standard streams go to /dev/null", |_| {
        done(File::options().read(true).write(true).open("/dev/null"))
    }),
    works("epoll, events and clocks", |_| {
        use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let event = eventfd(1, EventfdFlags::NONBLOCK)?;
        epoll::add(&poll, &event, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
        let mut found = Vec::with_capacity(4);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let buffer = rustix::buffer::spare_capacity(&mut found);
        epoll::wait(&poll, buffer, Some(&now))?;
        done(std::time::SystemTime::now().elapsed().map_err(io::Error::other))
    }),
    works("a connection of two ends", |_| done(UnixStream::pair())),
    works("random numbers, and how many processors there are", |_| {
        let _ = std::collections::HashMap::<u8, u8>::new();
        done(std::thread::available_parallelism())
    }),
    works("a process is nicer", |_| rustix::process::nice(1).map(drop)),
];

/// A call that no function of the libraries makes.
fn raw(number: c_long, arguments: [c_long; 5]) -> Result<(), Errno> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: each try gives no address, an invalid one, or a length of zero, so that the kernel
    // reads and writes nothing in this process; memory that is mapped is nobody's.
    match unsafe { libc::syscall(number, a, b, c, d, e, 0) } {
        -1 => Err(of(io::Error::last_os_error())),
        _ => Ok(()),
    }
}

/// As old C libraries do, without `fork`, whose number is another.
fn fork() -> Result<(), Errno> {
    let kind = c_long::from(libc::SIGCHLD);
    // SAFETY: the child has a copy of all memory, touches none of it, and ends at once; no address
    // is given.
    let made = unsafe {
        match libc::syscall(libc::SYS_clone, kind, 0, 0, 0, 0) {
            0 => libc::_exit(0),
            made => made,
        }
    };
    if made < 0 { Err(of(io::Error::last_os_error())) } else { Ok(()) }
}

fn socket(family: AddressFamily) -> Result<(), Errno> {
    rustix::net::socket(family, rustix::net::SocketType::DGRAM, None).map(drop)
}

fn me() -> c_long {
    std::process::id().into()
}

fn done<T>(result: io::Result<T>) -> Result<(), Errno> {
    result.map(drop).map_err(of)
}

fn of(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// No descriptor, no id, no command.
const ALL: c_long = -1;
const EXECUTABLE: c_long = (libc::PROT_READ | libc::PROT_EXEC) as c_long;
const ANONYMOUS: c_long = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as c_long;
