//! Cursors: where the next page of a list begins. Opaque to callers and good for one list only.
//!
//! A cursor names a place, never a company: whose list it is comes from the token. The check over company and list
//! keeps a cursor from being used on another list, where its place would mean something else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::AuditPlace;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, RejectedId, SubscriptionId, hash_parts};
use hookrail_domain::job::JobPlace;
use hookrail_domain::test_row::TestPlace;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Holder;

const CHECK_BYTES: usize = 8;
const PLACE_BYTES: usize = 12;
/// A time and two ids.
const JOB_PLACE_BYTES: usize = 32;

/// A text is no cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no cursor of this list")]
pub struct InvalidCursor;

/// The place after `last` in a company's list of webhooks, as `filter` narrows it.
#[must_use]
pub fn render_subscription((company, filter): (&CompanyId, &str), last: SubscriptionId) -> String {
    render(&webhooks(company, filter), *last.as_bytes())
}

/// The webhook that the next page comes after.
pub fn parse_subscription(
    (company, filter): (&CompanyId, &str),
    text: &str,
) -> Result<SubscriptionId, InvalidCursor> {
    parse(&webhooks(company, filter), text).map(SubscriptionId::from_bytes)
}

/// A webhook's log, as a filter narrows it: empty for the whole.
pub type LogList<'a> = (&'a CompanyId, SubscriptionId, &'a str);

/// The place after `last` in a webhook's log.
#[must_use]
pub fn render_row((company, subscription, filter): LogList<'_>, last: AttemptNumber) -> String {
    let mut place = [0; PLACE_BYTES];
    let number = last.sequence.to_be_bytes().into_iter().chain(last.attempt.to_be_bytes());
    for (byte, part) in place.iter_mut().zip(number) {
        *byte = part;
    }
    render(&log(company, &subscription, filter), place)
}

/// The row that the next page comes after.
pub fn parse_row(
    (company, subscription, filter): LogList<'_>,
    text: &str,
) -> Result<AttemptNumber, InvalidCursor> {
    let [s1, s2, s3, s4, s5, s6, s7, s8, n1, n2, n3, n4] = parse(&log(company, &subscription, filter), text)?;
    Ok(AttemptNumber {
        sequence: u64::from_be_bytes([s1, s2, s3, s4, s5, s6, s7, s8]),
        attempt: u32::from_be_bytes([n1, n2, n3, n4]),
    })
}

/// The place after `last` in an audit log.
#[must_use]
pub fn render_audit(log: &Holder, last: AuditPlace) -> String {
    render(&audit(log), moment(last.at, last.chance))
}

/// The entry that the next page comes after.
pub fn parse_audit(log: &Holder, text: &str) -> Result<AuditPlace, InvalidCursor> {
    let (at, chance) = of_moment(parse(&audit(log), text)?);
    Ok(AuditPlace { at, chance })
}

/// The place after `last` in a company's list of webhook jobs, as `filter` narrows it.
#[must_use]
pub fn render_job((company, filter): (&CompanyId, &str), last: &JobPlace) -> String {
    let JobPlace { scheduled_at, delivery, subscription } = last;
    let mut place = [0; JOB_PLACE_BYTES];
    let parts = scheduled_at.0.to_be_bytes().into_iter();
    let parts = parts.chain(*delivery.as_bytes()).chain(*subscription.as_bytes());
    for (byte, part) in place.iter_mut().zip(parts) {
        *byte = part;
    }
    render(&jobs(company, filter), place)
}

/// The job that the next page comes after.
pub fn parse_job((company, filter): (&CompanyId, &str), text: &str) -> Result<JobPlace, InvalidCursor> {
    let place: [u8; JOB_PLACE_BYTES] = parse(&jobs(company, filter), text)?;
    let part = |from: usize| place.get(from..).and_then(|rest| rest.first_chunk::<PLACE_BYTES>()).copied();
    let at = place.first_chunk().copied().map(u64::from_be_bytes);
    match (at, part(8), part(20)) {
        (Some(at), Some(delivery), Some(subscription)) => Ok(JobPlace {
            scheduled_at: Millis(at),
            delivery: DeliveryId::from_bytes(delivery),
            subscription: SubscriptionId::from_bytes(subscription),
        }),
        _ => Err(InvalidCursor),
    }
}

/// The place after `last` among a webhook's test sends.
#[must_use]
pub fn render_test((company, subscription): (&CompanyId, SubscriptionId), last: TestPlace) -> String {
    render(&tests(company, &subscription), moment(last.at, last.chance))
}

/// The test send that the next page comes after.
pub fn parse_test(
    (company, subscription): (&CompanyId, SubscriptionId),
    text: &str,
) -> Result<TestPlace, InvalidCursor> {
    let (at, chance) = of_moment(parse(&tests(company, &subscription), text)?);
    Ok(TestPlace { at, chance })
}

/// The place after `last` among the webhooks that an event went to.
#[must_use]
pub fn render_delivery((company, event): (&CompanyId, EventId), last: SubscriptionId) -> String {
    render(&deliveries(company, &event), *last.as_bytes())
}

/// The webhook that the next page comes after.
pub fn parse_delivery(
    (company, event): (&CompanyId, EventId),
    text: &str,
) -> Result<SubscriptionId, InvalidCursor> {
    parse(&deliveries(company, &event), text).map(SubscriptionId::from_bytes)
}

/// The place after `last` among a holder's rejected events.
#[must_use]
pub fn render_rejected(of: &Holder, last: RejectedId) -> String {
    render(&rejected(of), *last.as_bytes())
}

/// The event that the next page comes after.
pub fn parse_rejected(of: &Holder, text: &str) -> Result<RejectedId, InvalidCursor> {
    parse(&rejected(of), text).map(RejectedId::from_bytes)
}

fn moment(at: Millis, chance: u32) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    for (byte, part) in place.iter_mut().zip(at.0.to_be_bytes().into_iter().chain(chance.to_be_bytes())) {
        *byte = part;
    }
    place
}

fn of_moment([a1, a2, a3, a4, a5, a6, a7, a8, c1, c2, c3, c4]: [u8; PLACE_BYTES]) -> (Millis, u32) {
    let at = u64::from_be_bytes([a1, a2, a3, a4, a5, a6, a7, a8]);
    (Millis(at), u32::from_be_bytes([c1, c2, c3, c4]))
}

/// The names of a list: its kind, whose it is, and what narrows it.
type List<'a> = [&'a [u8]; 4];

fn audit(log: &Holder) -> List<'_> {
    match log {
        Holder::Company(company) => [b"audit", company.as_str().as_bytes(), b"", b""],
        Holder::Operator => [b"audit of the operator", b"", b"", b""],
    }
}

fn rejected(of: &Holder) -> List<'_> {
    match of {
        Holder::Company(company) => [b"rejected", company.as_str().as_bytes(), b"", b""],
        Holder::Operator => [b"rejected of nobody", b"", b"", b""],
    }
}

fn webhooks<'a>(company: &'a CompanyId, filter: &'a str) -> List<'a> {
    [b"webhooks", company.as_str().as_bytes(), b"", filter.as_bytes()]
}

fn jobs<'a>(company: &'a CompanyId, filter: &'a str) -> List<'a> {
    [b"jobs", company.as_str().as_bytes(), b"", filter.as_bytes()]
}

fn tests<'a>(company: &'a CompanyId, subscription: &'a SubscriptionId) -> List<'a> {
    [b"tests", company.as_str().as_bytes(), subscription.as_bytes(), b""]
}

fn deliveries<'a>(company: &'a CompanyId, event: &'a EventId) -> List<'a> {
    [b"deliveries", company.as_str().as_bytes(), event.as_bytes(), b""]
}

fn log<'a>(company: &'a CompanyId, subscription: &'a SubscriptionId, filter: &'a str) -> List<'a> {
    [b"log", company.as_str().as_bytes(), subscription.as_bytes(), filter.as_bytes()]
}

fn render<const N: usize>(list: &List<'_>, place: [u8; N]) -> String {
    let bytes: Vec<u8> = place.into_iter().chain(check(list, &place)).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse<const N: usize>(list: &List<'_>, text: &str) -> Result<[u8; N], InvalidCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_one_reason| InvalidCursor)?;
    let place = bytes.first_chunk::<N>().copied().ok_or(InvalidCursor)?;
    let told = bytes.get(N..).ok_or(InvalidCursor)?;
    if told == check(list, &place) { Ok(place) } else { Err(InvalidCursor) }
}

fn check(list: &List<'_>, place: &[u8]) -> [u8; CHECK_BYTES] {
    let [name, company, subscription, filter] = *list;
    let mut check = [0; CHECK_BYTES];
    let mut parts: Vec<&[u8]> = vec![b"cursor", name, company, subscription, place];
    if !filter.is_empty() {
        // Cursors of a list that nothing narrows are older than filters, and stay good.
        parts.push(filter);
    }
    for (byte, hashed) in check.iter_mut().zip(hash_parts(&parts)) {
        *byte = hashed;
    }
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn company(text: &str) -> CompanyId {
        CompanyId::parse(text).unwrap()
    }

    fn webhook(byte: u8) -> SubscriptionId {
        SubscriptionId::from_bytes([byte; 12])
    }

    const ROW: AttemptNumber = AttemptNumber { sequence: u64::MAX - 1, attempt: 3 };

    #[test]
    fn a_cursor_comes_back_as_the_place_it_was_made_of() {
        let acme = company("acme");
        assert_eq!(
            parse_subscription((&acme, ""), &render_subscription((&acme, ""), webhook(1))),
            Ok(webhook(1))
        );
        assert_eq!(parse_row((&acme, webhook(1), ""), &render_row((&acme, webhook(1), ""), ROW)), Ok(ROW));
    }

    #[test]
    fn a_place_in_an_audit_log_is_good_for_that_log_only() {
        let logs = [Holder::Company(company("acme")), Holder::Company(company("other")), Holder::Operator];
        let place = AuditPlace { at: Millis(u64::MAX), chance: 7 };
        for log in &logs {
            let cursor = render_audit(log, place);
            for other in &logs {
                let expected = if log == other { Ok(place) } else { Err(InvalidCursor) };
                assert_eq!(parse_audit(other, &cursor), expected);
            }
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let (acme, other) = (company("acme"), company("other"));
        let webhooks = render_subscription((&acme, ""), webhook(1));
        assert_eq!(parse_subscription((&other, ""), &webhooks), Err(InvalidCursor));
        assert_eq!(parse_row((&acme, webhook(1), ""), &webhooks), Err(InvalidCursor));
        let rows = render_row((&acme, webhook(1), ""), ROW);
        assert_eq!(parse_row((&other, webhook(1), ""), &rows), Err(InvalidCursor));
        assert_eq!(parse_row((&acme, webhook(2), ""), &rows), Err(InvalidCursor));
        assert_eq!(parse_subscription((&acme, ""), &rows), Err(InvalidCursor));
    }

    #[test]
    fn a_cursor_is_good_for_its_own_filter_only() {
        let acme = company("acme");
        let (own, row) = ("isActive=true", (&acme, webhook(1), "status=500"));
        let webhooks = render_subscription((&acme, own), webhook(1));
        assert_eq!(parse_subscription((&acme, own), &webhooks), Ok(webhook(1)));
        assert_eq!(parse_row(row, &render_row(row, ROW)), Ok(ROW));
        for other in ["", "isActive=false"] {
            assert_eq!(parse_subscription((&acme, other), &webhooks), Err(InvalidCursor));
            assert_eq!(parse_row((&acme, webhook(1), other), &render_row(row, ROW)), Err(InvalidCursor));
        }
    }

    #[test]
    fn a_place_among_test_sends_is_good_for_their_webhook_only() {
        let (acme, place) = (company("acme"), TestPlace { at: Millis(u64::MAX - 1), chance: 7 });
        let cursor = render_test((&acme, webhook(1)), place);
        assert_eq!(parse_test((&acme, webhook(1)), &cursor), Ok(place));
        assert_eq!(parse_test((&acme, webhook(2)), &cursor), Err(InvalidCursor));
        assert_eq!(parse_row((&acme, webhook(1), ""), &cursor), Err(InvalidCursor));
    }

    #[test]
    fn a_changed_or_cut_cursor_is_refused() {
        let acme = company("acme");
        let good = render_subscription((&acme, ""), webhook(1));
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(parse_subscription((&acme, ""), &changed), Err(InvalidCursor), "{changed}");
            let cut: String = good.chars().take(at).collect();
            assert_eq!(parse_subscription((&acme, ""), &cut), Err(InvalidCursor));
        }
        for bad in ["", "=", "not a cursor", "é", &format!("{good}AAAA")] {
            assert_eq!(parse_subscription((&acme, ""), bad), Err(InvalidCursor), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_place_comes_back_in_its_own_list_and_in_no_other(
            (owner, stranger) in ("[a-z]{1,3}", "[a-z]{1,3}"),
            (webhook, other) in any::<([u8; 12], [u8; 12])>(),
            (sequence, attempt) in any::<(u64, u32)>(),
        ) {
            let (owner, stranger) = (company(&owner), company(&stranger));
            let [webhook, other] = [webhook, other].map(SubscriptionId::from_bytes);
            let row = AttemptNumber { sequence, attempt };
            let (page, rows) = (render_subscription((&owner, ""), webhook), render_row((&owner, webhook, ""), row));
            prop_assert_eq!(parse_subscription((&owner, ""), &page), Ok(webhook));
            prop_assert_eq!(parse_row((&owner, webhook, ""), &rows), Ok(row));
            prop_assert_eq!(parse_subscription((&stranger, ""), &page).is_ok(), stranger == owner);
            prop_assert_eq!(parse_row((&stranger, webhook, ""), &rows).is_ok(), stranger == owner);
            prop_assert_eq!(parse_row((&owner, other, ""), &rows).is_ok(), other == webhook);
        }
    }
}
