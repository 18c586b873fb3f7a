//! The context of a webhook: read slot by slot, and shown with every slot.

use std::borrow::Cow;

use hookrail_domain::id::ContextId;
use hookrail_domain::trigger::{Context, Slot};
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::kinds;
use crate::reader::Reader;

/// Absent means "not given". An object replaces the whole context; its empty slots match everything.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Context> {
    for slot in Slot::ALL {
        reader.suggest(field(slot));
    }
    let Value::Object(fields) = reader.value("context")? else {
        reader.refuse("context", "must be an object; write {} to clear it");
        return None;
    };
    let mut context = Context::default();
    // A misspelt slot would silently widen the webhook to the whole company.
    reader.within("context", fields, |reader| {
        for slot in Slot::ALL {
            let id = reader.optional_or_null(slot.name(), |text| {
                if text.is_empty() { Ok(None) } else { ContextId::parse(text).map(Some) }
            });
            if let Some(id) = id.flatten() {
                context.set(slot, id);
            }
        }
    });
    Some(context)
}

/// The name of a slot in calls and problems.
pub(super) fn field(slot: Slot) -> String {
    format!("context.{}", slot.name())
}

/// Every slot, with an empty text where it does not narrow.
pub(crate) struct Document<'a>(pub(super) &'a Context);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(context) = self;
        let id = |slot| context.get(slot).map_or("", ContextId::as_str);
        serializer.collect_map(Slot::ALL.map(|slot| (slot.name(), id(slot))))
    }
}

impl PartialSchema for Document<'_> {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        let slots = Slot::ALL.iter().map(|slot| slot.name());
        slots.fold(object, |object, name| object.property(name, kinds::text()).required(name)).into()
    }
}

impl ToSchema for Document<'_> {
    fn name() -> Cow<'static, str> {
        "WebhookContext".into()
    }
}
