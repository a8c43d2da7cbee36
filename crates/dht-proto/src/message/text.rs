//! Texts for people inside messages: bounded, and cut between characters.

/// The longest start of `text` that has at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// `text` as it may be shown: whatever moves a cursor or changes a colour is left out.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, plain};

    #[test]
    fn a_text_of_another_node_cannot_play_with_a_terminal() {
        assert_eq!(plain("no\u{1b}[2J\r\n way\u{7f}\u{9b}31m é"), "no[2J way31m é");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("exact", 5), "exact");
        assert_eq!(cut("longer", 3), "lon");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("é", 1), "");
        assert_eq!(cut("", 0), "");
    }
}
