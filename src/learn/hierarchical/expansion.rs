use super::HierarchicalSpec;
use crate::learn::Error;

/// Most boolean columns that may define subtypes.
const MAX_SUBTYPE_COLUMNS: usize = 3;

/// The groups of coefficients that share a variance, in the order in which they are numbered.
const GROUPS: [&str; 7] =
    ["clinical", "subtype", "biomarker", "arm", "arm_by_subtype", "arm_by_biomarker", "subtype_by_biomarker"];

/// Which coefficients of the expanded model meet which values of a base row.
///
/// A row is 1 and its standardised covariates z; given its arm and subtype, the constant and each z are multiplied by the
/// sum of a few coefficients ([`Expansion::terms`]). The arm's own effects are thus part of the constant, its
/// interactions with a biomarker part of that biomarker's slope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expansion {
    /// Base columns that are not arms.
    pub covariates: Vec<usize>,
    /// Base columns that are arms.
    pub arms: Vec<usize>,
    /// Positions among the covariates of the columns that define the subtype; bit k of a subtype is the k-th.
    pub subtype: Vec<usize>,
    /// Group of each coefficient, numbered among `group_names`; `None` for the intercept.
    pub group_of: Vec<Option<usize>>,
    /// Names of the groups that have coefficients.
    pub group_names: Vec<&'static str>,
    /// Bits of the subtype that define the backbone.
    backbone: Vec<usize>,
    arm_slopes: Vec<usize>,
    subtype_slopes: Vec<usize>,
}

impl Expansion {
    /// Lays out the coefficients for base columns `names`.
    ///
    /// # Errors
    /// [`Error::NoColumn`] for a column of the specification that is not there, or no arm; [`Error::Parameter`] for more
    /// than 3 columns that define subtypes, or a clip that is not above 0.
    pub(super) fn new(names: &[String], spec: &HierarchicalSpec) -> Result<Self, Error> {
        let (arms, covariates): (Vec<usize>, Vec<usize>) =
            (0..names.len()).partition(|&at| names[at].starts_with(&spec.arm_prefix));
        if arms.is_empty() {
            return Err(Error::NoColumn { column: format!("{}…", spec.arm_prefix) });
        }
        if spec.subtype.len() > MAX_SUBTYPE_COLUMNS {
            let found = spec.subtype.len() as f64;
            return Err(Error::Parameter { what: "subtype columns", expected: "at most 3", found });
        }
        if spec.clip.is_nan() || spec.clip <= 0.0 {
            return Err(Error::Parameter { what: "clip", expected: "a value above 0", found: spec.clip });
        }
        let find = |wanted: &[String]| -> Result<Vec<usize>, Error> {
            wanted
                .iter()
                .map(|name| {
                    let position = covariates.iter().position(|&at| names[at] == *name);
                    position.ok_or_else(|| Error::NoColumn { column: name.clone() })
                })
                .collect()
        };
        find(&spec.log)?;
        let subtype = find(&spec.subtype)?;
        let backbone = find(&spec.backbone)?
            .into_iter()
            .zip(&spec.backbone)
            .map(|(column, name)| {
                let bit = subtype.iter().position(|&member| member == column);
                bit.ok_or_else(|| Error::NoColumn { column: format!("{name} among the subtype's columns") })
            })
            .collect::<Result<_, _>>()?;
        let biomarkers = find(&spec.biomarkers)?;
        let mut layout = Self {
            arm_slopes: find(&spec.arm_biomarkers)?,
            subtype_slopes: find(&spec.subtype_biomarkers)?,
            group_of: Vec::new(),
            group_names: Vec::new(),
            covariates,
            arms,
            subtype,
            backbone,
        };
        layout.number(&biomarkers);
        Ok(layout)
    }

    /// Number of subtypes, 2 to the power of the columns that define them.
    pub(super) fn n_subtypes(&self) -> usize {
        1 << self.subtype.len()
    }

    /// The coefficients whose sum multiplies the constant (element 0) and each covariate of a row, given its arm (`None`:
    /// one without an estimate) and subtype.
    pub(super) fn terms(&self, arm: Option<usize>, subtype: usize) -> Vec<Vec<usize>> {
        let (n_arms, n_subtypes) = (self.arms.len(), self.n_subtypes());
        let level = self.backbone_of(subtype);
        let mut terms: Vec<Vec<usize>> = (0..=self.covariates.len()).map(|at| vec![at]).collect();
        let subtypes_from = terms.len();
        let arms_from = subtypes_from + n_subtypes;
        let cells_from = arms_from + (n_arms << self.backbone.len());
        let arm_slopes_from = cells_from + n_arms * n_subtypes;
        let subtype_slopes_from = arm_slopes_from + n_arms * self.arm_slopes.len();
        terms[0].push(subtypes_from + subtype);
        if let Some(arm) = arm {
            terms[0].push(arms_from + (arm << self.backbone.len()) + level);
            terms[0].push(cells_from + arm * n_subtypes + subtype);
            for (at, &covariate) in self.arm_slopes.iter().enumerate() {
                terms[covariate + 1].push(arm_slopes_from + arm * self.arm_slopes.len() + at);
            }
        }
        for (at, &covariate) in self.subtype_slopes.iter().enumerate() {
            terms[covariate + 1].push(subtype_slopes_from + subtype * self.subtype_slopes.len() + at);
        }
        terms
    }

    /// Those coefficients of [`Expansion::terms`] of the constant that belong to the arm.
    pub(super) fn is_arm_effect(&self, coefficient: usize) -> bool {
        let group = self.group_of[coefficient].map(|group| self.group_names[group]);
        matches!(group, Some("arm" | "arm_by_subtype"))
    }

    /// The number of the backbone of a subtype.
    fn backbone_of(&self, subtype: usize) -> usize {
        self.backbone.iter().enumerate().map(|(at, &bit)| ((subtype >> bit) & 1) << at).sum()
    }

    /// Numbers the groups that have coefficients.
    fn number(&mut self, biomarkers: &[usize]) {
        let (n_arms, n_subtypes) = (self.arms.len(), self.n_subtypes());
        let mut kinds: Vec<usize> = (0..self.covariates.len())
            .map(|covariate| match covariate {
                _ if self.subtype.contains(&covariate) => 1,
                _ if biomarkers.contains(&covariate) => 2,
                _ => 0,
            })
            .collect();
        let blocks = [
            (1, n_subtypes),
            (3, n_arms << self.backbone.len()),
            (4, n_arms * n_subtypes),
            (5, n_arms * self.arm_slopes.len()),
            (6, n_subtypes * self.subtype_slopes.len()),
        ];
        kinds.extend(blocks.iter().flat_map(|&(kind, n)| std::iter::repeat_n(kind, n)));
        let present: Vec<usize> = (0..GROUPS.len()).filter(|kind| kinds.contains(kind)).collect();
        self.group_names = present.iter().map(|&kind| GROUPS[kind]).collect();
        self.group_of = std::iter::once(None)
            .chain(kinds.iter().map(|kind| present.iter().position(|known| known == kind)))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn spec() -> HierarchicalSpec {
        HierarchicalSpec {
            biomarkers: names(&["ics5"]),
            arm_biomarkers: names(&["ics5"]),
            subtype_biomarkers: names(&["ics5"]),
            ..HierarchicalSpec::default()
        }
    }

    #[test]
    fn a_row_meets_its_own_arm_and_subtype_only() {
        let base = names(&["age", "hr", "her2", "ics5", "arm=A", "arm=B"]);
        let layout = Expansion::new(&base, &spec()).unwrap();
        // Intercept 0, mains 1-4, subtypes 5-8, arm × backbone 9-12, arm × subtype 13-20, arm × ics5 21-22, subtype × ics5 23-26.
        assert_eq!(layout.group_of.len(), 27);
        // HR+ HER2−: bit 0 set, backbone 0; arm B.
        assert_eq!(layout.terms(Some(1), 1), vec![vec![0, 6, 11, 18], vec![1], vec![2], vec![3], vec![4, 22, 24]]);
        // HR− HER2+, an arm without an estimate.
        assert_eq!(layout.terms(None, 2)[0], vec![0, 7]);
        assert_eq!(layout.group_names, GROUPS);
        let of = |at: usize| layout.group_of[at].map(|group| layout.group_names[group]);
        assert_eq!(of(0), None);
        assert_eq!(
            (of(1), of(2), of(4), of(6)),
            (Some("clinical"), Some("subtype"), Some("biomarker"), Some("subtype"))
        );
        assert_eq!((of(12), of(13), of(21), of(26)), (Some("arm"), Some(GROUPS[4]), Some(GROUPS[5]), Some(GROUPS[6])));
        assert!(layout.is_arm_effect(9) && layout.is_arm_effect(20) && !layout.is_arm_effect(21));
    }

    #[test]
    fn groups_without_columns_have_no_variance() {
        let base = names(&["hr", "her2", "arm=A"]);
        let layout = Expansion::new(&base, &HierarchicalSpec::default()).unwrap();
        assert_eq!(layout.group_names, ["subtype", "arm", "arm_by_subtype"]);
    }

    #[test]
    fn columns_that_are_not_there_are_named() {
        let spec = spec();
        for base in [names(&["hr", "her2", "arm=A"]), names(&["hr", "her2", "ics5"])] {
            assert!(matches!(Expansion::new(&base, &spec), Err(Error::NoColumn { .. })));
        }
        let base = names(&["hr", "her2", "ics5", "arm=A"]);
        let outside = HierarchicalSpec { backbone: names(&["ics5"]), ..spec };
        assert!(matches!(Expansion::new(&base, &outside), Err(Error::NoColumn { .. })));
    }
}
