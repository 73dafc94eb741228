//! Any other broker: the table as JSON, to be turned into what it wants.

use super::rules::User;

/// `{"USER": [{"act": "publish", "topics": "…"}, …], …}`. Whatever is not there is refused.
#[must_use]
pub fn table<'a>(users: impl IntoIterator<Item = &'a User>) -> String {
    let table: serde_json::Map<String, serde_json::Value> = users
        .into_iter()
        .map(|user| (user.name().to_owned(), serde_json::json!(user.rules())))
        .collect();
    format!("{:#}\n", serde_json::Value::Object(table))
}
