//! The file formats of the signature tables.

use std::collections::BTreeSet;

use super::error::{Rule, Violation, Violations};
use super::library::{
    ENDOPREDICT_FILE, EndoPredictGene, GENE70_FILE, GGI_FILE, GeneModule, MODULES_FILE, PAM50_FILE, RS21_FILE,
    Rs21Gene, Rs21Group, SignatureTable,
};
use super::symbols::current_symbol;

/// Centroids as PAM50 names them, in the order of the table's values.
pub(super) const CENTROIDS: [&str; 5] = ["Basal", "Her2", "LumA", "LumB", "Normal"];

type Parsed<G> = Result<SignatureTable<G>, Vec<Violation>>;

/// The data rows of a table with the columns that are asked for.
struct Rows {
    /// Line number from 1, then the asked columns, blank and `NA` as empty text.
    rows: Vec<(usize, Vec<String>)>,
    violations: Violations,
}

impl Rows {
    fn read(text: &str, file: &str, columns: &[&'static str]) -> Self {
        let mut violations = Violations::of(file);
        let data = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        let mut at: Option<Vec<Option<usize>>> = None;
        let mut rows = Vec::new();
        for (number, line) in data {
            let fields = fields(line);
            if let Some(at) = &at {
                let pick = |column: &Option<usize>| column.and_then(|c| fields.get(c)).cloned().unwrap_or_default();
                let picked: Vec<String> = at.iter().map(pick).collect();
                if picked.iter().any(|field| !field.is_empty()) {
                    rows.push((number + 1, picked));
                }
            } else {
                at = Some(columns.iter().map(|name| fields.iter().position(|field| field == name)).collect());
            }
        }
        let at = at.unwrap_or_default();
        for (column, name) in columns.iter().enumerate() {
            if at.get(column).copied().flatten().is_none() {
                violations.add(None, None, Rule::MissingColumn(name));
            }
        }
        if rows.is_empty() {
            violations.add(None, None, Rule::Empty);
        }
        let absent = at.iter().any(Option::is_none);
        Self { rows: if absent { Vec::new() } else { rows }, violations }
    }

    fn number(&mut self, line: usize, text: &str) -> f64 {
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        if value.is_none() {
            self.violations.add(Some(line), None, Rule::NotNumber);
        }
        value.unwrap_or_default()
    }

    fn finish<T>(self, value: T) -> Result<T, Vec<Violation>> {
        let violations = self.violations.into_vec();
        if violations.is_empty() { Ok(value) } else { Err(violations) }
    }
}

/// The fields of one line; `NA` becomes empty. Quoted line ends do not occur in these tables.
fn fields(line: &str) -> Vec<String> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    let record = csv.records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(|field| if field.trim() == "NA" { String::new() } else { field.trim().to_owned() }).collect()
}

/// Collects genes, of several rows of one gene the first.
struct Genes<G> {
    seen: BTreeSet<String>,
    table: SignatureTable<G>,
}

impl<G> Genes<G> {
    fn of(file: &'static str) -> Self {
        Self { seen: BTreeSet::new(), table: SignatureTable { file, genes: Vec::new(), n_unnamed: 0 } }
    }

    fn is_new(&mut self, symbol: &str) -> bool {
        if symbol.is_empty() {
            self.table.n_unnamed += 1;
            return false;
        }
        self.seen.insert(current_symbol(symbol))
    }

    fn push(&mut self, symbol: &str, gene: G) {
        self.table.genes.push((current_symbol(symbol), gene));
    }
}

/// Reports a gene that comes twice in a table of one row per gene.
fn once(rows: &mut Rows, line: usize, symbol: &str, is_new: bool) {
    if !is_new {
        let gene = current_symbol(symbol);
        rows.violations.add(Some(line), None, Rule::DuplicateGene { gene, positions: vec![line] });
    }
}

pub(super) fn pam50(text: &str) -> Parsed<[f64; 5]> {
    let mut rows = Rows::read(text, PAM50_FILE, &["probe"]);
    let mut genes = Genes::of(PAM50_FILE);
    let probes = std::mem::take(&mut rows.rows);
    let centroids = CENTROIDS.map(|name| centroid(text, name));
    for (name, values) in CENTROIDS.into_iter().zip(&centroids) {
        if values.len() != probes.len() {
            let rule = Rule::Centroid { name, expected: probes.len(), found: values.len() };
            rows.violations.add(None, None, rule);
        }
    }
    for (at, (line, row)) in probes.iter().enumerate() {
        let symbol = row.first().map_or("", String::as_str);
        let is_new = genes.is_new(symbol);
        once(&mut rows, *line, symbol, is_new);
        genes.push(symbol, centroids.each_ref().map(|values| values.get(at).copied().unwrap_or_default()));
    }
    rows.finish(genes.table)
}

/// The values of the comment line `# centroid.NAME: v v v …`; those that are no numbers are left out and so counted.
fn centroid(text: &str, name: &str) -> Vec<f64> {
    let prefix = format!("centroid.{name}:");
    let line =
        text.lines().filter_map(|line| line.strip_prefix('#')).find_map(|c| c.trim_start().strip_prefix(&prefix));
    let words = line.unwrap_or_default().split_whitespace();
    words.filter_map(|word| word.parse::<f64>().ok()).filter(|value| value.is_finite()).collect()
}

pub(super) fn rs21(text: &str) -> Parsed<Rs21Gene> {
    let mut rows = Rows::read(text, RS21_FILE, &["symbol", "group", "weight"]);
    let mut genes = Genes::of(RS21_FILE);
    for (line, row) in std::mem::take(&mut rows.rows) {
        let [symbol, group, coef] = row.as_slice() else { continue };
        let group = match group.as_str() {
            "proliferation" => Rs21Group::Proliferation,
            "her2" => Rs21Group::Her2,
            "invasion" | "estrogen" | "undefined" => Rs21Group::Other,
            "reference" => Rs21Group::Reference,
            _ => {
                rows.violations.add(Some(line), None, Rule::Vocabulary("group"));
                continue;
            }
        };
        let coef = if group == Rs21Group::Reference { 0.0 } else { rows.number(line, coef) };
        let is_new = genes.is_new(symbol);
        once(&mut rows, line, symbol, is_new);
        genes.push(symbol, Rs21Gene { group, coef });
    }
    rows.finish(genes.table)
}

pub(super) fn endopredict(text: &str) -> Parsed<EndoPredictGene> {
    let mut rows = Rows::read(text, ENDOPREDICT_FILE, &["symbol", "group", "weight", "a", "b"]);
    let mut genes = Genes::of(ENDOPREDICT_FILE);
    for (line, row) in std::mem::take(&mut rows.rows) {
        let [symbol, group, coef, a, b] = row.as_slice() else { continue };
        match group.as_str() {
            "REFERENCE" => continue,
            "GOI" => {}
            _ => {
                rows.violations.add(Some(line), None, Rule::Vocabulary("group"));
                continue;
            }
        }
        let gene = EndoPredictGene { coef: rows.number(line, coef), a: rows.number(line, a), b: rows.number(line, b) };
        if gene.a == 0.0 {
            rows.violations.add(Some(line), None, Rule::NotNumber);
        }
        let is_new = genes.is_new(symbol);
        once(&mut rows, line, symbol, is_new);
        genes.push(symbol, gene);
    }
    rows.finish(genes.table)
}

pub(super) fn ggi(text: &str) -> Parsed<f64> {
    let mut rows = Rows::read(text, GGI_FILE, &["grade", "HUGO.gene.symbol", "NCBI.gene.symbol"]);
    let mut genes = Genes::of(GGI_FILE);
    for (line, row) in std::mem::take(&mut rows.rows) {
        let [grade, hugo, ncbi] = row.as_slice() else { continue };
        let symbol = if hugo.is_empty() { ncbi } else { hugo };
        let sign = match grade.as_str() {
            "3" => 1.0,
            "1" => -1.0,
            _ => {
                rows.violations.add(Some(line), None, Rule::Vocabulary("grade"));
                continue;
            }
        };
        if genes.is_new(symbol) {
            genes.push(symbol, sign);
        }
    }
    rows.finish(genes.table)
}

pub(super) fn gene70(text: &str) -> Parsed<f64> {
    const PROFILE: &str = "average.good.prognosis.profile";
    let mut rows = Rows::read(text, GENE70_FILE, &[PROFILE, "HUGO.gene.symbol", "NCBI.gene.symbol"]);
    let mut genes = Genes::of(GENE70_FILE);
    for (line, row) in std::mem::take(&mut rows.rows) {
        let [profile, hugo, ncbi] = row.as_slice() else { continue };
        let symbol = if hugo.is_empty() { ncbi } else { hugo };
        let value = rows.number(line, profile);
        if genes.is_new(symbol) {
            genes.push(symbol, value);
        }
    }
    rows.finish(genes.table)
}

pub(super) fn modules(text: &str) -> Result<Vec<GeneModule>, Vec<Violation>> {
    let mut rows = Rows::read(text, MODULES_FILE, &["module", "HUGO.gene.symbol", "coefficient"]);
    let mut modules: Vec<(String, Genes<f64>)> = Vec::new();
    for (line, row) in std::mem::take(&mut rows.rows) {
        let [module, symbol, coef] = row.as_slice() else { continue };
        if !module.is_empty() && modules.last().is_none_or(|(name, _)| name != module) {
            modules.push((module.clone(), Genes::of(MODULES_FILE)));
        }
        let coef = rows.number(line, coef);
        let Some((_, genes)) = modules.last_mut() else {
            rows.violations.add(Some(line), None, Rule::Blank("module"));
            continue;
        };
        if genes.is_new(symbol) {
            genes.push(symbol, coef);
        }
    }
    let modules = modules.into_iter().map(|(name, genes)| GeneModule { name, table: genes.table }).collect();
    rows.finish(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_stand_in_comments_and_must_have_a_value_per_gene() {
        let head =
            "# std: none\n# centroid.Basal: 1 -2\n# centroid.Her2: 0 0\n# centroid.LumA: 0 0\n# centroid.LumB: 0 1\n";
        let text =
            format!("{head}# centroid.Normal: 3 4\n\"probe\",\"EntrezGene.ID\"\n\"CDCA1\",\"1\"\n\"ESR1\",\"2\"\n");
        let table = pam50(&text).unwrap();
        assert_eq!(table.genes[0], ("NUF2".to_owned(), [1.0, 0.0, 0.0, 0.0, 3.0]));
        let short = text.replace("# centroid.Normal: 3 4", "# centroid.Normal: 3");
        let found = pam50(&short).unwrap_err();
        assert_eq!(found[0].rule, Rule::Centroid { name: "Normal", expected: 2, found: 1 });
    }

    #[test]
    fn a_module_name_covers_the_rows_below_it() {
        let text = "\"module\",\"HUGO.gene.symbol\",\"coefficient\"\n\"ESR1\",\"ESR1\",\"1\"\n,\"NA\",\"0.5\"\n,\"ESR1\",\"9\"\n\
                    ,,\n\"STAT1\",\"INDO\",\"-0.5\"\n";
        let found = modules(text).unwrap();
        assert_eq!(
            (found[0].table.genes.as_slice(), found[0].table.n_unnamed),
            ([("ESR1".to_owned(), 1.0)].as_slice(), 1)
        );
        assert_eq!((found[1].name.as_str(), found[1].table.genes[0].clone()), ("STAT1", ("IDO1".to_owned(), -0.5)));
    }

    #[test]
    fn the_first_probe_of_a_gene_counts_and_ncbi_symbols_stand_in() {
        let text = "grade,NCBI.gene.symbol,HUGO.gene.symbol\n3,BIRC5,BIRC5\n1,BIRC5,BIRC5\n3,DCC1,NA\n1,NA,NA\n";
        let table = ggi(text).unwrap();
        assert_eq!(table.genes, [("BIRC5".to_owned(), 1.0), ("DSCC1".to_owned(), 1.0)]);
        assert_eq!(table.n_unnamed, 1);
    }

    #[test]
    fn a_gene_twice_or_an_unknown_group_breaks_the_tables_of_one_row_per_gene() {
        let text = "symbol,group,weight\nESR1,estrogen,-0.1\nESR1,estrogen,-0.1\nPGR,hormone,1\n";
        let rules: Vec<Rule> = rs21(text).unwrap_err().into_iter().map(|v| v.rule).collect();
        assert_eq!(
            rules,
            [Rule::DuplicateGene { gene: "ESR1".to_owned(), positions: vec![3] }, Rule::Vocabulary("group")]
        );
    }
}
