//! From when until when a certificate holds. Nothing else of it is read here: judging it is the client's business.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// Tags of ASN.1.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// The first moment.
    pub(super) from: Timestamp,
    /// The last moment.
    pub(super) until: Timestamp,
}

impl Validity {
    /// Reads it out of a certificate (RFC 5280, section 4.1). `None` for what is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = element(certificate, SEQUENCE)?;
        let (rest, _) = element(certificate, SEQUENCE)?;
        let rest = element(rest, VERSION).map_or(rest, |(_, rest)| rest);
        let (_serial_number, rest) = element(rest, INTEGER)?;
        let (_signature, rest) = element(rest, SEQUENCE)?;
        let (_issuer, rest) = element(rest, SEQUENCE)?;
        let (validity, _) = element(rest, SEQUENCE)?;
        let (from, rest) = time(validity)?;
        let (until, _) = time(rest)?;
        Some(Self { from, until })
    }

    /// Whether it is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now > self.until
    }

    /// When a new one is due: after two thirds of the time, so that a long outage of whoever gives it does no harm.
    pub(super) fn renew_at(&self) -> Timestamp {
        let third = (self.until.as_second() - self.from.as_second()) / 3;
        Timestamp::from_second(self.until.as_second() - third).unwrap_or(self.until)
    }
}

/// The content of the element that stands first, if it has this tag, and what follows it (X.690, section 8.1).
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        // No certificate is longer than two bytes can say.
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (
            usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])),
            rest.get(2..)?,
        ),
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, years) = match element(bytes, UTC_TIME) {
        Some((text, rest)) => (text, rest, 2),
        None => {
            let (text, rest) = element(bytes, GENERALIZED_TIME)?;
            (text, rest, 4)
        }
    };
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, parts) = text.split_at_checked(years)?;
    let year: i16 = year.parse().ok()?;
    // RFC 5280, section 4.1.2.5.1.
    let year = match years {
        2 if year >= 50 => 1900 + year,
        2 => 2000 + year,
        _ => year,
    };
    let part = |at: usize| parts.get(at..at + 2)?.parse::<i8>().ok();
    let moment = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((moment.timestamp(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        parameters.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ways_to_write_a_year_are_read() {
        let der = certificate((1999, 12, 31), (2051, 1, 2));
        let validity = Validity::of(&der).unwrap();
        assert_eq!(validity.from.to_string(), "1999-12-31T00:00:00Z");
        assert_eq!(validity.until.to_string(), "2051-01-02T00:00:00Z");
        assert!(!validity.is_over("2051-01-01T23:59:59Z".parse().unwrap()));
        assert!(validity.is_over("2051-01-02T00:00:01Z".parse().unwrap()));
    }

    #[test]
    fn a_new_one_is_due_after_two_thirds() {
        let validity = Validity::of(&certificate((2026, 1, 1), (2026, 1, 31))).unwrap();
        assert_eq!(validity.renew_at().to_string(), "2026-01-21T00:00:00Z");
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let der = certificate((2026, 1, 1), (2026, 4, 1));
        for length in 0..der.len() {
            assert_eq!(Validity::of(&der[..length]), None, "{length} bytes of it");
        }
        assert_eq!(Validity::of(b"-----BEGIN"), None);
        assert_eq!(Validity::of(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
