use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// Returns a text in the form for search and sort: without case (Unicode's full case folding), without accents, in every script, and
/// decomposed (NFD). A search finds every text with the same folded form.
///
/// The folded form is computed here and stored, because the two databases support neither the same letters nor the same order. It is in the
/// columns `title_folded` and `description_folded`. A change of this function needs a migration that computes these columns again.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = fold_case(text);
    folded.chars().filter(|c| !is_accent(*c)).map(without_stroke).collect()
}

/// Returns a text without case (Unicode's full case folding), decomposed (NFD). Two texts are a canonical caseless match if these forms are
/// equal (The Unicode Standard, section 3.13, D145).
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

/// Whether this is a mark that changes the pronunciation of a letter: an accent, a Hebrew or Arabic point, a nukta, the voicing of kana, a
/// tone. Vowel signs and viramas are not, because they make another word. The canonical combining class decides (UAX #44, table 15).
fn is_accent(c: char) -> bool {
    match CanonicalCombiningClassMapBorrowed::new().get_u8(c) {
        // Class 0; viramas; vowel signs of Telugu, Thai, Lao and Tibetan.
        0 | 9 | 84 | 91 | 103 | 118 | 129..=132 => false,
        _ => true,
    }
}

/// Replaces letters whose accent is a part of their shape and does not decompose. The dotless i stands for both of its cases.
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

    /// The stored texts were folded with these tables of Unicode. If this test fails, newer tables fold some letters differently: write a
    /// migration that folds the stored texts again, then change this number.
    #[test]
    fn every_letter_is_folded_as_it_always_was() {
        // The hash FNV-1a.
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
