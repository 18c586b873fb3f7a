//! The schedule of recover, which finds queues that are due without their messages.

use std::sync::Arc;
use std::time::Duration;

use hookrail_domain::time::Millis;
use hookrail_wire::timestamp;
use hyper::body::Bytes;
use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::clock;
use super::function::Function;
use super::mapping::REGION;

/// Time between two invocations: the template's `rate(1 minute)`.
pub const PERIOD: Duration = Duration::from_secs(60);

/// Invokes the function at once and then once in a period, until dropped, never twice at the same time.
pub async fn run(function: Arc<Function>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        ticks.tick().await;
        // The failure is logged, and the next tick tries again.
        let Ok(lease) = function.lease().await else { continue };
        if let Err(error) = lease.invoke(event(number)).await {
            tracing::warn!(%error, "a scheduled invocation failed");
        }
    }
}

/// Renders the event that EventBridge sends to the target of a schedule.
fn event(number: u64) -> Bytes {
    let event = json!({
        "version": "0",
        "id": format!("00000000-0000-0000-0000-{number:012x}"),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": timestamp::render(Millis(clock::now().0)),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:000000000000:rule/hookrail-recover")],
        "detail": {},
    });
    Bytes::from(event.to_string())
}
