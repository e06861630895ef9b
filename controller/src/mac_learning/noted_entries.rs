//! Notes table entries that are needed soon.

/// Largest number of entries that are loaded together. A processor has about 20 memory loads under
/// way.
const NOTED_MAX: usize = 64;

/// The indices into a [`MacTable`](super::table::MacTable) that are loaded together.
#[derive(Debug)]
pub struct NotedEntries {
    indices: [u32; NOTED_MAX],
    len: usize,
}

impl NotedEntries {
    /// Returns an empty collection.
    pub fn new() -> Self {
        Self { indices: [0; NOTED_MAX], len: 0 }
    }

    /// Adds an index. Returns whether the collection is full. An index beyond 2³² is left out.
    #[inline]
    pub(super) fn push(&mut self, index: usize) -> bool {
        if let (Some(place), Ok(index)) = (self.indices.get_mut(self.len), u32::try_from(index)) {
            *place = index;
            self.len += 1;
        }
        self.len == NOTED_MAX
    }

    /// Returns the indices and empties the collection.
    #[inline]
    pub(super) fn take(&mut self) -> &[u32] {
        let len = std::mem::take(&mut self.len);
        self.indices.get(..len).unwrap_or_default()
    }
}

impl Default for NotedEntries {
    fn default() -> Self {
        Self::new()
    }
}
