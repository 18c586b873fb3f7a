//! The auth strategy of a platform webhook: a signing key and its name. The secret is never shown again.

use hookrail_domain::signature::SigningSecret;
use hookrail_domain::webhook::Name;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::FieldProblem;
use crate::reader::Reader;

/// The only strategy.
pub(crate) const SIGNATURE: &str = "Signature";
const FIELD: &str = "authStrategy";
pub(crate) const KEY: &str = "Key";
pub(crate) const SECRET: &str = "Secret";

/// A change of the strategy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum AuthPatch {
    #[default]
    Keep,
    Clear,
    Set {
        key: Option<String>,
        secret: Option<SigningSecret>,
    },
}

/// A change of the signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    Keep,
    /// A new one is made.
    Fresh,
    /// The one that the owner brought.
    To(SigningSecret),
}

impl AuthPatch {
    /// Absent means "not given". Null and an empty object mean "none".
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let fields = match reader.value(FIELD) {
            None => return Self::Keep,
            Some(Value::Null) => return Self::Clear,
            Some(Value::Object(fields)) if fields.is_empty() => return Self::Clear,
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                reader.refuse(FIELD, "must be an object; write {} to clear it");
                return Self::Keep;
            }
        };
        reader.within(FIELD, fields, |reader| {
            reader.required("type", |text| {
                if text == SIGNATURE { Ok(()) } else { Err(format!("must be {SIGNATURE}")) }
            });
            properties(reader)
        })
    }

    /// The name of the key after the change, and what becomes of the key.
    ///
    /// A strategy that is not there cannot be cleared: what the API shows may be sent back, and the key stays.
    pub(crate) fn apply(
        self,
        current: Option<&str>,
    ) -> Result<(Option<String>, KeyChange), Vec<FieldProblem>> {
        match (self, current) {
            (Self::Keep, _) | (Self::Clear, None) => Ok((current.map(str::to_owned), KeyChange::Keep)),
            (Self::Clear, Some(_)) => Ok((None, KeyChange::Fresh)),
            (Self::Set { key, secret }, Some(current)) => {
                let change = secret.map_or(KeyChange::Keep, KeyChange::To);
                Ok((Some(key.unwrap_or_else(|| current.to_owned())), change))
            }
            (Self::Set { key: Some(key), secret: Some(secret) }, None) => {
                Ok((Some(key), KeyChange::To(secret)))
            }
            (Self::Set { key, secret }, None) => {
                let missing = [(KEY, key.is_none()), (SECRET, secret.is_none())];
                let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
                Err(missing.map(|(name, _)| FieldProblem::new(property_field(name), "is missing")).collect())
            }
        }
    }
}

fn property_field(name: &str) -> String {
    format!("{FIELD}.properties.{name}")
}

/// Of a property that is given twice the last one counts.
fn properties(reader: &mut Reader<'_>) -> AuthPatch {
    let (mut key, mut secret) = (None, None);
    let properties = match reader.value("properties") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(properties)) => properties.as_slice(),
        Some(_) => {
            reader.refuse("properties", "must be an array of {name, value}");
            &[]
        }
    };
    for (index, property) in properties.iter().enumerate() {
        let path = format!("properties[{index}]");
        let Value::Object(fields) = property else {
            reader.refuse(&path, "must be an object of a name and a value");
            continue;
        };
        let (name, value) = reader.within(&path, fields, |reader| {
            reader.value("sensitive");
            let name = reader.required("name", |text| match text {
                KEY => Ok(KEY),
                SECRET => Ok(SECRET),
                _ => Err(format!("must be {KEY} or {SECRET}")),
            });
            (name, reader.value("value").cloned())
        });
        // A secret is shown without its value, and may be sent back so.
        let Some(value) = value.filter(|value| !value.is_null()) else { continue };
        let single = |name: &str| Map::from_iter([(name.to_owned(), value.clone())]);
        match name {
            Some(KEY) => key = property_of(reader, &single(KEY), (KEY, Name::parse)),
            Some(SECRET) => secret = property_of(reader, &single(SECRET), (SECRET, SigningSecret::brought)),
            Some(_) | None => {}
        }
    }
    AuthPatch::Set { key: key.map(|name| name.as_str().to_owned()), secret }
}

fn property_of<T, E: std::fmt::Display>(
    reader: &mut Reader<'_>,
    fields: &Map<String, Value>,
    (name, parse): (&'static str, impl FnOnce(&str) -> Result<T, E>),
) -> Option<T> {
    reader.within("properties", fields, |reader| reader.optional(name, parse))
}

/// The strategy as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformAuthStrategy)]
pub(crate) struct Document<'a> {
    /// `Signature`.
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Vec<Property<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformAuthProperty)]
pub(crate) struct Property<'a> {
    name: &'static str,
    /// Absent for a sensitive property.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive: Option<bool>,
}

impl<'a> Document<'a> {
    pub(crate) fn of(key: &'a str) -> Self {
        let shown = Property { name: KEY, value: Some(key), sensitive: None };
        let hidden = Property { name: SECRET, value: None, sensitive: Some(true) };
        Self { kind: SIGNATURE, properties: vec![shown, hidden] }
    }
}
