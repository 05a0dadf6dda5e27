//! The commands of `myriad`.
//!
//! Invariant: what a transaction reads is printed after its commit, never from an attempt that
//! failed.

use std::{
    ffi::OsString,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
};

use myriad_core::Perm;
use myriad_ring::client::{Client, Error, Store};
use serde_json::json;

use super::{
    cli::{Cli, Command},
    compat::{self, Layout},
    console::Console,
    escape::{quote, unquote},
    failure::Failure,
    history, host, ls,
    output::{json_bytes, json_line, line},
    stream::{self, Stream},
    tree::{self, Reach},
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
    let mut client = match &cli.socket {
        Some(path) => Client::connect_to(path)?,
        None => Client::connect()?,
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

/// The commands that change the tree: each in one transaction, and silent.
fn change<S: Read + Write>(command: &Command, client: &mut Client<S>) -> Result<(), Failure> {
    client.transact(|tx| match command {
        Command::Write { raw, pairs } => Ok(pairs.chunks_exact(2).try_for_each(|pair| {
            let (path, value) = (pair.first(), pair.last());
            let path = path.map(|p| p.as_bytes()).unwrap_or_default();
            let value = value.map(|v| v.as_bytes()).unwrap_or_default();
            if *raw { tx.write(path, value) } else { tx.write(path, unquote(value)) }
        })?),
        Command::Mkdir { paths } => {
            Ok(paths.iter().try_for_each(|path| tx.mkdir(path.as_bytes()))?)
        }
        Command::Rm { tidy, paths } => {
            let mut remove = |path: &OsString| tree::remove(tx, path.as_bytes(), *tidy);
            Ok(paths.iter().try_for_each(&mut remove)?)
        }
        Command::Chmod { recurse, upto, path, perms } => {
            let reach = Reach { recurse: *recurse, upto: *upto, join: tree::join };
            Ok(tree::chmod(tx, path.as_bytes(), &parse_perms(perms)?, reach)?)
        }
        _ => Ok(()),
    })
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
            for (path, value) in on_each(client, paths, |tx, path| tx.read(path))? {
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
            for (path, names) in on_each(client, paths, |tx, path| tx.list(path))? {
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
            let found = on_each(client, paths, |tx, path| tx.exists(path))?;
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

type Transaction<'c, S> = myriad_ring::client::Transaction<'c, S>;

/// The same for each path, all in one transaction.
fn on_each<'p, S: Read + Write, T>(
    client: &mut Client<S>,
    paths: &'p [OsString],
    each: impl Fn(&mut Transaction<'_, S>, &[u8]) -> Result<T, Error>,
) -> Result<Vec<(&'p [u8], T)>, Error> {
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

fn parse_perms(perms: &[OsString]) -> Result<Vec<Vec<u8>>, Failure> {
    let parse = |perm: &OsString| match Perm::parse(perm.as_bytes()) {
        Ok(perm) => Ok(perm.to_string().into_bytes()),
        Err(error) => {
            let perm = perm.as_bytes().escape_ascii();
            Err(Failure::Usage(format!("\"{perm}\" is no permission: {error}")))
        }
    };
    perms.iter().map(parse).collect()
}
