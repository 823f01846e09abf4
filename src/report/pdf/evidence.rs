use super::arms::number;
use super::chart;
use super::draw::Ink;
use super::flow::{BODY, Flow, SMALL, WIDTH};
use super::table::{Cell, Column, Row, Table};
use super::text::{Align, Para, Run};
use crate::report::ReportView;
use crate::report::figure::IntervalFigure;
use crate::report::view::{ContributionRow, InputRow, PerformanceRow};

const BAR: f32 = 0.26;

/// What moved the estimate, with a bar for every contribution.
pub(super) fn why(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "What moved the estimate");
    let why = &view.why;
    flow.paragraph(&Para::plain(why.sentence.as_str(), BODY));
    if why.groups.is_empty() {
        return;
    }
    flow.keep_last();
    flow.note("Note", why.association);
    flow.keep_last();
    let all = why.groups.iter().flat_map(|group| &group.rows);
    let largest = all.map(|row| row.contribution.value.abs()).fold(0.0, f64::max);
    let columns = vec![
        Column::new(0.36, Align::Left, "Input"),
        Column::new(0.26, Align::Left, "Value"),
        Column::new(BAR, Align::Centre, "\u{2190} lowers \u{b7} raises \u{2192}"),
        Column::new(0.12, Align::Right, "Logit"),
    ];
    let mut rows = Vec::new();
    for group in &why.groups {
        let blank = || Cell::text(Vec::new());
        let total = Cell::text(vec![Para::bold(group.total.text.as_str(), 8.8)]);
        let name = Cell::text(vec![Para::bold(group.label.as_str(), 8.8)]);
        rows.push(Row { cells: vec![name, blank(), blank(), total], tied: true, ..Row::default() });
        rows.extend(group.rows.iter().map(|row| contribution(row, largest)));
    }
    Table { caption: "Contributions on the logit scale, by group of inputs".to_owned(), whole: false, columns, rows }
        .add_to(flow);
    if let Some(text) = &why.sum_sentence {
        flow.paragraph(&Para::soft(text.as_str(), SMALL));
    }
}

fn contribution(row: &ContributionRow, largest: f64) -> Row {
    let bar = chart::diverging(row.contribution.value, largest, BAR * WIDTH - 7.0);
    let cells = vec![
        Cell::text(vec![Para::plain(row.label.as_str(), 8.6)]),
        Cell::text(vec![Para::soft(row.value.as_str(), 8.6)]),
        Cell::chart(bar),
        Cell::text(vec![Para::plain(row.contribution.text.as_str(), 8.6)]),
    ];
    Row { cells, ..Row::default() }
}

/// What the model was told, what is missing, and what became of the images.
pub(super) fn inputs(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "What the model was told");
    flow.paragraph(&Para::plain(view.inputs.sentence.as_str(), BODY));
    if !view.inputs.groups.is_empty() {
        let columns = vec![
            Column::new(0.34, Align::Left, "Input"),
            Column::new(0.20, Align::Left, "Value"),
            Column::new(0.24, Align::Left, "State"),
            Column::new(0.22, Align::Left, "Source"),
        ];
        let mut rows = Vec::new();
        for group in &view.inputs.groups {
            let name = Cell::text(vec![Para::bold(group.label.as_str(), 8.8)]).spanning(4);
            rows.push(Row { cells: vec![name], tied: true, ..Row::default() });
            rows.extend(group.rows.iter().map(input));
        }
        Table { caption: "Model inputs, their state and their source".to_owned(), whole: false, columns, rows }
            .add_to(flow);
    }
    imaging(flow, view);
}

fn input(row: &InputRow) -> Row {
    let (ink, bold) = match row.class() {
        "used" => (Ink::Text, false),
        "missing" => (Ink::Soft, false),
        "out" => (Ink::Warn, true),
        _ => (Ink::Stop, true),
    };
    let mut state = vec![Para::of(vec![Run::new(row.state, bold, ink)], 8.6)];
    state.extend((!row.note.is_empty()).then(|| Para::soft(row.note.as_str(), 8.0)));
    let source = if row.source.is_empty() { "\u{2014}" } else { row.source.as_str() };
    let cells = vec![
        Cell::text(vec![Para::plain(row.label.as_str(), 8.6)]),
        Cell::text(vec![Para::plain(row.value.as_str(), 8.6)]),
        Cell::text(state),
        Cell::text(vec![Para::soft(source, 8.0)]),
    ];
    Row { cells, ..Row::default() }
}

fn imaging(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "Imaging");
    flow.paragraph(&Para::plain(view.imaging_sentence.as_str(), BODY));
    let columns = vec![
        Column::new(0.20, Align::Left, "Modality"),
        Column::new(0.22, Align::Left, "State"),
        Column::new(0.58, Align::Left, "Remarks"),
    ];
    let rows = view.imaging.iter().map(|row| {
        let mut state = vec![Para::bold(row.status, 8.6), Para::soft(row.images_text.as_str(), 8.0)];
        state.extend(row.encoder.iter().map(|encoder| Para::soft(format!("Encoder: {encoder}"), 8.0)));
        let mut remarks = Vec::new();
        remarks.extend((!row.views.is_empty()).then(|| format!("What counted: {}.", row.views)));
        remarks.extend(row.quality.iter().map(|finding| format!("Quality: {finding}.")));
        remarks.extend((!row.note.is_empty()).then(|| row.note.clone()));
        let picture = "The picture of the regions that moved the encoder\u{2019}s score stands in the HTML report.";
        remarks.extend(row.picture.is_some().then(|| picture.to_owned()));
        let remarks = remarks.into_iter().map(|text| Para::plain(text, 8.4)).collect();
        let cells = vec![Cell::text(vec![Para::plain(row.label, 8.6)]), Cell::text(state), Cell::text(remarks)];
        Row { cells, ..Row::default() }
    });
    let rows = rows.collect();
    Table { caption: "Images on record".to_owned(), whole: false, columns, rows }.add_to(flow);
}

/// How well the models performed on patients that they had not seen.
pub(super) fn performance(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "How well the models perform");
    flow.paragraph(&Para::plain(view.performance_sentence.as_str(), BODY));
    if view.performance.is_empty() {
        return;
    }
    let columns = vec![
        Column::new(0.19, Align::Left, "Model"),
        Column::new(0.24, Align::Left, "Population"),
        Column::new(0.12, Align::Right, "Patients").sub("with pCR"),
        Column::new(0.15, Align::Right, "AUC"),
        Column::new(0.15, Align::Right, "Brier score"),
        Column::new(0.15, Align::Right, "Calibration slope"),
    ];
    let rows = view.performance.iter().map(measured).collect();
    Table { caption: "Cross-validated performance with 95 % intervals".to_owned(), whole: false, columns, rows }
        .add_to(flow);
}

fn measured(row: &PerformanceRow) -> Row {
    let figure = |each: &Option<IntervalFigure>| {
        Cell::text(each.as_ref().map_or_else(|| vec![Para::soft("\u{2014}", 8.6)], number))
    };
    let mut population = vec![Para::plain(row.population.as_str(), 8.6)];
    population.extend(row.is_own_subtype.then(|| Para::soft("this patient\u{2019}s subtype", 8.0)));
    let counts = vec![Para::plain(row.n.to_string(), 8.6), Para::soft(row.n_events.to_string(), 8.0)];
    let cells = vec![
        Cell::text(vec![Para::plain(row.model.as_str(), 8.6)]),
        Cell::text(population),
        Cell::text(counts),
        figure(&row.auc),
        figure(&row.brier),
        figure(&row.calibration_slope),
    ];
    Row { cells, marked: row.is_own_subtype, ..Row::default() }
}
