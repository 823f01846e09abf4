//! Published signature tables, read at run time from a folder in genefu's file format.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::error::{Error, Violation};
use super::table_file;

/// File of the PAM50 centroids.
pub const PAM50_FILE: &str = "pam50_model.csv";
/// File of the 21 genes.
pub const RS21_FILE: &str = "paik2004_sig_oncotypedx.csv";
/// File of the EndoPredict genes.
pub const ENDOPREDICT_FILE: &str = "filipits2011_sig_endopredict.csv";
/// File of the genes of the genomic grade index.
pub const GGI_FILE: &str = "sotiriou2006_sig_ggi.csv";
/// File of the 70 genes.
pub const GENE70_FILE: &str = "veer2002_sig_gene70.csv";
/// File of the gene modules.
pub const MODULES_FILE: &str = "desmedt2008_genemodules.csv";

/// A table as read: its file, its genes with what belongs to each, and what could not be used.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureTable<G> {
    /// File name inside the folder.
    pub file: &'static str,
    /// Genes by current symbol, in the order of the file, each once: of several probes of a gene the first counts.
    pub genes: Vec<(String, G)>,
    /// Probes without a gene symbol, which no matrix of symbols can match.
    pub n_unnamed: usize,
}

impl<G> SignatureTable<G> {
    /// Current symbols of the genes.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.genes.iter().map(|(symbol, _)| symbol.as_str())
    }
}

/// Group of a gene of the 21-gene score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rs21Group {
    /// Five genes; the group score is held above a floor.
    Proliferation,
    /// Two genes; the group score is held above a floor.
    Her2,
    /// Invasion, oestrogen and single genes: no floor.
    Other,
    /// Five genes to which the others are normalised.
    Reference,
}

/// A gene of the 21-gene score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rs21Gene {
    /// Its group.
    pub group: Rs21Group,
    /// Its coefficient in the unscaled score, 0 for a reference gene.
    pub coef: f64,
}

/// A gene of interest of EndoPredict: ΔCt = (x − b) / a, entering the score with its coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndoPredictGene {
    /// Coefficient in the unscaled score.
    pub coef: f64,
    /// Slope of array signal on ΔCt.
    pub a: f64,
    /// Array signal at ΔCt 0.
    pub b: f64,
}

/// A gene module: the prototype's name and the genes with signed coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneModule {
    /// Prototype gene, `ESR1` for example.
    pub name: String,
    /// Signed coefficients.
    pub table: SignatureTable<f64>,
}

/// The signature tables of one folder; a table whose file is absent is `None`, and its scores will be refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SignatureLibrary {
    /// Centroids in the order Basal, Her2, LumA, LumB, Normal.
    pub pam50: Option<SignatureTable<[f64; 5]>>,
    /// The 21 genes.
    pub rs21: Option<SignatureTable<Rs21Gene>>,
    /// The eight genes of interest of EndoPredict; its reference genes are not used.
    pub endopredict: Option<SignatureTable<EndoPredictGene>>,
    /// +1 for a gene up in grade 3, −1 for a gene up in grade 1.
    pub ggi: Option<SignatureTable<f64>>,
    /// Mean log-ratio in tumours of good prognosis.
    pub gene70: Option<SignatureTable<f64>>,
    /// Gene modules in the order of the file.
    pub modules: Option<Vec<GeneModule>>,
}

impl SignatureLibrary {
    /// Reads every table that is there.
    ///
    /// Accepts `\n`, `\r\n` and `\r` line ends, `#` comment lines, quoted or plain headers and module names given
    /// only on the first row of a module. A file that is absent is no error.
    ///
    /// # Errors
    /// [`Error::Read`] for a file that is there and cannot be read; [`Error::Violations`] with every missing
    /// column, blank or unreadable number and gene given twice (in tables of one row per gene), over all files.
    ///
    /// # Source
    /// Tables as exported from R `genefu`: Parker 2009, Paik 2004, Filipits 2011, Sotiriou 2006, van 't Veer 2002,
    /// Desmedt 2008.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let mut broken = Vec::new();
        let library = Self {
            pam50: read_table(dir, PAM50_FILE, table_file::pam50, &mut broken)?,
            rs21: read_table(dir, RS21_FILE, table_file::rs21, &mut broken)?,
            endopredict: read_table(dir, ENDOPREDICT_FILE, table_file::endopredict, &mut broken)?,
            ggi: read_table(dir, GGI_FILE, table_file::ggi, &mut broken)?,
            gene70: read_table(dir, GENE70_FILE, table_file::gene70, &mut broken)?,
            modules: read_table(dir, MODULES_FILE, table_file::modules, &mut broken)?,
        };
        if broken.is_empty() { Ok(library) } else { Err(Error::Violations(broken)) }
    }

    /// Names of the files that were found.
    #[must_use]
    pub fn files(&self) -> Vec<&'static str> {
        [
            self.pam50.as_ref().map(|table| table.file),
            self.rs21.as_ref().map(|table| table.file),
            self.endopredict.as_ref().map(|table| table.file),
            self.ggi.as_ref().map(|table| table.file),
            self.gene70.as_ref().map(|table| table.file),
            self.modules.as_ref().map(|_| MODULES_FILE),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Genes of the tables whose scores need a per-gene scaling (PAM50, 21 genes, EndoPredict, 70 genes).
    #[must_use]
    pub fn scaled_genes(&self) -> BTreeSet<&str> {
        let pam50 = self.pam50.iter().flat_map(SignatureTable::symbols);
        let rs21 = self.rs21.iter().flat_map(SignatureTable::symbols);
        let endopredict = self.endopredict.iter().flat_map(SignatureTable::symbols);
        let gene70 = self.gene70.iter().flat_map(SignatureTable::symbols);
        pam50.chain(rs21).chain(endopredict).chain(gene70).collect()
    }

    /// The module of a prototype gene.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&GeneModule> {
        self.modules.as_ref()?.iter().find(|module| module.name.eq_ignore_ascii_case(name))
    }
}

fn read_table<T>(
    dir: &Path,
    file: &'static str,
    parse: fn(&str) -> Result<T, Vec<Violation>>,
    broken: &mut Vec<Violation>,
) -> Result<Option<T>, Error> {
    let text = match fs::read(dir.join(file)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\r', "\n"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { label: file.to_owned(), source }),
    };
    match parse(&text) {
        Ok(table) => Ok(Some(table)),
        Err(violations) => {
            broken.extend(violations);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_a_library_without_tables() {
        let folder = tempfile::tempdir().unwrap();
        let library = SignatureLibrary::read(folder.path()).unwrap();
        assert_eq!(library, SignatureLibrary::default());
        assert!(library.files().is_empty() && library.module("ESR1").is_none());
    }

    #[test]
    fn violations_of_all_files_come_together() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(GGI_FILE), "probe,grade\rp1,3\r").unwrap();
        fs::write(folder.path().join(RS21_FILE), "symbol,group,weight\rMKI67,proliferation,x\r").unwrap();
        let Err(Error::Violations(found)) = SignatureLibrary::read(folder.path()) else { panic!("read") };
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "paik2004_sig_oncotypedx.csv, row 2: expected a number or a blank, NA or NaN",
                "sotiriou2006_sig_ggi.csv: column `HUGO.gene.symbol` is absent",
                "sotiriou2006_sig_ggi.csv: column `NCBI.gene.symbol` is absent",
            ]
        );
    }
}
