//! Ed25519 keys for which a signature can be made without a private key.
//!
//! The curve has eight points whose order divides 8. With one of them as the key, some signatures hold for every message. A
//! verifier need not refuse them (RFC 8032, section 5.1.7), and the library that checks signatures does not.
//!
//! Source of the values: Chalkias, Garillot, Nikolaenko: "Taming the many `EdDSAs`" (2020). The same list is in libsodium
//! (`ge25519_has_small_order`).

/// The length of a key in bytes.
const LENGTH: usize = 32;

/// The prime of the field, 2^255 - 19, in little-endian order.
const PRIME: [u8; LENGTH] = filled(0xed, 0xff, 0x7f);

/// The y coordinates of the points of small order, in little-endian order. A point and its negative share one.
const SMALL_ORDER: [[u8; LENGTH]; 5] = [
    // Order 4.
    filled(0, 0, 0),
    // Order 1: the neutral element.
    filled(1, 0, 0),
    // Order 2: -1.
    filled(0xec, 0xff, 0x7f),
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn filled(first: u8, middle: u8, last: u8) -> [u8; LENGTH] {
    let mut bytes = [middle; LENGTH];
    bytes[0] = first;
    bytes[LENGTH - 1] = last;
    bytes
}

/// Returns whether a key is fit for use: its y coordinate is below the prime (RFC 8032, section 5.1.3), which makes its encoding
/// the only one of its point, and it is not that of a point of small order.
pub(super) fn is_strong(key: &[u8]) -> bool {
    let Ok(mut y) = <[u8; LENGTH]>::try_from(key) else { return false };
    // The highest bit is the sign of x.
    y[LENGTH - 1] &= 0x7f;
    y.iter().rev().lt(PRIME.iter().rev()) && !SMALL_ORDER.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the key with the other sign of x.
    fn negated(mut key: [u8; LENGTH]) -> [u8; LENGTH] {
        key[LENGTH - 1] ^= 0x80;
        key
    }

    #[test]
    fn no_encoding_of_a_point_of_small_order_is_strong() {
        for key in SMALL_ORDER {
            assert!(!is_strong(&key) && !is_strong(&negated(key)), "{key:x?}");
        }
    }

    #[test]
    fn a_coordinate_that_is_not_below_the_prime_is_not_strong() {
        for first in 0xed..=0xff {
            let key = filled(first, 0xff, 0x7f);
            assert!(!is_strong(&key) && !is_strong(&negated(key)), "{key:x?}");
        }
        assert!(is_strong(&filled(0xeb, 0xff, 0x7f)) && is_strong(&filled(9, 0, 0)));
        assert!(!is_strong(&[9; 31]) && !is_strong(&[]));
    }
}
