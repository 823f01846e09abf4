use std::path::{Path, PathBuf};

use super::{CheckReport, Error, check};
use crate::schema::CohortDefinition;

/// Checks single files against one file of a cohort's definition: uploads, and files of one folder.
#[derive(Debug, Clone)]
pub struct FileCheck {
    cohort: CohortDefinition,
    folder: Option<PathBuf>,
}

/// Most files of the folder that are listed.
const MAX_LISTED: usize = 500;

impl FileCheck {
    /// Checks against `cohort`; files of `folder` (not of folders inside it) may be named.
    #[must_use]
    pub fn new(cohort: CohortDefinition, folder: Option<PathBuf>) -> Self {
        Self { cohort, folder }
    }

    /// Checks against the cohort of that name, or of the definition at that path.
    ///
    /// # Errors
    /// [`Error::Schema`] when there is none, or it is refused.
    pub fn load(cohort: &str, folder: Option<PathBuf>) -> Result<Self, Error> {
        Ok(Self::new(CohortDefinition::load(cohort)?, folder))
    }

    /// Name of the cohort.
    #[must_use]
    pub fn cohort(&self) -> &str {
        &self.cohort.label
    }

    /// The tables that the definition describes, by the path of their file.
    #[must_use]
    pub fn tables(&self) -> Vec<&str> {
        self.cohort.files.iter().map(|file| file.path.as_str()).collect()
    }

    /// Names of the files that may be pointed to, sorted; empty without a folder.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names.truncate(MAX_LISTED);
        names
    }

    /// Checks a file of the folder, named as [`FileCheck::files`] lists it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a name or table that is not listed, otherwise as [`check`].
    pub fn check_named(&self, table: &str, name: &str) -> Result<CheckReport, Error> {
        let listed = self.files().iter().any(|listed| listed == name);
        match &self.folder {
            Some(folder) if listed => self.check_file(table, &folder.join(name), name),
            _ => Err(Error::Unsupported("no such file in the folder of files to check".into())),
        }
    }

    /// Checks the file at `path` as `table`; violations name it `name`, whose ending says its format.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the definition has no such table, otherwise as [`check`].
    pub fn check_file(&self, table: &str, path: &Path, name: &str) -> Result<CheckReport, Error> {
        let mut file = self
            .cohort
            .files
            .iter()
            .find(|file| file.path == table)
            .cloned()
            .ok_or_else(|| Error::Unsupported("no such table in the cohort's definition".into()))?;
        let scratch = tempfile::tempdir().map_err(|source| Error::Write { path: "temporary folder".into(), source })?;
        let ending = Path::new(name).extension().or(Path::new(table).extension());
        file.path = Path::new("file").with_extension(ending.unwrap_or_default()).display().to_string();
        let at = scratch.path().join(&file.path);
        let linked = std::fs::hard_link(path, &at).or_else(|_| std::fs::copy(path, &at).map(|_| ()));
        linked.map_err(|source| Error::Read { path: name.into(), source })?;
        file.required = true;
        let mut cohort = self.cohort.clone();
        cohort.files = vec![file];
        cohort.expression.clear();
        cohort.variants.clear();
        cohort.embeddings.clear();
        let scratch_name = format!("{}/", scratch.path().display());
        // Where the copy lay is nobody's business.
        let plain = |error: Error| {
            Error::Unsupported(error.to_string().replace(&scratch_name, "").replace(&cohort.files[0].path, name))
        };
        let mut report = check(&cohort, scratch.path()).map_err(plain)?;
        for (file, _) in &mut report.files {
            name.clone_into(file);
        }
        for violation in &mut report.violations {
            name.clone_into(&mut violation.file);
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (FileCheck, PathBuf) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data-schemas/examples");
        (FileCheck::load("examples", Some(folder.clone())).unwrap(), folder)
    }

    #[test]
    fn a_file_of_the_folder_is_checked_as_the_table_it_is() {
        let (check, _) = example();
        assert!(check.files().contains(&"patients.csv".to_owned()), "{:?}", check.files());
        let report = check.check_named("examples/patients.csv", "patients.csv").unwrap();
        assert_eq!((report.violations, report.files[0].0.as_str()), (Vec::new(), "patients.csv"));
    }

    #[test]
    fn a_wrong_value_is_listed_under_the_name_that_was_given() {
        let (check, folder) = example();
        let good = std::fs::read_to_string(folder.join("patients.csv")).unwrap();
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        let age = lines[0].split(',').position(|name| name.contains("age")).unwrap();
        let mut cells: Vec<&str> = lines[1].split(',').collect();
        cells[age] = "214";
        lines[1] = cells.join(",");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let report = check.check_file("examples/patients.csv", file.path(), "upload.csv").unwrap();
        assert_eq!(report.violations.len(), 1, "{:?}", report.violations);
        assert_eq!(
            (report.violations[0].file.as_str(), report.violations[0].found.contains("214")),
            ("upload.csv", true)
        );
    }

    #[test]
    fn only_listed_names_are_opened() {
        let (check, _) = example();
        for name in ["../cohorts/demo.toml", "/etc/passwd", "", "nothing.csv"] {
            assert!(matches!(check.check_named("examples/patients.csv", name), Err(Error::Unsupported(_))), "{name}");
        }
        assert!(matches!(check.check_named("other.csv", "patients.csv"), Err(Error::Unsupported(_))));
    }
}
