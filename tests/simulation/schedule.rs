//! Schedules, each drawn from a seed.

use hookrail_domain::commands::Waiting;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_fifo::mapping::GroupLock;

use crate::faults::Rates;
use crate::posted;
use crate::receiver::{Behaviour, Receiver};
use crate::rng::Rng;
use crate::setup::{Action, Kind, Setup, Step, Webhook};

/// Webhooks times events of one schedule, roughly: more would make it slow and show nothing new.
const SIZE_MAX: u64 = 200;

/// Returns the schedule of this seed.
pub(crate) fn draw(seed: u64) -> Setup {
    let mut rng = Rng::new(seed);
    // The lowest bit is the mode, so that the sweeps of both share nothing.
    let group_lock = if seed.is_multiple_of(2) { GroupLock::Queue } else { GroupLock::Invocation };
    let is_calm = rng.chance(2_500);
    let policy = RetryPolicy {
        attempts_max: rng.pick(&[1, 2, 3, 3, 3, 4]),
        delay_seconds: rng.pick(&[0, 1, 5, 30, 30, 30, 120]),
        timeout_seconds: rng.pick(&[1, 2, 3, 10, 10, 20]),
    };
    let webhooks = webhooks(&mut rng, policy.timeout_seconds * 1000);
    let suspension = SuspensionPolicy {
        suspend_after: rng.pick(&[0, 0, 1, 2, 5]),
        park_after_seconds: rng.pick(&[0, 0, 60, 900]),
        retires_gone: true,
    };
    let events = rng.between(5..=50).min(SIZE_MAX / webhooks.len() as u64).max(2);
    let script = posted::among(seed, &webhooks, script(&mut rng, &webhooks, (events, is_calm)));
    Setup {
        seed,
        policy,
        suspension,
        batch_size: if rng.chance(3_000) { 10 } else { rng.index(10) + 1 },
        concurrency: if rng.chance(6_000) { 20 } else { rng.index(20) + 1 },
        group_lock,
        queues: rng.pick(&[1, 1, 2]),
        latency_ms: rng.pick(&[0, 5, 5, 50, 300]),
        poll_ms: rng.pick(&[0, 0, 0, 20, 1_000]),
        skew_ms: rng.pick(&[0, 0, 0, 300, 1_500]),
        rates: if is_calm { Rates::default() } else { rates(&mut rng) },
        ..Setup::quiet(webhooks, script)
    }
}

fn rates(rng: &mut Rng) -> Rates {
    let mut rate = || {
        if rng.chance(5_000) { 0 } else { rng.pick(&[5, 20, 60, 200]) }
    };
    Rates {
        crash: rate(),
        queue_refuses: rate(),
        queue_partial: rate(),
        table_refuses: rate(),
        answer_lost: rate(),
        stall: rate(),
        throttle: rate(),
        dropped: rate(),
        reply_lost: rate(),
    }
}

fn webhooks(rng: &mut Rng, timeout_ms: u64) -> Vec<Webhook> {
    let most = rng.pick(&[3, 3, 3, 3, 10, 10, 10, 10, 25, 50]);
    let count = rng.between(1..=most);
    let companies = rng.between(1..=count.min(5));
    let webhook = |index| Webhook {
        // Every company has one before any has two.
        company: rng.index(usize::try_from(companies.min(index + 1)).unwrap()),
        trigger: rng.pick(&[Kind::Task, Kind::Task, Kind::GroupTask, Kind::User]),
        is_there: rng.chance(9_000),
        receiver: receiver(rng, timeout_ms),
    };
    let mut webhooks: Vec<_> = (0..count).map(webhook).collect();
    for (company, webhook) in webhooks.iter_mut().take(usize::try_from(companies).unwrap()).enumerate() {
        webhook.company = company;
    }
    webhooks
}

fn receiver(rng: &mut Rng, timeout_ms: u64) -> Receiver {
    let well = healthy(rng, timeout_ms);
    match rng.below(100) {
        0..45 => Receiver::always(well),
        45..65 => {
            let ms = rng.below(timeout_ms);
            Receiver::always(Behaviour::Flaky { chances: rng.pick(&[500, 3_000, 8_000]), ms })
        }
        65..85 => Receiver::always(ill(rng)),
        85..90 => Receiver::always(Behaviour::Busy { asks_seconds: rng.pick(&[1, 60, 2_000]), ms: 5 }),
        _ => {
            let dies = rng.between(0..=60_000);
            let returns = dies + rng.between(1_000..=300_000);
            Receiver { first: Vec::new(), phases: vec![(0, well), (dies, ill(rng)), (returns, well)] }
        }
    }
}

fn healthy(rng: &mut Rng, timeout_ms: u64) -> Behaviour {
    let slowest = rng.pick(&[20, 20, 500, timeout_ms - 1]);
    Behaviour::Answers { status: rng.pick(&[200, 201, 204, 209]), ms: rng.between(0..=slowest) }
}

fn ill(rng: &mut Rng) -> Behaviour {
    match rng.below(3) {
        0 => Behaviour::Silent,
        1 => Behaviour::Refuses,
        _ => {
            Behaviour::Answers { status: rng.pick(&[210, 302, 400, 404, 410, 500, 503]), ms: rng.below(300) }
        }
    }
}

fn script(rng: &mut Rng, webhooks: &[Webhook], (events, is_calm): (u64, bool)) -> Vec<Step> {
    let pause_ms = rng.pick(&[0, 20, 500, 5_000, 60_000]);
    let idles = rng.chance(1_000);
    let mut script = Vec::new();
    let mut pushed = 0;
    while pushed < events {
        let action = action(rng, webhooks, (is_calm, idles));
        pushed += u64::from(matches!(action, Action::Push { .. }));
        let after_ms = if rng.chance(3_000) { 0 } else { rng.between(0..=pause_ms) };
        script.push(Step { after_ms, action });
    }
    script
}

fn action(rng: &mut Rng, webhooks: &[Webhook], (is_calm, idles): (bool, bool)) -> Action {
    let webhook = rng.index(webhooks.len());
    let company = webhooks[webhook].company;
    match rng.below(100) {
        0..2 => Action::Repeat { company },
        2..4 => Action::PushBad { company },
        4..7 => match webhooks.iter().position(|webhook| !webhook.is_there) {
            Some(webhook) => Action::Create { webhook },
            None => Action::Edit { webhook },
        },
        7..9 => Action::Edit { webhook },
        9..11 => {
            let waiting = if rng.chance(5_000) { Waiting::Keep } else { Waiting::Drop };
            Action::Deactivate { webhook, waiting }
        }
        11..14 => Action::Activate { webhook },
        14..22 if !is_calm => Action::Free,
        23..25 => Action::Resume { webhook },
        25..27 => Action::Retry { webhook },
        27..30 => Action::Replay { webhook, events: rng.between(1..=20), only_failed: rng.chance(5_000) },
        30..31 => Action::CancelReplay { webhook },
        22..23 if idles => Action::Idle { days: rng.between(31..=400) },
        _ => {
            let body = rng.chance(2_000).then(|| u8::try_from(rng.below(2)).unwrap_or(0));
            Action::Push {
                company,
                kind: rng.pick(&[Kind::Task, Kind::Task, Kind::GroupTask, Kind::User]),
                body,
            }
        }
    }
}
