//! Whatever id is accepted, every database gets names that no server cuts off and that lead back to it.

use pgpassage::model::names::{IdError, Mangle, ObjectKind, ObjectNames, check_id, parse};
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_id_that_is_accepted_has_room_in_every_name(
        id in "[a-z0-9_]{1,20}",
        database in prop_oneof!["[a-z0-9_]{1,63}", "\\PC{1,20}"],
        always in any::<bool>(),
    ) {
        let mangle = if always { Mangle::Always } else { Mangle::WhereNeeded };
        let names = ObjectNames::new(&id, &database, mangle);
        prop_assert_eq!(check_id(&id).is_ok(), names.is_some(), "{:?}", check_id(&id));
        for kind in ObjectKind::ALL {
            let Some(name) = names.as_ref().map(|names| names.of(kind)) else { continue };
            prop_assert!(name.len() <= 63, "{}", name);
            let read = parse(&name).unwrap();
            prop_assert_eq!((read.id, read.kind), (id.clone(), kind));
        }
    }

    #[test]
    fn an_id_is_refused_for_what_is_wrong_with_it(id in "\\PC{0,24}") {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_id = (1..=20).contains(&id.len()) && !id.starts_with('_') && id.chars().all(legal);
        let escaped = id.len() + id.matches('_').count();
        let expected = match (is_id, escaped <= 28) {
            (false, _) => Err(IdError::Illegal),
            (true, false) => Err(IdError::TooLong(escaped)),
            (true, true) => Ok(()),
        };
        prop_assert_eq!(check_id(&id), expected);
    }
}
