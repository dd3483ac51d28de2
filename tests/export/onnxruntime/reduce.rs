//! Reductions, cumulative operations, sorting.

use burn::tensor::Tensor;
use burn_onnx_export::Exporter;

use crate::generate::{case, floats, for_all, ints, nothing, unary, unary_int};
use crate::support::check;

#[test]
fn sums_means_and_products() {
    unary((-1.0, 1.0), |x| {
        (
            x.clone().sum(),
            x.clone().mean(),
            x.clone().sum_dim(1),
            x.clone().mean_dim(2),
            x.clone().prod_dim(0),
            x.prod(),
        )
    });
    unary((-1.0, 1.0), |x| {
        let squeezed: Tensor<1> = x.clone().sum_dims_squeeze(&[0, 2]);
        (x.clone().mean_dims(&[0, 2]), x.clone().sum_dims(&[1, 2]), squeezed, x.clone().var(1), x.var_bias(2))
    });
    unary_int((-9, 9), |x| {
        (x.clone().sum(), x.clone().sum_dim(1), x.clone().mean_dim(2), x.clone().mean(), x.prod_dim(0))
    });
}

#[test]
fn extremes_and_where_they_are() {
    unary((-1.0, 1.0), |x| {
        (
            x.clone().max(),
            x.clone().min(),
            x.clone().max_dim(1),
            x.clone().min_dim(2),
            x.clone().max_abs_dim(0),
            x.max_abs(),
        )
    });
    unary((-1.0, 1.0), |x| {
        let (values, at) = x.clone().max_dim_with_indices(1);
        let (low, low_at) = x.clone().min_dim_with_indices(2);
        (values, at, low, low_at, x.clone().argmax(0), x.argmin(1))
    });
    unary_int((-3, 3), |x| (x.clone().max(), x.clone().min_dim(1), x.clone().argmax(2), x.argmin(0)));
}

#[test]
fn running_totals() {
    for_all(case::<3>(), |mut case| {
        case.open[1] = false;
        let input = |shape| floats(shape, case.seed, -2.0, 2.0);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check(&nothing(), exporter, inputs, |_, x| {
            (x.clone().cumsum(1), x.clone().cumprod(1), x.clone().cummax(1), x.clone().cummin(1), x.cumsum(0))
        });
    });
    for_all(case::<2>(), |case| {
        let case = case.closed();
        let input = ints(case.shape, case.seed, -4, 4);
        let exporter = Exporter::new().input("x", input.clone(), case.axes());
        check(&nothing(), exporter, vec![input], |_, x| {
            (x.clone().cumsum(1), x.clone().cumprod(0), x.clone().cummax(1), x.cummin(0))
        });
    });
}

#[test]
fn sorting() {
    unary((-1.0, 1.0), |x| {
        let (values, at) = x.clone().sort_with_indices(1);
        (values, at, x.clone().sort(2), x.clone().sort_descending(0), x.argsort(2))
    });
    for_all(case::<3>(), |mut case| {
        case.shape[2] += 2;
        case.open[2] = false;
        let input = |shape| floats(shape, case.seed, -2.0, 2.0);
        let exporter = Exporter::new().input("x", input(case.shape), case.axes());
        let inputs = case.shapes().into_iter().map(input).collect();
        check(&nothing(), exporter, inputs, |_, x| {
            let (values, at) = x.clone().topk_with_indices(2, 2);
            (values, at, x.clone().topk(3, 2), x.argtopk(2, 2))
        });
    });
}
