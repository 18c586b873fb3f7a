//! The sharing of one sweep between companies: in turns, so that no company waits for the excess of
//! another, nor for one of another's that cannot be handled.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::Hash;

use futures_util::stream::{self, StreamExt as _};
use hookrail_domain::id::CompanyId;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::due::OfCompany;

use super::SHARE_MAX;
use crate::{App, Invocation};

/// Companies whose work is handled at the same time.
const COMPANIES_AT_ONCE: usize = 16;
/// Length of a company's turn, in milliseconds. What is left then waits for the turns of the others.
pub(super) const TURN_MS: u64 = 2_000;

/// A kind of work that is due.
pub(super) trait DueWork<P: Ports> {
    type Entry: OfCompany + Clone + Eq + Hash + Send + Sync;
    /// The name in the log.
    const NAME: &str;
    /// Least time left to begin another entry, in milliseconds.
    const LEFT_MS_MIN: u64;

    /// At most [`SHARE_MAX`] entries of each company, the longest due first, and none of `except`.
    fn find(
        app: &App<P>,
        except: &HashSet<Self::Entry>,
    ) -> impl Future<Output = Result<Vec<Self::Entry>, StoreError>> + Send;

    /// Handles one entry. Failures are logged.
    fn handle(app: &App<P>, entry: &Self::Entry) -> impl Future<Output = Next> + Send;
}

/// The work that follows an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one of the same company.
    Entry,
    /// Another company: this one's work ends for this sweep.
    Company,
}

/// Handles what is due until nothing is left, or no time. Each company's entries are handled one after another, the
/// longest due first; companies with the fewest entries have their turns first.
pub(super) async fn share_out<P: Ports, W: DueWork<P>>(app: &App<P>, invocation: &Invocation) {
    let mut handled = HashSet::new();
    let mut stopped = HashSet::new();
    loop {
        if !has_time::<P, W>(app, invocation) {
            log_out_of_time(W::NAME);
            return;
        }
        let due = match W::find(app, &handled).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "{} that are due could not be found", W::NAME);
                return;
            }
        };
        let mut shares = by_company(due);
        shares.retain(|share| share.front().is_some_and(|entry| !stopped.contains(entry.company())));
        let may_be_more = shares.iter().any(|share| SHARE_MAX <= share.len());
        while !shares.is_empty() {
            if !has_time::<P, W>(app, invocation) {
                log_out_of_time(W::NAME);
                return;
            }
            shares.sort_by_key(VecDeque::len);
            let turns = shares.drain(..).map(|share| take_turn::<P, W>(app, share, invocation));
            let turns: Vec<_> = stream::iter(turns).buffer_unordered(COMPANIES_AT_ONCE).collect().await;
            for Turn { done, left, stops } in turns {
                handled.extend(done);
                stopped.extend(stops);
                shares.extend(Some(left).filter(|left| !left.is_empty()));
            }
        }
        if !may_be_more {
            return;
        }
    }
}

/// The entries of each company, in their order; the company of the first one first.
fn by_company<T: OfCompany>(due: Vec<T>) -> Vec<VecDeque<T>> {
    let mut places = HashMap::<CompanyId, usize>::new();
    let mut shares = Vec::<VecDeque<T>>::new();
    for entry in due {
        let place = *places.entry(entry.company().clone()).or_insert(shares.len());
        match shares.get_mut(place) {
            Some(share) => share.push_back(entry),
            None => shares.push(VecDeque::from([entry])),
        }
    }
    shares
}

/// The result of a company's turn.
struct Turn<T> {
    done: Vec<T>,
    left: VecDeque<T>,
    /// The company, if its work ends for this sweep.
    stops: Option<CompanyId>,
}

async fn take_turn<P: Ports, W: DueWork<P>>(
    app: &App<P>,
    share: VecDeque<W::Entry>,
    invocation: &Invocation,
) -> Turn<W::Entry> {
    let began_at = app.clock.now();
    let mut turn = Turn { done: Vec::new(), left: share, stops: None };
    while app.clock.now().since(began_at) < TURN_MS && has_time::<P, W>(app, invocation) {
        let Some(entry) = turn.left.pop_front() else { break };
        if W::handle(app, &entry).await == Next::Company {
            turn.stops = Some(entry.company().clone());
            turn.left.clear();
            break;
        }
        turn.done.push(entry);
    }
    turn
}

fn log_out_of_time(name: &str) {
    tracing::warn!("out of time for {name}; the next sweep continues");
}

fn has_time<P: Ports, W: DueWork<P>>(app: &App<P>, invocation: &Invocation) -> bool {
    W::LEFT_MS_MIN <= invocation.deadline.since(app.clock.now())
}
