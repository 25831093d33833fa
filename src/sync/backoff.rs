//! How long to wait before trying again.

use std::time::Duration;

/// Doubles from a first delay up to a limit, each delay varied by a fifth so that
/// many targets do not knock at once.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
}

impl Backoff {
    /// For objects that the server refuses.
    pub const OBJECT: Backoff = Backoff { first: Duration::from_secs(1), limit: Duration::from_secs(300) };
    /// For fields that somebody else keeps changing.
    pub const CONTESTED: Backoff = Backoff { first: Duration::from_secs(2), limit: Duration::from_secs(300) };
    /// For targets that do not answer.
    pub const TARGET: Backoff = Backoff { first: Duration::from_millis(500), limit: Duration::from_secs(15) };

    /// The delay after a number of failures in a row.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let delay = self.first.saturating_mul(1 << doublings).min(self.limit);
        delay.mul_f64(0.8 + 0.4 * rand::random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit() {
        for (failures, low, high) in [(1, 0.8, 1.2), (2, 1.6, 2.4), (5, 12.8, 19.2), (60, 240.0, 360.0)] {
            let delay = Backoff::OBJECT.after(failures).as_secs_f64();
            assert!((low..=high).contains(&delay), "{failures}: {delay}");
        }
    }
}
