//! Every bound of an evaluation, with its unit.
//!
//! They bound work that is counted. Operators on large values count as one step each, and the engine polls
//! once per 10,000 steps.
//! In its own process a script of nothing but comparisons of 200,000 characters, or of spreads of 15,000
//! elements, is ended after up to 19 s.
//! One that reads 200,000 digits as a number is ended after minutes.
//! Events are therefore evaluated in a child ([`crate::service`]), which its parent kills at a deadline.

use hookrail_domain::limits::{EVENT_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};

/// Characters of a filter, and of one expression in a template. Those of published exports have some 100.
pub const SOURCE_CHARS_MAX: usize = 2_000;

/// `${…}` of one template.
pub const PLACEHOLDERS_MAX: usize = 16;

/// Expressions tried while the ends of a template's placeholders are found: a `}` may stand in a text or an object.
pub const TRIES_MAX: usize = 64;

/// Bytes that an evaluation may hold, its realm's own 150,000 included.
pub const MEMORY_BYTES_MAX: usize = 768 * 1024;

/// Bytes allowed on top while a failure is described, so that running out of memory can be reported.
pub const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;

/// Bytes of native stack that an evaluation may use. A thread of Tokio's has 2 MiB.
pub const STACK_BYTES_MAX: usize = 256 * 1024;

/// Polls in which the engine asks whether to continue: once per 10,000 loops or calls, or steps of a regular
/// expression.
///
/// Counted, so that the same script ends the same way everywhere; some 50 ms of a whole core.
pub const POLLS_MAX: u32 = 2_000;

/// Characters and elements that built-in functions may go through, all calls together: some 20 ms.
pub const WORK_MAX: u64 = 20_000_000;

/// The bound of the wall clock, for work that is not counted, ms.
/// Wide: a small function on a busy machine may pause for tenths of a second, and a filter must not fail
/// because of that.
pub const DURATION_MS_MAX: u64 = 1_000;

/// Bytes of JSON in one frame between a process that evaluates and its parent. One byte of an event is at most six.
pub const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of filters that such a process keeps compiled, and of templates, as they are counted.
pub const COMPILED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes counted for each on top of its text.
pub const COMPILED_OVERHEAD_BYTES: usize = 512;

/// Characters that are kept of a thrown value.
pub const MESSAGE_CHARS_MAX: usize = 200;

/// Times that a path may be percent-encoded over; more is taken for an attempt to hide something.
pub const DECODINGS_MAX: usize = 4;

// Counting comes first: the clock is for work that is not counted.
const _: () = assert!(POLLS_MAX as u64 / 40 < DURATION_MS_MAX);
const _: () = assert!(6 * EVENT_BYTES_MAX < FRAME_BYTES_MAX);
// A company's webhooks, with filters four times as long as those of published exports.
const _: () = assert!(WEBHOOKS_PER_COMPANY_MAX * (COMPILED_OVERHEAD_BYTES + 400) <= COMPILED_BYTES_MAX);
const _: () = assert!(DESCRIPTION_BYTES_MAX < MEMORY_BYTES_MAX);
