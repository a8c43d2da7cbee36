//! Sizes and spans of time as people write and read them: `500MB`, `7d`.

use std::time::Duration;

/// Why a text is no size or span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuantityError {
    /// No size.
    #[error("not a size; write bytes (`5000000`) or a unit (`500kB`, `5MB`, `1GB`, `1GiB`)")]
    Size,
    /// No span.
    #[error("not a duration; write it like `90s`, `15m`, `12h`, `7d` or `1d12h`")]
    Span,
}

const SIZE_UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
];

const SPAN_UNITS: [(&str, u64); 5] =
    [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

/// Reads a size in bytes. Units are case-insensitive: `kB`, `MB`, `GB` are powers of 1,000, `KiB`, `MiB`,
/// `GiB` of 1,024.
pub(crate) fn parse_size(text: &str) -> Result<u64, QuantityError> {
    let (number, unit) = leading_number(text).ok_or(QuantityError::Size)?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) =
        SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(QuantityError::Size)?;
    number.checked_mul(*factor).ok_or(QuantityError::Size)
}

/// Reads a span as numbers with units in whatever order: `1d12h`. A bare number is refused: it does not say of what.
pub(crate) fn parse_span(text: &str) -> Result<Duration, QuantityError> {
    let mut rest = text;
    let mut seconds = 0_u64;
    loop {
        let (number, tail) = leading_number(rest).ok_or(QuantityError::Span)?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, factor) =
            SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or(QuantityError::Span)?;
        seconds = number
            .checked_mul(*factor)
            .and_then(|part| seconds.checked_add(part))
            .ok_or(QuantityError::Span)?;
        if tail.is_empty() {
            return Ok(Duration::from_secs(seconds));
        }
        rest = tail;
    }
}

/// `bytes` with thousands separated, as in `5,000,000 bytes`.
pub(crate) fn show_bytes(bytes: u64) -> String {
    format!("{} byte{}", show_count(bytes), plural(bytes))
}

/// `count` with thousands separated.
pub(crate) fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The `s` that a noun after `count` gets.
pub(crate) fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A span in its two largest units, as in `6d 23h`; under a minute in seconds, under a second in milliseconds.
pub(crate) fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => format!("{:.1}ms", span.as_secs_f64() * 1_000.0),
        (0, 0, 0) => format!("{:.1}s", span.as_secs_f64()),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_unit() {
        assert_eq!(parse_size("0"), Ok(0));
        assert_eq!(parse_size("5000000"), Ok(5_000_000));
        assert_eq!(parse_size("500MB"), Ok(500_000_000));
        assert_eq!(parse_size("1 GiB"), Ok(1 << 30));
        assert_eq!(parse_size("2kb"), Ok(2_000));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MB", "-1", "1.5MB", "1TB", "99999999999999999999", "99999999999999GB"] {
            assert_eq!(parse_size(text), Err(QuantityError::Size), "{text:?}");
        }
    }

    #[test]
    fn spans_are_sums_of_units() {
        assert_eq!(parse_span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("1d12h"), Ok(Duration::from_hours(36)));
        assert_eq!(parse_span("1w"), Ok(Duration::from_hours(168)));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "7", "d", "7 d", "-7d", "7d3", "7x", "9999999999999999w"] {
            assert_eq!(parse_span(text), Err(QuantityError::Span), "{text:?}");
        }
    }

    #[test]
    fn quantities_are_shown_for_people() {
        assert_eq!(show_bytes(1), "1 byte");
        assert_eq!(show_bytes(0), "0 bytes");
        assert_eq!(show_bytes(5_000_000), "5,000,000 bytes");
        assert_eq!(show_bytes(999), "999 bytes");
        assert_eq!(show_span(Duration::from_secs(604_799)), "6d 23h");
        assert_eq!(show_span(Duration::from_mins(61)), "1h 1m");
        assert_eq!(show_span(Duration::from_secs(61)), "1m 1s");
        assert_eq!(show_span(Duration::from_millis(2_349)), "2.3s");
        assert_eq!(show_span(Duration::from_micros(1_250)), "1.2ms");
    }
}
