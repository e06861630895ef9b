//! Which types of messages there are: Open vSwitch is asked for every number.

use ofproto::Message;
use ofproto::message::{NICIRA, ONF};
use portcullis_tests::PrivateOvs;

/// Whether Open vSwitch knows each of these types, by frames without any body: such a one may be too short.
fn known(ovs: &PrivateOvs, frames: &[Vec<u8>]) -> Vec<bool> {
    let file = ovs.rundir().join("frames");
    std::fs::write(&file, frames.concat()).unwrap();
    let text = ovs.ofctl(&["ofp-parse", file.to_str().unwrap()]);
    let verdicts = text.lines().filter_map(|line| match line.strip_prefix("***decode error: ") {
        Some(error) => Some(error.starts_with("OFPBRC_BAD_LEN")),
        None => line.contains(" (xid=0x").then_some(true),
    });
    verdicts.collect()
}

/// A frame of OpenFlow 1.3.
fn bare(kind: u8, words: &[u32]) -> Vec<u8> {
    let length = u8::try_from(8 + 4 * words.len()).unwrap();
    let body = words.iter().flat_map(|word| word.to_be_bytes());
    [4, kind, 0, length, 0, 0, 0, 1].into_iter().chain(body).collect()
}

#[test]
fn every_type_that_open_vswitch_knows_is_known_and_no_other() {
    let ovs = PrivateOvs::new();
    let experimenters = [(NICIRA, 0..3000u32), (ONF, 0..3000), (7, 0..3)]
        .into_iter()
        .flat_map(|(id, types)| types.map(move |exp_type| [id, exp_type]));
    let mut frames: Vec<_> =
        (0..=255u8).filter(|kind| ![4, 18, 19].contains(kind)).map(|n| bare(n, &[])).collect();
    for [id, exp_type] in experimenters {
        frames.push(bare(4, &[id, exp_type]));
        frames.push(bare(18, &[0xffff_0000, 0, id, exp_type]));
        frames.push(bare(19, &[0xffff_0000, 0, id, exp_type]));
    }
    for kind in 0..0xffffu32 {
        frames.push(bare(18, &[kind << 16, 0]));
        frames.push(bare(19, &[kind << 16, 0]));
    }
    let theirs = known(&ovs, &frames);
    assert_eq!(theirs.len(), frames.len());
    let mut count = 0;
    for (frame, theirs) in frames.iter().zip(theirs) {
        let ours = match Message::decode(frame) {
            Ok((_, Message::Unknown { .. } | Message::Experimenter(_))) => false,
            Ok((_, Message::MultipartRequest(request))) => {
                !matches!(request.body.name(), "Unknown" | "Experimenter")
            }
            Ok((_, Message::MultipartReply(reply))) => {
                !matches!(reply.body.name(), "Unknown" | "Experimenter")
            }
            // A body of no bytes is too short for most.
            _ => true,
        };
        assert_eq!(ours, theirs, "{frame:02x?}");
        count += usize::from(ours);
    }
    // 27 standard messages, 28 standard and 6 experimenters' multiparts, 25 of experimenters.
    assert_eq!(count, 86);
}
