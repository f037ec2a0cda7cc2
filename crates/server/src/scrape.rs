//! Scraping: one loop per target, its decisions in [`digest`], its edges in [`fetch`].

mod digest;
