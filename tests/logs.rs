//! Lines on standard error as JSON, and colours: none outside of a terminal, and as the user and the environment set them.

use serde_json::Value;

use crate::support::{Kind, command, draw, draw_truncated, finish, fixture, scratch};

/// The escape character that every colour code begins with.
const ESCAPE: char = '\u{1b}';

/// Every line of stderr as JSON.
fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}

#[test]
fn notes_errors_and_events_are_json_lines_when_asked_for() {
    let folder = scratch();
    let broken = draw_truncated(&folder.path().join("broken.png"));
    let mut score = command();
    score.args(["--log-format", "json", "--log", "debug", "score"]).arg(fixture().bundle(Kind::Cnn));
    let scored = finish({
        score.arg(&broken).arg(fixture().tile(0));
        score
    });
    let text = scored.code(2).stderr();
    let found = lines(&text);
    for line in &found {
        assert!(line["timestamp"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{line}");
        assert!(["debug", "info", "warn"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(line["message"].is_string() && line["target"].is_string(), "{line}");
    }
    assert!(found.iter().any(|line| line["message"].as_str().unwrap().contains("broken.png: truncated")), "{text}");
    // ONNX Runtime's events carry fields.
    assert!(found.iter().any(|line| line["target"].as_str().unwrap().starts_with("ort")), "{text}");
}

#[test]
fn processes_of_a_verb_write_json_lines_too() {
    let mut bench = command();
    bench.args(["--json", "--log-format", "json", "bench"]).arg(fixture().bundle(Kind::Cnn));
    bench.args(["--provider", "cpu", "--provider", "cuda,cpu", "--batch", "1", "--threads", "1"]);
    bench.args(["--seconds", "0.2", "--warm-up", "0", "--queries", "5"]);
    let found = lines(&finish(bench).code(1).stderr());
    assert!(found.iter().any(|line| line["message"].as_str().unwrap().starts_with("measuring")), "{found:?}");
}

#[test]
fn an_error_is_one_line_with_its_hint_as_a_field() {
    let folder = scratch();
    let tile = draw(&folder.path().join("tile.png"), 256, 256);
    let mut score = command();
    score.args(["score", "nowhere"]).arg(tile).args(["--out", "scores", "--log-format=json"]);
    let found = lines(&finish(score).code(2).stderr());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["level"], "error");
    assert!(found[0]["message"].as_str().unwrap().contains("format is unknown"), "{}", found[0]);
    assert!(found[0]["fields"]["hint"].as_str().unwrap().contains("--format"), "{}", found[0]);
    // Errors of the arguments too, although these are not read yet.
    for wrong in [&["--log-format", "json", "shout"][..], &["score", "--log-format=json"]] {
        let mut usage = command();
        usage.args(wrong);
        let found = lines(&finish(usage).code(2).stderr());
        assert_eq!((found.len(), &found[0]["level"]), (1, &"error".into()), "{wrong:?}");
    }
    let mut unknown = command();
    unknown.args(["--log-format", "yaml", "runtime", "list"]);
    let _ = finish(unknown).code(2).says(&["yaml", "text", "json"]);
}

#[test]
fn no_colour_reaches_a_file_unless_it_is_asked_for() {
    let verify = |words: &[&str], variables: &[(&str, &str)]| {
        let mut verify = command();
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
            verify.env_remove(name);
        }
        verify.args(words).args(["--log", "debug", "verify"]).arg(fixture().bundle(Kind::Cnn));
        verify.envs(variables.iter().copied());
        finish(verify).code(0).stderr()
    };
    let usage = |words: &[&str], variables: &[(&str, &str)]| {
        let mut usage = command();
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
            usage.env_remove(name);
        }
        usage.args(words).arg("shout").envs(variables.iter().copied());
        finish(usage).code(2).stderr()
    };
    for said in [verify(&[], &[]), usage(&[], &[])] {
        assert!(!said.is_empty() && !said.contains(ESCAPE), "{said}");
    }
    for (words, variables) in [(&["--color", "always"][..], &[][..]), (&[], &[("CLICOLOR_FORCE", "1")])] {
        assert!(verify(words, variables).contains(ESCAPE), "{words:?} {variables:?}");
        assert!(usage(words, variables).contains(ESCAPE), "{words:?} {variables:?}");
    }
    let no_color = [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
    for (words, variables) in [(&["--color=never"][..], &no_color[1..]), (&[], &no_color[..])] {
        assert!(!verify(words, variables).contains(ESCAPE), "{words:?} {variables:?}");
        assert!(!usage(words, variables).contains(ESCAPE), "{words:?} {variables:?}");
    }
    // JSON never has colours.
    assert!(!verify(&["--color", "always", "--log-format", "json"], &[]).contains(ESCAPE));
}
