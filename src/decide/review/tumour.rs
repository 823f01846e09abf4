use super::Findings;
use crate::decide::record::{ClinicalRecord, Her2, Receptor};

/// Every number within what it can be.
pub(super) fn ranges(record: &ClinicalRecord, findings: &mut Findings) {
    let whole = |value: Option<u8>| value.map(f64::from);
    findings.range("age_years", record.age_years, 18.0, 110.0, " years");
    findings.range("tumour_size_mm", record.tumour_size_mm, 0.0, 200.0, " mm");
    findings.range("grade", whole(record.grade), 1.0, 3.0, "");
    findings.range("nodes_positive", record.nodes_positive, 0.0, 60.0, "");
    findings.range("t_category", whole(record.t_category), 0.0, 4.0, "");
    findings.range("n_category", whole(record.n_category), 0.0, 3.0, "");
    findings.range("stage_group", whole(record.stage_group), 0.0, 4.0, "");
    findings.range("yp_t", whole(record.yp_t), 0.0, 4.0, "");
    findings.range("yp_n", whole(record.yp_n), 0.0, 3.0, "");
    findings.range("er_pct", record.er_pct, 0.0, 100.0, " %");
    findings.range("ki67_pct", record.ki67_pct, 0.0, 100.0, " %");
    findings.range("her2_ihc", whole(record.her2_ihc), 0.0, 3.0, "");
    findings.range("oncotype_rs", record.oncotype_rs, 0.0, 100.0, "");
    findings.range("heart_dose_gy", record.heart_dose_gy, 0.0, 50.0, " Gy");
    let invasive = record.t_category != Some(0) && record.stage_group != Some(0);
    findings.refuse_if(
        record.tumour_size_mm == Some(0.0) && invasive,
        "size_zero",
        &["tumour_size_mm", "t_category"],
        "an invasive size above 0 mm, or category T0 or Tis",
        "0 mm",
    );
    let fraction = |nodes: f64| nodes > 0.0 && nodes.fract() != 0.0 && nodes != 0.5;
    findings.flag_if(
        record.nodes_positive.is_some_and(fraction),
        "nodes_fraction",
        &["nodes_positive"],
        "a whole number of nodes, or 0.5 for a micrometastasis",
        "another fraction",
    );
}

/// Size, nodes, categories and stage.
pub(super) fn extent(record: &ClinicalRecord, findings: &mut Findings) {
    if let (Some(t), Some(size)) = (record.t_category, record.tumour_size_mm) {
        let (low, high) = match t {
            0 => (0.0, 0.0),
            1 => (0.0, 20.0),
            2 => (20.0, 50.0),
            3 => (50.0, f64::INFINITY),
            _ => (0.0, f64::INFINITY),
        };
        let agrees = size >= low && size <= high;
        let found = format!("T{t} with {size} mm");
        let expected = "T0 or Tis without invasive size, T1 to 20 mm, T2 20 to 50 mm, T3 over 50 mm";
        findings.flag_if(!agrees, "t_category_size", &["t_category", "tumour_size_mm"], expected, &found);
    }
    if let (Some(n), Some(nodes)) = (record.n_category, record.nodes_positive) {
        let agrees = match n {
            0 => nodes < 1.0,
            1 => nodes > 0.0 && nodes < 4.0,
            2 => (4.0..10.0).contains(&nodes),
            _ => nodes >= 10.0,
        };
        let found = format!("N{n} with {nodes} nodes");
        let expected = "N0 without, N1 1 to 3, N2 4 to 9, N3 10 or more nodes (clinical categories may differ)";
        findings.flag_if(!agrees, "n_category_nodes", &["n_category", "nodes_positive"], expected, &found);
    }
    let counted = record.nodes_positive.map(|nodes| nodes > 0.0);
    findings.refuse_if(
        counted.zip(record.node_positive).is_some_and(|(count, flag)| count != flag),
        "nodes_contradict",
        &["nodes_positive", "node_positive"],
        "a count and a flag that agree",
        "one involved, the other not",
    );
    let stage = record.stage_group;
    let fields = ["stage_group", "metastatic"];
    findings.refuse_if(
        (stage == Some(4) && record.metastatic == Some(false))
            || (stage.is_some_and(|stage| stage < 4) && record.metastatic == Some(true)),
        "stage_metastatic",
        &fields,
        "stage IV exactly with distant metastasis",
        "one without the other",
    );
    let spread = record.nodes_positive.is_some_and(|nodes| nodes >= 1.0) || record.n_category.is_some_and(|n| n > 0);
    let fields = ["stage_group", "nodes_positive", "n_category"];
    findings.flag_if(
        stage == Some(0) && spread,
        "stage_zero_nodes",
        &fields,
        "stage 0 without nodes",
        "nodes involved",
    );
    let large = record.tumour_size_mm.is_some_and(|size| size > 20.0);
    let many = record.nodes_positive.is_some_and(|nodes| nodes >= 1.0);
    findings.flag_if(
        stage == Some(1) && (large || many),
        "stage_one_extent",
        &["stage_group", "tumour_size_mm", "nodes_positive"],
        "stage I with at most 20 mm and no node beyond micrometastasis",
        "more",
    );
}

/// Receptors and the tests behind them.
pub(super) fn receptors(record: &ClinicalRecord, findings: &mut Findings) {
    if let (Some(er), Some(pct)) = (record.er, record.er_pct) {
        let fields = ["er", "er_pct"];
        let found = format!("{er:?} with {pct} %");
        let expected = "negative under 1 %, low positive 1 to 10 %, positive over 10 %";
        let impossible = match er {
            Receptor::Positive => pct < 1.0,
            Receptor::Negative => pct >= 1.0,
            Receptor::LowPositive => !(1.0..=10.0).contains(&pct),
            Receptor::Equivocal => false,
        };
        findings.refuse_if(impossible, "er_pct_state", &fields, expected, &found);
        let low = er == Receptor::Positive && (1.0..=10.0).contains(&pct);
        findings.flag_if(low, "er_low_called_positive", &fields, "low positive for 1 to 10 %", &found);
    }
    let fields = ["hr_positive", "er", "pr"];
    let positive = record.er == Some(Receptor::Positive) || record.pr == Some(Receptor::Positive);
    let negative = record.er == Some(Receptor::Negative) && record.pr == Some(Receptor::Negative);
    let contradicts = (positive && record.hr_positive == Some(false)) || (negative && record.hr_positive == Some(true));
    findings.refuse_if(
        contradicts,
        "hormone_receptor_contradicts",
        &fields,
        "a flag that follows from ER and PR",
        "another",
    );
    let odd = record.er == Some(Receptor::Negative) && record.pr == Some(Receptor::Positive);
    findings.flag_if(odd, "er_negative_pr_positive", &["er", "pr"], "ER-positive where PR is", "rare: repeat the test");
    let Some(her2) = record.her2 else { return };
    let fields = ["her2", "her2_ihc", "her2_ish_amplified"];
    let amplified = record.her2_ish_amplified;
    let impossible = match (record.her2_ihc, her2) {
        (Some(3), state) => state != Her2::Positive,
        (Some(2), Her2::Positive) => amplified == Some(false),
        (Some(2), Her2::Zero) => true,
        (Some(2), Her2::Low | Her2::Negative) => amplified == Some(true),
        (Some(2), Her2::Equivocal) => amplified.is_some(),
        (Some(1), Her2::Zero) | (Some(0), Her2::Low) => true,
        (Some(0 | 1), Her2::Equivocal) => true,
        (Some(0 | 1), Her2::Positive) => amplified != Some(true),
        _ => false,
    };
    let expected = "positive with 3+ or 2+ and amplified, low with 1+ or 2+ and not amplified, zero with 0";
    let found = format!("{her2:?} with IHC {:?}, amplified {amplified:?}", record.her2_ihc);
    findings.refuse_if(impossible, "her2_ihc_state", &fields, expected, &found);
    let untested = record.her2_ihc == Some(2) && amplified.is_none() && her2 != Her2::Equivocal && her2 != Her2::Zero;
    findings.flag_if(untested, "her2_2_without_ish", &fields, "equivocal for 2+ without in-situ hybridisation", &found);
    let discordant = matches!(record.her2_ihc, Some(0 | 1)) && amplified == Some(true);
    findings.flag_if(discordant, "her2_amplified_low_ihc", &fields, "2+ or 3+ where amplified", &found);
}
