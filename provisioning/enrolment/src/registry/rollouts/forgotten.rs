//! Boxes that are forgotten stand in no rollout.

use fleet::contract::DeviceId;

use super::read;
use crate::registry::sql::{Sql, SqlError};

/// Nothing of these boxes stays in any rollout. A conductor notices, because the revision is another.
pub fn forget_boxes(sql: &mut dyn Sql, gone: &[DeviceId]) -> Result<(), SqlError> {
    let failed = |error: serde_json::Error| SqlError::Failed(error.to_string());
    for record in read(sql, "", &[])? {
        let mut document: serde_json::Value = serde_json::from_str(&record.document).map_err(failed)?;
        if !gone.iter().any(|device| record.document.contains(device.as_str())) {
            continue;
        }
        strip(&mut document, gone);
        sql.execute(
            "UPDATE rollouts SET document = $1, revision = revision + 1 WHERE id = $2",
            &[document.to_string().as_str().into(), record.head.id.as_str().into()],
        )?;
    }
    Ok(())
}

/// Out of lists go names of boxes, and everything whose `device` is one.
fn strip(value: &mut serde_json::Value, gone: &[DeviceId]) {
    use serde_json::Value::{Array, Object, String};
    let is_gone = |value: &serde_json::Value| match value {
        String(text) => gone.iter().any(|device| device.as_str() == text),
        Object(fields) => fields
            .get("device")
            .is_some_and(|name| gone.iter().any(|device| *name == device.as_str())),
        _ => false,
    };
    match value {
        Array(items) => {
            items.retain(|item| !is_gone(item));
            items.iter_mut().for_each(|item| strip(item, gone));
        }
        Object(fields) => fields.values_mut().for_each(|field| strip(field, gone)),
        _ => {}
    }
}
