//! A query with places to fill: `$sel`, `$w` and the pack's variants.

use std::collections::BTreeMap;
use std::time::Duration;

use promql::{Expr, ParseError};

use crate::places;

/// PromQL in which `$sel` stands for label matchers, `$w` for a window and `$<variant>` for a
/// label's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryText(String);

/// What fills the places of a query.
#[derive(Clone, Debug)]
pub struct QueryScope<'a> {
    /// Label matchers, `job="shop"`; never empty.
    pub sel: &'a str,
    /// For `rate` and its like.
    pub window: Duration,
    /// The names of labels, by variant.
    pub variants: &'a BTreeMap<String, String>,
}

impl QueryText {
    /// Checks that the query parses once its places are filled.
    pub(crate) fn new(text: &str, variants: &[String]) -> Result<Self, ParseError> {
        let query = Self(text.trim().to_owned());
        let label = |name: &String| (name.clone(), "label".to_owned());
        let variants = variants.iter().map(label).collect();
        query.expr(&QueryScope {
            sel: "job=\"a\"",
            window: Duration::from_secs(60),
            variants: &variants,
        })?;
        Ok(query)
    }

    /// A text with places that is no PromQL: a legend.
    pub(crate) fn unchecked(text: String) -> Self {
        Self(text)
    }

    /// As it stands in the pack.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn filled(&self, scope: &QueryScope<'_>) -> String {
        let window = model::format_duration(scope.window);
        self.filled_by(|name| match name {
            "sel" => Some(scope.sel),
            "w" => Some(window.as_str()),
            name => scope.variants.get(name).map(String::as_str),
        })
    }

    /// With other words for the places, as another tool wants them.
    pub fn filled_by<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        places::fill(&self.0, value)
    }

    /// # Errors
    /// When a label that fills a place is no word of PromQL.
    pub fn expr(&self, scope: &QueryScope<'_>) -> Result<Expr, ParseError> {
        promql::parse(&self.filled(scope))
    }
}
