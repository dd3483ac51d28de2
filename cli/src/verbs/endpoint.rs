//! The arguments by which `verify`, `score` and `bench` reach running model servers, and the connection that they make.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_runtime::Bundle;
use kiln_runtime::endpoint::{Endpoint, EndpointOptions, EndpointUrl, Served, TOKEN_VARIABLE, Token};
use serde::Serialize;

use super::number::thread_count;
use crate::output::Output;

/// Over these flags in the help text.
const SERVERS: &str = "Model servers";

/// The servers, and the patience with them.
#[derive(clap::Args)]
pub(super) struct EndpointArgs {
    /// URLs of model servers (Open Inference Protocol v2) to use instead of ONNX Runtime here: http://HOST:PORT,
    /// https://, grpc:// or grpcs://. Several servers share the load. KILN_ENDPOINT_TOKEN in the environment is sent as
    /// bearer token.
    #[arg(long, value_name = "URL,…", value_delimiter = ',', help_heading = SERVERS,
          conflicts_with_all = ["provider", "provider_option", "require_all"])]
    endpoint: Vec<EndpointUrl>,

    /// Name of the model on the servers [default: the bundle's model name].
    #[arg(long, value_name = "NAME", requires = "endpoint", help_heading = SERVERS)]
    model: Option<String>,

    /// Version of the model that must answer [default: the server's choice, which must not change meanwhile].
    #[arg(long, value_name = "VERSION", requires = "endpoint", help_heading = SERVERS)]
    model_version: Option<String>,

    /// Concurrent requests, over all servers, up to 1024.
    #[arg(long, value_name = "N", requires = "endpoint", help_heading = SERVERS, value_parser = thread_count,
          default_value_t = EndpointOptions::DEFAULT_CONCURRENCY)]
    concurrency: usize,

    /// Time limit of a request, from connecting to the last byte of the answer.
    #[arg(long, value_name = "SECONDS", requires = "endpoint", help_heading = SERVERS, value_parser = duration,
          default_value = "30")]
    timeout: Duration,

    /// Time during which a batch is sent again after a lost connection, a timeout or overload; 0 for never.
    #[arg(long, value_name = "SECONDS", requires = "endpoint", help_heading = SERVERS, value_parser = duration,
          default_value = "60")]
    retry_for: Duration,

    /// File with certificates (PEM) to trust in addition to the system's.
    #[arg(long, value_name = "FILE", requires = "endpoint", help_heading = SERVERS)]
    ca: Option<PathBuf>,
}

/// The servers' part of reports.
#[derive(Serialize)]
pub(super) struct ServersReport<'a> {
    /// The model's name on the servers.
    pub(super) model: &'a str,
    /// The version that answered.
    pub(super) model_version: Option<&'a str>,
    /// The servers.
    pub(super) servers: &'a [Served],
}

impl<'a> ServersReport<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Self {
        Self { model: endpoint.model(), model_version: endpoint.version(), servers: endpoint.served() }
    }
}

impl EndpointArgs {
    /// The file of trusted certificates.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// True if servers were named.
    pub(super) fn is_named(&self) -> bool {
        !self.endpoint.is_empty()
    }

    /// Connects to the servers and compares their models with the bundle. Notes servers that are missing.
    pub(super) fn connect(&self, bundle: &Bundle, outputs: Option<&[&str]>, out: &Output) -> anyhow::Result<Endpoint> {
        let options = EndpointOptions {
            version: self.model_version.clone(),
            concurrency: self.concurrency,
            timeout: self.timeout,
            retry_for: self.retry_for,
            ca: self.ca.clone(),
            token: token()?,
            ..EndpointOptions::new(self.endpoint.clone(), self.model_name(bundle))
        };
        if options.token.is_some() {
            warn_of_token(&self.endpoint, out);
        }
        let endpoint = Endpoint::connect(options, &bundle.manifest, outputs).map_err(anyhow::Error::from)?;
        for (url, reason) in endpoint.unreachable() {
            out.note(format_args!("warning: going on without {url}: {reason}"));
        }
        Ok(endpoint)
    }

    /// Requests on their way at once.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn model_name(&self, bundle: &Bundle) -> String {
        self.model.clone().unwrap_or_else(|| bundle.manifest.model.name.clone())
    }
}

/// `triton 2.51.0 at grpc://127.0.0.1:8001, model tile version 1`.
pub(super) fn describe(endpoint: &Endpoint) -> String {
    let server = |served: &Served| format!("{} {} at {}", served.server.name, served.server.version, served.url);
    let servers: Vec<_> = endpoint.served().iter().map(server).collect();
    let version = endpoint.version().map(|version| format!(" version {version}")).unwrap_or_default();
    format!("{}, model {}{version}", servers.join(" and "), endpoint.model())
}

/// Warns of servers that get the token unencrypted.
pub(super) fn warn_of_token(urls: &[EndpointUrl], out: &Output) {
    for url in urls.iter().filter(|url| !url.scheme().is_encrypted() && !url.is_loopback()) {
        out.note(format_args!("warning: {TOKEN_VARIABLE} travels unencrypted to {url}; use https:// or grpcs://"));
    }
}

/// The bearer token of the environment.
pub(super) fn token() -> anyhow::Result<Option<Token>> {
    // Set and empty counts as unset.
    match env::var_os(TOKEN_VARIABLE).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Ok(Some(Token::new(&text.to_string_lossy()).map_err(kiln_runtime::Error::from)?)),
    }
}

/// A time in seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("seconds between 0 and 86400 are expected".to_owned()),
    }
}
