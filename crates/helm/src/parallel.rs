//! Work on several threads at once, where there is enough of it.
//!
//! The threads stay: to start one takes as long as to parse ten templates. None of them ever
//! waits for another, so renderings within renderings, and many at once, cannot block each
//! other.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Work on less than this many bytes is done before a thread has woken.
const WORTH_A_THREAD: usize = 128 << 10;

/// The threads beside the one that asks, as far as there are cores for them.
static OTHERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(4) - 1;
    if others == 0 { None } else { ThreadPoolBuilder::new().num_threads(others).build().ok() }
});

/// What is made of a share of the items, which may have so many bytes: of each its result.
type Work<T, R> = fn(&mut dyn Iterator<Item = T>, usize) -> Vec<R>;

/// Items that come one after the other, and what other threads make of them meanwhile. Each
/// thread takes one item after the other, and works on its share as a whole.
pub(crate) struct Queue<T: Send + 'static, R: Send + 'static>(Arc<Inner<T, R>>);

struct Inner<T, R> {
    work: Work<T, R>,
    state: Mutex<State<T, R>>,
    /// Nobody works on a share any more.
    idle: Condvar,
}

struct State<T, R> {
    waiting: VecDeque<T>,
    bytes: usize,
    /// How many threads were asked to look for items, and have not ended yet.
    asked: usize,
    /// How many of those have found some.
    busy: usize,
    results: Vec<R>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<T: Send + 'static, R: Send + 'static> Queue<T, R> {
    /// Nothing is there yet.
    pub(crate) fn new(work: Work<T, R>) -> Queue<T, R> {
        let (waiting, results) = (VecDeque::new(), Vec::new());
        let state = State { waiting, bytes: 0, asked: 0, busy: 0, results, panic: None };
        Queue(Arc::new(Inner { work, state: Mutex::new(state), idle: Condvar::new() }))
    }

    /// Adds an item of so many bytes.
    pub(crate) fn give(&self, item: T, bytes: usize) {
        let mut state = self.0.state();
        state.waiting.push_back(item);
        state.bytes += bytes;
        if state.bytes < WORTH_A_THREAD {
            return;
        }
        // How many cores there are is read from files: only where it matters.
        let Some(others) = &*OTHERS else { return };
        if state.asked < others.current_num_threads() {
            state.asked += 1;
            drop(state);
            let inner = Arc::clone(&self.0);
            others.spawn(move || inner.help());
        }
    }

    /// Works on what is left, and gives all results, in no order.
    ///
    /// # Panics
    /// Where the work on an item did.
    pub(crate) fn finish(self) -> Vec<R> {
        let bytes = self.0.state().bytes;
        let own = (self.0.work)(&mut self.0.items(), bytes);
        let mut state = self.0.state();
        while state.busy > 0 {
            state = self.0.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(panic) = state.panic.take() {
            drop(state);
            resume_unwind(panic);
        }
        let mut results = std::mem::take(&mut state.results);
        results.extend(own);
        results
    }
}

impl<T, R> Inner<T, R> {
    /// What a panic left is whole: nothing is done under the lock but to put and to take.
    fn state(&self) -> MutexGuard<'_, State<T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn items(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.state().waiting.pop_front())
    }

    /// Takes a share, if anything is left.
    fn help(&self) {
        let mut state = self.state();
        if state.waiting.is_empty() {
            state.asked -= 1;
            return;
        }
        state.busy += 1;
        let bytes = state.bytes;
        drop(state);
        let made = catch_unwind(AssertUnwindSafe(|| (self.work)(&mut self.items(), bytes)));
        let mut state = self.state();
        match made {
            Ok(made) => state.results.extend(made),
            Err(panic) => state.panic = Some(panic),
        }
        state.busy -= 1;
        state.asked -= 1;
        self.idle.notify_all();
    }
}

impl<T: Send, R: Send> Drop for Queue<T, R> {
    /// What nobody waits for is not made.
    fn drop(&mut self) {
        self.0.state().waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(numbers: &mut dyn Iterator<Item = usize>, _: usize) -> Vec<usize> {
        numbers.map(|number| if number == 13 { panic!("no thirteen") } else { 2 * number }).collect()
    }

    #[test]
    fn all_that_is_given_is_worked_on_once_whatever_its_size() {
        for bytes in [1, WORTH_A_THREAD] {
            let queue = Queue::new(double);
            (20..2_000).for_each(|number| queue.give(number, bytes));
            let mut results = queue.finish();
            results.sort_unstable();
            assert_eq!(results, (20..2_000).map(|number| 2 * number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_on_another_thread_is_one_of_who_waits_for_it() {
        for bytes in [1, WORTH_A_THREAD] {
            let queue = Queue::new(double);
            (0..100).for_each(|number| queue.give(number, bytes));
            let panic = catch_unwind(AssertUnwindSafe(|| queue.finish())).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"no thirteen"));
        }
    }

    #[test]
    fn what_nobody_waits_for_ends_without_harm() {
        let queue = Queue::new(double);
        (0..100).for_each(|number| queue.give(number, WORTH_A_THREAD));
        drop(queue);
    }
}
