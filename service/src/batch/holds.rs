use std::collections::hash_map::{Entry, OccupiedEntry};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use super::lock;

/// The function that is called when a key is free for which a queue waits.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// The keys that are in flight in this process. Of all queues that share this value, one batch at a time has a key.
pub(crate) struct Holds<K: Key>(Mutex<HashMap<K, Waiting<K>>>);

/// The queues and the tasks that wait for a held key.
struct Waiting<K: Key> {
    queues: Vec<(usize, Wake)>,
    tasks: VecDeque<oneshot::Sender<Held<K>>>,
}

/// What can be held.
pub(crate) trait Key: Eq + Hash + Clone + Send + 'static {}

impl<K: Eq + Hash + Clone + Send + 'static> Key for K {}

impl<K: Key> Default for Waiting<K> {
    fn default() -> Self {
        Self { queues: Vec::new(), tasks: VecDeque::new() }
    }
}

impl<K: Key> Default for Holds<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Key> fmt::Debug for Holds<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Holds").field("held", &lock(&self.0).len()).finish()
    }
}

impl<K: Key> Holds<K> {
    /// Begins to take keys for a batch.
    pub(super) fn taking(&self) -> Taking<'_, K> {
        Taking(lock(&self.0))
    }

    /// Frees keys. A task that waits for a key gets it at once. Otherwise the queues that wait for it look again.
    pub(super) fn release(self: &Arc<Self>, keys: impl IntoIterator<Item = K>) {
        let mut queues: Vec<(usize, Wake)> = Vec::new();
        {
            let mut held = lock(&self.0);
            for key in keys {
                let Entry::Occupied(mut entry) = held.entry(key) else { continue };
                if self.pass_on(&mut entry) {
                    continue;
                }
                for (number, wake) in entry.remove().queues {
                    if queues.iter().all(|(other, _)| *other != number) {
                        queues.push((number, wake));
                    }
                }
            }
        }
        for (_, wake) in queues {
            wake();
        }
    }

    /// Gives a held key to the first task that still waits for it.
    fn pass_on(self: &Arc<Self>, entry: &mut OccupiedEntry<'_, K, Waiting<K>>) -> bool {
        while let Some(task) = entry.get_mut().tasks.pop_front() {
            let held = Held { holds: Arc::clone(self), key: Some(entry.key().clone()) };
            let Err(mut unwanted) = task.send(held) else { return true };
            // Without its key it frees nothing when it is dropped.
            unwanted.key = None;
        }
        false
    }

    /// Waits until the key is free, and takes it.
    pub(crate) async fn hold(self: &Arc<Self>, key: K) -> Held<K> {
        loop {
            let passed_on = {
                let mut held = lock(&self.0);
                match held.entry(key.clone()) {
                    Entry::Vacant(free) => {
                        free.insert(Waiting::default());
                        return Held { holds: Arc::clone(self), key: Some(key) };
                    }
                    Entry::Occupied(mut entry) => {
                        let (sender, receiver) = oneshot::channel();
                        entry.get_mut().tasks.push_back(sender);
                        receiver
                    }
                }
            };
            if let Ok(held) = passed_on.await {
                return held;
            }
        }
    }
}

/// Takes keys for one batch.
pub(super) struct Taking<'a, K: Key>(MutexGuard<'a, HashMap<K, Waiting<K>>>);

impl<K: Key> Taking<'_, K> {
    /// Takes a key, if it is free. Otherwise the queue with this number is woken by `wake` when it is free.
    pub(super) fn take(&mut self, key: &K, queue: usize, wake: impl FnOnce() -> Wake) -> bool {
        match self.0.entry(key.clone()) {
            Entry::Vacant(free) => {
                free.insert(Waiting::default());
                true
            }
            Entry::Occupied(mut held) => {
                let queues = &mut held.get_mut().queues;
                if queues.iter().all(|(number, _)| *number != queue) {
                    queues.push((queue, wake()));
                }
                false
            }
        }
    }
}

/// A key that a task holds. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Key> {
    holds: Arc<Holds<K>>,
    key: Option<K>,
}

impl<K: Key> Drop for Held<K> {
    fn drop(&mut self) {
        if let Some(key) = take(&mut self.key) {
            self.holds.release([key]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    fn takes(holds: &Holds<u8>, key: u8, woken: &Arc<AtomicUsize>) -> bool {
        let woken = Arc::clone(woken);
        holds.taking().take(&key, 1, || Arc::new(move || _ = woken.fetch_add(1, Ordering::Relaxed)))
    }

    async fn waits(future: &mut (impl Future + Unpin)) -> bool {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_held_key_is_refused_and_its_release_wakes_the_queue_once() {
        let (holds, woken) = (Arc::<Holds<u8>>::default(), Arc::default());
        assert!(takes(&holds, 1, &woken) && takes(&holds, 2, &woken));
        assert!(!takes(&holds, 1, &woken) && !takes(&holds, 1, &woken) && !takes(&holds, 2, &woken));
        holds.release([1, 2]);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(takes(&holds, 1, &woken));
    }

    #[tokio::test]
    async fn a_released_key_passes_to_the_next_task_that_still_waits_for_it() {
        let (holds, woken) = (Arc::<Holds<u8>>::default(), Arc::default());
        let first = holds.hold(1).await;
        let mut abandoned = Box::pin(holds.hold(1));
        assert!(waits(&mut abandoned).await);
        let mut second = Box::pin(holds.hold(1));
        assert!(waits(&mut second).await);
        drop(abandoned);
        drop(first);
        assert!(!takes(&holds, 1, &woken), "it belongs to the task that waits");
        drop(second.await);
        assert!(takes(&holds, 1, &woken));
    }
}
