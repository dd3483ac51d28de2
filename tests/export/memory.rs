//! The memory of an export beyond the module itself, counted by an allocator: no second copy of the weights while recording
//! and lowering, and one weight at a time while writing.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::Exporter;

/// Counts allocated bytes, and their maximum.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: every call is forwarded to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller guarantees the same to the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller guarantees the same to the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The paper's classifier: three convolutions, flattened, 512, 256, two classes. 67 million weights.
#[derive(Module, Debug)]
struct Paper {
    convs: [Conv2d; 3],
    hidden: [Linear; 2],
    head: Linear,
}

impl Paper {
    fn new(device: &Device) -> Self {
        let conv = |from, to| Conv2dConfig::new([from, to], [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        Self {
            convs: [conv(3, 32), conv(32, 64), conv(64, 128)],
            hidden: [LinearConfig::new(131_072, 512).init(device), LinearConfig::new(512, 256).init(device)],
            head: LinearConfig::new(256, 2).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4>) -> Tensor<2> {
        use burn::tensor::module::max_pool2d;
        use burn::tensor::ops::MaxPoolOptions;
        let halved = |x| max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
        let x = self.convs.iter().fold(tile, |x, conv| halved(relu(conv.forward(x))));
        // 128 channels of 32 by 32: one more pool than in the paper's text, since it has 131,072 features.
        let x: Tensor<2> = x.flatten(1, 3);
        let x = self.hidden.iter().fold(x, |x, dense| relu(dense.forward(x)));
        softmax(self.head.forward(x), 1)
    }
}

#[test]
fn an_export_takes_at_most_half_again_the_weights() {
    let device = Device::flex();
    let module = Paper::new(&device);
    // Parameters are initialised on first use.
    let weights = 4 * module.num_params();
    drop(module.forward(Tensor::zeros([1, 3, 256, 256], &device)));
    let folder = tempfile::tempdir().unwrap();
    let before = NOW.load(Ordering::Relaxed);
    assert!(before > weights, "the module holds {before} bytes, less than its {weights} bytes of weights");
    MOST.store(before, Ordering::Relaxed);
    let start = Instant::now();
    let sample = Tensor::<4>::zeros([1, 3, 256, 256], &device);
    let exporter = Exporter::new().input("tile", sample, ["batch", "", "", ""]).outputs(["probabilities"]);
    let model = exporter.export(&module, |m, tile| m.forward(tile)).unwrap();
    let recorded = MOST.load(Ordering::Relaxed) - before;
    model.save(folder.path().join("model.onnx")).unwrap();
    let (most, taken) = (MOST.load(Ordering::Relaxed) - before, start.elapsed());
    let share = |bytes: usize| bytes as f64 / weights as f64;
    eprintln!(
        "{weights} bytes of weights; recording took {:.3}, all took {:.3} times that; {taken:.2?}",
        share(recorded),
        share(most)
    );
    assert!(share(recorded) < 0.1, "recording copied weights: {:.2} times them", share(recorded));
    assert!(share(most) <= 1.5, "writing took {:.2} times the weights", share(most));
}
