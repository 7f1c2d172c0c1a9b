use std::collections::HashMap;

use crate::store::input::Sent;
use crate::store::request::EditRequest;

/// Returns the owners of a batch, sorted by bytes: the order in which every server locks them. Each request gets the place of its
/// owner, and its step among the requests of that owner, in the order of arrival.
pub(super) fn assign_turns<'a>(sent: &mut [Sent<'a, EditRequest>]) -> Vec<&'a str> {
    let mut owners: Vec<&'a str> = sent.iter().map(|sent| owner(sent)).collect();
    owners.sort_unstable();
    owners.dedup();
    let number = |index: usize| i16::try_from(index + 1).unwrap_or(i16::MAX);
    let places: HashMap<&str, usize> = owners.iter().enumerate().map(|(place, owner)| (*owner, place)).collect();
    let mut steps = vec![0; owners.len()];
    for sent in sent.iter_mut() {
        let place = places.get(owner(sent)).copied().unwrap_or_default();
        (sent.turn.owner, sent.turn.step) = (number(place), number(steps[place]));
        steps[place] += 1;
    }
    owners
}

pub(super) fn owner<'a>(sent: &Sent<'a, EditRequest>) -> &'a str {
    sent.request.caller.user_id().as_str()
}
