//! A page of a list that is searched: filled from as many reads as it may cost, and no more.
//!
//! A search reads what it does not show. So that no call reads without bound, a page may end before it is full, even
//! empty, and still link to the next one, which goes on where this one stopped.

/// A page while it is being filled.
#[derive(Debug)]
pub struct PageBuilder<T, K> {
    limit: usize,
    reads_left: usize,
    found: Vec<T>,
    /// The last place that was looked at: the next read and the next page begin behind it.
    place: Option<K>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// There is more behind the place.
    Cut,
    End,
}

impl<T, K: Copy> PageBuilder<T, K> {
    /// A page of `limit` entries behind `place`, from at most `reads_max` reads.
    #[must_use]
    pub fn new(limit: usize, place: Option<K>, reads_max: usize) -> Self {
        Self { limit, reads_left: reads_max, found: Vec::new(), place, state: State::Open }
    }

    /// Returns the position of the next read; none if the page is done.
    pub fn next_read(&mut self) -> Option<Option<K>> {
        if self.state == State::Open && self.reads_left == 0 {
            self.state = State::Cut;
        }
        self.reads_left = self.reads_left.saturating_sub(1);
        (self.state == State::Open).then_some(self.place)
    }

    /// Looks at the entries of one read, in order; `is_end` if none is behind them.
    pub fn take(
        &mut self,
        entries: impl IntoIterator<Item = T>,
        is_end: bool,
        mut look: impl FnMut(&T) -> (K, bool),
    ) {
        for entry in entries {
            let (place, is_taken) = look(&entry);
            if is_taken && self.limit <= self.found.len() {
                self.state = State::Cut;
                return;
            }
            self.place = Some(place);
            if is_taken {
                self.found.push(entry);
            }
        }
        if is_end {
            self.state = State::End;
        }
    }

    /// Returns the entries, and the position that the next page begins behind, if there is one.
    #[must_use]
    pub fn finish(self) -> (Vec<T>, Option<K>) {
        (self.found, self.place.filter(|_| self.state != State::End))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through the even ones of `0..=last`, downwards, three entries a read; the pages, and how many reads.
    fn walk(last: u32, limit: usize, reads_max: usize) -> (Vec<Vec<u32>>, usize) {
        let (mut pages, mut reads, mut place) = (Vec::new(), 0, None);
        loop {
            let mut page_builder = PageBuilder::new(limit, place, reads_max);
            while let Some(before) = page_builder.next_read() {
                reads += 1;
                let end = before.unwrap_or(last + 1);
                let begin = end.saturating_sub(3);
                page_builder.take((begin..end).rev(), begin == 0, |entry| (*entry, entry % 2 == 0));
            }
            let (found, next) = page_builder.finish();
            pages.push(found);
            match next {
                Some(next) => place = Some(next),
                None => return (pages, reads),
            }
        }
    }

    #[test]
    fn every_selected_entry_is_on_one_page_within_the_read_limit() {
        for (limit, reads_max) in [(1, 1), (1, 9), (2, 1), (2, 2), (100, 1), (100, 100)] {
            let (pages, _) = walk(20, limit, reads_max);
            assert!(pages.iter().all(|page| page.len() <= limit), "{pages:?}");
            let found: Vec<_> = pages.into_iter().flatten().collect();
            assert_eq!(found, (0..=10).rev().map(|half| 2 * half).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_full_last_page_has_no_link_and_a_short_page_may_have_one() {
        assert_eq!(walk(4, 3, 9), (vec![vec![4, 2, 0]], 2));
        assert_eq!(walk(4, 3, 1).0, [vec![4, 2], vec![0]]);
    }
}
