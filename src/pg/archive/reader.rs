//! A cursor over an archive's bytes that never reads, nor allocates, beyond them.

use std::str::FromStr;

use super::ArchiveError;

/// Where an archive is being read, and how wide its integers are.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes of an integer's magnitude, 1 to 8; 4 in every archive seen.
    int_size: usize,
    /// Bytes of a file offset, 1 to 8; 8 in every archive seen.
    offset_size: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0, int_size: 4, offset_size: 8 }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// An error at the present place.
    pub(super) fn corrupt(&self, what: &'static str) -> ArchiveError {
        ArchiveError::Corrupt { at: self.at, what }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], ArchiveError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else {
            return Err(ArchiveError::Truncated { at: self.at, what });
        };
        self.at += count;
        Ok(taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, ArchiveError> {
        Ok(self.take(1, what)?.first().copied().unwrap_or_default())
    }

    /// Reads how wide integers are and uses it from now on. pg_restore takes up to 32, of which it could hold none.
    pub(super) fn set_int_size(&mut self) -> Result<(), ArchiveError> {
        self.int_size = self.width("a width of integers that cannot be")?;
        Ok(())
    }

    /// Reads how wide file offsets are and uses it from now on.
    pub(super) fn set_offset_size(&mut self) -> Result<(), ArchiveError> {
        self.offset_size = self.width("a width of offsets that cannot be")?;
        Ok(())
    }

    fn width(&mut self, what: &'static str) -> Result<usize, ArchiveError> {
        match self.byte(what)? {
            width @ 1..=8 => Ok(usize::from(width)),
            _ => Err(self.corrupt(what)),
        }
    }

    /// `ReadInt`: a byte that is not 0 for a negative number, then the magnitude, least significant byte first.
    pub(super) fn int(&mut self, what: &'static str) -> Result<i32, ArchiveError> {
        let negative = self.byte(what)? != 0;
        let magnitude = self.take(self.int_size, what)?;
        let magnitude = magnitude.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let magnitude = i32::try_from(magnitude).map_err(|_| self.corrupt(what))?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// `ReadStr`: a length and that many bytes; a negative length means that there is no string.
    pub(super) fn text(&mut self, what: &'static str) -> Result<Option<String>, ArchiveError> {
        let Ok(length) = usize::try_from(self.int(what)?) else {
            return Ok(None);
        };
        let at = self.at;
        let bytes = self.take(length, what)?;
        // C would end the string here, and no statement can carry the byte to a server.
        if bytes.contains(&0) {
            return Err(ArchiveError::Corrupt { at, what });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ArchiveError::NotUtf8 { at, what })?;
        Ok(Some(text.to_owned()))
    }

    /// A string that must be there.
    pub(super) fn needed_text(&mut self, what: &'static str) -> Result<String, ArchiveError> {
        let at = self.at;
        self.text(what)?.ok_or(ArchiveError::Corrupt { at, what })
    }

    /// A decimal number that is written as a string, or an absent string.
    pub(super) fn optional_number<N: FromStr>(
        &mut self,
        what: &'static str,
    ) -> Result<Option<N>, ArchiveError> {
        let at = self.at;
        let corrupt = ArchiveError::Corrupt { at, what };
        let Some(text) = self.text(what)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| corrupt)
    }

    /// A decimal number that is written as a string.
    pub(super) fn number<N: FromStr>(&mut self, what: &'static str) -> Result<N, ArchiveError> {
        let at = self.at;
        self.optional_number(what)?.ok_or(ArchiveError::Corrupt { at, what })
    }

    /// `ReadOffset`: a flag and the place of an entry's data in the file. The place is of no use to us.
    pub(super) fn offset(&mut self) -> Result<(), ArchiveError> {
        // K_OFFSET_POS_NOT_SET, K_OFFSET_POS_SET, K_OFFSET_NO_DATA of pg_backup_archiver.h
        if !matches!(self.byte("an entry's offset")?, 1..=3) {
            return Err(self.corrupt("an offset flag that does not exist"));
        }
        self.take(self.offset_size, "an entry's offset")?;
        Ok(())
    }
}
