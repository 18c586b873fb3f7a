//! The filter of the list of webhooks: `isActive`, `trigger`, `search`.

use hookrail_domain::limits::URL_CHARS_MAX;
use hookrail_domain::trigger::TriggerType;
use hookrail_domain::webhook::Webhook;

use crate::cot_webhook::find_trigger;
use crate::problem::FieldProblem;
use crate::query::{self, Filter, Pairs, QueryReader};

/// A filter of webhooks. Without values it matches all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFilter {
    is_active: Option<bool>,
    trigger: Option<&'static TriggerType>,
    /// In lower case.
    search: Option<String>,
}

impl Filter for WebhookFilter {
    fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let is_active = reader.read("isActive", |text| match text {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            "all" => Ok(None),
            _ => Err("must be true, false or all"),
        });
        let trigger = reader.read("trigger", find_trigger);
        let search = reader.read("search", |text| {
            let chars = text.trim().chars().count();
            let is_search = (1..=URL_CHARS_MAX).contains(&chars);
            is_search
                .then(|| text.trim().to_lowercase())
                .ok_or_else(|| format!("must be 1 to {URL_CHARS_MAX} characters"))
        });
        if reader.problems.is_empty() {
            Ok(Self { is_active: is_active.flatten(), trigger, search })
        } else {
            Err(reader.problems)
        }
    }

    fn render(&self) -> String {
        query::render(&[
            ("isActive", self.is_active.map(|is_active| is_active.to_string())),
            ("trigger", self.trigger.map(|trigger| trigger.name.to_owned())),
            ("search", self.search.clone()),
        ])
    }
}

impl WebhookFilter {
    /// Returns true for a webhook with a trigger that matches. A search is a part of name, code or URL, in any case.
    #[must_use]
    pub fn takes(&self, webhook: &Webhook) -> bool {
        let Some(cot) = webhook.cot() else { return false };
        let found = |search: &str| {
            [webhook.name.as_str(), cot.code.as_str(), cot.url.as_str()]
                .iter()
                .any(|text| text.to_lowercase().contains(search))
        };
        self.is_active.is_none_or(|is_active| is_active == webhook.is_active)
            && self.trigger.is_none_or(|trigger| trigger == cot.trigger.kind())
            && self.search.as_deref().is_none_or(found)
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::id::{CompanyId, WebhookId};
    use hookrail_domain::secrets::Secrets;
    use hookrail_domain::signature::SigningSecret;
    use hookrail_domain::target::TargetPolicy;

    use super::*;
    use crate::cot_webhook::parse_new;

    fn parse(pairs: &[(&str, &str)]) -> Result<WebhookFilter, Vec<FieldProblem>> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        WebhookFilter::parse(&pairs)
    }

    fn webhook() -> Webhook {
        let body = br#"{"name":"Work Orders","code":"wo_update","url":"https://www.server.com/In",
            "trigger":"create-edit-delete-task"}"#;
        let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
        parse_new(body, &TargetPolicy::default()).unwrap().into_webhook(
            WebhookId::from_bytes([1; 12]),
            CompanyId::parse("acme").unwrap(),
            &secrets,
        )
    }

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: bool) {
        assert_eq!(parse(pairs).unwrap().takes(&webhook()), expected, "{pairs:?}");
    }

    #[test]
    fn a_webhook_must_meet_every_part_of_a_filter() {
        check(&[], true);
        check(&[("isActive", "true")], true);
        check(&[("isActive", "false")], false);
        check(&[("isActive", "all")], true);
        check(&[("trigger", "create-edit-delete-task")], true);
        check(&[("trigger", "logout-user")], false);
        for found in ["work", "ORDERS", " o_up ", "SERVER.com/in", "k O"] {
            check(&[("search", found)], true);
        }
        check(&[("search", "nothing")], false);
        check(&[("isActive", "true"), ("trigger", "create-edit-delete-task"), ("search", "wo")], true);
        check(&[("isActive", "false"), ("search", "wo")], false);
        check(&[("other", "x")], true);
    }

    #[test]
    fn names_every_bad_value_of_a_webhook_filter() {
        let problems = parse(&[("isActive", "yes"), ("trigger", "x"), ("search", " ")]).unwrap_err();
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, ["isActive", "trigger", "search"]);
        for bad in [("search", "x".repeat(2049)), ("isActive", String::new())] {
            assert_eq!(parse(&[(bad.0, &bad.1)]).unwrap_err().len(), 1);
        }
    }

    #[test]
    fn a_webhook_filter_renders_as_it_is_read_and_empty_as_nothing() {
        let query = [("isActive", "false"), ("trigger", "logout-user"), ("search", "É+ b")];
        let filter = parse(&query).unwrap();
        assert_eq!(filter.render(), "isActive=false&trigger=logout-user&search=%C3%A9%2B%20b");
        assert_eq!(parse(&[("isActive", "all"), ("limit", "5")]).unwrap().render(), "");
    }
}
