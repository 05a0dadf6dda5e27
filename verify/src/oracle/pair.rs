//! Two of a kind: one for each server.

/// Which of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The oracle.
    Left,
    /// The one that is examined.
    Right,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Left, Side::Right];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }
}

/// One value for each server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// The oracle's.
    pub left: T,
    /// The examined one's.
    pub right: T,
}

impl<T> Pair<T> {
    /// Makes one for each server.
    ///
    /// # Errors
    /// That of `make`.
    pub fn make<E>(mut make: impl FnMut(Side) -> Result<T, E>) -> Result<Pair<T>, E> {
        Ok(Pair { left: make(Side::Left)?, right: make(Side::Right)? })
    }

    /// One server's.
    #[must_use]
    pub fn get(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// One server's, to change.
    pub fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

impl<T: Clone> Pair<T> {
    /// The same for both.
    pub fn same(value: T) -> Pair<T> {
        Pair { left: value.clone(), right: value }
    }
}
