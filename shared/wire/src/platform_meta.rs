//! The catalogue of platform webhooks: types, their events, and the data of a form.

use std::collections::BTreeMap;

use hookrail_domain::platform::{Binding, EventType, Scope, TASK_SOURCE_ATTRIBUTE, TREE_NAMES, TreeName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;

/// The names of the types that are offered there.
#[must_use]
pub fn render_types(scope: Scope) -> Vec<u8> {
    let names: Vec<_> = scope.kinds().map(EventType::name).collect();
    json::render(&names)
}

/// The events of each type that is offered there.
#[must_use]
pub fn render_events(scope: Scope) -> Vec<u8> {
    let events: BTreeMap<_, _> = scope.kinds().map(|kind| (kind.name(), kind.events())).collect();
    json::render(&events)
}

/// The events of one type.
#[must_use]
pub fn render_events_of(kind: EventType) -> Vec<u8> {
    json::render(kind.events())
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformCatalogue)]
pub(crate) struct Document {
    types: Vec<TypeDocument>,
    /// The attribute of the space that presets take the name of the workflow engine's source from.
    #[serde(rename = "sourceAttribute")]
    source_attribute: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformType)]
pub(crate) struct TypeDocument {
    name: &'static str,
    /// Kept for platforms of version 5 and earlier.
    #[serde(rename = "isLegacy")]
    is_legacy: bool,
    /// The scopes of webhooks of this type: `space`, `kapp`.
    scopes: Vec<&'static str>,
    events: &'static [&'static str],
    bindings: Vec<BindingDocument>,
    /// Webhooks that start the workflow tree that the naming convention has for the event.
    presets: Vec<Preset>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformBinding)]
pub(crate) struct BindingDocument {
    /// The function's name.
    name: &'static str,
    /// The keys that it accepts. A key that ends with a colon accepts any name behind the colon.
    keys: &'static [&'static str],
    /// True if it accepts other keys too: the names of a form's fields.
    #[serde(rename = "takesAnyKey")]
    takes_any_key: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformPreset)]
pub(crate) struct Preset {
    event: &'static str,
    /// The tree's group, with slugs in brackets.
    group: &'static str,
    tree: &'static str,
    /// The webhook's URL, relative to the workflow engine.
    url: String,
}

/// Every type that is offered anywhere.
#[must_use]
pub fn render_catalogue() -> Vec<u8> {
    let types = Scope::Space.kinds().map(type_document).collect();
    let document = Document { types, source_attribute: TASK_SOURCE_ATTRIBUTE };
    json::render(&document)
}

fn type_document(kind: EventType) -> TypeDocument {
    let scopes = Scope::ALL.into_iter().filter(|scope| kind.is_offered_in(*scope)).map(Scope::name);
    let trees = TREE_NAMES.iter().filter(|tree| tree.kind == kind);
    TypeDocument {
        name: kind.name(),
        is_legacy: kind.is_legacy(),
        scopes: scopes.collect(),
        events: kind.events(),
        bindings: kind.bindings().iter().copied().map(binding).collect(),
        presets: trees.map(preset).collect(),
    }
}

fn binding(binding: Binding) -> BindingDocument {
    BindingDocument { name: binding.name(), keys: binding.keys(), takes_any_key: binding == Binding::Values }
}

fn preset(tree: &TreeName) -> Preset {
    Preset { event: tree.event, group: tree.group, tree: tree.name, url: tree.url() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_space_offers_every_type_that_a_kapp_offers() {
        // The catalogue is made from the space's types, and must not leave one out.
        assert!(Scope::Kapp.kinds().all(|kind| kind.is_offered_in(Scope::Space)));
        let shown: Value = serde_json::from_slice(&render_catalogue()).unwrap();
        let presets = shown["types"].as_array().unwrap().iter();
        let presets: usize = presets.map(|kind| kind["presets"].as_array().unwrap().len()).sum();
        assert_eq!(presets, TREE_NAMES.len());
    }
}
