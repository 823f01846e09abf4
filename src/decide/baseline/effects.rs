use serde::{Deserialize, Serialize};

use crate::decide::ClinicalRecord;

/// Ends of the periods within which effects are constant, years since diagnosis; the last is the horizon of the model.
pub const PERIOD_ENDS: [f64; 3] = [5.0, 10.0, 15.0];

/// The period (0 to 2) of the step that ends at `year`.
#[must_use]
pub fn period_of(year: f64) -> usize {
    PERIOD_ENDS.iter().take(PERIOD_ENDS.len() - 1).filter(|&&end| year > end).count()
}

/// A treatment that METABRIC records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Chemotherapy, in that era mostly CMF or an anthracycline.
    Chemotherapy,
    /// Endocrine therapy, in that era mostly tamoxifen.
    Endocrine,
    /// Radiotherapy.
    Radiotherapy,
}

/// Women in whom an effect was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// All.
    Anyone,
    /// Oestrogen receptor positive.
    ErPositive,
    /// After breast-conserving surgery, or where surgery or nodes are not recorded.
    ConservingOrUnclear,
    /// After mastectomy with involved nodes.
    MastectomyNodePositive,
    /// After mastectomy without involved nodes.
    MastectomyNodeNegative,
}

/// The published effect of one received treatment on death from breast cancer: a fixed offset, never estimated here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreatmentEffect {
    /// Treatment.
    pub treatment: Treatment,
    /// Women to whom it applies.
    pub population: Population,
    /// Log rate ratio against no such treatment in years 0 to 5, 5 to 10 and 10 to 15.
    pub log_hr: [f64; 3],
    /// Standard error of the log rate ratio, shared by the periods.
    pub standard_error: f64,
    /// Publication, and what was assumed in using it.
    pub source: String,
}

impl TreatmentEffect {
    /// The id of the same published effect among the options after surgery (`data-schemas/options/adjuvant.toml`).
    #[must_use]
    pub fn option_effect(&self) -> Option<&'static str> {
        match (self.treatment, self.population) {
            (Treatment::Chemotherapy, _) => Some("chemo-cmf-bc-death"),
            (Treatment::Endocrine, _) => Some("tamoxifen-bc-death"),
            (Treatment::Radiotherapy, Population::ConservingOrUnclear) => Some("rt-conserving-bc-death"),
            (Treatment::Radiotherapy, Population::MastectomyNodePositive) => Some("rt-mastectomy-bc-death"),
            (Treatment::Radiotherapy, _) => None,
        }
    }

    fn applies(&self, record: &ClinicalRecord) -> bool {
        let mastectomy = record.received.breast_conserving == Some(false);
        let nodes = record.nodes_involved();
        match self.population {
            Population::Anyone => true,
            Population::ErPositive => record.er_positive() == Some(true),
            Population::MastectomyNodePositive => mastectomy && nodes == Some(true),
            Population::MastectomyNodeNegative => mastectomy && nodes == Some(false),
            Population::ConservingOrUnclear => !mastectomy || nodes.is_none(),
        }
    }

    fn received(&self, record: &ClinicalRecord) -> Option<bool> {
        match self.treatment {
            Treatment::Chemotherapy => record.received.chemotherapy,
            Treatment::Endocrine => record.received.endocrine,
            Treatment::Radiotherapy => record.received.radiotherapy,
        }
    }
}

/// Returns the summed log rate ratios, by period, of the treatments that the woman received; `None` when one that would
/// have an effect in her is not recorded.
///
/// `shift[k]` is added to the log rate ratio of effect `k`: 0 for the published value, `standard_error` times a standard
/// normal number for a draw. Effects combine additively on the log scale, as in PREDICT.
#[must_use]
pub fn received_log_hr(effects: &[TreatmentEffect], shift: &[f64], record: &ClinicalRecord) -> Option<[f64; 3]> {
    let mut sum = [0.0; 3];
    for (at, effect) in effects.iter().enumerate().filter(|(_, effect)| effect.applies(record)) {
        if effect.received(record)? {
            let shift = shift.get(at).copied().unwrap_or(0.0);
            sum.iter_mut().zip(effect.log_hr).for_each(|(total, log_hr)| *total += log_hr + shift);
        }
    }
    Some(sum)
}

/// The published effects of what METABRIC's women received.
///
/// # Source
/// EBCTCG, Lancet 2012;379:432 (chemotherapy), Lancet 2011;378:771 (tamoxifen), Lancet 2011;378:1707 and 2014;383:2127
/// (radiotherapy), as listed in docs: each `source` field says what was assumed.
#[must_use]
pub fn published_effects() -> Vec<TreatmentEffect> {
    let effect = |treatment, population, ratios: [f64; 3], standard_error, source: &str| TreatmentEffect {
        treatment,
        population,
        log_hr: ratios.map(f64::ln),
        standard_error,
        source: source.to_owned(),
    };
    // 95 % interval 0.67 to 0.95, width in standard errors of the log.
    let after_mastectomy = (0.95_f64 / 0.67).ln() / (2.0 * 1.96);
    let node_negative = (1.55_f64 / 0.89).ln() / (2.0 * 1.96);
    vec![
        effect(
            Treatment::Chemotherapy,
            Population::Anyone,
            [0.76; 3],
            0.05 / 0.76,
            "EBCTCG 2012: CMF against none, breast cancer mortality 0.76 (SE 0.05); the regimen is not recorded, and \
             the ratio of the trials' first decade is used to year 15",
        ),
        effect(
            Treatment::Endocrine,
            Population::ErPositive,
            [0.71, 0.66, 0.68],
            0.08,
            "EBCTCG 2011: tamoxifen about 5 years against none, ER-positive, mortality 0.71 / 0.66 / 0.68 in years 0-4, \
             5-9, 10-14; standard error of the log as PREDICT's technical page states it; drug and duration not recorded",
        ),
        effect(
            Treatment::Radiotherapy,
            Population::ConservingOrUnclear,
            [0.82; 3],
            after_mastectomy,
            "PREDICT Breast 3 (Darby / EBCTCG 2011), mortality 0.82 after conserving surgery; standard error borrowed \
             from EBCTCG 2014",
        ),
        effect(
            Treatment::Radiotherapy,
            Population::MastectomyNodePositive,
            [0.80; 3],
            after_mastectomy,
            "EBCTCG 2014: after mastectomy, 1 to 3 positive nodes, mortality 0.80 (0.67-0.95); used for 4 and more too",
        ),
        effect(
            Treatment::Radiotherapy,
            Population::MastectomyNodeNegative,
            [1.0; 3],
            node_negative,
            "EBCTCG 2014: after mastectomy, no positive nodes: no benefit (1.18, 0.89-1.55); 1 used, with the width of \
             that interval",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::options::OptionSet;
    use crate::decide::{Received, Receptor};

    #[test]
    fn effects_add_on_the_log_scale_and_only_where_they_apply() {
        let received = Received {
            chemotherapy: Some(true),
            endocrine: Some(true),
            radiotherapy: Some(true),
            anti_her2: None,
            breast_conserving: Some(false),
        };
        let record = |er, nodes| ClinicalRecord {
            er: Some(er),
            nodes_positive: Some(nodes),
            received,
            ..ClinicalRecord::default()
        };
        let effects = published_effects();
        let positive = received_log_hr(&effects, &[], &record(Receptor::Positive, 2.0)).unwrap();
        assert!((positive[1] - (0.76_f64 * 0.66 * 0.80).ln()).abs() < 1e-12);
        let negative = received_log_hr(&effects, &[0.1], &record(Receptor::Negative, 0.0)).unwrap();
        assert!((negative[0] - 0.76_f64.ln() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn an_unrecorded_treatment_is_not_taken_for_an_untreated_woman() {
        let record = ClinicalRecord { er: Some(Receptor::Negative), ..ClinicalRecord::default() };
        assert_eq!(received_log_hr(&published_effects(), &[], &record), None);
    }

    #[test]
    fn a_step_belongs_to_the_period_in_which_it_ends() {
        assert_eq!([0.25, 5.0, 5.25, 10.0, 10.25, 15.0].map(period_of), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn an_offset_and_an_option_that_share_a_publication_share_its_numbers() {
        let set = OptionSet::load("adjuvant").unwrap();
        let effects: Vec<_> = set.options.iter().flat_map(|option| &option.effects).collect();
        let shared: Vec<_> =
            published_effects().into_iter().filter_map(|own| Some((own.option_effect()?, own))).collect();
        assert_eq!(shared.len(), 4);
        for (id, own) in shared {
            let other = effects.iter().find(|effect| effect.id == id).expect(id);
            for (period, log_hr) in own.log_hr.iter().enumerate() {
                let found = other.log_ratio_at(2.5 + 5.0 * period as f64).coef;
                assert!((found - log_hr).abs() < 1e-12, "{id}: {found} {log_hr}");
            }
        }
    }
}
