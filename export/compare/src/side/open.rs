//! Opening sides: each becomes an answerer for every thread that may use one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kiln_export::BurnModel;
use kiln_runtime::bench::Machine;
use kiln_runtime::parity::gate_differences;
use kiln_runtime::score::Layout;
use kiln_runtime::{Bundle, Optimisation, ProviderKind, Providers, Runtime, Session, SessionOptions, library};
use kiln_tile::Decoder;
use kiln_train::training::Run;

use super::{Answerer, Side, SideOptions, SideSpec};
use crate::answers::SavedAnswers;
use crate::facts::{SideFacts, SideKind};
use crate::{CompareError, Result};

/// Opens every side; the first that cannot be opened is an error.
///
/// # Errors
/// A side that is not there or cannot run.
pub fn open(specs: &[SideSpec], options: &SideOptions) -> Result<Vec<Side>> {
    open_each(specs, options)?.into_iter().collect()
}

/// Opens every side, each with its own result: a cell of a matrix that cannot run is part of the report.
///
/// # Errors
/// If no ONNX Runtime can be loaded for the sides that need one.
pub fn open_each(specs: &[SideSpec], options: &SideOptions) -> Result<Vec<Result<Side>>> {
    let runtime = if specs.iter().any(SideSpec::is_bundle) { Some(runtime_for(specs, options)?) } else { None };
    let bundle_of_servers = options.bundle.clone().or_else(|| {
        let bundle = specs.iter().find(|spec| spec.is_bundle());
        bundle.map(|spec| spec.target.clone())
    });
    let opening = Opening { options, runtime, bundle_of_servers, bundles: RefCell::default() };
    Ok(specs.iter().map(|spec| opening.open(spec)).collect())
}

/// Loads the ONNX Runtime that has the providers of the sides. One process can load one library.
fn runtime_for(specs: &[SideSpec], options: &SideOptions) -> Result<&'static Runtime> {
    let mut kinds: Vec<ProviderKind> = Vec::new();
    for spec in specs.iter().filter(|spec| spec.is_bundle()) {
        kinds.extend(providers(spec, options)?.kinds());
    }
    // Every library has the CPU, so another provider determines the library.
    kinds.sort_by_key(|kind| *kind == ProviderKind::Cpu);
    let deciding = kinds.first().copied().map_or_else(Providers::default, Providers::only);
    Ok(library::load(&library::find_for(options.library.as_deref(), &deciding)?)?)
}

/// The providers of a side, with those of the options that belong to them.
fn providers(spec: &SideSpec, options: &SideOptions) -> Result<Providers> {
    let list = spec.providers.as_deref().unwrap_or("cpu");
    let own = |setting: &&String| {
        let named = setting.split('.').next().unwrap_or_default();
        list.split(',').any(|provider| provider.trim().eq_ignore_ascii_case(named)) || list.starts_with('@')
    };
    let settings: Vec<String> = options.provider_options.iter().filter(own).cloned().collect();
    Ok(Providers::from_arguments(list, &settings)?)
}

struct Opening<'a> {
    options: &'a SideOptions,
    runtime: Option<&'static Runtime>,
    bundle_of_servers: Option<PathBuf>,
    /// Bundles by their path as a side names it: opening one reads and hashes all its files.
    bundles: RefCell<BTreeMap<PathBuf, Bundle>>,
}

impl Opening<'_> {
    fn open(&self, spec: &SideSpec) -> Result<Side> {
        if spec.is_url {
            spec.refuse_bundle_words("a server")?;
            return self.server(spec);
        }
        if spec.is_bundle() {
            return self.bundle(spec);
        }
        if spec.is_saved() {
            spec.refuse_bundle_words("a file of answers")?;
            return saved(&spec.target);
        }
        if !spec.target.exists() {
            let reason = "there is no such file or folder; a run, a bundle, a server or a file of answers is expected";
            return Err(CompareError::Side { text: spec.to_string(), reason: reason.to_owned() });
        }
        spec.refuse_bundle_words("a run")?;
        self.run(spec)
    }

    /// The bundle at a path, opened once for all cells of a matrix. A graph with another threshold than its manifest is a
    /// difference to report, not a reason to refuse.
    fn opened(&self, path: &Path) -> Result<Bundle> {
        if let Some(bundle) = self.bundles.borrow().get(path) {
            return Ok(bundle.clone());
        }
        let bundle = Bundle::open_to_verify(path)?;
        self.bundles.borrow_mut().insert(path.to_owned(), bundle.clone());
        Ok(bundle)
    }

    fn bundle(&self, spec: &SideSpec) -> Result<Side> {
        let bundle = self.opened(&spec.target)?;
        let precision = spec.precision.as_deref().unwrap_or("fp32");
        let variant = bundle.variant(precision)?.clone();
        let providers = providers(spec, self.options)?;
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            // The bundle appeared after the sides were looked at.
            None => runtime_for(std::slice::from_ref(spec), self.options)?,
        };
        let bytes = bundle.graph_files(precision)?.iter().map(|file| file.bytes).sum();
        let layout = Layout::new(&providers, self.options.threads, usize::MAX).within(
            kiln_files::limits::Limits::here().memory(),
            bytes,
            self.options.batch,
        );
        let optimisation = if spec.unoptimised { Optimisation::Off } else { Optimisation::All };
        let options = SessionOptions {
            providers: providers.for_precision(precision),
            require_all: self.options.require_all,
            shape_profile: bundle.profile(precision, 1, self.options.batch)?,
            threads: Some(layout.threads),
            spinning: false,
            optimisation,
            ..SessionOptions::default()
        };
        let model = bundle.model_path(precision)?;
        let mut answerers = Vec::new();
        let mut facts = bundle_facts(spec, &bundle, precision);
        for _ in 0..layout.streams {
            let mut session = Session::open(runtime, &model, &options)?;
            self.select(&mut session)?;
            session.provider().clone_into(facts.provider.get_or_insert_default());
            facts.nodes.clone_from(session.nodes());
            answerers.push(Answerer::Scorer(Box::new(session), None));
        }
        let providers = facts.provider.clone().unwrap_or_default();
        let noopt = if spec.unoptimised { ":noopt" } else { "" };
        facts.label = format!("{}@{precision}:{providers}{noopt}", name_of(&bundle.path));
        facts.unoptimised = spec.unoptimised;
        facts.versions.insert("onnxruntime".to_owned(), runtime.version().to_owned());
        facts.machine = Some(Machine::here());
        facts.graph_sha256 =
            bundle.manifest.files.iter().find(|file| file.path == variant.file).map(|file| file.sha256.clone());
        facts.gate = gate_differences(&variant);
        let decoder = bundle.manifest.tile.decoder();
        Ok(Side { facts, decoder, answerers, bundle: Some(bundle), run: None })
    }

    /// Leaves out outputs that nobody asked for: a score is cheaper without its reconstruction.
    fn select(&self, session: &mut Session) -> Result<()> {
        let known: Vec<&str> = session.outputs().iter().map(|port| port.name.as_str()).collect();
        match self.wanted(&known, || session.model().to_owned())? {
            Some(chosen) => Ok(session.select_outputs(&chosen)?),
            None => Ok(()),
        }
    }

    /// The outputs that were asked for, all of which a side must have; `None` if nobody asked for certain ones.
    fn wanted(&self, known: &[&str], side: impl Fn() -> String) -> Result<Option<Vec<&str>>> {
        let Some(wanted) = &self.options.outputs else { return Ok(None) };
        if let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(CompareError::Output { name: name.clone(), side: side(), known: known.join(", ") });
        }
        Ok(Some(wanted.iter().map(String::as_str).collect()))
    }

    fn run(&self, spec: &SideSpec) -> Result<Side> {
        let run = Run { openslide: self.options.openslide.clone(), ..Run::open(&spec.target)? };
        let burn = BurnModel::load(&run)?;
        let name = run.config.name.clone();
        let mut facts = SideFacts::new(SideKind::Run, format!("{name} (burn)"), run.facts.threshold.value);
        facts.model = name;
        facts.precision = Some("fp32".to_owned());
        facts.provider = Some("burn".to_owned());
        facts.weights_sha256 = Some(run.facts.weights_sha256.clone());
        facts.versions = versions();
        facts.versions.insert("burn".to_owned(), kiln_train::BURN_VERSION.to_owned());
        facts.machine = Some(Machine::here());
        if run.config.model.has_classes() {
            facts.classes.clone_from(&run.facts.classes.names);
        }
        facts.normal_classes = run.facts.classes.normal_names().to_vec();
        let decoder = run.decoder();
        Ok(Side { facts, decoder, answerers: vec![Answerer::Burn(Box::new(burn))], bundle: None, run: Some(run) })
    }

    #[cfg(not(feature = "endpoint"))]
    fn server(&self, spec: &SideSpec) -> Result<Side> {
        let _ = &self.bundle_of_servers;
        let reason = "this build cannot reach model servers (cargo feature `endpoint`)".to_owned();
        Err(CompareError::Side { text: spec.to_string(), reason })
    }

    #[cfg(feature = "endpoint")]
    fn server(&self, spec: &SideSpec) -> Result<Side> {
        use kiln_runtime::endpoint::{Endpoint, EndpointOptions, EndpointUrl};

        let Some(path) = &self.bundle_of_servers else {
            return Err(CompareError::NoBundle { text: spec.to_string() });
        };
        let bundle = self.opened(path)?;
        bundle.check_statements()?;
        let url: EndpointUrl = spec.target.to_string_lossy().parse().map_err(kiln_runtime::Error::from)?;
        let model = spec.model.clone().unwrap_or_else(|| bundle.manifest.model.name.clone());
        let options = EndpointOptions {
            timeout: self.options.servers.timeout,
            retry_for: self.options.servers.retry_for,
            ca: self.options.servers.ca.clone(),
            token: self.options.servers.token.clone(),
            ..EndpointOptions::new(vec![url], model)
        };
        let known: Vec<&str> = bundle.manifest.outputs.iter().map(|port| port.name.as_str()).collect();
        let wanted = self.wanted(&known, || spec.to_string())?;
        let endpoint = Endpoint::connect(options, &bundle.manifest, wanted.as_deref())?;
        let mut facts = bundle_facts(spec, &bundle, "fp32");
        facts.kind = SideKind::Endpoint;
        // A server states neither the precision of its graph nor its weights.
        facts.precision = None;
        facts.weights_sha256 = None;
        let server = endpoint.served().first().map(|served| &served.server);
        facts.provider = server.map(|server| server.name.clone());
        if let Some(server) = server {
            facts.versions.insert(server.name.clone(), server.version.clone());
        }
        // Without the address: a report is sent to others.
        facts.label = format!("{} on {}", endpoint.model(), facts.provider.as_deref().unwrap_or("a server"));
        let most = endpoint.max_batch();
        let answerers = endpoint.handles().into_iter().map(|handle| Answerer::Scorer(Box::new(handle), most)).collect();
        let decoder = bundle.manifest.tile.decoder();
        Ok(Side { facts, decoder, answerers, bundle: Some(bundle), run: None })
    }
}

fn bundle_facts(spec: &SideSpec, bundle: &Bundle, precision: &str) -> SideFacts {
    let manifest = &bundle.manifest;
    let mut facts = SideFacts::new(SideKind::Bundle, spec.to_string(), manifest.threshold.value);
    facts.model.clone_from(&manifest.model.name);
    facts.precision = Some(precision.to_owned());
    facts.weights_sha256 = Some(manifest.provenance.weights_sha256.clone()).filter(|digest| !digest.is_empty());
    facts.versions = versions();
    facts.classes.clone_from(&manifest.classes);
    facts.normal_classes.clone_from(&manifest.normal_classes);
    facts
}

fn versions() -> BTreeMap<String, String> {
    [("kiln".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into()
}

fn saved(path: &Path) -> Result<Side> {
    let saved = SavedAnswers::read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let facts = match &saved.facts {
        Some(facts) => SideFacts { saved: true, ..facts.clone() },
        None => SideFacts { saved: true, threshold: None, ..SideFacts::new(SideKind::Arrays, name, 0.0) },
    };
    Ok(Side {
        facts,
        decoder: Decoder::default(),
        answerers: vec![Answerer::Saved(Box::new(saved))],
        bundle: None,
        run: None,
    })
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "bundle".to_owned(), |name| name.to_string_lossy().into_owned())
}
