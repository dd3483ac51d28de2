//! The batch: fixed ones become symbolic, in every form in which exporters write them into a graph.

use burn_onnx_export::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use kiln_export::Batch;
use kiln_export::import::{ImportRequest, Size, Spec, import};

use crate::models::check;
use crate::support::{Bench, Net, imagenet, model, node, numbers, runtime, tiles, usual};

#[test]
fn a_fixed_batch_becomes_symbolic_where_the_graph_allows_it() {
    for batch in [1, 3] {
        let imported = {
            let bench = Bench::new();
            bench.import(&Net { batch, ..Net::default() }.model(), usual()).unwrap()
        };
        assert_eq!(imported.batch, "dynamic");
        check(&Net { batch, ..Net::default() }, usual(), false, imagenet);
    }
}

/// Replaces `Flatten` by another way to the same rows.
fn with_rows(batch: i64, rows: impl FnOnce(&mut GraphProto)) -> GraphProto {
    let mut graph = Net { batch, ..Net::default() }.graph();
    let at = graph.node.iter().position(|node| node.op_type == "Flatten").unwrap();
    graph.node.remove(at);
    rows(&mut graph);
    graph
}

#[test]
fn a_batch_within_a_reshape_follows_too() {
    for shape in [[1, 8], [1, -1], [-1, 8], [0, 8]] {
        let graph = with_rows(1, |graph| {
            graph.initializer.push(TensorProto::i64("shape", [2], &shape));
            graph.node.insert(5, node("Reshape", &["pooled", "shape"], &["flat"], Vec::new()));
        });
        let bench = Bench::new();
        let imported = bench.import(&model(17, graph), usual()).unwrap();
        assert_eq!((imported.batch.as_str(), imported.batch_note), ("dynamic", None), "{shape:?}");
    }
    // The same by a node, as PyTorch writes it.
    let graph = with_rows(1, |graph| {
        let value = AttributeProto::tensor("value", TensorProto::i64("", [2], &[1, 8]));
        graph.node.insert(5, node("Constant", &[], &["shape"], vec![value]));
        graph.node.insert(6, node("Reshape", &["pooled", "shape"], &["flat"], Vec::new()));
    });
    assert_eq!(Bench::new().import(&model(17, graph), usual()).unwrap().batch, "dynamic");
}

#[test]
fn a_token_that_is_joined_with_the_batch_is_repeated() {
    let graph = with_rows(1, |graph| {
        graph.initializer.push(TensorProto::i64("shape", [3], &[1, 1, 8]));
        graph.initializer.push(TensorProto::f32("token", [1, 1, 8], &crate::support::numbers(8, 8)));
        graph.node.insert(5, node("Reshape", &["pooled", "shape"], &["row"], Vec::new()));
        graph.node.insert(6, node("Concat", &["token", "row"], &["both"], vec![AttributeProto::int("axis", 1)]));
        let axes = vec![AttributeProto::ints("axes", [1]), AttributeProto::int("keepdims", 0)];
        graph.node.insert(7, node("ReduceMean", &["both"], &["flat"], axes));
    });
    let imported = Bench::new().import(&model(13, graph), usual()).unwrap();
    assert_eq!((imported.batch.as_str(), imported.batch_note), ("dynamic", None));
}

#[test]
fn a_graph_that_cannot_follow_keeps_its_batch_and_says_so() {
    // The mean over the batch is subtracted: a tile's answer depends on the others.
    let graph = with_rows(1, |graph| {
        graph.node.insert(5, node("Flatten", &["pooled"], &["rows"], vec![AttributeProto::int("axis", 1)]));
        let axes = vec![AttributeProto::ints("axes", [0]), AttributeProto::int("keepdims", 1)];
        graph.node.insert(6, node("ReduceMax", &["rows"], &["most"], axes));
        graph.node.insert(7, node("Sub", &["rows", "most"], &["flat"], Vec::new()));
    });
    let bench = Bench::new();
    let imported = bench.import(&model(13, graph), usual()).unwrap();
    assert_eq!(imported.batch, "1");
    assert!(imported.batch_note.is_some());
    assert_eq!(bench.outputs(&tiles(1)).batch, 1);
}

#[test]
fn a_batch_can_be_asked_for() {
    for own in [-1, 1, 4] {
        let bench = Bench::new();
        let path = bench.write("model.onnx", &Net { batch: own, ..Net::default() }.model());
        let request = ImportRequest { batch: Batch::Fixed(4), ..bench.request(path, usual()) };
        assert_eq!(import(&request, runtime(), |_| {}).unwrap().batch, "4");
        assert_eq!(bench.outputs(&tiles(4)).batch, 4);
    }
}

/// A small model whose picture is `[batch, 8, 4, 4]`; `rows` makes `flat`, `[batch, columns]`, of it.
fn of_picture(batch: i64, columns: i64, rows: Vec<NodeProto>, constants: Vec<TensorProto>) -> GraphProto {
    let mut graph = Net { batch, size: 64, ..Net::default() }.graph();
    let at = graph.node.iter().position(|node| node.op_type == "GlobalAveragePool").unwrap();
    graph.node.splice(at..at + 2, rows);
    let changed = graph.node.iter_mut().find(|node| node.op_type == "Gemm").unwrap();
    changed.input[1] = "w4".to_owned();
    graph.initializer.push(TensorProto::f32("w4", [columns, 2], &numbers(9, columns as usize * 2)));
    graph.initializer.extend(constants);
    graph
}

/// The middle of the tile, so that the picture is small and needs no resize.
fn middle() -> Spec {
    let mut spec = usual();
    spec.input.resize = Some(Size::Square(256));
    spec
}

fn shape(name: &str, sizes: &[i64]) -> TensorProto {
    TensorProto::i64(name, [sizes.len() as i64], sizes)
}

fn becomes_symbolic(graph: GraphProto) {
    let imported = Bench::new().import(&model(17, graph), middle());
    let imported = imported.unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    assert_eq!((imported.batch.as_str(), imported.batch_note), ("dynamic", None));
}

#[test]
fn a_symbolic_batch_that_tracing_left_in_a_shape_follows() {
    let rows = vec![
        node("GlobalAveragePool", &["r2"], &["pooled"], Vec::new()),
        node("Reshape", &["pooled", "shape"], &["flat"], Vec::new()),
    ];
    becomes_symbolic(of_picture(-1, 8, rows, vec![shape("shape", &[1, 8])]));
}

#[test]
fn attention_whose_sequence_comes_first_follows() {
    // PyTorch's `MultiheadAttention`: [positions, batch, features], with the heads joined to the batch.
    let order = |axes: [i64; 3]| vec![AttributeProto::ints("perm", axes)];
    let rows = vec![
        node("Reshape", &["r2", "planes"], &["rows"], Vec::new()),
        node("Transpose", &["rows"], &["sequence"], order([2, 0, 1])),
        node("Reshape", &["sequence", "heads"], &["split"], Vec::new()),
        node("Transpose", &["split"], &["query"], order([1, 0, 2])),
        node("Transpose", &["split"], &["key"], order([1, 2, 0])),
        node("MatMul", &["query", "key"], &["products"], Vec::new()),
        node("Softmax", &["products"], &["weights"], vec![AttributeProto::int("axis", -1)]),
        node("MatMul", &["weights", "query"], &["mixed"], Vec::new()),
        node("Transpose", &["mixed"], &["ordered"], order([1, 0, 2])),
        node("Reshape", &["ordered", "all"], &["joined"], Vec::new()),
        node("MatMul", &["joined", "w5"], &["projected"], Vec::new()),
        node("Reshape", &["projected", "back"], &["answer"], Vec::new()),
        node(
            "ReduceMean",
            &["answer"],
            &["flat"],
            vec![AttributeProto::ints("axes", [0]), AttributeProto::int("keepdims", 0)],
        ),
    ];
    let constants = vec![
        shape("planes", &[1, 8, 16]),
        shape("heads", &[16, 2, 4]),
        shape("all", &[16, 8]),
        shape("back", &[16, 1, 8]),
        TensorProto::f32("w5", [8, 8], &numbers(10, 64)),
    ];
    becomes_symbolic(of_picture(1, 8, rows, constants));
}

#[test]
fn windows_joined_with_the_batch_follow_beside_a_free_axis() {
    let rows = vec![
        node("Reshape", &["r2", "windows"], &["parts"], Vec::new()),
        node(
            "ReduceMax",
            &["parts"],
            &["most"],
            vec![AttributeProto::ints("axes", [2]), AttributeProto::int("keepdims", 0)],
        ),
        node("Reshape", &["most", "rows"], &["flat"], Vec::new()),
    ];
    becomes_symbolic(of_picture(1, 32, rows, vec![shape("windows", &[8, 4, -1]), shape("rows", &[1, -1])]));
}

#[test]
fn repeats_along_other_axes_leave_the_batch_alone() {
    let rows = vec![
        node("Tile", &["r2", "repeats"], &["larger"], Vec::new()),
        node("GlobalAveragePool", &["larger"], &["pooled"], Vec::new()),
        node("Reshape", &["pooled", "shape"], &["flat"], Vec::new()),
    ];
    becomes_symbolic(of_picture(1, 8, rows, vec![shape("repeats", &[1, 1, 3, 2]), shape("shape", &[1, 8])]));
}
