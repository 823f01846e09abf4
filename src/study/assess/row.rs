use polars::prelude::AnyValue;

use super::{AssessRequest, Scores};
use crate::decide::baseline::ExpressionFeatures;
use crate::decide::{Gate, ImageFinding, MissingTests, TestSettings, TestValue, TreatmentOption};
use crate::schema::{Dictionary, Value};
use crate::stats::beta_interval;
use crate::study::applies::{label_of, sentences};
use crate::study::decision::{Decision, Response};
use crate::study::predict::{support_of, with_arm};
use crate::study::train::described;
use crate::study::{
    Applicability, Contribution, Error, FusedTable, ImagingInput, Input, InputState, ObservedRate, OptionEstimate,
    ResponseModel, Verdict,
};
use crate::terms::{Modality, PatientId, Subtype};

/// One row under assessment.
pub(super) struct Context<'a> {
    pub(super) request: &'a AssessRequest,
    pub(super) lead: &'a ResponseModel,
    pub(super) scores: &'a [Scores],
    pub(super) row: usize,
    pub(super) subtype: Option<Subtype>,
    pub(super) patient: &'a PatientId,
}

impl Context<'_> {
    fn gate(&self) -> Option<&Gate> {
        self.scores.first().and_then(|scores| scores.gates.gate(self.row))
    }

    pub(super) fn inputs(&self, table: &FusedTable) -> Result<Vec<Input>, Error> {
        let mut inputs = Vec::new();
        for source in self.lead.design.sources() {
            if source == "arm" {
                continue;
            }
            let Some(design) = self.lead.design.columns.iter().find(|column| column.source == source) else { continue };
            let column = Dictionary::compiled().column(source);
            let value = match table.frame.column(source).ok().map(|cells| cells.get(self.row)) {
                Some(Ok(cell)) => checked_value(&cell),
                _ => None,
            };
            let embedding = source.strip_suffix("_emb");
            let out = self.gate().is_some_and(|gate| gate.out_of_range.iter().any(|name| name == source));
            let levels = self.lead.design.levels(source);
            let unseen =
                matches!(&value, Some(Value::Level(level)) if !levels.is_empty() && !levels.contains(&level.as_str()));
            let state = match (&value, embedding) {
                _ if unseen => InputState::Refused,
                (None, None) => InputState::Missing,
                (None, Some(modality)) if !self.has(table, modality) => InputState::Missing,
                _ if out => InputState::OutOfRange,
                _ => InputState::Used,
            };
            let display = value.as_ref().zip(column).map(|(value, column)| column.display(value));
            inputs.push(Input {
                column: source.to_owned(),
                label: column.map_or_else(|| label_of(source), |column| column.label.clone()),
                group: design.group.clone(),
                value: display.or_else(|| (state == InputState::Used).then(|| "embedding".to_owned())),
                unit: column.map_or("", |column| column.unit()).to_owned(),
                state,
                note: if unseen {
                    Some("no training patient had this value: the model takes it as missing".to_owned())
                } else {
                    out.then(|| self.range(source)).flatten()
                },
                source: self.file_of(source),
            });
        }
        Ok(inputs)
    }

    fn has(&self, table: &FusedTable, modality: &str) -> bool {
        matches!(table.booleans(&format!("has_{modality}")), Ok(Some(flags)) if flags.get(self.row) == Some(&Some(true)))
    }

    fn range(&self, source: &str) -> Option<String> {
        let reference = &self.lead.reference;
        let at = reference.columns.iter().position(|column| column == source)?;
        let column = Dictionary::compiled().column(source)?;
        let show = |value: &f64| column.display(&Value::Number(*value));
        let unit = if column.unit() == "score" { "" } else { column.unit() };
        let text = format!(
            "98 % of the training patients lie between {} and {} {unit}",
            show(reference.p01.get(at)?),
            show(reference.p99.get(at)?)
        );
        Some(text.trim_end().to_owned())
    }

    fn file_of(&self, column: &str) -> String {
        if let Some(modality) = column.strip_suffix("_emb") {
            return format!("embedding of {modality}");
        }
        self.request
            .cohort
            .files
            .iter()
            .find(|file| file.columns.contains_key(column))
            .map_or_else(|| "not in this cohort's files".to_owned(), |file| file.path.clone())
    }

    pub(super) fn applicability(&self, inputs: &[Input], imaging: &[ImagingInput]) -> Applicability {
        let given = inputs.iter().filter(|input| input.state != InputState::Missing).count();
        let findings = self.image_findings(imaging);
        let found = self
            .scores
            .first()
            .map(|scores| scores.gates.applicability(self.lead, self.row, (self.subtype, self.patient), &findings));
        let (reasons, notes) = found.as_ref().map(sentences).unwrap_or_default();
        Applicability {
            verdict: found.map_or(Verdict::DoesNotApply, |found| found.verdict),
            reasons,
            notes,
            distance_percentile: self.gate().map(|gate| gate.percentile),
            n_subtype: self.subtype.map(|subtype| self.lead.evidence.n_subtype(subtype)),
            completeness: if inputs.is_empty() { 0.0 } else { given as f64 / inputs.len() as f64 },
        }
    }

    /// Quality findings of the modalities that the lead model reads.
    fn image_findings(&self, imaging: &[ImagingInput]) -> Vec<ImageFinding> {
        let used = imaging.iter().filter(|input| self.lead_reads(input.modality));
        let finding = |input: &ImagingInput, words: &String| ImageFinding {
            modality: input.modality,
            code: words.split(' ').next().unwrap_or("").to_owned(),
            words: words.clone(),
        };
        used.flat_map(|input| input.quality.iter().map(move |words| finding(input, words))).collect()
    }

    fn lead_reads(&self, modality: Modality) -> bool {
        let column = format!("{}_emb", modality.as_str());
        self.lead.design.columns.iter().any(|design| design.source == column)
    }

    /// What the decision engine adds, where the request has one.
    pub(super) fn decision(
        &self,
        expression: &[ExpressionFeatures],
        options: &[OptionEstimate],
        explained: Option<&str>,
        verdict: Verdict,
    ) -> Result<Option<Decision>, Error> {
        let (Some(engine), Some(scores)) = (&self.request.engine, self.scores.first()) else { return Ok(None) };
        let Some(record) = scores.gates.record(self.row) else { return Ok(None) };
        let response = Response {
            model: self.lead.label(),
            explained: explained.map(str::to_owned),
            arms: options.iter().filter_map(|option| Some((option.id.clone(), option.estimate?))).collect(),
        };
        let tests = if verdict == Verdict::DoesNotApply { Vec::new() } else { self.missing_tests(scores, options)? };
        let expression = expression.get(self.row).copied().unwrap_or_default();
        Ok(Some(engine.decide(record, &expression, &response, tests)?))
    }

    /// What each absent group of inputs could change in the lead model's estimates.
    fn missing_tests(&self, scores: &Scores, options: &[OptionEstimate]) -> Result<Vec<TestValue>, Error> {
        let Some(prior) = &self.lead.test_prior else { return Ok(Vec::new()) };
        let tests = described(&self.lead.design);
        // Investigational arms are research evidence, never a choice: they take no part in which option comes first.
        let ranked = |option: &OptionEstimate| option.estimate.is_some() && option.standing != "investigational";
        let supported: Vec<(String, bool)> = options.iter().map(|option| (option.id.clone(), ranked(option))).collect();
        let asked = MissingTests {
            prior,
            names: &scores.x.names,
            row: scores.x.row(self.row),
            subtype: self.subtype,
            tests: &tests,
            options: &supported,
            probability: self.lead.estimator.probability(),
            settings: TestSettings::default(),
        };
        let values = asked
            .values(|x| options.iter().map(|option| self.lead.estimator.margins(&with_arm(x, &option.id))).collect())?;
        Ok(values)
    }

    pub(super) fn options(&self, verdict: Verdict) -> Result<Vec<OptionEstimate>, Error> {
        let Some(set) = &self.lead.options else { return Ok(Vec::new()) };
        set.options.iter().map(|option| self.option(option, verdict)).collect()
    }

    fn option(&self, option: &TreatmentOption, verdict: Verdict) -> Result<OptionEstimate, Error> {
        let (n, n_events) = self.subtype.map_or((0, None), |subtype| self.lead.evidence.cell(subtype, &option.id));
        let support = support_of(self.lead, self.subtype, Some(&option.id));
        let applies = verdict != Verdict::DoesNotApply;
        let estimate_of = |model: &ResponseModel, scores: &Scores| {
            let supported = support_of(model, self.subtype, Some(&option.id)).is_ok();
            scores
                .by_option
                .get(&option.id)
                .and_then(|rows| rows.get(self.row))
                .copied()
                .filter(|_| supported && applies)
        };
        let observed = match n_events {
            Some(n_events) => Some(ObservedRate { rate: beta_interval(n_events, n)?, n, n_events }),
            None => None,
        };
        let others = self.request.models.iter().zip(self.scores).skip(1);
        let reason = match &support {
            Err(reason) => reason.clone(),
            Ok(()) if !applies => "the model does not apply to this patient".to_owned(),
            Ok(()) => String::new(),
        };
        Ok(OptionEstimate {
            id: option.id.clone(),
            label: option.label.clone(),
            agent: option.agent.clone(),
            backbone: option.backbone.clone(),
            standing: option.standing.clone(),
            note: option.note.clone(),
            estimate: self.scores.first().and_then(|scores| estimate_of(self.lead, scores)),
            other_models: others
                .filter_map(|(model, scores)| Some((model.manifest.name.clone(), estimate_of(model, scores)?)))
                .collect(),
            observed,
            n_comparable: n,
            supported: support.is_ok(),
            reason,
        })
    }

    fn label_of_option(&self, id: &str) -> String {
        let known = self.lead.options.as_ref().and_then(|set| set.options.iter().find(|option| option.id == id));
        known.map_or_else(|| id.to_owned(), |option| option.label.clone())
    }

    /// Contributions by column of the fused table, largest first, from the SHAP values of the design's columns.
    pub(super) fn contributions(&self, option: &str, shap: &[f64], inputs: &[Input]) -> Vec<Contribution> {
        let mut list: Vec<Contribution> = Vec::new();
        for (design, logit) in self.lead.design.columns.iter().zip(shap) {
            if let Some(known) = list.iter_mut().find(|known| known.column == design.source) {
                known.logit += logit;
                continue;
            }
            let input = inputs.iter().find(|input| input.column == design.source);
            let value = match input {
                _ if design.source == "arm" => self.label_of_option(option),
                Some(input) => input.value.clone().unwrap_or_else(|| "not given".to_owned()),
                None => "not given".to_owned(),
            };
            list.push(Contribution {
                column: design.source.clone(),
                label: input.map_or_else(|| label_of(&design.source), |input| input.label.clone()),
                group: design.group.clone(),
                value,
                logit: *logit,
            });
        }
        list.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()).then_with(|| a.column.cmp(&b.column)));
        list
    }

    pub(super) fn imaging(&self, studies: Option<&Vec<ImagingInput>>) -> Vec<ImagingInput> {
        Modality::ALL
            .into_iter()
            .map(|modality| {
                let mut input = studies
                    .and_then(|list| list.iter().find(|study| study.modality == modality))
                    .cloned()
                    .unwrap_or_else(|| ImagingInput {
                        modality,
                        n_images: 0,
                        encoder: None,
                        quality: Vec::new(),
                        available: false,
                        note: "No study was given.".to_owned(),
                        views: Vec::new(),
                        picture: None,
                    });
                if input.available {
                    input.note = if self.lead_reads(modality) {
                        "Its embedding is an input of the model.".to_owned()
                    } else {
                        "Embedded; not an input of the lead model: no gain over the tables has been shown.".to_owned()
                    };
                }
                input
            })
            .collect()
    }
}

fn checked_value(cell: &AnyValue<'_>) -> Option<Value> {
    match cell {
        AnyValue::Float64(number) => Some(Value::Number(*number)),
        AnyValue::Boolean(flag) => Some(Value::Boolean(*flag)),
        AnyValue::String(word) => Some(Value::Level((*word).to_owned())),
        AnyValue::StringOwned(word) => Some(Value::Level(word.to_string())),
        _ => None,
    }
}
