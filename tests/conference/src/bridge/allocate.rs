//! Which sources a receiver gets, and how high (`specs/jitsi-client.md §6`, conduct).

use std::collections::BTreeMap;

use super::channel::Constraints;

/// A source that could be forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// `ENDPOINT-v0`.
    pub name: String,
    /// Heights of its layers, lowest first; 0 for one that does not come now.
    pub heights: Vec<u32>,
}

/// The layer of each forwarded source. Before the first constraints arrive (`None`) nothing is forwarded.
pub fn allocate(constraints: Option<&Constraints>, offered: &[Offered]) -> BTreeMap<String, usize> {
    let Some(constraints) = constraints else {
        return BTreeMap::new();
    };
    let mut order: Vec<&Offered> = Vec::new();
    let named = constraints.on_stage.iter().chain(&constraints.selected);
    for source in named
        .filter_map(|n| offered.iter().find(|o| o.name == *n))
        .chain(offered)
    {
        if !order.iter().any(|o| o.name == source.name) {
            order.push(source);
        }
    }
    let mut left = if constraints.last_n < 0 {
        usize::MAX
    } else {
        constraints.last_n as usize
    };
    let mut allocation = BTreeMap::new();
    for source in order {
        let wanted = constraints
            .by_source
            .get(&source.name)
            .unwrap_or(&constraints.default)
            .max_height;
        if wanted == 0 || left == 0 || source.heights.iter().all(|height| *height == 0) {
            continue;
        }
        left -= 1;
        let comes = |height: &u32| *height > 0;
        let fits = |height: &u32| comes(height) && (wanted < 0 || i64::from(*height) <= i64::from(wanted));
        let heights = source.heights.iter();
        let layer = heights
            .clone()
            .rposition(fits)
            .or(heights.clone().position(comes))
            .unwrap_or(0);
        allocation.insert(source.name.clone(), layer);
    }
    allocation
}

#[cfg(test)]
mod tests {
    use super::super::channel::Constraint;
    use super::*;

    fn offered() -> Vec<Offered> {
        ["a-v0", "b-v0", "c-v0"]
            .map(|n| Offered {
                name: n.into(),
                heights: vec![180, 360],
            })
            .to_vec()
    }

    #[test]
    fn nothing_is_forwarded_before_the_first_constraints() {
        assert!(allocate(None, &offered()).is_empty());
    }

    #[test]
    fn stage_comes_first_and_last_n_counts_sources() {
        let constraints = Constraints {
            last_n: 2,
            on_stage: vec!["c-v0".into()],
            by_source: BTreeMap::from([("c-v0".into(), Constraint { max_height: 1080 })]),
            ..Constraints::default()
        };
        let allocation = allocate(Some(&constraints), &offered());
        assert_eq!(allocation, BTreeMap::from([("c-v0".into(), 1), ("a-v0".into(), 0)]));
    }

    #[test]
    fn a_layer_that_does_not_come_is_not_chosen() {
        let constraints = |max_height| Constraints {
            default: Constraint { max_height },
            ..Constraints::default()
        };
        let layer = |max_height, heights: &[u32]| {
            let offered = Offered {
                name: "a-v0".into(),
                heights: heights.to_vec(),
            };
            allocate(Some(&constraints(max_height)), &[offered])
                .get("a-v0")
                .copied()
        };
        assert_eq!(layer(720, &[180, 360, 0]), Some(1));
        assert_eq!(layer(-1, &[180, 360, 0]), Some(1));
        assert_eq!(layer(180, &[0, 360, 720]), Some(1), "the lowest that comes");
        assert_eq!(layer(720, &[0, 0, 0]), None);
    }

    #[test]
    fn zero_means_nothing_and_minus_one_everything() {
        let mut constraints = Constraints {
            default: Constraint { max_height: -1 },
            ..Constraints::default()
        };
        constraints
            .by_source
            .insert("b-v0".into(), Constraint { max_height: 0 });
        let allocation = allocate(Some(&constraints), &offered());
        assert_eq!(allocation, BTreeMap::from([("a-v0".into(), 1), ("c-v0".into(), 1)]));
    }
}
