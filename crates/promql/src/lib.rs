//! PromQL: parse an expression, then evaluate it over a [`store::Snapshot`].
//!
//! ```
//! use promql::{EvalOptions, Value, eval_instant, parse};
//!
//! let store = store::Store::in_memory();
//! let expr = parse("1 + 1").expect("a valid expression");
//! let at = model::Timestamp::from_millis(0);
//! let evaluated = eval_instant(&store.snapshot(), &expr, at, &EvalOptions::default());
//! let value = evaluated.expect("it evaluates").value;
//! assert!(matches!(value, Value::Scalar(two) if two.value == 2.0));
//! ```
//!
//! The semantics are those of Prometheus 3 (left-open windows, the metric name dropped at the
//! end), judged by Prometheus's own test scripts. Pure: no clock, no disk, no thread. Native
//! histograms are not stored yet, so every sample is a float.

mod ast;
mod check;
mod error;
mod eval;
mod functions;
mod lex;
mod note;
mod options;
mod parse;
mod value;

pub use ast::{Expr, Reading, SelectorRef, ValueType};
pub use error::{EvalError, Fault, ParseError};
pub use eval::{Range, eval_instant, eval_range};
pub use note::{Note, Severity};
pub use options::{Cancel, EvalOptions, Limits};
pub use parse::parse;
pub use value::{Evaluated, InstantSeries, RangeSeries, Value};
