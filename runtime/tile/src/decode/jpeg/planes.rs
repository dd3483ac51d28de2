//! The chroma of a subsampled JPEG as two grey streams, because `zune-jpeg` returns chroma upsampled with other roundings than
//! libjpeg's. While the entropy-coded data are checked, the bits of the chroma blocks are copied into streams of their own. Each
//! minimum coded unit has one block of either chroma component, so that the order of the blocks, their predictions and the
//! restart intervals stay the same, in sequential and in progressive files.

use super::chroma::Sampling;
use super::huffman::Bits;
use super::markers::{EOI, Frame, SOS, Scan};

/// Streams of the second and the third component.
pub(super) struct Planes {
    pub(super) sampling: Sampling,
    /// Width and height of both.
    pub(super) size: (u32, u32),
    streams: [Stream; 2],
}

impl Planes {
    /// Begins both streams. `tables` are the start-of-image marker and the tables before the frame header, whose marker is
    /// `marker`. Returns `None` if chroma need not be split off: it is not subsampled, or sampled in a form that is only
    /// repeated.
    pub(super) fn new(tables: &[u8], marker: u8, frame: &Frame) -> Option<Self> {
        let sampling = Sampling::of(frame)?;
        let size = (frame.width.div_ceil(sampling.across), frame.height.div_ceil(sampling.down));
        let [_, blue, red] = frame.components[..] else { return None };
        let streams = [blue, red].map(|component| {
            let [height, width] = [size.1, size.0].map(|side| u16::try_from(side).unwrap_or(u16::MAX).to_be_bytes());
            let mut bytes = tables.to_vec();
            bytes.extend_from_slice(&[0xff, marker, 0, 11, 8, height[0], height[1], width[0], width[1], 1]);
            bytes.extend_from_slice(&[1, 0x11, component.quantisation as u8]);
            Stream { bytes, bits: 0, count: 0 }
        });
        Some(Self { sampling, size, streams })
    }

    /// Appends tables, or a restart interval.
    pub(super) fn segment(&mut self, bytes: &[u8]) {
        self.streams.iter_mut().for_each(|stream| stream.bytes.extend_from_slice(bytes));
    }

    /// Begins a scan of the chroma components in `scan`.
    pub(super) fn begin(&mut self, scan: &Scan) {
        let approximation = scan.approximation.0 << 4 | scan.approximation.1;
        for (index, dc, ac) in &scan.components {
            if let Some(stream) = self.stream(*index) {
                stream.bytes.extend_from_slice(&[0xff, SOS, 0, 8, 1, 1, (dc << 4 | ac) as u8]);
                stream.bytes.extend_from_slice(&[scan.spectrum.0, scan.spectrum.1, approximation]);
            }
        }
    }

    /// Appends the bits that were read since `start`, if the component is one of chroma.
    #[inline]
    pub(super) fn block(&mut self, component: usize, bits: &Bits<'_>, start: usize) {
        if let Some(stream) = self.stream(component) {
            stream.copy(bits, start);
        }
    }

    /// Ends a restart interval of a scan; a restart marker follows unless it was the last one.
    pub(super) fn end_interval(&mut self, scan: &Scan, restart: Option<u8>) {
        for (index, ..) in &scan.components {
            if let Some(stream) = self.stream(*index) {
                stream.pad();
                stream.bytes.extend(restart.into_iter().flat_map(|number| [0xff, 0xd0 + number]));
            }
        }
    }

    /// The complete streams.
    pub(super) fn finish(self) -> [Vec<u8>; 2] {
        self.streams.map(|mut stream| {
            stream.bytes.extend_from_slice(&[0xff, EOI]);
            stream.bytes
        })
    }

    fn stream(&mut self, component: usize) -> Option<&mut Stream> {
        self.streams.get_mut(component.checked_sub(1)?)
    }
}

struct Stream {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, in the lowest places.
    bits: u64,
    count: u32,
}

impl Stream {
    fn copy(&mut self, bits: &Bits<'_>, mut start: usize) {
        let end = bits.position();
        while start < end {
            let length = (end - start).min(32);
            self.push(bits.at(start) >> (64 - length), length as u32);
            start += length;
        }
    }

    /// Appends up to 32 bits, the lowest ones of `bits`.
    fn push(&mut self, bits: u64, length: u32) {
        self.bits = self.bits << length | bits;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.bits >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones, T.81, F.1.2.3.
    fn pad(&mut self) {
        if self.count > 0 {
            let missing = 8 - self.count;
            self.push((1 << missing) - 1, missing);
        }
    }
}
