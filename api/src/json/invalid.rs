use std::fmt::Display;

use service::recurrence::InvalidRecurrence;
use service::tasks::{InvalidDue, InvalidReminder, InvalidSearch, InvalidTag, InvalidText, InvalidZone};

use crate::error::FieldCode;

/// The reason why a value is refused. Its text is a sentence, or the rest of one that begins with the name of the field.
pub(super) trait Reason: Display {
    /// Returns the code of the mistake.
    fn code(&self) -> FieldCode {
        FieldCode::Invalid
    }
}

impl Reason for InvalidText {
    fn code(&self) -> FieldCode {
        match self {
            Self::Blank { .. } => FieldCode::Blank,
            Self::TooLong { .. } => FieldCode::TooLong,
            Self::Nul { .. } => FieldCode::ForbiddenCharacter,
        }
    }
}

impl Reason for InvalidTag {
    fn code(&self) -> FieldCode {
        match self {
            Self::Blank => FieldCode::Blank,
            Self::TooLong => FieldCode::TooLong,
            Self::Control => FieldCode::ForbiddenCharacter,
            Self::TooMany => FieldCode::TooMany,
            Self::Twice => FieldCode::Repeated,
        }
    }
}

impl Reason for InvalidRecurrence {
    fn code(&self) -> FieldCode {
        if *self == Self::TooLong { FieldCode::TooLong } else { FieldCode::Invalid }
    }
}

impl Reason for InvalidDue {}
impl Reason for InvalidReminder {}
impl Reason for InvalidZone {}
impl Reason for InvalidSearch {}
/// The reason of strict handling.
impl Reason for &str {}
