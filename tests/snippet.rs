//! The Python script of `docs/bundle.md` scores as `kiln score` does, or refuses the file. The script is taken from the
//! document.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Kind, fixture, lock, read_csv, repository, scratch, skip, succeeds};

/// Tolerance between scores of one picture in two files, or by two decoders that round alike.
const EQUAL: f64 = 1e-5;
/// Tolerance between scores of a JPEG by two decoders.
const JPEG: f64 = 0.02;

/// A Python environment with onnxruntime, numpy and Pillow, or the reason why there is none.
pub fn python() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snippet");
    let python = home.join("bin/python");
    let works = || succeeds(Command::new(&python).args(["-c", "import numpy, onnxruntime, PIL"])).is_ok();
    let _lock = lock("snippet.lock");
    if !works() {
        succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--only-binary", ":all:"];
        succeeds(Command::new(&python).args(pip).args(["numpy>=2,<3", "onnxruntime==1.31.1", "pillow>=11,<13"]))?;
    }
    Ok(python)
}

/// The first Python block of the document.
fn script() -> String {
    let document = fs::read_to_string(repository().join("docs/bundle.md")).unwrap();
    let (_, rest) = document.split_once("## Score a tile with nothing but the bundle").unwrap();
    let (_, rest) = rest.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Pictures of every kind that the script takes, and of some that it does not (`refused-…`), from a seed.
const DRAW: &str = r#"
import sys, numpy
from PIL import Image
random, out = numpy.random.default_rng(7), sys.argv[1]
smooth = lambda n, low, high: (numpy.kron(random.integers(low, high, (32, 32, n)), numpy.ones((8, 8, 1))))
rgb, alpha = smooth(3, 0, 256).astype("u1"), smooth(1, 0, 256).astype("u1")
save = lambda image, name, **more: image.save(f"{out}/{name}", **more)
colour = Image.fromarray(rgb)
save(colour, "rgb.png")
save(colour.convert("L"), "grey.png")
save(colour.convert("1"), "black-and-white.png")
save(colour.convert("P", palette=Image.Palette.ADAPTIVE), "palette.png")
save(colour.quantize(16), "palette-of-16.png")
palette = colour.quantize(64)
save(palette, "palette-one-clear.png", transparency=3)
save(palette, "palette-alphas.png", transparency=bytes(range(0, 256, 4)))
save(Image.fromarray(numpy.dstack([rgb, alpha])), "rgba.png")
save(Image.fromarray(numpy.dstack([rgb, numpy.zeros((256, 256, 1), "u1")])), "clear.png")
save(Image.fromarray(numpy.dstack([rgb[..., :1], alpha])), "grey-alpha.png")
flat = (rgb // 128 * 200).astype("u1")
save(Image.fromarray(flat), "rgb-key.png", transparency=tuple(int(v) for v in flat[0, 0]))
save(Image.fromarray(flat[..., 0]), "grey-key.png", transparency=int(flat[0, 0, 0]))
save(Image.fromarray(smooth(1, 0, 65536).astype("u2")[..., 0]), "grey16.png")
save(colour, "interlaced-or-not.png", optimize=True)
save(colour, "colour.jpg", quality=90)
save(colour.convert("L"), "grey.jpg", quality=90)
save(colour, "progressive.jpg", quality=90, progressive=True)
save(colour.convert("CMYK"), "refused-cmyk.jpg")
save(colour, "refused.tif")
save(colour, "refused.bmp")
save(colour.resize((255, 256)), "refused-size.png")
"#;

/// Runs the script once for each file, in one process: its score, or its message.
const DRIVE: &str = r#"
import contextlib, io, json, sys
source, bundle, files = open(sys.argv[1]).read(), sys.argv[2], sys.argv[3:]
code, found = compile(source, "docs/bundle.md", "exec"), {}
for file in files:
    sys.argv, out = ["score.py", bundle, file], io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(code, {"__name__": "__main__"})
        found[file] = float(out.getvalue().split()[0])
    except (SystemExit, OSError) as error:
        found[file] = str(error) or "refused"
print(json.dumps(found))
"#;

fn scores_of_kiln(files: &[PathBuf]) -> BTreeMap<PathBuf, Option<f64>> {
    let mut kiln = crate::support::command();
    kiln.arg("score").arg(fixture().bundle(Kind::Cnn)).args(files);
    let (_, rows) = read_csv(&crate::support::finish(kiln).stdout());
    rows.into_iter().map(|row| (PathBuf::from(&row["path"]), row["score"].parse().ok())).collect()
}

#[test]
fn the_script_of_the_document_scores_as_kiln_does_or_refuses() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip(&reason),
    };
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("score.py"), script()).unwrap();
    fs::create_dir(at("tiles")).unwrap();
    succeeds(Command::new(&python).args(["-c", DRAW]).arg(at("tiles"))).unwrap();
    // A 16-bit colour PNG, which Pillow cannot write.
    let deep =
        image::ImageBuffer::<image::Rgb<u16>, _>::from_fn(256, 256, |x, y| image::Rgb([x as u16 * 257, y as u16, 9]));
    deep.save(at("tiles/refused-deep.png")).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(at("tiles")).unwrap().flatten().map(|entry| entry.path()).collect();
    let cases = repository().join("../shared/cases/snippet-and-alpha");
    match fs::read_dir(&cases) {
        Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
        Err(_) => skip("the shared cases are not here; generated pictures are tried alone"),
    }
    files.sort();
    let mut drive = Command::new(&python);
    drive.args(["-c", DRIVE]).arg(at("score.py")).arg(fixture().bundle(Kind::Cnn)).args(&files);
    let found: Value = serde_json::from_str(&succeeds(drive.env("ORT_DISABLE_TELEMETRY", "1")).unwrap()).unwrap();
    let kiln = scores_of_kiln(&files);
    let mut compared = 0;
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy();
        let script = &found[file.to_str().unwrap()];
        if name.starts_with("refused") {
            assert!(script.is_string(), "{name} was scored by the script: {script}");
            continue;
        }
        let tolerance = if name.ends_with(".jpg") { JPEG } else { EQUAL };
        let (Some(script), Some(kiln)) = (script.as_f64(), kiln[file]) else {
            panic!("{name}: the script gave {script}, kiln score {:?}", kiln[file]);
        };
        assert!((script - kiln).abs() <= tolerance, "{name}: {script} by the script, {kiln} by kiln score");
        compared += 1;
    }
    assert!(compared >= 17, "only {compared} files were compared");
    let twin = |name: &str| kiln.get(&cases.join(name)).copied().flatten();
    if let (Some(alpha), Some(twin)) = (twin("rgba.png"), twin("twin.png")) {
        assert!((alpha - twin).abs() <= 0.005, "{alpha} of rgba.png, {twin} of its twin");
    }
}
