//! Memory of the process.

/// Lets glibc keep large blocks that are freed. It otherwise maps every block over 32 MB from the kernel and returns it at once,
/// and the maps of a convolution in training are larger: each operation would wait for its pages. The process keeps its peak
/// until it ends, so this is for verbs that train. Elsewhere than on glibc nothing changes.
pub(crate) fn keep_freed_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (option, value) in [(libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, i32::MAX)] {
        // SAFETY: `mallopt` holds the allocator's lock; these options only choose where blocks come from and when they go back.
        if unsafe { libc::mallopt(option, value) } == 0 {
            tracing::debug!("malloc has no option {option}");
        }
    }
}
