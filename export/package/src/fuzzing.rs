//! The reader of `config.pbtxt` alone, for the fuzz targets in `tests/fuzz`. Not part of the public interface: it may
//! change in any release.

/// Reads a configuration and prints it.
///
/// # Errors
/// The reason why the text is no model configuration.
pub fn config_pbtxt(text: &str) -> std::result::Result<String, String> {
    crate::server::triton::reprint(text)
}
