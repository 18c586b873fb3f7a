//! A run of the published Rust verifier of Svix over the vectors on standard input. Prints per case what it
//! accepted and what it refused, as JSON.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: what cannot be read fails it")]
#![expect(clippy::print_stdout, reason = "the counts are its answer")]

use std::collections::BTreeMap;
use std::io::stdin;

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use svix::webhooks::Webhook;

fn main() {
    let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for line in stdin().lines() {
        let vector: Value = serde_json::from_str(&line.unwrap()).unwrap();
        for case in vector["cases"].as_array().unwrap() {
            let body = case.get("body").unwrap_or(&vector["body"]).as_str().unwrap();
            let headers: HeaderMap = case["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| {
                    (HeaderName::try_from(name).unwrap(), value.as_str().unwrap().parse().unwrap())
                })
                .collect();
            let verifier = Webhook::new(case["secret"].as_str().unwrap()).unwrap();
            let refused = verifier.verify(body.as_bytes(), &headers).is_err();
            counts.entry(case["case"].as_str().unwrap().to_owned()).or_default()[usize::from(refused)] += 1;
        }
    }
    println!("{}", serde_json::to_string(&counts).unwrap());
}
