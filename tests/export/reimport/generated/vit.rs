// Made by burn-onnx from vit.onnx
extern crate alloc;
use burn::prelude::*;
use burn::nn::LayerNorm;
use burn::nn::LayerNormConfig;
use burn::nn::Linear;
use burn::nn::LinearConfig;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::conv::Conv2dConfig;
use burn::tensor::Bytes;
use burn_store::BurnpackStore;
use burn_store::ModuleSnapshot;


#[derive(Module, Debug)]
pub struct Model {
    constant10: burn::module::Param<Tensor<1>>,
    constant16: burn::module::Param<Tensor<1>>,
    constant17: burn::module::Param<Tensor<1>>,
    constant18: burn::module::Param<Tensor<1>>,
    constant38: burn::module::Param<Tensor<1>>,
    constant39: burn::module::Param<Tensor<2>>,
    constant42: burn::module::Param<Tensor<3>>,
    constant43: burn::module::Param<Tensor<3>>,
    conv2d1: Conv2d,
    layernormalization1: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    linear3: Linear,
    linear4: Linear,
    layernormalization2: LayerNorm,
    linear5: Linear,
    linear6: Linear,
    layernormalization3: LayerNorm,
    linear7: Linear,
    linear8: Linear,
    linear9: Linear,
    linear10: Linear,
    layernormalization4: LayerNorm,
    linear11: Linear,
    linear12: Linear,
    layernormalization5: LayerNorm,
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
        let constant10: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([2f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant16: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([1.4142135381698608f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant17: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([1f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant18: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::from_data(
                burn::tensor::TensorData::from([0.5f64]),
                (device, burn::tensor::DType::F32),
            ),
            device.clone(),
            false,
            [1].into(),
        );
        let constant38: burn::module::Param<Tensor<1>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                1,
            >::zeros([3], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [3].into(),
        );
        let constant39: burn::module::Param<Tensor<2>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                2,
            >::zeros([8, 3], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [8, 3].into(),
        );
        let constant42: burn::module::Param<Tensor<3>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                3,
            >::zeros([1, 17, 8], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [1, 17, 8].into(),
        );
        let constant43: burn::module::Param<Tensor<3>> = burn::module::Param::uninitialized(
            burn::module::ParamId::new(),
            move |device, _require_grad| Tensor::<
                3,
            >::zeros([1, 1, 8], (device, burn::tensor::DType::F32)),
            device.clone(),
            false,
            [1, 1, 8].into(),
        );
        let conv2d1 = Conv2dConfig::new([3, 8], [4, 4])
            .with_stride([4, 4])
            .with_padding(PaddingConfig2d::Valid)
            .with_dilation([1, 1])
            .with_groups(1)
            .with_bias(true)
            .init(device);
        let layernormalization1 = LayerNormConfig::new(8)
            .with_epsilon(0.0000009999999974752427f64)
            .with_bias(true)
            .init(device);
        let linear1 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear2 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear3 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear4 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let layernormalization2 = LayerNormConfig::new(8)
            .with_epsilon(0.0000009999999974752427f64)
            .with_bias(true)
            .init(device);
        let linear5 = LinearConfig::new(8, 16).with_bias(true).init(device);
        let linear6 = LinearConfig::new(16, 8).with_bias(true).init(device);
        let layernormalization3 = LayerNormConfig::new(8)
            .with_epsilon(0.0000009999999974752427f64)
            .with_bias(true)
            .init(device);
        let linear7 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear8 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear9 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let linear10 = LinearConfig::new(8, 8).with_bias(true).init(device);
        let layernormalization4 = LayerNormConfig::new(8)
            .with_epsilon(0.0000009999999974752427f64)
            .with_bias(true)
            .init(device);
        let linear11 = LinearConfig::new(8, 16).with_bias(true).init(device);
        let linear12 = LinearConfig::new(16, 8).with_bias(true).init(device);
        let layernormalization5 = LayerNormConfig::new(8)
            .with_epsilon(0.0000009999999974752427f64)
            .with_bias(true)
            .init(device);
        Self {
            constant10,
            constant16,
            constant17,
            constant18,
            constant38,
            constant39,
            constant42,
            constant43,
            conv2d1,
            layernormalization1,
            linear1,
            linear2,
            linear3,
            linear4,
            layernormalization2,
            linear5,
            linear6,
            layernormalization3,
            linear7,
            linear8,
            linear9,
            linear10,
            layernormalization4,
            linear11,
            linear12,
            layernormalization5,
            device: device.clone(),
        }
    }

    #[allow(clippy::let_and_return, clippy::approx_constant)]
    pub fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let constant10_out1 = self.constant10.val();
        let constant16_out1 = self.constant16.val();
        let constant17_out1 = self.constant17.val();
        let constant18_out1 = self.constant18.val();
        let constant34_out1: [i64; 2] = [1i64, 1i64];
        let constant38_out1 = self.constant38.val();
        let constant39_out1 = self.constant39.val();
        let constant42_out1 = self.constant42.val();
        let constant43_out1 = self.constant43.val();
        let conv2d1_out1 = self.conv2d1.forward(image.clone());
        let reshape1_out1 = conv2d1_out1.reshape([0, 8, 16]);
        let transpose1_out1 = reshape1_out1.permute([0, 2, 1]);
        let shape1_out1: [i64; 1] = {
            let axes = &image.dims()[0..1];
            let mut output = [0i64; 1];
            for i in 0..1 {
                output[i] = axes[i] as i64;
            }
            output
        };
        let concat1_out1: [i64; 3usize] = [&shape1_out1[..], &constant34_out1[..]]
            .concat()
            .try_into()
            .unwrap();
        let expand1_out1 = {
            let onnx_shape: [i64; 3usize] = concat1_out1;
            let input_dims = constant43_out1.dims();
            let mut shape = onnx_shape;
            #[allow(clippy::needless_range_loop)]
            for i in 0..3usize {
                let dim_offset = i;
                if shape[dim_offset] == 1 && input_dims[i] > 1 {
                    shape[dim_offset] = input_dims[i] as i64;
                }
            }
            constant43_out1.expand(shape)
        };
        let concat2_out1 = burn::tensor::Tensor::cat(
            [expand1_out1, transpose1_out1].into(),
            1,
        );
        let add1_out1 = concat2_out1.add(constant42_out1);
        let layernormalization1_out1 = {
            let dtype = add1_out1.clone().dtype();
            self.layernormalization1
                .forward(add1_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear1_out1 = self.linear1.forward(layernormalization1_out1.clone());
        let reshape2_out1 = linear1_out1.reshape([0, 17, 2, 4]);
        let transpose2_out1 = reshape2_out1.permute([0, 2, 1, 3]);
        let linear2_out1 = self.linear2.forward(layernormalization1_out1.clone());
        let reshape3_out1 = linear2_out1.reshape([0, 17, 2, 4]);
        let linear3_out1 = self.linear3.forward(layernormalization1_out1);
        let reshape4_out1 = linear3_out1.reshape([0, 17, 2, 4]);
        let transpose3_out1 = reshape4_out1.permute([0, 2, 1, 3]);
        let transpose4_out1 = reshape3_out1.permute([0, 2, 3, 1]);
        let matmul4_out1 = transpose2_out1.matmul(transpose4_out1);
        let div1_out1 = matmul4_out1
            .div((constant10_out1.clone()).unsqueeze_dims(&[0isize, 1isize, 2isize]));
        let softmax1_out1 = burn::tensor::activation::softmax(div1_out1, 3);
        let matmul5_out1 = softmax1_out1.matmul(transpose3_out1);
        let transpose5_out1 = matmul5_out1.permute([0, 2, 1, 3]);
        let reshape5_out1 = transpose5_out1.reshape([0, 17, 8]);
        let linear4_out1 = self.linear4.forward(reshape5_out1);
        let add2_out1 = add1_out1.add(linear4_out1);
        let layernormalization2_out1 = {
            let dtype = add2_out1.clone().dtype();
            self.layernormalization2
                .forward(add2_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear5_out1 = self.linear5.forward(layernormalization2_out1);
        let div2_out1 = linear5_out1
            .clone()
            .div((constant16_out1.clone()).unsqueeze_dims(&[0isize, 1isize]));
        let erf1_out1 = div2_out1.erf();
        let add3_out1 = erf1_out1
            .add((constant17_out1.clone()).unsqueeze_dims(&[0isize, 1isize]));
        let mul1_out1 = linear5_out1.mul(add3_out1);
        let mul2_out1 = mul1_out1
            .mul((constant18_out1.clone()).unsqueeze_dims(&[0isize, 1isize]));
        let linear6_out1 = self.linear6.forward(mul2_out1);
        let add4_out1 = add2_out1.add(linear6_out1);
        let layernormalization3_out1 = {
            let dtype = add4_out1.clone().dtype();
            self.layernormalization3
                .forward(add4_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear7_out1 = self.linear7.forward(layernormalization3_out1.clone());
        let reshape6_out1 = linear7_out1.reshape([0, 17, 2, 4]);
        let transpose6_out1 = reshape6_out1.permute([0, 2, 1, 3]);
        let linear8_out1 = self.linear8.forward(layernormalization3_out1.clone());
        let reshape7_out1 = linear8_out1.reshape([0, 17, 2, 4]);
        let linear9_out1 = self.linear9.forward(layernormalization3_out1);
        let reshape8_out1 = linear9_out1.reshape([0, 17, 2, 4]);
        let transpose7_out1 = reshape8_out1.permute([0, 2, 1, 3]);
        let transpose8_out1 = reshape7_out1.permute([0, 2, 3, 1]);
        let matmul12_out1 = transpose6_out1.matmul(transpose8_out1);
        let div3_out1 = matmul12_out1
            .div((constant10_out1).unsqueeze_dims(&[0isize, 1isize, 2isize]));
        let softmax2_out1 = burn::tensor::activation::softmax(div3_out1, 3);
        let matmul13_out1 = softmax2_out1.matmul(transpose7_out1);
        let transpose9_out1 = matmul13_out1.permute([0, 2, 1, 3]);
        let reshape9_out1 = transpose9_out1.reshape([0, 17, 8]);
        let linear10_out1 = self.linear10.forward(reshape9_out1);
        let add5_out1 = add4_out1.add(linear10_out1);
        let layernormalization4_out1 = {
            let dtype = add5_out1.clone().dtype();
            self.layernormalization4
                .forward(add5_out1.clone().cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let linear11_out1 = self.linear11.forward(layernormalization4_out1);
        let div4_out1 = linear11_out1
            .clone()
            .div((constant16_out1).unsqueeze_dims(&[0isize, 1isize]));
        let erf2_out1 = div4_out1.erf();
        let add6_out1 = erf2_out1
            .add((constant17_out1).unsqueeze_dims(&[0isize, 1isize]));
        let mul3_out1 = linear11_out1.mul(add6_out1);
        let mul4_out1 = mul3_out1
            .mul((constant18_out1).unsqueeze_dims(&[0isize, 1isize]));
        let linear12_out1 = self.linear12.forward(mul4_out1);
        let add7_out1 = add5_out1.add(linear12_out1);
        let layernormalization5_out1 = {
            let dtype = add7_out1.dtype();
            self.layernormalization5
                .forward(add7_out1.cast(burn::tensor::DType::F32))
                .cast(dtype)
        };
        let slice1_out1 = layernormalization5_out1.slice(s![.., 0..1, ..]);
        let reshape10_out1 = slice1_out1.reshape([0, 8]);
        let gemm1_out1 = reshape10_out1.matmul(constant39_out1)
            + constant38_out1.unsqueeze();
        gemm1_out1
    }
}
