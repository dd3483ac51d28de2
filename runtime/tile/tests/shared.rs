//! Real files, if available: images that were once decoded wrongly, and tiles that must not be refused. Neither is part
//! of this repository, so each test skips if its folder is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use kiln_tile::{Decoder, SizePolicy};

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no folder ../shared/{name} beside the repository");
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if kiln_tile::is_tile_path(&path) {
            found.push(path);
        }
    }
}

#[test]
fn images_that_were_decoded_wrongly_are_right_or_refused() {
    let Some(cases) = folder("cases") else { return };
    let decoder = Decoder::new(SizePolicy::Resize);
    let mut found = Vec::new();
    files(&cases, &mut found);
    for path in found {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let twin = path.parent().unwrap().join("twin.png");
        let outcome = decoder.decode_file(&path);
        println!("{name}: {}", outcome.as_ref().map_or_else(ToString::to_string, |_| "decoded".to_owned()));
        match (outcome, twin.exists()) {
            (Ok(tile), true) => {
                let twin = decoder.decode_file(&twin).unwrap();
                let differences = tile.pixels().iter().zip(twin.pixels()).map(|(one, other)| one.abs_diff(*other));
                let (sum, most) =
                    differences.fold((0_u64, 0), |(sum, most), one| (sum + u64::from(one), most.max(one)));
                let mean = sum as f64 / tile.pixels().len() as f64;
                println!("    differs by {most} at most, {mean:.3} on average");
                // The twin of this one is the picture before it was compressed; libjpeg differs from it by 79 and 2.1.
                let (mean_allowed, most_allowed) = if name == "ycbcr_jpeg.tif" { (2.2, 80) } else { (1.0, 16) };
                // The twin in its folder is of the other image there.
                let twinless = name == "grey16.png";
                assert!(twinless || mean < mean_allowed && most <= most_allowed, "{name}: differs by {most}, {mean}");
            }
            (Ok(_), false) => assert!(name == "whole.jpg", "{name} was decoded, and is damaged"),
            (Err(error), _) => assert!(
                name != "twin.png" && name != "whole.jpg" && !error.to_string().contains('\n'),
                "{name}: {error}"
            ),
        }
    }
}

#[test]
fn no_real_tile_is_refused() {
    let Some(data) = folder("data") else { return };
    let decoder = Decoder::new(SizePolicy::Resize);
    let mut found = Vec::new();
    ["pcam", "lc25000-colon"].iter().for_each(|name| files(&data.join(name), &mut found));
    let refused: Vec<_> = found.iter().filter_map(|path| Some((path, decoder.decode_file(path).err()?))).collect();
    assert!(refused.is_empty(), "{} of {}: {:?}", refused.len(), found.len(), &refused[..refused.len().min(5)]);
    println!("{} tiles decoded", found.len());
}
