//! Refusals: of servers that serve something else, before a tile is sent; and answers that are not what was announced.

use std::time::Duration;

use kiln_files::Fault;
use kiln_runtime::endpoint::{EndpointOptions, Token};
use serde_json::{Value, json};

use crate::fake::{Fake, Reply, Request, answer, binary, metadata, output};
use crate::{connect, options, scores, words};

/// What is changed in what a server says, and the words that an error must have.
type Changed<'a> = (&'a dyn Fn(&mut Value), &'a [&'a str]);
/// What a server answers, and the words that an error must have.
type Answered = (Box<dyn Fn() -> Reply + Send + Sync>, &'static str);

fn served(change: impl Fn(&mut Value)) -> Fake {
    let mut served = metadata();
    change(&mut served);
    Fake::with(served, vec!["binary_tensor_data"], |_, request: &Request| answer(&request.scores()))
}

#[test]
fn another_model_is_refused_with_both_sides_before_a_tile_is_sent() {
    let cases: [Changed<'_>; 7] = [
        (&|model| model["inputs"][0]["datatype"] = json!("FP32"), &["`tile`", "UINT8 [batch, 256, 256, 3]", "FP32"]),
        (
            &|model| model["inputs"][0]["shape"] = json!([-1, 3, 256, 256]),
            &["[-1, 3, 256, 256]", "[batch, 256, 256, 3]"],
        ),
        (&|model| model["inputs"][0]["shape"] = json!([-1, 224, 224, 3]), &["[-1, 224, 224, 3]"]),
        (&|model| model["inputs"][0]["name"] = json!("image"), &["`tile`", "the server has image"]),
        (&|model| model["outputs"][0]["name"] = json!("logits"), &["`score`", "the server has logits"]),
        (&|model| model["outputs"][0]["datatype"] = json!("FP16"), &["`score`", "FP32 [batch]", "FP16 [-1]"]),
        (&|model| model["outputs"][0]["shape"] = json!([-1, 2]), &["FP32 [batch]", "FP32 [-1, 2]"]),
    ];
    for (change, expected) in cases {
        let server = served(change);
        let (text, fault) = words(connect(options(&[&server])));
        assert!(expected.iter().all(|word| text.contains(word)), "{text}");
        assert!(text.contains(&server.url()), "{text}");
        assert_eq!((fault, server.inferences()), (Fault::Check, 0));
    }
}

#[test]
fn a_model_or_version_that_is_not_there_is_named_with_what_is() {
    let server = served(|_| ());
    let (text, fault) = words(connect(EndpointOptions { model: "other".to_owned(), ..options(&[&server]) }));
    assert!(text.contains("`other`") && text.contains("unknown model") && fault == Fault::Check, "{text}");
    let version = Some("7".to_owned());
    let (text, fault) = words(connect(EndpointOptions { version, ..options(&[&server]) }));
    assert!(text.contains("version 7 was asked for, the server has 1") && fault == Fault::Check, "{text}");
    let version = Some("1".to_owned());
    let mut endpoint = connect(EndpointOptions { version, ..options(&[&server]) }).unwrap();
    assert_eq!(scores(&mut endpoint, &[3, 9]).unwrap(), [3.0, 9.0]);
}

#[test]
fn nobody_there_is_an_error_of_the_environment_and_not_waited_for() {
    let gone = served(|_| ());
    let options = options(&[&gone]);
    drop(gone);
    let started = std::time::Instant::now();
    let (text, fault) = words(connect(options));
    assert!(text.contains("connection refused") && fault == Fault::Environment, "{text}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// What an endpoint says to this answer, and how often it asked.
fn said(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (String, Fault, usize) {
    let server = Fake::new(move |_, _| reply());
    let mut endpoint = connect(options(&[&server])).unwrap();
    let (text, fault) = words(scores(&mut endpoint, &[1, 2]));
    (text, fault, server.inferences())
}

fn head(dtype: &str, shape: &Value, bytes: usize) -> Value {
    json!({ "outputs": [output(dtype, shape, bytes)] })
}

#[test]
fn an_answer_that_is_not_what_was_announced_is_refused_and_not_asked_for_again() {
    let cases: Vec<Answered> = vec![
        (Box::new(|| binary(&head("FP64", &json!([2]), 16), &[0; 16])), "should be FP32 [2] and is FP64 [2]"),
        (Box::new(|| binary(&head("FP32", &json!([3]), 12), &[0; 12])), "should be FP32 [2] and is FP32 [3]"),
        (Box::new(|| binary(&head("FP32", &json!([2]), 4), &[0; 4])), "should have 8 bytes and has 4"),
        (Box::new(|| binary(&head("FP32", &json!([2]), 8), &[0; 4])), "announces 8 bytes, and 4 are left"),
        (Box::new(|| binary(&head("FP32", &json!([2]), 8), &[0; 12])), "4 bytes belong to no output"),
        (Box::new(|| binary(&json!({ "outputs": [] }), &[])), "`score` was asked for, and there is nothing"),
        (Box::new(|| Reply::Json(200, json!({ "hello": 1 }))), "not the protocol's JSON"),
        (
            Box::new(|| Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), vec![])),
            "announces 99999999999 bytes",
        ),
        (Box::new(|| Reply::Endless), "longer than the"),
    ];
    for (reply, expected) in cases {
        let (text, fault, asked) = said(reply);
        assert!(text.contains(expected), "{text}");
        assert_eq!((fault, asked), (Fault::Check, 1), "{text}");
    }
}

#[test]
fn a_request_that_will_never_pass_is_sent_once() {
    for (status, fault) in [(400, Fault::Input), (413, Fault::Input), (500, Fault::Environment)] {
        let (text, found, asked) = said(move || Reply::Json(status, json!({ "error": "no such luck" })));
        assert!(text.contains(&format!("HTTP {status}: no such luck")), "{text}");
        assert_eq!((found, asked), (fault, 1), "{status}");
    }
}

#[test]
fn a_redirection_is_not_followed() {
    let other = served(|_| ());
    let target = other.url();
    let (text, ..) = said(move || {
        let head =
            format!("HTTP/1.1 307 Elsewhere\r\nLocation: {target}/v2/models/m/infer\r\nContent-Length: 0\r\n\r\n");
        Reply::Raw(head, vec![])
    });
    assert!(text.contains("HTTP 307"), "{text}");
    assert_eq!(other.inferences(), 0);
}

#[test]
fn a_token_is_sent_and_never_shown() {
    let server = Fake::new(|_, request| {
        let token = request.header("Authorization").unwrap_or("none").to_owned();
        Reply::Json(401, json!({ "error": format!("{token} is not welcome") }))
    });
    let token = Some(Token::new("s3cret").unwrap());
    let mut endpoint = connect(EndpointOptions { token, ..options(&[&server]) }).unwrap();
    let (text, fault) = words(scores(&mut endpoint, &[1]));
    assert!(text.contains("is not welcome") && text.contains("KILN_ENDPOINT_TOKEN"), "{text}");
    assert!(!text.contains("s3cret") && fault == Fault::Input, "{text}");
    assert!(server.tokens().iter().all(|token| token.as_deref() == Some("Bearer s3cret")));
}

#[test]
fn a_batch_larger_than_the_servers_is_known_before() {
    let extensions = vec!["binary_tensor_data", "model_configuration"];
    let server = Fake::with(metadata(), extensions, |_, request: &Request| answer(&request.scores()));
    assert_eq!(connect(options(&[&server])).unwrap().max_batch(), Some(4));
}
