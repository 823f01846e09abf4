use serde::{Deserialize, Serialize};

/// Where a case stands on its way through the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Opened; items may be missing.
    New,
    /// Every required item has an answer, or somebody said why not.
    DataComplete,
    /// On the agenda of a meeting.
    Scheduled,
    /// Talked about; the decision is not signed yet.
    Discussed,
    /// A signed decision exists.
    Decided,
    /// An outcome is known and the loop is closed.
    FollowedUp,
}

/// What makes a case move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A coordinator moves it.
    Hand,
    /// It is put on an agenda, or taken off.
    Agenda,
    /// A decision is signed.
    Signature,
}

impl CaseState {
    /// Every state, in the order of the lanes.
    pub const ALL: [Self; 6] =
        [Self::New, Self::DataComplete, Self::Scheduled, Self::Discussed, Self::Decided, Self::FollowedUp];

    /// The stable word of the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::DataComplete => "data_complete",
            Self::Scheduled => "scheduled",
            Self::Discussed => "discussed",
            Self::Decided => "decided",
            Self::FollowedUp => "followed_up",
        }
    }

    /// The words of a page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::DataComplete => "Data complete",
            Self::Scheduled => "Scheduled",
            Self::Discussed => "Discussed",
            Self::Decided => "Decided",
            Self::FollowedUp => "Followed up",
        }
    }

    /// The state of a stable word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// True once a signed decision exists.
    #[must_use]
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Decided | Self::FollowedUp)
    }

    /// What may bring a case from here to `to`; `None` when nothing may.
    ///
    /// Forward one step at a time; back only while nothing is signed.
    #[must_use]
    pub fn cause_of(self, to: Self) -> Option<Cause> {
        use CaseState::{DataComplete, Decided, Discussed, FollowedUp, New, Scheduled};
        match (self, to) {
            (New, DataComplete) | (DataComplete, New) | (Scheduled, Discussed) | (Decided, FollowedUp) => {
                Some(Cause::Hand)
            }
            (DataComplete, Scheduled) | (Scheduled | Discussed, DataComplete) => Some(Cause::Agenda),
            (Discussed, Decided) => Some(Cause::Signature),
            _ => None,
        }
    }

    /// The states that a coordinator may choose from here by hand, in the order of the lanes.
    #[must_use]
    pub fn by_hand(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|to| self.cause_of(*to) == Some(Cause::Hand)).collect()
    }
}

/// Whether a case needs a discussion or follows a standard path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A standard case, taken together with others.
    Standard,
    /// A case that needs time.
    Complex,
}

impl Complexity {
    /// The stable word of the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Complex => "complex",
        }
    }

    /// The words of a page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Complex => "Complex",
        }
    }

    /// The value of a stable word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Standard, Self::Complex].into_iter().find(|value| value.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_walks_forward_one_step_at_a_time() {
        for pair in CaseState::ALL.windows(2) {
            assert!(pair[0].cause_of(pair[1]).is_some(), "{pair:?}");
        }
        for (from, to) in [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4), (3, 5), (2, 5)] {
            assert_eq!(CaseState::ALL[from].cause_of(CaseState::ALL[to]), None, "{from} {to}");
        }
    }

    #[test]
    fn a_signed_case_never_goes_back() {
        for from in [CaseState::Decided, CaseState::FollowedUp] {
            for to in CaseState::ALL.into_iter().filter(|to| *to < from) {
                assert_eq!(from.cause_of(to), None, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn only_a_signature_decides() {
        for from in CaseState::ALL {
            assert!(!from.by_hand().contains(&CaseState::Decided), "{from:?}");
        }
        assert_eq!(CaseState::Discussed.cause_of(CaseState::Decided), Some(Cause::Signature));
    }

    #[test]
    fn words_of_states_read_back() {
        for state in CaseState::ALL {
            assert_eq!(CaseState::parse(state.as_str()), Some(state));
            assert_eq!(CaseState::ALL.iter().filter(|other| other.label() == state.label()).count(), 1);
        }
        assert_eq!(CaseState::parse("Decided"), None);
    }
}
