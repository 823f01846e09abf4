//! Scores against tests/reference/signatures.py, and what every score owes its reader.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::*;

/// Python sums in another order: a few units in the last place of sums of at most a thousand.
const ABSOLUTE_TOLERANCE: f64 = 1e-10;

#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Number(f64),
    Word(String),
}

type Scores = BTreeMap<String, Vec<Option<Expected>>>;

#[derive(Deserialize)]
struct Reference {
    tables: BTreeMap<String, String>,
    genes: Vec<String>,
    samples: Vec<String>,
    reference_genes: Vec<String>,
    training: Vec<usize>,
    batches: Vec<String>,
    values: Vec<Vec<Option<f64>>>,
    with_batches: Scores,
    one_batch_without_reference_genes: Scores,
    gseapy: BTreeMap<String, BTreeMap<String, f64>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/signatures.json")).unwrap()
}

impl Reference {
    fn library(&self, without: &[&str]) -> SignatureLibrary {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in self.tables.iter().filter(|(file, _)| !without.contains(&file.as_str())) {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        SignatureLibrary::read(folder.path()).unwrap()
    }

    fn expression(&self, scale: ExpressionScale, keep: impl Fn(&str) -> bool) -> Expression {
        let rows = self.genes.iter().zip(&self.values).filter(|(gene, _)| keep(gene));
        let (genes, values): (Vec<String>, Vec<&Vec<Option<f64>>>) = rows.map(|(g, v)| (g.clone(), v)).unzip();
        let values = values.into_iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect();
        Expression::from_parts(genes, self.samples.clone(), values, scale, DuplicateGenes::Refuse).unwrap()
    }
}

fn find<'a>(scores: &'a [ScoreTable], name: &str) -> &'a ScoreTable {
    scores.iter().find(|score| score.name == name).unwrap_or_else(|| panic!("no score {name}"))
}

fn assert_equal(scores: &[ScoreTable], expected: &Scores) {
    assert_eq!(scores.len(), expected.len());
    for (name, values) in expected {
        let score = find(scores, name);
        match &score.outcome {
            Ok(ScoreValues::Number(found)) => {
                for (at, (found, expected)) in found.iter().zip(values).enumerate() {
                    let same = match (found, expected) {
                        (Some(found), Some(Expected::Number(expected))) => {
                            (found - expected).abs() < ABSOLUTE_TOLERANCE
                        }
                        (None, None) => true,
                        _ => false,
                    };
                    assert!(same, "{name} at sample {at}: {found:?}");
                }
            }
            Ok(ScoreValues::Text(found)) => {
                for (found, expected) in found.iter().zip(values) {
                    let Some(Expected::Word(expected)) = expected else { panic!("{name}") };
                    assert_eq!(found.as_ref(), Some(expected), "{name}");
                }
            }
            Err(refusal) => panic!("{name}: {refusal}"),
        }
    }
}

#[test]
fn every_score_agrees_with_python_within_batches_and_with_reference_genes() {
    let reference = reference();
    let library = reference.library(&[]);
    let expression = reference.expression(ExpressionScale::Log2, |_| true);
    let batches = Some(reference.batches.as_slice());
    let scaling = SignatureScaling::fit(&expression, &library, &reference.training, batches).unwrap();
    let options = ScoreOptions { scaling: Some(&scaling), batches };
    let scores = score_all(&expression, &library, options).unwrap();
    assert_equal(&scores, &reference.with_batches);
    assert!(find(&scores, "rs21_research").caution.contains("normalised to the five reference genes"));
    let pam50 = find(&scores, "pam50_subtype");
    assert_eq!((pam50.n_genes, pam50.n_found, pam50.n_needed), (20, 18, 16));
    assert_eq!(pam50.table.as_deref(), Some(PAM50_FILE));
}

#[test]
fn every_score_agrees_with_python_in_one_batch_without_reference_genes() {
    let reference = reference();
    let library = reference.library(&[]);
    let keep = |gene: &str| !reference.reference_genes.iter().any(|r| r == gene);
    let expression = reference.expression(ExpressionScale::Log2, keep);
    let scaling = SignatureScaling::fit(&expression, &library, &reference.training, None).unwrap();
    // The scaling is replayed from its JSON, as it would be from a model.
    let scaling: SignatureScaling = serde_json::from_str(&serde_json::to_string(&scaling).unwrap()).unwrap();
    let scores = score_all(&expression, &library, ScoreOptions { scaling: Some(&scaling), batches: None }).unwrap();
    assert_equal(&scores, &reference.one_batch_without_reference_genes);
    assert!(find(&scores, "rs21_research").caution.contains("genefu oncotypedx"));
}

#[test]
fn ssgsea_agrees_with_gseapy() {
    let reference = reference();
    let library = reference.library(&[]);
    let expression = reference.expression(ExpressionScale::Log2, |_| true);
    let scores = score_all(&expression, &library, ScoreOptions::default()).unwrap();
    for (name, by_sample) in &reference.gseapy {
        let values = find(&scores, name).numbers().unwrap();
        for (sample, expected) in by_sample {
            let at = reference.samples.iter().position(|s| s == sample).unwrap();
            assert!((values[at].unwrap() - expected).abs() < ABSOLUTE_TOLERANCE, "{name}");
        }
        assert!(by_sample.len() >= 10);
    }
}

#[test]
fn a_sample_scored_alone_has_the_score_it_has_among_others_and_gene_order_plays_no_part() {
    let reference = reference();
    let library = reference.library(&[]);
    let all = reference.expression(ExpressionScale::Log2, |_| true);
    let scaling = SignatureScaling::fit(&all, &library, &reference.training, None).unwrap();
    let options = ScoreOptions { scaling: Some(&scaling), batches: None };
    let together = score_all(&all, &library, options).unwrap();
    // Sample 17 is not a training sample; the genes come in reverse.
    let genes: Vec<String> = reference.genes.iter().rev().cloned().collect();
    let values = reference.values.iter().rev().map(|row| row[17].unwrap_or(f64::NAN)).collect();
    let samples = vec!["alone".to_owned()];
    let alone = Expression::from_parts(genes, samples, values, ExpressionScale::Log2, DuplicateGenes::Refuse).unwrap();
    for (alone, together) in score_all(&alone, &library, options).unwrap().iter().zip(&together) {
        match (alone.numbers(), together.numbers()) {
            (Some(alone), Some(together)) => assert_eq!(alone[0], together[17]),
            _ => assert_eq!(alone.words().unwrap()[0], together.words().unwrap()[17]),
        }
    }
}

#[test]
fn without_tables_every_signature_is_refused_and_single_genes_remain() {
    let reference = reference();
    let expression = reference.expression(ExpressionScale::Log2, |_| true);
    let library = SignatureLibrary::read(Path::new("/no/such/folder")).unwrap();
    for score in score_all(&expression, &library, ScoreOptions::default()).unwrap() {
        match score.outcome {
            Ok(_) => assert!(score.name.starts_with("expr_"), "{}", score.name),
            Err(refusal) => assert_eq!(refusal.code(), "no table", "{}", score.name),
        }
    }
    let library = reference.library(&[GGI_FILE]);
    let scores = score_all(&expression, &library, ScoreOptions::default()).unwrap();
    assert_eq!(find(&scores, "ggi_raw").outcome, Err(Refusal::NoTable { file: GGI_FILE.to_owned() }));
}

#[test]
fn the_declared_scale_decides_which_scores_are_refused() {
    let reference = reference();
    let library = reference.library(&[]);
    let refused = |scale| -> BTreeMap<String, &'static str> {
        let expression = reference.expression(scale, |_| true);
        let scores = score_all(&expression, &library, ScoreOptions::default()).unwrap();
        scores.into_iter().filter_map(|score| Some((score.name, score.outcome.err()?.code()))).collect()
    };
    let names = |of: &BTreeMap<String, &str>, reason: &str| -> Vec<String> {
        of.iter().filter(|(_, code)| **code == reason).map(|(name, _)| name.clone()).collect()
    };
    let absolute =
        ["endopredict_research", "ggi_raw", "immune_singscore", "immune_ssgsea", "prolif_singscore", "prolif_ssgsea"];
    let z = refused(ExpressionScale::ZScore);
    let rs21 = ["rs21_research", "rs21_unscaled_research"];
    assert_eq!(names(&z, "scale"), [absolute.as_slice(), &rs21].concat());
    assert_eq!(z.len(), 8);
    // log2 without a fitted scaling: the centred and the range-mapped ones, but not the reference-normalised one.
    let log2 = refused(ExpressionScale::Log2);
    assert_eq!(names(&log2, "not fitted").len(), 9);
    assert_eq!((log2.len(), log2.contains_key("rs21_research")), (9, false));
    // Linear signals: ranks and single genes only.
    assert_eq!(refused(ExpressionScale::Linear).len(), 27 - 8);
}

#[test]
fn below_its_coverage_a_score_is_refused_with_the_counts() {
    let reference = reference();
    let library = reference.library(&[]);
    // PAM50 keeps 15 of 20 genes where 16 are needed; the 21 genes and EndoPredict lose one each.
    let gone = ["G000", "G001", "G002", "G020", "G040", "ESR1"];
    let expression = reference.expression(ExpressionScale::Log2, |gene| !gone.contains(&gene));
    let scaling = SignatureScaling::fit(&expression, &library, &reference.training, None).unwrap();
    let scores = score_all(&expression, &library, ScoreOptions { scaling: Some(&scaling), batches: None }).unwrap();
    let refusal = |name| find(&scores, name).outcome.as_ref().err().map(ToString::to_string);
    assert_eq!(refusal("ror_s").as_deref(), Some("coverage: 15 of 20 genes measured, 16 needed"));
    assert_eq!(refusal("rs21_research").as_deref(), Some("coverage: 11 of 12 genes measured, 12 needed"));
    assert_eq!(refusal("endopredict_research").as_deref(), Some("coverage: 7 of 8 genes measured, 8 needed"));
    assert_eq!(refusal("expr_esr1").as_deref(), Some("coverage: 0 of 1 genes measured, 1 needed"));
    assert_eq!(refusal("module_esr1"), None);
    let few = reference.expression(ExpressionScale::Log2, |gene| ("G130".."G200").contains(&gene));
    let scores = score_all(&few, &library, ScoreOptions::default()).unwrap();
    assert!(scores.iter().any(|score| score.outcome.as_ref().is_err_and(|r| r.code() == "background")));
}

#[test]
fn every_score_states_its_source_and_its_caution_and_borrows_no_trade_name() {
    let reference = reference();
    let expression = reference.expression(ExpressionScale::Log2, |_| true);
    let scores = score_all(&expression, &reference.library(&[]), ScoreOptions::default()).unwrap();
    let mut names: Vec<&str> = scores.iter().map(|score| score.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 27);
    for score in &scores {
        assert!(!score.source.is_empty() && !score.caution.is_empty() && !score.label.is_empty());
        assert!(score.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        for trade in ["Oncotype", "MammaPrint", "Prosigna"] {
            assert!(!score.label.contains(trade), "{}", score.label);
        }
    }
    let text = serde_json::to_string(&scores).unwrap();
    assert_eq!(serde_json::from_str::<Vec<ScoreTable>>(&text).unwrap(), scores);
}
