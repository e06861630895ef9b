//! Strategies for the features of tables.

use proptest::collection::vec;
use proptest::prelude::*;

use super::messages::table_id;
use super::nicira::property;
use super::{bytes, text};
use crate::message::multipart::{FeatureId, OxmId, TableFeatureProperty, TableFeatures};

fn feature_ids() -> impl Strategy<Value = Vec<FeatureId>> {
    let id = (any::<u16>(), bytes(8)).prop_map(|(kind, body)| FeatureId { kind, body });
    vec(id, 0..5)
}

fn oxm_ids() -> impl Strategy<Value = Vec<OxmId>> {
    let class =
        prop_oneof![(0..0xffffu16, Just(None)).boxed(), (Just(0xffff), any::<u32>().prop_map(Some)).boxed()];
    let id = (class, 0..0x80u8, any::<(bool, u8)>()).prop_map(
        |((class, experimenter), number, (has_mask, len))| OxmId {
            class,
            number,
            has_mask,
            len,
            experimenter,
        },
    );
    vec(id, 0..5)
}

fn table_feature_property() -> impl Strategy<Value = TableFeatureProperty> {
    use TableFeatureProperty as P;
    let miss = any::<bool>;
    prop_oneof![
        (miss(), feature_ids()).prop_map(|(miss, ids)| P::Instructions { miss, ids }),
        (miss(), vec(table_id(), 0..9)).prop_map(|(miss, tables)| P::NextTables { miss, tables }),
        (miss(), feature_ids()).prop_map(|(miss, ids)| P::WriteActions { miss, ids }),
        (miss(), feature_ids()).prop_map(|(miss, ids)| P::ApplyActions { miss, ids }),
        oxm_ids().prop_map(P::Match),
        oxm_ids().prop_map(P::Wildcards),
        (miss(), oxm_ids()).prop_map(|(miss, ids)| P::WriteSetField { miss, ids }),
        (miss(), oxm_ids()).prop_map(|(miss, ids)| P::ApplySetField { miss, ids }),
        (miss(), any::<(u32, u32)>(), bytes(20)).prop_map(|(miss, (experimenter, exp_type), data)| {
            P::Experimenter { miss, experimenter, exp_type, data }
        }),
        property().prop_map(P::Unknown),
    ]
}

/// Generates the features of a table.
pub fn table_features() -> impl Strategy<Value = TableFeatures> {
    (table_id(), text(32), any::<(u64, u64, u32, u32)>(), vec(table_feature_property(), 0..6)).prop_map(
        |(table_id, name, (metadata_match, metadata_write, config, max_entries), properties)| TableFeatures {
            table_id,
            name,
            metadata_match,
            metadata_write,
            config,
            max_entries,
            properties,
        },
    )
}
