//! A place in the line of requests: at most so many are on their way as there are connections. Each has a server of its
//! own to begin with, and goes to the others when that one does not answer.

use super::contract::Contract;
use super::failure::{Failure, Kind};
use super::retry::Trouble;
use super::server::Server;
use super::transport::{self, Transport};
use super::{EndpointError, EndpointOptions};
use crate::session::Outputs;

/// See the module.
pub(super) struct Connection {
    home: usize,
    transports: Vec<Option<Box<dyn Transport>>>,
}

/// A batch on its way.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) pixels: &'a [u8],
    pub(super) tiles: usize,
    /// The only server to ask.
    pub(super) only: Option<usize>,
}

/// What came back, and from where.
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
            None => Ok(slot.insert(transport::open(&servers[server].url, options)?)),
        }
    }

    /// One attempt: each server is asked until one answers, those that were lately away last.
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
                    // A server that is busy is there, and serves what it served.
                    if !trouble.is_busy() {
                        servers[server].was_lost(&trouble.to_string());
                    }
                    last = Some(trouble);
                }
                result => return result,
            }
        }
        let nobody = EndpointError::Option { option: "--endpoint", reason: "no server was named".to_owned() };
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
            contract.check(url, transport.as_mut()).map_err(still_loading)?;
            servers[server].was_checked();
        }
        let failed = |failure| Trouble::Failed { url: url.to_string(), action: "inference", failure };
        let answer = match transport.infer(&contract.query(batch.pixels, batch.tiles)) {
            // The model was there when it was checked: it is being loaded again.
            Err(failure @ Failure::Status { kind: Kind::NotFound, .. }) => {
                servers[server].was_lost("the model is gone");
                return Err(still_loading(failed(failure)));
            }
            answer => answer.map_err(failed)?,
        };
        let version = answer.version.clone();
        let outputs = answer.into_outputs(batch.tiles, &contract.wanted);
        Ok(Answered { outputs: outputs.map_err(|reason| failed(Failure::Answer(reason)))?, version, server })
    }
}

/// A server that was away comes back before its models do.
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
