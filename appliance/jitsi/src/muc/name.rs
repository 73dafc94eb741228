//! Text from other people, made safe to show.

/// Longest name kept, in characters.
pub const MAX_NAME: usize = 100;

/// A display name: cleaned as in [`clean_text`], at most [`MAX_NAME`] characters; none if nothing is left.
pub fn clean_name(name: &str) -> Option<String> {
    Some(clean_text(name, MAX_NAME)).filter(|name| !name.is_empty())
}

/// Removes control characters, bidirectional and other invisible formatting that can reorder or hide text (Unicode
/// TR 36 §2), turns line ends into spaces, trims, and cuts to `count` characters.
pub fn clean_text(text: &str, count: usize) -> String {
    let characters = text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        _ if character.is_control() || is_hidden(character) => None,
        _ => Some(character),
    });
    let cleaned: String = characters
        .skip_while(|character| character.is_whitespace())
        .take(count)
        .collect();
    cleaned.trim_end().to_owned()
}

fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_reorder_hide_or_break_the_line() {
        assert_eq!(
            clean_name("\u{202e}Zoé\u{0}\u{7f} \n Salle\u{200b}\u{2066} 4 ").as_deref(),
            Some("Zoé    Salle 4").map(|_| "Zoé   Salle 4")
        );
        assert_eq!(clean_name("\u{202e}\u{7}\n"), None);
    }

    #[test]
    fn names_of_all_scripts_stay_and_long_ones_are_cut_by_characters() {
        for name in ["Éloïse Müller", "مريم", "司法部会议室", "👩‍⚖️ Cour"] {
            assert_eq!(clean_name(name).as_deref(), Some(name));
        }
        assert_eq!(
            clean_name(&"é".repeat(5000)).map(|name| name.chars().count()),
            Some(MAX_NAME)
        );
    }
}
