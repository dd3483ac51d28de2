//! Readers of untrusted bytes without the files that the bytes come from, for the fuzz targets in `tests/fuzz`. Not part of the
//! public interface: anything here may change in any release.

use std::time::SystemTime;

use crate::certificate;
use crate::envelope::{Material, SignatureFile};
use crate::statement::Statement;

/// Reads bytes as a signature with its certificates, as a statement, and as a certificate. Returns true if any was accepted,
/// and panics if an accepted one is not read again from what is written of it.
#[must_use]
pub fn signature(bytes: &[u8], root: &[u8]) -> bool {
    let now = SystemTime::now();
    let file = SignatureFile::from_json(bytes);
    if let Ok(file) = &file {
        let again = file.to_json().map_err(|error| error.to_string()).and_then(|json| SignatureFile::from_json(&json));
        assert_eq!(again.as_ref(), Ok(file));
        if let Material::Certificates(chain) = &file.material {
            let _ = certificate::verify(chain, &[root.to_vec()], now);
        }
        let _ = statement(&file.payload);
    }
    file.is_ok() || statement(bytes) || certificate::signing(bytes, now).is_ok()
}

fn statement(bytes: &[u8]) -> bool {
    let Ok(statement) = Statement::from_json(bytes) else { return false };
    assert!(statement.files.iter().all(|(_, digest)| digest.len() == 64));
    let again = statement.to_json().map_err(|error| error.to_string()).and_then(|json| Statement::from_json(&json));
    assert_eq!(again, Ok(statement));
    true
}
