//! The journal of the local queues: a file with one change a line, from which the next start rebuilds them.
//!
//! The file contains whole lines only: the remains of a failed write are cut off before anything else is written.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use hookrail_fifo::journal::JournalEntry;
use serde_json::error::Category;

use crate::dev::ready;

const NEWLINE: u8 = b'\n';

/// A file that entries are appended to.
pub trait JournalFile: Write + fmt::Debug + Send {
    /// Shortens the file to this many bytes.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

impl JournalFile for File {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// A change that could not be written to the journal.
#[derive(Debug, thiserror::Error)]
#[error("the journal of the queues cannot be written: {0}")]
pub struct NotKept(#[from] io::Error);

/// A journal that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{file} cannot be read")]
    Unreadable { file: String, source: io::Error },
    #[error(
        "{file} is broken: line {line} {problem} at column {column}. Remove this line to continue without \
        its change, or move the file away to start with empty queues"
    )]
    Broken { file: String, line: usize, column: usize, problem: &'static str },
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(super) struct Journal {
    file: Box<dyn JournalFile>,
    /// Bytes of the whole lines.
    bytes: u64,
    /// True if the file may contain more than them, after a write that failed.
    is_torn: bool,
    /// Entries that could not be written yet. They are written first, to keep the order of changes.
    pending: Vec<JournalEntry>,
}

impl Journal {
    /// Replaces the file with these entries, in one step.
    pub(super) fn create(path: &Path, entries: &[JournalEntry]) -> io::Result<Self> {
        let text = render(entries)?;
        ready::write_private(path, &text)?;
        Ok(Self::open(Box::new(OpenOptions::new().append(true).open(path)?), text.len() as u64))
    }

    /// Continues a file of this many bytes.
    pub(super) fn open(file: Box<dyn JournalFile>, bytes: u64) -> Self {
        Self { file, bytes, is_torn: false, pending: Vec::new() }
    }

    /// Appends entries after those that are pending: all of them, or none.
    pub(super) fn append(&mut self, entries: &[JournalEntry]) -> Result<(), NotKept> {
        if entries.is_empty() && self.pending.is_empty() {
            return Ok(());
        }
        let mut text = render(&self.pending)?;
        text.extend(render(entries)?);
        self.mend()?;
        // One write, so that a crash cuts at most the end.
        if let Err(error) = self.file.write_all(&text) {
            self.is_torn = true;
            // Tried again before the next write; the failure to report is the first one.
            self.mend().unwrap_or(());
            return Err(error.into());
        }
        self.bytes += text.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Keeps entries until they can be written.
    pub(super) fn postpone(&mut self, entries: Vec<JournalEntry>) {
        self.pending.extend(entries);
    }

    /// Cuts off the remains of a failed write.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.cut(self.bytes)?;
            self.is_torn = false;
        }
        Ok(())
    }
}

/// Reads the entries of a journal. A last line that was cut off by a crash was never acknowledged, and is left out.
pub fn read(path: &Path) -> Result<Vec<JournalEntry>, JournalError> {
    let file = || path.display().to_string();
    match fs::read(path) {
        Ok(text) => parse(&text).map_err(|(line, error)| JournalError::Broken {
            file: file(),
            line,
            column: error.column(),
            problem: problem(error.classify()),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(JournalError::Unreadable { file: file(), source }),
    }
}

/// Parses all whole lines. Fails with the number of the first bad line.
fn parse(text: &[u8]) -> Result<Vec<JournalEntry>, (usize, serde_json::Error)> {
    let end = text.iter().rposition(|byte| *byte == NEWLINE).unwrap_or(0);
    let lines = text.get(..end).unwrap_or_default().split(|byte| *byte == NEWLINE);
    lines
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| serde_json::from_slice(line).map_err(|error| (index + 1, error)))
        .collect()
}

fn problem(category: Category) -> &'static str {
    match category {
        Category::Io | Category::Syntax => "is not JSON",
        Category::Data => "is not a change of a queue",
        Category::Eof => "ends too early",
    }
}

fn render(entries: &[JournalEntry]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(NEWLINE);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hookrail_fifo::message::NewMessage;
    use hookrail_fifo::millis::Millis;
    use hookrail_fifo::queue::Receive;
    use hookrail_fifo::queues::Queues;
    use hookrail_fifo::settings::Settings;
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "q.fifo";
    const NOW: Millis = Millis(1_700_000_000_000);

    /// A disk with room for a number of bytes.
    #[derive(Debug, Default)]
    struct Disk {
        text: Vec<u8>,
        room: usize,
        refuses_cuts: bool,
    }

    #[derive(Debug, Clone, Default)]
    struct FullFile(Arc<Mutex<Disk>>);

    impl Write for FullFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let room = disk.room.saturating_sub(disk.text.len());
            let taken = &bytes[..room.min(bytes.len())];
            if taken.is_empty() {
                return Err(ErrorKind::StorageFull.into());
            }
            disk.text.extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl JournalFile for FullFile {
        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            if disk.refuses_cuts {
                return Err(ErrorKind::PermissionDenied.into());
            }
            disk.text.truncate(usize::try_from(bytes).unwrap());
            Ok(())
        }
    }

    impl FullFile {
        fn set_room(&self, room: usize) {
            self.0.lock().unwrap().room = room;
        }

        fn text(&self) -> Vec<u8> {
            self.0.lock().unwrap().text.clone()
        }
    }

    fn queues() -> Queues {
        let mut queues = Queues::new(1);
        queues.start_journal();
        queues.create_with(NOW, NAME, Settings::fifo()).unwrap();
        queues
    }

    fn send(queues: &mut Queues, body: &str) {
        let message = NewMessage {
            body: body.into(),
            group: Some("g".into()),
            deduplication_id: Some(body.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into()),
            ..NewMessage::default()
        };
        queues.find_mut(NAME).unwrap().send(NOW, message).unwrap();
    }

    fn bodies(text: &[u8]) -> Vec<String> {
        let mut queues = Queues::new(2);
        queues.replay(parse(text).unwrap());
        let queue = queues.find(NAME);
        queue.map(|queue| queue.messages().map(|one| one.body.to_string()).collect()).unwrap_or_default()
    }

    /// Wherever the disk ends: messages that were acknowledged are in the file, others are neither there nor in memory,
    /// and are accepted once there is room.
    #[test]
    fn a_full_disk_rejects_writes_until_it_has_room() {
        let mut whole = queues();
        for body in ["a", "b", "c"] {
            send(&mut whole, body);
        }
        let bytes_max = render(&whole.drain_journal()).unwrap().len() + 1;
        for room in 0..bytes_max {
            let (file, mut queues) = (FullFile::default(), queues());
            let mut journal = Journal::open(Box::new(file.clone()), 0);
            file.set_room(room);
            let mut keep = |queues: &mut Queues| {
                let entries = queues.drain_journal();
                let kept = journal.append(&entries);
                if kept.is_err() {
                    journal.postpone(queues.take_back(entries));
                }
                kept.is_ok()
            };
            let mut accepted = Vec::new();
            for body in ["a", "b", "c"] {
                send(&mut queues, body);
                if keep(&mut queues) {
                    accepted.push(body);
                }
                assert_eq!(bodies(&file.text()), accepted, "{room}");
                assert!(file.text().last().is_none_or(|byte| *byte == NEWLINE), "{room}: half a line");
            }
            let received = queues.find_mut(NAME).unwrap().receive(NOW, Receive::up_to(10));
            assert_eq!(received.iter().map(|one| &*one.message.body).collect::<Vec<_>>(), accepted, "{room}");
            file.set_room(usize::MAX);
            for body in ["a", "b", "c"] {
                send(&mut queues, body);
                assert!(keep(&mut queues), "{room}");
            }
            let again = ["a", "b", "c"].into_iter().filter(|body| !accepted.contains(body));
            let expected: Vec<_> = accepted.iter().copied().chain(again).collect();
            assert_eq!(bodies(&file.text()), expected, "{room}: once each");
        }
    }

    #[test]
    fn a_failed_truncation_is_repeated_before_the_next_write() {
        let (file, mut queues) = (FullFile::default(), queues());
        let mut journal = Journal::open(Box::new(file.clone()), 0);
        let made = queues.drain_journal();
        file.set_room(10);
        file.0.lock().unwrap().refuses_cuts = true;
        journal.append(&made).unwrap_err();
        file.set_room(usize::MAX);
        journal.append(&made).unwrap_err();
        assert_eq!(file.text().len(), 10, "nothing is glued to half a line");
        file.0.lock().unwrap().refuses_cuts = false;
        journal.append(&made).unwrap();
        assert_eq!(file.text(), render(&made).unwrap());
    }

    #[test]
    fn a_corrupt_journal_entry_is_reported_with_the_ways_to_continue() {
        let path = std::env::temp_dir().join(format!("hookrail-journal-{}", std::process::id()));
        for (text, expected) in [
            (
                "{\"queue\":\"q\",\"change\":\"Purged\"}\n{\"queue\":\"q\n\n",
                "line 2 ends too early at column",
            ),
            ("\n\n{\"queue\":\"q\",\"change\":\"Burnt\"}\n", "line 3 is not a change of a queue at column"),
            ("{\"queue\":\"q{\"queue\":\"q\",\"change\":\"Purged\"}\n", "line 1 is not JSON at column 14"),
            ("\0\0\0\n", "line 1 is not JSON at column 1"),
            ("\u{fffd}\n", "line 1 is not JSON at column 1"),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("Remove this line"), "{error}");
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Vec::new(), "a journal that is not there is empty");
    }

    proptest! {
        /// A crash may cut the journal anywhere: the stack starts with the changes whose lines are whole.
        #[test]
        fn a_truncated_journal_is_read_up_to_its_last_complete_entry(
            sent in proptest::collection::vec("[ -~é-ÿ€😀]{1,12}", 0..6), cut in any::<prop::sample::Index>(),
        ) {
            let mut queues = queues();
            for body in &sent {
                send(&mut queues, body);
            }
            queues.find_mut(NAME).unwrap().receive(NOW, Receive::up_to(3));
            let entries = queues.drain_journal();
            let text = render(&entries).unwrap();
            let prefix = &text[..cut.index(text.len() + 1)];
            let lines = prefix.iter().filter(|byte| **byte == NEWLINE).count();
            let read = parse(prefix).unwrap();
            prop_assert_eq!(&read[..], &entries[..lines]);
            Queues::new(3).replay(read);
        }
    }
}
