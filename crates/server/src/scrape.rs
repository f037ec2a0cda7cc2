//! Scraping: one loop per target.
//!
//! [`digest`] and [`schedule`] decide and are pure; [`fetch`] and [`target_loop`] are the edge;
//! [`pools`] keeps the loops in line with what discovery finds.

mod digest;
mod fetch;
mod pools;
mod schedule;
mod target_loop;
mod tls;

pub(crate) use digest::Digest;
pub(crate) use fetch::{Fetcher, authorization_of, reveal, root_cause_of};
pub(crate) use pools::{PoolState, RELOADS_MAX, SIGHTINGS_MAX, ScrapePools, Sighting};
pub(crate) use target_loop::{Scraper, error_chain};
pub(crate) use tls::{TlsError, tls_client};
