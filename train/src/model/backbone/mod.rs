//! Backbones: networks pretrained on millions of photographs, whose feature maps separate a few hundred tiles better than
//! weights learnt on those tiles alone. Each is a burn module that follows its published form layer by layer, takes
//! decoded tiles, and includes the input normalisation of its weights, so that the exported graph contains it. The use of
//! the maps is left to the models, the source of weights to [`crate::weights`].

mod config;
mod efficientnet;
mod extraction;
mod frozen;
mod layer;
mod resnet;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub(crate) use config::are_stages;
pub use config::{BackboneConfig, BackboneKind, Weights};
pub use efficientnet::EfficientNet;
pub(crate) use extraction::Extraction;
pub use frozen::FrozenBackbone;
pub use resnet::ResNet;

use super::{PixelValues, means, prepare};

/// A backbone up to the deepest stage that is used.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value a model; burn's derive takes no boxes")]
pub enum Backbone {
    /// EfficientNet-Lite0.
    EfficientNetLite0(EfficientNet),
    /// ResNet-18.
    ResNet18(ResNet),
}

impl Backbone {
    /// Fresh weights for the first `depth` stages, all channels multiplied by `width` and rounded to multiples of 8.
    #[must_use]
    pub fn new(kind: BackboneKind, depth: usize, width: f64, device: &Device) -> Self {
        match kind {
            BackboneKind::EfficientnetLite0 => Self::EfficientNetLite0(EfficientNet::new(depth, width, device)),
            BackboneKind::Resnet18 => Self::ResNet18(ResNet::new(depth, width, device)),
        }
    }

    /// Maps `[batch, channels, side, side]` of decoded tiles (u8, `[batch, 256, 256, 3]`), or of smaller ones, after each of
    /// `stages`, counted from 1.
    #[must_use]
    pub fn maps(&self, tile: impl Into<PixelValues>, stages: &[usize]) -> Vec<Tensor<4>> {
        let all = match self {
            Self::EfficientNetLite0(network) => {
                // The published weights expect (value - 127) / 128.
                network.forward(tile.into().into_values().sub_scalar(127.0).div_scalar(128.0))
            }
            Self::ResNet18(network) => network.forward(imagenet(tile)),
        };
        stages.iter().filter_map(|stage| all.get(stage - 1).cloned()).collect()
    }

    /// The mean of each map over the tile, concatenated over `stages`, `[batch, features]`.
    #[must_use]
    pub fn features(&self, tile: impl Into<PixelValues>, stages: &[usize]) -> Tensor<2> {
        means(self.maps(tile, stages))
    }

    /// From now on every layer normalises by the figures of each batch, which replace the part `momentum` of its running
    /// figures, as pre-training needs; `None` normalises by the running figures again.
    pub(crate) fn follow_batches(&mut self, momentum: Option<f64>) {
        self.layers_mut().into_iter().for_each(|layer| layer.follow_batches(momentum));
    }

    /// From now on the kernels of depthwise convolutions do not learn, nor the scales of normalisations that are folded into
    /// them. burn computes the gradient of such a kernel channel by channel: thousands of convolutions a step, which take most of
    /// its time, except with LibTorch.
    pub(crate) fn fix_depthwise(&mut self) {
        self.layers_mut().into_iter().for_each(layer::Layer::fix_depthwise);
    }

    fn layers_mut(&mut self) -> Vec<&mut layer::Layer> {
        match self {
            Self::EfficientNetLite0(network) => network.layers_mut(),
            Self::ResNet18(network) => network.layers_mut(),
        }
    }
}

/// Tiles as input of torchvision's weights: each channel in 0..1, minus the mean of ImageNet, over its deviation.
fn imagenet(tile: impl Into<PixelValues>) -> Tensor<4> {
    let image = prepare(tile);
    let device = image.device();
    let channels = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
    (image - channels([0.485, 0.456, 0.406])) / channels([0.229, 0.224, 0.225])
}

impl BackboneKind {
    /// Channels of each stage at a width.
    #[must_use]
    pub fn channels(self, width: f64) -> Vec<usize> {
        let channels: &[usize] = match self {
            Self::EfficientnetLite0 => &efficientnet::CHANNELS,
            Self::Resnet18 => &resnet::CHANNELS,
        };
        channels.iter().map(|channels| efficientnet::scaled(*channels, width)).collect()
    }

    /// Side of the maps after `stage`, from 1, of tiles of `side`.
    pub(crate) fn map_side(self, stage: usize, side: usize) -> usize {
        // Their paddings differ: one network rounds an odd side down, the other up.
        match self {
            Self::EfficientnetLite0 => side >> efficientnet::HALVINGS[stage - 1],
            Self::Resnet18 => side.div_ceil(1 << resnet::HALVINGS[stage - 1]),
        }
    }

    /// The path of each convolution and normalisation in [`Backbone`], and its names in published files: all names of one
    /// file are from one column.
    pub(crate) fn published_names(self) -> Vec<[String; 3]> {
        match self {
            Self::EfficientnetLite0 => EfficientNet::names(),
            Self::Resnet18 => ResNet::names(),
        }
    }

    /// Names of the classifier in published files: the only tensors that an import leaves out.
    pub(crate) fn classifier_names(self) -> &'static [&'static str] {
        match self {
            Self::EfficientnetLite0 => &["_fc.", "classifier."],
            Self::Resnet18 => &["fc."],
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Int};

    use super::*;

    #[test]
    fn maps_have_the_side_that_is_computed_from_the_stage() {
        let device = Device::flex();
        for kind in BackboneKind::ALL {
            let stages: Vec<usize> = (1..=kind.channels(1.0).len()).collect();
            let backbone = Backbone::new(kind, stages.len(), 0.1, &device);
            for side in [32, 33, 63, 100, 112, 128, 250, 256] {
                let tile = Tensor::<4, Int>::zeros([1, side, side, 3], (&device, DType::U8));
                let found = backbone.maps(tile, &stages).into_iter().map(|maps| maps.dims()[3]);
                let expected: Vec<usize> = stages.iter().map(|stage| kind.map_side(*stage, side)).collect();
                assert_eq!(found.collect::<Vec<_>>(), expected, "{kind} at {side}");
            }
        }
    }
}
