//! The batches that a compiled graph must accept: a shape profile, as TensorRT calls it.

/// The batches that a compiled graph must accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeProfile {
    /// The graph's input.
    pub input: String,
    /// Lengths of its axes after the batch.
    pub axes: Vec<u64>,
    /// The smallest batch.
    pub min: usize,
    /// The batch to be fastest at.
    pub opt: usize,
    /// The largest batch.
    pub max: usize,
}

impl ShapeProfile {
    /// The input's shape at a batch in TensorRT's notation: `tile:8x256x256x3`.
    #[must_use]
    pub fn shape(&self, batch: usize) -> String {
        let axes = self.axes.iter().map(ToString::to_string);
        let axes: Vec<_> = std::iter::once(batch.to_string()).chain(axes).collect();
        format!("{}:{}", self.input, axes.join("x"))
    }

    /// The text that the key of a compiled graph contains. A change of it rebuilds every engine.
    pub(crate) fn key(&self) -> String {
        let Self { input, axes, min, opt, max } = self;
        format!("Profile {{ input: {input:?}, axes: {axes:?}, min: {min}, opt: {opt}, max: {max} }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_names_every_length() {
        let profile = ShapeProfile { input: "tile".to_owned(), axes: vec![256, 256, 3], min: 1, opt: 8, max: 32 };
        let expected = "Profile { input: \"tile\", axes: [256, 256, 3], min: 1, opt: 8, max: 32 }";
        assert_eq!(profile.key(), expected);
    }
}
