//! Operations of neural-network layers.

use burn::tensor::module::{
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, attention, avg_pool1d, avg_pool2d, conv_transpose1d,
    conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d, interpolate, linear, max_pool1d, max_pool2d,
    max_pool2d_with_indices, unfold4d,
};
use burn::tensor::ops::{
    AttentionModuleOptions, AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions,
    MaxPoolOptions, UnfoldOptions,
};
use burn::tensor::{Bool, Tensor, TensorData};
use burn_onnx_export::Exporter;
use proptest::prelude::*;

use crate::generate::{Nothing, floats, for_all, ints, nothing};
use crate::support::{Tolerance, USUAL, check, check_within, compare, run};

/// For sums of many products, whose last digits depend on the order of addition.
const SUMS: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// Checks a layer with a symbolic batch.
fn layer<const D: usize, const O: usize>(shape: [usize; D], seed: usize, forward: impl Fn(Tensor<D>) -> Tensor<O>) {
    let with_batch = |batch: usize| {
        let mut shape = shape;
        shape[0] = batch;
        floats(shape, seed, -1.0, 1.0)
    };
    let mut axes = [""; D];
    axes[0] = "batch";
    let exporter = Exporter::new().input("x", with_batch(1), axes);
    let inputs = vec![with_batch(1), with_batch(3)];
    check_within(SUMS, &nothing(), exporter, inputs, |_: &Nothing, x| forward(x));
}

/// Kernel, stride, padding, dilation of one axis.
fn window() -> impl Strategy<Value = [usize; 4]> {
    (1..4usize, 1..3usize, 0..3usize, 1..3usize)
        .prop_map(|(kernel, stride, padding, dilation)| [kernel, stride, padding, dilation])
}

#[test]
fn convolutions() {
    let strategy = (window(), window(), 1..3usize, any::<bool>(), 0..999usize, 0..3usize);
    for_all(strategy, |(a, b, groups, bias, seed, extra)| {
        let weight = floats([2 * groups, 2, a[0], b[0]], seed, -1.0, 1.0);
        let bias = bias.then(|| floats([2 * groups], seed, -1.0, 1.0));
        let padding = [(a[2], a[2] + extra), (b[2] + extra, b[2])];
        let options = ConvOptions::new_with_padding([a[1], b[1]], padding, [a[3], b[3]], groups);
        layer([1, 2 * groups, 9, 8], seed, |x| {
            let device = x.device();
            let bias = bias.clone().map(|bias| bias.to_device(&device));
            conv2d(x, weight.clone().to_device(&device), bias, options.clone())
        });
        let line = floats([2 * groups, 2, a[0]], seed, -1.0, 1.0);
        let options = ConvOptions::new([a[1]], [a[2]], [a[3]], groups);
        layer([1, 2 * groups, 9], seed, |x| {
            conv1d(x.clone(), line.clone().to_device(&x.device()), None, options.clone())
        });
        let cube = floats([2 * groups, 2, a[0], b[0], 2], seed, -1.0, 1.0);
        let options = ConvOptions::new([a[1], b[1], 1], [a[2], b[2], 1], [a[3], b[3], 1], groups);
        layer([1, 2 * groups, 7, 7, 4], seed, |x| {
            conv3d(x.clone(), cube.clone().to_device(&x.device()), None, options.clone())
        });
    });
}

#[test]
fn transposed_convolutions() {
    let strategy = (window(), window(), 1..3usize, any::<bool>(), 0..999usize);
    for_all(strategy, |(a, b, groups, bias, seed)| {
        // Padding and output padding must fit the kernel and the stride.
        let cut = |one: [usize; 4]| one[2].min(one[3] * (one[0] - 1));
        let (pa, pb) = (cut(a), cut(b));
        let more = |one: [usize; 4]| (one[1] - 1).min(1);
        let weight = floats([2 * groups, 2, a[0], b[0]], seed, -1.0, 1.0);
        let bias = bias.then(|| floats([2 * groups], seed, -1.0, 1.0));
        let options = ConvTransposeOptions::new([a[1], b[1]], [pa, pb], [more(a), more(b)], [a[3], b[3]], groups);
        layer([1, 2 * groups, 5, 4], seed, |x| {
            let device = x.device();
            let bias = bias.clone().map(|bias| bias.to_device(&device));
            conv_transpose2d(x, weight.clone().to_device(&device), bias, options.clone())
        });
        let line = floats([2 * groups, 2, a[0]], seed, -1.0, 1.0);
        let options = ConvTransposeOptions::new([a[1]], [pa], [more(a)], [a[3]], groups);
        layer([1, 2 * groups, 5], seed, |x| {
            conv_transpose1d(x.clone(), line.clone().to_device(&x.device()), None, options.clone())
        });
        let cube = floats([2 * groups, 2, a[0], b[0], 2], seed, -1.0, 1.0);
        let options =
            ConvTransposeOptions::new([a[1], b[1], 1], [pa, pb, 0], [more(a), more(b), 0], [a[3], b[3], 1], groups);
        layer([1, 2 * groups, 4, 3, 3], seed, |x| {
            conv_transpose3d(x.clone(), cube.clone().to_device(&x.device()), None, options.clone())
        });
    });
}

#[test]
fn pools() {
    let strategy = (window(), window(), any::<bool>(), any::<bool>(), 5..10usize, 5..10usize, 0..999usize);
    for_all(strategy, |(a, b, ceil, count, height, width, seed)| {
        let pad = |one: [usize; 4]| (one[2].min(one[0] / 2), one[2].min(one[0] / 2));
        let max = MaxPoolOptions {
            kernel_size: [a[0], b[0]],
            stride: [a[1], b[1]],
            padding: [pad(a), pad(b)],
            dilation: [a[3], b[3]],
            ceil_mode: ceil,
        };
        let average = AvgPoolOptions {
            kernel_size: [a[0], b[0]],
            stride: [a[1], b[1]],
            padding: [pad(a), pad(b)],
            count_include_pad: count,
            ceil_mode: ceil,
        };
        layer([1, 2, height, width], seed, |x| max_pool2d(x, max.clone()));
        layer([1, 2, height, width], seed, |x| avg_pool2d(x, average.clone()));
        let max1 = MaxPoolOptions {
            kernel_size: [a[0]],
            stride: [a[1]],
            padding: [pad(a)],
            dilation: [a[3]],
            ceil_mode: ceil,
        };
        let average1 = AvgPoolOptions {
            kernel_size: [a[0]],
            stride: [a[1]],
            padding: [pad(a)],
            count_include_pad: count,
            ceil_mode: ceil,
        };
        layer([1, 2, height], seed, |x| max_pool1d(x, max1.clone()));
        layer([1, 2, height], seed, |x| avg_pool1d(x, average1.clone()));
        let x = floats([2, 3, height, width], seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", x.clone(), ["batch", "", "", ""]);
        check(&nothing(), exporter, vec![x], |_, x| max_pool2d_with_indices(x, max.clone()));
    });
}

/// ONNX Runtime's operators pad by less than a kernel.
#[test]
fn pools_that_pad_by_a_kernel_or_more() {
    for (kernel, padding, dilation, stride) in
        [([2, 2], 2, 3, 1), ([2, 3], 2, 2, 2), ([1, 3], 1, 1, 3), ([2, 4], 3, 1, 2)]
    {
        for (ceil, count) in [(false, false), (false, true), (true, false), (true, true)] {
            let max = MaxPoolOptions::new(kernel).with_stride([stride; 2]).with_padding([padding; 2]);
            let max = max.with_dilation([dilation; 2]).with_ceil_mode(ceil);
            layer([1, 2, 7, 8], 0, |x| max_pool2d(x, max.clone()));
            let average = AvgPoolOptions::new(kernel).with_stride([stride; 2]).with_padding([padding; 2]);
            let average = average.with_count_include_pad(count).with_ceil_mode(ceil);
            layer([1, 2, 7, 8], 0, |x| avg_pool2d(x, average.clone()));
        }
    }
    let x = floats([1, 1, 5, 5], 0, -1.0, 1.0);
    let options = MaxPoolOptions::new([2, 2]).with_stride([1, 1]).with_padding([2, 2]);
    let exporter = Exporter::new().input("x", x, ["n", "", "", ""]);
    let error = exporter.export(&nothing(), |_, x: Tensor<4>| max_pool2d_with_indices(x, options.clone())).unwrap_err();
    assert!(error.to_string().contains("pads by a kernel or more"), "{error}");
}

/// Along the axis of known size, burn leaves out a window that ONNX's shape inference counts if it rounds up.
#[test]
fn pools_that_round_up_over_one_symbolic_axis() {
    let x = |height| floats([1, 2, height, 7], 0, -1.0, 1.0);
    let check = |forward: &dyn Fn(Tensor<4>) -> Tensor<4>| {
        let exporter = Exporter::new().input("x", x(6), ["", "", "height", ""]);
        check(&nothing(), exporter, (4..10).map(x).collect(), |_, x| forward(x));
    };
    for (kernel, stride, padding) in [(2, 2, 1), (3, 2, 1), (2, 3, 1), (3, 3, 1), (2, 3, 0)] {
        let max = MaxPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
        check(&|x| max_pool2d(x, max.clone().with_ceil_mode(true)));
        for count in [false, true] {
            let average = AvgPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
            let average = average.with_count_include_pad(count).with_ceil_mode(true);
            check(&|x| avg_pool2d(x, average.clone()));
        }
    }
}

#[test]
fn an_infinite_number_stays_in_its_cell() {
    for (side, target) in [(5, 3), (7, 4), (3, 5)] {
        let x = floats([1, 1, side, side], 0, -1.0, 1.0);
        let infinite = Tensor::full([1, 1, 1, 1], f32::INFINITY, &x.device());
        let x = x.slice_assign([0..1, 0..1, 0..1, 0..1], infinite);
        let exporter = Exporter::new().input("x", x.clone(), ["n", "", "", ""]);
        check(&nothing(), exporter, vec![x], |_, x| adaptive_avg_pool2d(x, [target, target]));
    }
}

#[test]
fn adaptive_pools() {
    let strategy = (1..10usize, 1..10usize, 1..6usize, 1..6usize, 0..999usize);
    for_all(strategy, |(height, width, rows, columns, seed)| {
        layer([1, 2, height, width], seed, |x| adaptive_avg_pool2d(x, [rows, columns]));
        layer([1, 2, height], seed, |x| adaptive_avg_pool1d(x, rows));
        layer([1, 2, height, width, 4], seed, |x| adaptive_avg_pool3d(x, [rows, columns, 2]));
    });
}

#[test]
fn interpolation() {
    let modes = [InterpolateMode::Nearest, InterpolateMode::Bilinear, InterpolateMode::Bicubic];
    let strategy = (2..9usize, 2..9usize, 2..14usize, 2..14usize, any::<bool>(), 0..999usize);
    for mode in modes {
        for_all(strategy.clone(), |(height, width, rows, columns, corners, seed)| {
            let options =
                InterpolateOptions::new(mode.clone()).with_align_corners(corners).with_output_size([rows, columns]);
            layer([1, 2, height, width], seed, |x| interpolate(x, options.clone()));
        });
    }
}

/// Pixels whose exact position is a whole number: in 32 bits the quotient may be just below it, in 64 bits the product.
#[test]
fn nearest_interpolation_at_whole_positions() {
    for (from, to) in [(14, 4), (14, 2), (14, 16), (3, 98), (2, 98), (6, 9), (9, 6), (49, 14), (7, 10)] {
        let options = InterpolateOptions::new(InterpolateMode::Nearest);
        layer([1, 2, from, 5], from, |x| interpolate(x, options.clone().with_output_size([to, 4])));
        layer([1, 1, 4, from], to, |x| interpolate(x, options.clone().with_output_size([8, to])));
    }
}

#[test]
fn nearest_interpolation_of_symbolic_planes() {
    let input = |height: usize, width: usize| floats([1, 2, height, width], height, -1.0, 1.0);
    let cases = || vec![input(14, 14), input(3, 49), input(98, 7), input(1, 2)];
    let sizes: [fn(usize, usize) -> [usize; 2]; 4] = [
        |_, _| [16, 4],
        |height, width| [2 * height, 3 * width],
        |height, width| [49 * height, width],
        |height, width| [3 * height / 2, width],
    ];
    for size in sizes {
        let exporter = Exporter::new().input("x", input(14, 14), ["batch", "", "height", "width"]);
        check(&nothing(), exporter, cases(), |_, x| {
            let [_, _, height, width] = x.dims();
            let options = InterpolateOptions::new(InterpolateMode::Nearest);
            interpolate(x, options.with_output_size(size(height, width)))
        });
    }
}

#[test]
fn a_whole_factor_of_a_symbolic_plane_is_one_resize() {
    let input = floats([1, 2, 4, 6], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input, ["batch", "", "height", "width"]);
    let model = exporter.export(&nothing(), |_, x: Tensor<4>| {
        let [_, _, height, width] = x.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest);
        interpolate(x, options.with_output_size([2 * height, 3 * width]))
    });
    let model = model.unwrap();
    assert_eq!(
        model.operators().into_iter().filter(|one| matches!(*one, "Resize" | "Gather")).collect::<Vec<_>>(),
        ["Resize"]
    );
}

/// burn's CPU backend lacks this mode, so its definition is the reference.
#[test]
fn exact_nearest_interpolation() {
    let strategy = (2..15usize, 2..9usize, 1..14usize, 2..14usize, 0..999usize);
    for_all(strategy, |(height, width, rows, columns, seed)| {
        let input = floats([1, 2, height, width], seed, -1.0, 1.0);
        let options = InterpolateOptions::new(InterpolateMode::NearestExact).with_output_size([rows, columns]);
        let exporter = Exporter::new().input("x", input.clone(), ["batch", "", "", ""]).outputs(["y"]);
        let model = exporter.export(&nothing(), |_, x| interpolate(x, options.clone())).unwrap();
        let values: Vec<f32> = input.to_data().iter::<f32>().collect();
        let source = |at: usize, from: usize, to: usize| ((at as f64 + 0.5) * from as f64 / to as f64) as usize;
        let pick = |channel: usize, row: usize, column: usize| {
            values[(channel * height + source(row, height, rows)) * width + source(column, width, columns)]
        };
        let cells =
            (0..2).flat_map(|c| (0..rows).flat_map(move |row| (0..columns).map(move |column| (c, row, column))));
        let expected: Vec<f32> = cells.map(|(channel, row, column)| pick(channel, row, column)).collect();
        let given = run(&model, &[("x", input.to_data())]).remove("y").unwrap();
        compare("y", &given, &TensorData::new(expected, [1, 2, rows, columns]), USUAL);
    });
}

#[test]
fn windows_as_columns() {
    for_all((window(), window(), 0..999usize), |(a, b, seed)| {
        let options = UnfoldOptions::new([a[1], b[1]], [a[2], b[2]], [a[3], b[3]]);
        layer([1, 2, 8, 7], seed, |x| unfold4d(x, [a[0], b[0]], options.clone()));
    });
}

#[test]
fn dense_layers_of_every_rank() {
    for_all((1..6usize, 1..6usize, any::<bool>(), 0..999usize), |(inputs, outputs, bias, seed)| {
        let weight = floats([inputs, outputs], seed, -1.0, 1.0);
        let bias = bias.then(|| floats([outputs], seed, -1.0, 1.0));
        let dense = |x: Tensor<2>| {
            let device = x.device();
            linear(x, weight.clone().to_device(&device), bias.clone().map(|bias| bias.to_device(&device)))
        };
        layer([1, inputs], seed, dense);
        layer([1, 3, inputs], seed, |x| {
            let device = x.device();
            linear(x, weight.clone().to_device(&device), bias.clone().map(|bias| bias.to_device(&device)))
        });
    });
}

#[test]
fn matrix_products() {
    for_all((1..5usize, 1..5usize, 1..5usize, 0..999usize), |(rows, inner, columns, seed)| {
        let a = floats([2, rows, inner], seed, -1.0, 1.0);
        let b = floats([1, inner, columns], seed + 1, -1.0, 1.0);
        let exporter =
            Exporter::new().input("a", a.clone(), ["batch", "rows", ""]).input("b", b.clone(), ["", "", "columns"]);
        check_within(SUMS, &nothing(), exporter, vec![(a, b)], |_, (a, b)| a.matmul(b));
        let a = ints([2, rows, inner], seed, -5, 5);
        let b = ints([2, inner, columns], seed + 1, -5, 5);
        let exporter = Exporter::new().input("a", a.clone(), [""; 3]).input("b", b.clone(), [""; 3]);
        check(&nothing(), exporter, vec![(a, b)], |_, (a, b)| a.matmul(b));
    });
}

#[test]
fn attention_with_every_option() {
    let strategy = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..999usize);
    for_all(strategy, |(masked, biased, causal, capped, seed)| {
        let (queries, keys) = (3, 5);
        let make = |seed, length| floats([2, 2, length, 4], seed, -2.0, 2.0);
        let (q, k, v) = (make(seed, queries), make(seed + 1, keys), make(seed + 2, keys));
        let mask: Tensor<4, Bool> = floats([2, 2, queries, keys], seed + 3, -1.0, 0.5).greater_elem(0.0);
        let bias = floats([2, 2, queries, keys], seed + 4, -1.0, 1.0);
        let options = AttentionModuleOptions { scale: None, softcap: capped.then_some(2.0), is_causal: causal };
        let exporter = Exporter::new()
            .input("q", q.clone(), ["batch", "", "", ""])
            .input("k", k.clone(), ["batch", "", "", ""])
            .input("v", v.clone(), ["batch", "", "", ""])
            .input("mask", mask.clone(), ["batch", "", "", ""])
            .input("bias", bias.clone(), ["batch", "", "", ""]);
        check_within(SUMS, &nothing(), exporter, vec![(q, k, v, mask, bias)], |_, (q, k, v, mask, bias)| {
            attention(q, k, v, masked.then_some(mask), biased.then_some(bias), options)
        });
    });
}
