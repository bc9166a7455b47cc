//! What there is to look at besides services and incidents. Pure.

/// What a working service keeps, or those who tell people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Feeds,
    Market,
    Analysis,
    Mesh,
    Truth,
    Notify,
}

impl Topic {
    /// All, in the order in which pages name them.
    pub const ALL: [Topic; 6] = [
        Topic::Feeds,
        Topic::Market,
        Topic::Analysis,
        Topic::Mesh,
        Topic::Truth,
        Topic::Notify,
    ];

    /// Whether it lies on the bus that carries data, and not on the system bus.
    pub fn is_data(self) -> bool {
        matches!(self, Topic::Feeds | Topic::Market | Topic::Analysis)
    }

    /// Its word in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Feeds => "feeds",
            Topic::Market => "market",
            Topic::Analysis => "analysis",
            Topic::Mesh => "mesh",
            Topic::Truth => "truth",
            Topic::Notify => "notify",
        }
    }

    /// Its name on pages.
    pub fn title(self) -> &'static str {
        match self {
            Topic::Feeds => "Feeds",
            Topic::Market => "Market",
            Topic::Analysis => "Analysis",
            Topic::Mesh => "Mesh",
            Topic::Truth => "Truth",
            Topic::Notify => "Notify",
        }
    }

    /// The one with this word.
    pub fn of(word: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.as_str() == word)
    }
}
