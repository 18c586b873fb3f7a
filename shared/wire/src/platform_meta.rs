//! What webhooks on the platform's records can be made for: types, their events, and what a form needs to offer them.

use std::collections::BTreeMap;

use hookrail_domain::platform::{Binding, EventType, Scope, TASK_SOURCE_ATTRIBUTE, TREE_NAMES, TreeName};
use serde::Serialize;
use utoipa::ToSchema;

/// The names of the types that are offered there.
#[must_use]
pub fn render_types(scope: Scope) -> Vec<u8> {
    let names: Vec<_> = scope.kinds().map(EventType::name).collect();
    serde_json::to_vec(&names).unwrap_or_default()
}

/// The events of each type that is offered there.
#[must_use]
pub fn render_events(scope: Scope) -> Vec<u8> {
    let events: BTreeMap<_, _> = scope.kinds().map(|kind| (kind.name(), kind.events())).collect();
    serde_json::to_vec(&events).unwrap_or_default()
}

/// The events of one type.
#[must_use]
pub fn render_events_of(kind: EventType) -> Vec<u8> {
    serde_json::to_vec(kind.events()).unwrap_or_default()
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
    /// Where webhooks of this type can be kept: `space`, `kapp`.
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
    /// What it is called with. A key that ends with a colon takes any name behind it.
    keys: &'static [&'static str],
    /// Whether it takes other keys too: the names of a form's fields.
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
    serde_json::to_vec(&document).unwrap_or_default()
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
    fn whatever_a_kapp_offers_its_space_offers_too() {
        // The catalogue is made from the space's types, and must not leave one out.
        assert!(Scope::Kapp.kinds().all(|kind| kind.is_offered_in(Scope::Space)));
        let shown: Value = serde_json::from_slice(&render_catalogue()).unwrap();
        let presets = shown["types"].as_array().unwrap().iter();
        let presets: usize = presets.map(|kind| kind["presets"].as_array().unwrap().len()).sum();
        assert_eq!(presets, TREE_NAMES.len());
    }
}
