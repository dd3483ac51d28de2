//! Exit status of a verb. This is the only place that turns error categories into numbers: 0 done, 1 a check failed, 2 the
//! input is wrong, 3 the machine lacks something.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use kiln_files::Fault;

use crate::output::Output;

/// Result of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything succeeded.
    Done,
    /// A check failed: parity, a gate, or the validity of a benchmark.
    CheckFailed,
    /// Input, arguments or configuration are wrong, at least in part.
    Input,
    /// The machine lacks something.
    Environment,
}

impl Exit {
    /// Combines the result of a verb with the result of writing its report. A bad verdict stays: it must not depend on the
    /// report's disk.
    pub(crate) fn after_report(self, written: anyhow::Result<()>, out: &Output) -> anyhow::Result<Self> {
        match written {
            Err(error) if self != Self::Done => {
                out.error(&error);
                Ok(self)
            }
            written => written.map(|()| self),
        }
    }
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

/// The exit status of an error: 3 for a full disk, reported by any error; 2 for a path that cannot be written; else the
/// category of the first Kiln error in the chain, or 2 if there is none.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    let refusals = || error.chain().filter_map(|error| error.downcast_ref::<io::Error>());
    if refusals().any(is_full) {
        return Exit::Environment;
    }
    if refusals().any(is_misnamed) {
        return Exit::Input;
    }
    error.chain().find_map(fault).map_or(Exit::Input, Exit::from)
}

/// No space, no quota, a limit on file size or open files, or a read-only file system.
fn is_full(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    /// `ENFILE` and `EMFILE`, the same on every Unix.
    const OPEN_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem)
        || (cfg!(unix) && error.raw_os_error().is_some_and(|number| OPEN_FILES.contains(&number)))
}

/// An invalid path, such as one through a file, or a folder, a device or a pipe in the place of a file to write.
fn is_misnamed(error: &io::Error) -> bool {
    use ErrorKind::{InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    matches!(error.kind(), InvalidInput | InvalidFilename | IsADirectory | NotADirectory)
}

fn fault(error: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<kiln_runtime::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "sign")]
    if let Some(error) = error.downcast_ref::<kiln_sign::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "export")]
    if let Some(error) = error.downcast_ref::<kiln_export::BundleError>() {
        return Some(error.fault());
    }
    #[cfg(feature = "compare")]
    if let Some(error) = error.downcast_ref::<kiln_compare::CompareError>() {
        return Some(error.fault());
    }
    #[cfg(feature = "compare")]
    if let Some(error) = error.downcast_ref::<crate::unanswered::Unanswered>() {
        return Some(error.fault);
    }
    #[cfg(feature = "debug")]
    if let Some(error) = error.downcast_ref::<kiln_debug::DebugError>() {
        return Some(error.fault());
    }
    #[cfg(feature = "package")]
    if let Some(error) = error.downcast_ref::<kiln_package::Error>() {
        return Some(error.fault());
    }
    #[cfg(feature = "slide")]
    if let Some(fault) = slide_fault(error) {
        return Some(fault);
    }
    #[cfg(feature = "train")]
    if let Some(error) = error.downcast_ref::<kiln_train::Error>() {
        return Some(error.fault());
    }
    None
}

/// The category of an error about slides.
#[cfg(feature = "slide")]
fn slide_fault(error: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    use kiln_slide::openslide::LibraryError;
    use kiln_slide::{
        AnnotationError, AnnotationProblem, LabelError, ListError, ResolutionError, SlideError, SlideScoreError,
        TilingError,
    };

    if let Some(error) = error.downcast_ref::<LibraryError>() {
        return Some(error.fault());
    }
    if let Some(error) = error.downcast_ref::<ListError>() {
        return Some(error.fault());
    }
    let is_input = error.is::<SlideError>()
        || error.is::<ResolutionError>()
        || error.is::<TilingError>()
        || error.is::<AnnotationError>()
        || error.is::<AnnotationProblem>()
        || error.is::<LabelError>()
        || error.is::<SlideScoreError>();
    is_input.then_some(Fault::Input)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn status(kind: ErrorKind) -> Exit {
        let failed: anyhow::Result<()> = Err(io::Error::from(kind)).context("cannot write report.json");
        failed.map_or_else(|error| of_error(&error), |()| Exit::Done)
    }

    #[test]
    fn a_full_disk_is_the_machines_fault_whoever_wrote() {
        for kind in
            [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge, ErrorKind::ReadOnlyFilesystem]
        {
            assert_eq!(status(kind), Exit::Environment, "{kind}");
        }
        assert_eq!(status(ErrorKind::NotFound), Exit::Input);
    }

    #[test]
    fn a_path_that_can_be_no_file_is_wrong_input_whoever_wrote() {
        for kind in
            [ErrorKind::InvalidInput, ErrorKind::InvalidFilename, ErrorKind::NotADirectory, ErrorKind::IsADirectory]
        {
            let error = kiln_runtime::Error::Write { path: "a.png/x.csv".into(), source: io::Error::from(kind) };
            assert_eq!(of_error(&error.into()), Exit::Input, "{kind}");
        }
    }

    #[test]
    fn a_bad_verdict_stays_whether_it_could_be_written_or_not() {
        let out = Output::new(true, None);
        let failed = || Err(anyhow::Error::from(io::Error::from(ErrorKind::StorageFull)));
        for exit in [Exit::CheckFailed, Exit::Input, Exit::Environment] {
            assert_eq!(exit.after_report(failed(), &out).ok(), Some(exit));
        }
        assert!(Exit::Done.after_report(failed(), &out).is_err());
        assert_eq!(Exit::Done.after_report(Ok(()), &out).ok(), Some(Exit::Done));
    }
}
