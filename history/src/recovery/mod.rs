//! Recovery: journal, checkpoints and ring slots, on tmpfs.
