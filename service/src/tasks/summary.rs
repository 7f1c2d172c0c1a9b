use std::collections::BTreeMap;

use migration::fold_case;

use crate::model::Zone;
use crate::store::{Counts, Spelling, Store};
use crate::{Caller, Error};

/// The numbers of a caller's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The state of the list, see [`Page`](super::Page).
    pub state: i64,
    /// Whether only a write can change a number. Otherwise a task can become overdue, or due today.
    pub is_lasting: bool,
    /// All tasks.
    pub all: u64,
    /// Tasks that are not completed.
    pub pending: u64,
    /// Tasks that are completed.
    pub completed: u64,
    /// Tasks that are overdue.
    pub overdue: u64,
    /// Tasks that are due today and not completed.
    pub due_today: u64,
    /// Tasks by priority, in the order of the priorities.
    pub by_priority: [u64; 4],
    /// Tasks by tag.
    pub by_tag: Vec<TagCount>,
}

/// The number of tasks that have a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// The spelling of the tag that most tasks have.
    pub name: String,
    /// The number of tasks that have it.
    pub count: u64,
}

/// Returns the numbers of the caller's tasks, from one statement.
pub async fn summary(store: &Store, caller: &Caller, zone: Zone) -> Result<Summary, Error> {
    let (counts, spellings) = store.summary(caller, zone).await?;
    let Counts { state, all, pending, completed, overdue, due_today, by_priority, pending_due } = counts;
    let is_lasting = pending_due == 0;
    Ok(Summary {
        state,
        is_lasting,
        all,
        pending,
        completed,
        overdue,
        due_today,
        by_priority,
        by_tag: merge(spellings),
    })
}

/// Returns the tags of the caller's tasks, in the order of their folded names, and the state of the list, from one statement.
pub async fn tags(store: &Store, caller: &Caller) -> Result<(Vec<TagCount>, i64), Error> {
    let (spellings, state) = store.tags(caller).await?;
    Ok((merge(spellings), state))
}

/// Merges the spellings of each tag into one, under the name that most tasks have.
fn merge(spellings: Vec<Spelling>) -> Vec<TagCount> {
    let mut tags = BTreeMap::<String, Vec<Spelling>>::new();
    for (name, count) in spellings {
        tags.entry(fold_case(&name)).or_default().push((name, count));
    }
    let merged = tags.into_values().filter_map(|mut spellings| {
        let count = spellings.iter().map(|(_, count)| count).sum();
        spellings.sort_by(|(a, most), (b, other)| other.cmp(most).then_with(|| a.cmp(b)));
        let (name, _) = spellings.into_iter().next()?;
        Some(TagCount { name, count })
    });
    merged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_tag_are_counted_as_one_under_the_most_frequent_name() {
        let spelled = |list: &[(&str, u64)]| list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let merged = merge(spelled(&[("work", 2), ("WORK", 3), ("home", 1), ("Work", 3), ("Éa", 1)]));
        let merged: Vec<_> = merged.iter().map(|tag| (tag.name.as_str(), tag.count)).collect();
        assert_eq!(merged, [("Éa", 1), ("home", 1), ("WORK", 8)]);
    }
}
