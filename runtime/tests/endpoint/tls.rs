//! Servers behind TLS: trusted by the user's own authority, and not without it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kiln_files::Fault;
use kiln_runtime::endpoint::EndpointOptions;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{connect, words};

/// A server that says 503 to whoever trusts it, and its certificate in PEM.
fn server() -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let _ = stream.get_mut().write_all(b"HTTP/1.1 418 Teapot\r\nContent-Length: 6\r\n\r\nteapot");
        }
    });
    (address, made.cert.pem())
}

#[test]
fn a_certificate_of_ones_own_must_be_named_to_be_trusted() {
    let (address, pem) = server();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    for scheme in ["https", "grpcs"] {
        let url = format!("{scheme}://localhost:{}", address.port()).parse().unwrap();
        let options = EndpointOptions { retry_for: Duration::ZERO, ..EndpointOptions::new(vec![url], "m") };
        let (text, fault) = words(connect(options.clone()));
        assert!(text.to_lowercase().contains("certificate") && fault == Fault::Environment, "{text}");
        let (text, _) = words(connect(EndpointOptions { ca: Some(ca.clone()), ..options }));
        // Trusted, it is heard; over gRPC it is found to speak something else.
        assert!(!text.to_lowercase().contains("certificate"), "{text}");
        if scheme == "https" {
            assert!(text.contains("not ready"), "{text}");
        }
    }
}
