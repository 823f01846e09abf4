use std::collections::HashMap;
use std::path::PathBuf;

use polars::prelude::AnyValue;

use super::predict::{gates, interval_estimates, support_of, with_arm};
use super::{
    Applicability, Assessment, BinaryEvaluation, Contribution, Error, FusedTable, ImagingInput, Input, InputState,
    ModelIdentity, ObservedRate, OptionEstimate, Performance, PseudonymKey, ResponseModel, Verdict,
};
use crate::decide::{Gate, TreatmentOption};
use crate::fusion::{FuseOptions, FusionReport, fuse};
use crate::learn::DesignMatrix;
use crate::schema::{CohortDefinition, Dictionary, Value};
use crate::stats::beta_interval;
use crate::tables::read_table;
use crate::terms::{Estimate, Modality, PatientId, Subtype};

/// What to assess, and with which models.
#[derive(Debug, Clone)]
pub struct AssessRequest {
    /// Cohort definition.
    pub cohort: CohortDefinition,
    /// Data folder.
    pub data: PathBuf,
    /// Embedding files.
    pub embeddings: Vec<PathBuf>,
    /// Models; the first leads.
    pub models: Vec<ResponseModel>,
    /// Key of the pseudonyms.
    pub key: PseudonymKey,
    /// True: rows that break a rule are left out and listed instead of refusing the cohort.
    pub skip_invalid: bool,
    /// The one patient to assess; all of them when `None`.
    pub only: Option<PatientId>,
}

/// Every patient of a cohort, assessed.
#[derive(Debug, Clone)]
pub struct AssessedCohort {
    /// Cohort label.
    pub label: String,
    /// True for simulated patients.
    pub synthetic: bool,
    /// One assessment per row, in the order of the fused table.
    pub patients: Vec<(PatientId, Assessment)>,
    /// What fusion reported.
    pub fusion: FusionReport,
}

/// Fuses a cohort and assesses every row with every model.
///
/// # Errors
/// What fusion refuses; [`Error::Fusion`] when a model's inputs have the wrong type; [`Error::Unsupported`] without
/// a model.
pub fn assess_cohort(request: &AssessRequest) -> Result<AssessedCohort, Error> {
    let options = FuseOptions { embeddings: request.embeddings.clone(), skip_invalid: request.skip_invalid };
    let fused = fuse(&request.cohort, &request.data, &options)?;
    let fusion = fused.report.clone();
    let table = FusedTable::new(&request.cohort, &request.data, fused)?;
    let Some(lead) = request.models.first() else {
        return Err(Error::Unsupported("no model was named and none is promoted".into()));
    };
    let images = imaging_rows(&request.embeddings)?;
    let patients = table.patients()?;
    let subtypes = table.subtypes()?;
    let visits = table.texts("visit")?;
    let arms = table.texts("arm")?;
    let scores = request.models.iter().map(|model| Scores::of(model, &table)).collect::<Result<Vec<_>, Error>>()?;
    let sexes = table.texts("sex")?;
    let mut assessed = Vec::with_capacity(patients.len());
    for (row, patient) in patients.iter().enumerate() {
        if request.only.as_ref().is_some_and(|only| only != patient) {
            continue;
        }
        let subtype = subtypes.get(row).copied().flatten();
        let received = arms.get(row).cloned().flatten();
        let visit = visits.get(row).cloned().flatten().unwrap_or_default();
        let context = Context {
            request,
            lead,
            scores: &scores,
            row,
            subtype,
            male: sexes.get(row) == Some(&Some("male".into())),
        };
        let inputs = context.inputs(&table)?;
        let applicability = context.applicability(&inputs)?;
        let options = context.options(applicability.verdict)?;
        let explained = context.explained(received.as_deref());
        let (contributions, contribution_base) = match &explained {
            Some(option) if applicability.verdict != Verdict::DoesNotApply => {
                let (list, base) = context.contributions(option, &inputs)?;
                (list, Some(base))
            }
            _ => (Vec::new(), None),
        };
        assessed.push((
            patient.clone(),
            Assessment {
                synthetic: request.cohort.synthetic,
                pseudonym: request.key.pseudonym(patient),
                cohort: request.cohort.label.clone(),
                regimen_version: env!("CARGO_PKG_VERSION").to_owned(),
                models: request.models.iter().map(identity).collect(),
                subtype,
                imaging: context.imaging(images.get(&(patient.clone(), visit.clone()))),
                visit,
                inputs,
                applicability,
                options,
                received,
                explained_option: explained,
                contributions,
                contribution_base,
                performance: request.models.iter().flat_map(|model| performance(model, subtype)).collect(),
                sources: sources(request),
            },
        ));
    }
    Ok(AssessedCohort {
        label: request.cohort.label.clone(),
        synthetic: request.cohort.synthetic,
        patients: assessed,
        fusion,
    })
}

/// One model's matrix and gate on the whole table, and its estimates per option.
struct Scores {
    x: DesignMatrix,
    gates: Vec<Gate>,
    by_option: HashMap<String, Vec<Estimate>>,
}

impl Scores {
    fn of(model: &ResponseModel, table: &FusedTable) -> Result<Self, Error> {
        let x = model.design.apply(&table.frame)?;
        let gates = gates(model, &x)?;
        let mut by_option = HashMap::new();
        for option in model.options.iter().flat_map(|set| &set.options) {
            by_option.insert(option.id.clone(), interval_estimates(model, &with_arm(&x, &option.id))?);
        }
        Ok(Self { x, gates, by_option })
    }
}

/// One row under assessment.
struct Context<'a> {
    request: &'a AssessRequest,
    lead: &'a ResponseModel,
    scores: &'a [Scores],
    row: usize,
    subtype: Option<Subtype>,
    male: bool,
}

impl Context<'_> {
    fn gate(&self) -> Option<&Gate> {
        self.scores.first().and_then(|scores| scores.gates.get(self.row))
    }

    fn inputs(&self, table: &FusedTable) -> Result<Vec<Input>, Error> {
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
            let state = match (&value, embedding) {
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
                note: out.then(|| self.range(source)).flatten(),
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

    fn applicability(&self, inputs: &[Input]) -> Result<Applicability, Error> {
        let mut reasons = Vec::new();
        let mut verdict = Verdict::Applies;
        let given = inputs.iter().filter(|input| input.state != InputState::Missing).count();
        if self.subtype.is_none() {
            verdict = Verdict::DoesNotApply;
            reasons.push("Hormone receptor or HER2 status is unknown; the model needs both.".to_owned());
        }
        if self.male {
            verdict = Verdict::DoesNotApply;
            reasons.push("The training patients were all women.".to_owned());
        }
        let mut caution = |reason: String| {
            if verdict == Verdict::Applies {
                verdict = Verdict::Caution;
            }
            reasons.push(reason);
        };
        if let Some(gate) = self.gate() {
            if gate.often_out_of_range {
                let names: Vec<String> = gate.out_of_range.iter().map(|name| label_of(name)).collect();
                caution(format!(
                    "More inputs than usual lie outside the range of 98 % of the training patients: {}.",
                    names.join(", ")
                ));
            }
            if !gate.unseen_missing.is_empty() {
                let missing = match gate.unseen_missing.as_slice() {
                    [one] => format!("{} is missing", label_of(one)),
                    several => format!("{} inputs are missing", several.len()),
                };
                caution(format!("{missing} that nearly every training patient had; the estimate rests on the others."));
            }
            if gate.percentile >= 0.99 && !gate.far_outside {
                caution("Farther from the centre of the training data than 99 % of its patients.".to_owned());
            }
            if gate.far_outside {
                verdict = Verdict::DoesNotApply;
                reasons.push(format!(
                    "Unlike the training data: her inputs lie {:.1} times as far from its centre as its farthest patient.",
                    gate.distance / self.lead.reference.distance_percentiles.last().copied().unwrap_or(f64::INFINITY)
                ));
            }
        }
        Ok(Applicability {
            verdict,
            reasons,
            distance_percentile: self.gate().map(|gate| gate.percentile),
            n_subtype: self.subtype.map(|subtype| self.lead.evidence.n_subtype(subtype)),
            completeness: if inputs.is_empty() { 0.0 } else { given as f64 / inputs.len() as f64 },
        })
    }

    fn options(&self, verdict: Verdict) -> Result<Vec<OptionEstimate>, Error> {
        let Some(set) = &self.lead.options else { return Ok(Vec::new()) };
        set.options.iter().map(|option| self.option(option, &set.followed_by, verdict)).collect()
    }

    fn option(&self, option: &TreatmentOption, followed_by: &str, verdict: Verdict) -> Result<OptionEstimate, Error> {
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
            backbone: format!("{}; {followed_by}", option.backbone),
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

    /// The received option when it has support, else the control.
    fn explained(&self, received: Option<&str>) -> Option<String> {
        let set = self.lead.options.as_ref()?;
        let supported = |id: &str| support_of(self.lead, self.subtype, Some(id)).is_ok();
        received
            .filter(|id| supported(id))
            .map(str::to_owned)
            .or_else(|| set.control().map(|option| option.id.clone()).filter(|id| supported(id)))
    }

    fn contributions(&self, option: &str, inputs: &[Input]) -> Result<(Vec<Contribution>, f64), Error> {
        let Some(scores) = self.scores.first() else { return Ok((Vec::new(), 0.0)) };
        let x = with_arm(&scores.x.select(&[self.row]), option);
        let values = self.lead.bag.contributions(&x)?.pop().unwrap_or_default();
        let base = values.last().copied().unwrap_or(0.0);
        let mut list: Vec<Contribution> = Vec::new();
        for (design, logit) in self.lead.design.columns.iter().zip(&values) {
            if let Some(known) = list.iter_mut().find(|known| known.column == design.source) {
                known.logit += logit;
                continue;
            }
            let input = inputs.iter().find(|input| input.column == design.source);
            let value = match input {
                _ if design.source == "arm" => option.to_owned(),
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
        Ok((list, base))
    }

    fn imaging(&self, studies: Option<&Vec<ImagingInput>>) -> Vec<ImagingInput> {
        let lead_uses = |modality: Modality| {
            let column = format!("{}_emb", modality.as_str());
            self.lead.design.columns.iter().any(|design| design.source == column)
        };
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
                    });
                if input.available {
                    input.note = if lead_uses(modality) {
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

fn label_of(column: &str) -> String {
    match (Dictionary::compiled().column(column), column.strip_suffix("_emb")) {
        (Some(column), _) => column.label.clone(),
        (None, Some(modality)) => format!("{modality} image embedding"),
        (None, None) => column.to_owned(),
    }
}

fn identity(model: &ResponseModel) -> ModelIdentity {
    let manifest = &model.manifest;
    ModelIdentity {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        sha256: model.manifest_sha256.clone(),
        target: manifest.spec.target_definition.clone(),
        trained_on: manifest.spec.population.clone(),
        n_training: manifest.n_training,
        interval_method: manifest.interval_method.clone(),
        uses_imaging: !manifest.encoders.is_empty(),
    }
}

fn performance(model: &ResponseModel, subtype: Option<Subtype>) -> Vec<Performance> {
    let metrics: &BinaryEvaluation = &model.metrics;
    let mut rows = vec![Performance {
        model: model.manifest.name.clone(),
        population: "all subtypes".to_owned(),
        n: metrics.n,
        n_events: metrics.n_events,
        method: metrics.method.clone(),
        auc: Some(metrics.auc),
        brier: Some(metrics.brier),
        calibration_slope: Some(metrics.calibration.slope),
    }];
    let own = subtype.and_then(|subtype| metrics.subgroups.iter().find(|group| group.name == subtype.as_str()));
    rows.extend(own.map(|group| Performance {
        model: model.manifest.name.clone(),
        population: group.name.clone(),
        n: group.n,
        n_events: group.n_events,
        method: metrics.method.clone(),
        auc: group.auc,
        brier: group.brier,
        calibration_slope: group.calibration_slope,
    }));
    rows
}

fn sources(request: &AssessRequest) -> Vec<String> {
    let mut sources: Vec<String> = Vec::new();
    let of_models = request.models.iter().flat_map(|model| model.manifest.origin.sources.iter());
    let of_options = request.models.iter().filter_map(|model| model.options.as_ref()).map(|set| &set.source);
    for source in of_models.chain(of_options).chain(&request.cohort.sources) {
        if !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    sources
}

/// Imaging of every patient and visit, from the embedding files.
fn imaging_rows(files: &[PathBuf]) -> Result<HashMap<(PatientId, String), Vec<ImagingInput>>, Error> {
    let mut rows: HashMap<(PatientId, String), Vec<ImagingInput>> = HashMap::new();
    for file in files {
        let (frame, _) = read_table(file)?;
        let text = |name: &str| -> Result<Vec<String>, Error> {
            let column = frame.column(name).map_err(crate::tables::Error::from)?;
            let cells = column.str().map_err(crate::tables::Error::from)?;
            Ok(cells.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
        };
        let (patients, visits, modalities) = (text("patient_id")?, text("visit")?, text("modality")?);
        let (encoders, quality) = (text("encoder")?, text("quality")?);
        let counts = frame.column("n_images").map_err(crate::tables::Error::from)?.clone();
        let present = frame.column("embedding").map_err(crate::tables::Error::from)?.is_not_null();
        for row in 0..frame.height() {
            let cell = |values: &[String]| values.get(row).cloned().unwrap_or_default();
            let (Ok(patient), Ok(modality)) = (PatientId::parse(&cell(&patients)), Modality::parse(&cell(&modalities)))
            else {
                continue;
            };
            let available = present.get(row) == Some(true);
            let findings = cell(&quality);
            rows.entry((patient, cell(&visits))).or_default().push(ImagingInput {
                modality,
                n_images: counts.get(row).ok().and_then(|n| n.extract::<u32>()).unwrap_or(0) as usize,
                encoder: Some(cell(&encoders)).filter(|name| available && !name.is_empty()),
                quality: findings.split("; ").filter(|text| !text.is_empty()).map(str::to_owned).collect(),
                available,
                note: if available { String::new() } else { "The study could not be embedded.".to_owned() },
            });
        }
    }
    Ok(rows)
}
