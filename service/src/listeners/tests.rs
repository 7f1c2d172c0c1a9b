#![expect(clippy::disallowed_methods, reason = "a test makes its callers")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::*;

fn caller(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_hours(1)
}

fn listeners() -> Arc<Listeners> {
    Arc::new(Listeners::new(None))
}

fn enter(listeners: &Arc<Listeners>) -> Seat {
    listeners.enter(&caller("alice"), later()).unwrap()
}

/// A part with changes of these numbers, each of which is a character.
fn part(numbers: &[i64]) -> Part {
    let bytes: String =
        numbers.iter().map(|number| char::from_digit(u32::try_from(*number).unwrap(), 10).unwrap()).collect();
    Part { bytes: bytes.into(), starts: numbers.iter().copied().zip(0..).collect() }
}

/// What waits for a listener, as text.
async fn waiting(seat: &Seat) -> String {
    let mut all = String::new();
    loop {
        let mut next = pin!(seat.next());
        match poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await {
            Poll::Pending => return all,
            Poll::Ready(Delivery::Changes(text)) => all.push_str(str::from_utf8(&text).unwrap()),
            Poll::Ready(Delivery::Beat) => all.push('.'),
            Poll::Ready(Delivery::End(reason)) => return format!("{all} {reason:?}"),
        }
    }
}

#[tokio::test]
async fn a_listener_that_is_ahead_of_the_others_gets_only_what_is_after_its_number() {
    let (listeners, alice) = (listeners(), caller("alice"));
    let (first, second) = (enter(&listeners), enter(&listeners));
    assert!(first.join(2) && second.join(5));
    assert_eq!(listeners.deliver(alice.user_id(), (2, 4), &part(&[3, 4])), Pace::Free);
    listeners.deliver(alice.user_id(), (4, 7), &part(&[5, 6, 7]));
    assert_eq!((waiting(&first).await, waiting(&second).await), ("34567".to_owned(), "67".to_owned()));
}

#[tokio::test]
async fn a_listener_that_is_behind_the_others_does_not_join() {
    let listeners = listeners();
    let (first, second) = (enter(&listeners), enter(&listeners));
    assert!(first.join(5));
    assert!(!second.join(4));
    assert!(second.join(5));
    // The position of listeners who have gone does not count.
    drop((first, second));
    let waits = enter(&listeners);
    let third = enter(&listeners);
    assert!(third.join(3));
    drop(third);
    assert!(waits.join(2));
}

#[tokio::test]
async fn changes_from_another_position_are_not_delivered() {
    let (listeners, alice) = (listeners(), caller("alice"));
    let seat = enter(&listeners);
    assert!(seat.join(5));
    for from in [3, 6] {
        listeners.deliver(alice.user_id(), (from, 9), &part(&[7, 8, 9]));
        listeners.resync(alice.user_id(), from);
    }
    assert_eq!(waiting(&seat).await, "");
    listeners.resync(alice.user_id(), 5);
    assert_eq!(waiting(&seat).await, " Resync");
}

#[tokio::test]
async fn a_write_between_the_place_and_the_join_is_read() {
    let (listeners, alice) = (listeners(), caller("alice"));
    let seat = enter(&listeners);
    listeners.wrote([alice.user_id()].into_iter());
    assert!(listeners.next_moved(9).is_empty(), "there is no position yet");
    assert!(seat.join(5));
    assert_eq!(listeners.next_moved(9), [(alice.clone(), 5)]);
    // While it is being read, a write is remembered.
    listeners.wrote([alice.user_id()].into_iter());
    assert!(listeners.next_moved(9).is_empty());
    listeners.was_read(alice.user_id(), Pace::AtEnd);
    assert_eq!(listeners.next_moved(9), [(alice.clone(), 5)]);
    listeners.was_read(alice.user_id(), Pace::AtEnd);
    assert!(listeners.next_moved(9).is_empty());
    // A read that has failed is repeated, at the next second.
    listeners.wrote([alice.user_id()].into_iter());
    listeners.next_moved(9);
    listeners.was_read(alice.user_id(), Pace::Later);
    assert!(listeners.next_moved(9).is_empty());
    assert!(listeners.each_second(SystemTime::now()).is_empty());
    assert_eq!(listeners.next_moved(9), [(alice, 5)]);
}

#[tokio::test]
async fn each_listener_gets_one_beat_in_15_seconds_and_not_all_get_it_in_the_same_one() {
    let listeners = listeners();
    let seats: Vec<Seat> = (0..5).map(|_| enter(&listeners)).collect();
    let mut most = 0;
    let mut beats = vec![0; seats.len()];
    for _ in 0..30 {
        listeners.each_second(SystemTime::now());
        let mut of_second = 0;
        for (seat, beats) in seats.iter().zip(&mut beats) {
            let dots = waiting(seat).await.len();
            *beats += dots;
            of_second += dots;
        }
        most = most.max(of_second);
    }
    assert_eq!((beats, most), (vec![2; 5], 1));
}

#[tokio::test]
async fn a_listener_ends_with_its_token_and_all_end_with_the_server() {
    let listeners = listeners();
    let now = SystemTime::now();
    let early = listeners.enter(&caller("alice"), now + Duration::from_secs(5)).unwrap();
    let late = enter(&listeners);
    assert!(early.join(1) && late.join(1));
    listeners.each_second(now + Duration::from_secs(4));
    assert_eq!(early.ended(), None);
    listeners.each_second(now + Duration::from_secs(5));
    assert_eq!((waiting(&early).await, late.ended()), (" Expired".to_owned(), None));
    listeners.stop();
    assert_eq!(waiting(&late).await, " Stopping");
    assert_eq!(listeners.enter(&caller("bob"), later()).unwrap_err(), NoPlace::Stopping);
    assert_eq!((listeners.ended(End::Expired), listeners.ended(End::Stopping), listeners.count()), (1, 1, 2));
    drop((early, late));
    assert_eq!(listeners.count(), 0);
}

#[tokio::test]
async fn of_the_listeners_of_an_owner_only_the_slow_one_is_ended() {
    let (listeners, alice) = (listeners(), caller("alice"));
    let (slow, quick) = (enter(&listeners), enter(&listeners));
    assert!(slow.join(0) && quick.join(0));
    let mut paces = Vec::new();
    for number in 1..=17 {
        let part = Part { bytes: "x".into(), starts: vec![(number, 0)] };
        paces.push(listeners.deliver(alice.user_id(), (number - 1, number), &part));
        assert_eq!(waiting(&quick).await, "x");
    }
    assert_eq!(paces.iter().position(|pace| *pace == Pace::Pause), Some(7), "half of 16");
    assert_eq!(paces[16], Pace::Free, "the one that has ended is not waited for");
    assert_eq!(waiting(&slow).await, " Slow", "what waited is not kept");
    assert_eq!(listeners.ended(End::Slow), 1);
}
