//! The ports of a function as one type, so that its steps name one parameter.

use crate::clock::Clock;
use crate::queue::Queue;
use crate::sender::Sender;
use crate::store::LogStore;
use crate::store::rejected::RejectedStore;

/// The ports that deliver and recover work on.
pub trait Ports: Send + Sync + 'static {
    type Store: LogStore + RejectedStore;
    type Queue: Queue;
    type Sender: Sender;
    type Clock: Clock;
}

impl<S, Q, H, C> Ports for (S, Q, H, C)
where
    S: LogStore + RejectedStore + 'static,
    Q: Queue + 'static,
    H: Sender + 'static,
    C: Clock + 'static,
{
    type Store = S;
    type Queue = Q;
    type Sender = H;
    type Clock = C;
}
