//! Work on several threads at once, where there is enough of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Work on less than this many bytes is done before a thread has started.
const WORTH_A_THREAD: usize = 128 << 10;

/// How many threads work on so many bytes.
fn threads(bytes: usize) -> usize {
    // How many there could be is read from files: only where it matters.
    if bytes < WORTH_A_THREAD {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, usize::from).min(4)
}

/// Runs `share` on several threads, on this one after `first`; gives what all of them gave.
fn beside<O, R: Send>(
    threads: usize,
    first: impl FnOnce() -> O,
    share: impl Fn() -> Vec<R> + Sync,
) -> (O, Vec<R>) {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&share)).collect();
        let made = first();
        let mut results = share();
        for other in others {
            match other.join() {
                Ok(share) => results.extend(share),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (made, results)
    })
}

/// Does a piece of work for each item, on several threads where there is much of it; the
/// results are in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    bytes: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    in_shares(items, bytes, |share| share.map(&work).collect())
}

/// As [`in_parallel`], but each thread works on its share as a whole: it takes one item
/// after the other, and has a result for each.
pub(crate) fn in_shares<T: Sync, R: Send>(
    items: &[T],
    bytes: impl Fn(&T) -> usize,
    work: impl Fn(&mut dyn Iterator<Item = &T>) -> Vec<R> + Sync,
) -> Vec<R> {
    let threads = threads(items.iter().map(bytes).sum()).min(items.len());
    if threads < 2 {
        return work(&mut items.iter());
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut places = Vec::new();
        let mut taken = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let item = items.get(at)?;
            places.push(at);
            Some(item)
        });
        let results = work(&mut taken);
        places.into_iter().zip(results).collect()
    };
    let ((), mut all) = beside(threads, || (), share);
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Makes items on this thread while others work on those that are made; gives what was made
/// of it all, the results in no order. `bytes` says how much there may be.
pub(crate) fn while_made<T: Send, R: Send, O>(
    bytes: usize,
    make: impl FnOnce(&mut dyn FnMut(T)) -> O,
    work: impl Fn(T) -> R + Sync,
) -> (O, Vec<R>) {
    let threads = threads(bytes);
    if threads < 2 {
        let mut results = Vec::new();
        let made = make(&mut |item| results.push(work(item)));
        return (made, results);
    }
    let (sender, receiver) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let share = || {
        let mut share = Vec::new();
        loop {
            // Who waits here holds the lock, and the next waits for it instead.
            let item = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(item) = item else { return share };
            share.push(work(item));
        }
    };
    // The sender goes when all is made, and who waits for items goes on.
    beside(threads, move || make(&mut |item| drop(sender.send(item))), share)
}
