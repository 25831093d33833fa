//! Work on many pieces at once, where there is enough of it.

/// Work on less than this many bytes is done before a thread has started.
const WORTH_A_THREAD: usize = 128 << 10;

/// Does a piece of work for each item, on several threads where there is much of it; the
/// results are in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    size: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let total: usize = items.iter().map(&size).sum();
    // How many there are is read from files: only where it matters.
    if total < WORTH_A_THREAD {
        return items.iter().map(work).collect();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    // Shares of about equal size; the last takes what is left.
    let mut shares = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        bytes += size(item);
        if bytes * threads >= total && shares.len() + 1 < threads {
            shares.push(&items[start..=at]);
            (start, bytes) = (at + 1, 0);
        }
    }
    shares.push(&items[start..]);
    let work = &work;
    std::thread::scope(|scope| {
        let (first, others) = shares.split_first().unwrap_or((&items, &[]));
        let others: Vec<_> = others
            .iter()
            .map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let mut results: Vec<R> = first.iter().map(work).collect();
        for other in others {
            match other.join() {
                Ok(share) => results.extend(share),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
