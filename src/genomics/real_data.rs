//! The public files, read in place; each test says so and passes when they are absent.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use super::*;
use crate::stats::roc_auc_value;

fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("REGIMEN_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no public data at {}", path.display());
    None
}

fn metabric() -> Option<Expression> {
    let file = File::open(data("metabric/expression_zscore_300genes_1559pts.csv")?).unwrap();
    let format = MatrixFormat::new(Layout::SamplesInRows, b',', ExpressionScale::ZScore);
    Some(Expression::read(file, "METABRIC expression", format).unwrap())
}

/// One column of the clinical table by sample.
fn clinical(column: &str) -> Option<BTreeMap<String, String>> {
    let file = File::open(data("metabric/brca_metabric_clinical_data.tsv")?).unwrap();
    let mut csv = csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).from_reader(file);
    let header = csv.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|field| field == name).unwrap();
    let (sample, value) = (at("Sample ID"), at(column));
    let records = csv.records().map(Result::unwrap);
    Some(records.map(|record| (record[sample].to_owned(), record[value].to_owned())).collect())
}

#[test]
fn the_real_tables_have_the_genes_of_their_papers() {
    let Some(folder) = data("signatures") else { return };
    let library = SignatureLibrary::read(&folder).unwrap();
    assert_eq!(library.files().len(), 6);
    assert_eq!(library.pam50.as_ref().unwrap().genes.len(), 50);
    let rs21 = library.rs21.as_ref().unwrap();
    assert_eq!(rs21.genes.iter().filter(|(_, gene)| gene.group == Rs21Group::Reference).count(), 5);
    assert_eq!(rs21.genes.len(), 21);
    assert_eq!(library.endopredict.as_ref().unwrap().genes.len(), 8);
    let shape = |table: &SignatureTable<f64>| (table.genes.len(), table.n_unnamed);
    assert_eq!(shape(library.ggi.as_ref().unwrap()), (104, 11));
    assert_eq!(shape(library.gene70.as_ref().unwrap()), (52, 14));
    let sizes: Vec<(&str, usize)> =
        library.modules.iter().flatten().map(|module| (module.name.as_str(), module.table.genes.len())).collect();
    let expected =
        [("ESR1", 458), ("ERBB2", 28), ("AURKA", 223), ("PLAU", 68), ("VEGF", 14), ("STAT1", 89), ("CASP3", 9)];
    assert_eq!(sizes, expected);
}

#[test]
fn a_simulated_full_matrix_gets_every_score_from_the_real_tables() {
    let Some(folder) = data("signatures") else { return };
    let library = SignatureLibrary::read(&folder).unwrap();
    let modules = library.modules.iter().flatten().flat_map(|module| module.table.symbols());
    let genes: std::collections::BTreeSet<&str> = library.scaled_genes().into_iter().chain(modules).collect();
    let grade = library.ggi.iter().flat_map(SignatureTable::symbols);
    let genes: std::collections::BTreeSet<&str> = genes.into_iter().chain(grade).chain(["PGR", "MKI67"]).collect();
    let genes: Vec<String> = genes.into_iter().map(ToOwned::to_owned).collect();
    let samples: Vec<String> = (0..30).map(|s| format!("s{s}")).collect();
    // Weyl sequence: any numbers will do.
    let n_values = genes.len() * samples.len();
    let values: Vec<f64> = (0..n_values).map(|i| 6.0 + 6.0 * (i as f64 * 0.618_033_988_749_895).fract()).collect();
    let matrix = Expression::from_parts(genes, samples, values, ExpressionScale::Log2, DuplicateGenes::Refuse).unwrap();
    let training: Vec<usize> = (0..20).collect();
    let scaling = SignatureScaling::fit(&matrix, &library, &training, None).unwrap();
    let scores = score_all(&matrix, &library, ScoreOptions { scaling: Some(&scaling), batches: None }).unwrap();
    for score in &scores {
        let values = score.numbers().map(|values| values.iter().flatten().count());
        let n = values.or_else(|| score.words().map(|words| words.iter().flatten().count()));
        assert_eq!(n, Some(30), "{}: {:?}", score.name, score.outcome.as_ref().err());
        println!("{}: {}/{} needed {}", score.name, score.n_found, score.n_genes, score.n_needed);
    }
}

#[test]
fn the_metabric_extract_is_refused_for_coverage_and_keeps_erbb2() {
    let (Some(matrix), Some(folder)) = (metabric(), data("signatures")) else { return };
    let library = SignatureLibrary::read(&folder).unwrap();
    let scores = score_all(&matrix, &library, ScoreOptions::default()).unwrap();
    for score in &scores {
        let outcome = score.outcome.as_ref().map_or_else(ToString::to_string, |_| "computed".to_owned());
        println!("{}: {} of {} ({} needed): {outcome}", score.name, score.n_found, score.n_genes, score.n_needed);
        let computed = score.outcome.is_ok();
        assert_eq!(computed, score.name == "expr_erbb2", "{}", score.name);
        assert!(computed || score.outcome.as_ref().is_err_and(|refusal| refusal.code() == "coverage"));
    }
    let found = |name: &str| scores.iter().find(|score| score.name == name).map(|score| score.n_found);
    assert_eq!((found("ror_s"), found("rs21_research"), found("endopredict_research")), (Some(6), Some(3), Some(0)));
}

#[test]
fn erbb2_expression_ranks_her2_status_in_metabric() {
    let (Some(matrix), Some(status)) = (metabric(), clinical("HER2 Status")) else { return };
    assert_eq!((matrix.genes().len(), matrix.samples().len()), (300, 1559));
    let (mut y, mut x) = (Vec::new(), Vec::new());
    for (sample, &value) in matrix.samples().iter().zip(matrix.gene("ERBB2").unwrap()) {
        if let Some(status) = status.get(sample).filter(|s| *s == "Positive" || *s == "Negative")
            && value.is_finite()
        {
            y.push(status == "Positive");
            x.push(value);
        }
    }
    let area = roc_auc_value(&y, &x).unwrap();
    println!("ERBB2 against HER2 status: AUC {area:.4}, {} of {} positive", y.iter().filter(|p| **p).count(), y.len());
    // METABRIC's HER2 status follows expression: this says that columns and rows were read right, no more.
    assert!(area > 0.9, "{area}");
}

#[test]
fn the_metabric_variants_are_counted_as_the_clinical_table_counts_them() {
    let Some(path) = data("metabric/data_mutations_extended.txt") else { return };
    let variants = Variants::read(File::open(path).unwrap(), "METABRIC variants").unwrap();
    assert_eq!((variants.n_variants(), variants.genes().count()), (17_272, 173));
    assert_eq!(variants.count().iter().sum::<usize>(), 13_023);
    let carriers = |gene: &str| variants.flags(gene).unwrap().iter().filter(|flag| **flag).count();
    println!("PIK3CA {}, TP53 {}, GATA3 {}", carriers("PIK3CA"), carriers("TP53"), carriers("GATA3"));
    let hrd = variants.hrd_flags();
    println!("{hrd:?}");
    assert_eq!(hrd.assessed, ["BRCA1", "BRCA2", "BRIP1"]);
    // The table's burden is the count over 0.7648 Mb, save for samples sequenced on less.
    let Some(burden) = clinical("TMB (nonsynonymous)") else { return };
    let mine = variants.tmb(0.764_8).unwrap();
    let pairs = variants
        .samples()
        .iter()
        .zip(&mine)
        .filter_map(|(sample, mine)| Some((burden.get(sample)?.parse::<f64>().ok()?, *mine)));
    let pairs: Vec<(f64, f64)> = pairs.collect();
    let same = pairs.iter().filter(|(table, mine)| (table - mine).abs() < 1e-3 * table.max(1.0)).count();
    println!("burden equal for {same} of {} samples; {} sequenced", pairs.len(), variants.samples().len());
    assert!(same as f64 > 0.9 * pairs.len() as f64);
}
