//! What becomes of a firing alert: who is told, when, in which words.
//!
//! The words are Alertmanager's: a [`RouteTree`] sends an alert to receivers and groups, an
//! [`Inhibition`] keeps a consequence quiet while its cause fires, a [`Silence`] keeps quiet what
//! a person knows about, a [`TimeInterval`] keeps quiet at night. The [`Dispatcher`] holds the
//! alerts and says which [`Notification`]s are due; [`queue`] says what of an outbox goes out
//! next; [`message`] says it in the words and within the limits of each kind of receiver.
//!
//! Pure: time and limits are arguments. The outbox itself, senders and files are the server's.

mod alert;
mod dispatch;
pub mod forward;
mod inhibit;
mod interval;
mod matcher;
pub mod message;
mod notification;
pub mod queue;
mod route;
mod silence;

pub use alert::{Alert, InvalidAlert, Severity};
pub use dispatch::{
    AlertState, Dispatcher, Due, Flushed, GroupView, LogEntry, LogKey, Policy, ReceiverPlan,
    SourceLimits, Taken, WhyQuiet,
};
pub use inhibit::Inhibition;
pub use interval::{InvalidInterval, TimeInterval, TimeRange, Zone};
pub use matcher::{InvalidMatchers, MATCHERS_MAX, matches_all, parse_matchers, show_matchers};
pub use notification::{Notification, Reason, Told, worst_first};
pub use route::{GroupBy, Route, RouteId, RouteTree};
pub use silence::{Silence, SilenceError, SilenceState, SilenceWish, Silences};
