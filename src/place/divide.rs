//! Dividing replicas by weights.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::api::ClusterName;

/// How many replicas each cluster has.
pub type Assignments = BTreeMap<ClusterName, u32>;

/// Divides replicas in proportion to weights by Webster's method (Sainte-Laguë):
/// one more replica never takes one away from a cluster. Ties go to the larger
/// weight, then to the cluster that has replicas already, then by name. Clusters
/// without weight get none; without any weight nothing is given.
pub fn divide(total: u32, weights: &[(ClusterName, u32)], current: &Assignments) -> Assignments {
    let weights: Vec<(&ClusterName, u64)> = weights
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .map(|(name, weight)| (name, u64::from(*weight)))
        .collect();
    let sum: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
    if sum == 0 {
        return Assignments::new();
    }
    // What the clusters get for a total smaller by their number is a lower bound
    // that the method itself would reach, so the rounds start there.
    let count = weights.len() as u128;
    let sure = u128::from(total).saturating_sub(count);
    let mut given: Vec<u64> = weights
        .iter()
        .map(|(_, weight)| {
            let seats = (2 * u128::from(*weight) * sure + sum) / (2 * sum);
            u64::try_from(if sure == 0 { 0 } else { seats }).unwrap_or(u64::MAX)
        })
        .collect();
    let missing = u64::from(total).saturating_sub(given.iter().sum());
    for _ in 0..missing {
        let next = (0..weights.len()).max_by(|a, b| stronger(&weights, &given, current, *a, *b));
        if let Some(next) = next {
            given[next] += 1;
        }
    }
    weights
        .iter()
        .zip(given)
        .map(|((name, _), given)| ((*name).clone(), u32::try_from(given).unwrap_or(u32::MAX)))
        .collect()
}

/// Which of two clusters has the better claim to the next replica: the quotient
/// weight / (2 · replicas + 1) decides.
fn stronger(
    weights: &[(&ClusterName, u64)],
    given: &[u64],
    current: &Assignments,
    a: usize,
    b: usize,
) -> Ordering {
    let claim = |own: usize, other: usize| u128::from(weights[own].1) * u128::from(2 * given[other] + 1);
    let has_replicas = |index: usize| current.get(weights[index].0).is_some_and(|count| *count > 0);
    claim(a, b)
        .cmp(&claim(b, a))
        .then(weights[a].1.cmp(&weights[b].1))
        .then(has_replicas(a).cmp(&has_replicas(b)))
        .then(weights[b].0.cmp(weights[a].0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clusters(weights: &[u32]) -> Vec<(ClusterName, u32)> {
        weights
            .iter()
            .enumerate()
            .map(|(i, weight)| (ClusterName::new(&format!("c{i:02}")), *weight))
            .collect()
    }

    fn shares(total: u32, weights: &[u32]) -> Vec<u32> {
        let divided = divide(total, &clusters(weights), &Assignments::new());
        clusters(weights).iter().map(|(name, _)| divided.get(name).copied().unwrap_or(0)).collect()
    }

    #[test]
    fn replicas_follow_the_weights() {
        for (total, weights, expected) in [
            (10, &[50, 30, 20][..], &[5, 3, 2][..]),
            (3, &[50, 30, 20], &[1, 1, 1]),
            (1, &[50, 30, 20], &[1, 0, 0]),
            (2, &[50, 30, 20], &[1, 1, 0]),
            (0, &[50, 30, 20], &[0, 0, 0]),
            (7, &[60, 25, 15], &[4, 2, 1]),
            (3, &[1, 1], &[2, 1]),
            (5, &[1, 0, 1], &[3, 0, 2]),
            (5, &[0, 0], &[0, 0]),
            (4, &[3, 1], &[3, 1]),
        ] {
            assert_eq!(shares(total, weights), expected, "{total} by {weights:?}");
        }
    }

    #[test]
    fn a_tie_goes_to_the_cluster_that_has_replicas_already() {
        let current = Assignments::from([(ClusterName::new("c01"), 1)]);
        let divided = divide(1, &clusters(&[1, 1]), &current);
        assert_eq!(divided[&ClusterName::new("c01")], 1);
    }

    proptest! {
        #[test]
        fn all_replicas_are_given_and_one_more_takes_none_away(
            total in 0_u32..2000,
            weights in prop::collection::vec(0_u32..100, 1..12),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let before = shares(total, &weights);
            prop_assert_eq!(before.iter().sum::<u32>(), total);
            let after = shares(total + 1, &weights);
            prop_assert!(before.iter().zip(&after).all(|(b, a)| b <= a), "{:?} {:?}", before, after);
        }

        #[test]
        fn starting_from_the_lower_bound_changes_nothing(
            total in 0_u32..300,
            weights in prop::collection::vec(1_u32..1000, 1..8),
        ) {
            // The method as it is defined: one replica at a time, from none.
            let named: Vec<_> = clusters(&weights);
            let plain: Vec<_> = named.iter().map(|(name, weight)| (name, u64::from(*weight))).collect();
            let mut given = vec![0; plain.len()];
            for _ in 0..total {
                let next = (0..plain.len())
                    .max_by(|a, b| stronger(&plain, &given, &Assignments::new(), *a, *b)).unwrap();
                given[next] += 1;
            }
            let given: Vec<u32> = given.into_iter().map(|g| g as u32).collect();
            prop_assert_eq!(shares(total, &weights), given);
        }

        #[test]
        fn huge_totals_are_divided_at_once(total in 1_000_000_u32.., weights in prop::collection::vec(1_u32.., 1..20)) {
            prop_assert_eq!(shares(total, &weights).iter().map(|s| u64::from(*s)).sum::<u64>(), u64::from(total));
        }
    }
}
