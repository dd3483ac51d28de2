//! Parquet in a build without the cargo feature `parquet`: named, and refused.

use std::io::{self, ErrorKind};

use super::codec::Codec;

const REASON: &str = "this build has no Parquet support (cargo feature `parquet`)";

pub(super) const CODEC: Codec = Codec {
    name: "parquet",
    title: "Parquet",
    extensions: &["parquet"],
    streams: false,
    lacks: Some("parquet"),
    write: |_, _| Err(io::Error::new(ErrorKind::Unsupported, REASON)),
    read: |_, _| Err(REASON.to_owned()),
};
