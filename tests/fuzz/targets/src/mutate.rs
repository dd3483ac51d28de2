//! Inputs from seeds. The same target and number always give the same input, so a number identifies a finding.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns input `number` of a run: the seeds first, then changed seeds.
#[must_use]
pub fn input(mutator: &Mutator, number: u64) -> Vec<u8> {
    match usize::try_from(number).ok().and_then(|number| mutator.seeds.get(number)) {
        Some(seed) => seed.clone(),
        None => mutator.changed(number),
    }
}

/// Makes inputs from seeds and words.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    /// Indices of the seeds to change; never empty.
    short: Vec<usize>,
    words: &'static [&'static str],
}

/// Length in bytes of the longest seed to change, unless all are longer. Longer ones run unchanged: changing them would
/// take the time of a hundred short ones.
const MAX_SEED: usize = 16 << 10;

/// Length in bytes of the longest input, unless a seed is longer.
const MAX_LENGTH: usize = 64 << 10;

/// Numbers that often break readers.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    255,
    256,
    257,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// Numbers as text, and values that are not numbers.
const WRITTEN: [&str; 22] = [
    "0",
    "-1",
    "1",
    "-0.0",
    "255",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e999",
    "4.9e-324",
    "NaN",
    ".inf",
    "0x10",
    "99999999999999999999999999999999999999999",
];

/// Bytes with a meaning in some format.
const MARKS: &[u8] = b"{}[]()\"'\\:,;<>-.\n\r\t #&*!|%@`";

impl Mutator {
    /// Makes inputs from `seeds`, at least one, and words of their format.
    #[must_use]
    pub fn new(seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        let mut short: Vec<usize> = (0..seeds.len()).filter(|at| seeds[*at].len() <= MAX_SEED).collect();
        if short.is_empty() {
            short = (0..seeds.len()).collect();
        }
        Self { seeds, short, words }
    }

    /// Number of seeds; they are the first inputs.
    #[must_use]
    pub fn seeds(&self) -> u64 {
        self.seeds.len() as u64
    }

    fn seed(&self, random: &mut ChaCha8Rng) -> &[u8] {
        &self.seeds[self.short[random.random_range(0..self.short.len())]]
    }

    fn changed(&self, number: u64) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(number);
        let mut bytes = self.seed(&mut random).to_vec();
        let limit = MAX_LENGTH.max(bytes.len() + bytes.len() / 4);
        for _ in 0..1 << random.random_range(0..5) {
            self.change(&mut bytes, &mut random);
            bytes.truncate(limit);
        }
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
        match random.random_range(0..15) {
            0 | 1 => flip(bytes, random),
            2 | 3 => set(bytes, random),
            4 => bytes.truncate(place(bytes, random)),
            5 => drop(bytes.drain(block(bytes, random))),
            6 => copy_over(bytes, random),
            7 => insert_copy(bytes, random),
            8 => repeat(bytes, random),
            9 => insert_noise(bytes, random),
            10 | 11 => write_number(bytes, random),
            12 => write_digits(bytes, random),
            13 => self.write_word(bytes, random),
            _ => self.splice(bytes, random),
        }
    }

    fn write_word(&self, bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
        if self.words.is_empty() {
            return;
        }
        let word = self.words[random.random_range(0..self.words.len())].as_bytes();
        let at = place(bytes, random);
        let over = if random.random() { word.len().min(bytes.len() - at) } else { 0 };
        bytes.splice(at..at + over, word.iter().copied());
    }

    /// Joins the beginning of one seed and the end of another.
    fn splice(&self, bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
        let other = self.seed(random);
        let (here, there) = (place(bytes, random), place(other, random));
        bytes.truncate(here);
        bytes.extend_from_slice(&other[there..]);
    }
}

/// Returns a random position; half of them are near the beginning, in the headers.
fn place(bytes: &[u8], random: &mut ChaCha8Rng) -> usize {
    let reach = if random.random() { bytes.len() } else { bytes.len().min(256) };
    random.random_range(0..=reach)
}

fn block(bytes: &[u8], random: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let start = place(bytes, random);
    let longest = (bytes.len() - start).min(1 << random.random_range(0..13));
    start..start + random.random_range(0..=longest)
}

fn flip(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let at = place(bytes, random);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.random_range(0..8);
    }
}

fn set(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let at = place(bytes, random);
    let value = match random.random_range(0..4) {
        0 => 0,
        1 => 0xff,
        2 => MARKS[random.random_range(0..MARKS.len())],
        _ => random.random(),
    };
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn copy_over(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let from = block(bytes, random);
    let to = place(bytes, random).min(bytes.len() - from.len());
    bytes.copy_within(from, to);
}

fn insert_copy(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let copy = bytes[block(bytes, random)].to_vec();
    let at = place(bytes, random);
    bytes.splice(at..at, copy);
}

/// Repeats a short block many times: nesting, long names, many entries.
fn repeat(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let mut from = block(bytes, random);
    from.end = from.end.min(from.start + 64);
    let copies = bytes[from.clone()].repeat(1 << random.random_range(1..13));
    bytes.splice(from.start..from.start, copies.into_iter().take(MAX_LENGTH));
}

fn insert_noise(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let mut noise = vec![0; 1 << random.random_range(0..7)];
    random.fill_bytes(&mut noise);
    let at = place(bytes, random);
    bytes.splice(at..at, noise);
}

fn write_number(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let width = [1, 2, 4, 8][random.random_range(0..4)];
    if bytes.len() < width {
        return;
    }
    let at = place(bytes, random).min(bytes.len() - width);
    let mut value = NUMBERS[random.random_range(0..NUMBERS.len())];
    // The input's own length, and neighbours of the interesting numbers.
    match random.random_range(0..4) {
        0 => value = bytes.len() as u64,
        1 => value = value.wrapping_add(random.random_range(0..5)).wrapping_sub(2),
        _ => {}
    }
    let target = &mut bytes[at..at + width];
    target.copy_from_slice(&value.to_le_bytes()[..width]);
    if random.random() {
        target.reverse();
    }
}

/// Replaces a number in the text by another one.
fn write_digits(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let start = place(bytes, random);
    let Some(first) = bytes[start..].iter().position(u8::is_ascii_digit) else { return };
    let first = start + first;
    let length = bytes[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let other = WRITTEN[random.random_range(0..WRITTEN.len())];
    bytes.splice(first..first + length, other.bytes());
}
