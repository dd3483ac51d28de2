// Made by burn-onnx from classifier.onnx
extern crate alloc;
use burn::prelude::*;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::conv::Conv2dConfig;
use burn::nn::pool::MaxPool2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::tensor::Bytes;
use burn_store::BurnpackStore;
use burn_store::ModuleSnapshot;


#[derive(Module, Debug)]
pub struct Model {
    constant6: burn::module::Param<Tensor<1>>,
    constant7: burn::module::Param<Tensor<2>>,
    constant8: burn::module::Param<Tensor<1>>,
    constant9: burn::module::Param<Tensor<2>>,
    conv2d1: Conv2d,
    maxpool2d1: MaxPool2d,
    conv2d2: Conv2d,
    maxpool2d2: MaxPool2d,
    #[module(skip)]
    device: Device,
}


impl Model {
    /// Load model weights from in-memory bytes.
    ///
    /// The bytes must be the contents of a `.bpk` file.
    pub fn from_bytes(bytes: Bytes, device: &Device) -> Self {
        let mut model = Self::new(device);
        let mut store = BurnpackStore::from_bytes(Some(bytes));
        model
            .load_from(&mut store)
            .unwrap_or_else(|e| panic!("Failed to load burnpack bytes: {e}"));
        model
    }
}

impl Model {
    #[allow(unused_variables)]
    pub fn new(device: &Device) -> Self {
        let constant6: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::zeros([2], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [2].into(),
        );
        let constant7: burn::module::Param<Tensor<2>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                2,
            >::zeros([16, 2], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [16, 2].into(),
        );
        let constant8: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::zeros([16], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [16].into(),
        );
        let constant9: burn::module::Param<Tensor<2>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                2,
            >::zeros([128, 16], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [128, 16].into(),
        );
        let conv2d1 = Conv2dConfig::new([3, 4], [3, 3])
            .with_stride([1, 1])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_dilation([1, 1])
            .with_groups(1)
            .with_bias(true)
            .init(device);
        let maxpool2d1 = MaxPool2dConfig::new([2, 2])
            .with_strides([2, 2])
            .with_padding(PaddingConfig2d::Valid)
            .with_dilation([1, 1])
            .with_ceil_mode(false)
            .init();
        let conv2d2 = Conv2dConfig::new([4, 8], [3, 3])
            .with_stride([1, 1])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_dilation([1, 1])
            .with_groups(1)
            .with_bias(true)
            .init(device);
        let maxpool2d2 = MaxPool2dConfig::new([2, 2])
            .with_strides([2, 2])
            .with_padding(PaddingConfig2d::Valid)
            .with_dilation([1, 1])
            .with_ceil_mode(false)
            .init();
        Self {
            constant6,
            constant7,
            constant8,
            constant9,
            conv2d1,
            maxpool2d1,
            conv2d2,
            maxpool2d2,
            device: device.clone(),
        }
    }

    #[allow(clippy::let_and_return, clippy::approx_constant)]
    pub fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let constant6_out1 = self.constant6.val();
        let constant7_out1 = self.constant7.val();
        let constant8_out1 = self.constant8.val();
        let constant9_out1 = self.constant9.val();
        let conv2d1_out1 = self.conv2d1.forward(image);
        let relu1_out1 = burn::tensor::activation::relu(conv2d1_out1);
        let maxpool2d1_out1 = self.maxpool2d1.forward(relu1_out1);
        let conv2d2_out1 = self.conv2d2.forward(maxpool2d1_out1);
        let relu2_out1 = burn::tensor::activation::relu(conv2d2_out1);
        let maxpool2d2_out1 = self.maxpool2d2.forward(relu2_out1);
        let reshape1_out1 = maxpool2d2_out1.reshape([0, 128]);
        let gemm1_out1 = reshape1_out1.matmul(constant9_out1)
            + constant8_out1.unsqueeze();
        let relu3_out1 = burn::tensor::activation::relu(gemm1_out1);
        let gemm2_out1 = relu3_out1.matmul(constant7_out1) + constant6_out1.unsqueeze();
        let softmax1_out1 = burn::tensor::activation::softmax(gemm2_out1, 1);
        softmax1_out1
    }
}
