//! The reader of `config.pbtxt` by itself, for the fuzz targets in `tests/fuzz`. Not part of the public interface: it may
//! change in any release.

/// Reads a configuration and prints it.
///
/// # Errors
/// Why it is no configuration of a model.
pub fn config_pbtxt(text: &str) -> std::result::Result<String, String> {
    let config = crate::triton::parse(text)?;
    crate::triton::print(&config).map_err(|error| error.to_string())
}
