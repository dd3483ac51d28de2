//! Lists of tiles that `kiln score` takes.

use std::path::PathBuf;

use kiln_runtime::score;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "score_list",
    run,
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

fn run(mut bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let Ok(listed) = score::list(&[PathBuf::from(score::STDIN)], &mut bytes) else { return false };
    assert!(!listed.is_empty() && listed.len() <= lines, "{} tiles from {lines} lines", listed.len());
    for one in &listed {
        let name = one.path.as_os_str().as_encoded_bytes();
        assert!(!name.is_empty() && !name.contains(&b'\n') && !name.contains(&b'\0'), "{name:?} is no file of a line");
    }
    true
}

fn sound() -> Vec<Vec<u8>> {
    let lists = ["a.png\nslides/b c.jpg\n", "\u{feff}a.png\r\n\r\nb.png", " t\u{fc}le.png\n", "-\n@list\n*.png\n"];
    lists.map(|text| text.as_bytes().to_vec()).to_vec()
}
