//! Receivers on virtual time: each request reaches them or not, and after a while they respond or not.

use std::sync::Arc;

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::TargetUrl;
use hookrail_pipeline::sender::{Sender, Vetted};

use crate::rng::Rng;
use crate::sandbox::Sandbox;

/// The behaviour of one webhook's receiver.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    /// Behaviour for its first requests, one each.
    pub(crate) first: Vec<Behaviour>,
    /// Behaviour from this many milliseconds after the beginning; the first phase counts from 0.
    pub(crate) phases: Vec<(u64, Behaviour)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answers {
        status: u16,
        ms: u64,
    },
    /// Responds 429 with `Retry-After`.
    Busy {
        asks_seconds: u64,
        ms: u64,
    },
    /// Accepts the request and never responds.
    Silent,
    /// Cannot be connected to.
    Refuses,
    /// Responds 200, or 500 this many times out of `CHANCES`.
    Flaky {
        chances: u64,
        ms: u64,
    },
}

impl Receiver {
    pub(crate) fn always(behaviour: Behaviour) -> Self {
        Self { first: Vec::new(), phases: vec![(0, behaviour)] }
    }

    /// Returns the behaviour for the request of this number, from 0, this many milliseconds after the
    /// beginning.
    pub(crate) fn behaviour(&self, request: usize, ms: u64) -> Behaviour {
        let phase = || self.phases.iter().rev().find(|(from, _)| *from <= ms).or(self.phases.first());
        self.first
            .get(request)
            .copied()
            .or_else(|| phase().map(|(_, behaviour)| *behaviour))
            .unwrap_or(Behaviour::Silent)
    }
}

/// The fate of one request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) after_ms: u64,
    pub(crate) outcome: Outcome,
}

impl Behaviour {
    pub(crate) fn reply(self, rng: &mut Rng, timeout_ms: u64) -> Reply {
        let answer = |status, ms: u64, retry_after_seconds| {
            if timeout_ms <= ms {
                return Self::Silent.reply(&mut Rng::new(0), timeout_ms);
            }
            let response = ResponseText { text: String::new(), truncated: false };
            Reply { after_ms: ms, outcome: Outcome::Responded { status, response, retry_after_seconds } }
        };
        match self {
            Self::Answers { status, ms } => answer(status, ms, None),
            Self::Busy { asks_seconds, ms } => answer(429, ms, Some(asks_seconds)),
            Self::Flaky { chances, ms } => answer(if rng.chance(chances) { 500 } else { 200 }, ms, None),
            Self::Silent => {
                let outcome = Outcome::NoResponse { error: ErrorClass::Timeout, reason: String::new() };
                Reply { after_ms: timeout_ms, outcome }
            }
            Self::Refuses => {
                let outcome = Outcome::NotSent { error: ErrorClass::Connect, reason: String::new() };
                Reply { after_ms: 1, outcome }
            }
        }
    }
}

/// All receivers, as one sandbox reaches them.
#[derive(Debug)]
pub(crate) struct Receivers(pub(crate) Arc<Sandbox>);

impl Sender for Receivers {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        let world = &self.0.world;
        let (attempt, reply) = world.arrive(self.0.run(), request);
        world.time.sleep(reply.after_ms).await;
        world.answered(attempt);
        reply.outcome
    }

    async fn vet(&self, _url: &TargetUrl) -> Vetted {
        Vetted::Allowed
    }
}
