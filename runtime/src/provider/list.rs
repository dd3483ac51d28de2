//! The providers that a user asks for, in order of preference, each with its options: `tensorrt,cuda` on the command line,
//! a list in YAML.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ort::ep::ExecutionProviderDispatch;
use serde_yaml::Mapping;

use super::compiled::Keeping;
use super::configured::{BoundMemory, ConfiguredProvider, SessionSetup};
use super::plugin_library::PluginLibrary;
use super::table::{ProviderKind, user_name};
use super::written::{self, Written};
use crate::error::{Error, Result};
use crate::library::Runtime;

/// A provider and its options.
///
/// ```
/// use kiln_runtime::ProviderKind;
/// use kiln_runtime::provider::Provider;
///
/// let options = [("device_id".into(), 1.into())].into_iter().collect();
/// let cuda = Provider::new(ProviderKind::Cuda, &options)?;
/// assert!(cuda.settings().contains(&("device_id", "1".to_owned())));
/// # Ok::<(), kiln_runtime::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Provider {
    kind: ProviderKind,
    configured: Arc<dyn ConfiguredProvider>,
}

impl Provider {
    /// A provider with options from YAML.
    ///
    /// # Errors
    /// [`Error::ProviderOption`] that names the provider and the key: unknown, of a wrong type, or out of range.
    pub fn new(kind: ProviderKind, written: &Mapping) -> Result<Self> {
        let configured = kind.family().configure(written);
        let configured =
            configured.map_err(|reason| Error::ProviderOption { provider: kind.name().to_owned(), reason })?;
        Ok(Self { kind, configured })
    }

    /// A provider with its defaults.
    fn with_defaults(kind: ProviderKind) -> Self {
        Self { kind, configured: kind.family().defaults() }
    }

    /// The kind of provider.
    #[must_use]
    pub fn kind(&self) -> ProviderKind {
        self.kind
    }

    /// The name that users type; for a plugin, the name of the provider in its library, so `openvino` for
    /// `openvino-plugin`.
    #[must_use]
    pub fn name(&self) -> String {
        let onnx_name = self.own_library().map_or(self.kind.onnx_name(), |library| library.name.as_str());
        user_name(onnx_name)
    }

    /// The provider's options by ONNX Runtime's keys.
    #[must_use]
    pub fn settings(&self) -> Vec<(&str, String)> {
        self.configured.settings()
    }

    /// True for ONNX Runtime's own provider for the CPU.
    pub(crate) fn is_cpu(&self) -> bool {
        self.kind == ProviderKind::Cpu
    }

    /// The registration for a session, which fails if the provider does not start.
    pub(crate) fn registration(&self, setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        self.configured.registration(setup).map(ExecutionProviderDispatch::error_on_failure)
    }

    pub(crate) fn own_library(&self) -> Option<&PluginLibrary> {
        self.configured.own_library()
    }

    /// The installed plugin that brings the provider, unless the loaded library has the provider or no plugin does.
    ///
    /// # Errors
    /// [`Error::PluginWheel`] if the plugin is not installed.
    pub(crate) fn plugin(&self, runtime: &Runtime) -> Result<Option<PluginLibrary>> {
        match self.kind.plugin() {
            Some(wheel) if !runtime.has(self.kind) => {
                let options = self.settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                PluginLibrary::from_wheel(wheel, options).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn keeps_compiled(&self) -> Option<Keeping> {
        self.configured.keeps_compiled()
    }

    pub(crate) fn writes_context(&self) -> bool {
        self.configured.writes_context()
    }

    pub(crate) fn flushes_to_zero(&self) -> bool {
        self.configured.flushes_to_zero()
    }

    pub(crate) fn io_binding(&self) -> Option<BoundMemory> {
        self.configured.io_binding()
    }
}

/// Providers in the user's order of preference, such as `tensorrt,cuda,cpu`.
///
/// One name is strict: it runs every node or opening the session is an error. With several, the first that works is
/// used, nodes that it cannot run go to those listed after it, and [`crate::Session::skipped`] lists the others with the
/// reasons.
///
/// ```
/// use kiln_runtime::{ProviderKind, Providers};
///
/// let providers = Providers::from_yaml("- tensorrt: {fp16: true}\n- cuda\n")?;
/// assert_eq!(providers.first(), ProviderKind::TensorRt);
/// assert_eq!(providers.to_string(), "tensorrt,cuda");
/// # Ok::<(), kiln_runtime::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// One provider with its defaults, strictly. A plugin has no defaults: opening a session with it is an error.
    #[must_use]
    pub fn only(kind: ProviderKind) -> Self {
        Self(vec![Provider::with_defaults(kind)])
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
    /// As [`Providers::new`] and [`Provider::new`]; [`Error::Read`] and [`Error::ProviderFile`] for the
    /// file, [`Error::ProviderSetting`] for a setting.
    pub fn from_arguments(text: &str, settings: &[String]) -> Result<Self> {
        Self::from_written(&written::from_arguments(text, settings)?)
    }

    /// Reads a YAML list: a provider's name, or its name with a mapping of options.
    ///
    /// # Errors
    /// As [`Providers::from_arguments`].
    pub fn from_yaml(yaml: &str) -> Result<Self> {
        let written = written::from_yaml(yaml);
        Self::from_written(&written.map_err(|reason| Error::ProviderOption { provider: "YAML".to_owned(), reason })?)
    }

    fn from_written(written: &Written) -> Result<Self> {
        Self::new(written.iter().map(|(kind, options)| Provider::new(*kind, options)).collect::<Result<_>>()?)
    }

    /// The providers with every option, as text that is equal in every process. A stopped scoring run keeps its rows only
    /// if this text is unchanged.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{self:?}")
    }

    /// The providers in order of preference; at least one.
    #[must_use]
    pub fn list(&self) -> &[Provider] {
        &self.0
    }

    /// The kinds of the providers, in order of preference.
    pub fn kinds(&self) -> impl Iterator<Item = ProviderKind> + '_ {
        self.0.iter().map(Provider::kind)
    }

    /// The kind of the preferred provider.
    #[must_use]
    pub fn first(&self) -> ProviderKind {
        self.0.first().map_or(ProviderKind::Cpu, Provider::kind)
    }

    /// The same providers for a graph of this precision: TensorRT may choose kernels of it, unless the user has set the
    /// option.
    #[must_use]
    pub fn for_precision(mut self, precision: &str) -> Self {
        for provider in &mut self.0 {
            if let Some(configured) = provider.configured.for_precision(precision) {
                provider.configured = configured;
            }
        }
        self
    }
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

    fn value_of(settings: &[(String, String)], key: &str) -> Option<String> {
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
    fn openvino_as_a_plugin_computes_accurately_unless_the_user_configures_it() {
        let load_config = |given: &[&str]| value_of(&settings("openvino-plugin", given), "load_config").unwrap();
        let default: serde_json::Value = serde_json::from_str(&load_config(&[])).unwrap();
        for device in ["CPU", "GPU", "NPU"] {
            assert_eq!(default[device]["EXECUTION_MODE_HINT"], "ACCURACY");
        }
        assert_eq!(load_config(&["openvino-plugin.num_streams=2"]), load_config(&[]));
        let own = r#"openvino-plugin.load_config={"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}"#;
        assert_eq!(load_config(&[own]), r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16"}}"#);
        assert_eq!(load_config(&["openvino-plugin.load_config=ov.json"]), "ov.json");
    }

    #[test]
    fn options_reach_onnx_runtime_by_its_own_keys() {
        let cuda =
            settings("cuda", &["cuda.device_id=1", "cuda.memory_limit=1073741824", "cuda.conv_search=heuristic"]);
        assert_eq!(value_of(&cuda, "device_id").as_deref(), Some("1"));
        assert_eq!(value_of(&cuda, "gpu_mem_limit").as_deref(), Some("1073741824"));
        assert_eq!(value_of(&cuda, "cudnn_conv_algo_search").as_deref(), Some("HEURISTIC"));
        assert_eq!(value_of(&cuda, "use_tf32").as_deref(), Some("0"), "parity comes before speed");
        assert!(!cuda.iter().any(|(key, _)| key == "Kiln"));
        let qnn = settings("qnn", &["qnn.backend_path=/lib/libQnnHtp.so", "qnn.vtcm_mb=8"]);
        assert_eq!(value_of(&qnn, "vtcm_mb").as_deref(), Some("8"));
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
        let chosen = providers.for_precision("int8");
        assert!(chosen.list()[0].settings().contains(&("trt_int8_enable", "0".to_owned())));
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

    #[test]
    fn the_identity_has_every_option_and_no_address() {
        for kind in ProviderKind::ALL {
            let identity = Providers::only(*kind).identity();
            assert!(!identity.contains("0x"), "{identity}");
        }
        for (list, option) in
            [("cpu", "cpu.flush_to_zero=true"), ("rocm", "rocm.device_id=1"), ("cuda", "cuda.tf32=true")]
        {
            let plain = Providers::from_arguments(list, &[]).unwrap().identity();
            assert_eq!(plain, Providers::from_arguments(list, &[]).unwrap().identity());
            assert_ne!(plain, Providers::from_arguments(list, &[option.to_owned()]).unwrap().identity(), "{option}");
        }
    }
}
