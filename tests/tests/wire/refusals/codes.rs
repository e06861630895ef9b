//! Messages that are not well-formed: the error that we would answer is the one that a switch answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ofproto::message::ErrorMsg;
use ofproto::{Message, Xid};
use portcullis_tests::{Conn, PrivateOvs, hex};

const XID: u32 = 7;
const EXPERIMENTER: u8 = 4;
const PACKET_OUT: u8 = 13;
const FLOW_MOD: u8 = 14;
const GROUP_MOD: u8 = 15;
const MULTIPART: u8 = 18;
const METER_MOD: u8 = 29;
const ANY: [u8; 4] = [0xff; 4];

/// A message with a header that says its length.
fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
    [&[4, kind], &length[..], &XID.to_be_bytes(), &body].concat()
}

/// An addition to table 0, up to its match.
fn flow_mod(parts: &[&[u8]]) -> Vec<u8> {
    // Cookies, table, command and timeouts, the priority, buffer, port and group, flags.
    let head = [&[0; 22][..], &[0, 100], &ANY, &ANY, &ANY, &[0; 4]].concat();
    let mut all = vec![&head[..]];
    all.extend(parts);
    message(FLOW_MOD, &all)
}

/// A match of these fields.
fn fields(fields: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + fields.len()).unwrap().to_be_bytes();
    let padding = vec![0; (4 + fields.len()).next_multiple_of(8) - 4 - fields.len()];
    [&[0, 1], &length[..], fields, &padding].concat()
}

const NO_MATCH: [u8; 8] = [0, 1, 0, 4, 0, 0, 0, 0];

/// An addition that matches these fields.
fn matching(entries: &[u8]) -> Vec<u8> {
    flow_mod(&[&fields(entries)])
}

/// An addition with these instructions.
fn instructing(list: &[u8]) -> Vec<u8> {
    flow_mod(&[&NO_MATCH, list])
}

/// An addition with these actions.
fn acting(list: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + list.len()).unwrap().to_be_bytes();
    instructing(&[&[0, 4], &length[..], &[0; 4], list].concat())
}

/// An action of Nicira's.
fn nicira(subtype: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(10 + body.len()).unwrap();
    [&[0xff, 0xff, 0, length, 0, 0, 0x23, 0x20, 0, subtype][..], body].concat()
}

/// An addition of a group with this bucket, whose length says this.
fn bucket(length: u8, actions: &[u8]) -> Vec<u8> {
    message(GROUP_MOD, &[&[0, 0, 0, 0, 0, 0, 0, 1, 0, length, 0, 0], &ANY, &ANY, &[0; 4], actions])
}

/// An addition of a meter with a band of this type, whose length says this, and these bytes behind its burst size.
fn band(kind: u8, length: u8, rest: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 0, 0, 1, 0, kind, 0, length, 0, 0, 0, 10, 0, 0, 0, 10];
    message(METER_MOD, &[&head, rest])
}

fn experimenter(id: &[u8; 4], exp_type: u16, body: &[u8]) -> Vec<u8> {
    message(EXPERIMENTER, &[id, &[0, 0], &exp_type.to_be_bytes(), body])
}

const NICIRA: [u8; 4] = [0, 0, 0x23, 0x20];
const ONF: [u8; 4] = *b"ONF\0";

/// Messages that we do not take: what is wrong with them, and their bytes.
fn malformed() -> BTreeMap<&'static str, Vec<u8>> {
    let table_features = |length: u8, rest: &[u8]| {
        let head = [&[0, 12, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, 0, 0, 0], &b"x"[..], &[0; 55]].concat();
        message(MULTIPART, &[&head, rest])
    };
    let output = [0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let in_port = [0x80, 0, 0, 4, 0, 0, 0, 1];
    let set_config = 9;
    let bundle = |inner: &[u8]| experimenter(&ONF, 2301, &[&[0, 0, 0, 1, 0, 0, 0, 0], inner].concat());
    [
        ("a barrier with a body", message(20, &[&[0]])),
        ("features request with a body", message(5, &[&[0; 8]])),
        ("set_config cut", message(set_config, &[&[0; 3]])),
        ("an error cut", message(1, &[&[0; 2]])),
        ("an experimenter without an id", message(EXPERIMENTER, &[])),
        ("an experimenter without a type", message(EXPERIMENTER, &[&NICIRA])),
        ("set_controller_id cut", experimenter(&NICIRA, 20, &[0; 4])),
        ("a multipart request cut", message(MULTIPART, &[&[0; 4]])),
        ("a multipart request with a body", message(MULTIPART, &[&[0; 16]])),
        (
            "an experimenter's multipart cut",
            message(MULTIPART, &[&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x23, 0x20]]),
        ),
        ("flow statistics cut", message(MULTIPART, &[&[0, 1, 0, 0, 0, 0, 0, 0], &[0; 8]])),
        (
            "flow statistics, match type",
            message(MULTIPART, &[&[0, 1, 0, 0, 0, 0, 0, 0], &[0; 32], &[0, 7, 0, 4, 0, 0, 0, 0]]),
        ),
        ("port statistics cut", message(MULTIPART, &[&[0, 4, 0, 0, 0, 0, 0, 0], &[0; 4]])),
        ("group statistics, 8 bytes more", message(MULTIPART, &[&[0, 6, 0, 0, 0, 0, 0, 0], &[0; 16]])),
        ("table features, length", table_features(10, &[])),
        ("table features, property length", table_features(72, &[0, 0, 0, 3, 0, 0, 0, 0])),
        ("table features, property too long", table_features(72, &[0, 0, 0, 30, 0, 0, 0, 0])),
        ("flow_mod without a match", flow_mod(&[])),
        ("flow_mod cut", message(FLOW_MOD, &[&[0; 32]])),
        ("two bytes of match", flow_mod(&[&[0; 2]])),
        ("match type 0", flow_mod(&[&[0, 0, 0, 4, 0, 0, 0, 0]])),
        ("match type 7", flow_mod(&[&[0, 7, 0, 4, 0, 0, 0, 0]])),
        ("match length 3", flow_mod(&[&[0, 1, 0, 3, 0, 0, 0, 0]])),
        ("match too long", flow_mod(&[&[0, 1, 0, 100, 0, 0, 0, 0]])),
        ("half a field's header", matching(&[0x80, 0])),
        ("a field cut", matching(&[0x80, 0, 0, 4, 0])),
        ("a field too short", matching(&[0x80, 0, 0, 3, 0, 0, 0])),
        ("a field too long", matching(&[0x80, 0, 0, 5, 0, 0, 0, 0, 0])),
        ("a field twice", matching(&[in_port, in_port].concat())),
        ("half a mask", matching(&[0x80, 0, 7, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("a mask where none may be", matching(&[0x80, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("a mask where none may be, value outside", matching(&[0x80, 0, 1, 8, 0, 0, 0, 2, 0, 0, 0, 1])),
        ("a value too large", matching(&[0x80, 0, 12, 2, 0x20, 0])),
        ("an experimenter's field without one", matching(&[0xff, 0xff, 26, 2, 0, 1])),
        ("instruction length 0", instructing(&[0, 1, 0, 0, 0, 0, 0, 0])),
        ("instruction length 4", instructing(&[0, 1, 0, 4])),
        ("instruction length 12", instructing(&[0, 1, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("instruction too long", instructing(&[0, 4, 0, 64, 0, 0, 0, 0])),
        ("goto_table of 16 bytes", instructing(&[0, 1, 0, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("write_metadata of 16 bytes", instructing(&[&[0, 2, 0, 16][..], &[0; 12]].concat())),
        ("write_metadata of 32 bytes", instructing(&[&[0, 2, 0, 32][..], &[0; 28]].concat())),
        ("half an instruction", instructing(&[0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0])),
        (
            "instructions twice, then one cut",
            instructing(&[0, 5, 0, 8, 0, 0, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0, 0, 4, 0, 64, 0, 0, 0, 0]),
        ),
        ("action length 0", acting(&[0, 24, 0, 0, 0, 0, 0, 0])),
        ("action length 0 of a type that has none", acting(&[0, 11, 0, 0, 0, 0, 0, 0])),
        ("action length 12", acting(&[0, 24, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("output of 8 bytes", acting(&[0, 0, 0, 8, 0, 0, 0, 0])),
        ("output of 24 bytes", acting(&[&[0, 0, 0, 24][..], &[0; 20]].concat())),
        ("output too long", acting(&[&[0, 0, 0, 64][..], &[0; 12]].concat())),
        ("an unknown action too long", acting(&[0, 99, 0, 64, 0, 0, 0, 0])),
        ("an unknown action, then one cut", acting(&[0, 99, 0, 8, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0])),
        ("half an action", acting(&[&output[..], &[0; 4]].concat())),
        ("set_field cut", acting(&[0, 25, 0, 8, 0x80, 0, 0, 4])),
        ("set_field masked", acting(&[0, 25, 0, 16, 0, 1, 1, 8, 0, 0, 0, 1, 0, 0, 0, 1])),
        ("set_field of another length", acting(&[0, 25, 0, 16, 0x80, 0, 6, 0x20, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("reg_load of 16 bytes", acting(&nicira(7, &[0; 6]))),
        ("learn of 16 bytes", acting(&nicira(16, &[0; 6]))),
        ("ct of 16 bytes", acting(&nicira(35, &[0; 6]))),
        ("an action cut in ct", acting(&nicira(35, &[&[0; 14][..], &[0, 0, 0, 16, 0, 0, 0, 0]].concat()))),
        ("an action cut in clone", acting(&nicira(42, &[&[0; 6][..], &[0, 0, 0, 16, 0, 0, 0, 0]].concat()))),
        ("an experimenter's action of 8 bytes", acting(&[0xff, 0xff, 0, 8, 0, 0, 0x23, 0x20])),
        ("packet_out cut", message(PACKET_OUT, &[&[0; 10]])),
        ("packet_out, actions too long", message(PACKET_OUT, &[&ANY, &[0, 0, 0, 1, 0, 64], &[0; 6]])),
        ("packet_out, four bytes of actions", message(PACKET_OUT, &[&ANY, &[0, 0, 0, 1, 0, 4], &[0; 10]])),
        (
            "packet_out, an action cut",
            message(PACKET_OUT, &[&ANY, &[0, 0, 0, 1, 0, 8], &[0; 6], &[0, 0, 0, 16, 0, 0, 0, 0]]),
        ),
        ("bucket length 0", bucket(0, &[])),
        ("bucket length 8", bucket(8, &[])),
        ("bucket too long", bucket(32, &[])),
        ("bucket of 20 bytes", bucket(20, &[0; 4])),
        ("half a bucket", message(GROUP_MOD, &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 8]])),
        ("an action cut in a bucket", bucket(24, &[0, 0, 0, 16, 0, 0, 0, 0])),
        ("an unknown action of another length in a bucket", bucket(24, &[0, 99, 0, 12, 0, 0, 0, 0])),
        ("band length 0", band(1, 0, &[0; 4])),
        ("band length 12", band(1, 12, &[0; 4])),
        ("band length 17", band(1, 17, &[0; 5])),
        ("band length 20", band(1, 20, &[0; 8])),
        ("band length 24", band(1, 24, &[0; 12])),
        ("band too long", band(1, 24, &[0; 4])),
        ("half a band", message(METER_MOD, &[&[0, 0, 0, 1, 0, 0, 0, 1], &[0, 1, 0, 16, 0, 0, 0, 10]])),
        ("an unknown band of 20 bytes", band(7, 20, &[0; 8])),
        ("an experimenter's band of 20 bytes", band(0xff, 20, &[0; 8])),
        ("port_mod cut", message(16, &[&[0; 30]])),
        ("port_mod of 48 bytes", message(16, &[&[0; 40]])),
        ("table_mod of 24 bytes", message(17, &[&[0; 16]])),
        ("tlv_table_mod cut", experimenter(&NICIRA, 24, &[0; 4])),
        ("tlv_table_mod, half a map", experimenter(&NICIRA, 24, &[0; 12])),
        ("bundle_control cut", experimenter(&ONF, 2300, &[0; 4])),
        ("bundle_add, message length 4", bundle(&[4, 20, 0, 4, 0, 0, 0, 7])),
        ("bundle_add, message too long", bundle(&[4, 14, 0, 40, 0, 0, 0, 7])),
        (
            "ct_flush, property length",
            experimenter(&NICIRA, 32, &[&[0; 8][..], &[0, 1, 0, 3, 0, 0, 0, 0]].concat()),
        ),
        (
            "ct_flush, property in a property",
            experimenter(
                &NICIRA,
                32,
                &[&[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0][..], &[0, 0, 0, 3, 0, 0, 0, 0]].concat(),
            ),
        ),
        ("async_config2, property length", experimenter(&NICIRA, 27, &[0, 0, 0, 3, 0, 0, 0, 0])),
        ("async_config2, property too long", experimenter(&NICIRA, 27, &[0, 0, 0, 12, 0, 0, 0, 0])),
        ("async_config2, property cut", experimenter(&NICIRA, 27, &[0, 0, 0, 6, 0, 0, 0, 0])),
        ("async_config2, half a property", experimenter(&NICIRA, 27, &[0; 4])),
        ("resume, property length", experimenter(&NICIRA, 28, &[0, 0, 0, 3, 0, 0, 0, 0])),
        ("monitor_cancel cut", experimenter(&ONF, 1870, &[])),
    ]
    .into()
}

/// What the switch answers.
fn answer(conn: &mut Conn, bytes: &[u8]) -> Option<ErrorMsg> {
    conn.send_raw(bytes);
    conn.barrier();
    let mut errors = conn.errors();
    assert!(errors.len() <= 1, "{errors:?}");
    let (xid, error) = errors.pop()?;
    assert_eq!(xid, Xid(XID));
    Some(error)
}

fn said(error: &ErrorMsg) -> String {
    error.name().map_or_else(|| format!("{error:?}"), str::to_owned)
}

#[test]
fn malformed_messages_are_refused_with_the_code_of_a_switch() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("br0");
    let mut conn = Conn::dial(&ovs.mgmt("br0"));
    let mut wrong = String::new();
    for (what, bytes) in malformed() {
        let theirs = answer(&mut conn, &bytes).map_or("accepted".to_owned(), |error| said(&error));
        let ours = match Message::decode(&bytes) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => said(&ErrorMsg::reply_to(&error, &bytes)),
        };
        if ours != theirs {
            writeln!(wrong, "{what}: {} ours {ours}, theirs {theirs}", hex(&bytes)).unwrap();
        }
    }
    assert_eq!(wrong, "");
}

/// A mask of all bits, or of none, may stand where no other may.
#[test]
fn masks_that_say_nothing_are_taken() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("br0");
    let mut conn = Conn::dial(&ovs.mgmt("br0"));
    for (value, mask) in [([0; 4], [0; 4]), ([0, 0, 0, 1], [0xff; 4])] {
        let bytes = matching(&[&[0x80, 0, 1, 8][..], &value, &mask].concat());
        assert_eq!(answer(&mut conn, &bytes), None);
        let (xid, message) = Message::decode(&bytes).unwrap();
        assert_eq!(message.encode(xid).unwrap(), bytes);
    }
}
