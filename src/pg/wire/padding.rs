//! Binary rows without the blanks that pad `char(n)`.
//!
//! Whoever stores a value of `char(n)` pads it again to the same length, so that its blanks need not travel. The target
//! would read each of them three times (from the socket, to see that they are text, to count the letters): of a table
//! with one such column of 84 letters they are three quarters of the bytes and a third of the work.

/// Which columns of a row are `char(n)`, with the same n on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Padding(Vec<bool>);

impl Padding {
    pub(super) fn new(padded: &[bool]) -> Self {
        Self(if padded.contains(&true) { padded.to_vec() } else { Vec::new() })
    }

    /// No column is padded, and rows need not be looked at.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a row behind `data`. What is no row of this many columns (the file's header, its end, what a hostile server
    /// sends) goes as it came.
    pub(super) fn push(&self, row: &[u8], data: &mut Vec<u8>) {
        let before = data.len();
        if self.trim(row, data).is_none() {
            data.truncate(before);
            data.extend_from_slice(row);
        }
    }

    /// A row is the number of its columns, then the length and the bytes of each; -1 is NULL (manual, COPY, "Binary
    /// Format").
    fn trim(&self, row: &[u8], data: &mut Vec<u8>) -> Option<()> {
        let (count, mut rest) = row.split_first_chunk::<2>()?;
        if usize::from(u16::from_be_bytes(*count)) != self.0.len() {
            return None;
        }
        // What goes as it is, up to the next value that becomes shorter.
        let mut unsent = row;
        for padded in &self.0 {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                rest = behind;
                continue;
            }
            let (value, next) = behind.split_at_checked(usize::try_from(length).ok()?)?;
            if *padded && value.last() == Some(&b' ') {
                let kept = without_blanks(value).len();
                let until = unsent.len() - behind.len();
                // In one piece with the length that is not right any more: of millions of rows each piece counts.
                let place = data.len() + until - 4;
                data.extend_from_slice(unsent.get(..until + kept)?);
                let length = data.get_mut(place..)?.first_chunk_mut::<4>()?;
                *length = u32::try_from(kept).ok()?.to_be_bytes();
                unsent = next;
            }
            rest = next;
        }
        if !rest.is_empty() {
            return None;
        }
        if !unsent.is_empty() {
            data.extend_from_slice(unsent);
        }
        Some(())
    }
}

/// A blank is one byte in every encoding, and no part of another letter.
fn without_blanks(value: &[u8]) -> &[u8] {
    let mut kept = value;
    // In steps that the processor compares at once.
    while let Some((before, last)) = kept.split_last_chunk::<16>()
        && *last == [b' '; 16]
    {
        kept = before;
    }
    while let Some((b' ', before)) = kept.split_last() {
        kept = before;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert_eq, proptest};

    fn row(values: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut row = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            match value {
                None => row.extend((-1_i32).to_be_bytes()),
                Some(value) => {
                    row.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                    row.extend(value);
                }
            }
        }
        row
    }

    fn pushed(padded: &[bool], row: &[u8]) -> Vec<u8> {
        let mut data = b"before".to_vec();
        Padding::new(padded).push(row, &mut data);
        data.split_off(6)
    }

    #[test]
    fn only_padded_columns_lose_their_blanks() {
        let value = |text: &str| Some(text.as_bytes().to_vec());
        let sent = row(&[value("a  "), value("b  "), None, value("   "), value("")]);
        let wanted = row(&[value("a"), value("b  "), None, value(""), value("")]);
        assert_eq!(pushed(&[true, false, true, true, true], &sent), wanted);
        assert!(Padding::new(&[false, false]).is_none());
    }

    #[test]
    fn what_is_no_row_goes_as_it_came() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\xff\xff",
            b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x02a ",
            // Another number of columns, a value that is cut, a byte too many, impossible lengths.
            b"\0\x02\0\0\0\x02a \0\0\0\x01b",
            b"\0\x01\0\0\0\x09a ",
            b"\0\x01\0\0\0\x02a  ",
            b"\0\x01\xff\xff\xff\xfe  ",
            b"\0\x01\x7f\xff\xff\xff  ",
        ] {
            assert_eq!(pushed(&[true], bytes), bytes, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_the_same_up_to_its_blanks(
            columns in prop::collection::vec((any::<bool>(), prop::option::of("[ a\u{e4}\n]{0,40} {0,40}")), 1..9),
        ) {
            let padded: Vec<_> = columns.iter().map(|c| c.0).collect();
            let values = |trimmed: bool| -> Vec<_> {
                let one = |(padded, value): &(bool, Option<String>)| {
                    let trim = trimmed && *padded;
                    value.as_ref().map(|v| if trim { v.trim_end_matches(' ') } else { v }.as_bytes().to_vec())
                };
                columns.iter().map(one).collect()
            };
            prop_assert_eq!(pushed(&padded, &row(&values(false))), row(&values(true)));
        }

        #[test]
        fn bytes_of_any_kind_never_panic_nor_grow(
            padded in prop::collection::vec(any::<bool>(), 0..4),
            noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut row = u16::try_from(padded.len()).unwrap().to_be_bytes().to_vec();
            row.extend(noise);
            proptest::prop_assert!(pushed(&padded, &row).len() <= row.len());
        }
    }
}
