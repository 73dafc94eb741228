//! How surprising a count is, exactly.

/// The chance of at least `harmed` among `started`, when each is harmed with this probability (binomial).
#[must_use]
pub fn at_least(harmed: u64, started: u64, probability: f64) -> f64 {
    if harmed == 0 {
        return 1.0;
    }
    if harmed > started || probability <= 0.0 {
        return 0.0;
    }
    let ln = |count: u64| {
        let rest = started - count;
        ln_choose(started, count) + count as f64 * probability.ln() + rest as f64 * (-probability).ln_1p()
    };
    // The shorter end is summed.
    if harmed as f64 <= started as f64 * probability {
        1.0 - (0..harmed).map(|count| ln(count).exp()).sum::<f64>()
    } else {
        (harmed..=started)
            .map(|count| ln(count).exp())
            .take_while(|term| *term > 0.0)
            .sum()
    }
}

/// Some of a group: `(affected, all)`.
pub type Group = (u64, u64);

/// The chance that at least so many of the affected fall into the first group, when being in it makes no difference (Fisher's
/// exact test, one-sided).
#[must_use]
pub fn fisher(group: Group, others: Group) -> f64 {
    let (affected, members) = group;
    let all = members + others.1;
    let hit = affected + others.0;
    let most = hit.min(members);
    let ln = |count: u64| ln_choose(hit, count) + ln_choose(all - hit, members - count) - ln_choose(all, members);
    // Not all of those that are not affected fit into the first group.
    let least = members.saturating_sub(all - hit);
    (affected.max(least)..=most)
        .map(|count| ln(count).exp())
        .sum::<f64>()
        .min(1.0)
}

fn ln_choose(all: u64, some: u64) -> f64 {
    ln_factorial(all) - ln_factorial(some) - ln_factorial(all - some)
}

/// Exact below 20, by Stirling's series above: wrong by less than 1e-10.
fn ln_factorial(number: u64) -> f64 {
    if number < 20 {
        return (2..=number).map(|factor| (factor as f64).ln()).sum();
    }
    let n = number as f64;
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-6, "{left} {right}");
    }

    #[test]
    fn a_binomial_tail_is_as_in_the_tables() {
        close(at_least(0, 10, 0.005), 1.0);
        close(at_least(1, 10, 0.005), 1.0 - 0.995_f64.powi(10));
        close(at_least(2, 3, 0.5), 0.5);
        close(at_least(3, 3, 0.5), 0.125);
        close(at_least(10, 20, 0.5), 0.588_099);
        close(at_least(4, 3, 0.5), 0.0);
        assert!(at_least(1, 100_000, 0.005) > 0.999);
    }

    #[test]
    fn the_lady_who_tastes_tea_gets_her_chance_right() {
        // R. A. Fisher, The Design of Experiments: eight cups, four of them with milk first, three of those named.
        close(fisher((3, 4), (1, 4)), 17.0 / 70.0);
        close(fisher((4, 4), (0, 4)), 1.0 / 70.0);
        close(fisher((0, 4), (4, 4)), 1.0);
        close(fisher((2, 2), (0, 38)), 1.0 / 780.0);
        close(fisher((5, 5), (5, 5)), 1.0);
    }
}
