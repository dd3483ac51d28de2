//! Makes types of the two protobuf schemas that packaging speaks.

fn main() {
    protobuf_codegen::Codegen::new()
        .pure()
        .includes(["proto"])
        .inputs(["proto/model_config.proto", "proto/onnx.proto"])
        .cargo_out_dir("proto")
        .run_from_script();
}
