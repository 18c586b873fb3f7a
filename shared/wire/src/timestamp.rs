//! Points in time as the reference systems write them: `YYYY-MM-DDTHH:mm:ss.SSSZ`.

use hookrail_domain::time::Millis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

/// Reads a time of RFC 3339, in any time zone. Nothing here is older than 1970: what is earlier is read as its begin.
#[must_use]
pub fn parse(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(Millis(u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_have_three_decimals_and_a_z() {
        assert_eq!(render(Millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(render(Millis(1_651_781_080_084)), "2022-05-05T20:04:40.084Z");
        assert_eq!(render(Millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_times_in_every_zone_and_rejects_other_texts() {
        assert_eq!(parse("2022-05-05T16:04:40.084-04:00"), Some(Millis(1_651_781_080_084)));
        assert_eq!(parse("2022-05-05T20:04:40Z"), Some(Millis(1_651_781_080_000)));
        assert_eq!(parse("0329-12-31T23:59:59Z"), Some(Millis(0)));
        for text in ["", "2022-05-05", "2022-05-05T20:04:40", "1651781080"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_round_trip_and_sort_as_text(
            // To the last millisecond of the year 9999.
            (one, other) in (0..253_402_300_800_000_u64, 0..253_402_300_800_000_u64),
        ) {
            let text = render(Millis(one));
            prop_assert_eq!(parse(&text), Some(Millis(one)));
            prop_assert_eq!(text.cmp(&render(Millis(other))), one.cmp(&other));
        }
    }
}
