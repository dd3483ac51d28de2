//! Operations that move elements.

use burn::tensor::ops::PadMode;
use burn::tensor::{Int, Tensor, s};
use burn_onnx_export::Exporter;

use crate::generate::{case, floats, for_all, ints, nothing, unary};
use crate::support::check;

#[test]
fn reshaping_splits_and_merges_symbolic_axes() {
    unary((-1.0, 1.0), |x| {
        let [a, b, c] = x.dims();
        (
            x.clone().reshape([a * b, c]),
            x.clone().reshape([a, b * c]),
            x.clone().reshape([a * b * c]),
            x.reshape([c, a * b]),
        )
    });
    unary((-1.0, 1.0), |x| {
        let [a, b, c] = x.dims();
        let back = x.clone().reshape([a * b, c]).reshape([a, b, c]);
        let apart: Tensor<4> = x.clone().reshape([1, a, b * c, 1]);
        (back, apart, x.clone().unsqueeze_dim::<4>(1), x.flatten::<2>(0, 1))
    });
}

#[test]
fn turning_and_flipping() {
    unary((-1.0, 1.0), |x| {
        (
            x.clone().permute([2, 0, 1]),
            x.clone().swap_dims(0, 2),
            x.clone().transpose(),
            x.clone().flip([0, 2]),
            x.movedim(0, 2),
        )
    });
}

#[test]
fn slices_follow_symbolic_axes() {
    for_all(case::<3>(), |mut case| {
        case.shape = case.shape.map(|size| size + 3);
        let input = |shape| floats(shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check(&nothing(), exporter, inputs, |_, x| {
            let [a, b, c] = x.dims();
            let tail = x.clone().slice(s![.., -2..]);
            let inner = x.clone().slice([1..a, 0..b - 1, 1..c - 1]);
            let stepped = x.clone().slice(s![..;2, .., ..;-1]);
            let back = x.clone().slice(s![1..3;-1]);
            let narrow = x.clone().narrow(1, 1, 2);
            (tail, inner, stepped, back, narrow, x.slice(s![0..2]))
        });
    });
}

#[test]
fn slices_are_assigned() {
    for_all(case::<3>(), |mut case| {
        case.shape = case.shape.map(|size| size + 3);
        let input = |shape| floats(shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check(&nothing(), exporter, inputs, |_, x| {
            let [a, b, c] = x.dims();
            let part = x.clone().slice([0..a, 1..b, 0..2]) * 2.0;
            let inner = x.clone().slice_assign([0..a, 1..b, 0..2], part.clone());
            let end = x.clone().slice_assign([0..a, 1..b, c - 2..c], part);
            let filled = x.clone().slice_fill([1..2, 0..b, 0..c], 7.0);
            (inner, end, filled)
        });
    });
}

#[test]
fn assignment_with_steps() {
    for_all(case::<2>(), |case| {
        let mut case = case.closed();
        case.shape = case.shape.map(|size| size + 3);
        let input = floats(case.shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input.clone(), case.axes());
        check(&nothing(), exporter, vec![input], |_, x| {
            let part = x.clone().slice(s![.., ..;2]) * 3.0;
            x.slice_assign(s![.., ..;2], part)
        });
    });
}

#[test]
fn joining_and_repeating() {
    unary((-1.0, 1.0), |x| {
        let joined = Tensor::cat(vec![x.clone(), x.clone() * 2.0, x.clone()], 1);
        let stacked: Tensor<4> = Tensor::stack(vec![x.clone(), x.clone()], 1);
        (joined, stacked, x.clone().repeat_dim(2, 3), x.clone().repeat(&[2, 1, 2]), x.roll_dim(1, 2))
    });
}

#[test]
fn growing_to_a_shape() {
    unary((-1.0, 1.0), |x| {
        let [a, b, c] = x.dims();
        let row = x.clone().mean_dim(0);
        (row.expand([a, b, c]), x.clone().unsqueeze::<4>().expand([4, a, b, c]))
    });
}

#[test]
fn padding() {
    unary((-1.0, 1.0), |x| (x.clone().pad([(1, 2), (0, 3)], PadMode::Constant(0.5)), x.pad([(2, 1)], PadMode::Edge)));
    for_all(case::<3>(), |mut case| {
        case.shape = case.shape.map(|size| size + 3);
        let input = floats(case.shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input.clone(), case.axes());
        check(&nothing(), exporter, vec![input], |_, x| x.pad([(1, 2), (2, 1)], PadMode::Reflect));
    });
}

#[test]
fn windows() {
    for_all(case::<3>(), |mut case| {
        case.shape[1] += 4;
        case.open[1] = false;
        let input = |shape| floats(shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check(&nothing(), exporter, inputs, |_, x| {
            let windows: Tensor<4> = x.unfold(1, 3, 2);
            windows
        });
    });
}

#[test]
fn triangles_and_masks() {
    unary((-1.0, 1.0), |x| {
        let mask = x.clone().greater_elem(0.2);
        let [a, b, c] = x.dims();
        let other = Tensor::<3>::ones([a, b, c], &x.device());
        (x.clone().mask_fill(mask.clone(), -3.0), x.mask_where(mask, other))
    });
    for_all(case::<2>(), |case| {
        let case = case.closed();
        let input = floats(case.shape, case.seed, -1.0, 1.0);
        let exporter = Exporter::new().input("x", input.clone(), case.axes());
        check(&nothing(), exporter, vec![input], |_, x| (x.clone().triu(1), x.tril(0)));
    });
}

#[test]
fn filled_tensors_follow_symbolic_axes() {
    unary((-1.0, 1.0), |x| {
        let shape = x.dims();
        let (zeros, ones) = (Tensor::<3>::zeros(shape, &x.device()), Tensor::<3>::ones(shape, &x.device()));
        let full = Tensor::<3>::full(shape, 2.5, &x.device());
        (zeros + x.clone(), ones * x.clone(), full - x)
    });
}

#[test]
fn reading_by_index() {
    for_all(case::<3>(), |case| {
        let make = |shape: [usize; 3]| {
            let picks = ints([4], case.seed + 1, 0, case.shape[1] as i32);
            let each = ints([shape[0], 2, shape[2]], case.seed + 2, 0, case.shape[1] as i32);
            (floats(shape, case.seed, -1.0, 1.0), picks, each)
        };
        let mut case = case.clone();
        case.open[1] = false;
        let (x, picks, each) = make(case.shape);
        let axes = case.axes();
        let exporter = Exporter::new().input("x", x, axes).input("picks", picks, [""]).input("each", each, axes);
        let inputs = case.shapes().into_iter().map(make).collect();
        check(&nothing(), exporter, inputs, |_, (x, picks, each)| (x.clone().select(1, picks), x.gather(1, each)));
    });
}

#[test]
fn writing_by_index() {
    use burn::tensor::IndexingUpdateOp as Update;
    for_all(case::<3>(), |case| {
        let case = case.closed();
        let [a, b, c] = case.shape;
        let x = floats(case.shape, case.seed, -1.0, 1.0);
        let picks = ints([2], case.seed + 1, 0, b as i32);
        let each = ints([a, 2, c], case.seed + 2, 0, b as i32);
        let new = floats([a, 2, c], case.seed + 3, -1.0, 1.0);
        let exporter = Exporter::new()
            .input("x", x.clone(), [""; 3])
            .input("picks", picks.clone(), [""])
            .input("each", each.clone(), [""; 3])
            .input("new", new.clone(), [""; 3]);
        check(&nothing(), exporter, vec![(x, picks, each, new)], |_, (x, picks, each, new)| {
            (x.clone().select_assign(1, picks, new.clone(), Update::Add), x.scatter(1, each, new, Update::Add))
        });
    });
}

#[test]
fn rows_by_coordinates() {
    for_all(case::<3>(), |case| {
        let case = case.closed();
        let [a, b, c] = case.shape;
        let x = floats(case.shape, case.seed, -1.0, 1.0);
        let first = ints([4, 1], case.seed + 1, 0, a as i32);
        let second = ints([4, 1], case.seed + 2, 0, b as i32);
        let at: Tensor<2, Int> = Tensor::cat(vec![first, second], 1);
        let new = floats([4, c], case.seed + 3, -1.0, 1.0);
        let exporter = Exporter::new().input("x", x.clone(), [""; 3]).input("at", at.clone(), [""; 2]).input(
            "new",
            new.clone(),
            [""; 2],
        );
        check(&nothing(), exporter, vec![(x, at, new)], |_, (x, at, new)| {
            let read: Tensor<2> = x.clone().gather_nd(at.clone());
            (read, x.scatter_nd(at, new, burn::tensor::IndexingUpdateOp::Add))
        });
    });
}
