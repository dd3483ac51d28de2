//! Well-known networks, written with burn's layers as a user would write them: a ResNet-18, a U-Net and a vision
//! transformer. They serve to compare exporters and to test whole graphs, in small sizes or in those of the papers.
//! `pytorch.py` beside this folder says the same in PyTorch, so change both together.
// Each includer uses a part of it.
#![allow(dead_code, unused_imports)]

mod resnet;
mod unet;
mod vit;

pub(crate) use resnet::ResNet;
pub(crate) use unet::UNet;
pub(crate) use vit::{Vit, VitConfig};
