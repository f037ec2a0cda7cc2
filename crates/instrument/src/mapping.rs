//! Words in shared memory, and places that may move there. The only unsafe code of the crate.
//!
//! Why unsafe, and what it buys: docs/decisions/cells-in-mapped-memory.md. The rule that makes it
//! sound is that nothing which was handed out is ever taken back: a mapping is never unmapped, a
//! file never shrunk (here), a heap place freed only together with its owner.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

/// Maps a file for the rest of the process's life.
///
/// The caller has reserved the file's blocks up to `n_words`: touching a page that the file
/// system cannot provide would kill the process with SIGBUS.
pub(crate) fn map_forever(file: &File, n_words: usize) -> io::Result<&'static [AtomicU64]> {
    // SAFETY: the file was made by this process under a name of its own with mode 0600, and
    // neither this process nor any reader of this crate ever shrinks one, so the mapped pages
    // exist as long as the mapping. (Another program of the same user could truncate the file;
    // it could as well kill the process.) Other processes only read.
    let map = unsafe {
        memmap2::MmapOptions::new()
            .len(n_words * size_of::<u64>())
            .map_mut(file)?
    };
    let bytes: &mut [u8] = &mut *Box::leak(Box::new(map));
    // SAFETY: the bytes are page-aligned, hence aligned for AtomicU64, and `n_words` of them
    // were mapped. They are borrowed mutably and for ever by this one expression, so there is no
    // other reference in this process; AtomicU64 has the layout of u64 and allows any bits.
    Ok(unsafe { std::slice::from_raw_parts(bytes.as_mut_ptr().cast::<AtomicU64>(), n_words) })
}

/// A word that reads 0 in every forked child, also where the fork ran no hook (uWSGI forks from
/// C). Where the system cannot do that it is a word like any other, and the hook must tell.
pub(crate) fn fork_word() -> &'static AtomicU64 {
    let plain = || Box::leak(Box::new(AtomicU64::new(0)));
    let Ok(map) = memmap2::MmapMut::map_anon(size_of::<u64>()) else {
        return plain();
    };
    let map: &'static mut memmap2::MmapMut = Box::leak(Box::new(map));
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{Advice, madvise};
        // SAFETY: the page is anonymous, private and used by nothing but the word below, which
        // may hold any bits; the advice changes only what a forked child finds in it.
        let advised =
            unsafe { madvise(map.as_mut_ptr().cast(), map.len(), Advice::LinuxWipeOnFork) };
        if advised.is_err() {
            // Kernels before 4.14.
            return plain();
        }
    }
    // SAFETY: the map starts at a page, hence aligned for AtomicU64, is longer than one, lives
    // for ever, and is borrowed by this one expression.
    unsafe { &*map.as_ptr().cast::<AtomicU64>() }
}

/// Words as the bytes that they are in memory.
pub(crate) fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: the bytes are those of `words`, borrowed as long; a byte has no alignment to keep
    // and no value that is not allowed.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) }
}

/// The same, to be read into.
pub(crate) fn bytes_of_mut(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: as above, borrowed mutably by this one expression; a word may hold any bits.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), size_of_val(words)) }
}

/// A row of words that starts on the heap and may move into a mapping and back while other
/// threads use it. Reading it is one load.
#[derive(Debug)]
pub(crate) struct Place {
    /// Points at `len` words: either `heap`'s or a mapping's.
    words: AtomicPtr<AtomicU64>,
    len: usize,
    /// The heap row, null until it is first needed; freed with the place.
    heap: AtomicPtr<AtomicU64>,
}

impl Place {
    /// A row of zeros on the heap.
    pub(crate) fn on_heap(len: usize) -> Self {
        let heap = leak_row(len);
        Self {
            words: AtomicPtr::new(heap),
            len,
            heap: AtomicPtr::new(heap),
        }
    }

    /// A row in a mapping.
    pub(crate) fn in_mapping(words: &'static [AtomicU64]) -> Self {
        Self {
            words: AtomicPtr::new(as_pointer(words)),
            len: words.len(),
            heap: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the pointer always points at `len` words that live at least as long as
        // `self`: a mapping lives for ever, and the heap row is freed only in `drop`, which has
        // `self` alone. Acquire pairs with Release in `point_at`.
        unsafe { std::slice::from_raw_parts(self.words.load(Ordering::Acquire), self.len) }
    }

    /// Moves to a mapping. The words there are used as they are.
    pub(crate) fn move_to_mapping(&self, words: &'static [AtomicU64]) {
        assert_eq!(words.len(), self.len, "a place keeps its length");
        self.words.store(as_pointer(words), Ordering::Release);
    }

    /// Moves to the heap. The words there are used as they are, at first zeros.
    pub(crate) fn move_to_heap(&self) {
        let mut heap = self.heap.load(Ordering::Acquire);
        if heap.is_null() {
            let row = leak_row(self.len);
            match self.heap.compare_exchange(
                ptr::null_mut(),
                row,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => heap = row,
                Err(other) => {
                    free_row(row, self.len);
                    heap = other;
                }
            }
        }
        self.words.store(heap, Ordering::Release);
    }

    pub(crate) fn is_on_heap(&self) -> bool {
        self.words.load(Ordering::Acquire) == self.heap.load(Ordering::Acquire)
    }

    /// The words, if they are in a mapping.
    pub(crate) fn mapped(&self) -> Option<&'static [AtomicU64]> {
        let words = self.words.load(Ordering::Acquire);
        // SAFETY: what is not the heap row came from `in_mapping` or `move_to_mapping`, which
        // take only words that live for ever.
        (words != self.heap.load(Ordering::Acquire))
            .then(|| unsafe { std::slice::from_raw_parts(words, self.len) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let heap = *self.heap.get_mut();
        if !heap.is_null() {
            free_row(heap, self.len);
        }
    }
}

fn as_pointer(words: &'static [AtomicU64]) -> *mut AtomicU64 {
    words.as_ptr().cast_mut()
}

fn leak_row(len: usize) -> *mut AtomicU64 {
    let row: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(0)).collect();
    Box::leak(row).as_mut_ptr()
}

fn free_row(row: *mut AtomicU64, len: usize) {
    // SAFETY: `row` came from `leak_row(len)`, and the callers hold the only pointer to it: one
    // lost the race to publish it, the other is dropping its owner.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(row, len)) });
}

/// A value that can be replaced while others read it. The old one is never freed.
///
/// For state behind a lock that must not be touched after a fork: a thread that is gone may
/// have held the lock. Replaced once a fork, so what it leaks is small.
#[derive(Debug)]
pub(crate) struct Replaceable<T: 'static>(AtomicPtr<T>);

impl<T: Sync + Send> Replaceable<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(AtomicPtr::new(Box::leak(Box::new(value))))
    }

    pub(crate) fn get(&self) -> &'static T {
        // SAFETY: the pointer is never null and comes from `Box::leak`; it is never freed.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }

    pub(crate) fn replace(&self, value: T) {
        self.0.store(Box::leak(Box::new(value)), Ordering::Release);
    }

    /// Replaces `old`, unless somebody else has.
    pub(crate) fn replace_old(&self, old: &'static T, value: T) {
        let old = ptr::from_ref(old).cast_mut();
        let new = Box::into_raw(Box::new(value));
        let replaced = self
            .0
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        if replaced.is_err() {
            // SAFETY: `new` came from `Box::into_raw` and was not published.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

/// Likewise for what belongs to an owner that may be dropped: the last value is freed with it.
#[derive(Debug)]
pub(crate) struct Renewable<T>(AtomicPtr<T>);

impl<T: Sync + Send> Renewable<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(AtomicPtr::new(Box::leak(Box::new(value))))
    }

    pub(crate) fn get(&self) -> &T {
        // SAFETY: the pointer is never null and comes from `Box::leak`; what it points at is
        // freed only in `drop`, which has `self` alone, so it outlives this borrow of `self`.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }

    /// The old value is leaked: somebody may be reading it.
    pub(crate) fn replace(&self, value: T) {
        self.0.store(Box::leak(Box::new(value)), Ordering::Release);
    }
}

impl<T> Drop for Renewable<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from `Box::leak`, and this value is in nobody else's hands.
        drop(unsafe { Box::from_raw(*self.0.get_mut()) });
    }
}

/// A file that stays open until the process ends or, in a forked child, is let go.
#[derive(Debug)]
pub(crate) struct HeldFile {
    fd: AtomicI32,
    /// Which file it was, to tell it from another one that got its number.
    inode: AtomicU64,
}

impl HeldFile {
    const NONE: RawFd = -1;

    pub(crate) fn none() -> Self {
        Self {
            fd: AtomicI32::new(Self::NONE),
            inode: AtomicU64::new(0),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_held(&self) -> bool {
        self.fd.load(Ordering::Acquire) != Self::NONE
    }

    pub(crate) fn hold(&self, file: File) {
        self.close();
        let inode = file.metadata().map_or(0, |metadata| metadata.ino());
        self.inode.store(inode, Ordering::Release);
        self.fd.store(file.into_raw_fd(), Ordering::Release);
    }

    /// Closes what is held. In a child this leaves the parent's lock alone, but stops the child
    /// from keeping it alive.
    ///
    /// A host may have closed descriptors that it does not own (a daemon does), and the number
    /// may be another file's since: then nothing is closed.
    pub(crate) fn close(&self) {
        let fd = self.fd.swap(Self::NONE, Ordering::AcqRel);
        if fd == Self::NONE {
            return;
        }
        // SAFETY: `fd` is not -1, and is used only to ask which file it is; the answer for a
        // number that is no descriptor is an error.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let inode = rustix::fs::fstat(borrowed).map(|stat| stat.st_ino);
        if inode == Ok(self.inode.load(Ordering::Acquire)) {
            // SAFETY: it is the file that `hold` took, the swap gives it to one caller only, and
            // nobody else knows a file of this process's own name.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_moves_to_a_mapping_and_back() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let mapped = &map_forever(&file, 512).unwrap()[3..5];
        let place = Place::on_heap(2);
        place.words()[1].store(7, Ordering::Relaxed);
        place.move_to_mapping(mapped);
        place.words()[1].store(8, Ordering::Relaxed);
        assert_eq!(mapped[1].load(Ordering::Relaxed), 8);
        place.move_to_heap();
        assert_eq!(place.words()[1].load(Ordering::Relaxed), 7);
    }

    #[test]
    fn a_number_that_became_another_file_is_not_closed() {
        let held = HeldFile::none();
        held.hold(tempfile::tempfile().unwrap());
        let other = tempfile::tempfile().unwrap();
        held.inode
            .store(other.metadata().unwrap().ino(), Ordering::Release);
        let fd = held.fd.load(Ordering::Acquire);
        held.close();
        // SAFETY: only asked which file it is.
        let still = unsafe { BorrowedFd::borrow_raw(fd) };
        assert!(rustix::fs::fstat(still).is_ok());
    }

    #[test]
    fn threads_may_use_a_place_while_it_moves() {
        let place = Place::on_heap(1);
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let mapped = &map_forever(&file, 512).unwrap()[..1];
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        place.words()[0].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for _ in 0..100 {
                place.move_to_mapping(mapped);
                place.move_to_heap();
            }
        });
        let heap = place.words()[0].load(Ordering::Relaxed);
        assert_eq!(heap + mapped[0].load(Ordering::Relaxed), 20_000);
    }
}
