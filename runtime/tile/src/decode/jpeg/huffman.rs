//! Huffman tables of a JPEG (ITU-T T.81, annex C and F.2.2.3) and a bit reader.

/// Number of tables of each class in a JPEG.
pub(super) const MAX_TABLES: usize = 4;

/// Bits of one table look-up. Nearly all codes are that short.
const FAST: u32 = 10;

/// A decoded symbol and the length of its code. The length is 0 for a code that does not exist.
#[derive(Clone, Copy, Default)]
pub(super) struct Symbol {
    pub(super) length: u8,
    pub(super) value: u8,
}

/// A canonical Huffman table.
pub(super) struct HuffmanTable {
    fast: Box<[Symbol]>,
    /// For each code length 1 to 16: the first longer code, aligned to 16 bits.
    limit: [u32; 17],
    /// For each code length: the index of its first symbol minus its first code.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// Builds a table from the number of codes of each length, and their symbols; `None` if the lengths are not a prefix
    /// code. Symbols of DC tables are bit counts: 0 to 11 in 8-bit images. Low halves of AC symbols are bit counts: 0 to 10.
    pub(super) fn new(lengths: &[u8; 16], symbols: &[u8], is_ac: bool) -> Option<Self> {
        let sound = |symbol: &u8| if is_ac { symbol & 15 <= 10 } else { *symbol <= 11 };
        if symbols.is_empty() || symbols.len() > 256 || !symbols.iter().all(sound) {
            return None;
        }
        let mut fast = vec![Symbol::default(); 1 << FAST].into_boxed_slice();
        let (mut limit, mut offset) = ([0; 17], [0; 17]);
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(lengths[length as usize - 1]);
            offset[length as usize] = i32::try_from(index).ok()? - i32::try_from(code).ok()?;
            for _ in 0..count {
                // The code of all ones is reserved, T.81 annex C; some encoders use it.
                if code >= 1 << length {
                    return None;
                }
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    let symbol = Symbol { length: length as u8, value: symbols[index] };
                    fast[first..first + (1 << (FAST - length))].fill(symbol);
                }
                code += 1;
                index += 1;
            }
            limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(Self { fast, limit, offset, symbols: symbols.to_vec() })
    }

    /// Returns the symbol at the start of 16 `bits`.
    #[inline]
    pub(super) fn symbol(&self, bits: u32) -> Symbol {
        let symbol = self.fast[(bits >> (16 - FAST)) as usize & ((1 << FAST) - 1)];
        if symbol.length != 0 { symbol } else { self.long(bits) }
    }

    #[cold]
    fn long(&self, bits: u32) -> Symbol {
        let length = (FAST as usize + 1..=16).find(|length| bits < self.limit[*length]);
        let found = length.and_then(|length| {
            let index = i32::try_from(bits >> (16 - length)).ok()? + self.offset[length];
            let value = *self.symbols.get(usize::try_from(index).ok()?)?;
            Some(Symbol { length: length as u8, value })
        });
        found.unwrap_or_default()
    }
}

/// Bits of one restart interval, stuffed zeros removed.
pub(super) struct Bits<'a> {
    /// The data, followed by [`PADDING`] bytes.
    data: &'a [u8],
    /// Index of the next byte to load into the word.
    next: usize,
    /// The next bits, from the top; then bits that the next fill loads again, or zeros.
    word: u64,
    /// Number of valid bits in the word.
    count: u32,
    /// Number of bits in the data.
    end: usize,
}

/// Bytes that must follow the data of [`Bits`].
pub(super) const PADDING: usize = 8;

impl<'a> Bits<'a> {
    /// Reads `data` without its last [`PADDING`] bytes.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, next: 0, word: 0, count: 0, end: 8 * data.len().saturating_sub(PADDING) }
    }

    /// Fills the word with 56 bits or more, zeros after the end: enough for two symbols with their values.
    #[inline]
    pub(super) fn fill(&mut self) {
        let bytes = self.data.get(self.next..self.next + 8).and_then(|bytes| bytes.try_into().ok());
        self.word |= bytes.map_or(0, u64::from_be_bytes) >> self.count;
        self.next += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// Returns the next bits, at the top: the rest of those loaded by [`Bits::fill`].
    #[inline]
    pub(super) fn filled(&self) -> u64 {
        self.word
    }

    /// Returns the next 32 bits or more, at the top of 64; zeros after the end.
    #[inline]
    pub(super) fn peek(&mut self) -> u64 {
        if self.count < 32 {
            self.fill();
        }
        self.word
    }

    #[inline]
    pub(super) fn skip(&mut self, bits: u32) {
        if bits <= self.count {
            self.word <<= bits;
            self.count -= bits;
        } else {
            self.seek(self.position() + bits as usize);
        }
    }

    #[cold]
    fn seek(&mut self, position: usize) {
        (self.next, self.word, self.count) = (position / 8, 0, 0);
        self.fill();
        self.word <<= position % 8;
        self.count -= (position % 8) as u32;
    }

    /// Reads up to 16 bits as a number.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        let value = if bits == 0 { 0 } else { (self.peek() >> (64 - bits)) as u32 };
        self.skip(bits);
        value
    }

    /// Returns the number of bits read.
    #[inline]
    pub(super) fn position(&self) -> usize {
        8 * self.next - self.count as usize
    }

    /// Returns 57 bits from `position` on, at the top of 64; zeros after the end.
    #[inline]
    pub(super) fn at(&self, position: usize) -> u64 {
        let first = position / 8;
        let bytes = self.data.get(first..first + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_be_bytes) << (position % 8)
    }

    /// Returns true if more bits were read than exist.
    #[inline]
    pub(super) fn is_overrun(&self) -> bool {
        self.position() > self.end
    }

    /// Returns the whole bytes after the one with the last bit read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.data.get(self.position().div_ceil(8)..self.end / 8).unwrap_or_default()
    }
}
