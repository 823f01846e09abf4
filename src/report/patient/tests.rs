use scraper::{Html, Selector};

use super::{Language, patient_html};
use crate::report::view::Sex;
use crate::report::{ReportView, fixtures};

fn page(view: &ReportView, language: Language) -> String {
    patient_html(view, language).unwrap()
}

/// The text of the page without its style.
fn text(page: &str) -> String {
    let selector = Selector::parse("body").unwrap();
    let all: String = Html::parse_document(page).select(&selector).flat_map(|body| body.text()).collect();
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn woman() -> ReportView {
    ReportView { sex: Sex::Female, ..ReportView::new(&fixtures::normal()) }
}

#[test]
fn both_frames_and_the_range_are_counted_in_people_of_a_hundred() {
    let english = text(&page(&woman(), Language::English));
    for part in [
        "The numbers are about the treatment in your record: Pembrolizumab + paclitaxel, then AC.",
        "Of 100 women like you who get this treatment, about 58 have no invasive cancer left at surgery.",
        "And about 42 of 100 still have some cancer left.",
        "may lie anywhere from 42 to 73 of 100. This range is large.",
        "learned from 880 patients. Of these, 28 had the same type",
        "results of gene tests of the tumour (1)",
        "measurements from the MRI scan (1)",
    ] {
        assert!(english.contains(part), "{part}: {english}");
    }
    let german = text(&page(&woman(), Language::German));
    for part in [
        "Von 100 Frauen wie Ihnen mit dieser Behandlung haben etwa 58 bei der Operation keinen bösartigen Tumor mehr.",
        "Und bei etwa 42 von 100 ist noch etwas vom Tumor da.",
        "irgendwo zwischen 42 und 73 von 100 liegen.",
        "Ergebnisse von Gentests am Tumor (1)",
    ] {
        assert!(german.contains(part), "{part}: {german}");
    }
}

#[test]
fn a_withheld_answer_is_said_kindly_and_without_a_number() {
    for assessment in [fixtures::unknown_her2(), fixtures::out_of_distribution()] {
        let view = ReportView::new(&assessment);
        for language in Language::ALL {
            let page = page(&view, language);
            let shown = text(&page);
            assert!(shown.contains(&language.words().no_heading) && shown.contains(&language.words().no_news));
            assert!(!page.contains("<circle") && !shown.contains("58") && !shown.contains("von 100"), "{shown}");
        }
    }
    let of = |assessment| text(&page(&ReportView::new(&assessment), Language::English));
    assert!(of(fixtures::unknown_her2()).contains(&Language::English.words().no_tests));
    assert!(of(fixtures::out_of_distribution()).contains(&Language::English.words().no_outside));
}

#[test]
fn a_man_gets_no_number_and_is_never_called_a_woman() {
    let man = ReportView { sex: Sex::Male, ..ReportView::new(&fixtures::normal()) };
    let english = text(&page(&man, Language::English));
    assert!(english.contains(&Language::English.words().no_man) && !english.contains("58"));
    // The reason names those whom the program learned from.
    let rest = english.replace(&Language::English.words().no_man, "");
    for word in ["woman", "women", "she ", " her "] {
        assert!(!rest.to_lowercase().contains(word), "{word}: {rest}");
    }
    let german = text(&page(&man, Language::German)).replace(&Language::German.words().no_man, "");
    assert!(!german.contains("Frau") && !german.contains("Patientin"), "{german}");
}

#[test]
fn people_are_people_where_the_sex_is_not_on_record() {
    let view = ReportView::new(&fixtures::normal());
    assert_eq!(view.sex, Sex::NotRecorded);
    assert!(text(&page(&view, Language::English)).contains("Of 100 people like you"));
}

#[test]
fn surgery_first_and_a_known_response_lead_to_the_doctors() {
    let first = ReportView { arms_shown: false, ..woman() };
    assert!(text(&page(&first, Language::German)).contains(&Language::German.words().no_surgery_first));
    let mut known = woman();
    known.answer.cautions.push(crate::report::words::RESPONSE_KNOWN.to_owned());
    assert!(text(&page(&known, Language::English)).contains(&Language::English.words().no_response_known));
}

#[test]
fn every_page_says_research_and_needs_nothing_from_outside() {
    for (name, assessment) in fixtures::all() {
        let view = ReportView::new(&assessment);
        for language in Language::ALL {
            let page = page(&view, language);
            let shown = text(&page);
            assert!(shown.contains(&language.words().research), "{name}");
            assert_eq!(shown.contains(&language.words().synthetic), assessment.synthetic, "{name}");
            assert!(!shown.contains('%') && !shown.contains('{'), "{name}: {shown}");
            assert!(!page.contains("<script") && !page.contains("http://") || page.contains("www.w3.org"), "{name}");
            assert!(page.contains(&format!("<html lang=\"{}\">", language.code())));
            if let Ok(folder) = std::env::var("REGIMEN_LOOK") {
                std::fs::write(format!("{folder}/{name}.{}.html", language.code()), &page).unwrap();
            }
        }
    }
}

#[test]
fn counts_never_claim_nobody_or_everybody() {
    let mut view = woman();
    let estimate = view.answer.estimate.as_mut().unwrap();
    (estimate.estimate, estimate.lower95, estimate.upper95) = (0.002, 0.0004, 0.4);
    let frequency = view.answer.frequency.as_mut().unwrap();
    (frequency.with_response, frequency.without_response) = (0, 100);
    let english = text(&page(&view, Language::English));
    assert!(english.contains("fewer than 1 have no invasive cancer left") && english.contains("more than 99 of 100"));
    assert!(english.contains("anywhere from fewer than 1 to 40 of 100"));
}
