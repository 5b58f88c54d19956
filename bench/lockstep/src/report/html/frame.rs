// SPDX-License-Identifier: Apache-2.0
//! What all pages have around what they say: one file, one style, one script, and a policy that lets nothing else in.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// What a page is made of.
pub(super) struct Page {
    /// In the browser's tab
    pub title: String,
    /// Where it says so, the way to the first part that matters
    pub skip: &'static str,
    /// The first that is read
    pub header: Markup,
    /// The parts of the page
    pub navigation: Markup,
    /// The parts themselves
    pub main: Markup,
    /// What a script shows on demand
    pub shelf: Markup,
    /// What the script works on, as JSON that no markup is in
    pub data: Option<String>,
    /// The script
    pub script: &'static str,
}

/// The page as an HTML document. The same page gives the same document, to the byte.
pub(super) fn render(page: &Page) -> String {
    let Page { title, skip, header, navigation, main, shelf, data, script } = page;
    // Whoever slips a script into a name or a reason cannot know this, since it depends on all of it: only ours is carried out.
    let all = data.as_deref().unwrap_or(&main.0);
    let nonce = blake3::hash(all.as_bytes()).to_hex().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="lockstep";
                title { (title) }
                style nonce=(nonce) { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { (skip) }
                (header)
                (navigation)
                main id="main" tabindex="-1" { (main) }
                footer { p { "Made by lockstep " (env!("CARGO_PKG_VERSION")) ". Nothing in this page is loaded from elsewhere." } }
                (shelf)
                @if let Some(data) = data { script type="application/json" id="data" { (PreEscaped(data)) } }
                script nonce=(nonce) { (PreEscaped(script)) }
            }
        }
    };
    let mut text = document.into_string();
    text.push('\n');
    text
}
