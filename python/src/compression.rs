//! Expositions made shorter, without the interpreter lock.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A quarter of the time that zlib's usual level 6 takes, for about a tenth more bytes
/// (docs/decisions/exposition-compression.md).
const GZIP_LEVEL: u32 = 2;

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// The bytes in a content coding of HTTP: `gzip` or `zstd`.
#[pyfunction]
pub(crate) fn compress<'py>(
    py: Python<'py>,
    coding: &str,
    content: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let compressed = match coding {
        "gzip" => py.detach(|| gzip(content)),
        "zstd" => py.detach(|| zstd::bulk::compress(content, ZSTD_LEVEL)),
        other => return Err(PyValueError::new_err(format!("no content coding: {other}"))),
    };
    Ok(PyBytes::new(py, &compressed?))
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(
        Vec::with_capacity(content.len() / 8),
        Compression::new(GZIP_LEVEL),
    );
    encoder.write_all(content)?;
    encoder.finish()
}
