//! The order in which an action set is executed (OpenFlow 1.3.5 §5.10).

use ofproto::action::Action;

/// Returns the actions of an action set, or of a group's bucket, in the order of their execution:
/// one of a kind, the last that was written. Open vSwitch executes every set and move, in the order
/// in which they were written. Without an output it executes nothing, not even an action for the
/// controller.
pub(in crate::verify) fn ordered(set: &[Action]) -> Vec<Action> {
    let last = |wanted: fn(&Action) -> bool| set.iter().rev().find(|action| wanted(action)).cloned();
    let way_out = last(|a| matches!(a, Action::Group(_)))
        .or_else(|| last(|a| matches!(a, Action::Output { .. })))
        .or_else(|| last(|a| matches!(a, Action::Resubmit { .. })));
    let Some(way_out) = way_out else { return Vec::new() };
    let mut list: Vec<Action> = Vec::new();
    list.extend(last(|a| matches!(a, Action::CopyTtlIn)));
    list.extend(last(|a| matches!(a, Action::PopVlan)));
    list.extend(last(|a| matches!(a, Action::PopMpls(_))));
    list.extend(last(|a| matches!(a, Action::PopPbb)));
    list.extend(last(|a| matches!(a, Action::PushMpls(_))));
    list.extend(last(|a| matches!(a, Action::PushPbb(_))));
    list.extend(last(|a| matches!(a, Action::PushVlan(_))));
    list.extend(last(|a| matches!(a, Action::CopyTtlOut)));
    list.extend(last(|a| matches!(a, Action::DecNwTtl)));
    list.extend(last(|a| matches!(a, Action::DecMplsTtl)));
    list.extend(set.iter().filter(|action| is_set(action)).cloned());
    list.extend(last(|a| matches!(a, Action::SetQueue(_))));
    list.push(way_out);
    list
}

/// Returns whether an action sets a field.
pub(in crate::verify) fn is_set(action: &Action) -> bool {
    matches!(
        action,
        Action::SetField(_)
            | Action::Load { .. }
            | Action::Move { .. }
            | Action::SetNwTtl(_)
            | Action::SetMplsTtl(_)
    )
}
