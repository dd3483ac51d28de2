//! Folds a first convolution over pixels so that it reads four pixels of a row at a time. ONNX Runtime's integer kernels
//! take channels by fours and pad other counts, so three channels are too few; four adjacent pixels of a row make twelve
//! channels. The folded convolution gives the results of adjacent places at once, as channels, which are then laid side by
//! side again. The integers are the same; only their order in memory differs.

use crate::element::Element;
use crate::graph::{Attribute, Attributes, Constant, Node};

/// Pixels that are folded into one.
const FOLD: i64 = 4;

/// The sizes of a folded convolution.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    height: i64,
    width: i64,
    channels: i64,
    /// Rows of the result before it is unfolded.
    rows: i64,
    /// Channels of one place of the result.
    filters: i64,
    stride: i64,
    left: i64,
    kernel: [i64; 2],
    pads: [i64; 2],
    row_stride: i64,
    /// The first and the last block of four pixels that a result reads, relative to its own block.
    blocks: [i64; 2],
}

impl Fold {
    /// The fold of a convolution over an image `[batch, height, width, channels]`. None if its sizes do not allow one.
    pub(super) fn new(conv: &Node, weight: &[usize], image: &[i64]) -> Option<Self> {
        let [_, height, width, channels] = <[i64; 4]>::try_from(image).ok()?;
        let [filters, inputs, kernel_height, kernel_width] = <[usize; 4]>::try_from(weight).ok()?;
        let [top, left, bottom, right] = <[i64; 4]>::try_from(conv.ints("pads")?).ok()?;
        let [row_stride, stride] = <[i64; 2]>::try_from(conv.ints("strides")?).ok()?;
        let undilated = conv.ints("dilations").is_none_or(|dilations| dilations == [1, 1]);
        let group = conv.int("group").unwrap_or(1);
        let kernel = [kernel_height as i64, kernel_width as i64];
        let sizes = [height, width, channels, kernel[0], kernel[1], row_stride];
        let is_size = |size: &i64| (1..=i64::from(i32::MAX)).contains(size);
        let is_pad = |pad: i64, kernel: i64| (0..kernel).contains(&pad);
        // A model of another origin may state any number.
        let valid = sizes.iter().all(is_size)
            && (1..=FOLD).contains(&stride)
            && [top, bottom].into_iter().all(|pad| is_pad(pad, kernel[0]))
            && [left, right].into_iter().all(|pad| is_pad(pad, kernel[1]));
        if !valid {
            return None;
        }
        let fits = channels == inputs as i64
            && channels % FOLD != 0
            && width % FOLD == 0
            && FOLD % stride == 0
            // A row must have as many results as its blocks give.
            && (width + left + right - kernel[1]) / stride + 1 == width / stride;
        let at_once = FOLD / stride;
        let last = ((at_once - 1) * stride + kernel[1] - 1 - left).div_euclid(FOLD);
        (undilated && group == 1 && fits).then_some(Self {
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

    /// The number of adjacent results that one block gives.
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

    /// Folds weights `[filters, channels, height, width]` of 8 bits.
    pub(super) fn weight(&self, numbers: &Constant) -> Constant {
        let width = self.blocks[1] - self.blocks[0] + 1;
        let dims = [self.at_once() as i64 * self.filters, FOLD * self.channels, self.kernel[0], width];
        let mut data = vec![0_u8; dims.iter().product::<i64>() as usize];
        let source = numbers.data.read();
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
    pub(super) fn attributes(&self) -> Attributes {
        let ([top, bottom], [first, last]) = (self.pads, self.blocks);
        vec![
            ("dilations", Attribute::Ints(vec![1, 1])),
            ("group", Attribute::Int(1)),
            ("kernel_shape", Attribute::Ints(vec![self.kernel[0], last - first + 1])),
            ("pads", Attribute::Ints(vec![top, -first, bottom, last])),
            ("strides", Attribute::Ints(vec![self.row_stride, 1])),
        ]
    }
}
