//! Requests that are sent again, and their results.

use std::time::{Duration, Instant};

use kiln_files::Fault;
use kiln_runtime::endpoint::EndpointOptions;
use serde_json::json;

use crate::fake::{Fake, Reply, answer, metadata};
use crate::{connect, options, scores, words};

/// A server that does this to the first inference, and answers rightly from then on.
fn first(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Fake {
    Fake::new(move |number, request| if number == 0 { reply() } else { answer(&request.scores()) })
}

#[test]
fn a_batch_that_was_lost_is_sent_again() {
    let cut = || Reply::Cut("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n".to_owned(), vec![b' '; 17]);
    let faults: Vec<Box<dyn Fn() -> Reply + Send + Sync>> = vec![
        Box::new(|| Reply::Json(503, json!({ "error": "queue is full" }))),
        Box::new(|| Reply::Json(429, json!({ "error": "slow down" }))),
        Box::new(cut),
        Box::new(|| Reply::Cut(String::new(), vec![])),
        Box::new(|| Reply::Cut("HTTP/1.1 200".to_owned(), vec![])),
        // The model is being loaded again: it was there when it was checked.
        Box::new(|| Reply::Json(404, json!({ "error": "model has no available versions" }))),
    ];
    for fault in faults {
        let server = first(fault);
        let mut endpoint = connect(options(&[&server])).unwrap();
        assert_eq!(scores(&mut endpoint, &[5, 6]).unwrap(), [5.0, 6.0]);
        assert_eq!(scores(&mut endpoint, &[8]).unwrap(), [8.0]);
        assert_eq!(server.inferences(), 3);
    }
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_longer_than_the_timeout() {
    let server = first(|| Reply::Silence(Duration::from_secs(30)));
    let timeout = Duration::from_millis(300);
    let mut endpoint = connect(EndpointOptions { timeout, ..options(&[&server]) }).unwrap();
    let started = Instant::now();
    assert_eq!(scores(&mut endpoint, &[5]).unwrap(), [5.0]);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn patience_ends_and_says_how_often_it_was_tried() {
    let server = Fake::new(|_, _| Reply::Json(503, json!({ "error": "queue is full" })));
    let retry_for = Duration::from_millis(400);
    let mut endpoint = connect(EndpointOptions { retry_for, ..options(&[&server]) }).unwrap();
    let (text, fault) = words(scores(&mut endpoint, &[1]));
    assert!(text.contains("queue is full") && text.contains("tried") && fault == Fault::Environment, "{text}");
    let asked = server.inferences();
    assert!(asked > 1);
    // Once patience is over for one batch, the next does not wait as long once more.
    std::thread::sleep(retry_for);
    words(scores(&mut endpoint, &[1]));
    assert_eq!(server.inferences(), asked + 1);
}

#[test]
fn what_comes_back_with_another_model_is_refused() {
    // It is killed while it works on the second batch.
    let killed = || Reply::Cut(String::new(), vec![]);
    let server = Fake::new(move |number, request| if number == 0 { answer(&request.scores()) } else { killed() });
    let mut endpoint = connect(options(&[&server])).unwrap();
    assert_eq!(scores(&mut endpoint, &[5]).unwrap(), [5.0]);
    let mut other = metadata();
    other["inputs"][0]["shape"] = json!([-1, 128, 128, 3]);
    server.announce(other);
    let (text, fault) = words(scores(&mut endpoint, &[6]));
    assert!(text.contains("[-1, 128, 128, 3]") && fault == Fault::Check, "{text}");
    assert_eq!(server.inferences(), 2);
}

#[test]
fn a_version_that_changes_half_way_is_refused() {
    let server = Fake::new(|number, request| {
        let version = if number < 2 { "1" } else { "2" };
        let scores = request.scores();
        Reply::Json(
            200,
            json!({ "model_version": version, "outputs": [
                { "name": "score", "datatype": "FP32", "shape": [scores.len()], "data": scores }
            ]}),
        )
    });
    let mut endpoint = connect(options(&[&server])).unwrap();
    for first in [1, 2] {
        assert_eq!(scores(&mut endpoint, &[first]).unwrap(), [f32::from(first)]);
    }
    assert_eq!(endpoint.version(), Some("1"));
    let (text, fault) = words(scores(&mut endpoint, &[3]));
    assert!(text.contains("version 1") && text.contains("version 2") && fault == Fault::Check, "{text}");
}

#[test]
fn only_a_server_that_refuses_bytes_gets_numbers() {
    let server = Fake::with(metadata(), vec![], |_, request| {
        if request.header("Inference-Header-Content-Length").is_some() {
            return Reply::Json(400, json!({ "error": "no binary here" }));
        }
        let scores = request.scores();
        let rows: Vec<_> = scores.iter().map(|score| json!([score])).collect();
        Reply::Json(
            200,
            json!({ "outputs": [
                { "name": "score", "datatype": "FP32", "shape": [scores.len(), 1], "data": rows }
            ]}),
        )
    });
    let mut endpoint = connect(EndpointOptions { concurrency: 1, ..options(&[&server]) }).unwrap();
    assert_eq!(scores(&mut endpoint, &[5, 250]).unwrap(), [5.0, 250.0]);
    assert_eq!(scores(&mut endpoint, &[6]).unwrap(), [6.0]);
    assert_eq!(server.inferences(), 3, "it is asked for bytes once");
    // One that says that it takes bytes does not get numbers when it refuses a request.
    let server = Fake::new(|_, _| Reply::Json(400, json!({ "error": "bad request" })));
    words(scores(&mut connect(options(&[&server])).unwrap(), &[1]));
    assert_eq!(server.inferences(), 1);
}
