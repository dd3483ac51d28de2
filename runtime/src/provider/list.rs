//! What the user wrote: providers in the order of preference, each with its options. `tensorrt,cuda` on the command line,
//! a list in YAML.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde_yaml::{Mapping, Value};

use super::option::{known_keys, read, text};
use super::{
    CpuOptions, CudaOptions, OpenVinoOptions, PassThrough, PluginOptions, ProviderKind, TensorRtOptions, other,
    user_name,
};
use crate::error::{Error, Result};

/// Options of one provider, typed where Kiln knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderOptions {
    /// Options of `cpu`.
    Cpu(CpuOptions),
    /// Options of `cuda`.
    Cuda(CudaOptions),
    /// Options of `tensorrt`.
    TensorRt(TensorRtOptions),
    /// Options of `openvino`.
    OpenVino(OpenVinoOptions),
    /// Options of `plugin`.
    Plugin(PluginOptions),
    /// Options of any other provider, by ONNX Runtime's keys.
    Other(PassThrough),
}

impl ProviderOptions {
    /// The defaults of a provider.
    fn default_of(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Cpu => Self::Cpu(CpuOptions::default()),
            ProviderKind::Cuda => Self::Cuda(CudaOptions::default()),
            ProviderKind::TensorRt => Self::TensorRt(TensorRtOptions::default()),
            ProviderKind::OpenVino => Self::OpenVino(OpenVinoOptions::default()),
            ProviderKind::Plugin => Self::Plugin(PluginOptions::default()),
            _ => Self::Other(PassThrough::new()),
        }
    }
}

/// A provider and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    kind: ProviderKind,
    options: ProviderOptions,
}

impl Provider {
    /// A provider with options as YAML holds them.
    ///
    /// # Errors
    /// [`Error::ProviderOption`] that names the provider and the key: unknown, of a wrong type, or out of range.
    pub fn new(kind: ProviderKind, written: &Mapping) -> Result<Self> {
        let options = match kind {
            ProviderKind::Cpu => read(written).map(ProviderOptions::Cpu),
            ProviderKind::Cuda => read(written).map(ProviderOptions::Cuda),
            ProviderKind::TensorRt => read(written).map(ProviderOptions::TensorRt),
            ProviderKind::OpenVino => read(written).map(ProviderOptions::OpenVino),
            ProviderKind::Plugin => plugin(written).map(ProviderOptions::Plugin),
            other => passed_through(other, written).map(ProviderOptions::Other),
        };
        let options = options.map_err(|reason| Error::ProviderOption { provider: kind.name().to_owned(), reason })?;
        Ok(Self { kind, options })
    }

    /// Which provider it is.
    #[must_use]
    pub fn kind(&self) -> ProviderKind {
        self.kind
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &ProviderOptions {
        &self.options
    }

    /// Its name, as users type it; a plugin's is that of the provider that it brings.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.options {
            ProviderOptions::Plugin(plugin) => user_name(&plugin.name),
            _ => self.kind.name().to_owned(),
        }
    }

    /// What ONNX Runtime is told of its own options.
    #[must_use]
    pub fn settings(&self) -> Vec<(&str, String)> {
        match &self.options {
            ProviderOptions::Cpu(options) => options.settings(),
            ProviderOptions::Cuda(options) => options.settings(),
            ProviderOptions::TensorRt(options) => options.settings(),
            ProviderOptions::OpenVino(options) => options.settings(),
            ProviderOptions::Plugin(plugin) => pairs(&plugin.options),
            ProviderOptions::Other(options) => pairs(options),
        }
    }
}

fn pairs(options: &PassThrough) -> Vec<(&str, String)> {
    options.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
}

fn plugin(written: &Mapping) -> std::result::Result<PluginOptions, String> {
    known_keys(written, &PluginOptions::KEYS)?;
    let options: PluginOptions =
        serde_yaml::from_value(Value::Mapping(written.clone())).map_err(|error| error.to_string())?;
    options.check()?;
    Ok(options)
}

fn passed_through(kind: ProviderKind, written: &Mapping) -> std::result::Result<PassThrough, String> {
    known_keys(written, other::keys(kind))?;
    let options = written.iter().map(|(key, value)| (text(key), text(value))).collect();
    other::check(kind, &options)?;
    Ok(options)
}

/// Providers in the order in which the user prefers them, such as `tensorrt,cuda,cpu`.
///
/// One name is strict: it runs every node or opening the session is an error. With several, the first that works is
/// used, what it cannot run goes to those listed after it, and the session tells what was skipped and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// One provider with its defaults, strictly. A plugin has none: opening a session says that its library is missing.
    #[must_use]
    pub fn only(kind: ProviderKind) -> Self {
        Self(vec![Provider { kind, options: ProviderOptions::default_of(kind) }])
    }

    /// A list in order of preference.
    ///
    /// # Errors
    /// [`Error::ProviderList`] if it is empty or names a provider twice.
    pub fn new(providers: Vec<Provider>) -> Result<Self> {
        let list = || providers.iter().map(Provider::name).collect::<Vec<_>>().join(",");
        if providers.is_empty() {
            return Err(Error::ProviderList { list: list(), reason: "is empty" });
        }
        if providers.iter().enumerate().any(|(i, one)| providers[..i].iter().any(|other| other.name() == one.name())) {
            return Err(Error::ProviderList { list: list(), reason: "names a provider twice" });
        }
        Ok(Self(providers))
    }

    /// A list with options: `text` is `tensorrt,cuda`, or `@FILE` for a YAML list; each of `settings` is
    /// `PROVIDER.OPTION=VALUE`, and wins over the file.
    ///
    /// # Errors
    /// As [`Providers::new`] and [`Provider::new`]; [`Error::Read`] and [`Error::Argument`] for the file.
    pub fn from_arguments(text: &str, settings: &[String]) -> Result<Self> {
        let mut written = match text.strip_prefix('@') {
            Some(file) => from_file(Path::new(file))?,
            None => names(text)?,
        };
        for setting in settings {
            set(&mut written, setting)?;
        }
        let providers = written.iter().map(|(kind, options)| Provider::new(*kind, options));
        Self::new(providers.collect::<Result<_>>()?)
    }

    /// Reads a YAML list: a provider's name, or its name with a mapping of options.
    ///
    /// # Errors
    /// As [`Providers::from_arguments`].
    pub fn from_yaml(yaml: &str) -> Result<Self> {
        let list = from_yaml(yaml).map_err(|reason| Error::ProviderOption { provider: "YAML".to_owned(), reason })?;
        Self::new(list.iter().map(|(kind, options)| Provider::new(*kind, options)).collect::<Result<_>>()?)
    }

    /// The providers in order of preference; at least one.
    #[must_use]
    pub fn list(&self) -> &[Provider] {
        &self.0
    }

    /// Which providers they are, in order of preference.
    pub fn kinds(&self) -> impl Iterator<Item = ProviderKind> + '_ {
        self.0.iter().map(Provider::kind)
    }

    /// The one that the user prefers.
    #[must_use]
    pub fn first(&self) -> ProviderKind {
        self.0.first().map_or(ProviderKind::Cpu, Provider::kind)
    }

    /// For a graph of this precision: TensorRT may choose kernels of it, unless the user said something else.
    #[must_use]
    pub fn for_precision(mut self, precision: &str) -> Self {
        for provider in &mut self.0 {
            if let ProviderOptions::TensorRt(options) = &mut provider.options {
                options.fp16.get_or_insert(precision == "fp16");
                options.int8.get_or_insert(precision == "int8");
            }
        }
        self
    }
}

/// As users write them: a kind, and options by name.
type Written = Vec<(ProviderKind, Mapping)>;

fn names(list: &str) -> Result<Written> {
    if list.trim().is_empty() {
        return Err(Error::ProviderList { list: list.to_owned(), reason: "is empty" });
    }
    list.split(',').map(|name| Ok((name.parse()?, Mapping::new()))).collect()
}

fn from_file(file: &Path) -> Result<Written> {
    let yaml = std::fs::read_to_string(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
    from_yaml(&yaml).map_err(|reason| Error::Argument { argument: file.display().to_string(), reason })
}

fn from_yaml(yaml: &str) -> std::result::Result<Written, String> {
    let list: Vec<Value> = serde_yaml::from_str(yaml)
        .map_err(|error| format!("it is no YAML list of providers such as `- cuda: {{device_id: 0}}`: {error}"))?;
    list.into_iter().map(entry).collect()
}

fn entry(value: Value) -> std::result::Result<(ProviderKind, Mapping), String> {
    let kind = |name: &Value| text(name).parse::<ProviderKind>().map_err(|error| error.to_string());
    match value {
        Value::Mapping(mapping) if mapping.len() == 1 => {
            let (name, options) = mapping.into_iter().next().unwrap_or_default();
            let kind = kind(&name)?;
            match options {
                Value::Null => Ok((kind, Mapping::new())),
                Value::Mapping(options) => Ok((kind, options)),
                other => Err(format!("`{kind}` has `{}` where a mapping of options is expected", text(&other))),
            }
        }
        name @ Value::String(_) => Ok((kind(&name)?, Mapping::new())),
        other => Err(format!("`{}` is neither a provider nor a provider with its options", text(&other))),
    }
}

/// Adds `PROVIDER.OPTION=VALUE`, or `plugin.options.KEY=VALUE`.
fn set(written: &mut Written, setting: &str) -> Result<()> {
    let wrong = |reason: String| Error::Argument { argument: setting.to_owned(), reason };
    let form = || wrong("write PROVIDER.OPTION=VALUE, such as cuda.device_id=1".to_owned());
    let (name, value) = setting.split_once('=').ok_or_else(form)?;
    let (provider, key) = name.split_once('.').ok_or_else(form)?;
    let kind: ProviderKind = provider.parse()?;
    let Some((_, options)) = written.iter_mut().find(|(listed, _)| *listed == kind) else {
        return Err(wrong(format!("`{kind}` is not among the providers asked for")));
    };
    let value: Value = serde_yaml::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    match key.strip_prefix("options.").filter(|_| kind == ProviderKind::Plugin) {
        Some(key) => {
            let inner = options.entry("options".into()).or_insert_with(|| Value::Mapping(Mapping::new()));
            if let Value::Mapping(inner) = inner {
                inner.insert(key.into(), Value::String(text(&value)));
            }
        }
        None => drop(options.insert(key.into(), value)),
    }
    Ok(())
}

impl Default for Providers {
    fn default() -> Self {
        Self::only(ProviderKind::Cpu)
    }
}

impl fmt::Display for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.iter().map(Provider::name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Providers {
    type Err = Error;

    fn from_str(list: &str) -> Result<Self> {
        Self::from_arguments(list, &[])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kiln_files::Fault;

    use super::*;

    fn settings(text: &str, given: &[&str]) -> Vec<(String, String)> {
        let given: Vec<_> = given.iter().map(|text| (*text).to_owned()).collect();
        let providers = Providers::from_arguments(text, &given).unwrap();
        providers.list()[0].settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn told(settings: &[(String, String)], key: &str) -> Option<String> {
        settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_list_keeps_the_users_order() {
        let providers: Providers = "TensorRT, cuda,cpu".parse().unwrap();
        let kinds: Vec<_> = providers.kinds().collect();
        assert_eq!(kinds, [ProviderKind::TensorRt, ProviderKind::Cuda, ProviderKind::Cpu]);
        assert_eq!(providers.to_string(), "tensorrt,cuda,cpu");
    }

    #[test]
    fn unknown_empty_and_repeated_names_are_input_errors() {
        for list in ["", "gpu", "cpu,,cuda", "cuda,cuda"] {
            let error = list.parse::<Providers>().unwrap_err();
            assert_eq!(error.fault(), Fault::Input, "{list}: {error}");
        }
        assert!("gpu".parse::<Providers>().unwrap_err().to_string().contains("`gpu`"));
    }

    #[test]
    fn options_reach_onnx_runtime_by_its_own_keys() {
        let cuda =
            settings("cuda", &["cuda.device_id=1", "cuda.memory_limit=1073741824", "cuda.conv_search=heuristic"]);
        assert_eq!(told(&cuda, "device_id").as_deref(), Some("1"));
        assert_eq!(told(&cuda, "gpu_mem_limit").as_deref(), Some("1073741824"));
        assert_eq!(told(&cuda, "cudnn_conv_algo_search").as_deref(), Some("HEURISTIC"));
        assert_eq!(told(&cuda, "use_tf32").as_deref(), Some("0"), "parity comes before speed");
        assert!(!cuda.iter().any(|(key, _)| key == "Kiln"));
        let qnn = settings("qnn", &["qnn.backend_path=/lib/libQnnHtp.so", "qnn.vtcm_mb=8"]);
        assert_eq!(told(&qnn, "vtcm_mb").as_deref(), Some("8"));
    }

    #[test]
    fn yaml_is_an_ordered_list_with_options() {
        let yaml = "- tensorrt: {fp16: true, workspace: 2147483648}\n- cuda:\n    device_id: 1\n- cpu\n";
        let providers = Providers::from_yaml(yaml).unwrap();
        assert_eq!(providers.to_string(), "tensorrt,cuda,cpu");
        let trt: Vec<_> = providers.list()[0].settings();
        assert!(trt.contains(&("trt_fp16_enable", "1".to_owned())));
        assert!(trt.contains(&("trt_max_workspace_size", "2147483648".to_owned())));
    }

    #[test]
    fn a_precision_switches_what_the_user_left_open() {
        let open = |text: &str, given: &[String]| {
            let providers = Providers::from_arguments(text, given).unwrap().for_precision("int8");
            providers.list()[0]
                .settings()
                .into_iter()
                .filter(|(key, _)| key.ends_with("8_enable"))
                .collect::<Vec<_>>()
                .len()
        };
        assert_eq!(open("tensorrt", &[]), 1);
        let providers = Providers::from_arguments("tensorrt", &["tensorrt.int8=false".to_owned()]).unwrap();
        let told = providers.for_precision("int8");
        assert!(told.list()[0].settings().contains(&("trt_int8_enable", "0".to_owned())));
    }

    #[test]
    fn wrong_options_are_named_with_what_they_take() {
        let cases: [(&str, &str, &str); 9] = [
            ("cuda", "cuda.devise_id=1", "did you mean `device_id`"),
            ("cuda", "cuda.device_id=-1", "`device_id` is `-1`"),
            ("cuda", "cuda.conv_search=best", "exhaustive, heuristic or default"),
            ("openvino", "openvino.device=TPU", "`device` is `TPU`"),
            ("tensorrt", "tensorrt.builder_optimization_level=9", "from 0 to 5"),
            ("rknpu", "rknpu.x=1", "takes none"),
            ("migraphx", "migraphx.fp16=maybe", "true or false"),
            ("cpu", "cuda.device_id=1", "not among the providers"),
            ("cpu", "arena", "PROVIDER.OPTION=VALUE"),
        ];
        for (text, setting, expected) in cases {
            let error = Providers::from_arguments(text, &[setting.to_owned()]).unwrap_err();
            assert_eq!(error.fault(), Fault::Input, "{setting}");
            assert!(error.to_string().contains(expected), "{setting}: {error}");
        }
        let error =
            Providers::from_arguments("cuda", &["cuda.cuda_graph=true".to_owned(), "cuda.io_binding=false".to_owned()]);
        assert!(error.unwrap_err().to_string().contains("needs `io_binding`"));
        for yaml in ["cuda: 1", "- 3", "- cuda: 1", "- [cuda]", "- gpu"] {
            assert!(Providers::from_yaml(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn a_plugin_needs_its_library_and_name() {
        assert!("plugin".parse::<Providers>().unwrap_err().to_string().contains("needs `name`"));
        let given = ["plugin.name=X", "plugin.library=/x.so", "plugin.options.device=1"].map(str::to_owned);
        let providers = Providers::from_arguments("plugin", &given).unwrap();
        assert_eq!(providers.list()[0].name(), "X");
        assert_eq!(providers.list()[0].settings(), [("device", "1".to_owned())]);
    }
}
