// SPDX-License-Identifier: Apache-2.0
//! The page of results in a browser: a link leads to what it names, a filter filters, and nothing is asked of a network.
//! Without Chromium on the machine nothing is tested here.

mod command;

use std::path::{Path, PathBuf};
use std::process::Command;

use command::{lockstep, text};

/// What Chromium may be called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

fn browser() -> Option<&'static str> {
    let answers =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    NAMES.into_iter().find(answers)
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a browser makes of a page behind this fragment, as HTML.
fn shown(browser: &str, folder: &Path, page: &Path, fragment: &str) -> String {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}#{fragment}", page.display()))
        .output()
        .expect("it ran before");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("</html>"), "{}", String::from_utf8_lossy(&output.stderr));
    shown
}

#[test]
fn a_link_leads_to_a_run_and_a_filter_filters() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium on this machine");
        return;
    };
    let folder = Folder(std::env::temp_dir().join(format!("lockstep-page-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let page = folder.0.join("page.html");
    let file = page.display().to_string();
    let output = lockstep(&[
        "run",
        "faults.device-ids",
        "litmus.unmap-inval",
        "--dut",
        "model",
        "--seeds",
        "2",
        "--html",
        &file,
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let see = |fragment: &str| shown(browser, &folder.0, &page, fragment);
    let rows = |shown: &str| shown.matches("class=\"open-run\"").count();

    let whole = see("");
    let all = rows(&whole);
    assert!(all > 4, "{all} rows");
    assert!(whole.contains(&format!("{all} runs")) && !whole.contains("aria-expanded=\"true\""), "nothing is open");

    let some = see("scenario=faults.device-ids");
    assert!(
        (1..all).contains(&rows(&some)) && some.contains(&format!("{} of {all} runs", rows(&some))),
        "{}",
        rows(&some)
    );
    let table = some.split("id=\"table\"").nth(1).expect("the table");
    assert!(
        !table.split("id=\"performance\"").next().unwrap_or_default().contains("litmus.unmap-inval"),
        "others are shown"
    );
    assert_eq!(rows(&see("q=no-such-thing")), 0);
    assert_eq!(rows(&see("result=failed")), 0);

    let name = whole.split("class=\"open-run\"").nth(1).and_then(|rest| rest.split_once('>')).expect("a run").1;
    let name = name.split('<').next().expect("its name");
    let open = see(&format!("run={}", name.replace('[', "%5B").replace(']', "%5D").replace('#', "%23")));
    assert_eq!((rows(&open), open.matches("aria-expanded=\"true\"").count()), (all, 1), "{name}");
    assert!(open.contains("<dt>DMA transactions</dt>") && open.contains("Link to this run"), "{name}");
}
