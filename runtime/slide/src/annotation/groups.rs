//! The role of a group of annotations: tumour, not tumour, or ignored. A name without a role is an error, because an
//! exclusion that counts as tumour spoils a data set unnoticed.

use std::collections::BTreeMap;

/// The role of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupRole {
    /// The polygons of the group are tumour.
    Tumour,
    /// The polygons of the group are not tumour, also where they lie within tumour.
    NotTumour,
    /// The polygons of the group are skipped.
    Ignore,
}

/// Roles by the name of the group. Upper and lower case are the same, and white space around a name does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMap {
    roles: BTreeMap<String, GroupRole>,
}

impl Default for GroupMap {
    /// The names of CAMELYON16 and CAMELYON17: `_0`, `_1`, `Tumor`, `Tumour` and `metastases` are tumour; `_2`, `Exclusion`,
    /// `normal` and `None` are not.
    fn default() -> Self {
        let tumour = ["_0", "_1", "tumor", "tumour", "metastases"].map(|name| (name.to_owned(), GroupRole::Tumour));
        let other = ["_2", "exclusion", "normal", "none"].map(|name| (name.to_owned(), GroupRole::NotTumour));
        Self { roles: tumour.into_iter().chain(other).collect() }
    }
}

impl GroupMap {
    /// A map without names.
    #[must_use]
    pub fn empty() -> Self {
        Self { roles: BTreeMap::new() }
    }

    /// Sets the role of a name. The last one counts.
    #[must_use]
    pub fn with(mut self, name: &str, role: GroupRole) -> Self {
        self.roles.insert(key(name), role);
        self
    }

    /// The role of a name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<GroupRole> {
        self.roles.get(&key(name)).copied()
    }

    /// The known names, for messages.
    pub(super) fn known(&self) -> String {
        self.roles.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}
