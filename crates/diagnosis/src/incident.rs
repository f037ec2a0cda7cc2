//! Incidents: what belongs together, whom it hits, and who is suspected.

mod correlate;
mod explain;
mod impact;
mod near;
mod rank;
mod shift;
mod symptom;
mod watch;
pub mod words;

pub use correlate::{Incident, IncidentOptions, Incidents, Transition};
pub use impact::{Impact, impact};
pub use rank::{Evidence, Explanation, SUSPECTS_MAX, Scene, Suspect, Term, explain_scene};
pub use shift::{Shift, Usual, shifts};
pub use symptom::{Findings, Stated, Symptom, Window};
pub use watch::{Watch, assertion};
