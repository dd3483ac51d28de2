//! How a verb ends, and how any error becomes an exit status. This is the one place where kinds of error turn into
//! numbers: 0 done, 1 a check failed, 2 the input is wrong, 3 the environment lacks something.

use std::process::ExitCode;

use kiln_tile::Fault;

/// How a verb that ran to its end came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for was done.
    Done,
    /// A check did not hold: parity miss, a figure that is not valid, a gate that was not met.
    CheckFailed,
    /// Input, arguments or configuration are wrong, in part or wholly.
    Input,
    /// The machine lacks something.
    Environment,
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Check => Self::CheckFailed,
            Fault::Input => Self::Input,
            Fault::Environment => Self::Environment,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::CheckFailed => 1,
            Exit::Input => 2,
            Exit::Environment => 3,
        })
    }
}

/// The exit status of an error: what the first Kiln error in its chain says, else 2.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    error.chain().find_map(fault).map_or(Exit::Input, Exit::from)
}

fn fault(error: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<kiln_runtime::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "export")]
    if let Some(error) = error.downcast_ref::<kiln_export::bundle::BundleError>() {
        return Some(error.fault());
    }
    #[cfg(feature = "export")]
    if let Some(error) = error.downcast_ref::<kiln_export::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "package")]
    if let Some(error) = error.downcast_ref::<kiln_package::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "train")]
    if let Some(error) = error.downcast_ref::<kiln_train::Error>() {
        return Some(error.fault());
    }
    None
}
