//! Where a page begins, as a caller hands it back.

use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_wire::cursor::{parse_row, parse_subscription, render_row, render_subscription};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let company = CompanyId::parse("acme").expect("a company id");
    let log = (&company, SubscriptionId::from_bytes([1; 12]), "");
    let page = parse_subscription((&company, ""), text);
    let row = parse_row(log, text);
    assert!(page.is_err() || row.is_err(), "a cursor is of one list");
    if let Ok(last) = page {
        assert_eq!(render_subscription((&company, ""), last), text, "a place has one name");
    }
    if let Ok(last) = row {
        assert_eq!(render_row(log, last), text, "a place has one name");
    }
}
