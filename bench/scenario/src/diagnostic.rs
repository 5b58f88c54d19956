// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a scenario, and where.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

use super::place::Place;

/// One mistake: what, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, as a sentence fragment
    pub message: String,
    /// Where
    pub place: Place,
    /// What is written at the place
    pub label: String,
    /// A suggestion
    pub help: Option<String>,
    /// Another place that has to do with it
    pub other: Option<Box<(Place, String)>>,
    /// The scenario can be played all the same
    pub is_warning: bool,
}

impl Problem {
    /// A mistake at a place.
    pub fn new(place: Place, message: impl Into<String>, label: impl Into<String>) -> Self {
        Problem { message: message.into(), place, label: label.into(), help: None, other: None, is_warning: false }
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean …", or the list of what there is.
    #[must_use]
    pub fn suggest<'a>(mut self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.help = did_you_mean(wrong, known);
        self
    }

    /// Nothing forbids it.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.is_warning = true;
        self
    }

    /// Points to another place as well.
    #[must_use]
    pub fn and(mut self, place: Place, label: impl Into<String>) -> Self {
        self.other = Some(Box::new((place, label.into())));
        self
    }
}

/// "did you mean `x`?" if something known begins with the wrong word or resembles it, else the list of what is known.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let fold = |word: &str| word.to_lowercase().replace('_', "-");
    let folded = fold(wrong);
    let begun: Vec<&str> = known.iter().copied().filter(|word| fold(word).starts_with(&folded)).collect();
    if !folded.is_empty() && (1..=MOST_BEGUN).contains(&begun.len()) {
        return Some(format!("did you mean {}?", quoted(&begun, " or ")));
    }
    let best = known
        .iter()
        .map(|&word| (strsim::damerau_levenshtein(&folded, &fold(word)), word))
        .filter(|&(distance, word)| distance <= (word.len().max(folded.len()) / 3).max(1))
        .min();
    match best {
        Some((_, word)) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() => None,
        None if known.len() > MOST_LISTED => {
            let (listed, more) = known.split_at(MOST_LISTED);
            Some(format!("there is {}, and {} more", quoted(listed, ", "), more.len()))
        }
        None => Some(format!("there is {}", quoted(&known, ", "))),
    }
}

/// More words than this that begin with what was typed are no suggestion.
const MOST_BEGUN: usize = 4;

/// More words than this are too many to read.
const MOST_LISTED: usize = 40;

fn quoted(words: &[&str], between: &str) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(between)
}

/// All that is wrong with one file.
#[derive(Debug)]
pub struct Diagnostics {
    source: NamedSource<String>,
    problems: Vec<Problem>,
}

impl Diagnostics {
    /// Problems of a file.
    pub fn new(path: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        for problem in &mut problems {
            problem.place = visible(text, problem.place);
            problem.other.iter_mut().for_each(|other| other.0 = visible(text, other.0));
        }
        let source = NamedSource::new(path, text.to_owned()).with_language("yaml");
        Diagnostics { source, problems }
    }

    /// The problems, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Line and column of a problem, both from 1; columns count characters.
    pub fn line_column(&self, problem: &Problem) -> (usize, usize) {
        let before = self.source.inner().get(..problem.place.offset).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// A line for each problem, with its file, line and column: `known.yaml:2:11: there is no rule …`.
    pub fn lines(&self) -> String {
        let line = |problem: &Problem| {
            let (line, column) = self.line_column(problem);
            let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            format!("{}:{line}:{column}: {}{help}", self.source.name(), problem.message)
        };
        self.problems.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// For people: line, column, the lines in question, suggestions.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_links(false);
        let mut text = String::new();
        for problem in &self.problems {
            let one = One { source: &self.source, problem };
            if handler.render_report(&mut text, &one).is_err() {
                text.push_str(&problem.message);
            }
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

/// A place that has a beginning only, such as that of a step, goes to the end of the word there.
fn visible(text: &str, place: Place) -> Place {
    let here = text.get(place.offset..).filter(|_| place.len == 0 && place.offset > 0).unwrap_or_default();
    let word = here.find(|c: char| c.is_whitespace() || ":,{}[]".contains(c)).unwrap_or(here.len());
    Place { len: place.len.max(word), ..place }
}

/// One problem with the text that it is in, as miette wants it.
#[derive(Debug)]
struct One<'a> {
    source: &'a NamedSource<String>,
    problem: &'a Problem,
}

impl fmt::Display for One<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for One<'_> {}

impl Diagnostic for One<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }
    fn severity(&self) -> Option<Severity> {
        self.problem.is_warning.then_some(Severity::Warning)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let primary = LabeledSpan::new_primary_with_span(Some(self.problem.label.clone()), self.problem.place);
        let other = self.problem.other.iter().map(|other| LabeledSpan::new_with_span(Some(other.1.clone()), other.0));
        Some(Box::new(std::iter::once(primary).chain(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_close_or_a_list() {
        let known = ["outstanding", "gap", "bursts"];
        assert_eq!(did_you_mean("outstandin", known).as_deref(), Some("did you mean `outstanding`?"));
        assert_eq!(did_you_mean("Bursts", known).as_deref(), Some("did you mean `bursts`?"));
        assert_eq!(did_you_mean("zzz", known).as_deref(), Some("there is `outstanding`, `gap`, `bursts`"));
        assert_eq!(did_you_mean("zzz", []), None);
        let known = ["review.14-inlined-context", "review.15-no-event-pointer", "FenceEarly"];
        let begun = "did you mean `review.14-inlined-context` or `review.15-no-event-pointer`?";
        assert_eq!(did_you_mean("review.1", known).as_deref(), Some(begun));
        assert_eq!(did_you_mean("fence_erly", known).as_deref(), Some("did you mean `FenceEarly`?"));
        let many = ["word"; 50];
        assert!(did_you_mean("zzz", many).is_some_and(|help| help.ends_with("`word`, and 10 more")));
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let text = "a: é\nbé: x\n";
        let place = Place { offset: text.find('x').expect("x"), len: 1 };
        let diagnostics = Diagnostics::new("t.yaml", text, vec![Problem::new(place, "wrong", "here")]);
        assert_eq!(diagnostics.line_column(&diagnostics.problems()[0]), (2, 5));
        assert_eq!(diagnostics.lines(), "t.yaml:2:5: wrong");
    }
}
