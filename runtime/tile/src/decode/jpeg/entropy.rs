//! Walks through the entropy-coded data of a JPEG without making pixels: every code must exist, every block must be
//! there, and nothing may be left over before the next marker. Image decoders fill in what is missing and show a picture;
//! this walk is how a truncated or damaged file is told from a whole one. Sequential and progressive Huffman coding, ITU-T
//! T.81, annexes F and G.

use super::huffman::{Bits, HuffmanTable, PADDING};
use super::markers::{Frame, Reader, Scan, Tables, damaged};
use super::zeros::ZeroRuns;
use crate::TileError;

/// The state of a walk over all scans of a frame.
pub(super) struct Walk {
    /// Of each component and coefficient: the bit position down to which it has been coded; `None` before its first scan.
    coded: Vec<[Option<u8>; 64]>,
    /// Progressive frames: of each component and block, which coefficients are not zero.
    nonzero: Vec<Vec<u64>>,
    data: Vec<u8>,
}

/// The code of a scan: what is read of each block.
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

    /// Whether every coefficient of every component has been coded to its last bit.
    pub(super) fn is_complete(&self) -> bool {
        self.coded.iter().flatten().all(|low| *low == Some(0))
    }

    /// Walks through the data of one scan; `reader` stands at their first byte, and afterwards at the next marker.
    pub(super) fn scan(
        &mut self,
        reader: &mut Reader<'_>,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
    ) -> Result<(), TileError> {
        self.progress(scan)?;
        let (across, down) = match scan.components[..] {
            [(index, ..)] => frame.blocks(&frame.components[index]),
            _ => frame.units(),
        };
        let units = across * down;
        let interval = if tables.restart_interval == 0 { units } else { tables.restart_interval };
        let (mut unit, mut restarts) = (0, 0_u8);
        while unit < units {
            self.data.clear();
            let restart = reader.entropy_coded(&mut self.data)?;
            let next = (unit + interval).min(units);
            self.units(frame, scan, tables, across, unit..next)?;
            match restart {
                Some(number) if next < units && number == restarts % 8 => restarts = restarts.wrapping_add(1),
                None if next == units => {}
                None => return Err(TileError::Truncated),
                Some(_) => return Err(damaged("a restart marker is missing or out of its order".to_owned())),
            }
            unit = next;
        }
        Ok(())
    }

    /// Checks that the scan codes what is next for its coefficients, and keeps that it did.
    fn progress(&mut self, scan: &Scan) -> Result<(), TileError> {
        let (high, low) = scan.approximation;
        let expected = if high == 0 { None } else { Some(high) };
        for (index, ..) in &scan.components {
            let (first, last) = (usize::from(scan.spectrum.0), usize::from(scan.spectrum.1));
            if first > 0 && self.coded[*index][0].is_none() {
                return Err(damaged("a scan comes before the one that it refines".to_owned()));
            }
            for coded in &mut self.coded[*index][first..=last] {
                if *coded != expected {
                    return Err(damaged("a scan codes what is coded already, or refines what is not".to_owned()));
                }
                *coded = Some(low);
            }
        }
        Ok(())
    }

    /// One restart interval: the minimum coded units `units`, of `across` in a row.
    fn units(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        across: u32,
        units: std::ops::Range<u32>,
    ) -> Result<(), TileError> {
        let Self { data, nonzero, .. } = self;
        let zeros = ZeroRuns::find(data);
        data.extend_from_slice(&[0; PADDING]);
        let mut state = State { bits: Bits::new(data), bands: 0, zeros };
        let codings: Vec<Coding<'_>> = scan
            .components
            .iter()
            .map(|one| Coding::new(frame, scan, tables, *one))
            .collect::<Option<_>>()
            .ok_or_else(no_code)?;
        if !frame.progressive {
            // No block depends on another one, so that only their number counts.
            for _ in units {
                for ((index, ..), coding) in scan.components.iter().zip(&codings) {
                    let component = &frame.components[*index];
                    let blocks = if scan.components.len() == 1 { 1 } else { component.horizontal * component.vertical };
                    for _ in 0..blocks {
                        state.block(coding, &mut 0)?;
                    }
                }
            }
            return state.finish();
        }
        let (units_across, _) = frame.units();
        for unit in units {
            let (x, y) = (unit % across, unit / across);
            for ((index, ..), coding) in scan.components.iter().zip(&codings) {
                let component = &frame.components[*index];
                let stride = units_across * component.horizontal;
                let (horizontal, vertical) =
                    if scan.components.len() == 1 { (1, 1) } else { (component.horizontal, component.vertical) };
                for row in y * vertical..(y + 1) * vertical {
                    for column in x * horizontal..(x + 1) * horizontal {
                        let block = nonzero[*index].get_mut((row * stride + column) as usize).ok_or_else(no_code)?;
                        state.block(coding, block)?;
                    }
                }
            }
        }
        state.finish()
    }
}

impl<'a> Coding<'a> {
    /// `None` where a table is missing, which the scan header's check has excluded.
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
    /// Blocks to come that the last end-of-band symbol covers.
    bands: u32,
    zeros: ZeroRuns,
}

impl State<'_> {
    #[inline]
    fn block(&mut self, coding: &Coding<'_>, nonzero: &mut u64) -> Result<(), TileError> {
        match *coding {
            Coding::Sequential { dc, ac } => self.sequential(dc, ac)?,
            Coding::DcFirst(table) => self.dc(table)?,
            Coding::DcRefine => self.bits.skip(1),
            Coding::AcFirst { table, first, last } => self.ac_first(table, first, last, nonzero)?,
            Coding::AcRefine { table, first, last } => self.ac_refine(table, first, last, nonzero)?,
        }
        if self.bits.is_overrun() { Err(TileError::Truncated) } else { Ok(()) }
    }

    #[inline]
    fn dc(&mut self, table: &HuffmanTable) -> Result<(), TileError> {
        let symbol = table.symbol((self.bits.peek() >> 48) as u32);
        if symbol.length == 0 {
            return Err(no_code());
        }
        self.coefficient(symbol.length, symbol.value)
    }

    #[inline]
    fn sequential(&mut self, dc: &HuffmanTable, ac: &HuffmanTable) -> Result<(), TileError> {
        self.dc(dc)?;
        let mut at = 1;
        while at < 64 {
            let symbol = ac.symbol((self.bits.peek() >> 48) as u32);
            let (run, size) = (u32::from(symbol.value >> 4), symbol.value & 15);
            if symbol.length == 0 {
                return Err(no_code());
            }
            if size == 0 {
                self.bits.skip(symbol.length.into());
                if run != 15 {
                    break;
                }
                at += 16;
                continue;
            }
            self.coefficient(symbol.length, size)?;
            at += run + 1;
        }
        if at > 64 { Err(past_the_end()) } else { Ok(()) }
    }

    /// Skips a code and the bits of its value.
    #[inline]
    fn coefficient(&mut self, length: u8, size: u8) -> Result<(), TileError> {
        let start = self.bits.position();
        self.bits.skip(u32::from(length) + u32::from(size));
        if size > 0 && !self.zeros.is_empty() {
            return self.zeros.coefficient(start, self.bits.position());
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
            // Coefficients that are not zero are corrected on the way to the one that becomes so.
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

    /// Fewer than eight bits may be left: those that fill the last byte.
    fn finish(self) -> Result<(), TileError> {
        if self.bits.left() >= 8 {
            return Err(damaged("image data are left over before the next marker".to_owned()));
        }
        if self.bands > 0 {
            return Err(damaged("a band goes on past the end of its scan".to_owned()));
        }
        Ok(())
    }
}

fn no_code() -> TileError {
    damaged("the image data hold a code that does not exist".to_owned())
}

fn past_the_end() -> TileError {
    damaged("the image data go past the end of a block".to_owned())
}
