//! How much memory a thing takes beside itself: what `MEMORY USAGE` tells. What the allocator adds is not
//! known here.

/// What has memory of its own on the heap.
pub(super) trait Footprint {
    /// Bytes on the heap. Of many things that each have some, so many are looked at.
    fn heap_bytes(&self, samples: usize) -> usize;
}

/// What `len` things have on the heap together, going by the first ones.
pub(super) fn of_many(len: usize, samples: usize, each: impl Iterator<Item = usize>) -> usize {
    let looked_at = len.min(samples);
    if looked_at == 0 {
        return 0;
    }
    let found: usize = each.take(looked_at).sum();
    // In a wider type: a few long strings among millions of elements go beyond the narrow one.
    (found as u128 * len as u128 / looked_at as u128) as usize
}

impl Footprint for Vec<u8> {
    fn heap_bytes(&self, _: usize) -> usize {
        self.capacity()
    }
}
