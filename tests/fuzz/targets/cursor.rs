//! The cursor of a page, as a caller returns it.

use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_wire::cursor::List;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (company, id) = (CompanyId::parse("acme").expect("a company id"), WebhookId::from_bytes([1; 12]));
    let (webhooks, log) = (List::webhooks(&company, ""), List::log(&company, &id, ""));
    let (page, row) = (webhooks.parse(text), log.parse(text));
    assert!(page.is_err() || row.is_err(), "a cursor is of one list");
    if let Ok(last) = page {
        assert_eq!(webhooks.cursor(&last), text, "a position has one cursor");
    }
    if let Ok(last) = row {
        assert_eq!(log.cursor(&last), text, "a position has one cursor");
    }
}
