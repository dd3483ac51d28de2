//! The contents of a release: completions and manual pages of every verb, archives and wheels with the same bytes each time,
//! and a container's root that works without rights and without a place to write to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{
    Kind, command, contents, copy, fixture, install_library, kiln, read_csv, read_json, repository, scratch, skip,
    succeeds,
};

/// Whether a program is installed.
fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// The names of all verbs as the binary lists them, each below its parent: `runtime install`.
fn verbs(below: &[String]) -> Vec<Vec<String>> {
    let help = command().args(below).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.trim().is_empty());
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut found = Vec::new();
    for name in named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        let verb = [below, &[name.to_owned()]].concat();
        found.push(verb.clone());
        found.extend(verbs(&verb));
    }
    found
}

#[test]
fn the_scripts_of_all_shells_parse_and_complete_every_verb() {
    let folder = scratch();
    let verbs = verbs(&[]);
    assert!(verbs.len() > 20, "{verbs:?}");
    // Each shell's own way to read a script without running it.
    let shells =
        [("bash", Some(["-n"])), ("zsh", Some(["-n"])), ("fish", Some(["--no-execute"])), ("powershell", None)];
    for (shell, reads) in shells {
        let script = kiln!("completions", shell).code(0).stdout();
        for verb in &verbs {
            let name = verb.last().unwrap();
            assert!(script.contains(name.as_str()), "{shell}: {verb:?} is missing");
        }
        assert_eq!(
            kiln!("--json", "completions", shell).code(0).json()["script"].as_str().unwrap().trim_end(),
            script.trim_end()
        );
        let file = folder.path().join(shell);
        fs::write(&file, script).unwrap();
        match reads {
            Some(read) if has(shell) => drop(succeeds(Command::new(shell).args(read).arg(&file)).unwrap()),
            _ => skip(&format!("{shell} is not installed, so its script was not parsed")),
        }
    }
}

#[test]
fn bash_offers_verbs_and_flags() {
    if !has("bash") {
        return skip("bash is not installed");
    }
    let folder = scratch();
    let file = folder.path().join("kiln.bash");
    fs::write(&file, kiln!("completions", "bash").code(0).stdout()).unwrap();
    let offered = |words: &str| {
        let ask = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _kiln kiln \"${{COMP_WORDS[-1]}}\" kiln; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        succeeds(Command::new("bash").args(["--norc", "-c", &ask])).unwrap()
    };
    assert_eq!(offered("kiln sco").trim(), "score");
    assert_eq!(offered("kiln runtime ins").trim(), "install");
    assert!(offered("kiln score --prov").lines().any(|flag| flag == "--provider"));
}

#[test]
fn every_verb_has_a_manual_page_that_renders_without_a_warning() {
    let folder = scratch();
    let out = folder.path().join("man1");
    kiln!("man", "--out", &out).code(0);
    let mut expected: BTreeSet<String> = verbs(&[]).iter().map(|verb| format!("kiln-{}.1", verb.join("-"))).collect();
    expected.insert("kiln.1".to_owned());
    let written: BTreeSet<String> = contents(&out).keys().map(|path| path.display().to_string()).collect();
    assert_eq!(written, expected);
    let score = fs::read_to_string(out.join("kiln-score.1")).unwrap();
    assert_eq!(kiln!("man", "score").code(0).stdout().trim_end(), score.trim_end());
    if !has("groff") {
        return skip("groff is not installed, so no page was rendered");
    }
    for page in &written {
        let done = Command::new("groff")
            .args(["-Kutf8", "-man", "-Tutf8", "-ww", "-Wbreak", "-P-cbou"])
            .arg(out.join(page))
            .output()
            .unwrap();
        let warnings = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && warnings.is_empty(), "{page}: {warnings}");
        let text = String::from_utf8(done.stdout).unwrap();
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] {
            assert!(text.lines().any(|line| line == heading), "{page} has no {heading}:\n{text}");
        }
    }
}

#[test]
fn a_page_of_an_unknown_verb_is_refused_and_the_known_ones_are_named() {
    kiln!("man", "runtime", "instal").code(2).says(&["`kiln runtime` has no verb `instal`", "install, list"]);
}

/// Packs the tested binary as a release into this folder. `None` without Python 3.11, which the scripts need.
fn release(out: &Path, zone: &str) -> Option<()> {
    let recent = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !Command::new("python3").args(["-c", recent]).status().is_ok_and(|status| status.success()) {
        skip("Python 3.11 is needed for the release scripts");
        return None;
    }
    let mut pack = Command::new("python3");
    pack.arg("-B").arg(repository().join(".release/release")).arg("--quick").arg("--out").arg(out);
    pack.arg("--binary").arg(env!("CARGO_BIN_EXE_kiln"));
    pack.env("SOURCE_DATE_EPOCH", "1700000000").env("TZ", zone);
    succeeds(&mut pack).unwrap();
    Some(())
}

/// The only file of a folder with this ending.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let found: Vec<_> =
        contents(folder).into_keys().filter(|path| path.display().to_string().ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    folder.join(&found[0])
}

#[test]
fn a_release_is_packed_twice_to_the_same_bytes_and_its_wheel_installs() {
    let folder = scratch();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    if release(&first, "Pacific/Auckland").and_then(|()| release(&second, "America/Lima")).is_none() {
        return;
    }
    assert_eq!(contents(&first), contents(&second));
    for sum in contents(&first).into_keys().filter(|path| path.extension().is_some_and(|ending| ending == "sha256")) {
        succeeds(Command::new("sha256sum").arg("--check").arg(sum).current_dir(&first)).unwrap();
    }
    archive_is_whole(&only(&first, ".tar.gz"));
    wheel_installs(&only(&first, ".whl"), folder.path());
}

/// Unpacks an archive, and checks its contents and that `cargo binstall` finds the binary in it.
fn archive_is_whole(archive: &Path) {
    let folder = scratch();
    succeeds(Command::new("tar").arg("--extract").arg("--file").arg(archive).current_dir(folder.path())).unwrap();
    let name = archive.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap();
    let root = folder.path().join(name);
    succeeds(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&root)).unwrap();
    let files = contents(&root);
    let expected = [
        "kiln",
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "THIRD-PARTY-LICENCES.txt",
        "kiln.cdx.json",
        "RUST-STANDARD-LIBRARY-LICENCES.html",
        "completions/kiln.bash",
        "completions/_kiln",
        "completions/kiln.fish",
        "completions/_kiln.ps1",
        "man/man1/kiln.1",
        "man/man1/kiln-score.1",
    ];
    for file in expected {
        assert!(files.contains_key(Path::new(file)), "{file} is missing in {files:?}");
    }
    assert_eq!(
        files[Path::new("kiln")],
        kiln_files::digest::sha256_file(Path::new(env!("CARGO_BIN_EXE_kiln"))).unwrap()
    );
    bill_is_closed(&root.join("kiln.cdx.json"), &fs::read_to_string(root.join("THIRD-PARTY-LICENCES.txt")).unwrap());
    let target = name.strip_prefix(concat!("kiln-", env!("CARGO_PKG_VERSION"), "-")).unwrap();
    let manifest = fs::read_to_string(repository().join("cli/Cargo.toml")).unwrap();
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        let filled = [("version", env!("CARGO_PKG_VERSION")), ("target", target), ("bin", "kiln"), ("binary-ext", "")];
        let filled = filled.iter().chain(&[("archive-suffix", ".tar.gz")]);
        filled.fold(line.unwrap().trim_matches('"').to_owned(), |text, (key, value)| {
            text.replace(&format!("{{ {key} }}"), value)
        })
    };
    assert!(value("pkg-url").ends_with(&format!("/{name}.tar.gz")), "{}", value("pkg-url"));
    assert!(folder.path().join(value("bin-dir")).exists(), "{}", value("bin-dir"));
}

/// Every component of the bill has one reference, a licence and a digest or is ours; every dependency is a component; the
/// list of licences names it.
fn bill_is_closed(bill: &Path, licences: &str) {
    let bill = read_json(bill);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let components = bill["components"].as_array().unwrap();
    let mut known: BTreeSet<String> = components.iter().map(|one| text(&one["bom-ref"])).collect();
    assert_eq!(known.len(), components.len());
    known.insert(text(&bill["metadata"]["component"]["bom-ref"]));
    for one in components {
        let name = format!("{} {}", text(&one["name"]), text(&one["version"]));
        assert!(one["licenses"][0]["expression"].is_string(), "{name}");
        let foreign = one["hashes"][0]["content"].as_str().is_some_and(|digest| digest.len() == 64);
        assert_eq!(foreign, licences.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
    let rows = bill["dependencies"].as_array().unwrap();
    let described: BTreeSet<String> = rows.iter().map(|row| text(&row["ref"])).collect();
    assert_eq!(described, known);
    for needed in rows.iter().flat_map(|row| row["dependsOn"].as_array().unwrap()) {
        assert!(known.contains(&text(needed)), "{needed}");
    }
}

/// Installs a wheel into an empty Python environment, without a network, and runs the program that it brings.
fn wheel_installs(wheel: &Path, folder: &Path) {
    let home = folder.join("environment");
    if let Err(reason) = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home)) {
        return skip(&reason);
    }
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"];
    succeeds(Command::new(home.join("bin/python")).args(pip).arg(wheel)).unwrap();
    let said = succeeds(Command::new(home.join("bin/kiln")).arg("--version")).unwrap();
    assert_eq!(said.trim(), concat!("kiln ", env!("CARGO_PKG_VERSION")));
    assert!(home.join("share/man/man1/kiln-score.1").exists());
}

/// Runs kiln in the root of the image as a container runtime would: nothing is writable, there is no network, and the user has
/// no rights. Arguments: the root, the inputs, which appear as `/data`, and those of kiln.
const CONTAINER: &str = r#"
set -e
root=$1 inputs=$2; shift 2
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$inputs" "$root/data"
mount -o remount,bind,ro "$root/data"
mount -o remount,bind,ro "$root"
PATH=$PATH:/usr/sbin
chroot=$(command -v chroot)
exec env --ignore-environment KILN_CACHE=/opt/kiln "$chroot" --userspec=65532:65532 --groups= "$root" /usr/bin/kiln "$@"
"#;

fn contained(root: &Path, inputs: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--pid", "--fork", "bash", "-c", CONTAINER, "container"]);
    command.arg(root).arg(inputs).args(arguments);
    command
}

/// Copies this machine's installed ONNX Runtime as a cache that holds nothing else.
fn cache(folder: &Path) -> bool {
    install_library();
    let listed = kiln!("--json", "runtime", "list").code(0).json();
    let cpu = listed.as_array().unwrap().iter().find(|row| row["package"] == "cpu" && row["usable"] == true);
    let Some(library) = cpu.and_then(|row| row["path"].as_str()).map(Path::new) else { return false };
    let wheel = library.parent().unwrap();
    copy(wheel, &folder.join("onnxruntime").join(wheel.file_name().unwrap()));
    true
}

#[test]
fn the_containers_root_scores_without_rights_and_without_a_place_to_write() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let (unpacked, root, inputs) = (at("release"), at("root"), at("inputs"));
    if !has("dpkg") || succeeds(Command::new("unshare").args(["--mount", "--net", "--pid", "--fork", "true"])).is_err()
    {
        return skip("the container's root needs Debian and the right to make namespaces");
    }
    if !cache(&at("cache")) {
        return skip("the pinned ONNX Runtime is not installed");
    }
    fs::create_dir_all(&unpacked).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_kiln"), unpacked.join("kiln")).unwrap();
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(repository().join(name), unpacked.join(name)).unwrap();
    }
    fs::write(unpacked.join("THIRD-PARTY-LICENCES.txt"), "").unwrap();
    fs::write(unpacked.join("kiln.cdx.json"), "{}").unwrap();
    let assemble = repository().join(".release/rootfs");
    succeeds(Command::new(assemble).arg(&unpacked).arg(at("cache")).arg(&root)).unwrap();
    assert!(!root.join("bin").exists() && !root.join("usr/bin/sh").exists(), "there is no shell");

    let fixture = fixture();
    copy(&fixture.bundle(Kind::Cnn), &inputs.join("bundle"));
    fs::create_dir_all(inputs.join("tiles")).unwrap();
    for number in 0..3 {
        let tile = fixture.tile(number);
        fs::copy(&tile, inputs.join("tiles").join(tile.file_name().unwrap())).unwrap();
    }
    let rows = succeeds(&mut contained(&root, &inputs, &["score", "/data/bundle", "/data/tiles"])).unwrap();
    assert_eq!(read_csv(&rows).1.iter().filter(|row| row["status"] == "ok").count(), 3, "{rows}");
    succeeds(&mut contained(&root, &inputs, &["verify", "/data/bundle"])).unwrap();
    succeeds(&mut contained(&root, &inputs, &["doctor"])).unwrap();
    let refused =
        contained(&root, &inputs, &["score", "/data/bundle", "/data/tiles", "--out", "/tmp/s.csv"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "the root is read-only: {}", String::from_utf8_lossy(&refused.stderr));
}

/// The instructions of the Dockerfile, without comments and with continued lines joined.
fn instructions() -> Vec<String> {
    let text = fs::read_to_string(repository().join(".release/Dockerfile")).unwrap();
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = kept.join("\n").replace("\\\n", " ");
    joined.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_image_has_an_empty_base_and_a_user_without_rights_and_its_context_has_what_the_build_reads() {
    let instructions = instructions();
    let last = instructions.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    assert_eq!(instructions[last], "FROM scratch");
    assert!(instructions[last..].contains(&"USER 65532:65532".to_owned()), "{instructions:?}");
    assert!(!instructions[last..].iter().any(|line| line.starts_with("RUN ")), "nothing can run on an empty base");
    for line in &instructions {
        let scripts = line.split_whitespace().filter(|word| word.starts_with(".release/"));
        scripts.for_each(|script| assert!(repository().join(script).is_file(), "{script}"));
    }
    // The context leaves out all that it does not name, and git's files: the workspace must still be whole in it.
    let kept = fs::read_to_string(repository().join(".release/Dockerfile.dockerignore")).unwrap();
    let kept: Vec<_> = kept.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members = members.split('"').skip(1).step_by(2).map(|member| member.split('/').next().unwrap());
    for needed in
        members.chain([".release", ".cargo", "Cargo.toml", "Cargo.lock", "README.md", "CHANGELOG.md", "LICENSE-*"])
    {
        assert!(kept.contains(&needed), "{needed} is not in the context: {kept:?}");
    }
}
