//! Work on several threads at once, where there is enough of it.
//!
//! The threads are those of rayon, which stay: to start one takes as long as to parse ten
//! templates. None of them ever waits for work of ours, so renderings within renderings, and
//! many at once, cannot block each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Work on less than this many bytes is done before a thread has woken.
const WORTH_A_THREAD: usize = 128 << 10;

/// Whether work on so many bytes is shared.
pub(crate) fn is_worth_a_thread(bytes: usize) -> bool {
    bytes >= WORTH_A_THREAD
}

/// How many threads work on so many bytes.
fn threads(bytes: usize) -> usize {
    // How many there could be is read from files: only where it matters.
    if is_worth_a_thread(bytes) { rayon::current_num_threads().min(4) } else { 1 }
}

/// Does something on another thread, if there is one.
pub(crate) fn beside(work: impl FnOnce() + Send + 'static) {
    if rayon::current_num_threads() > 1 {
        rayon::spawn(work);
    }
}

/// Makes items on this thread while others work on those that are made; gives what was made
/// of it all, the results in no order. Each thread works on its share as a whole: it takes
/// one item after the other, and has a result for each. `bytes` says how much there may be.
pub(crate) fn while_made<T: Send, R: Send, O>(
    bytes: usize,
    make: impl FnOnce(&mut dyn FnMut(T)) -> O,
    work: impl Fn(&mut dyn Iterator<Item = T>) -> Vec<R> + Sync,
) -> (O, Vec<R>) {
    let others = threads(bytes) - 1;
    if others == 0 {
        let mut items = Vec::new();
        let made = make(&mut |item| items.push(item));
        return (made, work(&mut items.into_iter()));
    }
    let waiting = Mutex::new(VecDeque::new());
    let results = Mutex::new(Vec::new());
    let busy = AtomicUsize::new(0);
    let share = || {
        let share = work(&mut std::iter::from_fn(|| lock(&waiting).pop_front()));
        lock(&results).extend(share);
    };
    let made = rayon::in_place_scope(|scope| {
        let made = make(&mut |item| {
            lock(&waiting).push_back(item);
            // One that just now finds nothing more is not asked: then this thread does it.
            if busy.load(Ordering::Relaxed) < others {
                busy.fetch_add(1, Ordering::Relaxed);
                scope.spawn(|_| {
                    share();
                    busy.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        share();
        made
    });
    (made, results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What a panic left is whole: nothing is done under the lock but to put or to take.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
