#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;

use super::*;

fn files(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
}

fn listed(arguments: &[PathBuf]) -> Result<Vec<Listed>> {
    list(arguments, &mut std::io::empty())
}

fn shown_of(listing: &Listing, root: &Path) -> Vec<String> {
    shown(&listing.tiles, root)
}

fn searched(arguments: &[PathBuf]) -> Listing {
    search(arguments, &mut std::io::empty(), Separator::Line).unwrap()
}

fn read_list(mut bytes: &[u8], separator: Separator) -> Result<Vec<Listed>> {
    Ok(search(&[PathBuf::from("-")], &mut bytes, separator)?.tiles)
}

fn shown(listed: &[Listed], root: &Path) -> Vec<String> {
    listed.iter().map(|one| one.path.strip_prefix(root).unwrap_or(&one.path).display().to_string()).collect()
}

#[test]
fn a_folder_is_searched_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    files(
        folder.path(),
        &["t10.png", "t2.JPG", "a/z.webp", "a/b/c.tif", "tiles.csv", "t1.bmp", "empty.png/inner.jpeg"],
    );
    let found = listed(&[folder.path().to_owned()]).unwrap();
    let expected = ["a/b/c.tif", "a/z.webp", "empty.png/inner.jpeg", "t1.bmp", "t2.JPG", "t10.png"];
    assert_eq!(shown(&found, folder.path()), expected);
}

#[test]
fn files_keep_the_order_of_the_arguments_and_any_name() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &["b.dat", "a.png"]);
    let arguments = ["b.dat", "missing.png", "a.png"].map(|name| folder.path().join(name));
    assert_eq!(shown(&listed(&arguments).unwrap(), folder.path()), ["b.dat", "missing.png", "a.png"]);
}

#[test]
fn a_pattern_matches_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &["s1/t10.png", "s1/t9.png", "s2/t1.png", "s2/notes.txt"]);
    let found = listed(&[folder.path().join("*/t*.png")]).unwrap();
    assert_eq!(shown(&found, folder.path()), ["s1/t9.png", "s1/t10.png", "s2/t1.png"]);
    assert_eq!(listed(&[folder.path().join("s?")]).unwrap().len(), 3);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_or_a_list_is_that_file() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &["t[1].png", "t1.png"]);
    assert_eq!(shown(&listed(&[folder.path().join("t[1].png")]).unwrap(), folder.path()), ["t[1].png"]);
}

#[test]
fn a_list_names_files_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.txt");
    fs::write(&file, "\u{feff}b.png\r\n\n a b.png\nc.png").unwrap();
    let found = listed(&[PathBuf::from(format!("@{}", file.display()))]).unwrap();
    assert_eq!(shown(&found, folder.path()), ["b.png", " a b.png", "c.png"]);
    let found = list(&[PathBuf::from("-")], &mut &b"x.png\ny.png\n"[..]).unwrap();
    assert_eq!(shown(&found, folder.path()), ["x.png", "y.png"]);
}

#[test]
fn lists_that_are_none_are_refused_by_name_and_line() {
    let long = [b"a.png\n".to_vec(), vec![b'x'; 20_000]].concat();
    let cases: [(&[u8], Separator, &str); 7] = [
        (b"a\0b", Separator::Line, "line 1 holds a NUL"),
        (b"a.png\0b.png\0", Separator::Line, "holds a NUL"),
        (b"a.png\rb.png\r", Separator::Line, "line 1 holds a carriage return"),
        (b"\xff\xfea\0.\0", Separator::Line, "UTF-16"),
        (&long, Separator::Line, "line 2 is longer"),
        (&long, Separator::Null, "name 1 holds line breaks"),
        (b"a.png\nb.png\n", Separator::Null, "name 1 holds line breaks"),
    ];
    for (bytes, separator, expected) in cases {
        let error = read_list(bytes, separator).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("standard input"), "{error}");
    }
    let long = [b"a.png\0".to_vec(), vec![b'x'; 20_000]].concat();
    assert!(read_list(&long, Separator::Null).unwrap_err().to_string().contains("name 2 is longer"));
    let error = listed(&[PathBuf::from("@no/such/list")]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such/list");
}

#[test]
fn blank_lines_line_ends_and_byte_order_marks_are_no_names() {
    let found = read_list(b"\xef\xbb\xbfa.png\r\n   \n\t\r\n\r\nb c.png\n\xef\xbb\xbfd.png", Separator::Line).unwrap();
    assert_eq!(shown(&found, Path::new("")), ["a.png", "b c.png", "d.png"]);
}

#[test]
fn names_that_end_with_nul_hold_anything_else() {
    let found = read_list(b"a\nb.png\0 c.png\r\0\0d.png", Separator::Null).unwrap();
    assert_eq!(shown(&found, Path::new("")), ["a\nb.png", " c.png\r", "d.png"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_listed_as_it_is() {
    use std::os::unix::ffi::OsStrExt as _;
    for separator in [Separator::Line, Separator::Null] {
        let end: &[u8] = if separator == Separator::Line { b"\n" } else { b"\0" };
        let bytes = [&b"a.png"[..], b"t\xff.png", b"t\xfe.png"].join(end);
        let found = read_list(&bytes, separator).unwrap();
        let names: Vec<&[u8]> = found.iter().map(|one| one.path.as_os_str().as_bytes()).collect();
        assert_eq!(names, [&b"a.png"[..], b"t\xff.png", b"t\xfe.png"]);
    }
}

#[test]
fn searches_leave_out_hidden_and_system_files_and_count_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let taken = ["a.png", "s/b.png"];
    let left_out =
        ["._a.png", "s/.ipynb_checkpoints/b.png", ".Trash-0/c.png", "__MACOSX/d.png", "s/@eaDir/b.png/e.jpg"];
    files(root, &[&taken[..], &left_out[..], &["s/Thumbs.db", ".notes"]].concat());
    let found = searched(&[root.to_owned()]);
    assert_eq!(shown_of(&found, root), ["a.png", "s/b.png"]);
    assert_eq!(found.left_out, 5);
    for pattern in ["**", "**/*", "**/*.png", "*"] {
        assert_eq!(shown_of(&searched(&[root.join(pattern)]), root), ["a.png", "s/b.png"], "{pattern}");
    }
    // What is named is taken: an argument, a folder, a pattern that begins with the dot.
    for (named, expected) in [
        ("._a.png", "._a.png"),
        (".Trash-0", ".Trash-0/c.png"),
        (".*.png", "._a.png"),
        ("__MACOSX/*", "__MACOSX/d.png"),
    ] {
        assert_eq!(shown_of(&searched(&[root.join(named)]), root), [expected], "{named}");
    }
    fs::remove_file(root.join("a.png")).unwrap();
    let error = listed(&[root.join("*.png")]).unwrap_err().to_string();
    assert!(error.contains("1 hidden or system files and folders are left out"), "{error}");
}

#[test]
fn a_pattern_below_a_folder_whose_name_looks_like_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    files(
        root,
        &["slides [1]/a.png", "slides 1/no.png", "x*y/d?/[z]/b.png", "x1y/d1/z/no.png", "s/q[1]/c.png", "s/[/d.png"],
    );
    let cases: [(&str, &[&str]); 7] = [
        ("slides [1]/*.png", &["slides [1]/a.png"]),
        ("slides [1]/**/*.png", &["slides [1]/a.png"]),
        ("slides [1]/?.png", &["slides [1]/a.png"]),
        ("x*y/d?/[z]/*.png", &["x*y/d?/[z]/b.png"]),
        ("*/q[1]/*.png", &["s/q[1]/c.png"]),
        ("*/[/?.png", &["s/[/d.png"]),
        ("slides [[]1]/[ab].png", &["slides [1]/a.png"]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(shown_of(&searched(&[root.join(pattern)]), root), expected, "{pattern}");
    }
    // A missing file in it is a missing file, not a pattern without a match.
    assert_eq!(shown_of(&searched(&[root.join("slides [1]/missing.png")]), root), ["slides [1]/missing.png"]);
    assert!(listed(&[root.join("slides [2]/*.png")]).unwrap_err().to_string().contains("no tile file"));
}

#[test]
fn a_tile_that_a_pattern_matches_twice_is_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &["a/b/t.png", "a/u.png"]);
    for pattern in ["**", "**/*", "*", "**/*.png"] {
        assert_eq!(shown_of(&searched(&[folder.path().join(pattern)]), folder.path()), ["a/b/t.png", "a/u.png"]);
    }
}

#[cfg(unix)]
#[test]
fn broken_links_and_loops_below_a_pattern_end_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    files(root, &["s/t.png"]);
    std::os::unix::fs::symlink("nowhere", root.join("s/broken.png")).unwrap();
    std::os::unix::fs::symlink("..", root.join("s/back")).unwrap();
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    assert_eq!(shown_of(&searched(&[root.join("*/*.png")]), root), ["s/broken.png", "s/t.png"]);
    assert_eq!(shown_of(&searched(&[root.join("**/*.png")]), root), ["s/broken.png", "s/t.png"]);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_below_a_pattern_is_a_refused_row() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    files(root, &["a/t.png", "b/u.png"]);
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(root.join("b")).is_ok() {
        println!("skipped: this user may read every folder");
        return;
    }
    for pattern in ["*/*.png", "*/?.png", "**/*.png", "*"] {
        let found = searched(&[root.join(pattern)]).tiles;
        let refused: Vec<_> = found.iter().filter(|one| one.refused.is_some()).collect();
        assert_eq!((found.len(), refused.len()), (2, 1), "{pattern}: {found:?}");
    }
}

#[test]
fn nothing_to_score_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let error = listed(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("holds no PNG"), "{error}");
    assert!(listed(&[folder.path().join("*.png")]).unwrap_err().to_string().contains("no tile file has such a name"));
    assert!(listed(&[PathBuf::from("a[.png")]).unwrap_err().to_string().contains("not a pattern"));
    assert!(list(&[PathBuf::from("-")], &mut std::io::empty()).is_err());
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_end() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &["a/t.png", "other/u.png"]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("other"), folder.path().join("a/beside")).unwrap();
    let found = listed(&[folder.path().join("a"), folder.path().to_owned()]).unwrap();
    assert!(shown(&found, folder.path()).contains(&"a/beside/u.png".to_owned()));
}

#[test]
fn a_pattern_expands_to_files_and_folders_of_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    files(
        here,
        &["1/b.svs", "1/a.svs", "2/c.svs", "2/c.txt", "1/.d.svs", "3/e10.svs", "3/e9.svs", "3/é.tif", "3/x.tiff"],
    );
    let found = |pattern: &str| -> Vec<String> {
        let matches = expand(&here.join(pattern)).unwrap();
        matches.iter().map(|path| path.strip_prefix(here).unwrap().display().to_string()).collect()
    };
    assert_eq!(found("[12]/*.svs"), ["1/a.svs", "1/b.svs", "2/c.svs"]);
    assert_eq!(found("?/*.svs"), ["1/a.svs", "1/b.svs", "2/c.svs", "3/e9.svs", "3/e10.svs"]);
    assert_eq!(found("**/c.*"), ["2/c.svs", "2/c.txt"]);
    assert_eq!(found("2/?.*"), ["2/c.svs", "2/c.txt"]);
    assert_eq!((found("3/?.tif"), found("3/*.tif")), (vec!["3/é.tif".to_owned()], vec!["3/é.tif".to_owned()]));
    assert_eq!(found("3/e*1*s"), ["3/e10.svs"]);
    assert_eq!(found("?"), ["1", "2", "3"]);
    assert_eq!(found("4/*"), [""; 0]);
    assert_eq!(found("1/b.svs"), ["1/b.svs"]);
    assert!(is_pattern(&here.join("4/*")) && !is_pattern(&here.join("1/b.svs")) && !is_pattern(&here.join("4/b.svs")));
    assert!(expand(&here.join("a[.svs")).is_err());
}
