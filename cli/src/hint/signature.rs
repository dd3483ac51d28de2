//! Hints for signatures and their keys.

use crate::environment::PASSWORD;

/// Hints for signatures and their keys.
pub(super) fn signature(error: &kiln_sign::Error) -> Option<String> {
    use kiln_sign::Error;

    let hint = match error {
        Error::NoPassword { .. } => format!("set its password in the variable {PASSWORD}"),
        Error::Key { reason, .. } if reason.contains("old format") => {
            "convert it: `openssl pkcs8 -topk8 -in OLD -out NEW`".to_owned()
        }
        Error::NotASignature { .. } => "name another file with --signature".to_owned(),
        Error::Unsigned { .. } => {
            "sign it with `kiln sign BUNDLE --key KEY`, or name the file of its signature with --signature".to_owned()
        }
        Error::Changed { .. } => "get the bundle again from its signer, or have it signed again".to_owned(),
        _ => return None,
    };
    Some(hint)
}
