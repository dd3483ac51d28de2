#![allow(dead_code, unused_imports, missing_docs, clippy::all)]
macro_rules! test_mod {
    ($name:ident, $path:literal) => {
        #[path = $path]
        mod $name;
    };
}
test_mod!(support, "/tmp/trialtests/support/mod.rs");
test_mod!(faults, "/tmp/trialtests/faults/main.rs");
test_mod!(recording, "/tmp/trialtests/recording.rs");
test_mod!(bisect, "/tmp/trialtests/bisect.rs");
test_mod!(sides, "/tmp/trialtests/sides.rs");
fn main() {
    let want = std::env::args().nth(1).unwrap_or_default();
    let all: Vec<(&str, fn())> = vec![
        ("faults", faults::planted_faults_are_located_to_their_nodes_and_named),
        ("recording-values", recording::executing_the_recording_gives_the_modules_own_outputs),
        ("recording-layers", recording::every_node_of_a_fresh_export_rounds_as_it_may),
        ("bisect-folder", bisect::a_faulty_node_becomes_a_folder_that_reproduces),
        ("bisect-later", bisect::a_later_value_leads_back_to_the_faulty_node),
        ("bisect-none", bisect::without_a_difference_nothing_is_written),
        ("bisect-other", bisect::other_folders_are_never_replaced),
        ("sides-paths", sides::paths_that_are_no_sides_are_named),
        ("sides-files", sides::two_files_are_compared_as_they_are),
        ("sides-inputs", sides::inputs_that_do_not_fit_are_refused_by_name),
        ("sides-broken", sides::a_graph_that_does_not_run_is_reported_with_its_node),
    ];
    for (name, test) in all.into_iter().filter(|(name, _)| name.starts_with(&want)) {
        let started = std::time::Instant::now();
        let ok = std::panic::catch_unwind(test).is_ok();
        println!("{name}: {} ({:.1} s)", if ok { "ok" } else { "FAILED" }, started.elapsed().as_secs_f64());
    }
}
