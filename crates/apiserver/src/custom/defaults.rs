//! Whether the defaults of a schema are values that it takes as they are.

use super::schema::Schema;
use super::{check, fill, prune};
use crate::error::Problem;

/// Adds what is wrong with the defaults of a schema and of what is in it.
pub(super) fn check_defaults(schema: &Schema, path: &str, problems: &mut Vec<Problem>) {
    if let Some(default) = &schema.default {
        let path = format!("{path}.default");
        let (mut pruned, mut unknown) = (default.clone(), Vec::new());
        prune(schema, &mut pruned, &mut unknown);
        if unknown.is_empty() {
            fill(schema, &mut pruned);
            problems.extend(check(schema, &pruned, None).into_iter().map(|problem| {
                let field = format!("{path}.{}", problem.field).trim_end_matches('.').to_owned();
                Problem { field, ..problem }
            }));
        } else {
            let why = format!("must not have unknown fields: {}", unknown.join(", "));
            problems.push(Problem::invalid(path, default, &why));
        }
    }
    for (name, property) in &schema.properties {
        check_defaults(property, &format!("{path}.properties[{name}]"), problems);
    }
    if let Some(additional) = &schema.additional {
        check_defaults(additional, &format!("{path}.additionalProperties"), problems);
    }
    if let Some(items) = &schema.items {
        check_defaults(items, &format!("{path}.items"), problems);
    }
}
