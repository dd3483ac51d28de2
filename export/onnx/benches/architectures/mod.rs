//! Well-known networks in burn's layers: a ResNet-18, a U-Net and a vision transformer. They serve to compare exporters and
//! to test whole graphs, in small sizes or in the sizes of the papers. `pytorch.py` beside this folder defines the same
//! networks in PyTorch; change both together.
// Each includer uses a part of it.
#![allow(dead_code, unused_imports)]

mod resnet;
mod unet;
mod vit;

pub(crate) use resnet::ResNet;
pub(crate) use unet::UNet;
pub(crate) use vit::{Vit, VitConfig};
