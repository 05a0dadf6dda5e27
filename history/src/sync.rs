//! The one door to atomics: the standard library's, or loom's under `cfg(loom)`.
