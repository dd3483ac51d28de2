#![allow(clippy::unwrap_used)]
use super::*;

fn read(text: &str) -> Result<Spec, String> {
    Spec::from_text(text, "model.yaml").map_err(|error| error.to_string())
}

#[test]
fn every_key_of_the_description_is_read() {
    let spec = read(
        "name: n\nlicence: MIT\nclasses: [a, b]\nnormal_classes: [a]\nthreshold: max_f1\nmicrometres_per_pixel: 0.5\n\
         outputs: {y: logits, z: drop}\ninput:\n  layout: NHWC\n  channels: BGR\n  range: -1..1\n  mean: [1, 2, 3]\n  \
         std: [4, 5, 6]\n  size: [96, 128]\n  resize: 200\n  interpolation: bicubic\n  antialias: false\n  rounded: false\n  \
         align_corners: true\n  dtype: float16\n",
    )
    .unwrap();
    assert_eq!(spec.threshold, Some(ThresholdSpec::Rule(kiln_train::metrics::ThresholdRule::MaxF1)));
    assert_eq!((spec.input.layout, spec.input.range), (Some(Layout::Nhwc), Some(Range::Signed)));
    assert_eq!(spec.input.size.map(Size::sides), Some([96, 128]));
    assert_eq!(spec.outputs["z"], Meaning::Drop);
    assert_eq!(spec.input.mean, Some([1.0, 2.0, 3.0]));
    let rule = kiln_train::metrics::ThresholdRule::Specificity(0.9);
    assert_eq!(read("threshold: specificity:0.9").unwrap().threshold, Some(ThresholdSpec::Rule(rule)));
    // JSON is YAML too.
    assert_eq!(read("{\"threshold\": 0.25}").unwrap().threshold, Some(ThresholdSpec::Value(0.25)));
}

#[test]
fn unknown_keys_and_words_are_errors_that_name_what_was_meant() {
    let found = read("input:\n  meen: [1, 2, 3]\n").unwrap_err();
    assert!(found.contains("model.yaml") && found.contains("did you mean `mean`?"), "{found}");
    assert!(read("input:\n  layout: CHWN\n").unwrap_err().contains("NCHW"));
    assert!(read("input:\n  mean: [1, 2]\n").is_err());
    assert!(read("- a list\n").is_err());
    assert!(read("threshold: sensitivity:1.5\n").unwrap_err().contains("sensitivity:RATE"));
    assert!(read("outputs: {y: softmax}\n").unwrap_err().contains("logits"));
}

#[test]
fn flags_replace_what_a_file_states() {
    let file = read("name: a\nclasses: [x, y]\noutputs: {y: logits}\ninput: {range: 0..1, size: 224}\n").unwrap();
    let flags = read("name: b\noutputs: {z: map}\ninput: {range: 0..255}\n").unwrap();
    let both = file.with(flags);
    assert_eq!((both.name.as_deref(), both.classes.len(), both.outputs.len()), (Some("b"), 2, 2));
    assert_eq!((both.input.range, both.input.size), (Some(Range::Bytes), Some(Size::Square(224))));
}

#[test]
fn the_configuration_of_wsinfer() {
    let text = r#"{
        "spec_version": "1.0", "architecture": "resnet34", "num_classes": 2, "class_names": ["Other", "Tumor"],
        "name": "BreastTCGA", "patch_size_pixels": 350, "spacing_um_px": 0.25,
        "transform": [
            {"name": "Resize", "arguments": {"size": 224}},
            {"name": "ToTensor"},
            {"name": "Normalize", "arguments": {"mean": [0.7238, 0.5716, 0.6779], "std": [0.112, 0.1459, 0.1089]}}
        ]
    }"#;
    let spec = read(text).unwrap();
    assert_eq!(spec.classes, ["Other", "Tumor"]);
    assert_eq!((spec.input.range, spec.input.size), (Some(Range::Unit), Some(Size::Square(224))));
    assert_eq!((spec.input.mean, spec.input.rounded), (Some([0.7238, 0.5716, 0.6779]), Some(true)));
    let resolution = spec.micrometres_per_pixel.unwrap();
    assert!((resolution - 0.25 * 350.0 / 256.0).abs() < 1e-12 && spec.notes.len() == 1);
    for (from, to, reason) in [
        ("\"num_classes\": 2", "\"num_classes\": 3", "`class_names` has 2"),
        ("\"1.0\"", "\"2.0\"", "version 1.0 is known"),
        ("ToTensor", "RandomFlip", "`RandomFlip`"),
        ("\"spacing_um_px\": 0.25", "\"spacing_um_px\": -1", "positive number"),
        ("[0.7238, 0.5716, 0.6779]", "[0.7]", "three numbers"),
    ] {
        let found = read(&text.replace(from, to)).unwrap_err();
        assert!(found.contains(reason), "{found}");
    }
    let resize = |arguments: &str| read(&text.replace("{\"size\": 224}", arguments)).unwrap();
    let spec = resize(r#"{"size": 64, "interpolation": "bicubic", "antialias": false}"#);
    assert_eq!((spec.input.interpolation, spec.input.antialias), (Some(Interpolation::Bicubic), Some(true)));
    assert!(spec.notes[0].contains("transform[0]: `antialias` is false"), "{:?}", spec.notes);
    let found = read(&text.replace("350", "350.5")).unwrap_err();
    assert!(found.contains("patch_size_pixels: 350.5; a whole number"), "{found}");
}

#[test]
fn without_a_resize_the_patch_of_wsinfer_is_the_input() {
    let patch = |step: &str| {
        let text =
            format!(r#"{{"class_names": [], "patch_size_pixels": 350, "spacing_um_px": 0.25, "transform": [{step}]}}"#);
        let input = read(&text).unwrap().input;
        (input.resize.map(Size::sides), input.size.map(Size::sides))
    };
    assert_eq!(patch(r#"{"name": "ToTensor"}"#), (None, Some([350; 2])));
    let crop = r#"{"name": "CenterCrop", "arguments": {"size": 224}}"#;
    assert_eq!(patch(crop), (Some([350; 2]), Some([224; 2])));
    let resize = r#"{"name": "Resize", "arguments": {"size": 256}}"#;
    assert_eq!(patch(&format!("{resize}, {crop}")), (Some([256; 2]), Some([224; 2])));
}

#[test]
fn wsinfer_names_interpolations_by_number() {
    let interpolation = |value: &str| {
        let arguments = format!(r#"{{"size": 64, "interpolation": {value}}}"#);
        steps(&format!(r#"{{"name": "Resize", "arguments": {arguments}}}"#)).map(|spec| spec.input.interpolation)
    };
    for (value, expected) in [
        ("0", Interpolation::Nearest),
        ("1", Interpolation::Lanczos),
        ("2", Interpolation::Bilinear),
        ("3", Interpolation::Bicubic),
        ("\"bicubic\"", Interpolation::Bicubic),
        ("null", Interpolation::Bilinear),
    ] {
        assert_eq!(interpolation(value), Ok(Some(expected)), "{value}");
    }
    for (value, reason) in [("4", "4 (box)"), ("5", "5 (hamming)"), ("6", "6 cannot be applied"), ("2.5", "2.5 cannot")]
    {
        let found = interpolation(value).unwrap_err();
        assert!(found.contains("arguments.interpolation: ") && found.contains(reason), "{found}");
    }
}

/// A configuration of WSInfer with these steps.
fn steps(steps: &str) -> Result<Spec, String> {
    read(&format!(r#"{{"class_names": ["benign", "tumour"], "transform": [{steps}]}}"#))
}

#[test]
fn the_steps_of_wsinfer_are_applied_in_their_order_or_refused() {
    let [resize, crop, tensor, normalise] = [
        r#"{"name": "Resize", "arguments": {"size": 64}}"#,
        r#"{"name": "CenterCrop", "arguments": {"size": 56}}"#,
        r#"{"name": "ToTensor"}"#,
        r#"{"name": "Normalize", "arguments": {"mean": [0, 0, 0], "std": [1, 1, 1], "inplace": true}}"#,
    ];
    let cropped = steps(&[resize, crop, tensor, normalise].join(", ")).unwrap().input;
    assert_eq!((cropped.resize, cropped.size), (Some(Size::Square(64)), Some(Size::Square(56))));
    let of_floats = steps(&[tensor, resize].join(", ")).unwrap().input;
    assert_eq!((of_floats.rounded, of_floats.antialias), (Some(false), Some(true)));
    let unknown = resize.replace("64", "64, \"fill\": 1");
    for (list, reason) in [
        (vec![crop, resize], "transform[1]: `Resize` after `CenterCrop`"),
        (vec![resize, resize], "transform[1]: a second `Resize`"),
        (vec![tensor, normalise, normalise], "transform[2]: a second `Normalize`"),
        (vec![normalise, tensor], "`Normalize` needs `ToTensor` before it"),
        (vec![unknown.as_str()], "transform[0]: arguments.fill: unknown"),
        (vec![r#"{"name": "Resize", "arguments": {"size": 64, "max_size": 70}}"#], "max_size"),
        (vec![r#"{"name": "Resize", "arguments": {"size": 64, "interpolation": "hamming"}}"#], "unknown interpolation"),
        (vec![r#"{"name": "Resize"}"#], "a side or [height, width]"),
        (vec![r#"{"arguments": {}}"#], "no `name`"),
    ] {
        let found = steps(&list.join(", ")).unwrap_err();
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn the_configuration_of_timm() {
    let text = r#"{
        "architecture": "vit_tiny_patch16_224", "num_classes": 2, "num_features": 192, "global_pool": "token",
        "pretrained_cfg": {
            "tag": "x", "custom_load": true, "input_size": [3, 224, 224], "fixed_input_size": true,
            "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5], "num_classes": 2, "label_names": ["normal", "tumour"], "license": "apache-2.0"
        }
    }"#;
    let spec = read(text).unwrap();
    assert_eq!((spec.name.as_deref(), spec.licence.as_deref()), (Some("vit_tiny_patch16_224"), Some("apache-2.0")));
    assert_eq!(spec.input.size.map(Size::sides), Some([224, 224]));
    // math.floor(224 / 0.9).
    assert_eq!(spec.input.resize.map(Size::sides), Some([248, 248]));
    assert_eq!((spec.input.interpolation, spec.input.std), (Some(Interpolation::Bicubic), Some([0.5; 3])));
    assert_eq!(spec.classes, ["normal", "tumour"]);
    assert!(spec.notes.is_empty(), "{:?}", spec.notes);
    let older = r#"{"architecture": "resnet18", "input_size": [3, 96, 96], "crop_pct": 1.0, "mean": [0, 0, 0]}"#;
    assert_eq!(read(older).unwrap().input.resize.map(Size::sides), Some([96, 96]));
    for (from, to, reason) in [
        ("\"crop_pct\": 0.9", "\"crop_pct\": 0", "0..1"),
        ("[3, 224, 224]", "[1, 224, 224]", "tiles have 3"),
        ("bicubic", "hamming", "unknown interpolation"),
        ("\"center\"", "\"corner\"", "`corner`"),
        ("[\"normal\", \"tumour\"]", "[\"normal\"]", "`label_names` has 1"),
    ] {
        let found = read(&text.replace(from, to)).unwrap_err();
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn missing_keys_of_timm_get_its_defaults_with_a_note() {
    let spec = read(r#"{"architecture": "resnet18", "pretrained_cfg": {"mean": null}}"#).unwrap();
    assert_eq!(spec.input.mean, Some([0.485, 0.456, 0.406]));
    assert_eq!(spec.input.std, Some([0.229, 0.224, 0.225]));
    assert_eq!(spec.input.interpolation, Some(Interpolation::Bicubic));
    assert_eq!(spec.input.size.map(Size::sides), Some([224, 224]));
    assert_eq!(spec.input.resize.map(Size::sides), Some([256, 256]));
    for (note, expected) in spec.notes.iter().zip([
        "no `mean`; timm's default is used: [0.485,0.456,0.406]",
        "no `std`; timm's default is used: [0.229,0.224,0.225]",
        "no `interpolation`; timm's default is used: \"bicubic\"",
        "no `input_size`; timm's default is used: [3,224,224]",
        "no `crop_pct`; timm's default is used: 0.875",
    ]) {
        assert!(note.contains(expected), "{note}");
    }
    assert_eq!(spec.notes.len(), 5);
}

#[test]
fn the_sizes_of_timm_for_inputs_that_are_not_square() {
    let sizes = |mode: &str, fraction: f64| {
        let text = format!(
            r#"{{"pretrained_cfg": {{"input_size": [3, 224, 240], "interpolation": "bicubic", "crop_pct": {fraction},
            "crop_mode": {mode}, "mean": [0, 0, 0], "std": [1, 1, 1]}}}}"#
        );
        read(&text).map(|spec| (spec.input.resize.map(Size::sides), spec.input.interpolation, spec.notes.len()))
    };
    // `ResizeKeepRatio` of a square picture, which timm gives no interpolation in the first case.
    let bilinear = Some(Interpolation::Bilinear);
    assert_eq!(sizes("null", 0.875).unwrap(), (Some([274, 274]), bilinear, 1));
    let bicubic = Some(Interpolation::Bicubic);
    assert_eq!(sizes("\"border\"", 0.875).unwrap(), (Some([256, 256]), bicubic, 0));
    assert_eq!(sizes("\"squash\"", 0.875).unwrap(), (Some([256, 274]), bicubic, 0));
    assert!(sizes("\"border\"", 1.0).unwrap_err().contains("pretrained_cfg.crop_mode: `border` pads"));
}

#[test]
fn classes_of_timm_are_those_beside_its_pretrained_configuration() {
    let classes = |root: &str, pretrained: &str| {
        read(&format!(r#"{{"architecture": "x", {root}, "pretrained_cfg": {{"num_classes": 1000, {pretrained}}}}}"#))
            .map(|spec| spec.classes)
    };
    let names = ["normal", "tumour"];
    assert_eq!(classes(r#""num_classes": 2"#, r#""label_names": ["normal", "tumour"]"#).unwrap(), names);
    let numbered = r#""num_classes": 2, "label_names": {"1": "tumour", "0": "normal"}"#;
    assert_eq!(classes(numbered, r#""label_names": null"#).unwrap(), names);
    assert!(classes(r#""label_names": null"#, r#""label_names": null"#).unwrap().is_empty());
    let deprecated = r#""labels": ["normal", "tumour"]"#;
    assert_eq!(classes(r#""num_classes": 2"#, deprecated).unwrap(), names);
    assert_eq!(classes(&format!(r#""num_classes": 2, {deprecated}"#), r#""tag": "x""#).unwrap(), names);
    assert!(classes(r#""num_classes": 3"#, deprecated).unwrap_err().contains("`labels` has 2"));
    for (root, pretrained, reason) in [
        (r#""label_names": {"1": "a", "2": "b"}"#, r#""tag": "x""#, "label_names: a list of names, or a mapping"),
        (r#""num_classes": "two""#, r#""tag": "x""#, "num_classes: a whole number is expected"),
        (r#""num_classes": 2"#, r#""mean": "0.5""#, "pretrained_cfg.mean: a list of three numbers is expected"),
        (r#""num_classes": 2"#, r#""label_names": 3"#, "pretrained_cfg.label_names"),
    ] {
        let found = classes(root, pretrained).unwrap_err();
        assert!(found.contains(reason), "{found}");
    }
}
