use super::dates::Dates;
use super::series::{moment_of, occurrence};
use super::{Occurrence, Recurrence, Slot};
use crate::Caller;
use crate::model::{Due, DueKind, Zone};

/// The maximum number of occurrences of a [`preview`].
pub const MAX_PREVIEW: u32 = 50;

/// Returns the first occurrences of a rule, at most `count` and at most [`MAX_PREVIEW`]. The first one is the due date. There are
/// fewer if the series ends, or if the dates lie very far apart.
///
/// It reads and writes nothing, and takes at most as many steps as one next date.
#[must_use]
pub fn preview(_: &Caller, rule: &Recurrence, due: &Due, zone: Zone, count: u32) -> Vec<Occurrence> {
    preview_counted(rule, due, zone, count.min(MAX_PREVIEW)).0
}

/// [`preview`] with the number of steps that it took.
pub(super) fn preview_counted(rule: &Recurrence, due: &Due, zone: Zone, count: u32) -> (Vec<Occurrence>, u32) {
    let first = first(due, zone);
    let mut dates = Dates::after(rule.rule(), first.slot.day());
    let count = rule.count().map_or(count, |all| all.min(count)) as usize;

    let mut occurrences = vec![first];
    while occurrences.len() < count {
        let Some(date) = dates.next() else { break };
        let next = occurrence(date, &occurrences[0].slot, due, zone);
        if rule.rule().ends_before(&next.slot, zone) {
            break;
        }
        occurrences.push(next);
    }
    let numbered = (1..).zip(occurrences).map(|(number, occurrence)| Occurrence {
        left: rule.count().map(|count| count.saturating_sub(number)),
        ..occurrence
    });
    (numbered.collect(), dates.steps())
}

/// The due date as an occurrence. Its text stays as it is.
fn first(due: &Due, zone: Zone) -> Occurrence {
    let slot = Slot::of(due, zone);
    let moment = moment_of(&slot, zone);
    let (at, shifted) = match due.kind() {
        DueKind::Instant(instant) => (instant, None),
        DueKind::Day(_) | DueKind::Wall(_) => (moment.at, moment.shifted),
    };
    Occurrence { slot, due: due.clone(), at, shifted, left: None }
}
