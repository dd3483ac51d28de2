//! Names that occur in many rows, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::ABSENT;

/// Names by number, in the order of their first occurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    /// Number of the last name: neighbouring rows usually have the same.
    last: u32,
}

impl Names {
    /// The number of a name. `None` if there are too many names.
    pub(super) fn number(&mut self, name: &str) -> Option<u32> {
        if self.get(self.last) == Some(name) {
            return Some(self.last);
        }
        if let Some(number) = self.numbers.get(name) {
            self.last = *number;
            return Some(self.last);
        }
        let number = u32::try_from(self.names.len()).ok().filter(|number| *number != ABSENT)?;
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        self.last = number;
        Some(number)
    }

    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize).map(AsRef::as_ref)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }
}
