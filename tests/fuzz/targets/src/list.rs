//! Lists of tiles for `kiln score`.

use std::path::PathBuf;

use kiln_runtime::score::{self, Separator};

use crate::target::Target;

pub(crate) const LINES: Target = Target {
    name: "score_list",
    run: run_lines,
    sound,
    hostile: || {
        vec![
            b"\xff\xfea\0.\0p\0n\0g\0".to_vec(),
            b"a\0b\0".to_vec(),
            b"t\xe9l\xe9.png\n".to_vec(),
            vec![b'x'; 200_000],
            b"\n".repeat(200_000),
            b"a\n".repeat(30_000),
            b"\r".repeat(30_000),
        ]
    },
    words: &["\r\n", "\n", "\0", "\u{feff}", ".png", "../", "@", "-", "*", "[", " "],
    rounds: 60_000,
    memory: 1 << 20,
};

/// Lists separated by NUL (`--null`).
pub(crate) const NUL: Target = Target {
    name: "score_list_nul",
    run: run_nul,
    sound: || [&b"a.png\0slides/b c.jpg\0"[..], b"a\nb.png\0c.png", b"\xff.png\0"].map(<[u8]>::to_vec).to_vec(),
    hostile: || vec![vec![0; 200_000], b"a\0".repeat(30_000), vec![b'x'; 200_000], b"\0a.png\0\0".to_vec()],
    words: &["\0", "\n", "\r\n", "\u{feff}", ".png", "../", "@", "-", "*", "[", " "],
    rounds: 60_000,
    memory: 1 << 20,
};

fn run_lines(bytes: &[u8]) -> bool {
    run(bytes, Separator::Line, b'\n')
}

fn run_nul(bytes: &[u8]) -> bool {
    run(bytes, Separator::Null, 0)
}

fn run(mut bytes: &[u8], separator: Separator, end: u8) -> bool {
    let lines = bytes.split(|byte| *byte == end).count();
    let Ok(listing) = score::search(&[PathBuf::from(score::STDIN)], &mut bytes, separator) else { return false };
    let listed = listing.tiles;
    assert!(!listed.is_empty() && listed.len() <= lines, "{} tiles from {lines} lines", listed.len());
    for one in &listed {
        let name = one.path.as_os_str().as_encoded_bytes();
        assert!(!name.is_empty() && !name.contains(&end) && !name.contains(&0), "{name:?} is no file of the list");
    }
    true
}

fn sound() -> Vec<Vec<u8>> {
    let lists = ["a.png\nslides/b c.jpg\n", "\u{feff}a.png\r\n\r\nb.png", " t\u{fc}le.png\n", "-\n@list\n*.png\n"];
    lists.map(|text| text.as_bytes().to_vec()).to_vec()
}
