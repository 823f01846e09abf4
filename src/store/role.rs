/// What a person does; it decides every right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Treats patients and takes part in the board.
    Clinician,
    /// Prepares and runs the tumour board.
    Coordinator,
    /// Inspects models; sees no patient.
    DataScientist,
    /// Manages people and reads the audit; sees no patient.
    Administrator,
}

/// One thing that a role may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Open the list of patients and reports.
    ReadPatients,
    /// Vote, comment and enter items of a case.
    TakePartInBoard,
    /// Schedule, decide and lock.
    RunBoard,
    /// Open the pages about models.
    InspectModels,
    /// Add, disable and change people.
    ManagePeople,
    /// Read and verify the audit log.
    ReadAudit,
}

impl Role {
    /// Every role, in the order of menus.
    pub const ALL: [Self; 4] = [Self::Clinician, Self::Coordinator, Self::DataScientist, Self::Administrator];

    /// The stable word for database, forms and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Coordinator => "coordinator",
            Self::DataScientist => "data-scientist",
            Self::Administrator => "administrator",
        }
    }

    /// The words on pages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Clinician => "Clinician",
            Self::Coordinator => "Board coordinator",
            Self::DataScientist => "Data scientist",
            Self::Administrator => "Administrator",
        }
    }

    /// The role of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// True when the role has the right.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        match right {
            Right::ReadPatients => matches!(self, Self::Clinician | Self::Coordinator),
            Right::TakePartInBoard => matches!(self, Self::Clinician | Self::Coordinator),
            Right::RunBoard => matches!(self, Self::Coordinator),
            Right::InspectModels => matches!(self, Self::Clinician | Self::Coordinator | Self::DataScientist),
            Right::ManagePeople | Right::ReadAudit => matches!(self, Self::Administrator),
        }
    }
}

impl Right {
    /// The stable word for the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadPatients => "read-patients",
            Self::TakePartInBoard => "take-part-in-board",
            Self::RunBoard => "run-board",
            Self::InspectModels => "inspect-models",
            Self::ManagePeople => "manage-people",
            Self::ReadAudit => "read-audit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_roles_are_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Administrator"), None);
    }

    #[test]
    fn who_manages_people_sees_no_patient_and_the_other_way_round() {
        for role in Role::ALL {
            assert!(!(role.has(Right::ManagePeople) && role.has(Right::ReadPatients)), "{role:?}");
        }
    }
}
