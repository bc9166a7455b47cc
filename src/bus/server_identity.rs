//! Which server answers at an address, and whether that is still the one of before: the one place where that is judged.

/// What a server says of itself and of one connection to it, at the greeting.
///
/// What a server does not tell is not known, and what is not known is no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerIdentity {
    /// `CLIENT ID` of the connection, unless that is forbidden.
    pub client_id: Option<i64>,
    /// `run_id` of the server, unless INFO is forbidden: changes with every start of it.
    pub run_id: Option<String>,
    /// `master` or `slave`, unless INFO and ROLE are forbidden.
    pub role: Option<String>,
    /// Subscriptions of the connection.
    pub count: u64,
}

impl ServerIdentity {
    /// Whether `now` is another server than this was, or the same in another role.
    pub fn is_other(&self, now: &ServerIdentity) -> bool {
        self.is_other_process(now) || differ(&self.role, &now.role)
    }

    /// Whether `now` is another server process than this was, whatever the role of either.
    pub fn is_other_process(&self, now: &ServerIdentity) -> bool {
        differ(&self.run_id, &now.run_id)
    }

    /// Whether it did not say who it is: then each new connection may lead to another.
    pub fn is_anonymous(&self) -> bool {
        self.run_id.is_none()
    }
}

fn differ(before: &Option<String>, now: &Option<String>) -> bool {
    let both = before.as_ref().zip(now.as_ref());
    both.is_some_and(|(before, now)| before != now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(run_id: Option<&str>, role: Option<&str>) -> ServerIdentity {
        ServerIdentity {
            run_id: run_id.map(str::to_owned),
            role: role.map(str::to_owned),
            ..ServerIdentity::default()
        }
    }

    #[test]
    fn another_run_or_role_is_another_server_and_what_is_not_known_is_no_difference() {
        let all = [None, Some("a"), Some("b")];
        for (run, role) in all.iter().flat_map(|run| all.map(|role| (*run, role))) {
            for (run_now, role_now) in all.iter().flat_map(|run| all.map(|role| (*run, role))) {
                let (before, now) = (server(run, role), server(run_now, role_now));
                let known = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
                let is_other_process = known(run, run_now);
                assert_eq!(before.is_other_process(&now), is_other_process);
                assert_eq!(
                    before.is_other(&now),
                    is_other_process || known(role, role_now)
                );
                assert_eq!(before.is_other(&now), now.is_other(&before));
            }
            assert_eq!(server(run, role).is_anonymous(), run.is_none());
        }
    }
}
