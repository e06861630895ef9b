//! Normalises instructions to the form in which a switch reports them.

use ofproto::instruction::Instruction;
use ofproto::{Reader, Writer};

/// Returns the instructions as a switch reports them.
///
/// OpenFlow 1.3 has several spellings for one action, and no spelling of its own for some, such as
/// a masked `set_field`. A desired flow in another spelling would always look like drift.
/// Instructions that cannot be encoded are returned unchanged: the session reports them.
pub(crate) fn canonical(instructions: Vec<Instruction>) -> Vec<Instruction> {
    let mut w = Writer::new();
    match Instruction::encode_list(&instructions, &mut w) {
        Ok(()) => Instruction::decode_list(&mut Reader::new(w.as_slice())).unwrap_or(instructions),
        Err(_) => instructions,
    }
}

#[cfg(test)]
mod tests {
    use ofctl::syntax::parse_flow;
    use ofproto::action::Action;
    use ofproto::oxm::{Field, Oxm};

    use super::*;
    use crate::compile::PortMap;

    #[test]
    fn a_masked_set_field_is_what_the_switch_makes_of_it() {
        let masked = Action::SetField(Oxm::Known { field: Field::Reg0, value: 0x5, mask: Some(0xf) });
        let loaded = parse_flow("actions=load:0x5->NXM_NX_REG0[0..3]", &PortMap::new()).unwrap();
        assert_eq!(canonical(vec![Instruction::ApplyActions(vec![masked])]), loaded.instructions);
    }
}
