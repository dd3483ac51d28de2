//! Inspection finds everything, and stops at nothing.

use std::fs;

use kiln_tile::Limits;
use kiln_train::data::{Dataset, inspect};

use crate::{save, tile};

#[test]
fn every_finding_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (number, name) in ["a/1.png", "a/2.png", "b/3.png", "b/4.png"].into_iter().enumerate() {
        save(&tile(number as u32), &at(name));
    }
    fs::copy(at("a/1.png"), at("a/copy.png")).unwrap();
    save(&tile(2), &at("a/wrong.bmp"));
    image::RgbImage::new(64, 32).save(at("b/small.png")).unwrap();
    let whole = fs::read(at("b/3.png")).unwrap();
    fs::write(at("b/cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("b/text.png"), "no image").unwrap();
    let names = [
        "a/1.png",
        "a/2.png",
        "a/copy.png",
        "a/wrong.bmp",
        "b/3.png",
        "b/4.png",
        "b/small.png",
        "b/cut.png",
        "b/text.png",
        "b/gone.png",
    ];
    let rows: Vec<String> =
        names.iter().enumerate().map(|(at, name)| format!("{name},{},g{}\n", &name[..1], at % 3)).collect();
    fs::write(at("tiles.csv"), format!("path,label,group\n{}", rows.concat())).unwrap();

    let dataset = Dataset::open(folder.path()).unwrap();
    let found = inspect(&dataset, None, Limits::default(), &|| {}).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["tiles"], 10);
    assert_eq!(json["classes"][0], serde_json::json!({"label": "a", "tiles": 4, "groups": 3}));
    assert_eq!(json["groups"].as_array().unwrap().len(), 3);
    assert_eq!(json["groups"][0], serde_json::json!({"group": "g0", "tiles": 4, "labels": {"a": 2, "b": 2}}));
    assert_eq!(json["sizes"][0], serde_json::json!({"width": 256, "height": 256, "tiles": 7}));
    assert_eq!(json["sizes"][1], serde_json::json!({"width": 64, "height": 32, "tiles": 1}));
    let twins: Vec<(&str, &str)> =
        found.duplicates.iter().map(|twin| (twin.path.to_str().unwrap(), twin.same)).collect();
    assert_eq!(twins, [("a/copy.png", "file content"), ("b/3.png", "pixels")]);
    assert_eq!(json["label_conflicts"][0]["labels"], serde_json::json!(["a", "b"]));
    let bad: Vec<(&str, &str)> =
        found.unreadable.iter().map(|file| (file.path.to_str().unwrap(), file.status.as_str())).collect();
    assert_eq!(bad, [("b/cut.png", "truncated"), ("b/text.png", "unsupported"), ("b/gone.png", "not_found")]);
    assert_eq!(found.data_sha256, None);
}

#[test]
fn contents_that_decoding_leaves_aside_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (number, name) in ["a/1.png", "a/2.png", "b/3.png"].into_iter().enumerate() {
        save(&tile(number as u32), &at(name));
    }
    let whole = fs::read(at("a/2.png")).unwrap();
    fs::write(at("a/2.png"), [&whole[..], b"and more"].concat()).unwrap();
    image::RgbaImage::from_pixel(256, 256, image::Rgba([200, 100, 150, 128])).save(at("b/clear.png")).unwrap();
    let found = inspect(&Dataset::open(folder.path()).unwrap(), None, Limits::default(), &|| {}).unwrap();
    let json = serde_json::to_value(found.left_aside).unwrap();
    let expected = serde_json::json!({
        "icc_profile": 0, "orientation": 0, "reduced_images": 0, "trailing_bytes": 1, "transparent": 1
    });
    assert_eq!(json, expected);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_tile_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    save(&tile(1), &folder.path().join("a/1.png"));
    let pipe = folder.path().join("a/pipe.png");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    let dataset = Dataset::open(folder.path()).unwrap();
    let found = inspect(&dataset, None, Limits::default(), &|| {}).unwrap();
    assert_eq!((found.unreadable.len(), found.unreadable[0].reason.as_str()), (1, "not a regular file"));
}

#[test]
fn colour_that_tells_the_classes_apart_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..24_u8 {
        let (label, green) = if number % 2 == 0 { ("benign", 90 + number) } else { ("anomalous", 150 + number) };
        let image = image::RgbImage::from_fn(256, 256, |x, y| image::Rgb([180, green, (x ^ y) as u8]));
        let path = folder.path().join(format!("{label}/{number}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save(path).unwrap();
    }
    let dataset = Dataset::open(folder.path()).unwrap();
    let colour = inspect(&dataset, None, Limits::default(), &|| {}).unwrap().colour.unwrap();
    assert_eq!(colour.positive, "anomalous");
    assert!(colour.auroc.value > 0.95, "{colour:?}");
    let error = inspect(&dataset, Some("malignant"), Limits::default(), &|| {}).unwrap_err();
    assert!(
        error.to_string().contains("no tile has the label `malignant`; the labels are anomalous, benign"),
        "{error}"
    );
}
