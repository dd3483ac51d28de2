//! A first convolution over pixels, over four pixels of a row at a time. Three channels are too few for ONNX Runtime's
//! integer kernels: they take channels by fours, and everything else is padded. Four neighbouring pixels of a row make
//! twelve channels. The convolution over them gives the results of four places at once, as channels, which are then laid
//! side by side again. The integers are the same; only their order in memory differs.

use super::editor::{int, int_of, ints};
use crate::graph::Constant;
use crate::onnx::Element;
use crate::onnx::proto::{AttributeProto, NodeProto};

/// Pixels that are folded.
const FOLD: i64 = 4;

/// How a convolution is folded.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    height: i64,
    width: i64,
    channels: i64,
    /// Size of the result before it is unfolded: rows, and channels of one place.
    rows: i64,
    filters: i64,
    stride: i64,
    left: i64,
    kernel: [i64; 2],
    pads: [i64; 2],
    row_stride: i64,
    /// First and last block of four that a result needs, from its own.
    blocks: [i64; 2],
}

impl Fold {
    /// The fold of a convolution over an image `[batch, height, width, channels]`, if it has one.
    pub(super) fn of(conv: &NodeProto, weight: &[usize], image: &[i64]) -> Option<Self> {
        let [_, height, width, channels] = <[i64; 4]>::try_from(image).ok()?;
        let [filters, inputs, kernel_height, kernel_width] = <[usize; 4]>::try_from(weight).ok()?;
        let list = |name: &str| conv.attribute.iter().find(|one| one.name == name).map(|one| one.ints.clone());
        let [top, left, bottom, right] = <[i64; 4]>::try_from(list("pads")?).ok()?;
        let [row_stride, stride] = <[i64; 2]>::try_from(list("strides")?).ok()?;
        let plain = list("dilations").is_none_or(|dilations| dilations == [1, 1]);
        let group = int_of(conv, "group").unwrap_or(1);
        let kernel = [kernel_height as i64, kernel_width as i64];
        let fits = height > 0
            && channels == inputs as i64
            && channels % FOLD != 0
            && width > 0
            && width % FOLD == 0
            && FOLD % stride == 0
            // The results of a row must be as many as blocks give.
            && (width + left + right - kernel[1]) / stride + 1 == width / stride;
        let at_once = FOLD / stride;
        let last = ((at_once - 1) * stride + kernel[1] - 1 - left).div_euclid(FOLD);
        (plain && group == 1 && fits).then_some(Self {
            height,
            width,
            channels,
            rows: (height + top + bottom - kernel[0]) / row_stride + 1,
            filters: filters as i64,
            stride,
            left,
            kernel,
            pads: [top, bottom],
            row_stride,
            blocks: [(-left).div_euclid(FOLD), last],
        })
    }

    /// Results of neighbouring places that one block gives.
    pub(super) fn at_once(&self) -> usize {
        (FOLD / self.stride) as usize
    }

    /// The shape of folded pixels; 0 keeps the batch.
    pub(super) fn folded(&self) -> [i64; 4] {
        [0, self.height, self.width / FOLD, FOLD * self.channels]
    }

    /// The shape of unfolded results, channels last.
    pub(super) fn unfolded(&self) -> [i64; 4] {
        [0, self.rows, self.width / self.stride, self.filters]
    }

    /// Weights `[filters, channels, height, width]` of 8 bits, folded.
    pub(super) fn weight(&self, levels: &Constant) -> Constant {
        let width = self.blocks[1] - self.blocks[0] + 1;
        let dims = [self.at_once() as i64 * self.filters, FOLD * self.channels, self.kernel[0], width];
        let mut data = vec![0_u8; dims.iter().product::<i64>() as usize];
        let source = levels.data.read();
        let mut from = 0;
        for filter in 0..self.filters {
            for channel in 0..self.channels {
                for row in 0..self.kernel[0] {
                    for column in 0..self.kernel[1] {
                        for place in 0..self.at_once() as i64 {
                            let pixel = place * self.stride + column - self.left;
                            let (block, within) = (pixel.div_euclid(FOLD), pixel.rem_euclid(FOLD));
                            let out = place * self.filters + filter;
                            let input = within * self.channels + channel;
                            let at = ((out * dims[1] + input) * dims[2] + row) * dims[3] + block - self.blocks[0];
                            data[at as usize] = source[from];
                        }
                        from += 1;
                    }
                }
            }
        }
        Constant { element: Element::I8, dims: dims.map(|size| size as usize).to_vec(), data: data.into() }
    }

    /// The attributes of the folded convolution.
    pub(super) fn attributes(&self) -> Vec<AttributeProto> {
        let [top, bottom] = self.pads;
        let width = self.blocks[1] - self.blocks[0] + 1;
        vec![
            ints("dilations", &[1, 1]),
            int("group", 1),
            ints("kernel_shape", &[self.kernel[0], width]),
            ints("pads", &[top, -self.blocks[0], bottom, self.blocks[1]]),
            ints("strides", &[self.row_stride, 1]),
        ]
    }
}
