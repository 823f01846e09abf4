use scraper::{Html, Selector};

use super::fixtures::{
    all, before_surgery, man, missing_modalities, normal, out_of_distribution, surgery_first, unclear_receptor,
    unknown_her2,
};
use super::{IndexEntry, IndexMeta, ReportView, html, index_html, json};
use crate::study::Assessment;

fn page(from: &Assessment) -> String {
    html(&ReportView::new(from)).unwrap()
}

fn texts(page: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    let tidy = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Html::parse_document(page).select(&selector).map(|each| tidy(each.text().collect())).collect()
}

fn text(page: &str, selector: &str) -> String {
    texts(page, selector).join(" | ")
}

/// Numeric leaves under the keys of an estimate.
fn estimates(value: &serde_json::Value, found: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(map) => {
            if let (Some(text), Some(interval)) = (map.get("text"), map.get("interval_text")) {
                found.push((text.as_str().unwrap().to_owned(), interval.as_str().unwrap().to_owned()));
            }
            map.values().for_each(|each| estimates(each, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|each| estimates(each, found)),
        _ => {}
    }
}

#[test]
fn a_synthetic_patient_is_called_synthetic_everywhere() {
    let synthetic = page(&normal());
    assert!(text(&synthetic, "title").starts_with("SYNTHETIC"));
    assert_eq!(texts(&synthetic, ".running .synthetic").len(), 1);
    assert!(json(&ReportView::new(&normal())).contains("\"synthetic\": true"));
    assert!(!page(&missing_modalities()).contains("SYNTHETIC"));
}

#[test]
fn the_banner_stands_in_the_header_that_print_repeats() {
    let style = super::STYLE;
    let print = style.split("@media print").nth(1).unwrap();
    assert!(print.contains(".running { display: table-header-group; break-inside: avoid;"));
}

#[test]
fn the_answer_gives_estimate_interval_and_reference_class() {
    let answer = text(&page(&normal()), ".answer");
    for part in [
        "58 %",
        "42 to 73 %",
        "the model learned from 28 patients with triple-negative",
        "among 880 training patients",
        "This is the arm that was given.",
        "about 58 (95 % interval 42 to 73) would have no invasive cancer left at surgery; about 42 would have some left.",
        "17 of 28",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

#[test]
fn no_model_number_is_shown_without_a_subtype_or_outside_the_data() {
    for from in [unknown_her2(), out_of_distribution()] {
        let view = ReportView::new(&from);
        assert!(!view.answer.given && view.answer.estimate.is_none());
        assert!(view.options.iter().all(|row| row.estimate.is_none() && !row.is_answer && !row.reason.is_empty()));
        assert!(view.options.iter().flat_map(|row| &row.other_models).all(|other| other.estimate.is_none()));
        assert!(view.why.groups.is_empty());
        let page = html(&view).unwrap();
        assert!(text(&page, ".answer").contains("No estimate for this patient"));
        assert!(texts(&page, ".icons, .big, svg .lead, svg .other").is_empty());
        assert!(!text(&page, "main").contains("58 %"));
        assert!(!json(&view).contains("0.584"));
    }
}

#[test]
fn an_arm_that_is_not_supported_has_a_reason_and_no_number() {
    let mut from = normal();
    if let Some(option) = from.options.iter_mut().find(|option| option.id == "ABT888") {
        option.supported = false;
        option.n_comparable = 7;
    }
    let view = ReportView::new(&from);
    let row = view.options.iter().find(|row| row.id == "ABT888").unwrap();
    assert_eq!(row.estimate, None);
    assert_eq!(row.reason, "Only 7 training patients of this subtype received this arm.");
}

#[test]
fn an_answer_whose_own_arm_has_no_number_says_so() {
    let mut from = normal();
    from.received = Some("AMG479".to_owned());
    from.explained_option = Some("AMG479".to_owned());
    let view = ReportView::new(&from);
    assert!(!view.answer.given);
    assert!(view.answer.sentence.contains("There is no estimate under ganitumab"), "{}", view.answer.sentence);
    assert!(view.answer.sentence.contains("Only 9 training patients"));
}

#[test]
fn arms_stand_in_the_order_of_the_file_with_the_control_first() {
    let view = ReportView::new(&normal());
    let ids: Vec<&str> = view.options.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["Ctr", "TDM1/P", "Pembro", "ABT888", "AMG479"]);
    let page = html(&view).unwrap();
    let given = view.options.iter().filter(|row| !row.not_given()).map(|row| row.label.clone());
    assert_eq!(texts(&page, ".options .label"), given.collect::<Vec<_>>());
    assert!(text(&page, "body").contains("Nobody of this receptor subtype received T-DM1 + pertuzumab"));
}

#[test]
fn html_shows_every_number_of_the_json() {
    for (name, from) in all() {
        let view = ReportView::new(&from);
        let page = text(&html(&view).unwrap(), "body");
        let mut found = Vec::new();
        let mut value: serde_json::Value = serde_json::from_str(&json(&view)).unwrap();
        if !view.arms_shown {
            // The model of response does not answer where surgery comes first; its arms stand in the JSON only.
            value["options"].take();
            value["applicability"].take();
        }
        estimates(&value, &mut found);
        for (estimate, interval) in found {
            assert!(page.contains(&estimate) && page.contains(&interval), "{name}: {estimate} ({interval})");
        }
    }
}

#[test]
fn estimates_in_json_have_the_three_keys() {
    let value: serde_json::Value = serde_json::from_str(&json(&ReportView::new(&normal()))).unwrap();
    let estimate = &value["answer"]["estimate"];
    assert_eq!(
        (estimate["estimate"].as_f64(), estimate["lower95"].as_f64(), estimate["upper95"].as_f64()),
        (Some(0.584), Some(0.42), Some(0.73))
    );
    assert_eq!(value["applicability"]["verdict"], "applies");
    assert_eq!(json(&ReportView::new(&normal())), json(&ReportView::new(&normal())));
}

#[test]
fn the_her2_control_is_never_shown_as_todays_standard() {
    let view = ReportView::new(&missing_modalities());
    assert!(view.answer.cautions.iter().any(|text| text.contains("no pertuzumab")));
    assert!(view.option_notes.iter().any(|text| text.contains("no pertuzumab")));
    assert!(ReportView::new(&normal()).option_notes.iter().all(|text| !text.contains("pertuzumab")));
}

#[test]
fn contributions_are_called_associations_and_add_up() {
    let view = ReportView::new(&missing_modalities());
    let total: f64 = view.why.groups.iter().map(|group| group.total.value).sum();
    let given: f64 = missing_modalities().contributions.iter().map(|each| each.logit).sum();
    assert!((total - given).abs() < 1e-12);
    for group in &view.why.groups {
        let rows: f64 = group.rows.iter().map(|row| row.contribution.value).sum();
        assert!((rows - group.total.value).abs() < 1e-12);
    }
    assert!(text(&page(&normal()), "[aria-labelledby=h-why]").contains("associations inside the model, not causes"));
}

#[test]
fn the_page_stands_alone_and_can_be_read_without_eyes() {
    for (name, from) in all() {
        let page = page(&from);
        for foreign in ["http://", "https://", "<script", "<link", "@import", "url(", " style=", "javascript:"] {
            let found = page.replace("http://www.w3.org/2000/svg", "").contains(foreign);
            assert!(!found, "{name}: {foreign}");
        }
        let document = Html::parse_document(&page);
        let count = |selector: &str| document.select(&Selector::parse(selector).unwrap()).count();
        assert_eq!((count("html[lang=en]"), count("h1"), count("main#main"), count("a.skip")), (1, 1, 1, 1), "{name}");
        assert_eq!(count("th:not([scope])"), 0, "{name}");
        assert_eq!(count("table"), count("table > caption"), "{name}");
        assert_eq!(count("svg[role=img]"), count("svg[role=img] > title"), "{name}");
        assert_eq!(count("svg"), count("svg[role=img]") + count("svg[aria-hidden=true]"), "{name}");
        for labelled in document.select(&Selector::parse("[aria-labelledby]").unwrap()) {
            let id = labelled.value().attr("aria-labelledby").unwrap();
            assert_eq!(count(&format!("#{id}")), 1, "{name}: {id}");
        }
    }
}

#[test]
fn text_from_files_cannot_become_markup() {
    let mut from = normal();
    from.cohort = "<script>alert(1)</script>".to_owned();
    if let Some(option) = from.options.iter_mut().find(|option| option.id == "Pembro") {
        option.label = "<img src=x onerror=alert(1)>".to_owned();
    }
    let page = page(&from);
    assert!(!page.contains("<script") && !page.replace("<img src=\"data:image/png;base64,", "").contains("<img"));
}

#[test]
fn numbers_that_are_no_probability_are_not_shown() {
    let mut from = normal();
    for option in &mut from.options {
        if let Some(estimate) = &mut option.estimate {
            estimate.upper95 = f64::NAN;
        }
    }
    from.contribution_base = Some(f64::INFINITY);
    let view = ReportView::new(&from);
    assert!(!view.answer.given && view.options.iter().all(|row| row.estimate.is_none()));
    assert!(!html(&view).unwrap().contains("NaN"));
    assert!(serde_json::from_str::<serde_json::Value>(&json(&view)).is_ok());
}

#[test]
fn the_list_shows_every_patient_once_in_the_given_order() {
    let entries: Vec<IndexEntry> =
        all().iter().map(|(name, from)| IndexEntry::of(&ReportView::new(from), format!("{name}.html"))).collect();
    let meta = IndexMeta {
        title: "Demonstration cohort".to_owned(),
        synthetic: true,
        regimen_version: "0.1.0".to_owned(),
        models: vec!["pcr-ispy2 0001".to_owned()],
        n_refused: 2,
        refusals: vec!["clinical.csv: age_years <expected> 18 to 110".to_owned()],
    };
    let page = index_html(&entries, &meta).unwrap();
    let shown = texts(&page, ".worklist tbody th");
    assert_eq!(shown, entries.iter().map(|entry| entry.pseudonym.clone()).collect::<Vec<_>>());
    assert!(text(&page, ".running").contains("SYNTHETIC"));
    assert!(text(&page, "main").contains("1 further refusal is not listed here."));
    assert_eq!(text(&page, ".worklist tbody tr:nth-child(2) td:nth-of-type(4)"), "No estimate for this patient");
}

#[test]
fn every_template_is_used() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut templates = Vec::new();
    for folder in ["board", "models", "patient", "report", "web"] {
        for entry in std::fs::read_dir(root.join("templates").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "html") {
                continue;
            }
            sources.push_str(&std::fs::read_to_string(&path).unwrap());
            templates.push(format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap()));
        }
    }
    let mut folders = vec![root.join("src/report"), root.join("src/web")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    for template in templates {
        let quoted =
            sources.contains(&format!("\"{template}\"")) || sources.contains(&format!("templates/{template}\""));
        assert!(quoted, "{template} is used nowhere");
    }
}

#[test]
fn without_a_subtype_no_column_is_empty() {
    let view = ReportView::new(&unknown_her2());
    assert!(view.options.iter().all(|row| row.n_comparable.is_none()));
    assert_eq!(texts(&html(&view).unwrap(), ".options thead th"), ["Arm", "Model estimate95 % interval"]);
}

#[test]
fn the_gate_shows_how_the_leading_model_does_in_the_subtype() {
    let view = ReportView::new(&normal());
    let shown: Vec<&str> = view.applicability.performance.iter().map(|each| each.figure.text.as_str()).collect();
    assert_eq!(shown, ["0.69", "0.94"]);
    assert!(ReportView::new(&unknown_her2()).applicability.performance.is_empty());
}

#[test]
fn a_caution_stands_beside_the_number() {
    let answer = text(&page(&missing_modalities()), ".answer");
    assert!(answer.contains("Applies with caution. Only 31 % of the inputs are given."), "{answer}");
}

/// What a reader of the page sees or hears, drawings left out.
fn prose(page: &str) -> String {
    let mut rest = page;
    let mut kept = String::new();
    while let Some(start) = rest.find("<svg") {
        kept.push_str(&rest[..start]);
        rest = rest[start..].split_once("</svg>").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    text(&kept, "main")
}

#[test]
fn no_page_gives_a_patient_a_sex() {
    for (name, from) in all() {
        let page = prose(&page(&from)).to_lowercase();
        // "pan-HER" is one word.
        for word in page.split(|letter: char| !letter.is_alphanumeric() && letter != '-') {
            assert!(!["she", "her", "hers", "herself", "he", "his", "him"].contains(&word), "{name}: {word}");
        }
    }
}

#[test]
fn survival_after_surgery_stands_in_five_formats_that_agree() {
    let view = ReportView::new(&surgery_first());
    let survival = view.decision.as_ref().unwrap().branches[0].survival.as_ref().unwrap();
    let page = html(&view).unwrap();
    assert_eq!(texts(&page, ".outlook-table tbody tr").len(), 3, "the table: 5, 10 and 15 years");
    assert_eq!(texts(&page, "svg.curve .curve-number").len(), 3, "the curve carries its numbers");
    assert_eq!(texts(&page, "svg.stacked").len(), survival.options.len() + 1, "a bar for each, and surgery alone");
    assert_eq!(texts(&page, ".pictures svg.icons").len(), survival.options.len());
    assert!(page.contains("curve-other") && page.contains("No numbers at risk"));
    let prose = prose(&page);
    assert!(!survival.options.is_empty());
    for option in &survival.options {
        let fates = option.fates;
        assert_eq!(fates.all_alive() + fates.all_dead(), 100);
        assert!(prose.contains(&option.alive_sentence) && prose.contains(&option.death_sentence), "{}", option.id);
        let gain = option.gain.estimate * 100.0;
        let said = f64::from(fates.thanks) - f64::from(fates.because);
        assert!((gain - said).abs() <= 0.5 + 1e-9, "{}: {gain} in the table, {said} in the icons", option.id);
        let last = option.curve.last().unwrap();
        let at_ten = option.curve.iter().find(|point| point.0 == 10.0).unwrap();
        assert!(last.1 <= at_ten.1 && option.curve[0].1 == 1.0);
    }
    let at_ten = survival.curve.iter().find(|point| point.years == 10.0).unwrap();
    assert!((at_ten.alive - survival.alive.estimate).abs() < 1e-9);
    let without = survival.options.iter().find(|option| option.beside.is_empty()).unwrap();
    let with = without.curve.iter().find(|point| point.0 == 10.0).unwrap().1;
    assert!((with - at_ten.alive - without.gain.estimate).abs() < 1e-6, "curve and table tell the same gain");
}

#[test]
fn the_answer_of_a_surgery_first_page_is_said_once() {
    let view = ReportView::new(&surgery_first());
    assert!(view.answer.survival.is_some() && view.answer.estimate.is_none());
    let page = prose(&html(&view).unwrap());
    let said = view.answer.sentence.as_str();
    assert_eq!(page.matches(said).count(), 1, "{said}");
}

#[test]
fn rows_that_an_earlier_branch_shows_are_named_and_not_printed_again() {
    let view = ReportView::new(&before_surgery());
    let branches = &view.decision.as_ref().unwrap().branches;
    assert_eq!(branches[0].n_repeated, 0);
    assert!(branches[1].n_repeated > 0);
    let page = html(&view).unwrap();
    assert!(prose(&page).contains("As above: "));
    let shown: usize = branches.iter().map(|branch| branch.rows.len() - branch.n_repeated).sum();
    assert_eq!(texts(&page, ".branch .before tbody tr").len(), shown);
}

#[test]
fn a_man_and_an_unclear_receptor_get_no_single_number() {
    for from in [man(), unclear_receptor()] {
        let view = ReportView::new(&from);
        assert!(!view.answer.given && view.answer.survival.is_none());
        assert!(texts(&html(&view).unwrap(), ".big").is_empty());
    }
    let states = ReportView::new(&unclear_receptor()).decision.unwrap();
    assert!(states.branches.len() == 2 && states.branches.iter().all(|branch| branch.survival.is_some()));
}

#[test]
fn the_survival_model_is_validated_in_the_groups_of_the_patient() {
    let view = ReportView::new(&surgery_first());
    let groups: Vec<String> = view.decision.unwrap().validation.into_iter().map(|row| row.group).collect();
    assert_eq!(groups, ["all", "ER-positive", "1 to 3 positive nodes", "grade 2", "50 to 69 years"]);
}

#[test]
fn every_entry_of_the_contents_leads_to_a_heading() {
    for (name, from) in all() {
        let page = page(&from);
        let document = Html::parse_document(&page);
        let links = Selector::parse(".contents a").unwrap();
        let targets: Vec<&str> = document.select(&links).filter_map(|link| link.value().attr("href")).collect();
        assert!(targets.len() >= 9, "{name}");
        for target in targets {
            assert_eq!(document.select(&Selector::parse(target).unwrap()).count(), 1, "{name}: {target}");
        }
    }
}
