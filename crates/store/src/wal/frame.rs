//! Frames: how records stand in a segment so that one damaged record costs only itself.
//!
//! ```text
//! segment = "PYROWAL" version:u8  frame*
//! frame   = F5 'P' 'W' 'F'  length:u32  crc32(length, payload):u32  payload
//! ```

use crate::report::DamageKind;

/// What a segment starts with; the last byte is the version of the format.
pub(super) const SEGMENT_HEAD: &[u8; 8] = b"PYROWAL\x01";

/// F5 is never a byte of UTF-8, so no label can look like the start of a frame.
const MAGIC: [u8; 4] = [0xf5, b'P', b'W', b'F'];

const HEAD_BYTES: usize = 12;

/// Appends a frame whose payload `put` writes.
pub(super) fn put_frame(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 8]);
    put(out);
    let len = u32::try_from(out.len() - start - HEAD_BYTES).expect("a batch is below 4 GiB");
    let len = len.to_le_bytes();
    let crc = checksum(len, &out[start + HEAD_BYTES..]).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&len);
    out[start + 8..start + 12].copy_from_slice(&crc);
}

fn checksum(len: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len);
    hasher.update(payload);
    hasher.finalize()
}

/// A piece of a segment: a whole record, or bytes that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Payload {
        offset: usize,
        payload: &'a [u8],
    },
    Damaged {
        offset: usize,
        len: usize,
        kind: DamageKind,
    },
}

/// Walks over a segment and finds the next whole frame after every damaged one.
pub(super) fn pieces(segment: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    if segment.starts_with(SEGMENT_HEAD) {
        at = SEGMENT_HEAD.len();
    }
    std::iter::from_fn(move || {
        if at >= segment.len() {
            return None;
        }
        let offset = at;
        if let Some(payload) = frame_at(&segment[offset..]) {
            at += HEAD_BYTES + payload.len();
            return Some(Piece::Payload { offset, payload });
        }
        at = (offset + 1..segment.len())
            .find(|&next| frame_at(&segment[next..]).is_some())
            .unwrap_or(segment.len());
        Some(Piece::Damaged {
            offset,
            len: at - offset,
            kind: if at == segment.len() {
                DamageKind::TornTail
            } else {
                DamageKind::WalFrame
            },
        })
    })
}

fn frame_at(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..u32::from_le_bytes(*len) as usize)?;
    (checksum(*len, payload) == u32::from_le_bytes(*crc)).then_some(payload)
}
