//! Any records come back, and any bytes are an error or a stream.

use proptest::{collection::vec, option, prelude::*};

use super::*;

prop_compose! {
    fn text()(text in vec(1_u8.., 1..20)) -> Vec<u8> { text }
}

proptest! {
    #[test]
    fn watches_and_connections_come_back(
        (path, token) in (text(), text()),
        depth in option::of(0..0xffff_u16),
        (conn, domid, evtchn, fd) in (1_u32.., any::<u16>(), any::<u32>(), any::<i32>()),
        (input, output, unique_id) in
            (vec(any::<u8>(), 0..30), vec(any::<u8>(), 0..30), option::of(any::<u64>())),
    ) {
        let depth = depth.map_or(Depth::All, Depth::Levels);
        let target = Some(domid).filter(|target| *target != NO_TARGET);
        let (input, output) = (&input[..], &output[..]);
        let partial = u16::try_from(output.len() / 2).unwrap();
        let ring = Link::Ring { domid, target, evtchn };
        let records = [ring, Link::Socket { fd }].map(|link| {
            Record::Connection(Connection { id: conn, link, input, output, partial, unique_id })
        });
        let watch = Watch { conn, path: &path, token: &token, depth };
        let records = [&records[..], &[Record::Watch(watch)]].concat();
        let bytes = stream(&records, Version::V2);
        prop_assert_eq!(read(&bytes).unwrap(), records);
    }

    #[test]
    fn nodes_and_quotas_come_back(
        (path, value) in (text(), vec(any::<u8>(), 0..30)),
        perms in vec((0_usize..4, any::<bool>(), any::<u16>()), 0..5),
        quotas in vec((text(), any::<u32>()), 0..5),
        (domid, features) in any::<(u16, u32)>(),
    ) {
        let perms: Vec<_> = perms
            .iter()
            .map(|(letter, is_stale, domid)| Permission {
                letter: b"nrwb"[*letter],
                is_stale: *is_stale,
                domid: *domid,
            })
            .collect();
        let quotas: Vec<_> = quotas.iter().map(|(name, value)| (&name[..], *value)).collect();
        let (per_domain, global) = quotas.split_at(quotas.len() / 2);
        let records = [
            Record::Node(Node::committed(&path, &value, &perms)),
            Record::GlobalQuota(GlobalQuota {
                per_domain: per_domain.into(),
                global: global.into(),
            }),
            Record::Domain(Domain { domid, features: Some(features), quotas: quotas.clone() }),
        ];
        let bytes = stream(&records, Version::V2);
        prop_assert_eq!(read(&bytes).unwrap(), records);
    }

    #[test]
    fn a_cut_or_a_changed_byte_is_an_error_or_another_stream(
        at in any::<prop::sample::Index>(),
        change in option::of(any::<u8>()),
    ) {
        let mut bytes = stream(&all(), Version::V2);
        let at = at.index(bytes.len());
        match change {
            Some(change) => {
                bytes[at] ^= change;
                let _ = read(&bytes);
            }
            None => {
                bytes.truncate(at);
                prop_assert!(read(&bytes).is_err());
            }
        }
    }
}
