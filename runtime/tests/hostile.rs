//! Hostile bundles, made one change at a time from a sound one. Each is refused with the fault of its input (exit status 2)
//! and names the file or the key, before any graph is loaded; or it is one of the harmless changes that `docs/bundle.md`
//! lists, and opens.
#![allow(clippy::type_complexity, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod common;

use std::fs;
use std::path::Path;

use common::{bundle, onnx};
use kiln_files::Fault;
use kiln_runtime::Bundle;
use serde_json::{Value, json};

/// A change to a bundle's folder and to its manifest, which is written afterwards; and the words of the refusal.
struct Attack {
    name: String,
    change: Box<dyn Fn(&Path, &mut Value)>,
    refusal: Option<Vec<&'static str>>,
}

fn attack(name: impl Into<String>, refusal: &[&'static str], change: impl Fn(&Path, &mut Value) + 'static) -> Attack {
    Attack { name: name.into(), change: Box::new(change), refusal: Some(refusal.to_vec()) }
}

fn harmless(name: &str, change: impl Fn(&Path, &mut Value) + 'static) -> Attack {
    Attack { name: name.to_owned(), change: Box::new(change), refusal: None }
}

/// A sound bundle: a graph with weights in a file beside it, another precision, a model card.
fn sound(folder: &Path) -> Value {
    let model = model(&[&onnx::external("w", &[("location", "model.data"), ("offset", "0"), ("length", "8")])]);
    let mut manifest = bundle::manifest(&model);
    bundle::put(folder, &mut manifest, "model.onnx", &model);
    bundle::put(folder, &mut manifest, "model.int8.onnx", &model);
    bundle::put(folder, &mut manifest, "model.data", &[0; 8]);
    bundle::put(folder, &mut manifest, "README.md", b"# A model\n");
    manifest["variants"] = json!([
        { "precision": "fp32", "file": "model.onnx", "batch": "dynamic" },
        { "precision": "int8", "file": "model.int8.onnx", "batch": "dynamic", "gate": {} }
    ]);
    manifest
}

fn model(constants: &[&Vec<u8>]) -> Vec<u8> {
    onnx::class_model_with(None, &[], &constants.iter().map(|one| (*one).clone()).collect::<Vec<_>>())
}

/// Sets a value by its JSON pointer.
fn set(manifest: &mut Value, pointer: &str, value: Value) {
    *manifest.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value;
}

fn tensors() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let locations: [(&str, &'static str); 15] = [
        ("other.data", "does not list"),
        ("golden.npz", "does not list"),
        ("../outside.data", "may lead out"),
        ("/etc/passwd", "may lead out"),
        ("a/../../x", "may lead out"),
        ("./model.data", "may lead out"),
        ("", "may lead out"),
        ("..\\x", "may lead out"),
        ("C:\\x", "may lead out"),
        ("file:///etc/passwd", "may lead out"),
        ("*/_ORT_MEM_ADDR_/*", "may lead out"),
        ("MODEL.DATA", "does not list"),
        ("model.data ", "portable"),
        ("manifest.json", "does not list"),
        ("nul", "portable"),
    ];
    for (location, words) in locations {
        attacks.push(attack(format!("weights in `{location}`"), &["model.onnx", words], move |folder, manifest| {
            let tensor = onnx::external("w", &[("location", location)]);
            bundle::put(folder, manifest, "model.onnx", &model(&[&tensor]));
            fs::write(folder.join("other.data"), [0; 8]).unwrap();
        }));
    }
    let places: [(&str, fn(&[u8]) -> Vec<u8>); 4] = [
        ("a Constant", |tensor| onnx::class_model_with(None, &[onnx::constant("c", tensor)], &[])),
        ("a graph in a node", |tensor| onnx::class_model_with(None, &[onnx::subgraph("c", tensor)], &[])),
        ("a function", |tensor| onnx::with_function(&onnx::class_model(None), tensor)),
        ("two initializers", |tensor| {
            let listed = onnx::external("v", &[("location", "model.data")]);
            onnx::class_model_with(None, &[], &[listed, tensor.to_vec()])
        }),
    ];
    for (place, make) in places {
        let words = &["model.int8.onnx", "`hidden.data`", "`files`"];
        attacks.push(attack(
            format!("unlisted weights in {place} of the second graph"),
            words,
            move |folder, manifest| {
                fs::write(folder.join("hidden.data"), [0; 8]).unwrap();
                let tensor = onnx::external("w", &[("location", "hidden.data")]);
                bundle::put(folder, manifest, "model.int8.onnx", &make(&tensor));
            },
        ));
    }
    let ranges: [(&[(&str, &str)], &'static str); 6] = [
        (&[("location", "model.data"), ("offset", "1"), ("length", "8")], "8 bytes from byte 1"),
        (&[("location", "model.data"), ("offset", "9")], "from byte 9"),
        (&[("location", "model.data"), ("length", "18446744073709551615"), ("offset", "1")], "from byte 1"),
        (&[("location", "model.data"), ("offset", "-8")], "`-8`"),
        (&[("location", "model.data"), ("length", "1e3")], "`1e3`"),
        (&[("location", "model.data"), ("location", "model.data")], "twice"),
    ];
    for (entries, words) in ranges {
        attacks.push(attack(format!("weights {entries:?}"), &["model.onnx", words], move |folder, manifest| {
            bundle::put(folder, manifest, "model.onnx", &model(&[&onnx::external("w", entries)]));
        }));
    }
    attacks.push(attack("a compiled engine from elsewhere", &["model.onnx", "may lead out"], |folder, manifest| {
        let graph = onnx::class_model_with(None, &[onnx::engine("../engine.bin")], &[]);
        bundle::put(folder, manifest, "model.onnx", &graph);
    }));
    attacks
}

fn files() -> Vec<Attack> {
    let listed: [(&str, &'static str); 18] = [
        ("../model.onnx", "may lead out"),
        ("/etc/passwd", "may lead out"),
        ("a/../../x", "may lead out"),
        ("a//b", "may lead out"),
        ("./README.md", "may lead out"),
        ("README.md/", "may lead out"),
        ("a\\b", "may lead out"),
        ("C:README.md", "may lead out"),
        ("README.md:stream", "may lead out"),
        ("a\u{0}b", "may lead out"),
        ("", "may lead out"),
        ("aux", "device"),
        ("NUL.data", "device"),
        ("README.md.", "dot or a space"),
        ("README.md ", "dot or a space"),
        ("re\u{301}adme", "printable ASCII"),
        ("a\nb", "printable ASCII"),
        ("Model.onnx", "one file on some systems"),
    ];
    let mut attacks: Vec<Attack> = Vec::new();
    for (path, words) in listed {
        attacks.push(attack(format!("{path:?} is listed"), &["manifest.json", words][1..], move |_, manifest| {
            let entry = json!({ "path": path, "bytes": 0, "sha256": "0".repeat(64) });
            manifest["files"].as_array_mut().unwrap().push(entry);
        }));
    }
    let values: [(&str, Value, &[&'static str]); 10] = [
        ("/files/0/bytes", json!(-1), &["manifest.json", "-1"]),
        ("/files/0/bytes", json!(1.5), &["manifest.json", "1.5"]),
        ("/files/0/bytes", json!(u64::MAX), &["model.onnx", "18446744073709551615"]),
        ("/files/0/bytes", json!("8"), &["manifest.json", "string"]),
        ("/files/0/sha256", json!(""), &["model.onnx", "SHA-256"]),
        ("/files/0/sha256", json!("0".repeat(64)), &["model.onnx", "SHA-256"]),
        ("/files/0/sha256", json!(null), &["manifest.json", "null"]),
        ("/files/0/path", json!("manifest.json"), &["lists itself"]),
        ("/files/0/path", json!("MANIFEST.JSON"), &["lists itself"]),
        ("/files", json!({}), &["manifest.json"]),
    ];
    for (pointer, value, words) in values {
        attacks.push(attack(format!("{pointer} is {value}"), words, move |_, manifest| {
            set(manifest, pointer, value.clone());
        }));
    }
    attacks.push(attack("a file twice", &["`README.md` twice"], |_, manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        files.push(files.iter().find(|file| file["path"] == "README.md").unwrap().clone());
    }));
    attacks.push(attack("a file that is missing", &["README.md"], |folder, _| {
        fs::remove_file(folder.join("README.md")).unwrap();
    }));
    attacks.push(attack("a folder in a file's place", &["README.md: not a regular file"], |folder, _| {
        fs::remove_file(folder.join("README.md")).unwrap();
        fs::create_dir(folder.join("README.md")).unwrap();
    }));
    attacks.push(attack("a byte more", &["README.md", "bytes"], |folder, _| {
        fs::write(folder.join("README.md"), "# A model\n\n").unwrap();
    }));
    attacks.push(attack("another byte", &["README.md", "SHA-256"], |folder, _| {
        fs::write(folder.join("README.md"), "# A Model\n").unwrap();
    }));
    attacks
}

#[cfg(unix)]
fn links() -> Vec<Attack> {
    use std::os::unix::fs::symlink;
    let outside = |folder: &Path, name: &str| {
        let elsewhere = folder.with_extension("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        fs::rename(folder.join(name), elsewhere.join(name)).unwrap();
        elsewhere.join(name)
    };
    let mut attacks = Vec::new();
    for name in ["model.onnx", "model.data", "README.md", "model.int8.onnx"] {
        attacks.push(attack(format!("{name} is a symbolic link out"), &[name, "leads out"], move |folder, _| {
            let elsewhere = outside(folder, name);
            symlink(elsewhere, folder.join(name)).unwrap();
        }));
        attacks.push(attack(format!("{name} is a hard link out"), &[name, "hard links", "hint:"], move |folder, _| {
            let elsewhere = outside(folder, name);
            fs::hard_link(elsewhere, folder.join(name)).unwrap();
        }));
        attacks.push(attack(format!("{name} is a link to nothing"), &[name], move |folder, _| {
            fs::remove_file(folder.join(name)).unwrap();
            symlink("nothing", folder.join(name)).unwrap();
        }));
        attacks.push(attack(format!("{name} is a link to itself"), &[name], move |folder, _| {
            fs::remove_file(folder.join(name)).unwrap();
            symlink(name, folder.join(name)).unwrap();
        }));
    }
    for device in ["/dev/zero", "/dev/null", "/dev/stdin"] {
        attacks.push(attack(format!("README.md is a link to {device}"), &["README.md"], move |folder, _| {
            fs::remove_file(folder.join("README.md")).unwrap();
            symlink(device, folder.join("README.md")).unwrap();
        }));
    }
    attacks.push(attack("a pipe that nobody writes", &["README.md: not a regular file"], |folder, _| {
        fs::remove_file(folder.join("README.md")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.join("README.md")).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    }));
    attacks.push(attack("a folder that is a link out", &["weights/model.data", "leads out"], |folder, manifest| {
        let elsewhere = folder.with_extension("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        fs::write(elsewhere.join("model.data"), [0; 8]).unwrap();
        symlink(&elsewhere, folder.join("weights")).unwrap();
        let files = manifest["files"].as_array_mut().unwrap();
        let mut entry = files.iter().find(|file| file["path"] == "model.data").unwrap().clone();
        entry["path"] = json!("weights/model.data");
        files.push(entry);
    }));
    attacks.push(attack("weights that are a link inside", &["model.data", "is a link"], |folder, manifest| {
        bundle::put(folder, manifest, "blob", &[0; 8]);
        fs::remove_file(folder.join("model.data")).unwrap();
        symlink("blob", folder.join("model.data")).unwrap();
    }));
    attacks.push(harmless("a graph that is a link inside", |folder, _| {
        fs::rename(folder.join("model.onnx"), folder.join("blob")).unwrap();
        symlink("blob", folder.join("model.onnx")).unwrap();
    }));
    attacks.push(harmless("two listed names of one file", |folder, _| {
        fs::remove_file(folder.join("model.int8.onnx")).unwrap();
        fs::hard_link(folder.join("model.onnx"), folder.join("model.int8.onnx")).unwrap();
    }));
    attacks
}

#[cfg(not(unix))]
fn links() -> Vec<Attack> {
    Vec::new()
}

fn statements() -> Vec<Attack> {
    let values: Vec<(&str, Value, &[&'static str])> = vec![
        ("/schema", json!(0), &["schema 0"]),
        ("/schema", json!(2), &["schema 2"]),
        ("/schema", json!("1"), &["manifest.json"]),
        ("/schema", json!(null), &["manifest.json"]),
        ("/inputs", json!([]), &["model.onnx", "`inputs`", "tile"]),
        ("/inputs/0/name", json!("image"), &["`inputs[0].name`", "image", "tile"]),
        ("/inputs/0/dtype", json!("float32"), &["`inputs[0].dtype`", "float32", "uint8"]),
        (
            "/inputs/0/shape",
            json!(["batch", 3, 256, 256]),
            &["`inputs[0].shape`", "[batch, 3, 256, 256]", "[batch, 256, 256, 3]"],
        ),
        ("/inputs/0/shape", json!(["batch", 256, 256]), &["`inputs[0].shape`"]),
        ("/inputs/0/shape", json!([8, 256, 256, 3]), &["`inputs[0].shape`", "[8, 256, 256, 3]"]),
        ("/inputs/0/shape", json!(["n", 256, 256, 3]), &["`inputs[0].shape`", "[n, 256, 256, 3]"]),
        ("/inputs/0/shape", json!([-1, 256, 256, 3]), &["manifest.json"]),
        ("/outputs/0/name", json!("probabilities"), &["`outputs`", "`probabilities`"]),
        ("/outputs/0/name", json!("anomaly"), &["`outputs[0].name`", "`anomaly`", "`score`"]),
        ("/outputs/0/dtype", json!("float16"), &["`outputs[0].dtype`", "float16", "float32"]),
        ("/outputs/0/shape", json!(["batch", 1]), &["`outputs[0].shape`", "[batch, 1]", "[batch]"]),
        ("/outputs/1/shape", json!(["batch", 3]), &["`classes`", "[batch, 3]"]),
        ("/outputs/1/shape", json!(["batch", "classes"]), &["`classes`", "[batch, classes]"]),
        ("/classes", json!(["benign"]), &["`classes`"]),
        ("/classes", json!(["benign", "anomalous", "other"]), &["`classes`", "3 names"]),
        ("/classes", json!([]), &["`classes`", "0 names"]),
        ("/classes", json!(["benign", "benign"]), &["`classes`", "twice"]),
        ("/classes", json!(["benign", ""]), &["`classes`", "empty"]),
        ("/classes", json!(["benign", " "]), &["`classes`", "empty"]),
        ("/classes", json!(["benign", "anoma\nlous"]), &["`classes`", "line break"]),
        ("/classes", json!(["benign", "anomalous\u{1b}[2J"]), &["`classes`", "control character"]),
        ("/classes", json!(["benign", "tumour"]), &["`classes`", "tumour", "kiln.classes"]),
        ("/classes", json!(["anomalous", "benign"]), &["`classes`", "kiln.classes"]),
        ("/normal_classes", json!(["healthy"]), &["`normal_classes`", "healthy"]),
        ("/normal_classes", json!([]), &["`normal_classes`", "0 of the 2"]),
        ("/normal_classes", json!(["benign", "anomalous"]), &["`normal_classes`", "2 of the 2"]),
        ("/normal_classes", json!(["benign", "benign"]), &["`normal_classes`", "twice"]),
        ("/threshold/value", json!(null), &["manifest.json"]),
        ("/threshold/value", json!("NaN"), &["manifest.json"]),
        ("/tile/side", json!(512), &["`tile.side`", "512"]),
        ("/tile/micrometres_per_pixel", json!(-0.5), &["`tile.micrometres_per_pixel`"]),
        ("/tile/micrometres_per_pixel", json!(0), &["`tile.micrometres_per_pixel`"]),
        ("/variants", json!([]), &["variants"]),
        ("/variants/0/file", json!("other.onnx"), &["`other.onnx`", "not in `files`"]),
        ("/variants/0/file", json!("README.md"), &["`README.md`", ".onnx"]),
        ("/variants/0/file", json!("../model.onnx"), &["`../model.onnx`"]),
        ("/variants/0/batch", json!(8), &["variants[fp32].batch", "8", "batch"]),
        ("/variants/0/batch", json!(0), &["variants[fp32].batch"]),
        ("/variants/0/batch", json!("any"), &["variants[fp32].batch", "any"]),
        ("/variants/1/batch", json!(1), &["model.int8.onnx", "variants[int8].batch"]),
        ("/variants/1/precision", json!("fp32"), &["`fp32` appears twice"]),
        ("/variants/1/file", json!("model.onnx"), &["`model.onnx` appears twice"]),
    ];
    let attacks = values.into_iter().map(|(pointer, value, words)| {
        attack(format!("{pointer} is {value}"), words, move |_, manifest| set(manifest, pointer, value.clone()))
    });
    attacks.collect()
}

fn graphs() -> Vec<Attack> {
    let graphs: Vec<(&str, Vec<u8>, &[&'static str])> = vec![
        ("no graph", b"".to_vec(), &["model.onnx", "no graph"]),
        ("text", b"graph".to_vec(), &["model.onnx", "not an ONNX model"]),
        ("half a graph", onnx::class_model(None)[..200].to_vec(), &["model.onnx", "not an ONNX model"]),
        ("ONNX Runtime's own format", b"\x20\0\0\0ORTM\0\0\0\0".to_vec(), &["model.onnx", "own format"]),
        (
            "a graph of a fixed batch",
            onnx::class_model(Some(4)),
            &["model.onnx", "`inputs[0].shape`", "[4, 256, 256, 3]"],
        ),
        ("a graph without classes", onnx::tile_model(None), &["model.onnx", "`outputs[1].name`", "scaled"]),
        ("a graph of other ports", onnx::identity(onnx::F32), &["model.onnx", "`inputs[0].name`", "`x`"]),
        (
            "metadata twice",
            onnx::with_metadata(&onnx::class_model(None), "kiln.classes", "[\"benign\",\"anomalous\"]"),
            &["model.onnx", "`kiln.classes` twice"],
        ),
        (
            "other normal classes",
            onnx::with_metadata(&onnx::class_model(None), "kiln.normal_classes", "[\"anomalous\"]"),
            &["model.onnx", "`normal_classes`", "kiln.normal_classes"],
        ),
        (
            "another threshold",
            onnx::with_metadata(&onnx::class_model(None), "kiln.threshold", "0.25"),
            &["model.onnx", "`threshold.value`", "kiln.threshold"],
        ),
        (
            "another size policy",
            onnx::with_metadata(&onnx::class_model(None), "kiln.size_policy", "resize"),
            &["model.onnx", "`tile.size_policy`", "kiln.size_policy"],
        ),
        (
            "another kind of model",
            onnx::with_metadata(&onnx::class_model(None), "kiln.model", "vae"),
            &["model.onnx", "`model.kind`", "kiln.model"],
        ),
        (
            "other weights",
            onnx::with_metadata(&onnx::class_model(None), "kiln.weights_sha256", "00"),
            &["model.onnx", "`provenance.weights_sha256`", "kiln.weights_sha256"],
        ),
        (
            "stain normalisation that the manifest does not have",
            onnx::with_metadata(
                &onnx::class_model(None),
                "kiln.stain_normalisation",
                r#"{"method":"reinhard","target":{"mean":[1.0,0.0,0.0],"deviation":[1.0,1.0,1.0]},"where":"graph"}"#,
            ),
            &["model.onnx", "kiln.stain_normalisation"],
        ),
    ];
    let attacks = graphs.into_iter().map(|(name, graph, words)| {
        attack(name, words, move |folder, manifest| {
            bundle::put(folder, manifest, "model.onnx", &graph);
        })
    });
    attacks.collect()
}

fn harmless_ones() -> Vec<Attack> {
    vec![
        harmless("nothing", |_, _| {}),
        harmless("files that the manifest does not list", |folder, _| {
            for name in [".DS_Store", "Thumbs.db", "notes.txt", "model.trt.engine", "other.onnx"] {
                fs::write(folder.join(name), "whatever").unwrap();
            }
            fs::create_dir(folder.join("lost+found")).unwrap();
        }),
        harmless("keys that nobody reads", |_, manifest| {
            manifest["x-note"] = json!({ "by": "somebody" });
            manifest["files"][0]["note"] = json!(1);
        }),
        harmless("digests in upper case", |_, manifest| {
            let digest = manifest["files"][0]["sha256"].as_str().unwrap().to_uppercase();
            manifest["files"][0]["sha256"] = json!(digest);
        }),
        harmless("a graph of names as JSON", |folder, manifest| {
            let graph = onnx::with_metadata(&onnx::class_model(None), "kiln.normal_classes", "[\"benign\"]");
            bundle::put(folder, manifest, "model.onnx", &graph);
        }),
    ]
}

/// The manifest's own text, spoiled; and the words of the refusal.
fn texts(manifest: &Value) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = serde_json::to_string(manifest).unwrap();
    let bytes = text.clone().into_bytes();
    let with = |head: &[u8], tail: &[u8]| [head, &bytes, tail].concat();
    let opened = &text[1..];
    let key = |key: &str| format!("{{{key},{opened}").into_bytes();
    let nested = |depth: usize| key(&format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    vec![
        ("a byte order mark", with(b"\xef\xbb\xbf", b""), "byte order mark"),
        ("UTF-16", [0xff, 0xfe].into_iter().chain(utf16).collect(), "UTF-16"),
        ("Latin-1 under a key that nobody reads", [b"{\"x\":\"caf\xe9\",", opened.as_bytes()].concat(), "not UTF-8"),
        ("text behind the end", with(b"", b" x"), "trailing"),
        ("a second document", with(b"", b"{}"), "trailing"),
        ("a NUL behind the end", with(b"", b"\0"), "trailing"),
        ("half of it", bytes[..bytes.len() / 2].to_vec(), "EOF"),
        ("nothing", Vec::new(), "EOF"),
        ("a key twice", key("\"schema\":1"), "`schema` appears twice"),
        ("an escaped key twice", key("\"\\u0073chema\":1"), "`schema` appears twice"),
        ("a key twice that nobody reads", key("\"x\":{\"a\":1,\"a\":2}"), "`a` appears twice"),
        ("20 levels", nested(20), "nested deeper"),
        ("100 levels", nested(100), "nested deeper"),
        ("a million levels", nested(1_000_000), "nested deeper"),
        ("NaN", key("\"x\":NaN"), "manifest.json"),
        ("an infinite number", key("\"x\":1e999"), "out of range"),
        ("a comment", with(b"/* hello */", b""), "manifest.json"),
        ("a list", with(b"[", b"]"), "manifest.json"),
        ("a word", b"null".to_vec(), "manifest.json"),
    ]
}

#[test]
fn every_hostile_change_is_refused_by_name_and_every_harmless_one_opens() {
    let groups = [tensors(), files(), links(), statements(), graphs(), harmless_ones()];
    let attacks: Vec<Attack> = groups.into_iter().flatten().collect();
    let mut wrong = Vec::new();
    let mut refused = 0;
    for Attack { name, change, refusal } in &attacks {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("bundle");
        let mut manifest = sound(&folder);
        change(&folder, &mut manifest);
        bundle::write_manifest(&folder, &manifest);
        match (Bundle::open(&folder), refusal) {
            (Ok(_), Some(_)) => wrong.push(format!("{name}: accepted")),
            (Err(error), None) => wrong.push(format!("{name}: {error}")),
            (Ok(_), None) => {}
            (Err(error), Some(words)) => {
                refused += 1;
                let text = error.to_string();
                let missing = words.iter().find(|word| !text.contains(**word));
                if error.fault() != Fault::Input || missing.is_some() {
                    wrong.push(format!("{name}: {:?}, lacks {missing:?}: {text}", error.fault()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
    assert!(refused >= 100, "only {refused} hostile bundles were made");
}

#[test]
fn every_spoiled_text_of_the_manifest_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("bundle");
    let manifest = sound(&folder);
    for (name, bytes, word) in texts(&manifest) {
        fs::write(folder.join("manifest.json"), bytes).unwrap();
        let error = Bundle::open(&folder).expect_err(name);
        assert_eq!(error.fault(), Fault::Input, "{name}");
        let text = error.to_string();
        assert!(text.contains("manifest.json") && text.contains(word), "{name}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn a_copy_made_of_hard_links_is_refused_with_what_to_do_and_a_real_copy_opens() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("bundle");
    let manifest = sound(&folder);
    bundle::write_manifest(&folder, &manifest);
    let (linked, copied) = (scratch.path().join("linked"), scratch.path().join("copied"));
    for (target, copy) in [(&linked, false), (&copied, true)] {
        fs::create_dir(target).unwrap();
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let to = target.join(entry.file_name());
            if copy {
                fs::copy(entry.path(), to).unwrap();
            } else {
                fs::hard_link(entry.path(), to).unwrap();
            }
        }
    }
    for both in [&folder, &linked] {
        assert!(Bundle::open(both).unwrap_err().to_string().contains("hint: copy the bundle with `cp -r`"));
    }
    Bundle::open(&copied).unwrap();
}
