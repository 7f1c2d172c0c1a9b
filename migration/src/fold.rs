use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// A text as it is searched and sorted by: without case (Unicode's full case folding) and without accents, in every script,
/// decomposed (NFD). Texts that fold to the same are the same to who looks for one.
///
/// It is computed here and stored, since the two databases know neither the same letters nor the same order. The columns
/// `title_folded` and `description_folded` hold it; to change what it does, write a migration that computes them anew.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = fold_case(text);
    folded.chars().filter(|c| !is_accent(*c)).map(without_stroke).collect()
}

/// A text without case (Unicode's full case folding), decomposed (NFD): a canonical caseless match is equality of these
/// (The Unicode Standard, section 3.13, D145).
#[must_use]
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let decomposed = nfd.normalize(text);
    let folded = CaseMapper::new().fold_string(&decomposed);
    nfd.normalize(&folded).into_owned()
}

/// Marks that change how a letter is said: accents, Hebrew and Arabic points, nuktas, the voicing of kana, tones. Vowel signs
/// and viramas, which make another word, are none. Told apart by their canonical combining class (UAX #44, table 15).
fn is_accent(c: char) -> bool {
    match CanonicalCombiningClassMapBorrowed::new().get_u8(c) {
        // Not reordered; viramas; vowel signs of Telugu, Thai, Lao and Tibetan.
        0 | 9 | 84 | 91 | 103 | 118 | 129..=132 => false,
        _ => true,
    }
}

/// Letters whose accent is a part of their shape, so that it does not decompose; the dotless i stands for both of its cases.
fn without_stroke(c: char) -> char {
    match c {
        'ı' => 'i',
        'ø' => 'o',
        'đ' => 'd',
        'ł' => 'l',
        'ħ' => 'h',
        'ŧ' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count_in_any_script() {
        for (one, other) in [
            ("Crème BRÛLÉE", "creme brulee"),
            ("Straße", "STRASSE"),
            ("e\u{301}", "É"),
            ("Łódź", "lodz"),
            ("ΆΛΦΑ Σίσυφος", "αλφα σισυφοσ"),
            ("Ёлка", "елка"),
            ("ISPARTA", "ısparta"),
            ("İstanbul", "istanbul"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("ガラス", "カラス"),
            ("Việt Nam", "viet nam"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn what_makes_another_word_counts() {
        for (one, other) in [("कि", "क"), ("กุ", "ก"), ("क्ष", "कष"), ("ae", "æ"), ("a b", "ab"), ("나", "너")]
        {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for c in char::MIN..=char::MAX {
            let folded = fold(&c.to_string());
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    /// What is stored was folded so. Where this fails, newer tables of Unicode fold some letters otherwise: a migration has to
    /// fold what is stored anew, then this number may change.
    #[test]
    fn every_letter_is_folded_as_it_always_was() {
        // FNV-1a.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for c in char::MIN..=char::MAX {
            for byte in fold(&c.to_string()).bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        assert_eq!(hash, 12_719_154_813_907_075_005);
    }

    #[test]
    fn folding_case_keeps_the_accents() {
        assert_eq!(fold_case("É"), "e\u{301}");
        assert_eq!(fold_case("ﬀ"), fold_case("FF"));
        assert_ne!(fold_case("é"), fold_case("e"));
    }
}
