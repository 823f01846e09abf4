use super::pdf;
use crate::report::decision_fixture::decided;
use crate::report::{ReportView, fixtures};

#[test]
fn every_kind_of_report_becomes_a_tagged_pdf() {
    for (name, assessment) in fixtures::all() {
        let bytes = pdf(&ReportView::new(&assessment)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.len() < 200_000, "{name}: {}", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("/StructTreeRoot") && text.contains("pdfuaid"), "{name}");
        assert_eq!(text.contains("SYNTHETIC"), assessment.synthetic, "{name}");
        if let Ok(folder) = std::env::var("REGIMEN_LOOK") {
            std::fs::write(format!("{folder}/{name}.pdf"), &bytes).unwrap();
        }
    }
}

#[test]
fn options_after_surgery_chain_and_missing_tests_are_printed() {
    let with = pdf(&decided()).unwrap();
    let text = String::from_utf8_lossy(&with);
    for heading in [
        "Options before surgery",
        "Options after surgery",
        "From response to survival",
        "What a missing test could change",
    ] {
        assert!(text.contains(heading), "{heading} is in the outline");
    }
    assert!(
        !String::from_utf8_lossy(&pdf(&ReportView::new(&fixtures::normal())).unwrap())
            .contains("Options after surgery")
    );
    if let Ok(folder) = std::env::var("REGIMEN_LOOK") {
        std::fs::write(format!("{folder}/decided.pdf"), &with).unwrap();
    }
}

#[test]
fn the_same_view_gives_the_same_bytes_without_a_date() {
    let view = ReportView::new(&fixtures::normal());
    let bytes = pdf(&view).unwrap();
    assert_eq!(bytes, pdf(&view).unwrap());
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("/CreationDate") && !text.contains("xmp:CreateDate"));
}

#[test]
fn signs_that_no_font_has_break_nothing() {
    let mut assessment = fixtures::normal();
    assessment.applicability.reasons = vec!["\u{1f600} 漢字 \u{0} \u{feff} \u{e000} \u{202e}abc".to_owned()];
    assessment.sources = vec![String::new(), "x".repeat(4000), "word ".repeat(4000)];
    for input in &mut assessment.inputs {
        input.note = Some("a-long/path".repeat(600));
    }
    assert!(pdf(&ReportView::new(&assessment)).is_ok());
}
