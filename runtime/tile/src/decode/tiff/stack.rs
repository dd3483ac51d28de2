//! Stacks of channels or planes in a TIFF. Microscopes and scientific programs describe them in private tags and texts. A
//! page of such a file would pass as a grey tile.

use super::directory::Directory;
use super::tag;
use crate::error::TileError;

/// Refuses a page that is one of several channels or planes, or that others follow without a directory.
pub(super) fn check(page: &Directory<'_>) -> Result<(), TileError> {
    let text = String::from_utf8_lossy(page.bytes(tag::IMAGE_DESCRIPTION)?);
    let samples = page.number(tag::SAMPLES_PER_PIXEL, 1)?;
    let pixels = page.number(tag::IMAGE_WIDTH, 0)?.saturating_mul(page.number(tag::IMAGE_LENGTH, 0)?);
    let several = imagej(&text, samples)
        || ome(&text, samples)
        || tifffile(&text, pixels.saturating_mul(samples))
        || page.count(tag::METAMORPH_PLANES) > 1
        || page.number(tag::IMAGE_DEPTH, 1)? > 1;
    if several {
        return Err(TileError::Refused("a TIFF with one of several channels or planes".to_owned()));
    }
    Ok(())
}

/// ImageJ's description: lines of `key=value`.
fn imagej(text: &str, samples: u64) -> bool {
    let values = |key: &str| {
        let lines = text.lines().filter_map(move |line| line.split_once('=').filter(|(name, _)| name.trim() == key));
        lines.filter_map(|(_, value)| value.trim().parse::<u64>().ok()).max().unwrap_or(0)
    };
    text.trim_start().starts_with("ImageJ=")
        && (["images", "frames", "slices"].iter().any(|key| values(key) > 1) || values("channels") > samples)
}

/// OME-XML: the attributes `SizeC`, `SizeZ`, `SizeT` of `Pixels`, with any namespace prefix and either kind of quote; or
/// a reference to another file with these attributes (`BinaryOnly`).
fn ome(text: &str, samples: u64) -> bool {
    let size = |key: &str| attributes(text, key).max().unwrap_or(0);
    text.contains("OME")
        && (size("SizeZ") > 1 || size("SizeT") > 1 || size("SizeC") > samples || text.contains("BinaryOnly"))
}

/// Returns the numbers of every XML attribute of this name.
fn attributes(text: &str, key: &str) -> impl Iterator<Item = u64> {
    text.match_indices(key).filter_map(move |(at, _)| {
        let rest = text[at + key.len()..].trim_start().strip_prefix('=')?.trim_start();
        let rest = rest.strip_prefix(['"', '\''])?;
        rest[..rest.find(['"', '\''])?].trim().parse().ok()
    })
}

/// The description by Python's tifffile: JSON with the `shape` of the whole array.
fn tifffile(text: &str, values: u64) -> bool {
    const LONGEST: usize = 64 << 10;
    let shape = || {
        let json: serde_json::Value = serde_json::from_str(text.trim_matches(['\0', ' '])).ok()?;
        json.get("shape")?.as_array()?.iter().map(serde_json::Value::as_u64).collect::<Option<Vec<_>>>()
    };
    text.starts_with('{')
        && text.len() <= LONGEST
        && shape().is_some_and(|shape| shape.into_iter().fold(1, u64::saturating_mul) > values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_form_that_xml_allows() {
        for text in [
            "<OME><Pixels SizeC=\"3\"/>",
            "<ns0:OME><ns0:Pixels SizeC='3'/>",
            "<ome:OME><ome:Pixels\n  SizeC = \"3\"/>",
            "<OME><Pixels SizeC=\"1\" SizeT=\"2\"/>",
            "<OME><BinaryOnly MetadataFile=\"a.companion.ome\"/>",
        ] {
            assert!(ome(text, 1), "{text}");
        }
        assert!(!ome("<OME><Pixels SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"/>", 3));
        assert!(!ome("a tile of SizeC=\"3\"", 1));
    }

    #[test]
    fn a_shape_of_more_than_the_page_is_a_stack() {
        assert!(tifffile("{\"shape\": [3, 256, 256], \"truncated\": true}", 65_536));
        assert!(tifffile("{\"shape\": [3, 256, 256]}\0", 65_536));
        for text in ["{\"shape\": [256, 256, 3]}", "{\"shape\": \"3\"}", "{", "{\"shape\": [1e99]}", "no JSON"] {
            assert!(!tifffile(text, 3 * 65_536), "{text}");
        }
    }
}
