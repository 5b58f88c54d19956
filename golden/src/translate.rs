//! The process to translate an IOVA.

use crate::{Config, Outcome, Request, Trace, Words};

/// Translates a request (section "Process to translate an IOVA").
pub fn translate<W: Words>(config: &Config, words: &mut W, request: &Request) -> Outcome {
    translate_traced(config, words, request, &mut ())
}

/// As [`translate`], and hands each step to `trace`.
pub fn translate_traced<W: Words, T: Trace>(
    config: &Config,
    words: &mut W,
    request: &Request,
    trace: &mut T,
) -> Outcome {
    let _ = (config, words, request, trace);
    Outcome::Unavailable
}
