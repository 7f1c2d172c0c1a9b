/// A set of numbers from -366 to 366, as the BY parts of a rule have them. A look-up takes the same time for every rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    bits: [u64; 12],
    is_some: bool,
}

impl Numbers {
    /// Adds a number. One that is out of range is left out.
    pub(super) fn insert(&mut self, number: i32) {
        let (word, bit) = place(number);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
            self.is_some = true;
        }
    }

    /// Whether the set has this number.
    pub(super) fn contains(&self, number: i32) -> bool {
        let (word, bit) = place(number);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether the set has this position of `length`: `position` counts from 1, and negative numbers of the set count from the
    /// end.
    pub(super) fn has_position(&self, position: i32, length: i32) -> bool {
        self.contains(position) || self.contains(position - length - 1)
    }

    /// Whether there is no number.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_some
    }
}

impl FromIterator<i32> for Numbers {
    fn from_iter<I: IntoIterator<Item = i32>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

fn place(number: i32) -> (usize, u64) {
    let index = usize::try_from(number.saturating_add(384)).unwrap_or(usize::MAX);
    (index / 64, 1 << (index % 64))
}
