//! Font, sizes and colours of all pictures. The colours are those of Okabe and Ito (2008), which are distinct for
//! colour-blind readers; each is combined with a dash or a shape.

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::PictureError;

/// Part of a canvas, in pixels.
pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const INK: RGBColor = RGBColor(32, 32, 32);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(super) const FAINT: RGBColor = RGBColor(222, 222, 222);

/// Colours for several curves, in order of use.
pub(super) const PALETTE: [RGBColor; 7] = [
    VERMILLION,
    BLUE,
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    INK,
];

/// Sizes in pixels of a chart, which is displayed at half its size.
pub(super) const TITLE: i32 = 36;
pub(super) const LABEL: i32 = 30;
pub(super) const SMALL: i32 = 26;
pub(super) const LINE: u32 = 4;
pub(super) const DASH: i32 = 14;
pub(super) const MARK: i32 = 8;

/// Sizes in pixels of a sheet of tiles, which is displayed at its full size.
pub(super) const SHEET_TITLE: i32 = 23;
pub(super) const SHEET_LABEL: i32 = 18;
pub(super) const SHEET_SMALL: i32 = 15;

/// Name of the compiled-in font.
const FONT: &str = "DejaVu Sans";

/// Registers the compiled-in font with plotters, once per process.
pub(super) fn register_fonts() -> Result<(), PictureError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *registered { Ok(()) } else { Err(PictureError::Draw("the compiled-in font is damaged".to_owned())) }
}

/// The font at a size.
pub(super) fn font(size: i32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// The bold font at a size.
pub(super) fn bold(size: i32) -> TextStyle<'static> {
    (FONT, size, FontStyle::Bold).into_font().color(&INK)
}

/// Writes a line of text with its upper left corner at a point.
pub(super) fn write(area: &Area<'_>, at: (i32, i32), text: &str, style: &TextStyle<'_>) -> Result<(), PictureError> {
    // plotters' ab_glyph backend uses the middle of the line as its top.
    let down = (style.font.get_size() * 0.3) as i32;
    let style = style.pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(text.to_owned(), (at.0, at.1 + down), style))?;
    Ok(())
}

/// Cuts a text at the front until it fits into `width` pixels; the end of a path is more informative than its start.
pub(super) fn fit(area: &Area<'_>, text: &str, style: &TextStyle<'_>, width: u32) -> String {
    let fits = |text: &str| area.estimate_text_size(text, style).is_ok_and(|size| size.0 <= width);
    if fits(text) {
        return text.to_owned();
    }
    let cut = |(at, _)| format!("…{}", &text[at..]);
    text.char_indices().skip(1).map(cut).find(|text| fits(text)).unwrap_or_default()
}
