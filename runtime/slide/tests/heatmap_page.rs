//! The page in headless Chromium: alignment, sliders, the strip, and hostile text.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "support/heatmaps.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::RgbImage;
use kiln_slide::Place;
use kiln_slide::heatmap::{
    Heatmap, PageFacts, PageOptions, PageSummary, PixelError, ScoredSlide, ScoredTile, SlidePixels,
};
use serde_json::Value;
use support::{drawn, lattice, slide};

const HOSTILE: &str =
    "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>&amp;\" \u{202e}.svs";

fn page(slide: &ScoredSlide<'_>, pixels: &dyn SlidePixels, options: &PageOptions) -> (String, PageSummary) {
    let more = [("Label <b>", "a <i>value</i>".to_owned())];
    let facts = PageFacts {
        model: "cnn <v2>",
        score: Some(0.9731),
        rule: "maximum of the tiles",
        label: Some("tumour"),
        tissue_mm2: Some(12.25),
        more: &more,
    };
    let mut bytes = Vec::new();
    let summary = Heatmap::new(slide).unwrap().write_page(&mut bytes, pixels, &facts, options).unwrap();
    (String::from_utf8(bytes).unwrap(), summary)
}

fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Opens a page as a file, with more arguments, and returns the output of Chromium.
fn browse(browser: &str, folder: &Path, page: &str, arguments: &[&str]) -> String {
    let path = folder.join("page.html");
    fs::write(&path, page).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-sync",
            "--hide-scrollbars",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"])
        .args(["--window-size=1400,900", "--force-prefers-reduced-motion", "--virtual-time-budget=8000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a script in the page when the viewer is ready. The script ends with `told(value)`.
fn ask(browser: &str, page: &str, script: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let hook = format!(
        "<script>
const told = value => {{
  const element = document.createElement('pre');
  element.id = 'told';
  element.textContent = btoa(encodeURIComponent(JSON.stringify(value)));
  document.body.append(element);
}};
const wait = ms => new Promise(done => setTimeout(done, ms));
// Waits until the viewer has drawn the requested view.
const drawn = async () => {{
  for (let frame = 0; frame < 3; frame++) {{
    await wait(300);
    kilnPage.viewer.forceRedraw();
    await new Promise(done => kilnPage.viewer.addOnceHandler('update-viewport', done));
  }}
}};
const overlayAt = (x, y) => {{
  const at = kilnPage.toScreen(x, y), dense = kilnPage.overlay.width / kilnPage.viewer.viewport.getContainerSize().x;
  return [...kilnPage.overlay.getContext('2d').getImageData(Math.floor(at.x * dense), Math.floor(at.y * dense), 1, 1).data];
}};
const slideAt = (x, y) => {{
  const at = kilnPage.toScreen(x, y), canvas = kilnPage.viewer.drawer.canvas;
  const dense = canvas.width / kilnPage.viewer.viewport.getContainerSize().x;
  return [...canvas.getContext('2d').getImageData(Math.floor(at.x * dense), Math.floor(at.y * dense), 1, 1).data];
}};
(async () => {{
  try {{
    while (!document.documentElement.dataset.ready) await wait(50);
    await wait(800);
    {script}
  }} catch (error) {{ told('error: ' + error.stack); }}
}})();
</script></body>"
    );
    // Headless Chromium has no animation frames in virtual time: timers take their place.
    let frames = "<head><script>window.requestAnimationFrame = step => setTimeout(() => step(performance.now()), 40);
window.cancelAnimationFrame = clearTimeout;</script>";
    let page = page.replacen("<head>", frames, 1).replace("</body>", &hook);
    let dom = browse(browser, folder.path(), &page, &["--dump-dom"]);
    let told = dom.split("<pre id=\"told\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let told = told.unwrap_or_else(|| panic!("the page told nothing: {}", &dom[..dom.len().min(2000)]));
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.decode(told.trim()).unwrap();
    let text = percent_decoded(&String::from_utf8(text).unwrap());
    serde_json::from_str(&text).unwrap()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A slide with one hot tile at (30 * 512, 10 * 512), a lukewarm one beside it, and a failed one.
fn planted_tiles() -> Vec<ScoredTile<'static>> {
    let mut tiles = lattice(40_000, 24_000, 512, 512);
    for tile in &mut tiles {
        (tile.score, tile.status) = (Some(0.05), "ok");
        match (tile.place.minx / 512, tile.place.miny / 512) {
            (30, 10) => (tile.score, tile.label) = (Some(0.97), Some("tumour")),
            (31, 10) => tile.score = Some(0.45),
            (32, 10) => (tile.score, tile.status) = (None, "truncated: x"),
            _ => {}
        }
    }
    tiles
}

#[test]
fn a_hot_tile_is_where_it_was_planted_and_the_sliders_act_on_it() {
    let Some(browser) = chromium() else { return eprintln!("skipped: there is no Chromium on this machine") };
    let tiles = planted_tiles();
    let slide = slide("planted", 40_000, 24_000, 512, &tiles);
    let (html, _) = page(&slide, &drawn(40_000, 24_000), &PageOptions::default());
    let told = ask(
        browser,
        &html,
        "
    const hot = [30.5 * 512, 10.5 * 512], warm = [31.5 * 512, 10.5 * 512], result = {};
    kilnPage.setOpacity(100);
    result.home = overlayAt(...hot);
    kilnPage.jump(0);
    await drawn();
    result.current = document.querySelector('[aria-current]').getAttribute('aria-label');
    const centre = kilnPage.viewer.viewport.getCenter(), unit = kilnPage.toSlide(kilnPage.viewer.viewport.pixelFromPoint(centre, true));
    result.centre = unit;
    kilnPage.state.current = -1; kilnPage.viewer.viewport.zoomBy(0.5); await drawn();
    result.hot = overlayAt(...hot);
    result.corners = [[1, 1], [510, 1], [1, 510], [510, 510]].map(([x, y]) => kilnPage.cellAt(30 * 512 + x, 10 * 512 + y));
    result.edges = [[12, 256], [500, 256], [256, 12], [256, 500]].map(([x, y]) => overlayAt(30 * 512 + x, 10 * 512 + y).slice(0, 3));
    result.beyond = [[-12, 256], [524, 256], [256, -12], [256, 524]].map(([x, y]) => overlayAt(30 * 512 + x, 10 * 512 + y).slice(0, 3));
    result.warm = overlayAt(...warm);
    result.failed = kilnPage.cellAt(32.5 * 512, 10.5 * 512);
    result.outside = [overlayAt(39000, 5376)[3], kilnPage.cellAt(39000, 5376) === undefined];
    const slider = document.getElementById('threshold');
    slider.value = 0.3; slider.dispatchEvent(new Event('input'));
    result.warmAt03 = overlayAt(...warm);
    slider.value = 0.99; slider.dispatchEvent(new Event('input'));
    result.hotAt099 = overlayAt(...hot);
    document.getElementById('below').click();
    result.hotHidden = overlayAt(...hot);
    document.getElementById('reset').click();
    result.reset = [Number(slider.value), overlayAt(...hot)[3]];
    kilnPage.setShown(false);
    result.off = overlayAt(...hot);
    kilnPage.setShown(true);
    document.querySelectorAll('#strip button')[5].click();
    result.strip = document.querySelectorAll('#strip button').length;
    result.sixth = [...document.querySelectorAll('#strip button')].findIndex(b => b.hasAttribute('aria-current'));
    result.area = document.getElementById('area').textContent;
    result.scale = document.getElementById('scale-text').textContent;
    told(result);
",
    );
    println!("{told:#}");
    let colour =
        |value: &Value| -> Vec<u64> { value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect() };
    let expected: Vec<u64> = slide.scale.colour(0.97).map(u64::from).to_vec();
    assert_eq!(colour(&told["hot"])[..3], expected);
    assert_eq!(colour(&told["hot"])[3], 255);
    assert_eq!(colour(&told["home"])[..3], expected, "the whole slide in view");
    for edge in told["edges"].as_array().unwrap() {
        assert_eq!(colour(edge), expected, "within the tile, a few pixels from its edge");
    }
    for beyond in told["beyond"].as_array().unwrap() {
        assert_ne!(colour(beyond), expected, "a few pixels beyond the tile");
    }
    assert!(told["corners"].as_array().unwrap().iter().all(|score| (score.as_f64().unwrap() - 0.97).abs() < 1e-6));
    let centre: Vec<f64> = told["centre"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!((centre[0] - 30.5 * 512.0).abs() < 2.0 && (centre[1] - 10.5 * 512.0).abs() < 2.0, "{centre:?}");
    assert!(told["current"].as_str().unwrap().starts_with("Tile 1 of 24, score 0.970, tumour"));
    assert_eq!(told["failed"], Value::Null, "NaN");
    assert_eq!(told["outside"], serde_json::json!([0, true]));
    let warm = colour(&told["warm"]);
    assert!(warm[3] < 90 && warm[2] > warm[0], "faded and blue: {warm:?}");
    let warm = colour(&told["warmAt03"]);
    assert!(warm[3] == 255 && warm[0] > warm[2], "full and warm: {warm:?}");
    let hot = colour(&told["hotAt099"]);
    assert!(hot[3] < 90 && hot[2] >= hot[0], "faded: {hot:?}");
    assert_eq!(told["hotHidden"][3], 0);
    assert_eq!(told["reset"][0], 0.5);
    assert!((126..=129).contains(&told["reset"][1].as_u64().unwrap()), "half opaque: {}", told["reset"]);
    assert_eq!(told["off"][3], 0);
    assert_eq!((told["strip"].as_u64(), told["sixth"].as_u64()), (Some(24), Some(5)));
    assert_eq!(told["area"], "At or above 0.5: 0.016\u{a0}mm², 0.0\u{a0}% of the scored area");
}

#[test]
fn the_slide_s_own_pixels_are_aligned() {
    let Some(browser) = chromium() else { return eprintln!("skipped: there is no Chromium on this machine") };
    // White with a black square of one tile, on a slide whose size no power of two divides.
    let (width, height, footprint) = (33_333_u64, 21_111_u64, 527_i64);
    let square = |x: f64, y: f64| {
        let (column, row) = ((x / footprint as f64).floor(), (y / footprint as f64).floor());
        column == 40.0 && row == 30.0
    };
    let pixels = move |place: &Place, wide: u32, high: u32| -> Result<RgbImage, PixelError> {
        let across = f64::from(place.width) / f64::from(wide);
        let down = f64::from(place.height) / f64::from(high);
        Ok(RgbImage::from_fn(wide, high, |x, y| {
            let (x, y) = ((f64::from(x) + 0.5) * across, (f64::from(y) + 0.5) * down);
            image::Rgb(if square(place.minx as f64 + x, place.miny as f64 + y) { [0; 3] } else { [255; 3] })
        }))
    };
    let mut tiles = lattice(width, height, 527, 527);
    tiles.iter_mut().for_each(|tile| tile.score = Some(0.01));
    let count = tiles.len();
    let place = Place { minx: 40 * footprint, miny: 30 * footprint, width: 527, height: 527 };
    tiles.retain(|tile| tile.place != place);
    tiles.push(ScoredTile { place, score: Some(1.0), label: None, status: "ok" });
    assert_eq!(tiles.len(), count);
    let slide = slide("aligned", width, height, 527, &tiles);
    for top_tiles in [0, 4] {
        let (html, summary) = page(&slide, &pixels, &PageOptions { image_bytes: 1 << 20, top_tiles });
        let script = "
    const result = { inside: [], outside: [] }, x = 40 * 527, y = 30 * 527, d = DOWNSAMPLE;
    kilnPage.setShown(false);
    for (const zoom of [1, 3, 12]) {
      kilnPage.viewer.viewport.zoomTo(zoom, null, true);
      kilnPage.viewer.viewport.panTo(new OpenSeadragon.Point((x + 263) / UNIT, (y + 263) / UNIT), true);
      await drawn();
      const margin = Math.max(2 * d, 2 * UNIT / zoom / 1000);
      const near = margin, far = 527 - margin;
      result.inside.push(...[[near, 263], [far, 263], [263, near], [263, far]].map(([a, b]) => slideAt(x + a, y + b)[0]));
      result.outside.push(...[[-near, 263], [527 + near, 263], [263, -near], [263, 527 + near]].map(([a, b]) => slideAt(x + a, y + b)[0]));
    }
    told(result);
";
        let unit =
            width.div_ceil(summary.downsample << (summary.levels - 1)) * (summary.downsample << (summary.levels - 1));
        let script = script.replace("DOWNSAMPLE", &summary.downsample.to_string()).replace("UNIT", &unit.to_string());
        let told = ask(browser, &html, &script);
        println!("{top_tiles} crops, {summary:?}: {told}");
        let all = |name: &str, holds: fn(u64) -> bool| {
            let values = told[name].as_array().unwrap();
            assert!(
                values.len() == 12 && values.iter().all(|value| holds(value.as_u64().unwrap())),
                "{name}: {values:?}"
            );
        };
        all("inside", |value| value < 90);
        all("outside", |value| value > 165);
    }
}

#[test]
fn hostile_text_stays_text() {
    let tiles = planted_tiles();
    let classes = [HOSTILE, "tumour"];
    let mut slide = slide(HOSTILE, 40_000, 24_000, 512, &tiles);
    (slide.positive, slide.classes) = (HOSTILE, &classes);
    let (html, _) = page(&slide, &drawn(40_000, 24_000), &PageOptions { image_bytes: 1 << 16, top_tiles: 2 });
    assert_eq!(html.matches("<script").count(), 4, "two islands, the viewer and the page's script");
    assert!(!html.contains("document.title='taken'</script>"));
    let Some(browser) = chromium() else { return eprintln!("skipped: there is no Chromium on this machine") };
    let told = ask(
        browser,
        &html,
        "told({ title: document.title, name: document.getElementById('name').textContent, images: document.querySelectorAll('header img, aside img').length,
                facts: document.getElementById('facts').textContent, bold: document.querySelectorAll('#facts b, #facts i').length,
                strip: document.getElementById('strip-title').textContent });",
    );
    assert_eq!(told["name"], HOSTILE);
    assert!(told["title"].as_str().unwrap().contains("onerror"), "{told}");
    assert_eq!((told["images"].as_u64(), told["bold"].as_u64()), (Some(0), Some(0)));
    assert!(told["facts"].as_str().unwrap().contains("a <i>value</i>"));
    assert!(told["strip"].as_str().unwrap().contains("</script>"));
}

#[test]
fn the_page_makes_no_request_and_can_be_followed_without_seeing_it() {
    let tiles = planted_tiles();
    let slide = slide("offline", 40_000, 24_000, 512, &tiles);
    let (html, _) = page(&slide, &drawn(40_000, 24_000), &PageOptions::default());
    assert!(html.contains("default-src 'none'"));
    for part in [
        "lang=\"en\"",
        "prefers-color-scheme: dark",
        "Not for diagnostic use",
        "aria-live",
        "BSD",
        "Redistributions in binary form",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let Some(browser) = chromium() else { return eprintln!("skipped: there is no Chromium on this machine") };
    let told = ask(
        browser,
        &html,
        "told({ requests: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:') && !n.startsWith('blob:')),
                unnamed: [...document.querySelectorAll('button, input')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length))).length,
                wide: document.documentElement.scrollWidth > innerWidth,
                bad: [...document.querySelectorAll('img')].filter(e => !e.complete || !e.naturalWidth).length });",
    );
    assert_eq!(told, serde_json::json!({ "requests": [], "unnamed": 0, "wide": false, "bad": 0 }));
}

#[test]
fn the_budget_is_kept_and_memory_is_not_the_page_s_size() {
    let tiles = planted_tiles();
    let slide = slide("budget", 40_000, 24_000, 512, &tiles);
    let mut sizes = BTreeMap::new();
    for image_bytes in [1 << 16, 1 << 20, 4 << 20] {
        let (html, summary) = page(&slide, &drawn(40_000, 24_000), &PageOptions { image_bytes, top_tiles: 0 });
        println!("budget {image_bytes}: {} bytes, {summary:?}", html.len());
        assert!(html.len() < 460_000 + image_bytes + image_bytes / 4, "{image_bytes}: {}", html.len());
        sizes.insert(image_bytes, summary.downsample);
    }
    assert!(sizes[&(1 << 16)] > sizes[&(4 << 20)], "{sizes:?}");
}

#[test]
fn unreadable_parts_are_grey_and_counted() {
    let tiles = planted_tiles();
    let slide = slide("broken", 40_000, 24_000, 512, &tiles);
    let sound = drawn(40_000, 24_000);
    let pixels = |place: &Place, width: u32, height: u32| -> Result<RgbImage, PixelError> {
        if place.minx > 20_000 { Err("truncated: half a tile".into()) } else { sound.read(place, width, height) }
    };
    let (_, summary) = page(&slide, &pixels, &PageOptions { image_bytes: 1 << 20, top_tiles: 4 });
    assert!(summary.unreadable > 0 && summary.crops == 4, "{summary:?}");
    let all = |_: &Place, _: u32, _: u32| -> Result<RgbImage, PixelError> { Err("gone".into()) };
    assert!(page(&slide, &all, &PageOptions::default()).1.unreadable > 0);
}

#[test]
fn small_empty_and_huge_slides_have_a_page() {
    for (width, height) in [(1, 1), (100, 3), (513, 511), (2220, 2967)] {
        let slide = slide("small", width, height, 256, &[]);
        let (html, summary) = page(&slide, &drawn(width, height), &PageOptions::default());
        assert!(html.ends_with("</html>\n") && summary.crops == 0 && summary.downsample == 1, "{width} {summary:?}");
    }
    let slide = slide("huge", 1 << 31, 1 << 31, 1, &[]);
    let (_, summary) = page(&slide, &drawn(1 << 31, 1 << 31), &PageOptions { image_bytes: 1 << 16, top_tiles: 0 });
    assert!(summary.downsample > 1 << 20, "{summary:?}");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let tiles = planted_tiles();
    let slide = slide("same", 40_000, 24_000, 512, &tiles);
    let options = PageOptions { image_bytes: 1 << 18, top_tiles: 3 };
    assert!(page(&slide, &drawn(40_000, 24_000), &options) == page(&slide, &drawn(40_000, 24_000), &options));
}

#[test]
fn the_viewer_is_the_published_one() {
    let vendor = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/heatmap/page/vendor");
    let readme = fs::read_to_string(vendor.join("README.md")).unwrap();
    for name in ["openseadragon.min.js", "openseadragon.LICENSE.txt"] {
        let digest = kiln_files::digest::sha256_file(&vendor.join(name)).unwrap();
        assert!(readme.contains(&digest), "{name}: {digest}");
    }
}

/// Writes screenshots for a person to look at, where `KILN_SLIDE_KEEP` names a folder.
#[test]
fn screenshots() {
    let (Some(browser), Ok(keep)) = (chromium(), std::env::var("KILN_SLIDE_KEEP")) else {
        return eprintln!("skipped: KILN_SLIDE_KEEP names no folder, or there is no Chromium");
    };
    let tiles = lattice(40_000, 24_000, 512, 512);
    let slide = slide("drawn.svs", 40_000, 24_000, 512, &tiles);
    let (html, _) = page(&slide, &drawn(40_000, 24_000), &PageOptions::default());
    let folder = tempfile::tempdir().unwrap();
    fs::write(Path::new(&keep).join("page.html"), &html).unwrap();
    browse(browser, folder.path(), &html, &[&format!("--screenshot={keep}/page.png")]);
}
