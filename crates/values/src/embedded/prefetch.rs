//! The one instruction that safe Rust has no name for: have memory fetched that is about to be read.
#![allow(unsafe_code)]

/// Has the cache line of `target` fetched. Changes nothing but how long a later read takes; on
/// processors without such an instruction it does nothing.
#[inline]
pub(super) fn prefetch<T>(target: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction is a hint that reads nothing into the program and never faults,
        // whatever the address; and this address is that of a live reference.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = target;
}
