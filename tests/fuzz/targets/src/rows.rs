//! Rows of result files, as `kiln merge` reads them.

use kiln_runtime::score::{Columns, Format, OK, RowWriter, ScoreRow};
use kiln_runtime::{DecisionRule, fuzzing};

use crate::scratch;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "score_rows",
    run,
    sound,
    hostile: || {
        vec![
            b"path,score,label,status\n".to_vec(),
            b"path,score,label,status,p_benign,p_tumour\na.png,NaN,benign,ok,,\n".to_vec(),
            b"path,score,label,status,p_benign,p_tumour\na.png,,,ok,0.5,0.5\n".to_vec(),
            b"path,score,label,status,p_benign,p_tumour\na.png,1,x,ok,1,1,1\n".to_vec(),
            [b"{\"path\":".to_vec(), b"[".repeat(200_000)].concat(),
            b"{\"path\":\"a\",\"score\":1e39,\"label\":\"x\",\"status\":\"ok\",\"p_benign\":0,\"p_tumour\":1}\n"
                .to_vec(),
            b"{\"path\":\"a\",\"score\":\"1\",\"label\":\"x\",\"status\":\"ok\",\"p_benign\":0,\"p_tumour\":1}\n"
                .to_vec(),
            b"{\"path\":\"a\",\"score\":1,\"label\":\"x\",\"status\":\"ok\",\"p_benign\":0,\"p_tumour\":null}\n"
                .to_vec(),
            b"PAR1PAR1".to_vec(),
            b"PAR1\x00\x00\x00\x00\xff\xff\xff\x7fPAR1".to_vec(),
        ]
    },
    words: &[
        "path",
        "score",
        "label",
        "status",
        "ok",
        "p_benign",
        "p_tumour",
        "truncated: ",
        "null",
        "NaN",
        "inf",
        "1e39",
        ",",
        "\"",
        "\n",
        "{",
        "}",
        "PAR1",
    ],
    rounds: 16_000,
    memory: 16 << 20,
};

const CLASSES: [&str; 2] = ["benign", "tumour"];

fn classes() -> Vec<String> {
    CLASSES.map(str::to_owned).to_vec()
}

/// Reads the input in the format that its first byte selects.
fn run(bytes: &[u8]) -> bool {
    let (format, name) = match bytes.first() {
        Some(b'P') => (Format::Parquet, "rows.parquet"),
        Some(b'{') => (Format::Jsonl, "rows.jsonl"),
        _ => (Format::Csv, "rows.csv"),
    };
    let Ok(rows) = fuzzing::rows(&scratch::put(name, bytes), format, &classes()) else { return false };
    let accepted = rows.iter().all(Result::is_ok);
    for row in rows.into_iter().flatten() {
        if row.is_ok() {
            assert!(row.score.is_some_and(f32::is_finite), "{row:?} is ok and has no score");
            assert!(row.label.is_some(), "{row:?} is ok and has no label");
            assert!([0, CLASSES.len()].contains(&row.probabilities.len()), "{row:?} is ok and lacks a probability");
            assert!(row.probabilities.iter().all(|value| value.is_finite()), "{row:?}");
        } else {
            assert_eq!(row.score, None, "{row:?} is not ok and has a score");
        }
    }
    accepted
}

fn sound() -> Vec<Vec<u8>> {
    Format::ALL.map(|format| written(&format!("seed.{format}"), format)).to_vec()
}

/// Rows as `kiln score` writes them.
fn written(name: &str, format: Format) -> Vec<u8> {
    let rule = DecisionRule::new(0.5, classes(), &["benign".to_owned()]);
    let path = scratch::folder().join(name);
    let mut writer = RowWriter::to_file(&path, format, &Columns::for_files(&classes())).unwrap();
    for number in 0..6_u8 {
        let score = f32::from(number) / 7.0;
        let row = ScoreRow::scored(format!("a/{number}, \"b\".png"), score, vec![1.0 - score, score], &rule);
        assert_eq!(row.status, OK);
        writer.write(&row).unwrap();
    }
    let mut failed = ScoreRow::scored("c.png".to_owned(), f32::NAN, vec![], &rule);
    failed.status = "truncated: it ends early".to_owned();
    writer.write(&failed).unwrap();
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}
