#![allow(clippy::unwrap_used, clippy::panic)]

use burn::tensor::Device;

use super::*;
use crate::model::backbone::{Backbone, BackboneConfig, BackboneKind, Extraction};
use crate::model::{Pooling, drawn};

const RUNTIME: &str = "some runtime 1.0";

/// A backend that computes as burn does, and adds to each number; `None` for one that this machine lacks.
#[derive(Debug)]
struct Backend(Option<f32>);

struct Extractor {
    burn: BurnExtractor,
    added: f32,
}

impl FeatureBackend for Backend {
    fn open(&self, backbone: &FrozenBackbone, threads: usize) -> Result<Box<dyn FeatureExtractor>, BackendError> {
        assert!(threads > 0);
        let added = self.0.ok_or_else(|| BackendError::new(Fault::Environment, "not installed"))?;
        let burn = BurnExtractor::new(backbone.clone(), &Device::flex(), TrainingDevice::Flex);
        Ok(Box::new(Extractor { burn, added }))
    }
}

impl FeatureExtractor for Extractor {
    fn identity(&self) -> &str {
        RUNTIME
    }

    fn batch(&self) -> usize {
        2
    }

    fn vectors(&mut self, pixels: &[u8], tiles: usize) -> Result<TileVectors, BackendError> {
        let mut vectors = self.burn.vectors(pixels, tiles)?;
        let all = vectors.features.iter_mut().chain(vectors.patches.iter_mut().flatten());
        all.for_each(|value| *value += self.added);
        Ok(vectors)
    }
}

fn burn() -> BurnExtractor {
    let device = Device::flex();
    let backbone = drawn(3, &device, || Backbone::new(BackboneKind::Resnet18, 1, 0.125, &device));
    let config = BackboneConfig { stages: vec![1], ..BackboneConfig::default() };
    let extraction = Extraction::new(&config, Pooling::Mean);
    BurnExtractor::new(FrozenBackbone::new(backbone, &extraction, Some(4)), &device, TrainingDevice::Flex)
}

fn pixels(tiles: usize) -> Vec<u8> {
    (0..tiles * TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect()
}

/// The choice with the reasons that the observer heard.
fn chosen(features: FeatureSource, added: Option<f32>, began: Option<&str>) -> (Result<FeatureChoice>, Vec<String>) {
    let training = TrainingConfig { features, ..TrainingConfig::default() };
    let mut heard = Heard::default();
    let choice = FeatureChoice::new(&training, Some(&Backend(added)), burn(), began, &mut heard);
    (choice, heard.0)
}

/// The reasons for burn.
#[derive(Default)]
struct Heard(Vec<String>);

impl Observer for Heard {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::FeaturesByBurn { reason } = event {
            self.0.push(reason.to_string());
        }
    }
}

#[test]
fn a_backend_that_gives_burns_features_computes_them() {
    let (choice, reasons) = chosen(FeatureSource::Auto, Some(0.0), None);
    let mut choice = choice.unwrap();
    assert_eq!((choice.identity(), choice.is_burn(), choice.batch()), (RUNTIME, false, 2));
    let (first, again) = (choice.vectors(&pixels(3), 3).unwrap(), choice.vectors(&pixels(1), 1).unwrap());
    assert_eq!(first, burn().vectors(&pixels(3), 3).unwrap());
    assert_eq!(first.features[..again.features.len()], again.features);
    assert!(reasons.is_empty());
}

#[test]
fn lower_precision_is_refused_where_it_was_asked_for_and_replaced_by_burn_elsewhere() {
    let (choice, _) = chosen(FeatureSource::OnnxRuntime, Some(0.01), None);
    let mut choice = choice.unwrap();
    let error = choice.or_burn(&mut crate::training::Silent, |choice, _| choice.vectors(&pixels(2), 2)).unwrap_err();
    assert!(matches!(&error, Error::FeaturesDiffer { by, found } if by == RUNTIME && *found > TOLERANCE), "{error}");
    assert_eq!(error.fault(), Fault::Check);

    let (choice, _) = chosen(FeatureSource::Auto, Some(0.01), None);
    let (mut choice, mut heard) = (choice.unwrap(), Heard::default());
    let found = choice.or_burn(&mut heard, |choice, _| choice.vectors(&pixels(2), 2)).unwrap();
    assert_eq!(found, burn().vectors(&pixels(2), 2).unwrap());
    assert!(choice.is_burn() && choice.identity().starts_with(BURN));
    assert!(heard.0.len() == 1 && heard.0[0].contains("differ from burn's"), "{:?}", heard.0);
}

#[test]
fn a_missing_backend_is_reported_or_an_error() {
    let (choice, reasons) = chosen(FeatureSource::Auto, None, None);
    assert!(choice.unwrap().is_burn());
    assert_eq!(reasons.len(), 1);
    let (choice, reasons) = chosen(FeatureSource::OnnxRuntime, None, None);
    let error = choice.err().unwrap();
    assert_eq!((error.fault(), reasons.len()), (Fault::Environment, 0));
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("not installed"));
    let (choice, reasons) = chosen(FeatureSource::Burn, None, None);
    assert!(choice.unwrap().is_burn() && reasons.is_empty());
    let training = TrainingConfig { features: FeatureSource::OnnxRuntime, ..TrainingConfig::default() };
    let none = FeatureChoice::new(&training, None, burn(), None, &mut crate::training::Silent).err().unwrap();
    assert!(none.to_string().starts_with("training.features: "), "{none}");
}

#[test]
fn other_devices_keep_their_features_unless_told_otherwise() {
    let choose = |features| {
        let training = TrainingConfig { device: TrainingDevice::Cuda(0), features, ..TrainingConfig::default() };
        FeatureChoice::new(&training, Some(&Backend(Some(0.0))), burn(), None, &mut crate::training::Silent).unwrap()
    };
    assert!(choose(FeatureSource::Auto).is_burn());
    assert!(!choose(FeatureSource::OnnxRuntime).is_burn());
}

#[test]
fn a_resumed_training_keeps_what_it_began_with() {
    // Also a checkpoint of an older Kiln, which has no entry.
    for began in ["", "burn 0.21.0 (flex)"] {
        assert!(chosen(FeatureSource::Auto, Some(0.0), Some(began)).0.unwrap().is_burn());
    }
    assert_eq!(chosen(FeatureSource::Auto, Some(0.0), Some(RUNTIME)).0.unwrap().identity(), RUNTIME);
    let other = chosen(FeatureSource::Auto, Some(0.0), Some("some runtime 0.9")).0.err().unwrap();
    assert!(matches!(&other, Error::OtherFeatures { now, .. } if now == RUNTIME), "{other}");
    let (missing, reasons) = chosen(FeatureSource::Auto, None, Some(RUNTIME));
    assert!(matches!(missing, Err(Error::Features { .. })) && reasons.is_empty());
    let mut differs = chosen(FeatureSource::Auto, Some(0.01), Some(RUNTIME)).0.unwrap();
    let outcome = differs.or_burn(&mut crate::training::Silent, |choice, _| choice.vectors(&pixels(1), 1));
    assert!(matches!(outcome, Err(Error::FeaturesDiffer { .. })));
}
