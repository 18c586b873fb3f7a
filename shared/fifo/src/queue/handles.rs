//! The actions of a receipt handle: delete its message, or change the time it stays invisible.

use super::{Queue, Visibility};
use crate::journal::Change;
use crate::millis::Millis;
use crate::receipt_handle::ReceiptHandle;
use crate::settings::VISIBILITY_TIMEOUT_S_MAX;

/// The reason why a receipt handle cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    #[error("the receipt handle is not of this queue")]
    Foreign,
    #[error("the receipt handle has expired")]
    Expired,
    #[error("the message does not exist")]
    Gone,
    #[error("the message is not in flight")]
    NotInFlight,
    #[error("a visibility timeout is between 0 and 43200 seconds")]
    TimeoutInvalid,
    #[error("total visibility timeout is beyond the limit of 43200 seconds")]
    TotalTooLong,
}

impl Queue {
    /// Deletes the message that a receive returned; deleting it twice is not an error.
    ///
    /// # Errors
    /// A foreign handle; on a FIFO queue also one whose time is over or that a later receive replaced.
    pub fn delete(&mut self, now: Millis, handle: ReceiptHandle) -> Result<(), HandleError> {
        self.advance(now);
        match self.check_handle(handle) {
            Ok(_) | Err(HandleError::NotInFlight) => {
                self.take_out(handle.sequence);
                self.totals.deleted += 1;
                self.record(|| Change::Deleted { sequence: handle.sequence });
                Ok(())
            }
            Err(HandleError::Gone) => Ok(()),
            // A standard queue accepts an old handle and does nothing.
            Err(HandleError::Expired) if !self.settings.is_fifo() => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    /// Makes a message in flight become visible `timeout_s` from now, regardless of the time left before.
    ///
    /// # Errors
    /// A handle that is not of a message in flight, or a time beyond 12 hours from its receive.
    pub fn change_visibility(
        &mut self,
        now: Millis,
        handle: ReceiptHandle,
        timeout_s: u32,
    ) -> Result<(), HandleError> {
        self.advance(now);
        if VISIBILITY_TIMEOUT_S_MAX < timeout_s {
            return Err(HandleError::TimeoutInvalid);
        }
        let received_at = self.check_handle(handle)?;
        let until = self.clock.plus_seconds(timeout_s);
        if received_at.plus_seconds(VISIBILITY_TIMEOUT_S_MAX) < until {
            return Err(HandleError::TotalTooLong);
        }
        let visibility = match timeout_s {
            0 => Visibility::Visible,
            _ => Visibility::InFlight { until, received_at },
        };
        self.set_visibility(handle.sequence, visibility);
        Ok(())
    }

    /// Returns the time of the receive that this handle is for, if the handle is still valid.
    fn check_handle(&self, handle: ReceiptHandle) -> Result<Millis, HandleError> {
        if handle.queue_tag != self.tag() || self.sequence_last < handle.sequence {
            return Err(HandleError::Foreign);
        }
        let stored = self.messages.get(&handle.sequence).ok_or(HandleError::Gone)?;
        let is_latest = stored.receive_count == handle.receive_count;
        match stored.visibility {
            Visibility::InFlight { received_at, .. } if is_latest => Ok(received_at),
            _ if is_latest && !self.settings.is_fifo() => Err(HandleError::NotInFlight),
            _ => Err(HandleError::Expired),
        }
    }
}
