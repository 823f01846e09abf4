/// What was done; the audit log keeps the word of [`Action::as_str`], which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The first administrator was made with the set-up code.
    SetUp,
    /// Somebody signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInFailed,
    /// Too many failures: the account waits.
    LockedOut,
    /// Somebody signed out.
    SignedOut,
    /// Every session of a person was ended.
    SignedOutEverywhere,
    /// A page was refused for want of a right.
    Refused,
    /// A person was added.
    PersonAdded,
    /// A person was disabled.
    PersonDisabled,
    /// A person was enabled again.
    PersonEnabled,
    /// A person's role was changed.
    RoleChanged,
    /// A person changed the own password.
    PasswordChanged,
    /// An administrator set a new initial password.
    PasswordReset,
    /// An account of the identity provider was linked.
    IdentityLinked,
    /// The list of patients was shown.
    ViewedList,
    /// A patient's report was shown.
    ViewedReport,
    /// The plain-language page for a patient was shown.
    ViewedPatientPage,
    /// A report was exported.
    ExportedReport,
    /// A hypothetical input was tried.
    AskedWhatIf,
    /// A page about models was shown.
    ViewedModels,
    /// A file was checked against a table's rules.
    CheckedFile,
    /// The board's queue was shown.
    ViewedBoard,
    /// A case of the board was shown.
    ViewedCase,
    /// A case was opened.
    CaseOpened,
    /// An item of a case was entered or changed.
    CaseEdited,
    /// A case moved in the queue.
    CaseMoved,
    /// A meeting was scheduled or changed.
    MeetingScheduled,
    /// A vote was given.
    Voted,
    /// A comment was written.
    Commented,
    /// A decision was recorded and locked.
    Decided,
    /// A decision was amended by a new version.
    DecisionAmended,
    /// A decision was exported.
    DecisionExported,
    /// An outcome was recorded.
    OutcomeRecorded,
    /// A patient's data were given to a program.
    AskedByApi,
    /// The audit log was shown.
    ViewedAudit,
    /// The audit log was exported.
    ExportedAudit,
}

impl Action {
    /// Every action, in the order of menus.
    pub const ALL: [Self; 36] = [
        Self::SetUp,
        Self::SignedIn,
        Self::SignInFailed,
        Self::LockedOut,
        Self::SignedOut,
        Self::SignedOutEverywhere,
        Self::Refused,
        Self::PersonAdded,
        Self::PersonDisabled,
        Self::PersonEnabled,
        Self::RoleChanged,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::IdentityLinked,
        Self::ViewedList,
        Self::ViewedReport,
        Self::ViewedPatientPage,
        Self::ExportedReport,
        Self::AskedWhatIf,
        Self::ViewedModels,
        Self::CheckedFile,
        Self::ViewedBoard,
        Self::ViewedCase,
        Self::CaseOpened,
        Self::CaseEdited,
        Self::CaseMoved,
        Self::MeetingScheduled,
        Self::Voted,
        Self::Commented,
        Self::Decided,
        Self::DecisionAmended,
        Self::DecisionExported,
        Self::OutcomeRecorded,
        Self::AskedByApi,
        Self::ViewedAudit,
        Self::ExportedAudit,
    ];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::SignedIn => "signed-in",
            Self::SignInFailed => "sign-in-failed",
            Self::LockedOut => "locked-out",
            Self::SignedOut => "signed-out",
            Self::SignedOutEverywhere => "signed-out-everywhere",
            Self::Refused => "refused",
            Self::PersonAdded => "person-added",
            Self::PersonDisabled => "person-disabled",
            Self::PersonEnabled => "person-enabled",
            Self::RoleChanged => "role-changed",
            Self::PasswordChanged => "password-changed",
            Self::PasswordReset => "password-reset",
            Self::IdentityLinked => "identity-linked",
            Self::ViewedList => "viewed-list",
            Self::ViewedReport => "viewed-report",
            Self::ViewedPatientPage => "viewed-patient-page",
            Self::ExportedReport => "exported-report",
            Self::AskedWhatIf => "asked-what-if",
            Self::ViewedModels => "viewed-models",
            Self::CheckedFile => "checked-file",
            Self::ViewedBoard => "viewed-board",
            Self::ViewedCase => "viewed-case",
            Self::CaseOpened => "case-opened",
            Self::CaseEdited => "case-edited",
            Self::CaseMoved => "case-moved",
            Self::MeetingScheduled => "meeting-scheduled",
            Self::Voted => "voted",
            Self::Commented => "commented",
            Self::Decided => "decided",
            Self::DecisionAmended => "decision-amended",
            Self::DecisionExported => "decision-exported",
            Self::OutcomeRecorded => "outcome-recorded",
            Self::AskedByApi => "asked-by-api",
            Self::ViewedAudit => "viewed-audit",
            Self::ExportedAudit => "exported-audit",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_actions_share_a_word() {
        let words: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(words.len(), Action::ALL.len());
    }
}
