//! Element types under the names that each side gives them: ONNX's number, the manifest's word, Triton's constant.

use crate::proto::model_config::DataType;

/// One element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    /// `TensorProto.DataType` in onnx.proto.
    onnx: i32,
    /// The manifest's word.
    pub(crate) name: &'static str,
    /// Triton's constant.
    pub(crate) triton: DataType,
}

const fn element(onnx: i32, name: &'static str, triton: DataType) -> Element {
    Element { onnx, name, triton }
}

/// Every type that both ONNX and Triton have.
const ELEMENTS: [Element; 14] = [
    element(1, "float32", DataType::TYPE_FP32),
    element(2, "uint8", DataType::TYPE_UINT8),
    element(3, "int8", DataType::TYPE_INT8),
    element(4, "uint16", DataType::TYPE_UINT16),
    element(5, "int16", DataType::TYPE_INT16),
    element(6, "int32", DataType::TYPE_INT32),
    element(7, "int64", DataType::TYPE_INT64),
    element(8, "string", DataType::TYPE_STRING),
    element(9, "bool", DataType::TYPE_BOOL),
    element(10, "float16", DataType::TYPE_FP16),
    element(11, "float64", DataType::TYPE_FP64),
    element(12, "uint32", DataType::TYPE_UINT32),
    element(13, "uint64", DataType::TYPE_UINT64),
    element(16, "bfloat16", DataType::TYPE_BF16),
];

impl Element {
    /// By ONNX's number.
    pub(crate) fn of_onnx(number: i32) -> Option<Self> {
        ELEMENTS.into_iter().find(|element| element.onnx == number)
    }
}
