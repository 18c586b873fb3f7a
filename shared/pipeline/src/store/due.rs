//! Due work of all companies in one list, and how one read is shared between them.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use hookrail_domain::id::{CompanyId, DeliveryId};

use super::WebhookKey;

/// A job that is due: its webhook and its delivery.
pub type DueJob = (WebhookKey, DeliveryId);

/// Work of one company.
pub trait OfCompany {
    fn company(&self) -> &CompanyId;
}

impl OfCompany for WebhookKey {
    fn company(&self) -> &CompanyId {
        &self.company
    }
}

impl OfCompany for DueJob {
    fn company(&self) -> &CompanyId {
        &self.0.company
    }
}

/// The entries that one read of due work takes: at most `share` of each company, and none that is in `except`.
#[derive(Debug)]
pub struct Shares<'a, T> {
    share: usize,
    except: &'a HashSet<T>,
    taken: HashMap<CompanyId, usize>,
}

impl<'a, T: OfCompany + Eq + Hash> Shares<'a, T> {
    #[must_use]
    pub fn new(share: usize, except: &'a HashSet<T>) -> Self {
        Self { share, except, taken: HashMap::new() }
    }

    /// Returns whether the read takes this entry, and counts it if so. Entries come in order, the longest due first.
    pub fn takes(&mut self, entry: &T) -> bool {
        if self.except.contains(entry) {
            return false;
        }
        let taken = self.taken.entry(entry.company().clone()).or_default();
        let is_taken = *taken < self.share;
        *taken += usize::from(is_taken);
        is_taken
    }

    /// Companies whose share is full: nothing more of them is taken.
    pub fn full(&self) -> impl Iterator<Item = &CompanyId> {
        self.taken.iter().filter(|(_, taken)| self.share <= **taken).map(|(company, _)| company)
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::id::WebhookId;

    use super::*;

    fn key(company: &str, number: u8) -> WebhookKey {
        let company = CompanyId::parse(company).unwrap();
        WebhookKey { company, webhook: WebhookId::from_bytes([number; 12]) }
    }

    #[test]
    fn takes_a_share_of_each_company_and_no_exceptions() {
        let except = HashSet::from([key("acme", 1)]);
        let mut shares = Shares::new(2, &except);
        let entries = [("acme", 1), ("acme", 2), ("acme", 3), ("acme", 4), ("other", 1)];
        let taken: Vec<_> =
            entries.into_iter().filter(|(company, number)| shares.takes(&key(company, *number))).collect();
        assert_eq!(taken, [("acme", 2), ("acme", 3), ("other", 1)]);
        assert_eq!(shares.full().map(CompanyId::as_str).collect::<Vec<_>>(), ["acme"]);
    }
}
