// SPDX-License-Identifier: Apache-2.0
//! The page in a real browser, where one is installed (Debian: `chromium`); elsewhere these tests
//! cannot tell and pass.

use std::process::Command;

use kakoi_report::render_html;

use crate::input;

/// The document after its scripts ran, or none without a browser.
fn load(name: &str, html: &str) -> Option<String> {
    let directory = std::env::temp_dir().join(format!("kakoi-page-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let page = directory.join("page.html");
    std::fs::write(&page, html).unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"])
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .args(["--dump-dom", &format!("file://{}", page.display())])
        .output();
    let document = output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    std::fs::remove_dir_all(&directory).unwrap();
    document
}

fn page() -> String {
    render_html(&input::facts(), &input::findings(), &input::rules())
}

#[test]
fn policy_lets_the_own_script_run_and_no_other() {
    let foreign = "<script>document.body.dataset.foreign = 'ran'</script></body>";
    let html = page().replace("</body>", foreign);
    let Some(document) = load("policy", &html) else { return };
    assert!(document.contains("placeholder=\"Search everything\""), "own script ran");
    assert!(!document.contains("data-foreign"), "foreign script ran");
}

#[test]
fn search_hides_what_does_not_match_and_unfolds_what_does() {
    let html = page();
    let start = html.find("<meta http-equiv").unwrap();
    let end = html[start..].find('>').unwrap() + start;
    let driver = "<script>const box = document.querySelector('#search input');\
                  box.value = 'upnpd'; box.dispatchEvent(new Event('input'));</script></body>";
    let html = [&html[..start], &html[end + 1..]].concat().replace("</body>", driver);
    let Some(document) = load("search", &html) else { return };
    let rows = document.matches("<tr").count() + document.matches("<li").count();
    let hidden = document.matches("class=\"hidden\"").count();
    assert!(hidden > 100 && hidden < rows, "{hidden} of {rows} hidden");
    let status = document.split("role=\"status\">").nth(1).unwrap().split('<').next().unwrap();
    let found: usize = status.split(' ').next().unwrap().parse().unwrap();
    assert!((5..40).contains(&found), "{status}");
    assert!(document.contains("id=\"medium-no-pie\" class=\"rule medium\" open"), "unfolded");
    assert!(document.contains("id=\"critical-telnet-at-boot\" class=\"rule critical hidden\""));
}
