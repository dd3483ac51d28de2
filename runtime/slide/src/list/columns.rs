//! The columns of a tile list.

use csv::StringRecord;

/// Names of the columns, in the order in which they are written. The first five are required.
pub(super) const COLUMNS: [&str; 11] = [
    "slide",
    "minx",
    "miny",
    "width",
    "height",
    "label",
    "group",
    "split",
    "level",
    "tissue_fraction",
    "tumour_fraction",
];
/// Number of required columns.
pub(super) const REQUIRED: usize = 5;
/// Characters of an unknown column's name that are printed and compared with known names.
const MAX_SHOWN: usize = 64;

/// Positions of the known columns in a row, by their number in [`COLUMNS`].
#[derive(Debug)]
pub(super) struct Columns {
    positions: [Option<usize>; COLUMNS.len()],
    pub(super) extra: Vec<String>,
}

impl Columns {
    /// Finds the columns of a header.
    ///
    /// # Errors
    /// Missing, repeated and misspelt columns, by name.
    pub(super) fn find(header: &StringRecord) -> Result<Self, String> {
        let mut positions = [None; COLUMNS.len()];
        let mut extra: Vec<String> = Vec::new();
        for (position, name) in header.iter().map(str::trim).enumerate() {
            let Some(number) = COLUMNS.iter().position(|known| *known == name) else {
                let shown: String = kiln_files::text::escaped(name).chars().take(MAX_SHOWN).collect();
                extra.push(shown);
                continue;
            };
            if positions[number].replace(position).is_some() {
                return Err(format!("the column `{name}` occurs twice; remove one of them"));
            }
        }
        let missing: Vec<String> = COLUMNS[..REQUIRED]
            .iter()
            .zip(&positions)
            .filter(|(_, position)| position.is_none())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let misspelt = extra.iter().find_map(|name| {
            let free = COLUMNS.iter().zip(&positions).filter(|(_, position)| position.is_none());
            free.map(|(known, _)| known).find(|known| is_like(name, known)).map(|known| (name, known))
        });
        if let Some((name, known)) = misspelt {
            return Err(format!("the column `{name}` is unknown; did you mean `{known}`?"));
        }
        match (missing.is_empty(), header.len()) {
            (true, _) => Ok(Self { positions, extra }),
            (false, 1) if header.iter().any(|name| name.contains([';', '\t'])) => {
                Err("columns are separated by semicolons or tabs; save the list with commas".to_owned())
            }
            (false, _) => {
                let noun = if missing.len() == 1 { "column" } else { "columns" };
                Err(format!("no {noun} {}; a tile list needs `slide,minx,miny,width,height`", missing.join(", ")))
            }
        }
    }

    /// The position of a column in a row.
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        COLUMNS.iter().position(|known| *known == column).and_then(|number| self.positions[number])
    }
}

/// True if the name differs from a known one by case, separators, the American spelling or a slip of the pen.
fn is_like(name: &str, known: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters =
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(MAX_SHOWN).collect();
        let letters: String = letters;
        letters.replace("tumour", "tumor")
    };
    let (name, known) = (plain(name), plain(known));
    // One slip in a word of five letters or more; in a shorter one it may be another word.
    name == known || known.len() >= 5 && strsim::osa_distance(&name, &known) == 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn find(header: &str) -> Result<Columns, String> {
        Columns::find(&header.split(',').collect())
    }

    #[test]
    fn a_misspelt_column_is_an_error_and_another_one_is_kept_out() {
        assert!(find("slide,minx,miny,width,height,gruop").unwrap_err().contains("did you mean `group`?"));
        assert!(find("Slide,minx,miny,width,height").unwrap_err().contains("did you mean `slide`?"));
        assert!(find("slide,minx,miny,width,height,tumor_fraction").unwrap_err().contains("`tumour_fraction`"));
        assert!(find("slide,minx,miny,width,height,tissue fraction").unwrap_err().contains("`tissue_fraction`"));
        let columns = find("slide,minx,miny,width,height,score,status,prob_tumour,labels_by").unwrap();
        assert_eq!(columns.extra, ["score", "status", "prob_tumour", "labels_by"]);
    }

    #[test]
    fn missing_and_repeated_columns_are_named() {
        let missing = find("minx,miny,width,height,prob_a").unwrap_err();
        assert!(missing.starts_with("no column `slide`;"), "{missing}");
        assert!(find("slide,x,y").unwrap_err().starts_with("no columns `minx`, `miny`, `width`, `height`;"));
        assert!(find("slide,minx,miny,width,height,minx").unwrap_err().contains("`minx` occurs twice"));
        assert!(find("slide;minx;miny;width;height").unwrap_err().contains("commas"));
    }
}
