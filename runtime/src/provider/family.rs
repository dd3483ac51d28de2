//! The way from the options that a user wrote to a configured provider.

use std::marker::PhantomData;
use std::sync::Arc;

use serde_yaml::Mapping;

use super::configured::ConfiguredProvider;
use super::option::{OptionDoc, OptionTable, read};

/// Reads the options of a provider.
pub(crate) trait ProviderFamily: Sync {
    /// The typed options, one row each; empty if options are passed through.
    fn options(&self) -> &'static [OptionDoc] {
        &[]
    }

    /// The keys of ONNX Runtime that are passed through to a provider without typed options.
    fn passed_through(&self) -> &'static [&'static str] {
        &[]
    }

    /// The option that holds a mapping of free keys, if there is one: `options` allows `PROVIDER.options.KEY=VALUE`.
    fn nested_key(&self) -> Option<&'static str> {
        None
    }

    /// Reads and checks options.
    ///
    /// # Errors
    /// The unknown key with the nearest known one, or the value with the values that the key takes.
    fn configure(&self, written: &Mapping) -> Result<Arc<dyn ConfiguredProvider>, String>;

    /// The provider with its defaults.
    fn defaults(&self) -> Arc<dyn ConfiguredProvider>;
}

/// The family of a provider with typed options.
pub(crate) struct Typed<T>(PhantomData<fn() -> T>);

impl<T: OptionTable + ConfiguredProvider + 'static> Typed<T> {
    /// The family, for a row of the table.
    pub(crate) const FAMILY: &'static dyn ProviderFamily = &Self(PhantomData);
}

impl<T: OptionTable + ConfiguredProvider + 'static> ProviderFamily for Typed<T> {
    fn options(&self) -> &'static [OptionDoc] {
        T::TABLE
    }

    fn configure(&self, written: &Mapping) -> Result<Arc<dyn ConfiguredProvider>, String> {
        let options: T = read(written)?;
        options.check()?;
        Ok(Arc::new(options))
    }

    fn defaults(&self) -> Arc<dyn ConfiguredProvider> {
        Arc::new(T::default())
    }
}
