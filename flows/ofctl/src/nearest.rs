//! Suggestions for misspelt names.

/// Returns the name at the smallest edit distance, if that is small relative to the length of the
/// name.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Longer texts are not misspelt names, and the distance costs the product of the lengths.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    // A different letter in a name of one letter is not a typing error.
    let length = wrong.chars().count();
    let most = length.div_ceil(3).min(3).min(length.saturating_sub(1));
    names
        .into_iter()
        .filter(|name| name.len() <= LONGEST && name.len().abs_diff(wrong.len()) <= 2 * most)
        .map(|name| (strsim::osa_distance(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= most && *name != wrong)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_proposes_small_slips_only() {
        let names = ["veth100", "veth102", "from-privacy", "warp0"];
        assert_eq!(nearest("veht100", names), Some("veth100"));
        assert_eq!(nearest("form-privacy", names), Some("from-privacy"));
        assert_eq!(nearest("WARP", names), Some("warp0"));
        assert_eq!(nearest("management", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("bb", ["b"]), Some("b"));
        assert_eq!(nearest(&"v".repeat(1000), names), None);
    }
}
