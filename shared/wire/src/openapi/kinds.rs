//! Kinds of values that calls and queries have in common.

use hookrail_domain::limits::ID_CHARS_MAX;
use utoipa::Number;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

/// An id that we made.
const ID_PATTERN: &str = "^[0-9a-fA-F]{24}$";
/// An id that the platform chose.
pub const PLATFORM_ID_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";

const _: () = assert!(ID_CHARS_MAX == 64, "PLATFORM_ID_PATTERN says 64");

#[must_use]
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

#[must_use]
pub fn one_of(values: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    text().enum_values(Some(values.into_iter().map(ToOwned::to_owned)))
}

#[must_use]
pub fn whole<N: Into<Number>>(least: N, most: N) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

#[must_use]
pub fn time() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

#[must_use]
pub fn id() -> ObjectBuilder {
    text().pattern(Some(ID_PATTERN))
}

/// A company's id. It must be the company of the token.
#[must_use]
pub fn platform_id() -> ObjectBuilder {
    text().pattern(Some(PLATFORM_ID_PATTERN)).format(Some(SchemaFormat::Custom("company-id".to_owned())))
}
