//! The messages that may be received next: each group in order, groups by their oldest message.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::message::SequenceNumber;

/// The positions of all messages of a queue, by group.
///
/// A message without a group (of a standard queue) has no order: it is ready whenever it is visible.
/// `ready` holds exactly the heads of groups that are visible, so that a receive never looks at a blocked
/// group.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// Looked up by key only; iterating it would make runs differ.
    groups: HashMap<Arc<str>, VecDeque<Place>>,
    ready: BTreeSet<SequenceNumber>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: SequenceNumber,
    is_visible: bool,
}

impl Order {
    /// Adds a message behind all others.
    pub(super) fn append(&mut self, sequence: SequenceNumber, group: Option<&Arc<str>>, is_visible: bool) {
        let is_head = group.is_none_or(|group| match self.groups.get_mut(group) {
            Some(line) => {
                line.push_back(Place { sequence, is_visible });
                false
            }
            None => {
                self.groups.insert(Arc::clone(group), VecDeque::from([Place { sequence, is_visible }]));
                true
            }
        });
        if is_head && is_visible {
            self.ready.insert(sequence);
        }
    }

    /// Makes a message visible or invisible, at its position.
    pub(super) fn set_visible(
        &mut self,
        sequence: SequenceNumber,
        group: Option<&Arc<str>>,
        is_visible: bool,
    ) {
        let line = group.and_then(|group| self.groups.get_mut(group));
        let is_head = line.is_none_or(|line| {
            let at = line.partition_point(|place| place.sequence < sequence);
            if let Some(place) = line.get_mut(at) {
                place.is_visible = is_visible;
            }
            at == 0
        });
        if is_head && is_visible {
            self.ready.insert(sequence);
        } else {
            self.ready.remove(&sequence);
        }
    }

    /// Removes a message; the next of its group becomes the head.
    pub(super) fn remove(&mut self, sequence: SequenceNumber, group: Option<&Arc<str>>) {
        self.ready.remove(&sequence);
        let Some(group) = group else { return };
        let Some(line) = self.groups.get_mut(group) else { return };
        let at = line.partition_point(|place| place.sequence < sequence);
        line.remove(at);
        match line.front() {
            None => {
                self.groups.remove(group);
            }
            Some(head) if at == 0 && head.is_visible => {
                self.ready.insert(head.sequence);
            }
            Some(_) => {}
        }
    }

    /// Returns the first available head after `after` and not beyond `last`.
    pub(super) fn next_ready(&self, after: SequenceNumber, last: SequenceNumber) -> Option<SequenceNumber> {
        if last <= after {
            return None;
        }
        self.ready.range((Bound::Excluded(after), Bound::Included(last))).next().copied()
    }

    /// Returns the message behind `sequence` in its group, if it is visible: the walk stops at the first one
    /// that is not.
    pub(super) fn follower(
        &self,
        sequence: SequenceNumber,
        group: Option<&Arc<str>>,
    ) -> Option<SequenceNumber> {
        let line = self.groups.get(group?)?;
        let at = line.partition_point(|place| place.sequence <= sequence);
        line.get(at).filter(|place| place.is_visible).map(|place| place.sequence)
    }
}
