//! The proof that a history keeps every promise of the write path, or the list of those that it breaks.

use std::collections::{BTreeMap, HashMap};

use crate::client::MAX_TASKS;
use crate::findings::{Findings, Problem};
use crate::history::{History, Logged, OwnerHistory};
use crate::journal::{Entry, Event, Outcome, Request};
use crate::state::{Action, State};

/// An attempt with its times.
struct Attempt<'a> {
    request: &'a Request,
    sent: i128,
    end: Option<(i128, &'a Outcome)>,
}

impl Attempt<'_> {
    /// The time after which nothing of it can happen any more, if that is known.
    fn is_over_at(&self) -> Option<i128> {
        self.end.filter(|(_, outcome)| !matches!(outcome, Outcome::Unknown(_))).map(|(time, _)| time)
    }
}

/// A change with the task after it.
struct Applied<'a> {
    logged: &'a Logged,
    /// The place in the log of the owner.
    place: usize,
    after: Option<State>,
}

type Attempts<'a> = HashMap<&'a str, Attempt<'a>>;
/// The changes of each attempt, by its name.
type Changes<'a> = HashMap<&'a str, Vec<Applied<'a>>>;

/// Checks a history.
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::default();
    let attempts = attempts(history);
    findings.count("attempts", attempts.len());
    let is_replayed = |attempt: &&Attempt<'_>| matches!(attempt.end, Some((_, Outcome::Replayed(_))));
    findings.count("replayed", attempts.values().filter(is_replayed).count());
    findings.count("acknowledged", attempts.values().filter(|attempt| is_done(attempt)).count());
    findings.count("without an answer", attempts.values().filter(|attempt| attempt.is_over_at().is_none()).count());
    if history.deadlocks > 0 {
        findings.add(Problem::Deadlock, format!("{} deadlocks", history.deadlocks));
    }
    let is_copy = |entry: &&Entry| matches!(entry.event, Event::Followed(..));
    findings.count("copies", history.entries.iter().filter(is_copy).count());
    let mut changes = Changes::new();
    for (owner, of_owner) in &history.owners {
        findings.count("changes", of_owner.log.len());
        check_reader(owner, of_owner, &mut findings);
        let lists = lists(history, owner, &attempts);
        findings.count("lists", lists.len());
        replay(owner, of_owner, &attempts, lists, &mut changes, &mut findings);
    }
    let is_unanswered =
        |(name, attempt): &(&&str, &Attempt<'_>)| attempt.is_over_at().is_none() && changes.contains_key(*name);
    findings.count("done without an answer", attempts.iter().filter(is_unanswered).count());
    check_attempts(history, &attempts, &changes, &mut findings);
    check_replays(&attempts, &changes, &mut findings);
    check_erasures(&attempts, &changes, &mut findings);
    check_order(history, &attempts, &changes, &mut findings);
    findings
}

fn is_done(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.end, Some((_, Outcome::Task(..) | Outcome::Count(_))))
}

fn attempts(history: &History) -> Attempts<'_> {
    let mut attempts = Attempts::new();
    for entry in &history.entries {
        match &entry.event {
            Event::Sent(request) => {
                attempts.insert(&request.name, Attempt { request, sent: entry.time, end: None });
            }
            Event::Ended(name, outcome) => {
                attempts.get_mut(name.as_str()).unwrap().end = Some((entry.time, outcome));
            }
            Event::Listed(..) | Event::Followed(..) | Event::Rewrote(_) => {}
        }
    }
    attempts
}

/// The lists of an owner by state. After an erasure they cannot be compared with the log, which is gone.
fn lists<'a>(history: &'a History, owner: &str, attempts: &Attempts<'_>) -> Vec<(i64, &'a [(i64, i64)])> {
    let mut of_owner = attempts.values().filter(|attempt| attempt.request.owner == owner);
    if of_owner.any(|attempt| attempt.request.action == Action::Erase) {
        return Vec::new();
    }
    let list = |event: &'a Event| match event {
        Event::Listed(of, state, tasks) | Event::Followed(of, state, tasks) if of == owner => {
            Some((*state, tasks.as_slice()))
        }
        _ => None,
    };
    let mut lists: Vec<_> = history.entries.iter().filter_map(|entry| list(&entry.event)).collect();
    lists.sort_by_key(|(state, _)| *state);
    lists
}

/// A reader that polls has seen exactly the log.
fn check_reader(owner: &str, of_owner: &OwnerHistory, findings: &mut Findings) {
    let OwnerHistory { row, log, seen, .. } = of_owner;
    if seen.begin != row.as_ref().map(|row| row.begin) {
        findings.add(Problem::Missed, format!("{owner}: the reader is in a history that is over"));
    }
    for logged in log.iter().filter(|logged| !seen.changes.contains(&logged.at)) {
        findings.add(Problem::Missed, format!("{owner}: {logged:?}"));
    }
    for at in &seen.changes {
        if log.binary_search_by_key(at, |logged| logged.at).is_err() {
            findings.add(Problem::Vanished, format!("{owner}: {at}"));
        }
    }
    for at in &seen.ahead_of_clock {
        findings.add(Problem::ClockBehind, format!("{owner}: a reader saw {at} ahead of the clock"));
    }
}

/// Follows the tasks of an owner through the log. Each change has the state before it as its image, and has the effect of its
/// request. The last states are the rows.
fn replay<'a>(
    owner: &str,
    of_owner: &'a OwnerHistory,
    attempts: &Attempts<'a>,
    lists: Vec<(i64, &[(i64, i64)])>,
    changes: &mut Changes<'a>,
    findings: &mut Findings,
) {
    let begin = of_owner.row.as_ref().map_or(0, |row| row.begin);
    let (mut tasks, mut trash, mut clock) = (BTreeMap::<i64, State>::new(), BTreeMap::<i64, State>::new(), begin);
    // Every state of every task, by its version.
    let mut states = HashMap::<(i64, i64), State>::new();
    let mut lists = lists.into_iter().peekable();
    for (place, logged) in of_owner.log.iter().enumerate() {
        while let Some((state, list)) = lists.next_if(|(state, _)| *state < logged.at) {
            check_list(owner, state, list, &tasks, findings);
        }
        let Logged { at, task_id, kind, actor, before } = logged;
        if tasks.get(task_id) != before.as_ref() {
            findings.add(Problem::WrongImage, format!("{owner}: {logged:?} after {:?}", tasks.get(task_id)));
        }
        let attempt = actor.as_deref().and_then(|name| attempts.get(name));
        let Some(attempt) = attempt.filter(|attempt| attempt.request.owner == owner) else {
            findings.add(Problem::Unrequested, format!("{owner}: {logged:?}"));
            continue;
        };
        let request = attempt.request;
        let of_attempt = changes.entry(&request.name).or_default();
        let state_before = if request.action.id().is_some() {
            before.as_ref().map(|before| before.updated_at)
        } else {
            Some(clock).filter(|_| of_attempt.is_empty())
        };
        let holds = match (&request.action, &request.if_versions, state_before) {
            (Action::Merge(_, fields), Some(versions), Some(state)) => {
                let base = versions.first().and_then(|version| states.get(&(*task_id, *version)));
                let merges = |base| before.as_ref().is_some_and(|before| !fields.conflicts(base, before));
                versions.contains(&state) || base.is_some_and(merges)
            }
            (_, Some(versions), Some(state)) => versions.contains(&state),
            _ => true,
        };
        let is_named = request.action.id().is_none_or(|id| id == *task_id);
        let found = if let Action::Restore(_) = request.action { trash.get(task_id) } else { before.as_ref() };
        let after = request.action.apply(found, *at);
        if !holds || !is_named || request.action.kind() != Some(*kind) || after.is_err() {
            let text = format!("{owner}: {request:?}, {logged:?}, state {state_before:?}, {:?}", after.as_ref().err());
            findings.add(Problem::WrongEffect, text);
        }
        let after = after.ok().flatten();
        match &after {
            Some(after) => {
                states.insert((*task_id, *at), after.clone());
                tasks.insert(*task_id, after.clone());
            }
            None => trash.extend(tasks.remove(task_id).map(|task| (*task_id, task))),
        }
        of_attempt.push(Applied { logged, place, after });
        clock = *at;
        if tasks.len() > MAX_TASKS as usize {
            findings.add(Problem::WrongCount, format!("{owner} has {} tasks at {at}", tasks.len()));
        }
    }
    for (state, list) in lists {
        check_list(owner, state, list, &tasks, findings);
    }
    check_rows(owner, of_owner, &tasks, clock, findings);
}

/// The rows are the state at the end of the log.
fn check_rows(owner: &str, of_owner: &OwnerHistory, tasks: &BTreeMap<i64, State>, clock: i64, findings: &mut Findings) {
    for id in tasks.keys().chain(of_owner.tasks.keys().filter(|id| !tasks.contains_key(id))) {
        let (expected, row) = (tasks.get(id), of_owner.tasks.get(id));
        if expected != row {
            findings.add(Problem::WrongTask, format!("{owner}: {id} is {row:?} instead of {expected:?}"));
        }
    }
    let count = of_owner.row.as_ref().map_or(0, |row| row.tasks);
    if usize::try_from(count) != Ok(tasks.len()) {
        findings.add(Problem::WrongCount, format!("{owner}: {count} instead of {}", tasks.len()));
    }
    let last = of_owner.row.as_ref().map_or(0, |row| row.clock);
    if last < clock {
        findings.add(Problem::ClockBehind, format!("{owner}: {last} instead of {clock}"));
    }
}

/// A list is the state of the tasks at its state.
fn check_list(owner: &str, state: i64, list: &[(i64, i64)], tasks: &BTreeMap<i64, State>, findings: &mut Findings) {
    let listed: BTreeMap<i64, i64> = list.iter().copied().collect();
    let expected: BTreeMap<i64, i64> = tasks.iter().map(|(id, task)| (*id, task.updated_at)).collect();
    if listed != expected {
        findings.add(Problem::WrongList, format!("{owner} at {state}: {listed:?} instead of {expected:?}"));
    }
}

/// Each acknowledged write is exactly one change, each refused one none, and each other one at most one.
fn check_attempts(history: &History, attempts: &Attempts<'_>, changes: &Changes<'_>, findings: &mut Findings) {
    let erased_until = erased_until(attempts);
    let mut groups: HashMap<&str, usize> = HashMap::new();
    let states: HashMap<(i64, i64), Option<&State>> = changes
        .values()
        .flatten()
        .map(|applied| ((applied.logged.task_id, applied.logged.at), applied.after.as_ref()))
        .collect();
    for (name, attempt) in attempts {
        let Attempt { request, end, .. } = attempt;
        let done = changes.get(name).map_or(&[][..], Vec::as_slice);
        let is_of_many = matches!(request.action, Action::CompleteAll | Action::DeleteCompleted);
        if done.len() > 1 && !is_of_many {
            findings.add(Problem::Twice, format!("{request:?}: {} changes", done.len()));
        }
        if done.windows(2).any(|two| two[1].place != two[0].place + 1) {
            findings.add(Problem::Torn, format!("{request:?}"));
        }
        // An erasure erases keys too.
        let erased_until = erased_until.get(request.owner.as_str());
        let has_key = request.has_key && erased_until.is_none();
        // A merge finds its own change as one of others that wanted the same, so without a key it can be done again.
        let has_version = request.if_versions.is_some() && !matches!(request.action, Action::Merge(..));
        if (has_version || has_key) && !done.is_empty() {
            let of_group = groups.entry(&request.group).or_default();
            *of_group += 1;
            if *of_group > 1 {
                findings.add(Problem::Twice, format!("{request:?}: an earlier attempt was done too"));
            }
        }
        let is_erased = done.is_empty() && erased_until.is_some_and(|until| *until > attempt.sent);
        match end.map(|(_, outcome)| outcome) {
            Some(Outcome::Task(id, answer)) => match done {
                [Applied { logged, after, .. }] => {
                    let is_delete = matches!(request.action, Action::Delete(_));
                    let expected = if is_delete { logged.before.as_ref() } else { after.as_ref() };
                    if logged.task_id != *id || expected != Some(answer) {
                        let text = format!("{request:?}: {answer:?} instead of {expected:?}");
                        findings.add(Problem::WrongAnswer, text);
                    }
                }
                // The task existed, and the answer is a state that it had.
                [] if matches!(request.action, Action::Restore(_))
                    && states.get(&(*id, answer.updated_at)) == Some(&Some(answer)) =>
                {
                    findings.count("restorations of tasks that exist", 1);
                }
                [] => {
                    let log = history.owners.get(&request.owner).map_or(&[][..], |owner| owner.log.as_slice());
                    if !is_erased || log.iter().any(|logged| logged.task_id == *id) {
                        findings.add(Problem::Lost, format!("{request:?}"));
                    }
                }
                // Found above.
                _ => {}
            },
            Some(Outcome::Count(count)) if is_of_many && !is_erased && usize::try_from(*count) != Ok(done.len()) => {
                findings.add(Problem::Lost, format!("{request:?}: {} changes instead of {count}", done.len()));
            }
            Some(Outcome::Replayed(_)) if !done.is_empty() => {
                findings.add(Problem::Twice, format!("{request:?}: a replay was done too"));
            }
            Some(Outcome::Refused(reason)) if !done.is_empty() => {
                findings.add(Problem::DoneAlthoughRefused, format!("{request:?}: {reason}"));
            }
            Some(Outcome::Defect(reason)) => findings.add(Problem::Defect, format!("{request:?}: {reason}")),
            _ => {}
        }
    }
}

/// The answer to a repeated request is that of the attempt of its group that was done. Owners whose data was erased are left out:
/// of their writes only the answers may be left.
fn check_replays(attempts: &Attempts<'_>, changes: &Changes<'_>, findings: &mut Findings) {
    let erased_until = erased_until(attempts);
    let mut answers: HashMap<&str, Outcome> = HashMap::new();
    for (name, done) in changes {
        let request = attempts[name].request;
        let answer = match (&request.action, done.as_slice()) {
            (Action::CompleteAll | Action::DeleteCompleted, done) => Some(Outcome::Count(done.len() as u64)),
            (Action::Delete(_), [one]) => one.logged.before.clone().map(|task| Outcome::Task(one.logged.task_id, task)),
            (_, [one]) => one.after.clone().map(|task| Outcome::Task(one.logged.task_id, task)),
            _ => None,
        };
        answers.extend(answer.map(|answer| (request.group.as_str(), answer)));
    }
    for Attempt { request, end, .. } in attempts.values() {
        let Some((_, Outcome::Replayed(replay))) = end else { continue };
        if erased_until.contains_key(request.owner.as_str()) {
            continue;
        }
        let expected = answers.get(request.group.as_str());
        if expected != Some(&**replay) {
            findings.add(Problem::WrongReplay, format!("{request:?}: {replay:?} instead of {expected:?}"));
        }
    }
}

/// The time until which data of each owner may have been erased, if any was.
fn erased_until<'a>(attempts: &Attempts<'a>) -> HashMap<&'a str, i128> {
    let mut until = HashMap::new();
    for erasure in attempts.values().filter(|attempt| attempt.request.action == Action::Erase) {
        let until = until.entry(erasure.request.owner.as_str()).or_insert(i128::MIN);
        *until = erasure.is_over_at().unwrap_or(i128::MAX).max(*until);
    }
    until
}

/// Nothing that had ended when an erasure began is left after it.
fn check_erasures(attempts: &Attempts<'_>, changes: &Changes<'_>, findings: &mut Findings) {
    let erasures = attempts.values().filter(|attempt| attempt.request.action == Action::Erase && is_done(attempt));
    let mut last: HashMap<&str, i128> = HashMap::new();
    for erasure in erasures {
        let sent = last.entry(&erasure.request.owner).or_insert(erasure.sent);
        *sent = erasure.sent.max(*sent);
        findings.count("erasures", 1);
    }
    for name in changes.keys() {
        let attempt = &attempts[name];
        let erased = last.get(attempt.request.owner.as_str());
        if let (Some(end), Some(erased)) = (attempt.is_over_at(), erased)
            && end < *erased
        {
            findings.add(Problem::NotErased, format!("{:?}", attempt.request));
        }
    }
}

/// A write that begins after another of the same owner has ended has the larger number, also if the clocks of their servers
/// differ, and if the data was erased in between. Of an erased write only the answer is left. The answers to a delete and to a
/// restoration can have an earlier number.
fn check_order(history: &History, attempts: &Attempts<'_>, changes: &Changes<'_>, findings: &mut Findings) {
    let numbers = |name: &str| {
        let attempt = &attempts[name];
        let answer = match attempt.end {
            Some((_, Outcome::Task(_, state)))
                if !matches!(attempt.request.action, Action::Delete(_) | Action::Restore(_)) =>
            {
                Some(state.updated_at)
            }
            _ => None,
        };
        let logged = changes.get(name).into_iter().flatten().map(|applied| applied.logged.at);
        logged.chain(answer)
    };
    let (mut last, mut begun): (HashMap<&str, i64>, HashMap<&str, i64>) = Default::default();
    for entry in &history.entries {
        match &entry.event {
            Event::Sent(request) => {
                begun.insert(&request.name, last.get(request.owner.as_str()).copied().unwrap_or_default());
            }
            Event::Ended(name, _) => {
                let last = last.entry(&attempts[name.as_str()].request.owner).or_default();
                *last = numbers(name).max().unwrap_or_default().max(*last);
            }
            Event::Listed(..) | Event::Followed(..) | Event::Rewrote(_) => {}
        }
    }
    for (name, after) in begun {
        if numbers(name).min().is_some_and(|first| first <= after) {
            findings.add(Problem::OutOfOrder, format!("{name} is not after {after}"));
        }
    }
}
