//! What a migration must know and may never write down. Handed to the engine in memory only.

use super::passwords::Passwords;
use super::secret::Secret;
use std::collections::BTreeMap;

/// The length of the random part of a placeholder password, in letters.
const PLACEHOLDER_LETTERS: usize = 16;

/// Every secret of one migration. It has no `Serialize`, so that no journal or plan can hold it by accident.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub source: Passwords,
    pub target: Passwords,
    /// Passwords that the operator named for roles whose hashes cannot be read.
    pub role_passwords: BTreeMap<String, Secret>,
    pub placeholder_key: PlaceholderKey,
}

/// Random bytes from which the placeholder passwords of one run follow.
///
/// The engine sets a placeholder and the face may have to show it. Deriving both from a key that the face made
/// means that no placeholder ever travels through the journal between them.
#[derive(Clone)]
pub struct PlaceholderKey(pub [u8; 32]);

impl std::fmt::Debug for PlaceholderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<hidden>")
    }
}

impl PlaceholderKey {
    /// `placeholder_` and 16 lower-case letters, unpredictable without the key and different for each role.
    pub fn password_for(&self, role: &str) -> Secret {
        let mut letters = String::from("placeholder_");
        let mut counter = 0u32;
        let wanted = letters.len() + PLACEHOLDER_LETTERS;
        while letters.len() < wanted {
            let mut input = self.0.to_vec();
            input.extend_from_slice(&counter.to_be_bytes());
            input.extend_from_slice(role.as_bytes());
            // 234 = 9 * 26: bytes beyond it are passed over, so that no letter is likelier than another.
            for byte in openssl::sha::sha256(&input) {
                if byte < 234 && letters.len() < wanted {
                    letters.push(char::from(b'a' + byte % 26));
                }
            }
            counter += 1;
        }
        Secret::new(letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_stable_distinct_and_well_formed() {
        let key = PlaceholderKey([7; 32]);
        let a = key.password_for("app");
        assert_eq!(a.expose(), key.password_for("app").expose());
        assert_ne!(a.expose(), key.password_for("app2").expose());
        assert_eq!(a.expose().len(), "placeholder_".len() + 16);
        assert!(a.expose()["placeholder_".len()..].chars().all(|c| c.is_ascii_lowercase()));
        assert_eq!(format!("{key:?}"), "<hidden>");
    }
}
