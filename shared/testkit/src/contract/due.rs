//! Due work: a share of each company, however much is due of another.

use std::collections::HashSet;

use hookrail_domain::id::WebhookId;
use hookrail_domain::job::Job;
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::suspension::{QueueState, SuspensionPolicy};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::OfCompany;
use hookrail_pipeline::store::{Change, LogStore, WebhookKey};

use super::jobs::job;
use super::row;

/// Entries of the company with more than its share.
const MANY: u8 = 5;

pub(super) async fn check(store: &impl LogStore, prefix: &str) {
    let companies = [format!("{prefix}-due-many"), format!("{prefix}-due-one")];
    jobs(store, &companies).await;
    queues(store, &companies).await;
}

/// The first company's entries, oldest first, then the other's single one, which is due after all of them.
fn entries<T>([many, one]: &[String; 2], entry: impl Fn(&str, u8) -> T) -> Vec<T> {
    (1..=MANY).map(|number| entry(many, number)).chain([entry(one, MANY + 1)]).collect()
}

/// Returns the entries that were read, by their place from 1 on. Other checks leave entries of other companies.
fn places<T: OfCompany + PartialEq>(all: &[T], read: &[T]) -> Vec<usize> {
    let known = read.iter().filter(|one| all.iter().any(|entry| entry.company() == one.company()));
    known.map(|one| all.iter().position(|entry| entry == one).map_or(0, |place| place + 1)).collect()
}

async fn jobs(store: &impl LogStore, companies: &[String; 2]) {
    let posted = |company: &str, number: u8| {
        let at = u64::from(number) * 10;
        Job { due_at: Some(Millis(at)), ..job(company, number, at) }
    };
    let jobs = entries(companies, posted);
    for job in jobs.iter().rev() {
        store.put_job(job).await.expect("write");
    }
    let all: Vec<_> = jobs.iter().map(|job| (WebhookKey::of_job(job), job.delivery)).collect();
    let due = async |share, except: &[_]| {
        let except: HashSet<_> = except.iter().cloned().collect();
        places(&all, &store.due_jobs(Millis(60), share, &except).await.expect("read"))
    };
    assert_eq!(due(2, &[]).await, [1, 2, 6], "a share each");
    assert_eq!(due(2, all.get(..2).expect("two")).await, [3, 4, 6], "those after the exceptions");
    assert_eq!(due(2, all.get(1..).expect("the rest")).await, [1]);
    assert_eq!(due(5, &[]).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(due(5, &all).await, [0; 0]);
}

async fn queues(store: &impl LogStore, companies: &[String; 2]) {
    let all = entries(companies, |company, number| WebhookKey {
        webhook: WebhookId::from_bytes([number; 12]),
        ..WebhookKey::of_job(&job(company, 1, 0))
    });
    for (key, seconds) in all.iter().zip(1..) {
        let active = QueueState::default();
        let last = LastRow { progress: Progress::Ended, given_up: 5, ..row(key, 5, 3, "a").last() };
        let at = Millis(seconds * 1_000);
        let suspended = active.suspended(Some(&last), &SuspensionPolicy::default(), at).expect("due");
        assert_eq!(store.change_state(key, &active, &suspended).await.expect("write"), Change::Done);
    }
    let due = async |share, except: &[_]| {
        let except: HashSet<_> = except.iter().cloned().collect();
        places(&all, &store.due_queues(Millis(36_000), share, &except).await.expect("read"))
    };
    assert_eq!(due(2, &[]).await, [1, 2, 6], "a share each");
    assert_eq!(due(2, all.get(..2).expect("two")).await, [3, 4, 6], "those after the exceptions");
    assert_eq!(due(5, &[]).await, [1, 2, 3, 4, 5, 6]);
}
