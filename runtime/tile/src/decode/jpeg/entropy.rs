//! Checks the entropy-coded data of a JPEG without decoding pixels: every code must exist, every block must be present,
//! and no data may be left before the next marker. Image decoders fill in missing data and return a picture; this check
//! detects truncated and damaged files. Sequential and progressive Huffman coding, ITU-T T.81, annexes F and G.

use super::huffman::{Bits, HuffmanTable, PADDING, Symbol};
use super::markers::{Frame, Reader, Scan, Tables, damaged};
use super::planes::Planes;
use super::zeros::ZeroRuns;
use crate::error::TileError;

/// The state of a walk over all scans of a frame.
pub(super) struct Walk {
    /// Per component and coefficient: the bit position down to which it has been coded; `None` before its first scan.
    coded: Vec<[Option<u8>; 64]>,
    /// Progressive frames: the non-zero coefficients of each component and block.
    nonzero: Vec<Vec<u64>>,
    data: Vec<u8>,
}

/// A restart interval of a scan, or the whole scan.
struct Interval {
    /// Minimum coded units.
    units: std::ops::Range<u32>,
    /// Minimum coded units in a row of the picture.
    across: u32,
    is_last: bool,
}

/// The coding of a scan.
enum Coding<'a> {
    Sequential { dc: &'a HuffmanTable, ac: &'a HuffmanTable },
    DcFirst(&'a HuffmanTable),
    DcRefine,
    AcFirst { table: &'a HuffmanTable, first: u32, last: u32 },
    AcRefine { table: &'a HuffmanTable, first: u32, last: u32 },
}

impl Walk {
    pub(super) fn new(frame: &Frame) -> Self {
        let (across, down) = frame.units();
        let blocks = |horizontal, vertical| (across * horizontal) as usize * (down * vertical) as usize;
        let nonzero = frame.components.iter().filter(|_| frame.progressive);
        Self {
            coded: vec![[None; 64]; frame.components.len()],
            nonzero: nonzero.map(|one| vec![0; blocks(one.horizontal, one.vertical)]).collect(),
            data: Vec::new(),
        }
    }

    /// Returns true if every coefficient of every component has been coded to its last bit.
    pub(super) fn is_complete(&self) -> bool {
        self.coded.iter().flatten().all(|low| *low == Some(0))
    }

    /// Walks through the data of one scan, and copies those of chroma to `planes`. Moves `reader` from their first byte to the
    /// next marker. Returns the end of the data: zeros, or a restart marker, may follow before the next marker.
    pub(super) fn scan(
        &mut self,
        reader: &mut Reader<'_>,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        mut planes: Option<&mut Planes>,
    ) -> Result<usize, TileError> {
        self.progress(scan)?;
        let (across, down) = match scan.components[..] {
            [(index, ..)] => frame.blocks(&frame.components[index]),
            _ => frame.units(),
        };
        let units = across * down;
        let interval = if tables.restart_interval == 0 { units } else { tables.restart_interval };
        let (mut unit, mut restarts) = (0, 0_u8);
        if let Some(planes) = &mut planes {
            planes.begin(scan);
        }
        let mut end = reader.at;
        while unit < units {
            self.data.clear();
            let restart = reader.entropy_coded(&mut self.data)?;
            let next = (unit + interval).min(units);
            let is_last = next == units;
            let interval = Interval { units: unit..next, across, is_last };
            let zeros = self.units(frame, scan, tables, interval, planes.as_deref_mut())?;
            if let Some(planes) = &mut planes {
                planes.end_interval(scan, restart.filter(|_| !is_last));
            }
            end = reader.at - zeros - if restart.is_some() { 2 } else { 0 };
            match restart {
                Some(number) if number == restarts % 8 => restarts = restarts.wrapping_add(1),
                Some(_) => return Err(damaged("a restart marker is missing or out of its order".to_owned())),
                None if is_last => return Ok(end),
                None => return Err(TileError::Truncated),
            }
            unit = next;
        }
        // Some encoders write a restart marker after the last interval, too.
        self.data.clear();
        if reader.entropy_coded(&mut self.data)?.is_some() || !self.data.is_empty() {
            return Err(left_over());
        }
        Ok(end)
    }

    /// Checks that the scan codes the next bits of its coefficients, and records them.
    fn progress(&mut self, scan: &Scan) -> Result<(), TileError> {
        let (high, low) = scan.approximation;
        let expected = if high == 0 { None } else { Some(high) };
        for (index, ..) in &scan.components {
            let (first, last) = (usize::from(scan.spectrum.0), usize::from(scan.spectrum.1));
            if first > 0 && self.coded[*index][0].is_none() {
                return Err(damaged("a scan precedes the one that it refines".to_owned()));
            }
            for coded in &mut self.coded[*index][first..=last] {
                if *coded != expected {
                    return Err(damaged("a scan codes coefficients again, or refines uncoded ones".to_owned()));
                }
                *coded = Some(low);
            }
        }
        Ok(())
    }

    /// Walks through one restart interval. Returns the number of zero bytes after its last unit.
    fn units(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        Interval { units, across, is_last }: Interval,
        mut planes: Option<&mut Planes>,
    ) -> Result<usize, TileError> {
        let Self { data, nonzero, .. } = self;
        let zeros = ZeroRuns::find(data);
        data.extend_from_slice(&[0; PADDING]);
        let mut state = State { bits: Bits::new(data), bands: 0, zeros, levels: levels(frame, scan, tables) };
        let codings: Vec<Coding<'_>> = scan
            .components
            .iter()
            .map(|one| Coding::new(frame, scan, tables, *one))
            .collect::<Option<_>>()
            .ok_or_else(no_code)?;
        if !frame.progressive {
            // No block depends on another one, so only their number matters.
            for _ in units {
                for (position, ((index, ..), coding)) in scan.components.iter().zip(&codings).enumerate() {
                    let component = &frame.components[*index];
                    let blocks = if scan.components.len() == 1 { 1 } else { component.horizontal * component.vertical };
                    let start = state.bits.position();
                    for _ in 0..blocks {
                        state.block(coding, position, &mut 0)?;
                    }
                    if let Some(planes) = &mut planes {
                        planes.block(*index, &state.bits, start);
                    }
                }
            }
            return state.finish(is_last);
        }
        let (units_across, _) = frame.units();
        for unit in units {
            let (x, y) = (unit % across, unit / across);
            for (position, ((index, ..), coding)) in scan.components.iter().zip(&codings).enumerate() {
                let component = &frame.components[*index];
                let stride = units_across * component.horizontal;
                let (horizontal, vertical) =
                    if scan.components.len() == 1 { (1, 1) } else { (component.horizontal, component.vertical) };
                let start = state.bits.position();
                for row in y * vertical..(y + 1) * vertical {
                    for column in x * horizontal..(x + 1) * horizontal {
                        let block = nonzero[*index].get_mut((row * stride + column) as usize).ok_or_else(no_code)?;
                        state.block(coding, position, block)?;
                    }
                }
                if let Some(planes) = &mut planes {
                    planes.block(*index, &state.bits, start);
                }
            }
        }
        state.finish(is_last)
    }
}

impl<'a> Coding<'a> {
    /// Returns `None` if a table is missing, which the scan header's check has excluded.
    fn new(frame: &Frame, scan: &Scan, tables: &'a Tables, (_, dc, ac): (usize, usize, usize)) -> Option<Self> {
        let (dc, ac) = (|| tables.dc.get(dc)?.as_ref(), || tables.ac.get(ac)?.as_ref());
        let (first, last) = (u32::from(scan.spectrum.0), u32::from(scan.spectrum.1));
        Some(match (frame.progressive, first == 0, scan.approximation.0 == 0) {
            (false, ..) => Self::Sequential { dc: dc()?, ac: ac()? },
            (true, true, true) => Self::DcFirst(dc()?),
            (true, true, false) => Self::DcRefine,
            (true, false, true) => Self::AcFirst { table: ac()?, first, last },
            (true, false, false) => Self::AcRefine { table: ac()?, first, last },
        })
    }
}

struct State<'a> {
    bits: Bits<'a>,
    /// Remaining blocks of the last end-of-band symbol.
    bands: u32,
    zeros: ZeroRuns,
    /// Per component of the scan.
    levels: [Level; 4],
}

/// The mean of a component's last block, and the largest mean that an encoder writes, in quantisation steps.
#[derive(Clone, Copy, Default)]
struct Level {
    now: i32,
    most: i32,
}

/// Means of 8-bit samples are in -1024..=1016, T.81 A.3.3; encoders that undo ringing overshoot by 31 levels.
fn levels(frame: &Frame, scan: &Scan, tables: &Tables) -> [Level; 4] {
    const MOST: i32 = 8 * (128 + 31);
    let mut levels = [Level::default(); 4];
    for (level, (index, ..)) in levels.iter_mut().zip(&scan.components) {
        let step = i32::from(tables.dc_step(&frame.components[*index]));
        level.most = (((MOST + step) / step) >> scan.approximation.1) + 1;
    }
    levels
}

impl State<'_> {
    #[inline]
    fn block(&mut self, coding: &Coding<'_>, position: usize, nonzero: &mut u64) -> Result<(), TileError> {
        match *coding {
            Coding::Sequential { dc, ac } => self.sequential(dc, ac, position)?,
            Coding::DcFirst(table) => self.dc(table, position)?,
            Coding::DcRefine => self.bits.skip(1),
            Coding::AcFirst { table, first, last } => self.ac_first(table, first, last, nonzero)?,
            Coding::AcRefine { table, first, last } => self.ac_refine(table, first, last, nonzero)?,
        }
        if self.bits.is_overrun() { Err(TileError::Truncated) } else { Ok(()) }
    }

    #[inline]
    fn dc(&mut self, table: &HuffmanTable, position: usize) -> Result<(), TileError> {
        let bits = self.bits.peek();
        let Symbol { length, value: size } = table.symbol((bits >> 48) as u32);
        if length == 0 {
            return Err(no_code());
        }
        if size > 0 {
            // T.81, F.2.2.1: numbers whose first bit is 0 are negative.
            let value = (bits << length >> (64 - size)) as i32;
            let difference = if value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value };
            let level = &mut self.levels[position];
            level.now += difference;
            if level.now.abs() > level.most {
                return Err(damaged("a block is brighter or darker than any image".to_owned()));
            }
        }
        self.coefficient(length, size)
    }

    #[inline]
    fn sequential(&mut self, dc: &HuffmanTable, ac: &HuffmanTable, position: usize) -> Result<(), TileError> {
        self.bits.fill();
        self.dc(dc, position)?;
        let mut at = 1;
        // Two symbols for each fill.
        while self.sequential_ac(ac, &mut at)? {
            self.bits.fill();
            if !self.sequential_ac(ac, &mut at)? {
                break;
            }
        }
        if at > 64 { Err(past_the_end()) } else { Ok(()) }
    }

    /// Reads one symbol of a block; returns false after the last one.
    #[inline(always)]
    fn sequential_ac(&mut self, table: &HuffmanTable, at: &mut u32) -> Result<bool, TileError> {
        if *at >= 64 {
            return Ok(false);
        }
        let Symbol { length, value } = table.symbol((self.bits.filled() >> 48) as u32);
        let (run, size) = (u32::from(value >> 4), value & 15);
        if length == 0 {
            return Err(no_code());
        }
        if size > 0 {
            self.coefficient(length, size)?;
            *at += run + 1;
            return Ok(true);
        }
        self.bits.skip(length.into());
        if run == 15 {
            *at += 16;
        }
        Ok(run == 15)
    }

    /// Skips a code and the bits of its value.
    #[inline]
    fn coefficient(&mut self, length: u8, size: u8) -> Result<(), TileError> {
        let bits = u32::from(length) + u32::from(size);
        self.bits.skip(bits);
        if size > 0 && !self.zeros.is_empty() {
            let end = self.bits.position();
            return self.zeros.coefficient(end - bits as usize, end);
        }
        Ok(())
    }

    fn ac_first(&mut self, table: &HuffmanTable, first: u32, last: u32, nonzero: &mut u64) -> Result<(), TileError> {
        if self.bands > 0 {
            self.bands -= 1;
            return Ok(());
        }
        let mut at = first;
        while at <= last {
            let symbol = table.symbol((self.bits.peek() >> 48) as u32);
            let (run, size) = (u32::from(symbol.value >> 4), symbol.value & 15);
            match (symbol.length, size, run) {
                (0, ..) => return Err(no_code()),
                (length, 0, 15) => {
                    self.bits.skip(length.into());
                    at += 16;
                }
                (length, 0, _) => {
                    self.bits.skip(length.into());
                    self.bands = (1 << run) - 1 + self.bits.take(run);
                    return Ok(());
                }
                (length, size, _) => {
                    self.coefficient(length, size)?;
                    at += run;
                    if at > last {
                        return Err(past_the_end());
                    }
                    *nonzero |= 1 << at;
                    at += 1;
                }
            }
        }
        if at > last + 1 { Err(past_the_end()) } else { Ok(()) }
    }

    fn ac_refine(&mut self, table: &HuffmanTable, first: u32, last: u32, nonzero: &mut u64) -> Result<(), TileError> {
        let mut at = first;
        while self.bands == 0 && at <= last {
            let symbol = table.symbol((self.bits.peek() >> 48) as u32);
            let (mut run, size) = (u32::from(symbol.value >> 4), symbol.value & 15);
            if symbol.length == 0 || size > 1 {
                return Err(no_code());
            }
            self.bits.skip(symbol.length.into());
            if size == 0 && run < 15 {
                self.bands = (1 << run) + self.bits.take(run);
                break;
            }
            self.bits.skip(size.into());
            // Non-zero coefficients before the new one are corrected.
            while at <= last {
                if *nonzero >> at & 1 == 1 {
                    self.bits.skip(1);
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                at += 1;
            }
            match (size, at <= last) {
                (1, true) => *nonzero |= 1 << at,
                (1, false) => return Err(past_the_end()),
                _ => {}
            }
            at += 1;
        }
        if self.bands > 0 {
            if at <= last {
                let band = (u64::MAX >> (63 - (last - at))) << at;
                self.bits.skip((*nonzero & band).count_ones());
            }
            self.bands -= 1;
        }
        Ok(())
    }

    /// Checks that fewer than eight bits are left, the padding of the last byte. Some encoders write zeros after a whole
    /// scan; returns their number of bytes.
    fn finish(self, is_last: bool) -> Result<usize, TileError> {
        const MOST_ZEROS: usize = 64;
        let rest = self.bits.rest();
        let harmless = is_last && rest.len() <= MOST_ZEROS && rest.iter().all(|byte| *byte == 0);
        if !rest.is_empty() && !harmless {
            return Err(left_over());
        }
        if self.bands > 0 {
            return Err(damaged("a band goes on past the end of its scan".to_owned()));
        }
        Ok(rest.len())
    }
}

fn left_over() -> TileError {
    damaged("image data are left over before the next marker".to_owned())
}

fn no_code() -> TileError {
    damaged("the image data hold a code that does not exist".to_owned())
}

fn past_the_end() -> TileError {
    damaged("the image data go past the end of a block".to_owned())
}
