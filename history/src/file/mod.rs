//! The tiered file: the past of a store in a fixed number of bytes.
