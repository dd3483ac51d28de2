//! Servers as an [`Scorer`]. All clones share a number of connections, so that more threads than that may prepare batches
//! while no more requests than that are on their way.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender, bounded};
use kiln_tile::TILE_BYTES;

use super::connection::{Answered, Batch, Connection};
use super::contract::Contract;
use super::retry::{Outage, Patience, Trouble, retry};
use super::server::{Served, Server};
use super::statistics::Statistics;
use super::{EndpointError, EndpointOptions};
use crate::bundle::Manifest;
use crate::error::{Error, Result};
use crate::scorer::Scorer;
use crate::session::Outputs;

/// Model servers that were found to serve a bundle. Cloning it gives another handle on the same connections.
#[derive(Clone)]
pub struct Endpoint {
    pool: Arc<Pool>,
    /// The only server to ask.
    only: Option<usize>,
}

struct Pool {
    options: EndpointOptions,
    contract: Contract,
    servers: Vec<Server>,
    served: Vec<Served>,
    unreachable: Vec<(String, String)>,
    /// The version that answers: the requested one, else that of the first answer.
    version: OnceLock<String>,
    outage: Outage,
    idle: (Sender<Connection>, Receiver<Connection>),
}

/// A connection that goes back to the others whatever happens.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // There is room for every connection.
            let _ = self.pool.idle.0.send(connection);
        }
    }
}

impl Endpoint {
    /// Connects to the servers and checks that each is ready and serves the model of the manifest. Each batch requests
    /// the `outputs`, or all of the model's outputs without them. A server that cannot be
    /// reached is left out as long as another one can: see [`Endpoint::unreachable`].
    ///
    /// # Errors
    /// [`EndpointError`]: no server can be reached, one is not ready in time, or one serves something else.
    pub fn connect(options: EndpointOptions, manifest: &Manifest, outputs: Option<&[&str]>) -> Result<Self> {
        let contract = Contract::new(manifest, &options, outputs)?;
        if options.urls.is_empty() {
            return Err(EndpointError::Option { option: "urls", reason: "at least one server is needed" }.into());
        }
        if options.concurrency == 0 {
            return Err(EndpointError::Option { option: "concurrency", reason: "at least 1 is needed" }.into());
        }
        let servers: Vec<_> = options.urls.iter().cloned().map(Server::new).collect();
        let idle = bounded(options.concurrency);
        let mut first = Connection::new(0, servers.len());
        let Found { served, unreachable } = check_all(&mut first, &servers, &options, &contract)?;
        let others = (1..options.concurrency).map(|number| Connection::new(number % servers.len(), servers.len()));
        for connection in std::iter::once(first).chain(others) {
            let _ = idle.0.send(connection);
        }
        let version = options.version.clone().map_or_else(OnceLock::new, OnceLock::from);
        let pool = Pool { options, contract, servers, served, unreachable, version, outage: Outage::default(), idle };
        Ok(Self { pool: Arc::new(pool), only: None })
    }

    /// The servers that were found, in the order in which they were named.
    #[must_use]
    pub fn served(&self) -> &[Served] {
        &self.pool.served
    }

    /// Servers that could not be reached, each with the reason. They are tried again while tiles are scored.
    #[must_use]
    pub fn unreachable(&self) -> &[(String, String)] {
        &self.pool.unreachable
    }

    /// The largest batch that every server takes; `None` if no server states one.
    #[must_use]
    pub fn max_batch(&self) -> Option<usize> {
        self.pool.served.iter().filter_map(|served| served.max_batch).min()
    }

    /// True if every server takes batches of this size.
    #[must_use]
    pub fn accepts(&self, batch: usize) -> bool {
        self.max_batch().is_none_or(|most| batch <= most)
    }

    /// The version that answers, once known.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.pool.version.get().map(String::as_str)
    }

    /// The model's name on the servers.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.pool.contract.model.name
    }

    /// A handle for one server, number `number` of [`Endpoint::served`].
    #[must_use]
    pub fn only(&self, number: usize) -> Self {
        let url = self.pool.served.get(number).map(|served| served.url.as_str());
        let place = self.pool.servers.iter().position(|server| Some(server.url.to_string().as_str()) == url);
        Self { pool: Arc::clone(&self.pool), only: place.or(self.only) }
    }

    /// Handles for threads that prepare batches, two for each connection: a batch is decoded while another one travels.
    #[must_use]
    pub fn handles(&self) -> Vec<Self> {
        vec![self.clone(); 2 * self.pool.options.concurrency]
    }

    /// The servers' counters since they started, added up; `None` if a server lacks the extension.
    ///
    /// # Errors
    /// [`EndpointError`] if a server does not answer.
    pub fn statistics(&self) -> Result<Option<Statistics>> {
        let mut lent = self.pool.lend()?;
        let mut total = Statistics::default();
        for served in &self.pool.served {
            if !served.server.has("statistics") {
                return Ok(None);
            }
            let place = self.pool.servers.iter().position(|server| server.url.to_string() == served.url);
            total = total.and(&self.pool.statistics(&mut lent, place.unwrap_or_default())?);
        }
        Ok(Some(total))
    }

    /// The requested ones of `outputs`.
    pub(super) fn only_wanted(&self, outputs: &Outputs) -> Outputs {
        self.pool.contract.only_wanted(outputs)
    }
}

/// Servers that answered, and servers that did not.
#[derive(Default)]
struct Found {
    served: Vec<Served>,
    unreachable: Vec<(String, String)>,
}

/// Checks every server once. A wrong model is an error; a missing server is none as long as another one answers.
fn check_all(
    connection: &mut Connection,
    servers: &[Server],
    options: &EndpointOptions,
    contract: &Contract,
) -> Result<Found, EndpointError> {
    let (mut found, mut last) = (Found::default(), None);
    for (number, server) in servers.iter().enumerate() {
        let transport = connection.transport(number, servers, options)?;
        // Nobody there is most likely a wrong address, and waiting does not help; a model that loads is waited for.
        let patience = Patience { retry_for: options.retry_for, outage: &Outage::default() };
        let checked =
            retry(&options.model, patience, Trouble::is_busy, || contract.check(&server.url, transport.as_mut()));
        match checked {
            Ok(served) => {
                server.was_checked(&served.model.name);
                found.served.push(served);
            }
            Err(error @ EndpointError::Unreachable { .. }) => {
                server.was_lost("not reached");
                found.unreachable.push((server.url.to_string(), error.to_string()));
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match last {
        Some(error) if found.served.is_empty() => Err(error),
        _ => Ok(found),
    }
}

impl Pool {
    fn lend(&self) -> Result<Lent<'_>> {
        let gone = |_| Error::Ended { worker: "every connection to the servers" };
        let connection = self.idle.1.recv().map_err(gone)?;
        Ok(Lent { pool: self, connection: Some(connection) })
    }

    fn patience(&self) -> Patience<'_> {
        Patience { retry_for: self.options.retry_for, outage: &self.outage }
    }

    fn infer(&self, batch: Batch<'_>) -> Result<Outputs> {
        let mut lent = self.lend()?;
        let Some(connection) = lent.connection.as_mut() else { return Err(nothing_lent()) };
        let answered = retry(&self.options.model, self.patience(), Trouble::is_transient, || {
            let answered = connection.attempt(&self.servers, &self.options, &self.contract, batch)?;
            self.same_version(&answered)?;
            Ok(answered.outputs)
        });
        Ok(answered?)
    }

    /// A server that loads a new version half-way would mix two models in one result.
    fn same_version(&self, answered: &Answered) -> Result<(), Trouble> {
        let Some(version) = &answered.version else { return Ok(()) };
        let first = self.version.get_or_init(|| version.clone());
        if first == version {
            return Ok(());
        }
        Err(Trouble::Final(EndpointError::VersionChanged {
            url: self.servers[answered.server].url.to_string(),
            model: self.contract.model.name.clone(),
            first: first.clone(),
            now: version.clone(),
        }))
    }

    fn statistics(&self, lent: &mut Lent<'_>, server: usize) -> Result<Statistics> {
        let Some(connection) = lent.connection.as_mut() else { return Err(nothing_lent()) };
        let url = self.servers[server].url.to_string();
        let transport = connection.transport(server, &self.servers, &self.options)?;
        let counted = retry(&self.options.model, self.patience(), Trouble::is_transient, || {
            let failed = |failure| Trouble::Failed { url: url.clone(), action: "statistics", failure };
            transport.statistics(&self.contract.model).map_err(failed)
        });
        Ok(counted?)
    }
}

fn nothing_lent() -> Error {
    Error::Ended { worker: "a connection to the servers" }
}

impl Scorer for Endpoint {
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        if batch == 0 || batch.checked_mul(TILE_BYTES) != Some(pixels.len()) {
            let reason = format!("{} bytes of pixels for a batch of {batch}; a tile has {TILE_BYTES}", pixels.len());
            return Err(Error::Graph { model: self.model().to_owned(), reason });
        }
        self.pool.infer(Batch { pixels, tiles: batch, only: self.only })
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.pool.served.iter().find_map(|served| served.fixed_batch)
    }

    /// The servers' addresses.
    fn provider(&self) -> String {
        match self.only {
            Some(only) => self.pool.servers[only].url.to_string(),
            None => self.pool.servers.iter().map(|server| server.url.to_string()).collect::<Vec<_>>().join(","),
        }
    }

    fn is_served(&self) -> bool {
        true
    }

    /// Unknown: servers do not report it.
    fn nodes(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("served", &self.pool.served).finish_non_exhaustive()
    }
}
