//! Hints for errors: the command or the option that solves the problem. The libraries report typed errors and do not
//! mention the command line; this is the one place where an error becomes advice for its user.

#[cfg(feature = "export")]
mod bundle;
mod flag;
#[cfg(feature = "package")]
mod package;
mod runtime;
#[cfg(any(feature = "compare", feature = "debug"))]
mod side;
#[cfg(feature = "sign")]
mod signature;
#[cfg(feature = "slide")]
mod slide;
#[cfg(test)]
mod tests;
#[cfg(feature = "train")]
mod train;

pub(crate) use self::runtime::NAME_A_LIBRARY;
use crate::destination::Refused;

/// The hint for an error, if there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_any)
}

/// As [`hint`], for an error that is reported while the work goes on.
#[cfg(feature = "train")]
pub(crate) fn hint_of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    std::iter::successors(Some(error), |error| error.source()).find_map(of_any)
}

fn of_any(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(Refused { flag, .. }) = error.downcast_ref() {
        return Some(format!("name another path with {flag}"));
    }
    if let Some(error) = error.downcast_ref() {
        return runtime::runtime(error);
    }
    #[cfg(feature = "sign")]
    if let Some(error) = error.downcast_ref() {
        return signature::signature(error);
    }
    #[cfg(feature = "export")]
    if let Some(error) = error.downcast_ref() {
        return bundle::export(error);
    }
    #[cfg(feature = "compare")]
    if let Some(error) = error.downcast_ref() {
        return side::compare(error);
    }
    #[cfg(feature = "debug")]
    if let Some(error) = error.downcast_ref() {
        return side::debug(error);
    }
    #[cfg(feature = "package")]
    if let Some(error) = error.downcast_ref() {
        return package::package(error);
    }
    #[cfg(feature = "slide")]
    if let Some(hint) = slide::slide(error) {
        return Some(hint);
    }
    #[cfg(feature = "train")]
    if let Some(error) = error.downcast_ref() {
        return train::train(error);
    }
    None
}
