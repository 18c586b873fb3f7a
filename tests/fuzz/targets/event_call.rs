//! The body of a call that pushes events.

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::limits::EVENTS_PER_CALL_MAX;
use hookrail_domain::token::Owner;
use hookrail_wire::problem::Problem;
use hookrail_wire::{cot_event, event_call};
use serde_json::Value;

pub(crate) fn run(bytes: &[u8]) {
    let acme = CompanyId::parse("acme").expect("a company id");
    for owner in [Owner::Company(acme.clone()), Owner::Operator] {
        match event_call::parse(bytes, &owner) {
            Ok(events) => {
                let mut rest = std::str::from_utf8(bytes).expect("only text is accepted");
                assert!((1..=EVENTS_PER_CALL_MAX).contains(&events.len()));
                for event in &events {
                    let at = rest.find(event.body.as_str()).expect("exactly what was sent, in its order");
                    rest = rest.split_at(at + event.body.as_str().len()).1;
                    assert!(owner == Owner::Operator || event.company == acme);
                    let start = event.body.as_str().trim_start_matches([' ', '\t', '\r', '\n']);
                    assert!(start.starts_with('{'), "an event is an object");
                    let body = Body::new(event.body.as_str()).expect("within its limit");
                    let read = cot_event::parse(&body, EventId::from_bytes([0; 12]), Some(&event.company));
                    assert_eq!(read.expect("fan-out reads it too").company, event.company);
                }
            }
            Err(invalid) => {
                assert!(!invalid.problems.is_empty());
                let document = Problem::bad_fields(invalid.problems).render();
                let shown: Value = serde_json::from_slice(&document).expect("our own JSON");
                assert_eq!(shown["status"], 400);
            }
        }
    }
}
