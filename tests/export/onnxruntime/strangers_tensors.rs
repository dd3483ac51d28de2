//! Forward functions that use the tensor API: order, masks, grids, sums of products, reading and writing by index.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{log_softmax, relu, sigmoid, softmax};
use burn::tensor::grid::{GridOptions, GridSparsity, IndexPos, affine_grid_2d, meshgrid, meshgrid_stack};
use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode, PadMode};
use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor, cartesian_grid, einsum, s};
use burn_onnx_export::{Exporter, Outputs};

use crate::generate::{floats, ints, nothing};
use crate::nn_layers::{SUMS, images, layer, layer_at, pair, sequences};
use crate::support::{Ports, check_within, device};

/// Checks a function of four rows and six columns at every batch.
fn rows<O: Outputs + Ports>(forward: impl Fn(Tensor<3>) -> O) {
    layer(&nothing(), [1, 4, 6], |_, x| forward(x));
}

#[derive(Module, Debug)]
struct Ranked {
    score: Linear,
    head: Linear,
}

#[test]
fn the_best_rows_are_pooled() {
    let device = device();
    let module = Ranked { score: LinearConfig::new(6, 1).init(&device), head: LinearConfig::new(6, 3).init(&device) };
    layer(&module, [1, 9, 6], |m, x| {
        let [batch, _, width] = x.dims();
        let scores = m.score.forward(x.clone()).squeeze_dim::<2>(2);
        let (best, places) = scores.clone().topk_with_indices(3, 1);
        let places_of_rows = places.clone().unsqueeze_dim::<3>(2).expand([batch, 3, width]);
        let chosen = x.gather(1, places_of_rows);
        let weights = softmax(best.clone(), 1).unsqueeze_dim::<3>(2);
        let pooled = (chosen * weights).sum_dim(1).squeeze_dim::<2>(1);
        (m.head.forward(pooled), best, places, scores.topk(2, 1).mean_dim(1))
    });
}

#[test]
fn values_are_sorted_ranked_and_summed_up() {
    rows(|x| {
        let (sorted, places) = x.clone().sort_descending_with_indices(2);
        let ranks = places.clone().argsort(2);
        let shares = softmax(sorted.clone(), 2).cumsum(2);
        // The smallest set of columns with seven tenths of the mass.
        let kept = shares.clone().lower_equal_elem(0.7).float().gather(2, ranks.clone());
        (sorted, ranks, kept, shares, x.clone().argsort_descending(1), x.cumprod(1))
    });
}

#[test]
fn medians_and_other_middles() {
    rows(|x| {
        let (median, place) = x.clone().median_with_indices(2);
        let quarter = x.clone().sort(2).narrow(2, 1, 1);
        let spread = x.clone().max_dim(2) - x.clone().min_dim(2);
        (median, place, quarter, spread, x.median(1))
    });
}

#[test]
fn running_extremes_and_differences() {
    rows(|x| {
        let steps = x.clone().slice(s![.., .., 1..]) - x.clone().slice(s![.., .., ..-1]);
        let rising = steps.clone().greater_elem(0.0).int().sum_dim(2);
        (x.clone().cummax(2), x.cummin(1), steps, rising)
    });
}

#[test]
fn variances_and_covariances() {
    rows(|x| {
        let (variance, mean) = x.clone().var_mean(2);
        let (biased, _) = x.clone().var_mean_bias(1);
        let normal = (x.clone() - mean) / (variance.clone() + 1e-3).sqrt();
        (variance, biased, normal, x.clone().var(1), x.var_bias(2))
    });
    layer(&nothing(), [1, 5], |_, x| {
        let rows = Tensor::cat(vec![x.clone(), x * 0.5 + 1.0], 0);
        rows.cov(0, 1)
    });
}

#[test]
fn extremes_over_several_axes() {
    rows(|x| {
        (
            x.clone().max_dims(&[1, 2]),
            x.clone().min_dims(&[1, 2]),
            x.clone().max_abs_dims(&[1, 2]),
            x.clone().prod_dims(&[1, 2]),
            x.clone().sum_dims_squeeze::<1, _>(&[1, 2]),
            x.mean_dims(&[-1, -2]),
        )
    });
}

#[test]
fn masks_choose_and_hide() {
    pair((-1.0, 1.0), &nothing(), [1, 4, 6], |_, (x, y)| {
        let above = x.clone().greater(y.clone());
        let near = x.clone().is_close(y.clone(), Some(0.1), Some(0.1));
        let either = above.clone() | near.clone();
        let neither = !(above.clone() ^ near.clone()) & x.clone().is_finite();
        let chosen = x.clone().mask_where(either, y.clone());
        let hidden = chosen.clone().mask_fill(neither.clone(), f32::NEG_INFINITY);
        let rows = softmax(hidden.clone(), 2);
        let known = rows.clone().is_nan();
        (chosen, rows.mask_fill(known, 0.0), neither.clone().any_dim(2), neither.all_dim(1), hidden.is_inf(), near)
    });
}

#[test]
fn all_and_any_become_numbers() {
    rows(|x| {
        let positive = x.clone().greater_equal_elem(0.0);
        let share = positive.clone().float().mean();
        let signs = x.clone().sign() * x.clone().abs().powf_scalar(0.3);
        let cut = x.clone().clamp(-0.5, 0.25) + x.clamp_min(0.9);
        (positive.clone().any(), positive.clone().all(), share, positive.int().sum(), signs, cut)
    });
}

#[test]
fn labels_become_rows_of_zeros_and_a_one() {
    let input = |(batch, time): (usize, usize)| ints([batch, time], batch + time, 0, 5);
    let exporter = Exporter::new().input("labels", input((1, 4)), ["batch", "time"]);
    let cases = [(1, 4), (3, 7), (8, 2)].map(input).to_vec();
    check_within(SUMS, &nothing(), exporter, cases, |_, labels| {
        let [batch, time] = labels.dims();
        let device = labels.device();
        let classes = Tensor::<1, Int>::arange(0..5, &device).unsqueeze::<3>();
        let compared = labels.clone().unsqueeze_dim::<3>(2).equal(classes).float();
        let zeros = Tensor::<3>::zeros([batch, time, 5], &device);
        let ones = Tensor::<3>::ones([batch, time, 1], &device);
        let written = zeros.scatter(2, labels.unsqueeze_dim::<3>(2), ones, IndexingUpdateOp::Add);
        (compared.clone().sum_dim(1), compared, written)
    });
}

#[test]
fn sums_of_products_are_written_as_equations() {
    pair((-1.0, 1.0), &nothing(), [1, 4, 4], |_, (a, b)| {
        let scores = einsum!("bij,bkj->bik", &a, &b);
        let mixed = einsum!("bik,bkd->bid", softmax(scores.clone(), 2), &b);
        let diagonal = einsum!("bii->bi", &a);
        let trace = einsum!("bii->b", &a);
        let outer = einsum!("bi,bj->bij", diagonal.clone(), &trace.clone().unsqueeze_dim::<2>(1).expand([-1, 4]));
        let total = Tensor::<1>::einsum("bij,bij->b", [a.into(), b.into()]);
        (scores, mixed, diagonal, trace, outer, total)
    });
}

#[test]
fn equations_over_open_lengths_and_heads() {
    sequences(&nothing(), 8, |_, x| {
        let [batch, time, _] = x.dims();
        let heads = x.clone().reshape([batch, time, 2, 4]);
        let scores = einsum!("bqhd,bkhd->bhqk", &heads, &heads);
        let read = einsum!("bhqk,bkhd->bqhd", softmax(scores, 3), &heads).reshape([batch, time, 8]);
        let gram = einsum!("btd,bte->bde", &x, &x);
        (read, gram)
    });
}

#[test]
fn grids_of_a_fixed_size() {
    layer(&nothing(), [1, 2, 4, 6], |_, x| {
        let [batch, _, height, width] = x.dims();
        let device = x.device();
        let across = Tensor::<1, Int>::arange(0..width as i64, &device).float() / (width - 1) as f32;
        let down = Tensor::<1, Int>::arange_step(0..2 * height as i64, 2, &device).float();
        let [ys, xs] = meshgrid(&[down.clone(), across.clone()], GridOptions::default());
        let [sparse, _] = meshgrid(&[down.clone(), across.clone()], GridSparsity::Sparse);
        let stacked = meshgrid_stack::<2, 3, _>(&[down, across], IndexPos::First);
        let cells: Tensor<3, Int> = cartesian_grid::<_, 2, 3>([height, width], &device);
        let planes = stacked.unsqueeze::<4>().expand([batch, 2, height, width]);
        let cells = cells.float().sum_dim(2).squeeze_dim::<2>(2);
        let joined = Tensor::cat(vec![x.clone(), planes], 1);
        (joined, x.clone() * ys.unsqueeze::<4>() + xs.unsqueeze::<4>(), x * (cells + sparse).unsqueeze::<4>())
    });
}

/// The expected coordinates under a heat map.
fn expected_place(x: Tensor<4>) -> (Tensor<3>, Tensor<3>) {
    let [batch, channels, height, width] = x.dims();
    let device = x.device();
    let mass = softmax(x.reshape([batch, channels, height * width]), 2).reshape([batch, channels, height, width]);
    let across = Tensor::<1, Int>::arange(0..width as i64, &device).float().reshape([1, 1, 1, width]);
    let down = Tensor::<1, Int>::arange(0..height as i64, &device).float().reshape([1, 1, height, 1]);
    let x = (mass.clone() * across).sum_dims_squeeze::<2, _>(&[2, 3]);
    let y = (mass.clone() * down).sum_dims_squeeze::<2, _>(&[2, 3]);
    (Tensor::stack::<3>(vec![x, y], 2), mass.sum_dim(3).squeeze_dim::<3>(3))
}

#[test]
fn heat_maps_have_expected_coordinates() {
    layer(&nothing(), [1, 3, 5, 7], |_, x| expected_place(x * 4.0));
}

#[test]
fn heat_maps_of_open_sizes_have_expected_coordinates() {
    images(&nothing(), 3, [(4, 6), (5, 3), (2, 7)], |_, x| expected_place(x * 4.0));
}

#[test]
fn images_are_turned_by_an_affine_grid() {
    let inputs =
        |batch: usize| (floats([batch, 2, 6, 5], batch, -1.0, 1.0), floats([batch, 2, 3], batch + 1, -0.9, 0.9));
    let (image, transform) = inputs(1);
    let exporter =
        Exporter::new().input("image", image, ["batch", "", "", ""]).input("transform", transform, ["batch", "", ""]);
    for padding in [GridSamplePaddingMode::Zeros, GridSamplePaddingMode::Border] {
        for corners in [true, false] {
            let cases = [1, 3, 8].map(inputs).to_vec();
            check_within(SUMS, &nothing(), exporter.clone(), cases, |_, (image, transform)| {
                let [batch, channels, _, _] = image.dims();
                let grid = affine_grid_2d(transform, [batch, channels, 4, 7]);
                let options = GridSampleOptions::new(InterpolateMode::Bilinear).with_padding_mode(padding);
                image.grid_sample_2d(grid, options.with_align_corners(corners))
            });
        }
    }
}

#[test]
fn axes_are_moved_and_turned() {
    layer(&nothing(), [1, 3, 4, 6], |_, x| {
        (
            x.clone().movedim(1, 3),
            x.clone().movedim(vec![0, 1], vec![1, 3]),
            x.clone().flip([2, 3]).transpose(),
            x.clone().roll(&[1, -2], &[2, 3]),
            x.clone().swap_dims(-1, 1).flatten::<2>(1, -1),
            x.permute([3, 0, -2, 1]),
        )
    });
}

#[test]
fn windows_roll_over_open_sizes() {
    images(&nothing(), 3, [(4, 6), (5, 3), (6, 7)], |_, x| {
        let rolled = x.clone().roll(&[-2, 1], &[2, 3]);
        (rolled.clone().roll(&[2, -1], &[2, 3]), rolled, x.roll_dim(1, 1))
    });
}

#[test]
fn parts_are_split_off_and_put_together() {
    rows(|x| {
        let [first, second, third]: [Tensor<3>; 3] = x.clone().chunk(3, 2).try_into().unwrap();
        let pieces = x.clone().split(4, 2);
        let sizes = x.clone().split_with_sizes(vec![1, 3, 2], 2);
        let stacked = Tensor::stack::<4>(vec![first.clone(), second.clone(), third.clone()], 1);
        let woven = stacked.clone().permute([0, 2, 3, 1]).reshape([-1, 4, 6]);
        let joined = Tensor::cat(vec![third, sizes[1].clone(), first, pieces[1].clone(), second], 2);
        (stacked.max_dim(1), woven, joined, x.clone().narrow(1, 1, 2), x.repeat(&[1, 2, 1]))
    });
}

#[test]
fn chunks_of_uneven_size() {
    layer(&nothing(), [1, 7, 2], |_, x| {
        let chunks = x.clone().chunk(3, 1);
        let means: Vec<Tensor<3>> = chunks.into_iter().map(|chunk| chunk.mean_dim(1)).collect();
        let steps: Vec<Tensor<3>> = x.iter_dim(1).rev().collect();
        (Tensor::cat(means, 1), Tensor::cat(steps, 1))
    });
}

#[test]
fn slices_take_every_form() {
    layer(&nothing(), [1, 6, 8], |_, x| {
        let corner = x.clone().slice(s![.., 0, -1]);
        let stepped = x.clone().slice(s![.., ..;2, 1..-1;3]);
        let backwards = x.clone().slice(s![.., 1..5;-2, ..]);
        let one = x.clone().select_dim::<2>(1, -1);
        let framed = x.clone().slice_fill(s![.., 1..-1, 2..6], 0.0);
        let marked = x.clone().slice_assign(s![.., 0..2, ..], x.slice(s![.., -2.., ..]) * 3.0);
        (corner, stepped, backwards, one, framed, marked)
    });
}

#[test]
fn windows_slide_along_an_axis() {
    layer(&nothing(), [1, 9, 2], |_, x| {
        let windows: Tensor<4> = x.clone().unfold(1, 4, 2);
        let smooth = windows.clone().mean_dim(3).squeeze_dim::<3>(3);
        let padded = x.pad([(1, 2), (0, 0)], PadMode::Reflect).pad([(0, 1)], 0.5);
        (windows.max_dim(3), smooth, padded)
    });
}

#[test]
fn rows_are_read_and_written_by_index() {
    let inputs = |batch: usize| (floats([batch, 6, 3], batch, -1.0, 1.0), ints([batch, 6], batch + 1, 0, 4));
    let (x, groups) = inputs(1);
    let exporter = Exporter::new().input("x", x, ["batch", "", ""]).input("groups", groups, ["batch", ""]);
    check_within(SUMS, &nothing(), exporter, [1, 3, 8].map(inputs).to_vec(), |_, (x, groups)| {
        let [batch, _, width] = x.dims();
        let device = x.device();
        // The mean of each group.
        let index = groups.clone().unsqueeze_dim::<3>(2).expand([batch, 6, width]);
        let zeros = Tensor::<3>::zeros([batch, 4, width], &device);
        let sums = zeros.clone().scatter(1, index.clone(), x.clone(), IndexingUpdateOp::Add);
        let counts = zeros.clone().scatter(1, index.clone(), x.ones_like(), IndexingUpdateOp::Add);
        let means = sums / counts.clamp_min(1.0);
        let back = means.clone().gather(1, index.clone()) - x.clone();
        let largest = (zeros - 9.0).scatter(1, index, x.clone(), IndexingUpdateOp::Max);
        let order = Tensor::<1, Int>::from_ints([4, 0, 0, 2], &device);
        let picked = x.clone().select(1, order.clone());
        let added = x.clone().select_assign(1, order.clone(), picked.clone(), IndexingUpdateOp::Add);
        let pairs = x.take::<2, 4>(1, order.reshape([2, 2]));
        (means, back, largest, picked, added, pairs)
    });
}

#[test]
fn triangles_and_diagonals_of_a_fixed_length() {
    pair((-1.0, 1.0), &nothing(), [1, 5, 5], |_, (x, y)| {
        let device = x.device();
        let unit = Tensor::<2>::eye(5, &device).unsqueeze::<3>();
        let band = Tensor::<2, Bool>::tril_mask([5, 5], 1, &device) | Tensor::<2, Bool>::triu_mask([5, 5], -1, &device);
        let off = Tensor::<3, Bool>::diag_mask([1, 5, 5], 0, &device);
        let shape = x.dims();
        let upper = x.clone().triu(1) + y.clone().tril(-1);
        let banded = x.clone().mask_fill(band.unsqueeze::<3>().expand(shape), 0.0);
        let diagonal = y.mask_fill(off.expand(shape), 0.0).sum_dim(2);
        (upper, x * unit, banded, diagonal)
    });
}

#[test]
fn triangles_of_an_open_length() {
    sequences(&nothing(), 4, |_, x| {
        let scores = x.clone().matmul(x.clone().transpose());
        scores.tril(0).matmul(x)
    });
}

#[test]
fn positions_of_an_open_length() {
    sequences(&nothing(), 4, |_, x| {
        let [_, time, _] = x.dims();
        let places = Tensor::<1, Int>::arange(0..time as i64, &x.device());
        let share = (places.float() + 0.5).reshape([1, time, 1]) / time as f32;
        x * share
    });
}

#[test]
fn numbers_follow_an_open_length() {
    sequences(&nothing(), 4, |_, x| {
        let [batch, time, _] = x.dims();
        let device = x.device();
        let even = Tensor::<3>::full([batch, time, 1], 1.0 / time as f64, &device);
        let count = Tensor::<3>::full([batch, 1, 4], time as f64, &device);
        let places = x.clone().argmax(1) * 3;
        ((x.clone() * even).sum_dim(1), x.sum_dim(1) / count, places.clamp(0, time as i64 - 1))
    });
}

#[test]
fn integers_count_divide_and_shift() {
    let inputs = |batch: usize| (ints([batch, 5], batch, 0, 40), ints([batch, 5], batch + 1, 1, 6));
    let (a, b) = inputs(1);
    let exporter = Exporter::new().input("a", a, ["batch", ""]).input("b", b, ["batch", ""]);
    check_within(SUMS, &nothing(), exporter, [1, 3, 8].map(inputs).to_vec(), |_, (a, b)| {
        let row = a.clone() / 7;
        let column = a.clone() % 7;
        let odd = a.clone().bitwise_and_scalar(1).equal_elem(1);
        let bits = a.clone().bitwise_right_shift(b.clone()).bitwise_xor_scalar(5);
        let most = a.clone().max_pair(b.clone() * 6).sort_descending(1);
        (row * 7 + column, odd, bits, most, a.clone().remainder(b.clone()).sum_dim(1), a.powi(b.clamp(1, 3)))
    });
}

#[test]
fn distances_between_all_pairs() {
    let inputs = |(queries, keys): (usize, usize)| {
        (floats([queries, 5], queries, -1.0, 1.0), floats([keys, 5], keys + 1, -1.0, 1.0))
    };
    let (a, b) = inputs((2, 3));
    let exporter = Exporter::new().input("a", a, ["queries", ""]).input("b", b, ["keys", ""]);
    let cases = [(2, 3), (1, 7), (8, 4)].map(inputs).to_vec();
    check_within(SUMS, &nothing(), exporter, cases, |_, (a, b)| {
        let apart = (a.clone().unsqueeze_dim::<3>(1) - b.clone().unsqueeze_dim::<3>(0)).square().sum_dim(2);
        let apart = apart.squeeze_dim::<2>(2).sqrt();
        let unit = |x: Tensor<2>| x.clone() / (x.square().sum_dim(1) + 1e-8).sqrt();
        let likeness = unit(a).matmul(unit(b).t());
        (apart.clone().argmin(1), log_softmax(-apart, 1), likeness)
    });
}

#[test]
fn logarithms_of_sums_stay_finite() {
    layer_at(0, (-90.0, 90.0), &nothing(), [1, 4, 6], |_, x| {
        let most = x.clone().max_dim(2);
        let sum = (x.clone() - most.clone()).exp().sum_dim(2).log() + most;
        let capped = (x.clone() / 30.0).tanh() * 30.0;
        (sum, capped, sigmoid(x.clone()) * relu(x.clone()), (x / 45.0).exp().log1p())
    });
}

#[test]
fn angles_and_waves() {
    let inputs = |batch: usize| (floats([batch, 3], batch, -2.0, 2.0), floats([batch, 3], batch + 1, -2.0, 2.0));
    let (a, b) = inputs(1);
    let exporter = Exporter::new().input("a", a, ["batch", ""]).input("b", b, ["batch", ""]);
    check_within(SUMS, &nothing(), exporter, [1, 3, 8].map(inputs).to_vec(), |_, (a, b)| {
        let device = a.device();
        let frequencies = Tensor::<2>::from_floats([[1.0, 2.0], [0.5, -1.0], [0.25, 3.0]], &device);
        let phases = a.clone().matmul(frequencies);
        let waves = Tensor::cat(vec![phases.clone().sin(), phases.cos()], 1);
        let angle = a.clone().atan2(b.clone());
        let wrapped = angle.clone().remainder_scalar(1.5);
        (waves, angle.rad2deg(), wrapped, a.clone().hypot(b.clone()), a.clone().cross(b.clone(), 1), a.fmod_scalar(0.7))
    });
}

#[test]
fn a_row_is_repeated_for_each_of_the_batch() {
    layer(&LinearConfig::new(6, 4).init(&device()), [1, 6], |m, x| {
        let [batch, _] = x.dims();
        let bias = m.bias.as_ref().unwrap().val();
        let repeated = bias.clone().unsqueeze::<2>().repeat_dim(0, batch);
        let expanded = bias.unsqueeze::<2>().expand([batch, 4]);
        // Every row beside every other: the repeated axis follows the batch too.
        let y = m.forward(x);
        let beside = y.clone().unsqueeze_dim::<3>(1).repeat(&[1, batch, 1]);
        let under = y.unsqueeze_dim::<3>(0).expand([batch, batch, 4]);
        (repeated, expanded, (beside - under).abs().sum_dim(2).squeeze_dim::<2>(2))
    });
}
