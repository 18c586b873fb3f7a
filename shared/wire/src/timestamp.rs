//! Points in time as the reference systems write them: `YYYY-MM-DDTHH:mm:ss.SSSZ`.

use hookrail_domain::time::Millis;
use time::OffsetDateTime;

/// The time in UTC with three decimals. Times beyond the year 9999 are shown as its last instant.
#[must_use]
pub fn render(at: Millis) -> String {
    let nanos = i128::from(at.0) * 1_000_000;
    match OffsetDateTime::from_unix_timestamp_nanos(nanos) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        ),
        Err(_beyond_calendar) => "9999-12-31T23:59:59.999Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals_and_a_z() {
        assert_eq!(render(Millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(render(Millis(1_651_781_080_084)), "2022-05-05T20:04:40.084Z");
        assert_eq!(render(Millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
