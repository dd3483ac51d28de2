//! Slides through OpenSlide. References are openslide-python and tifffile, by a Python with the packages openslide-python,
//! openslide-bin, tifffile, imagecodecs and numpy: `KILN_SLIDE_PYTHON`, else `python3`. The library is `KILN_OPENSLIDE`,
//! else the one that Kiln finds, else Python's. A missing part is named, and its tests are skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, clippy::print_stdout)]

mod dicom;
mod facts;
mod hostile;
mod library;
mod pixels;
mod support;
mod threads;
mod variants;
