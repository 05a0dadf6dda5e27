//! The commands of `myriad`.
//!
//! Invariant: what a transaction reads is printed after its commit, never from an attempt that
//! failed.

use std::{
    ffi::OsString,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
};

use myriad_core::Errno;
use myriad_ring::{
    client::{Client, Error, Node, Store, Told, Transaction},
    v1::Op,
};
use serde_json::json;

use super::{
    change::{change, parse_perms, says_much},
    cli::{Cli, Command},
    compat::{self, Layout},
    console::Console,
    escape::quote,
    failure::Failure,
    history, host, ls,
    output::{json_bytes, json_line, line},
    stream::{self, Stream},
    together::refused,
    tree,
};

/// Connects and does what was asked for.
pub(crate) fn run(cli: &Cli, console: &mut Console<'_>) -> Result<(), Failure> {
    check(&cli.command)?;
    match &cli.command {
        Command::Sim(options) => return host::simulate(options, cli, console),
        Command::Doctor(options) => return host::doctor(options, cli, console.out),
        Command::Stream(Stream::Dump { file }) => {
            return Ok(stream::dump(file, cli.json, console.out)?);
        }
        _ => {}
    }
    if let Some(result) = history::run(cli, console) {
        return result;
    }
    // One request of v1 is not worth agreeing upon v2, and a connection of v1 that waits for events
    // lives on where the daemon comes back.
    let mut client = match (&cli.socket, says_much(&cli.command)) {
        (Some(path), true) => Client::connect_to_best(path)?,
        (Some(path), false) => Client::connect_to(path)?,
        (None, true) => Client::connect_best()?,
        (None, false) => Client::connect()?,
    };
    match &cli.command {
        Command::Write { .. }
        | Command::Mkdir { .. }
        | Command::Rm { .. }
        | Command::Chmod { .. } => change(&cli.command, &mut client),
        query => ask(query, cli.json, &mut client, console),
    }
}

/// What the parser can't see; before anything is sent.
fn check(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Write { pairs, .. } if pairs.len() % 2 == 1 => {
            Err(Failure::Usage("a value is missing: write takes paths and values in turn".into()))
        }
        Command::Chmod { upto: true, path, .. } if !path.as_bytes().starts_with(b"/") => {
            Err(Failure::Usage("--upto needs an absolute path".into()))
        }
        Command::Chmod { perms, .. } => parse_perms(perms).map(drop),
        Command::Lookup { index, key, .. } => index_and_key(index, key).map(drop),
        _ => Ok(()),
    }
}

/// The commands that print something.
fn ask<S: Read + Write>(
    command: &Command,
    json: bool,
    client: &mut Client<S>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let out = &mut *console.out;
    match command {
        Command::Ls(options) if options.xenstore => {
            let layout = Layout::new(options.full_path, options.permissions, console.columns);
            Ok(compat::list_tree(client, options.path.as_bytes(), layout, console)?)
        }
        Command::Ls(options) => ls::list(client, options, json, out),
        Command::Read { prefix, raw, paths } => {
            for (path, value) in read(client, paths)? {
                let before = if *prefix { [path, b": "].concat() } else { Vec::new() };
                if json {
                    let value = json_bytes(&value);
                    json_line(out, &json!({"path": json_bytes(path), "value": value}))?;
                } else if *raw {
                    out.write_all(&[before, value].concat())?;
                } else {
                    line(out, &[before, quote(&value)].concat())?;
                }
            }
            Ok(())
        }
        Command::List { prefix, paths } => {
            let list = |tx: &mut Transaction<'_, S>, path: &[u8]| tx.list(path);
            for (path, names) in on_each(client, paths, |client, path| client.list(path), list)? {
                if json {
                    json_line(out, &json!({"path": json_bytes(path), "children": names}))?;
                    continue;
                }
                for name in names {
                    let whole = || tree::join(path, &name);
                    line(out, &if *prefix { whole() } else { name.clone().into_bytes() })?;
                }
            }
            Ok(())
        }
        Command::Exists { paths } => {
            let found = exist(client, paths)?;
            for (path, found) in found.iter().filter(|_| json) {
                json_line(out, &json!({"path": json_bytes(path), "exists": found}))?;
            }
            if found.iter().all(|(_, found)| *found) { Ok(()) } else { Err(Failure::False) }
        }
        Command::Watch { count, depth, paths } => {
            register(client, paths, *depth)?;
            follow(client, *count, json, console)
        }
        Command::Control { command, args } => {
            let args = args.iter().map(|arg| arg.as_bytes());
            let answer = client.control(command.as_bytes(), args)?;
            match answer.as_str() {
                answer if json => json_line(out, &json!({"answer": answer}))?,
                "" => {}
                answer => line(out, answer.as_bytes())?,
            }
            Ok(())
        }
        Command::Lookup { trusted, index, key } => {
            lookup(client, index_and_key(index, key)?, *trusted, json, out)
        }
        _ => Ok(()),
    }
}

/// Something for each path.
type Each<'p, T> = Vec<(&'p [u8], T)>;

/// The values of nodes, all of one moment.
fn read<'p, S: Read + Write>(
    client: &mut Client<S>,
    paths: &'p [OsString],
) -> Result<Each<'p, Vec<u8>>, Error> {
    let Some(nodes) = at_once(client, paths)? else {
        let read = |tx: &mut Transaction<'_, S>, path: &[u8]| tx.read(path);
        return on_each(client, paths, |client, path| client.read(path), read);
    };
    let each = nodes.into_iter().map(|(path, node)| match node {
        Ok(node) => Ok((path, node.value)),
        Err(errno) => Err(refused(Op::Read, path, errno)),
    });
    each.collect()
}

/// Whether nodes are there, all at one moment.
fn exist<'p, S: Read + Write>(
    client: &mut Client<S>,
    paths: &'p [OsString],
) -> Result<Each<'p, bool>, Error> {
    let Some(nodes) = at_once(client, paths)? else {
        let exists = |tx: &mut Transaction<'_, S>, path: &[u8]| tx.exists(path);
        return on_each(client, paths, |client, path| client.exists(path), exists);
    };
    let each = nodes.into_iter().map(|(path, node)| match node {
        Ok(_) => Ok((path, true)),
        Err(Errno::ENOENT) => Ok((path, false)),
        Err(errno) => Err(refused(Op::Read, path, errno)),
    });
    each.collect()
}

/// Several nodes by one request of v2; none where there is no v2, or they are more than a message.
fn at_once<'p, S: Read + Write>(
    client: &mut Client<S>,
    paths: &'p [OsString],
) -> Result<Option<Each<'p, Told<Node>>>, Error> {
    if client.welcome().is_none() {
        return Ok(None);
    }
    let paths: Vec<&[u8]> = paths.iter().map(|path| path.as_bytes()).collect();
    match client.get_many(&paths) {
        Ok(nodes) => Ok(Some(paths.into_iter().zip(nodes).collect())),
        Err(error) if error.errno() == Some(Errno::E2BIG) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same for each path: all in one transaction, or where there is but one by itself.
fn on_each<'p, S: Read + Write, T>(
    client: &mut Client<S>,
    paths: &'p [OsString],
    alone: impl Fn(&mut Client<S>, &[u8]) -> Result<T, Error>,
    each: impl Fn(&mut Transaction<'_, S>, &[u8]) -> Result<T, Error>,
) -> Result<Each<'p, T>, Error> {
    if let [path] = paths {
        let path = path.as_bytes();
        return Ok(vec![(path, alone(client, path)?)]);
    }
    client.transact(|tx| {
        let paths = paths.iter().map(|path| path.as_bytes());
        paths.map(|path| each(tx, path).map(|answer| (path, answer))).collect()
    })
}

fn register<S: Read + Write>(
    client: &mut Client<S>,
    paths: &[OsString],
    depth: Option<u32>,
) -> Result<(), Error> {
    paths.iter().map(|path| path.as_bytes()).try_for_each(|path| match depth {
        None => client.watch(path, path),
        Some(depth) => client.watch_depth(path, path, depth),
    })
}

fn follow<S: Read + Write>(
    client: &mut Client<S>,
    count: Option<u64>,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut left = count;
    while left != Some(0) {
        match client.next_event() {
            Ok(event) if json => {
                let watch = json_bytes(&event.token);
                json_line(console.out, &json!({"path": event.path, "watch": watch}))?;
            }
            Ok(event) => line(console.out, event.path.as_bytes())?,
            Err(error @ Error::EventsLost(_)) => writeln!(console.err, "myriad: {error}")?,
            Err(error) => return Err(error.into()),
        }
        console.out.flush()?;
        left = left.map(|n| n - 1);
    }
    Ok(())
}

fn lookup<S: Read + Write>(
    client: &mut Client<S>,
    (index, key): (&str, &[u8]),
    trusted: bool,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let matches =
        if trusted { client.lookup_trusted(index, key)? } else { client.lookup(index, key)? };
    if json {
        let key = json_bytes(key);
        json_line(out, &json!({"index": index, "key": key, "matches": matches}))?;
    } else {
        matches.iter().try_for_each(|name| line(out, name.as_bytes()))?;
    }
    if matches.is_empty() {
        let key = key.escape_ascii();
        return Err(Failure::NotFound(format!("{index} has no match for \"{key}\"")));
    }
    Ok(())
}

/// The index, by its full name, and the key; an index among the words counts.
fn index_and_key<'a>(
    option: &'a str,
    words: &'a [OsString],
) -> Result<(&'a str, &'a [u8]), Failure> {
    let (index, key) = match words {
        [index, key] => (index.to_str().unwrap_or_default(), key.as_bytes()),
        words => (option, words.first().map(|key| key.as_bytes()).unwrap_or_default()),
    };
    let index = match index {
        "name" => "domain-name",
        "vm" => "vm-name",
        other => other,
    };
    if index.is_empty() || !index.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure::Usage("an index's name has letters, digits and - only".into()));
    }
    Ok((index, key))
}
