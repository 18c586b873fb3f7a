//! Cursors: where the next page of a list begins. Opaque to callers and good for one list only.
//!
//! A cursor names a position, never a company: whose list it is comes from the token. The check over company and list
//! keeps a cursor from being used on another list, where its position would mean something else.

use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::AuditPosition;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, RejectedId, WebhookId, hash_parts};
use hookrail_domain::job::JobPosition;
use hookrail_domain::test_row::TestPosition;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Owner;

const CHECK_BYTES: usize = 8;

/// A text that is not a cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this list; use the link of the page before")]
pub struct InvalidCursor;

/// A position in a list: that of its last entry so far, which the next page comes after.
pub trait Position: Sized {
    fn encode(&self) -> Vec<u8>;

    /// The position of these bytes; none if they are not a position of this kind.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A list whose pages begin at positions `P`: its kind, whose it is, what it belongs to and what narrows it.
#[derive(Debug)]
pub struct List<'a, P> {
    kind: &'static [u8],
    company: &'a [u8],
    parent: &'a [u8],
    filter: &'a str,
    position: PhantomData<P>,
}

impl<'a, P> List<'a, P> {
    const fn of(kind: &'static str, company: &'a [u8]) -> Self {
        Self { kind: kind.as_bytes(), company, parent: b"", filter: "", position: PhantomData }
    }
}

impl<'a> List<'a, WebhookId> {
    /// A company's webhooks, as a filter narrows them: empty for all of them.
    #[must_use]
    pub fn webhooks(company: &'a CompanyId, filter: &'a str) -> Self {
        Self { filter, ..Self::of("webhooks", company.as_str().as_bytes()) }
    }

    /// The webhooks that an event went to.
    #[must_use]
    pub fn deliveries(company: &'a CompanyId, event: &'a EventId) -> Self {
        Self { parent: event.as_bytes(), ..Self::of("deliveries", company.as_str().as_bytes()) }
    }
}

impl<'a> List<'a, AttemptNumber> {
    /// A webhook's log, as a filter narrows it.
    #[must_use]
    pub fn log(company: &'a CompanyId, webhook: &'a WebhookId, filter: &'a str) -> Self {
        Self { parent: webhook.as_bytes(), filter, ..Self::of("log", company.as_str().as_bytes()) }
    }
}

impl<'a> List<'a, TestPosition> {
    /// A webhook's test sends.
    #[must_use]
    pub fn tests(company: &'a CompanyId, webhook: &'a WebhookId) -> Self {
        Self { parent: webhook.as_bytes(), ..Self::of("tests", company.as_str().as_bytes()) }
    }
}

impl<'a> List<'a, JobPosition> {
    /// A company's webhook jobs, as a filter narrows them.
    #[must_use]
    pub fn jobs(company: &'a CompanyId, filter: &'a str) -> Self {
        Self { filter, ..Self::of("jobs", company.as_str().as_bytes()) }
    }
}

impl<'a> List<'a, AuditPosition> {
    /// An audit log.
    #[must_use]
    pub fn audit(of: &'a Owner) -> Self {
        match of {
            Owner::Company(company) => Self::of("audit", company.as_str().as_bytes()),
            Owner::Operator => Self::of("audit of the operator", b""),
        }
    }
}

impl<'a> List<'a, RejectedId> {
    /// A company's rejected events, or those that belong to no company.
    #[must_use]
    pub fn rejected(of: &'a Owner) -> Self {
        match of {
            Owner::Company(company) => Self::of("rejected", company.as_str().as_bytes()),
            Owner::Operator => Self::of("rejected of nobody", b""),
        }
    }
}

impl<P: Position> List<'_, P> {
    /// The cursor of the page after this position.
    #[must_use]
    pub fn cursor(&self, last: &P) -> String {
        let mut bytes = last.encode();
        let check = self.check(&bytes);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that a cursor of this list names.
    pub fn parse(&self, cursor: &str) -> Result<P, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_one_reason| InvalidCursor)?;
        let (position, check) = bytes.split_last_chunk().ok_or(InvalidCursor)?;
        if *check != self.check(position) {
            return Err(InvalidCursor);
        }
        P::decode(position).ok_or(InvalidCursor)
    }

    fn check(&self, position: &[u8]) -> [u8; CHECK_BYTES] {
        let mut parts: Vec<&[u8]> = vec![b"cursor", self.kind, self.company, self.parent, position];
        if !self.filter.is_empty() {
            // Cursors of a list that nothing narrows are older than filters, and stay good.
            parts.push(self.filter.as_bytes());
        }
        let mut check = [0; CHECK_BYTES];
        for (byte, hashed) in check.iter_mut().zip(hash_parts(&parts)) {
            *byte = hashed;
        }
        check
    }
}

impl Position for WebhookId {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl Position for RejectedId {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl Position for AttemptNumber {
    fn encode(&self) -> Vec<u8> {
        pair(self.sequence, self.attempt)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        of_pair(bytes).map(|(sequence, attempt)| Self { sequence, attempt })
    }
}

impl Position for AuditPosition {
    fn encode(&self) -> Vec<u8> {
        pair(self.at.0, self.chance)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        of_pair(bytes).map(|(at, chance)| Self { at: Millis(at), chance })
    }
}

impl Position for TestPosition {
    fn encode(&self) -> Vec<u8> {
        pair(self.at.0, self.chance)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        of_pair(bytes).map(|(at, chance)| Self { at: Millis(at), chance })
    }
}

impl Position for JobPosition {
    fn encode(&self) -> Vec<u8> {
        let Self { scheduled_at, delivery, webhook } = self;
        [scheduled_at.0.to_be_bytes().as_slice(), delivery.as_bytes(), webhook.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk()?;
        let (delivery, webhook) = rest.split_first_chunk()?;
        Some(Self {
            scheduled_at: Millis(u64::from_be_bytes(*at)),
            delivery: DeliveryId::from_bytes(*delivery),
            webhook: WebhookId::from_bytes(webhook.try_into().ok()?),
        })
    }
}

fn pair(first: u64, second: u32) -> Vec<u8> {
    [first.to_be_bytes().as_slice(), &second.to_be_bytes()].concat()
}

fn of_pair(bytes: &[u8]) -> Option<(u64, u32)> {
    let (first, second) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*first), u32::from_be_bytes(second.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn company(text: &str) -> CompanyId {
        CompanyId::parse(text).unwrap()
    }

    fn webhook(byte: u8) -> WebhookId {
        WebhookId::from_bytes([byte; 12])
    }

    const ROW: AttemptNumber = AttemptNumber { sequence: u64::MAX - 1, attempt: 3 };

    /// A cursor made in each of these lists is good for that list only.
    #[track_caller]
    fn check<P: Position + Clone + PartialEq + std::fmt::Debug>(lists: &[List<'_, P>], position: &P) {
        for (made, list) in lists.iter().enumerate() {
            let cursor = list.cursor(position);
            for (read, other) in lists.iter().enumerate() {
                let expected = if made == read { Ok(position.clone()) } else { Err(InvalidCursor) };
                assert_eq!(other.parse(&cursor), expected, "made by {made}, read by {read}");
            }
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_and_filter_only() {
        let (acme, other) = (company("acme"), company("other"));
        let ids = [webhook(1), webhook(2)];
        let holders = [Owner::Company(acme.clone()), Owner::Company(other.clone()), Owner::Operator];
        let events = [EventId::from_bytes([1; 12]), EventId::from_bytes([2; 12])];
        let filters = ["", "isActive=true", "isActive=false"];

        let webhooks = [&acme, &other]
            .into_iter()
            .flat_map(|company| filters.map(|filter| List::webhooks(company, filter)));
        let deliveries = events.iter().map(|event| List::deliveries(&acme, event));
        check(&webhooks.chain(deliveries).collect::<Vec<_>>(), &webhook(3));
        let logs = ids.iter().flat_map(|id| filters.map(|filter| List::log(&acme, id, filter)));
        check(&logs.chain([List::log(&other, &ids[0], "")]).collect::<Vec<_>>(), &ROW);
        let at = Millis(u64::MAX - 1);
        check(&ids.each_ref().map(|id| List::tests(&acme, id)), &TestPosition { at, chance: 7 });
        check(&holders.each_ref().map(List::audit), &AuditPosition { at, chance: 7 });
        check(&holders.each_ref().map(List::rejected), &RejectedId::from_bytes([4; 12]));
        let job =
            JobPosition { scheduled_at: at, delivery: DeliveryId::from_bytes([5; 12]), webhook: webhook(6) };
        check(&filters.map(|filter| List::jobs(&acme, filter)), &job);
    }

    #[test]
    fn a_cursor_of_another_kind_of_list_is_refused() {
        let (acme, id) = (company("acme"), webhook(1));
        let place = TestPosition { at: Millis(1), chance: 7 };
        for cursor in [List::webhooks(&acme, "").cursor(&id), List::tests(&acme, &id).cursor(&place)] {
            assert_eq!(List::log(&acme, &id, "").parse(&cursor), Err(InvalidCursor));
        }
        let row = List::log(&acme, &id, "").cursor(&ROW);
        assert_eq!(List::webhooks(&acme, "").parse(&row), Err(InvalidCursor));
    }

    #[test]
    fn cursors_of_earlier_versions_stay_good() {
        let (acme, id) = (company("acme"), webhook(1));
        assert_eq!(List::webhooks(&acme, "").parse("AQEBAQEBAQEBAQEBn54Y6hWtWjI"), Ok(id));
        assert_eq!(List::log(&acme, &id, "status=500").parse("__________4AAAADUwAjYfHD-Xw"), Ok(ROW));
        let job =
            JobPosition { scheduled_at: Millis(9), delivery: DeliveryId::from_bytes([5; 12]), webhook: id };
        assert_eq!(
            List::jobs(&acme, "").parse("AAAAAAAAAAkFBQUFBQUFBQUFBQUBAQEBAQEBAQEBAQF3viEfNmO85Q"),
            Ok(job)
        );
    }

    #[test]
    fn rejects_changed_and_truncated_cursors() {
        let acme = company("acme");
        let list = List::webhooks(&acme, "");
        let good = list.cursor(&webhook(1));
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(list.parse(&changed), Err(InvalidCursor), "{changed}");
            let cut: String = good.chars().take(at).collect();
            assert_eq!(list.parse(&cut), Err(InvalidCursor));
        }
        for bad in ["", "=", "not a cursor", "é", &format!("{good}AAAA")] {
            assert_eq!(list.parse(bad), Err(InvalidCursor), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_position_round_trips_in_its_own_list_only(
            (owner, stranger) in ("[a-z]{1,3}", "[a-z]{1,3}"),
            (webhook, other) in any::<([u8; 12], [u8; 12])>(),
            (sequence, attempt) in any::<(u64, u32)>(),
        ) {
            let (owner, stranger) = (company(&owner), company(&stranger));
            let [webhook, other] = [webhook, other].map(WebhookId::from_bytes);
            let row = AttemptNumber { sequence, attempt };
            let (webhooks, log) = (List::webhooks(&owner, ""), List::log(&owner, &webhook, ""));
            let (page, rows) = (webhooks.cursor(&webhook), log.cursor(&row));
            prop_assert_eq!(webhooks.parse(&page), Ok(webhook));
            prop_assert_eq!(log.parse(&rows), Ok(row));
            prop_assert_eq!(List::webhooks(&stranger, "").parse(&page).is_ok(), stranger == owner);
            prop_assert_eq!(List::log(&stranger, &webhook, "").parse(&rows).is_ok(), stranger == owner);
            prop_assert_eq!(List::log(&owner, &other, "").parse(&rows).is_ok(), other == webhook);
        }
    }
}
