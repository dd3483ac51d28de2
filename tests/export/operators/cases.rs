//! One forward function for every operation that burn records, each exported alone.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{
    gelu, hard_sigmoid, leaky_relu, log_sigmoid, log_softmax, prelu, relu, sigmoid, softmax, softmin,
};
use burn::tensor::kind::Basic;
use burn::tensor::module as nn;
use burn::tensor::ops::{
    AttentionModuleOptions, AvgPoolOptions, ConvOptions, ConvTransposeOptions, DeformConvOptions, GridSampleOptions,
    InterpolateMode, InterpolateOptions, MaxPoolOptions, PadMode, UnfoldOptions,
};
use burn::tensor::{Bool, DType, Device, Distribution, IndexingUpdateOp, Int, Tensor};
use burn_onnx_export::{Exporter, OnnxModel, Outputs, Result};

/// A module without parameters.
#[derive(Module, Debug)]
struct Nothing {
    nothing: Vec<Linear>,
}

/// Exports one operation at an opset.
pub(crate) type Case = (&'static str, Box<dyn Fn(i64) -> Result<OnnxModel>>);

fn device() -> Device {
    Device::flex()
}

fn exporter(opset: i64) -> Exporter {
    Exporter::new().opset(opset).allow_random()
}

fn nothing() -> Nothing {
    Nothing { nothing: Vec::new() }
}

/// An operation of one tensor whose first axis is symbolic.
fn one<const D: usize, K: Basic + 'static, O: Outputs>(
    kind: &'static str,
    sample: Tensor<D, K>,
    operation: impl Fn(Tensor<D, K>) -> O + 'static,
) -> Case
where
    Tensor<D, K>: burn_onnx_export::Inputs,
    (): burn_onnx_export::Append<Tensor<D, K>, Longer = Tensor<D, K>>,
{
    let mut axes = [""; D];
    axes[0] = "n";
    let export = move |opset| {
        let exporter = exporter(opset).input("x", sample.clone(), axes);
        exporter.export(&nothing(), |_, x| operation(x))
    };
    (kind, Box::new(export))
}

/// An operation of two tensors of one shape.
fn two<const D: usize, K: Basic + 'static, O: Outputs>(
    kind: &'static str,
    sample: Tensor<D, K>,
    operation: impl Fn(Tensor<D, K>, Tensor<D, K>) -> O + 'static,
) -> Case
where
    Tensor<D, K>:
        burn_onnx_export::Inputs + burn_onnx_export::Append<Tensor<D, K>, Longer = (Tensor<D, K>, Tensor<D, K>)>,
    (): burn_onnx_export::Append<Tensor<D, K>, Longer = Tensor<D, K>>,
{
    let mut axes = [""; D];
    axes[0] = "n";
    let export = move |opset| {
        let exporter = exporter(opset).input("a", sample.clone(), axes).input("b", sample.clone(), axes);
        exporter.export(&nothing(), |_, (a, b)| operation(a, b))
    };
    (kind, Box::new(export))
}

fn floats() -> Tensor<3> {
    Tensor::zeros([2, 3, 8], &device())
}

fn ints() -> Tensor<3, Int> {
    Tensor::zeros([2, 3, 8], (&device(), DType::I32))
}

fn bools() -> Tensor<3, Bool> {
    floats().greater_elem(0.0)
}

fn image() -> Tensor<4> {
    Tensor::zeros([2, 4, 8, 8], &device())
}

fn cube() -> Tensor<5> {
    Tensor::zeros([2, 4, 4, 4, 4], &device())
}

/// A weight of ones on the device of the recording.
fn ones<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::ones(shape, &Device::flex()).to_device(device)
}

/// Indices on the device of the recording.
fn picks<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    Tensor::<D, Int>::zeros(shape, &Device::flex()).to_device(device)
}

/// Cases of every operation that can be recorded, by family.
pub(crate) fn all() -> Vec<Case> {
    [base(), numeric(), float(), int(), boolean(), activation(), layer()].into_iter().flatten().collect()
}

fn base() -> Vec<Case> {
    use IndexingUpdateOp::Add;
    vec![
        one("Base::Reshape", floats(), |x| {
            let [n, a, b] = x.dims();
            x.reshape([n * a, b])
        }),
        one("Base::SwapDims", floats(), |x| x.swap_dims(1, 2)),
        one("Base::Permute", floats(), |x| x.permute([2, 0, 1])),
        one("Base::Flip", floats(), |x| x.flip([1])),
        one("Base::Expand", floats(), |x| {
            let [n, a, b] = x.dims();
            x.unsqueeze::<4>().expand([5, n, a, b])
        }),
        one("Base::Unfold", floats(), |x| -> Tensor<4> { x.unfold(2, 3, 2) }),
        one("Base::Slice", floats(), |x| x.narrow(1, 1, 2)),
        one("Base::SliceAssign", floats(), |x| {
            let part = x.clone().narrow(1, 1, 2);
            let [n, _, b] = x.dims();
            x.slice_assign([0..n, 0..2, 0..b], part)
        }),
        one("Base::Select", floats(), |x| {
            let at = picks([2], &x.device());
            x.select(1, at)
        }),
        one("Base::SelectAssign", floats(), |x| {
            let (at, part) = (picks([2], &x.device()), x.clone().narrow(1, 0, 2));
            x.select_assign(1, at, part, Add)
        }),
        two("Base::MaskWhere", floats(), |a, b| {
            let mask = a.clone().greater_elem(0.5);
            a.mask_where(mask, b)
        }),
        one("Base::MaskFill", floats(), |x| {
            let mask = x.clone().greater_elem(0.5);
            x.mask_fill(mask, 2.0)
        }),
        one("Base::Gather", floats(), |x| {
            let at = x.clone().int();
            x.gather(1, at)
        }),
        one("Base::Scatter", floats(), |x| {
            let at = x.clone().int();
            x.clone().scatter(1, at, x, Add)
        }),
        one("Base::ScatterNd", floats(), |x| {
            let (at, part) = (picks([2, 2], &x.device()), ones([2, 8], &x.device()));
            x.scatter_nd(at, part, Add)
        }),
        one("Base::GatherNd", floats(), |x| -> Tensor<2> {
            let at = picks([2, 2], &x.device());
            x.gather_nd(at)
        }),
        two("Base::Equal", floats(), |a, b| a.equal(b)),
        one("Base::EqualElem", floats(), |x| x.equal_elem(1.0)),
        two("Base::NotEqual", floats(), |a, b| a.not_equal(b)),
        one("Base::NotEqualElem", floats(), |x| x.not_equal_elem(1.0)),
        one("Base::RepeatDim", floats(), |x| x.repeat_dim(1, 3)),
        two("Base::Cat", floats(), |a, b| Tensor::cat(vec![a, b], 1)),
        one("Base::Cast", floats(), |x| x.cast(DType::F16)),
        one("Base::Empty", floats(), |x| Tensor::<3>::empty(x.dims(), &x.device()) + x),
        one("Base::Zeros", floats(), |x| Tensor::<3>::zeros(x.dims(), &x.device()) + x),
        one("Base::Ones", floats(), |x| Tensor::<3>::ones(x.dims(), &x.device()) + x),
        one("Base::All", bools(), Tensor::all),
        one("Base::Any", bools(), Tensor::any),
        one("Base::AllDim", bools(), |x| x.all_dim(1)),
        one("Base::AnyDim", bools(), |x| x.any_dim(1)),
    ]
}

fn numeric() -> Vec<Case> {
    vec![
        two("Numeric::Add", floats(), |a, b| a + b),
        one("Numeric::AddScalar", floats(), |x| x + 2.0),
        two("Numeric::Sub", floats(), |a, b| a - b),
        one("Numeric::SubScalar", floats(), |x| x - 2.0),
        two("Numeric::Div", floats(), |a, b| a / b),
        one("Numeric::DivScalar", floats(), |x| x / 2.0),
        two("Numeric::Rem", floats(), Tensor::remainder),
        one("Numeric::RemScalar", floats(), |x| x.remainder_scalar(2.0)),
        two("Numeric::Mul", floats(), |a, b| a * b),
        one("Numeric::MulScalar", floats(), |x| x * 2.0),
        one("Numeric::Abs", floats(), Tensor::abs),
        one("Numeric::Full", floats(), |x| Tensor::<3>::full(x.dims(), 2.0, &x.device()) + x),
        one("Numeric::MeanDim", floats(), |x| x.mean_dim(1)),
        one("Numeric::Mean", floats(), Tensor::mean),
        one("Numeric::Sum", floats(), Tensor::sum),
        one("Numeric::SumDim", floats(), |x| x.sum_dim(1)),
        one("Numeric::SumDims", floats(), |x| x.sum_dims(&[0, 2])),
        one("Numeric::Prod", floats(), Tensor::prod),
        one("Numeric::ProdDim", floats(), |x| x.prod_dim(1)),
        two("Numeric::Greater", floats(), Tensor::greater),
        one("Numeric::GreaterElem", floats(), |x| x.greater_elem(1.0)),
        two("Numeric::GreaterEqual", floats(), Tensor::greater_equal),
        one("Numeric::GreaterEqualElem", floats(), |x| x.greater_equal_elem(1.0)),
        two("Numeric::Lower", floats(), Tensor::lower),
        one("Numeric::LowerElem", floats(), |x| x.lower_elem(1.0)),
        two("Numeric::LowerEqual", floats(), Tensor::lower_equal),
        one("Numeric::LowerEqualElem", floats(), |x| x.lower_equal_elem(1.0)),
        one("Numeric::ArgMax", floats(), |x| x.argmax(1)),
        one("Numeric::ArgTopK", floats(), |x| x.argtopk(2, 2)),
        one("Numeric::TopK", floats(), |x| x.topk(2, 2)),
        one("Numeric::TopKWithIndices", floats(), |x| x.topk_with_indices(2, 2)),
        one("Numeric::ArgMin", floats(), |x| x.argmin(1)),
        one("Numeric::Max", floats(), Tensor::max),
        one("Numeric::MaxDimWithIndices", floats(), |x| x.max_dim_with_indices(1)),
        one("Numeric::MinDimWithIndices", floats(), |x| x.min_dim_with_indices(1)),
        one("Numeric::Min", floats(), Tensor::min),
        one("Numeric::MaxDim", floats(), |x| x.max_dim(1)),
        one("Numeric::MinDim", floats(), |x| x.min_dim(1)),
        one("Numeric::MaxAbs", floats(), Tensor::max_abs),
        one("Numeric::MaxAbsDim", floats(), |x| x.max_abs_dim(1)),
        one("Numeric::Clamp", floats(), |x| x.clamp(-1.0, 1.0)),
        one("Numeric::ClampMin", floats(), |x| x.clamp_min(-1.0)),
        one("Numeric::ClampMax", floats(), |x| x.clamp_max(1.0)),
        one("Numeric::IntRandom", floats(), |x| {
            Tensor::<3, Int>::random(x.dims(), Distribution::Uniform(0.0, 9.0), &x.device()).float() + x
        }),
        two("Numeric::Powi", ints(), Tensor::powi),
        one("Numeric::PowiScalar", floats(), |x| x.powi_scalar(3)),
        one("Numeric::CumSum", floats(), |x| x.cumsum(1)),
        one("Numeric::CumProd", floats(), |x| x.cumprod(1)),
        one("Numeric::CumMin", floats(), |x| x.cummin(1)),
        one("Numeric::CumMax", floats(), |x| x.cummax(1)),
        one("Numeric::Neg", floats(), |x| -x),
        one("Numeric::Sign", floats(), Tensor::sign),
        one("Numeric::Sort", floats(), |x| x.sort(1)),
        one("Numeric::SortWithIndices", floats(), |x| x.sort_with_indices(1)),
        one("Numeric::ArgSort", floats(), |x| x.argsort(1)),
        one("Numeric::Pad", floats(), |x| x.pad([(1, 1)], PadMode::Edge)),
    ]
}

fn float() -> Vec<Case> {
    type Function = fn(Tensor<3>) -> Tensor<3>;
    let unary: [(&'static str, Function); 26] = [
        ("Float::Exp", Tensor::exp),
        ("Float::Log", Tensor::log),
        ("Float::Log1p", Tensor::log1p),
        ("Float::Erf", Tensor::erf),
        ("Float::PowfScalar", |x| x.powf_scalar(1.5)),
        ("Float::Sqrt", Tensor::sqrt),
        ("Float::Cos", Tensor::cos),
        ("Float::Cosh", Tensor::cosh),
        ("Float::Sin", Tensor::sin),
        ("Float::Sinh", Tensor::sinh),
        ("Float::Tan", Tensor::tan),
        ("Float::Tanh", Tensor::tanh),
        ("Float::ArcCos", Tensor::acos),
        ("Float::ArcCosh", Tensor::acosh),
        ("Float::ArcSin", Tensor::asin),
        ("Float::ArcSinh", Tensor::asinh),
        ("Float::ArcTan", Tensor::atan),
        ("Float::ArcTanh", Tensor::atanh),
        ("Float::Round", Tensor::round),
        ("Float::Floor", Tensor::floor),
        ("Float::Ceil", Tensor::ceil),
        ("Float::Trunc", Tensor::trunc),
        ("Float::Recip", Tensor::recip),
        ("Float::Random", |x| x.random_like(Distribution::Normal(0.0, 1.0))),
        ("Float::Random", |x| x.random_like(Distribution::Uniform(0.0, 1.0))),
        ("Float::Random", |x| x.random_like(Distribution::Bernoulli(0.5))),
    ];
    let mut all: Vec<Case> = unary.into_iter().map(|(kind, operation)| one(kind, floats(), operation)).collect();
    all.extend([
        two("Float::ArcTan2", floats(), Tensor::atan2),
        one("Float::IntoInt", floats(), |x| x.int()),
        two("Float::Matmul", floats(), |a, b| a.matmul(b.swap_dims(1, 2))),
        two("Float::Cross", floats(), |a, b| a.cross(b, 1)),
        one("Float::IsNan", floats(), |x| x.is_nan()),
        one("Float::IsInf", floats(), |x| x.is_inf()),
        one("Float::GridSample2d", image(), |x| {
            let grid = ones([2, 5, 5, 2], &x.device()).narrow(0, 0, 1).repeat_dim(0, x.dims()[0]);
            x.grid_sample_2d(grid, GridSampleOptions::default())
        }),
        two("Float::Powf", floats(), Tensor::powf),
        two("Float::Hypot", floats(), Tensor::hypot),
    ]);
    all
}

fn int() -> Vec<Case> {
    vec![
        one("Int::IntoFloat", ints(), |x| x.float()),
        two("Int::BitwiseAnd", ints(), Tensor::bitwise_and),
        one("Int::BitwiseAndScalar", ints(), |x| x.bitwise_and_scalar(3)),
        two("Int::BitwiseOr", ints(), Tensor::bitwise_or),
        one("Int::BitwiseOrScalar", ints(), |x| x.bitwise_or_scalar(3)),
        two("Int::BitwiseXor", ints(), Tensor::bitwise_xor),
        one("Int::BitwiseXorScalar", ints(), |x| x.bitwise_xor_scalar(3)),
        one("Int::BitwiseNot", ints(), Tensor::bitwise_not),
        two("Int::BitwiseLeftShift", ints(), Tensor::bitwise_left_shift),
        one("Int::BitwiseLeftShiftScalar", ints(), |x| x.bitwise_left_shift_scalar(3)),
        two("Int::BitwiseRightShift", ints(), Tensor::bitwise_right_shift),
        one("Int::BitwiseRightShiftScalar", ints(), |x| x.bitwise_right_shift_scalar(3)),
        two("Int::Matmul", ints(), |a, b| a.matmul(b.swap_dims(1, 2))),
    ]
}

fn boolean() -> Vec<Case> {
    vec![
        one("Bool::IntoFloat", bools(), |x| x.float()),
        one("Bool::IntoInt", bools(), |x| x.int()),
        one("Bool::Not", bools(), Tensor::bool_not),
        two("Bool::And", bools(), Tensor::bool_and),
        two("Bool::Or", bools(), Tensor::bool_or),
        two("Bool::Xor", bools(), Tensor::bool_xor),
    ]
}

fn activation() -> Vec<Case> {
    vec![
        one("Activation::Relu", floats(), relu),
        one("Activation::LeakyRelu", floats(), |x| leaky_relu(x, 0.1)),
        one("Activation::PRelu", floats(), |x| {
            let slope = ones([3], &x.device());
            prelu(x, slope)
        }),
        one("Activation::Gelu", floats(), gelu),
        one("Activation::Sigmoid", floats(), sigmoid),
        one("Activation::HardSigmoid", floats(), |x| hard_sigmoid(x, 0.2, 0.5)),
        one("Activation::LogSigmoid", floats(), log_sigmoid),
        one("Activation::Softmax", floats(), |x| softmax(x, 1)),
        one("Activation::LogSoftmax", floats(), |x| log_softmax(x, 1)),
        one("Activation::Softmin", floats(), |x| softmin(x, 1)),
    ]
}

fn layer() -> Vec<Case> {
    let line = || Tensor::<3>::zeros([2, 4, 8], &device());
    let mut all = vec![
        // Without a convolution before it, into which it would be folded.
        one("Module::BatchNorm", image(), |x| {
            let each = |x: &Tensor<4>| ones([4], &x.device());
            nn::batch_norm(x.clone(), each(&x), each(&x), each(&x), each(&x), 1e-5)
        }),
        one("Module::LayerNorm", floats(), |x| {
            let each = ones([8], &x.device());
            nn::layer_norm(x, each.clone(), Some(each), 1e-5)
        }),
        one("Module::Embedding", Tensor::<2, Int>::zeros([2, 3], &device()), |x| {
            let table = ones([9, 4], &x.device());
            nn::embedding(table, x)
        }),
        one("Module::Linear", Tensor::<2>::zeros([2, 8], &device()), |x| {
            let (weight, bias) = (ones([8, 3], &x.device()), ones([3], &x.device()));
            nn::linear(x, weight, Some(bias))
        }),
        one("Module::Linear", floats(), |x| {
            let (weight, bias) = (ones([8, 3], &x.device()), ones([3], &x.device()));
            nn::linear(x, weight, Some(bias))
        }),
        one("Module::Attention", image(), |x| {
            nn::attention(x.clone(), x.clone(), x, None, None, AttentionModuleOptions::default())
        }),
        one("Module::Interpolate", image(), |x| {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear);
            nn::interpolate(x, options.with_output_size([16, 16]))
        }),
        one("Module::Unfold4d", image(), |x| nn::unfold4d(x, [2, 2], UnfoldOptions::new([1, 1], [0, 0], [1, 1]))),
        one("Module::CtcLoss", Tensor::<3>::zeros([2, 6, 4], &device()), |x| {
            let device = x.device();
            let [batch, ..] = x.dims();
            let each = |size: usize, value: i32| Tensor::<2, Int>::full([batch, size], value, &device);
            let (steps, labels) = (each(1, 6).squeeze_dim(1), each(1, 2).squeeze_dim(1));
            nn::ctc_loss(x.swap_dims(0, 1), each(2, 1), steps, labels, 0)
        }),
        one("Module::DeformableConv2d", image(), |x| {
            let device = x.device();
            let offset = ones([1, 18, 6, 6], &device).repeat_dim(0, x.dims()[0]);
            let options = DeformConvOptions::new([1, 1], [0, 0], [1, 1], 1, 1);
            nn::deform_conv2d(x, offset, ones([2, 4, 3, 3], &device), None, None, options)
        }),
    ];
    all.extend([
        one("Module::Conv1d", line(), |x| {
            let weight = ones([2, 4, 3], &x.device());
            nn::conv1d(x, weight, None, ConvOptions::new([1], [1], [1], 1))
        }),
        one("Module::Conv2d", image(), |x| {
            let weight = ones([2, 4, 3, 3], &x.device());
            nn::conv2d(x, weight, None, ConvOptions::new([1; 2], [1; 2], [1; 2], 1))
        }),
        one("Module::Conv3d", cube(), |x| {
            let weight = ones([2, 4, 3, 3, 3], &x.device());
            nn::conv3d(x, weight, None, ConvOptions::new([1; 3], [1; 3], [1; 3], 1))
        }),
        one("Module::ConvTranspose1d", line(), |x| {
            let weight = ones([4, 2, 3], &x.device());
            nn::conv_transpose1d(x, weight, None, ConvTransposeOptions::new([2], [1], [1], [1], 1))
        }),
        one("Module::ConvTranspose2d", image(), |x| {
            let weight = ones([4, 2, 3, 3], &x.device());
            nn::conv_transpose2d(x, weight, None, ConvTransposeOptions::new([2; 2], [1; 2], [1; 2], [1; 2], 1))
        }),
        one("Module::ConvTranspose3d", cube(), |x| {
            let weight = ones([4, 2, 3, 3, 3], &x.device());
            nn::conv_transpose3d(x, weight, None, ConvTransposeOptions::new([2; 3], [1; 3], [1; 3], [1; 3], 1))
        }),
        one("Module::AvgPool1d", line(), |x| nn::avg_pool1d(x, AvgPoolOptions::new([2]))),
        one("Module::AvgPool2d", image(), |x| nn::avg_pool2d(x, AvgPoolOptions::new([2, 2]))),
        one("Module::AdaptiveAvgPool1d", line(), |x| nn::adaptive_avg_pool1d(x, 1)),
        one("Module::AdaptiveAvgPool2d", image(), |x| nn::adaptive_avg_pool2d(x, [2, 2])),
        one("Module::AdaptiveAvgPool2d", image(), |x| nn::adaptive_avg_pool2d(x, [3, 3])),
        one("Module::AdaptiveAvgPool3d", cube(), |x| nn::adaptive_avg_pool3d(x, [1, 1, 1])),
        one("Module::MaxPool1d", line(), |x| nn::max_pool1d(x, MaxPoolOptions::new([2]))),
        one("Module::MaxPool2d", image(), |x| nn::max_pool2d(x, MaxPoolOptions::new([2, 2]))),
        one("Module::MaxPool1dWithIndices", line(), |x| nn::max_pool1d_with_indices(x, MaxPoolOptions::new([2]))),
        one("Module::MaxPool2dWithIndices", image(), |x| nn::max_pool2d_with_indices(x, MaxPoolOptions::new([2, 2]))),
    ]);
    all
}
