//! The marker structure of a JPEG (ITU-T T.81, annex B), read strictly: every segment has its length, every scan ends at
//! a marker, and the file ends with the end-of-image marker. Image decoders skip unexpected data; here the first violation
//! refuses the file.

use super::huffman::{HuffmanTable, MAX_TABLES};
use crate::error::TileError;

/// Frame header (SOF0, SOF1 or SOF2).
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
}

/// One colour component of a frame.
#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) horizontal: u32,
    pub(super) vertical: u32,
    pub(super) quantisation: usize,
}

/// Scan header (SOS) with the tables defined at that point.
pub(super) struct Scan {
    /// Index in [`Frame::components`], DC table and AC table of each component.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// First and last coefficient, 0 to 63.
    pub(super) spectrum: (u8, u8),
    /// Successive approximation: high and low bit position.
    pub(super) approximation: (u8, u8),
}

/// Huffman tables, quantisation tables and the restart interval, as defined so far.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<HuffmanTable>; MAX_TABLES],
    pub(super) ac: [Option<HuffmanTable>; MAX_TABLES],
    quantisation: [Option<[u16; 64]>; MAX_TABLES],
    pub(super) restart_interval: u32,
}

/// Application markers that determine the colour space or become notes.
#[derive(Default)]
pub(super) struct Applications {
    pub(super) jfif: bool,
    /// Colour transform of the Adobe marker.
    pub(super) adobe: Option<u8>,
    pub(super) icc: bool,
    /// Orientation of the Exif marker, 1 to 8.
    pub(super) orientation: Option<u8>,
}

/// A marker segment: its code, and its bytes after the length.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) payload: &'a [u8],
}

/// Walks through a JPEG file.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

pub(super) const SOF_BASELINE: u8 = 0xc0;
pub(super) const SOF_PROGRESSIVE: u8 = 0xc2;
pub(super) const DHT: u8 = 0xc4;
pub(super) const EOI: u8 = 0xd9;
pub(super) const SOS: u8 = 0xda;
pub(super) const DQT: u8 = 0xdb;
pub(super) const DNL: u8 = 0xdc;
pub(super) const DRI: u8 = 0xdd;
pub(super) const APP14: u8 = 0xee;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;

impl<'a> Reader<'a> {
    /// Starts after the start-of-image marker.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// Reads the next segment; `None` at the end-of-image marker.
    pub(super) fn segment(&mut self) -> Result<Option<Segment<'a>>, TileError> {
        let marker = self.marker()?;
        if marker == EOI {
            return Ok(None);
        }
        if marker == 0x01 || (0xd0..=0xd8).contains(&marker) {
            return Err(damaged(format!("marker {marker:02x} where a segment must begin")));
        }
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let end = length.checked_sub(2).map(|length| self.at + length);
        let end = end.ok_or_else(|| damaged(format!("the segment {marker:02x} has the length {length}")))?;
        let payload = self.bytes.get(self.at..end).ok_or(TileError::Truncated)?;
        self.at = end;
        Ok(Some(Segment { marker, payload }))
    }

    /// Reads a marker code; fill bytes (ff) may precede it.
    fn marker(&mut self) -> Result<u8, TileError> {
        if self.byte()? != 0xff {
            return Err(damaged(format!("no marker at byte {}", self.at - 1)));
        }
        loop {
            match self.byte()? {
                0xff => {}
                0x00 => return Err(damaged(format!("no marker at byte {}", self.at - 2))),
                marker => return Ok(marker),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, TileError> {
        let byte = self.bytes.get(self.at).copied().ok_or(TileError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// Reads entropy-coded bytes up to the next marker, and appends them to `data` without the stuffed zeros. Returns the
    /// number of the restart marker that ended them; at any other marker, stops before it and returns `None`.
    pub(super) fn entropy_coded(&mut self, data: &mut Vec<u8>) -> Result<Option<u8>, TileError> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = memchr::memchr(0xff, rest).ok_or(TileError::Truncated)?;
            data.extend_from_slice(&rest[..plain]);
            self.at += plain;
            let mut next = self.at + 1;
            while self.bytes.get(next) == Some(&0xff) {
                next += 1;
            }
            match self.bytes.get(next) {
                None => return Err(TileError::Truncated),
                Some(0x00) if next == self.at + 1 => {
                    data.push(0xff);
                    self.at = next + 1;
                }
                Some(marker @ 0xd0..=0xd7) => {
                    self.at = next + 1;
                    return Ok(Some(marker - 0xd0));
                }
                Some(0x00) => return Err(damaged("fill bytes in entropy-coded data".to_owned())),
                Some(_) => return Ok(None),
            }
        }
    }
}

impl Frame {
    /// Reads a frame header.
    pub(super) fn read(segment: &Segment<'_>) -> Result<Self, TileError> {
        let short = || damaged("the frame header is short".to_owned());
        let [precision, h1, h0, w1, w0, count, components @ ..] = segment.payload else { return Err(short()) };
        if *precision != 8 {
            return Err(refused(format!("a JPEG with {precision} bits a sample")));
        }
        let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
        if height == 0 {
            return Err(refused("a JPEG whose height follows its first scan (DNL marker)"));
        }
        if width == 0 || components.len() != 3 * usize::from(*count) {
            return Err(damaged("the frame header has no width, or a wrong number of components".to_owned()));
        }
        let components = components.chunks_exact(3).map(Component::read).collect::<Result<Vec<_>, _>>()?;
        let distinct = (1..components.len()).all(|at| components[..at].iter().all(|one| one.id != components[at].id));
        if !distinct {
            return Err(damaged("two components have the same identifier".to_owned()));
        }
        let progressive = segment.marker == SOF_PROGRESSIVE;
        Ok(Self { progressive, width: width.into(), height: height.into(), components })
    }

    /// Returns the largest sampling factors, horizontal and vertical.
    pub(super) fn largest(&self) -> (u32, u32) {
        let largest = |of: fn(&Component) -> u32| self.components.iter().map(of).max().unwrap_or(1);
        (largest(|one| one.horizontal), largest(|one| one.vertical))
    }

    /// Returns the minimum coded units of an interleaved scan, across and down.
    pub(super) fn units(&self) -> (u32, u32) {
        let (horizontal, vertical) = self.largest();
        (self.width.div_ceil(8 * horizontal), self.height.div_ceil(8 * vertical))
    }

    /// Returns the blocks of a component in a non-interleaved scan, across and down.
    pub(super) fn blocks(&self, component: &Component) -> (u32, u32) {
        let (horizontal, vertical) = self.largest();
        let blocks = |side: u32, own: u32, largest: u32| (side * own).div_ceil(largest).div_ceil(8);
        (blocks(self.width, component.horizontal, horizontal), blocks(self.height, component.vertical, vertical))
    }
}

impl Component {
    fn read(bytes: &[u8]) -> Result<Self, TileError> {
        let (horizontal, vertical) = (u32::from(bytes[1] >> 4), u32::from(bytes[1] & 15));
        if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) || usize::from(bytes[2]) >= MAX_TABLES {
            return Err(damaged("a component has invalid sampling factors or an invalid table".to_owned()));
        }
        Ok(Self { id: bytes[0], horizontal, vertical, quantisation: usize::from(bytes[2]) })
    }
}

impl Scan {
    /// Reads a scan header, and checks that all of its tables are defined.
    pub(super) fn read(payload: &[u8], frame: &Frame, tables: &Tables) -> Result<Self, TileError> {
        let wrong = || damaged("a scan header does not fit its frame".to_owned());
        let (count, rest) = payload.split_first().ok_or_else(wrong)?;
        let count = usize::from(*count);
        if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
            return Err(wrong());
        }
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(count);
        for pair in rest[..2 * count].chunks_exact(2) {
            let index = frame.components.iter().position(|one| one.id == pair[0]).ok_or_else(wrong)?;
            // T.81, B.2.3: components are in the order of the frame.
            if components.last().is_some_and(|(last, ..)| *last >= index) {
                return Err(wrong());
            }
            components.push((index, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        let [first, last, approximation] = [0, 1, 2].map(|at| rest[2 * count + at]);
        let scan =
            Self { components, spectrum: (first, last), approximation: (approximation >> 4, approximation & 15) };
        if scan.is_sound(frame) { scan.with_tables(frame, tables) } else { Err(wrong()) }
    }

    fn is_sound(&self, frame: &Frame) -> bool {
        let ((first, last), (high, low)) = (self.spectrum, self.approximation);
        if !frame.progressive {
            return self.spectrum == (0, 63) && self.approximation == (0, 0);
        }
        let spectrum = if first == 0 { last == 0 } else { first <= last && last < 64 && self.components.len() == 1 };
        spectrum && low <= 13 && (high == 0 || high == low + 1)
    }

    fn with_tables(self, frame: &Frame, tables: &Tables) -> Result<Self, TileError> {
        let defined =
            |set: &[Option<HuffmanTable>; MAX_TABLES], index: usize| set.get(index).is_some_and(Option::is_some);
        let all = self.components.iter().all(|(index, dc, ac)| {
            let needs_dc = self.spectrum.0 == 0 && self.approximation.0 == 0;
            let quantised = tables.quantisation[frame.components[*index].quantisation].is_some();
            quantised && (!needs_dc || defined(&tables.dc, *dc)) && (self.spectrum.1 == 0 || defined(&tables.ac, *ac))
        });
        if all { Ok(self) } else { Err(refused("a JPEG without its Huffman or quantisation tables")) }
    }
}

impl Tables {
    /// Reads the tables of a DHT segment.
    pub(super) fn huffman(&mut self, mut payload: &[u8]) -> Result<(), TileError> {
        let wrong = || damaged("a Huffman table is damaged".to_owned());
        while let Some((kind, rest)) = payload.split_first() {
            let (class, index) = (kind >> 4, usize::from(kind & 15));
            let (lengths, rest) = rest.split_first_chunk::<16>().ok_or_else(wrong)?;
            let total = lengths.iter().map(|count| usize::from(*count)).sum();
            if class > 1 || index >= MAX_TABLES || rest.len() < total {
                return Err(wrong());
            }
            let table = HuffmanTable::new(lengths, &rest[..total], class == 1).ok_or_else(wrong)?;
            let set = if class == 0 { &mut self.dc } else { &mut self.ac };
            set[index] = Some(table);
            payload = &rest[total..];
        }
        Ok(())
    }

    /// Returns the quantisation step of a component's first coefficient; 1 without its table.
    pub(super) fn dc_step(&self, component: &Component) -> u16 {
        self.quantisation[component.quantisation].map_or(1, |table| table[0])
    }

    /// Reads the tables of a DQT segment. Returns true if they differ from the previous ones.
    pub(super) fn quantisation(&mut self, mut payload: &[u8]) -> Result<bool, TileError> {
        let mut changed = false;
        let wrong = || damaged("a quantisation table is damaged".to_owned());
        while let Some((kind, rest)) = payload.split_first() {
            let (wide, index) = (kind >> 4, usize::from(kind & 15));
            let length = 64 * (1 + usize::from(wide));
            let table = rest.get(..length).filter(|_| wide < 2 && index < MAX_TABLES).ok_or_else(wrong)?;
            let mut steps = [0; 64];
            for (step, bytes) in steps.iter_mut().zip(table.chunks_exact(1 + usize::from(wide))) {
                *step = bytes.iter().fold(0, |step, byte| step << 8 | u16::from(*byte));
            }
            if steps.contains(&0) {
                return Err(wrong());
            }
            changed |= self.quantisation[index].replace(steps) != Some(steps);
            payload = &rest[length..];
        }
        Ok(changed)
    }

    /// Reads the interval of a DRI segment.
    pub(super) fn restart(&mut self, payload: &[u8]) -> Result<(), TileError> {
        let interval: [u8; 2] =
            payload.try_into().map_err(|_| damaged("the restart interval is damaged".to_owned()))?;
        self.restart_interval = u16::from_be_bytes(interval).into();
        Ok(())
    }
}

impl Applications {
    /// Reads an APPn segment.
    pub(super) fn read(&mut self, segment: &Segment<'_>) {
        let payload = segment.payload;
        match segment.marker {
            APP0 => self.jfif |= payload.starts_with(b"JFIF\0") && payload.len() >= 14,
            APP1 => {
                let exif = payload.strip_prefix(b"Exif\0").and_then(|exif| exif.get(1..));
                self.orientation = self.orientation.or(exif.and_then(super::super::exif::orientation));
            }
            APP2 => self.icc |= payload.starts_with(b"ICC_PROFILE\0"),
            APP14 if payload.starts_with(b"Adobe") && payload.len() >= 12 => self.adobe = Some(payload[11]),
            _ => {}
        }
    }
}

pub(super) fn damaged(reason: String) -> TileError {
    TileError::Damaged(reason)
}

pub(super) fn refused(reason: impl Into<String>) -> TileError {
    TileError::Refused(reason.into())
}
