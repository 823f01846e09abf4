//! Somatic variants of a cohort: flags per gene, counts and mutational burden.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::error::Error;
use super::symbols::current_symbol;

/// Genes of homologous recombination of which [`Variants::hrd_flags`] looks for non-silent variants.
///
/// BRCA1, BRCA2, PALB2, RAD51C and RAD51D, whose loss gives the genomic scars of homologous-recombination deficiency,
/// and RAD51B, BARD1 and BRIP1, their partners on clinical panels. ATM and CHEK2 are left out: their loss rarely
/// gives those scars.
///
/// # Source
/// Nguyen et al., Nat Commun 2020;11:5584 (BRCA1, BRCA2, PALB2, RAD51C); Tung & Garber, Br J Cancer 2018;119:141.
pub const HRD_GENES: [&str; 8] = ["BARD1", "BRCA1", "BRCA2", "BRIP1", "PALB2", "RAD51B", "RAD51C", "RAD51D"];

/// Non-silent variants in homologous-recombination genes.
///
/// A hint, not a diagnosis: variants of unknown significance count, germline variants and methylation are not seen.
#[derive(Clone, PartialEq, Eq)]
pub struct HrdFlags {
    /// Genes of [`HRD_GENES`] that were sequenced, as far as the file or the panel tells.
    pub assessed: Vec<&'static str>,
    /// Genes of [`HRD_GENES`] of which nothing is known: absent from the panel, or from a file without one.
    pub not_assessed: Vec<&'static str>,
    /// Per sample: a non-silent variant in at least one assessed gene.
    pub flags: Vec<bool>,
}

impl fmt::Debug for HrdFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.flags.iter().filter(|&&flag| flag).count();
        write!(f, "HrdFlags(assessed {:?}, not assessed {:?}, {n} samples)", self.assessed, self.not_assessed)
    }
}

/// The variants of one file, counted by gene and sample.
///
/// Every answer has one entry per sample of [`Variants::samples`], in its order. `Debug` shows counts only.
#[derive(Clone, PartialEq)]
pub struct Variants {
    /// Samples that were sequenced, from the file's first line `#Sequenced_Samples:`. `None` without that line: then
    /// only samples with at least one variant are known, and a sample without a variant cannot be told from one
    /// that was never sequenced.
    pub profiled: Option<Vec<String>>,
    samples: Vec<String>,
    genes: BTreeSet<String>,
    panel: Option<BTreeSet<String>>,
    /// Gene, then index of the sample, for non-silent variants.
    non_silent: BTreeMap<String, BTreeSet<usize>>,
    /// Non-silent variants per sample.
    counts: Vec<usize>,
    n_variants: usize,
}

impl fmt::Debug for Variants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variants({} in {} genes, {} samples)", self.n_variants, self.genes.len(), self.samples.len())
    }
}

/// One line of a variant file, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub gene: &'a str,
    pub sample: &'a str,
    pub non_silent: bool,
}

impl Variants {
    /// An empty cohort of the sequenced samples, or of those that will occur.
    pub(super) fn of(profiled: Option<Vec<String>>) -> (Self, BTreeMap<String, usize>) {
        let samples = profiled.clone().unwrap_or_default();
        let index = samples.iter().enumerate().map(|(at, sample)| (sample.clone(), at)).collect();
        let counts = vec![0; samples.len()];
        let (genes, non_silent) = (BTreeSet::new(), BTreeMap::new());
        (Self { profiled, samples, genes, panel: None, non_silent, counts, n_variants: 0 }, index)
    }

    /// Counts a call; false when its sample is not among the sequenced ones.
    pub(super) fn add(&mut self, call: Call<'_>, index: &mut BTreeMap<String, usize>) -> bool {
        let at = match (index.get(call.sample), &self.profiled) {
            (Some(&at), _) => at,
            (None, Some(_)) => return false,
            (None, None) => {
                let at = self.samples.len();
                index.insert(call.sample.to_owned(), at);
                self.samples.push(call.sample.to_owned());
                self.counts.push(0);
                at
            }
        };
        let gene = current_symbol(call.gene);
        self.n_variants += 1;
        if call.non_silent {
            self.counts.iter_mut().skip(at).take(1).for_each(|count| *count += 1);
            self.non_silent.entry(gene.clone()).or_default().insert(at);
        }
        self.genes.insert(gene);
        true
    }

    /// Returns the same variants with the genes declared that were sequenced.
    ///
    /// On a declared panel a gene without any variant is known to be without; otherwise a gene that no line of the
    /// file names is of unknown state.
    #[must_use]
    pub fn with_panel<'a>(mut self, genes: impl IntoIterator<Item = &'a str>) -> Self {
        self.panel = Some(genes.into_iter().map(current_symbol).collect());
        self
    }

    /// Samples of every answer: those sequenced where known, otherwise those that occur. They may identify a
    /// patient: for joins only.
    #[must_use]
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    /// Genes named in the file, by current symbol.
    pub fn genes(&self) -> impl Iterator<Item = &str> {
        self.genes.iter().map(String::as_str)
    }

    /// Variants of any class.
    #[must_use]
    pub fn n_variants(&self) -> usize {
        self.n_variants
    }

    /// Returns per sample whether the gene carries a non-silent variant.
    ///
    /// # Errors
    /// [`Error::NotSequenced`] for a gene off the declared panel or, without one, that the file never names.
    pub fn flags(&self, gene: &str) -> Result<Vec<bool>, Error> {
        let gene = current_symbol(gene);
        if !self.knows(&gene) {
            return Err(Error::NotSequenced { gene });
        }
        let carriers = self.non_silent.get(&gene);
        Ok((0..self.samples.len()).map(|at| carriers.is_some_and(|carriers| carriers.contains(&at))).collect())
    }

    /// Returns the number of non-silent variants of each sample.
    #[must_use]
    pub fn count(&self) -> &[usize] {
        &self.counts
    }

    /// Returns the mutational burden of each sample: non-synonymous coding variants per megabase.
    ///
    /// `megabases` is the length of coding sequence that was sequenced, which no variant file tells. On a small panel
    /// chosen for cancer genes the burden overestimates that of the exome.
    ///
    /// # Errors
    /// [`Error::OutOfDomain`] unless `megabases` is finite and above 0.
    pub fn tmb(&self, megabases: f64) -> Result<Vec<f64>, Error> {
        if !(megabases.is_finite() && megabases > 0.0) {
            let expected = "a finite length above 0";
            return Err(Error::OutOfDomain { what: "megabases sequenced", expected, found: megabases });
        }
        Ok(self.counts.iter().map(|&count| count as f64 / megabases).collect())
    }

    /// Returns per sample whether one of [`HRD_GENES`] carries a non-silent variant, and which were assessed.
    #[must_use]
    pub fn hrd_flags(&self) -> HrdFlags {
        let (assessed, not_assessed): (Vec<_>, Vec<_>) = HRD_GENES.into_iter().partition(|gene| self.knows(gene));
        let carriers: BTreeSet<usize> =
            assessed.iter().filter_map(|gene| self.non_silent.get(*gene)).flatten().copied().collect();
        let flags = (0..self.samples.len()).map(|at| carriers.contains(&at)).collect();
        HrdFlags { assessed, not_assessed, flags }
    }

    fn knows(&self, gene: &str) -> bool {
        self.panel.as_ref().unwrap_or(&self.genes).contains(gene)
    }
}
