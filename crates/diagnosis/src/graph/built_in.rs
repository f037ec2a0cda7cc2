//! The rules that work without any configuration and belong to no pack.

use super::{ModelRules, parse_model_file};

/// What every target tells, and metrics that name both ends of a call.
pub fn built_in_rules() -> ModelRules {
    parse_model_file(include_str!("built_in.yaml")).expect("a test reads this file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_can_be_read() {
        let rules = built_in_rules();
        assert!(!rules.entities.is_empty() && !rules.relations.is_empty());
    }
}
