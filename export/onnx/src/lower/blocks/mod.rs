//! Building blocks that several families of operations share. A block depends on the context and on other blocks alone.

pub(super) mod arithmetic;
pub(super) mod cast;
pub(super) mod double;
pub(super) mod fill;
pub(super) mod recorded;
pub(super) mod reduce;
pub(super) mod separable;
pub(super) mod shape;
