//! Scripts with given answers, without an engine: only their time and the death of their process matter.

use std::sync::Arc;

use hookrail_adapters::scripts::Scripts;
use hookrail_script::service::{Answer, Question};

use crate::faults::Call;
use crate::sandbox::Sandbox;
use crate::troubles::{self, LATE_CALL_MS};

/// The scripts of every webhook: each accepts every event, at its own URL, or is late.
#[derive(Debug)]
pub(crate) struct Scripted(pub(crate) Arc<Sandbox>);

impl Scripts for Scripted {
    async fn ask(&self, _payload: &str, questions: &[Question]) -> Vec<Answer> {
        let world = &self.0.world;
        let answers = || troubles::answers(&world.setup, questions);
        if world.setup.has_late_scripts() {
            world.time.sleep(LATE_CALL_MS).await;
        }
        let course = self.0.course(Call::Ask);
        self.0.perform(course, async { answers() }, answers).await
    }
}
