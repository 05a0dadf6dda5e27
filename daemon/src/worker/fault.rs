//! What becomes of a worker that ends by a fault of ours.

/// Tells of a panic, which would leave a worker's connections without service.
pub(super) struct OnPanic<'f, F: Fn()>(pub(super) &'f F);

impl<F: Fn()> Drop for OnPanic<'_, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}
