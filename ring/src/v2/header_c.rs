//! The C header, made of the declarations of records, operations and kinds.
//!
//! `ring/include/myriad-v2.h` is kept in the repository, so that a C program needs no Rust. The
//! test here fails where it isn't what the declarations say, and writes it where
//! `MYRIAD_WRITE_HEADER` is set.

use std::{fmt::Write, path::Path};

use super::{Op, body, frame, limits, past_records as past, record::Shape, records, status};
use crate::{page::layout::PAGE_SIZE, shm};
use myriad_core::Errno;

#[test]
fn the_header_is_what_the_records_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/myriad-v2.h");
    let made = header();
    if std::env::var_os("MYRIAD_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == made, "write it again: set MYRIAD_WRITE_HEADER and run this test");
}

#[test]
fn every_record_lies_as_its_fields_do() {
    for shape in frame::SHAPES.iter().chain(records::SHAPES).chain(past::SHAPES) {
        let sizes = shape.fields.iter().map(|(_, ty, _)| bytes(ty));
        assert_eq!(sizes.sum::<usize>(), shape.size, "{}", shape.name);
        let mut at = 0;
        for (field, ty, words) in shape.fields {
            assert_eq!(at % bytes(ty), 0, "{}.{field} is not aligned in C", shape.name);
            assert!(!words.is_empty(), "{}.{field} says nothing", shape.name);
            at += bytes(ty);
        }
        let whole = if shape.name == "myriad_permission" { 4 } else { body_align() };
        assert_eq!(shape.size % whole, 0, "{}", shape.name);
    }
}

fn body_align() -> usize {
    assert_eq!(body::Body::new(&[0; 8]).record::<records::Watching>().unwrap().generation.get(), 0);
    super::ALIGN
}

fn bytes(ty: &str) -> usize {
    match ty {
        "U8" => 1,
        "U16" => 2,
        "U32" => 4,
        "U64" => 8,
        other => panic!("no C type for {other}"),
    }
}

fn header() -> String {
    let mut out = String::from(START);
    let mut put = |line: std::fmt::Arguments<'_>| writeln!(out, "{line}").unwrap();
    put(format_args!("\n/* The v1 message that asks for v2, and the version that this is. */"));
    put(format_args!("#define MYRIAD_HELLO {:#x}u", records::HELLO));
    put(format_args!("#define MYRIAD_VERSION {}u", records::VERSION));
    for (words, flags) in flags().into_iter().chain(past_flags()) {
        put(format_args!("\n/* {words} */"));
        for (name, value) in flags {
            put(format_args!("#define MYRIAD_{name} {value:#x}u"));
        }
    }
    put(format_args!("\n/* SUBSCRIBE: from now on. */"));
    put(format_args!("#define MYRIAD_NOW {:#x}ull", records::NOW));
    put(format_args!("\n/* Operations. */"));
    for op in Op::ALL {
        let (name, number) = (op.name(), *op as u16);
        put(format_args!("#define MYRIAD_OP_{name} {number}u /*{} */", op.words()));
    }
    put(format_args!("\n/* Items of a COMMIT. */"));
    for kind in records::Kind::ALL {
        let (name, number) = (kind.name(), *kind as u16);
        put(format_args!("#define MYRIAD_{name} {number}u /*{} */", kind.words()));
    }
    put(format_args!("\n/* Rings in a memory file: where its words lie, of 32 bits each. */"));
    for place in shm::Place::ALL {
        put(format_args!("#define MYRIAD_AT_{} {}u", place.name(), place.offset()));
    }
    put(format_args!("#define MYRIAD_AT_RINGS {}u", PAGE_SIZE));
    put(format_args!("\n/* Errors: those of Xen's errno.h. */"));
    for errno in Errno::ALL {
        put(format_args!("#define MYRIAD_{} {}u", errno.name(), status::number(errno)));
    }
    for shape in frame::SHAPES.iter().chain(records::SHAPES).chain(past::SHAPES) {
        put_shape(shape, &mut out);
    }
    out + END
}

/// The flags and bounds, group by group.
fn flags() -> Vec<(&'static str, Vec<(&'static str, u32)>)> {
    vec![
        (
            "Flags of a frame.",
            vec![
                ("REPLY", u32::from(frame::REPLY)),
                ("EVENT", frame::EVENT.into()),
                ("MORE", frame::MORE.into()),
            ],
        ),
        (
            "Features.",
            vec![
                ("FEATURE_WATCHES", records::WATCHES),
                ("FEATURE_SNAPSHOTS", records::SNAPSHOTS),
                ("FEATURE_LOOKUPS", records::LOOKUPS),
                ("FEATURE_CLASSICS", records::CLASSICS),
                ("FEATURE_FEEDS", records::FEEDS),
                ("FEATURE_HISTORIES", records::HISTORIES),
                ("FEATURE_RINGS", records::RINGS),
            ],
        ),
        (
            "What GET and GET_MANY may want; what LIST may be told.",
            vec![
                ("VALUE", records::VALUE.into()),
                ("PERMS", records::PERMS.into()),
                ("VALUES", records::VALUES.into()),
            ],
        ),
        (
            "Access of a permission.",
            vec![("READ", records::READ.into()), ("WRITE", records::WRITE.into())],
        ),
        (
            "Watches: no event right away; where kinds of change are; all levels below the path.",
            vec![
                ("QUIET", records::QUIET.into()),
                ("KINDS_SHIFT", records::KINDS_SHIFT.into()),
                ("ALL_LEVELS", records::ALL_LEVELS),
            ],
        ),
        ("No item of the request is to blame.", vec![("NO_ITEM", records::NO_ITEM)]),
        (
            "Rings in a memory file: what its first words are, and what a side sleeps for.",
            vec![
                ("RINGS_MAGIC", shm::MAGIC),
                ("RINGS_VERSION", shm::VERSION),
                ("FOR_BYTES", shm::FOR_BYTES),
                ("FOR_ROOM", shm::FOR_ROOM),
            ],
        ),
        (
            "Limits that are the same for all; the others are in the welcome.",
            vec![
                ("FRAGMENT_MAX", u32::try_from(limits::FRAGMENT_MAX).unwrap()),
                ("DETAIL_MAX", u32::try_from(limits::DETAIL_MAX).unwrap()),
            ],
        ),
    ]
}

/// Those of subscriptions and of history.
fn past_flags() -> Vec<(&'static str, Vec<(&'static str, u32)>)> {
    vec![
        (
            "Kinds of change.",
            vec![
                ("CREATED", records::CREATED.into()),
                ("WRITTEN", records::WRITTEN.into()),
                ("GRANTED", records::GRANTED.into()),
                ("REMOVED", records::REMOVED.into()),
            ],
        ),
        (
            "What SUBSCRIBE may be told; what FEED tells.",
            vec![
                ("WITH_VALUES", records::WITH_VALUES.into()),
                ("WITH_PERMS", records::WITH_PERMS.into()),
                ("GAP", records::GAP.into()),
                ("PART", records::PART.into()),
                ("REACHED", records::REACHED.into()),
            ],
        ),
        (
            "What HISTORY is asked for, and how.",
            vec![
                ("ASK_RANGE", records::ASK_RANGE.into()),
                ("ASK_NODE", records::ASK_NODE.into()),
                ("ASK_LIST", records::ASK_LIST.into()),
                ("ASK_LOG", records::ASK_LOG.into()),
                ("BELOW", records::BELOW.into()),
                ("AT_TIME", records::AT_TIME.into()),
            ],
        ),
    ]
}

fn put_shape(shape: &Shape, out: &mut String) {
    let words: String = shape.docs.concat();
    writeln!(out, "\n/*{words} */\nstruct {} {{", shape.name).unwrap();
    for (field, ty, words) in shape.fields {
        let ty = format!("uint{}_t", 8 * bytes(ty));
        writeln!(out, "    {ty} {field}; /*{} */", words.concat()).unwrap();
    }
    let assert = format!("MYRIAD_SIZE({}, {});", shape.name, shape.size);
    writeln!(out, "}};\n{assert}").unwrap();
}

const START: &str = "\
/*
 * Protocol v2 of Myriad: numbers and records. All numbers are little-endian.
 *
 * Made of the declarations in ring/src/v2, which PROTOCOL-V2.md explains. Don't change it by hand:
 * MYRIAD_WRITE_HEADER=1 cargo test -p myriad-ring the_header
 */
#ifndef MYRIAD_V2_H
#define MYRIAD_V2_H

#include <stdint.h>

/* Fails to compile where a record has another size. */
#ifdef __cplusplus
#define MYRIAD_SIZE(name, size) static_assert(sizeof(struct name) == (size), #name)
#else
#define MYRIAD_SIZE(name, size) \\
    typedef char name##_has_its_size[sizeof(struct name) == (size) ? 1 : -1]
#endif

#ifdef __cplusplus
extern \"C\" {
#endif
";

const END: &str = "
#ifdef __cplusplus
}
#endif

#endif
";
