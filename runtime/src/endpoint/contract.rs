//! The model that a server must serve for a bundle. It is checked before the first tile, and again when a lost server
//! returns, because another model may be loaded now.

use super::answer::Expected;
use super::failure::{Failure, Kind};
use super::retry::Trouble;
use super::server::Served;
use super::transport::{ModelId, Query, Transport};
use super::{EndpointError, EndpointOptions, EndpointUrl, ModelMetadata};
use crate::bundle::manifest::{Dim, Manifest, Port};
use crate::error::{Error, Result};
use crate::session::Outputs;

/// Model and ports of the bundle.
#[derive(Debug)]
pub(super) struct Contract {
    /// The model on the server.
    pub(super) model: ModelId,
    /// The input's name.
    input: Port,
    outputs: Vec<Port>,
    /// The outputs to request.
    pub(super) wanted: Vec<Expected>,
    wanted_names: Vec<String>,
}

impl Contract {
    /// Takes the bundle's ports and the named outputs; all outputs if `outputs` is `None`.
    pub(super) fn new(manifest: &Manifest, options: &EndpointOptions, outputs: Option<&[&str]>) -> Result<Self> {
        let graph = |reason: String| Error::Graph { model: manifest.model.name.clone(), reason };
        let [input] = manifest.inputs.as_slice() else {
            return Err(graph(format!("{} inputs; a tile model has one, named `tile`", manifest.inputs.len())));
        };
        let side = Dim::Fixed(u64::from(kiln_tile::SIDE));
        if input.dtype != "uint8" || input.shape.get(1..) != Some(&[side.clone(), side, Dim::Fixed(3)]) {
            return Err(graph(format!("input `{}` takes no u8 tiles [batch, 256, 256, 3]", input.name)));
        }
        let names: Vec<&str> = manifest.outputs.iter().map(|port| port.name.as_str()).collect();
        let wanted_names: Vec<_> = outputs.unwrap_or(&names).iter().map(|name| (*name).to_owned()).collect();
        let expected = |name: &String| {
            let port = manifest.outputs.iter().find(|port| port.name == *name);
            port.filter(|port| port.dtype == "float32")
                .and_then(Expected::from_port)
                .ok_or_else(|| graph(format!("output `{name}` is no float32 output of known size in the manifest")))
        };
        Ok(Self {
            model: ModelId { name: options.model.clone(), version: options.version.clone() },
            input: input.clone(),
            outputs: manifest.outputs.clone(),
            wanted: wanted_names.iter().map(expected).collect::<Result<_>>()?,
            wanted_names,
        })
    }

    /// Checks that a server is ready and serves the bundle's model.
    pub(super) fn check(
        &self,
        url: &EndpointUrl,
        transport: &mut dyn Transport,
    ) -> std::result::Result<Served, Trouble> {
        let failed = |action| move |failure| Trouble::Failed { url: url.to_string(), action, failure };
        if !transport.server_ready().map_err(failed("readiness"))? {
            return Err(not_ready(url, "the server says that it is not ready"));
        }
        let server = transport.server().map_err(failed("metadata"))?;
        let model = match transport.model(&self.model) {
            Ok(model) => model,
            Err(failure) => return Err(self.missing(url, transport, failure)),
        };
        self.agree(url, &model)?;
        if !transport.model_ready(&self.model).map_err(failed("readiness"))? {
            return Err(not_ready(url, &format!("the server says that model `{}` is not ready", self.model.name)));
        }
        let has_config = server.has("model_configuration");
        let max_batch =
            if has_config { transport.max_batch(&self.model).map_err(failed("configuration"))? } else { None };
        let fixed_batch = model.fixed_batch(&self.input);
        Ok(Served { url: url.to_string(), server, model, fixed_batch, max_batch })
    }

    /// Compares names, element types, shapes and version.
    fn agree(&self, url: &EndpointUrl, model: &ModelMetadata) -> std::result::Result<(), Trouble> {
        let inputs = std::slice::from_ref(&self.input);
        let mut differences = model.differences(inputs, &self.outputs, &self.wanted_names);
        if let Some(asked) = &self.model.version
            && !model.versions.is_empty()
            && !model.versions.contains(asked)
        {
            differences.push(format!("version {asked} was asked for, the server has {}", model.versions.join(", ")));
        }
        if differences.is_empty() { Ok(()) } else { Err(self.mismatch(url, differences)) }
    }

    fn mismatch(&self, url: &EndpointUrl, differences: Vec<String>) -> Trouble {
        let (url, model) = (url.to_string(), self.model.name.clone());
        Trouble::Final(EndpointError::Mismatch { url, model, differences })
    }

    /// Explains missing metadata: the server may have another version.
    fn missing(&self, url: &EndpointUrl, transport: &mut dyn Transport, failure: Failure) -> Trouble {
        let Failure::Status { kind: Kind::NotFound | Kind::Invalid, said, .. } = &failure else {
            return Trouble::Failed { url: url.to_string(), action: "metadata", failure };
        };
        if let Some(version) = &self.model.version
            && let Ok(other) = transport.model(&ModelId { version: None, ..self.model.clone() })
        {
            let versions = if other.versions.is_empty() { "another".to_owned() } else { other.versions.join(", ") };
            return self.mismatch(url, vec![format!("version {version} was asked for, the server has {versions}")]);
        }
        let (url, model, said) = (url.to_string(), self.model.name.clone(), said.clone());
        Trouble::Final(EndpointError::UnknownModel { url, model, said })
    }

    /// A batch to run.
    pub(super) fn query<'a>(&'a self, pixels: &'a [u8], batch: usize) -> Query<'a> {
        let side = kiln_tile::SIDE as usize;
        Query {
            model: &self.model,
            input: &self.input.name,
            shape: [batch, side, side, 3],
            pixels,
            outputs: &self.wanted,
        }
    }

    /// The golden outputs among the requested ones.
    pub(super) fn only_wanted(&self, outputs: &Outputs) -> Outputs {
        let wanted = outputs.arrays.iter().filter(|(name, _)| self.wanted_names.contains(name));
        Outputs { batch: outputs.batch, arrays: wanted.map(|(name, array)| (name.clone(), array.clone())).collect() }
    }
}

fn not_ready(url: &EndpointUrl, said: &str) -> Trouble {
    let failure = Failure::Status { kind: Kind::Busy, status: "not ready".to_owned(), said: said.to_owned() };
    Trouble::Failed { url: url.to_string(), action: "readiness", failure }
}
