//! Derives the module path of every operation. burn records no module scope, so the path follows from the parameters: an
//! operation that reads the parameters of `encoder.conv1` belongs to `encoder.conv1`. An operation without parameters
//! belongs to the parent of the module whose value it reads, since the parent's forward function contains it.

use std::collections::HashMap;

use burn::backend::capture::TensorId;
use burn::backend::ir::OperationIr;

use super::Recording;

/// Module paths by operation position.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    paths: Vec<String>,
}

impl Modules {
    /// Derives the paths of one recording.
    pub(crate) fn new(recording: &Recording) -> Self {
        let mut scope = Scope::default();
        for (id, path) in &recording.parameters {
            scope.owners.insert(*id, parent(path).to_owned());
        }
        let paths = recording.operations.iter().map(|operation| scope.place(operation)).collect();
        Self { paths }
    }

    /// Path of the operation at `index`; empty for the root module.
    pub(crate) fn path(&self, index: usize) -> &str {
        self.paths.get(index).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Scope {
    /// Tensors computed from parameters alone, and the module that owns the parameters.
    owners: HashMap<TensorId, String>,
    /// Tensors that depend on an input, and the module of the next operation on them.
    places: HashMap<TensorId, String>,
}

impl Scope {
    fn place(&mut self, operation: &OperationIr) -> String {
        let owned: Vec<&String> = operation.inputs().filter_map(|tensor| self.owners.get(&tensor.id)).collect();
        let placed = operation.inputs().filter_map(|tensor| self.places.get(&tensor.id)).last().cloned();
        let owner = owned.split_first().map(|(first, rest)| rest.iter().fold((*first).clone(), |a, b| common(&a, b)));
        let only_parameters = operation.inputs().all(|tensor| self.owners.contains_key(&tensor.id));
        let path = owner.clone().or_else(|| placed.clone()).unwrap_or_default();
        for out in operation.outputs() {
            match &owner {
                Some(owner) if only_parameters => drop(self.owners.insert(out.id, owner.clone())),
                Some(owner) => drop(self.places.insert(out.id, parent(owner).to_owned())),
                None => drop(self.places.insert(out.id, path.clone())),
            }
        }
        path
    }
}

/// The parent of a path.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The longest common ancestor of two paths.
fn common(a: &str, b: &str) -> String {
    let shared = a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).map(|(a, _)| a);
    shared.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_parents_and_common_parts() {
        assert_eq!(parent("encoder.conv1.weight"), "encoder.conv1");
        assert_eq!(parent("weight"), "");
        assert_eq!(common("a.b.c", "a.b.d"), "a.b");
        assert_eq!(common("a", "b"), "");
    }
}
