//! A way to break each promise in a history that keeps all of them.

use std::collections::HashSet;

use crate::client::{ERASED, KEPT};
use crate::findings::Problem;
use crate::history::{History, Logged, OwnerHistory};
use crate::journal::{Entry, Event, Outcome, Request};
use crate::state::Action;

type Tamper = fn(&mut History);

/// Each problem, and a change of the history after which it must be found.
pub(crate) fn all() -> [(Problem, Tamper); 19] {
    [
        (Problem::Lost, |history| {
            let name = acknowledged(history);
            owner(history).log.retain(|logged| logged.actor.as_ref() != Some(&name));
        }),
        (Problem::Twice, |history| {
            let name = acknowledged(history);
            owner(history).log.last_mut().unwrap().actor = Some(name.clone());
            owner(history).log.first_mut().unwrap().actor = Some(name);
        }),
        (Problem::WrongReplay, |history| {
            let erased: HashSet<String> = history
                .entries
                .iter()
                .filter_map(|entry| match &entry.event {
                    Event::Sent(request) if ERASED.contains(&request.owner.as_str()) => Some(request.name.clone()),
                    _ => None,
                })
                .collect();
            let replay = history.entries.iter_mut().find_map(|entry| match &mut entry.event {
                Event::Ended(name, Outcome::Replayed(replay)) if !erased.contains(name) => Some(replay),
                _ => None,
            });
            **replay.unwrap() = Outcome::Count(1_000_000);
        }),
        (Problem::DoneAlthoughRefused, |history| {
            *outcome_of_done(history) = Outcome::Refused("it was changed since".to_owned());
        }),
        (Problem::Unrequested, |history| first(history).actor = None),
        (Problem::WrongAnswer, |history| {
            if let Outcome::Task(_, state) = outcome_of_done(history) {
                state.priority += 1;
            }
        }),
        (Problem::Torn, |history| {
            let log = &mut owner(history).log;
            let name = log.first().unwrap().actor.clone();
            log.last_mut().unwrap().actor = name;
        }),
        (Problem::WrongEffect, |history| {
            let name = acknowledged(history);
            request(history, &name).action = Action::Delete(0);
        }),
        (Problem::WrongImage, |history| {
            let images = owner(history).log.iter_mut().filter_map(|logged| logged.before.as_mut());
            images.last().unwrap().description = Some("another".to_owned());
        }),
        (Problem::WrongTask, |history| owner(history).tasks.values_mut().for_each(|task| task.completed_at = Some(1))),
        (Problem::WrongCount, |history| owner(history).row.as_mut().unwrap().tasks += 1),
        (Problem::ClockBehind, |history| owner(history).row.as_mut().unwrap().clock -= 1),
        (Problem::OutOfOrder, |history| {
            let (name, late) = (first(history).actor.clone().unwrap(), history.entries.last().unwrap().time + 1);
            let request = request(history, &name).clone();
            history.entries.push(Entry { time: late, event: Event::Sent(request) });
        }),
        (Problem::WrongList, |history| {
            for entry in &mut history.entries {
                if let Event::Listed(_, _, tasks) = &mut entry.event {
                    tasks.push((1_000_000, 1));
                }
            }
        }),
        (Problem::NotErased, |history| {
            let late = history.entries.last().unwrap().time + 1;
            let erasure = Request {
                name: "erasure".to_owned(),
                group: String::new(),
                owner: KEPT[0].to_owned(),
                action: Action::Erase,
                if_versions: None,
                has_key: false,
            };
            let ended = Event::Ended(erasure.name.clone(), Outcome::Count(0));
            let events = [Event::Sent(erasure), ended];
            history.entries.extend(events.map(|event| Entry { time: late, event }));
        }),
        (Problem::Missed, |history| _ = owner(history).seen.changes.pop_first()),
        (Problem::Vanished, |history| _ = owner(history).seen.changes.insert(1)),
        (Problem::Deadlock, |history| history.deadlocks = 1),
        (Problem::Defect, |history| *outcome_of_done(history) = Outcome::Defect(String::new())),
    ]
}

fn owner(history: &mut History) -> &mut OwnerHistory {
    history.owners.get_mut(KEPT[0]).unwrap()
}

fn first(history: &mut History) -> &mut Logged {
    owner(history).log.first_mut().unwrap()
}

/// The name of the last acknowledged attempt of the owner that wrote one task.
fn acknowledged(history: &mut History) -> String {
    let names: Vec<String> = owner(history).log.iter().filter_map(|logged| logged.actor.clone()).collect();
    let mut ended = history.entries.iter().rev().filter_map(|entry| match &entry.event {
        Event::Ended(name, Outcome::Task(..)) => Some(name),
        _ => None,
    });
    ended.find(|name| names.contains(name)).cloned().unwrap()
}

fn outcome_of_done(history: &mut History) -> &mut Outcome {
    let name = acknowledged(history);
    let outcome = history.entries.iter_mut().find_map(|entry| match &mut entry.event {
        Event::Ended(of, outcome) if *of == name => Some(outcome),
        _ => None,
    });
    outcome.unwrap()
}

fn request<'a>(history: &'a mut History, name: &str) -> &'a mut Request {
    let request = history.entries.iter_mut().find_map(|entry| match &mut entry.event {
        Event::Sent(request) if request.name == name => Some(request),
        _ => None,
    });
    request.unwrap()
}
