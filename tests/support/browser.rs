//! A look at a page in headless Chromium: what is cut off, and what overlaps.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The widths in pixels at which pages are looked at.
pub const WIDTHS: [u32; 3] = [800, 1200, 1920];

/// Names what does not fit: the page, a box that scrolls sideways, a cell whose text leaves it, text over text.
const MEASURE: &str = "<script>
const found = [];
const say = (what, element) => found.push(what + ' ' + element.tagName + ' ' + element.textContent.trim().slice(0, 60));
document.querySelectorAll('details').forEach(one => { one.open = true; });
const root = document.documentElement;
if (root.scrollWidth > innerWidth) say('page wider than the window', root);
for (const element of document.querySelectorAll('body *')) {
  if (['SCRIPT', 'STYLE', 'HEAD'].includes(element.tagName)) continue;
  const box = element.getBoundingClientRect();
  if (box.right > innerWidth + 1) say('cut off at the right:', element);
  if (element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1) say('leaves its box:', element);
}
for (const row of document.querySelectorAll('tr')) {
  const cells = [...row.children].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect();
  });
  for (let at = 1; at < cells.length; at++)
    if (cells[at].width && cells[at].left < cells[at - 1].right) say('overlaps:', row);
}
const told = document.createElement('pre');
told.id = 'told';
told.textContent = found.length + ' found\\n' + found.slice(0, 20).join('\\n');
document.body.append(told);
</script>";

/// The browser's command, if there is one on this machine.
pub fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Returns the elements that do not fit on a page at a width. `folder` is for scratch files.
pub fn misfits(browser: &str, page: &str, width: u32, folder: &Path) -> String {
    let copy = folder.join(format!("measured-{width}.html"));
    fs::write(&copy, page.replace("</body>", &format!("{MEASURE}</body>"))).unwrap();
    let profile = folder.join(format!("profile-{width}"));
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args([format!("--window-size={width},1000"), "--dump-dom".to_owned()])
        .arg(format!("file://{}", copy.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let told = dom.split("<pre id=\"told\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let told = told.unwrap_or_else(|| panic!("no measurement in:\n{}", String::from_utf8_lossy(&output.stderr)));
    told.strip_prefix("0 found").unwrap_or(told).trim().to_owned()
}
