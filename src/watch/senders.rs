//! Where the beats of one name come from, as the server sees it: the reason of a `duplicate_instance`.
//!
//! Two swarms on one server, kept apart by their databases only, hear each other: channels know no databases. The
//! connections of our programs are called `svc:role`, so that the list of clients shows a sender in another one.

use std::time::Duration;

use crate::bus::{Address, Commands, Limits, info_field};
use crate::truth::DATABASE_REMEDY;

/// With more clients than this the list is not asked for: while Redis writes it, it does nothing else.
const CLIENTS_MAX: usize = 5000;
/// Each step of the question takes no longer.
const LIMIT: Duration = Duration::from_millis(300);

/// In words, that one who beats as `svc` is in another database than `address`. `None` when there is none, or when the
/// server does not let us ask.
pub fn elsewhere(address: &Address, svc: &str) -> Option<String> {
    let limits = Limits {
        connect: LIMIT,
        read: LIMIT,
    };
    let mut commands = Commands::new(address.clone(), "healer:look", limits);
    let info: String = commands
        .query(redis::cmd("INFO").arg("clients"))
        .inspect_err(|error| log::debug!("no look at who beats as {svc}: {error}"))
        .ok()?;
    let clients: usize = info_field(&info, "connected_clients")?.parse().ok()?;
    if clients > CLIENTS_MAX {
        log::debug!("no look at who beats as {svc}: {clients} clients are too many");
        return None;
    }
    let list: String = commands
        .query(redis::cmd("CLIENT").arg("LIST"))
        .inspect_err(|error| log::debug!("no look at who beats as {svc}: {error}"))
        .ok()?;
    let database = other_database(&list, svc, address.database())?;
    Some(format!(
        "one of the two is in database {database} of this server: {DATABASE_REMEDY}"
    ))
}

/// The database of a client called `svc:…` that is not in `ours`.
fn other_database(list: &str, svc: &str, ours: i64) -> Option<i64> {
    list.lines().find_map(|line| {
        let field = |name: &str| {
            let mut fields = line.split(' ');
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let is_sender = field("name")?
            .strip_prefix(svc)
            .is_some_and(|role| role.starts_with(':'));
        let database = field("db")?.parse().ok()?;
        (is_sender && database != ours).then_some(database)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_of_that_name_in_another_database_is_found_and_no_other_client() {
        let line = |name: &str, db: i64| {
            format!(
                "id=3 addr=127.0.0.1:5 laddr=127.0.0.1:6379 fd=8 name={name} age=1 db={db} sub=0"
            )
        };
        let list = |lines: &[String]| lines.join("\n");
        let ours = line("mesh:beat", 0);
        let others = [line("meshes:beat", 1), line("", 2), line("mesh", 3)];
        let mut all = vec![ours];
        all.extend(others);
        assert_eq!(other_database(&list(&all), "mesh", 0), None);
        all.push(line("mesh:beat", 1));
        assert_eq!(other_database(&list(&all), "mesh", 0), Some(1));
        assert_eq!(other_database("ERR unknown command", "mesh", 0), None);
    }
}
