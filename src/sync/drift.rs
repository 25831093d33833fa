//! Who changes what syncline has applied, and how often.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Within this time three corrections of one object mean that it is contested.
const WINDOW: Duration = Duration::from_secs(60);
const CORRECTIONS: usize = 3;

/// The corrections of one object.
#[derive(Debug, Default)]
pub(super) struct DriftLog {
    corrections: VecDeque<Instant>,
    in_a_row: u32,
    /// Who changed it last, as far as the server records it.
    pub manager: Option<String>,
    /// The fields, as JSON pointers.
    pub fields: Vec<String>,
}

impl DriftLog {
    /// Notes that the object was found changed; gives how many corrections in a row
    /// there were beyond what counts as ordinary: 0 means correct it at once.
    pub fn note(&mut self, now: Instant, manager: Option<String>, fields: Vec<String>) -> u32 {
        let is_quiet = self.corrections.back().is_some_and(|last| now.duration_since(*last) > 10 * WINDOW);
        if is_quiet {
            *self = DriftLog::default();
        }
        self.manager = manager;
        self.fields = fields;
        self.corrections.push_back(now);
        while self.corrections.len() > CORRECTIONS {
            self.corrections.pop_front();
        }
        let is_frequent = self.corrections.len() == CORRECTIONS
            && self.corrections.front().is_some_and(|first| now.duration_since(*first) <= WINDOW);
        if is_frequent || self.in_a_row > 0 {
            self.in_a_row += 1;
        }
        self.in_a_row
    }

    /// Whether somebody keeps changing the object.
    pub fn is_contested(&self) -> bool {
        self.in_a_row > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_change_within_a_minute_is_a_contest_and_silence_ends_it() {
        let start = Instant::now();
        let mut log = DriftLog::default();
        let note =
            |log: &mut DriftLog, seconds| log.note(start + Duration::from_secs(seconds), None, Vec::new());
        assert_eq!([0, 100, 110].map(|s| note(&mut log, s)), [0, 0, 0]);
        assert_eq!([120, 130].map(|s| note(&mut log, s)), [1, 2]);
        assert!(log.is_contested());
        assert_eq!(note(&mut log, 130 + 601), 0);
        assert!(!log.is_contested());
    }
}
