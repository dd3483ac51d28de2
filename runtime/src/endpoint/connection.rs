//! A connection for one request at a time; the number of connections limits the requests in flight. Each begins with one
//! server and moves to the others when that server does not answer.

use super::contract::Contract;
use super::failure::{Failure, Kind};
use super::grpc::Grpc;
use super::http::Http;
use super::retry::Trouble;
use super::server::Server;
use super::transport::Transport;
use super::{EndpointError, EndpointOptions, EndpointUrl};
use crate::session::Outputs;

/// Open transports to all servers, for one request at a time.
pub(super) struct Connection {
    home: usize,
    transports: Vec<Option<Box<dyn Transport>>>,
}

/// A batch to send.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) pixels: &'a [u8],
    pub(super) tiles: usize,
    /// The only server to ask.
    pub(super) only: Option<usize>,
}

/// The outputs of a batch and the server that computed them.
pub(super) struct Answered {
    pub(super) outputs: Outputs,
    pub(super) version: Option<String>,
    pub(super) server: usize,
}

impl Connection {
    /// A connection that begins at the server `home`.
    pub(super) fn new(home: usize, servers: usize) -> Self {
        Self { home, transports: (0..servers).map(|_| None).collect() }
    }

    /// The transport to a server, opened if it is not.
    pub(super) fn transport(
        &mut self,
        server: usize,
        servers: &[Server],
        options: &EndpointOptions,
    ) -> Result<&mut Box<dyn Transport>, EndpointError> {
        let slot = &mut self.transports[server];
        match slot {
            Some(transport) => Ok(transport),
            None => Ok(slot.insert(open(&servers[server].url, options)?)),
        }
    }

    /// Makes one attempt: tries each server until one answers, recently lost servers last.
    pub(super) fn attempt(
        &mut self,
        servers: &[Server],
        options: &EndpointOptions,
        contract: &Contract,
        batch: Batch<'_>,
    ) -> Result<Answered, Trouble> {
        let mut order: Vec<usize> = match batch.only {
            Some(only) => vec![only],
            None => (0..servers.len()).map(|step| (self.home + step) % servers.len()).collect(),
        };
        order.sort_by_key(|server| servers[*server].rests());
        let mut last = None;
        for server in order {
            match self.ask(server, servers, options, contract, batch) {
                Err(trouble) if trouble.is_transient() => {
                    // A busy server is reachable and still serves the same model.
                    if !trouble.is_busy() {
                        servers[server].was_lost(&trouble.to_string());
                    }
                    last = Some(trouble);
                }
                result => return result,
            }
        }
        let nobody = EndpointError::Option { option: "urls", reason: "at least one server is needed" };
        Err(last.unwrap_or(Trouble::Final(nobody)))
    }

    fn ask(
        &mut self,
        server: usize,
        servers: &[Server],
        options: &EndpointOptions,
        contract: &Contract,
        batch: Batch<'_>,
    ) -> Result<Answered, Trouble> {
        let url = &servers[server].url;
        let transport = self.transport(server, servers, options).map_err(Trouble::Final)?;
        if servers[server].is_unchecked() {
            let served = contract.check(url, transport.as_mut()).map_err(still_loading)?;
            servers[server].was_checked(&served.model.name);
        }
        let failed = |failure| Trouble::Failed { url: url.to_string(), action: "inference", failure };
        let answer = match transport.infer(&contract.query(batch.pixels, batch.tiles)) {
            // The model was found when it was checked, so the server is loading it again.
            Err(failure @ Failure::Status { kind: Kind::NotFound, .. }) => {
                servers[server].was_lost("the model is gone");
                return Err(still_loading(failed(failure)));
            }
            answer => answer.map_err(failed)?,
        };
        let version = answer.version.clone();
        let checked = answer.check_model([&contract.model.name, &servers[server].model_name()]);
        let outputs = checked.and_then(|()| answer.into_outputs(batch.tiles, &contract.wanted));
        Ok(Answered { outputs: outputs.map_err(|reason| failed(Failure::Answer(reason)))?, version, server })
    }
}

/// A transport that connects at its first call.
fn open(url: &EndpointUrl, options: &EndpointOptions) -> Result<Box<dyn Transport>, EndpointError> {
    Ok(if url.scheme().is_grpc() { Box::new(Grpc::new(url, options)?) } else { Box::new(Http::new(url, options)?) })
}

/// A restarted server is reachable before its models are loaded.
fn still_loading(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Failed { url, action, failure: Failure::Status { kind: Kind::NotFound, status, said } } => {
            Trouble::Failed { url, action, failure: Failure::Status { kind: Kind::Busy, status, said } }
        }
        Trouble::Final(EndpointError::UnknownModel { url, said, .. }) => {
            let failure = Failure::Status { kind: Kind::Busy, status: "no such model now".to_owned(), said };
            Trouble::Failed { url, action: "metadata", failure }
        }
        other => other,
    }
}
