//! A reorder buffer.

use std::collections::VecDeque;

/// Takes values by their numbers in any order, and returns them in rising order.
pub(super) struct InOrder<T> {
    /// Values returned, which is the number of the next one.
    returned: usize,
    /// Values from `returned` on; `None` for one that has not come yet.
    waiting: VecDeque<Option<T>>,
}

impl<T> InOrder<T> {
    pub(super) fn new() -> Self {
        Self { returned: 0, waiting: VecDeque::new() }
    }

    /// Takes the value with this number, which was neither taken nor returned before.
    pub(super) fn insert(&mut self, number: usize, value: T) {
        let place = number - self.returned;
        if self.waiting.len() <= place {
            self.waiting.resize_with(place + 1, || None);
        }
        self.waiting[place] = Some(value);
    }

    /// The next value, if it has come.
    pub(super) fn next(&mut self) -> Option<T> {
        let value = self.waiting.front_mut()?.take()?;
        self.waiting.pop_front();
        self.returned += 1;
        Some(value)
    }

    /// Number of values returned.
    pub(super) fn returned(&self) -> usize {
        self.returned
    }
}
