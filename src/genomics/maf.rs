//! Reads variants from a Mutation Annotation Format file.

use std::io;
use std::io::{BufRead, BufReader};

use super::error::{Error, Rule, Violations};
use super::variants::{Call, Variants};

/// Classes that change the protein: non-synonymous coding variants and splice sites.
///
/// # Source
/// The non-silent classes of R `maftools` (Mayakonda 2018), which are also the coding ones of GDC's vocabulary.
pub const NON_SILENT: [&str; 9] = [
    "Frame_Shift_Del",
    "Frame_Shift_Ins",
    "In_Frame_Del",
    "In_Frame_Ins",
    "Missense_Mutation",
    "Nonsense_Mutation",
    "Nonstop_Mutation",
    "Splice_Site",
    "Translation_Start_Site",
];

/// The other classes of the vocabulary of GDC and cBioPortal.
pub const OTHER_CLASSES: [&str; 14] = [
    "3'Flank",
    "3'UTR",
    "5'Flank",
    "5'UTR",
    "De_novo_Start_InFrame",
    "De_novo_Start_OutOfFrame",
    "IGR",
    "Intron",
    "RNA",
    "Silent",
    "Splice_Region",
    "Targeted_Region",
    "Unknown",
    "lincRNA",
];

const GENE: &str = "Hugo_Symbol";
const CLASS: &str = "Variant_Classification";
const SAMPLE: &str = "Tumor_Sample_Barcode";
/// The comment of cBioPortal that names the sequenced samples.
const SEQUENCED: &str = "#Sequenced_Samples:";

impl Variants {
    /// Reads a MAF file: `#` comment lines, a header, then one tab-separated line per variant.
    ///
    /// The comment `#Sequenced_Samples: a b c …` (cBioPortal) names the samples that were sequenced, with or without
    /// variants. Columns are found by name; `Hugo_Symbol`, `Variant_Classification` and `Tumor_Sample_Barcode` are
    /// needed. Quotation marks have no meaning in this format. `Mutation_Status` is not read: a file that mixes germline
    /// or wild-type lines with somatic ones must be filtered first.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Violations`] with the line number of every blank gene, class or sample, every class
    /// outside [`NON_SILENT`] and [`OTHER_CLASSES`], every line with another number of fields than the header and
    /// every sample that the list of sequenced ones does not name; missing columns.
    ///
    /// # Source
    /// GDC MAF format v1.0.0; cBioPortal file formats, "Mutation data".
    pub fn read(reader: impl io::Read, label: &str) -> Result<Self, Error> {
        let failed = |source| Error::Read { label: label.to_owned(), source };
        let mut reader = BufReader::new(reader);
        let mut lines = Lines::default();
        let mut violations = Violations::of(label);
        let mut profiled: Option<Vec<String>> = None;
        let mut header = None;
        while header.is_none() && lines.next(&mut reader).map_err(failed)? {
            match lines.text.strip_prefix('#') {
                None => header = Some(Columns::of(&lines.text, &mut violations)),
                Some(_) => {
                    if let Some(list) = lines.text.strip_prefix(SEQUENCED) {
                        profiled = Some(names(list));
                    }
                }
            }
        }
        let Some(columns) = header.unwrap_or_else(|| {
            violations.add(None, None, Rule::Empty);
            None
        }) else {
            return Err(Error::Violations(violations.into_vec()));
        };
        let (mut variants, mut index) = Self::of(profiled);
        while lines.next(&mut reader).map_err(failed)? {
            let Some(call) = columns.call(&lines, &mut violations) else { continue };
            if !variants.add(call, &mut index) {
                violations.add(Some(lines.number), None, Rule::NotProfiled);
            }
        }
        violations.or(variants)
    }
}

/// Sample names of the comment, each once.
fn names(list: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    list.split_whitespace().filter(|name| seen.insert(*name)).map(ToOwned::to_owned).collect()
}

/// The line that was read last.
#[derive(Debug, Default)]
struct Lines {
    number: usize,
    text: String,
    is_text: bool,
}

impl Lines {
    /// Reads the next line that is not blank; false at the end.
    fn next(&mut self, reader: &mut impl BufRead) -> io::Result<bool> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(false);
            }
            self.number += 1;
            let text = String::from_utf8_lossy(&bytes);
            self.is_text = matches!(text, std::borrow::Cow::Borrowed(_));
            self.text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned();
            if !self.text.trim().is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Where the three columns stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    n_fields: usize,
    gene: usize,
    class: usize,
    sample: usize,
}

impl Columns {
    fn of(header: &str, violations: &mut Violations) -> Option<Self> {
        let fields: Vec<&str> = header.split('\t').map(str::trim).collect();
        let mut find = |name: &'static str| {
            let at = fields.iter().position(|field| *field == name);
            if at.is_none() {
                violations.add(None, None, Rule::MissingColumn(name));
            }
            at
        };
        let (gene, class, sample) = (find(GENE), find(CLASS), find(SAMPLE));
        Some(Self { n_fields: fields.len(), gene: gene?, class: class?, sample: sample? })
    }

    /// The call of a line, or its violations.
    fn call<'a>(&self, line: &'a Lines, violations: &mut Violations) -> Option<Call<'a>> {
        let row = Some(line.number);
        let fields: Vec<&str> = line.text.split('\t').map(str::trim).collect();
        if !line.is_text {
            violations.add(row, None, Rule::Text);
        }
        if fields.len() != self.n_fields {
            violations.add(row, None, Rule::FieldCount { expected: self.n_fields, found: fields.len() });
            return None;
        }
        let mut field = |at: usize, name: &'static str| {
            let text = fields.get(at).copied().unwrap_or_default();
            if text.is_empty() {
                violations.add(row, Some(at + 1), Rule::Blank(name));
            }
            text
        };
        let (gene, class, sample) = (field(self.gene, GENE), field(self.class, CLASS), field(self.sample, SAMPLE));
        let non_silent = NON_SILENT.contains(&class);
        let known = non_silent || OTHER_CLASSES.contains(&class);
        if !known && !class.is_empty() {
            violations.add(row, Some(self.class + 1), Rule::Vocabulary(CLASS));
        }
        (known && !gene.is_empty() && !sample.is_empty()).then_some(Call { gene, sample, non_silent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genomics::{HRD_GENES, Violation};

    const HEADER: &str = "Hugo_Symbol\tChromosome\tVariant_Classification\tTumor_Sample_Barcode\n";

    fn read(comment: &str, rows: &[[&str; 3]]) -> Result<Variants, Error> {
        let lines: String =
            rows.iter().map(|[gene, class, sample]| format!("{gene}\t1\t{class}\t{sample}\n")).collect();
        Variants::read(format!("{comment}{HEADER}{lines}").as_bytes(), "maf")
    }

    #[test]
    fn counts_and_burden_of_three_samples_by_pencil() {
        let rows = [
            ["TP53", "Missense_Mutation", "b"],
            ["TP53", "Silent", "c"],
            ["MLLT4", "Splice_Site", "b"],
            ["BRCA1", "Frame_Shift_Del", "c"],
            ["TTN", "Intron", "b"],
        ];
        let variants = read("#Sequenced_Samples: a b c\n", &rows).unwrap();
        assert_eq!(variants.samples(), ["a", "b", "c"]);
        assert_eq!(variants.flags("tp53").unwrap(), [false, true, false]);
        assert_eq!(variants.flags("AFDN").unwrap(), [false, true, false]);
        assert_eq!(variants.flags("TTN").unwrap(), [false; 3]);
        assert_eq!(variants.count(), [0, 2, 1]);
        // 2 and 1 variants over half a megabase.
        assert_eq!(variants.tmb(0.5).unwrap(), [0.0, 4.0, 2.0]);
        assert!(matches!(variants.tmb(0.0), Err(Error::OutOfDomain { .. })));
        let hrd = variants.hrd_flags();
        assert_eq!(
            (hrd.assessed.as_slice(), hrd.flags.as_slice()),
            (["BRCA1"].as_slice(), [false, false, true].as_slice())
        );
        assert_eq!(hrd.not_assessed.len(), HRD_GENES.len() - 1);
        assert_eq!((variants.n_variants(), variants.genes().count()), (5, 4));
        assert_eq!(format!("{variants:?}"), "Variants(5 in 4 genes, 3 samples)");
    }

    #[test]
    fn without_the_list_only_samples_that_occur_are_known() {
        let variants = read("#version 2.4\n", &[["TP53", "Silent", "b"], ["PTEN", "RNA", "a"]]).unwrap();
        assert_eq!(variants.profiled, None);
        assert_eq!(variants.samples(), ["b", "a"]);
    }

    #[test]
    fn a_gene_that_the_file_never_names_is_unknown_unless_a_panel_says_it_was_sequenced() {
        let variants = read("#Sequenced_Samples: a\n", &[["TP53", "Silent", "a"]]).unwrap();
        assert!(matches!(variants.flags("BRCA1"), Err(Error::NotSequenced { .. })));
        let variants = variants.with_panel(["BRCA1", "TP53"]);
        assert_eq!(variants.flags("BRCA1").unwrap(), [false]);
        assert_eq!(variants.hrd_flags().assessed, ["BRCA1"]);
        assert!(variants.flags("PTEN").is_err());
    }

    #[test]
    fn every_malformed_line_is_listed_with_its_number_and_no_barcode() {
        let text = format!(
            "#Sequenced_Samples: MB-1\n{HEADER}\t1\tSilent\tMB-1\nTP53\t1\tMissense\tMB-1\nTP53\t1\tSilent\t\n\n\
             TP53\t1\tSilent\nTP53\t1\tSilent\tMB-2\nTP53\t1\tSilent\tMB-1\n"
        );
        let error = Variants::read(text.as_bytes(), "maf").unwrap_err();
        let Error::Violations(found) = &error else { panic!("{error}") };
        let text: Vec<String> = found.iter().map(Violation::to_string).collect();
        assert_eq!(
            text,
            [
                "maf, row 3, column 1: `Hugo_Symbol` is blank",
                "maf, row 4, column 3: `Variant_Classification` holds a word outside its vocabulary",
                "maf, row 5, column 4: `Tumor_Sample_Barcode` is blank",
                "maf, row 7: expected 4 fields, found 3",
                "maf, row 8: the sample is not among the sequenced samples of the file's first line",
            ]
        );
        assert!(!error.to_string().contains("MB-"));
    }

    #[test]
    fn files_without_header_or_columns_are_refused() {
        for text in ["", "#only a comment\n", "Hugo_Symbol\tSample\nTP53\ta\n"] {
            assert!(matches!(Variants::read(text.as_bytes(), "maf"), Err(Error::Violations(_))));
        }
        assert_eq!(Variants::read(HEADER.as_bytes(), "maf").unwrap().samples().len(), 0);
    }
}
