//! Seeds and words in libFuzzer's format: one file per seed, and a dictionary.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kiln_files::digest::sha256_hex;

use crate::target::Target;

/// Writes the seeds to `folder/corpus/NAME`, which `cargo fuzz` reads, and the words to `folder/corpus/NAME.dict`.
/// Existing seeds are kept.
pub fn write_corpus(target: &Target, folder: &Path) {
    let corpus = folder.join("corpus");
    let seeds = corpus.join(target.name);
    fs::create_dir_all(&seeds).unwrap();
    for seed in (target.sound)().into_iter().chain((target.hostile)()) {
        let path = seeds.join(&sha256_hex(&seed)[..16]);
        if !path.exists() {
            fs::write(path, seed).unwrap();
        }
    }
    let mut words = String::new();
    for word in target.words {
        words.push('"');
        for byte in word.bytes() {
            write!(words, "\\x{byte:02x}").unwrap();
        }
        words.push_str("\"\n");
    }
    fs::write(corpus.join(format!("{}.dict", target.name)), words).unwrap();
}
