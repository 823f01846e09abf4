//! Workbooks are written by `rust_xlsxwriter` at test time; nothing binary is committed.

use rust_xlsxwriter::{ExcelDateTime as Day, Format, Formula, Workbook, Worksheet};

use super::*;

/// Name of a sheet and what fills it.
type Filled<'a> = (&'a str, &'a dyn Fn(&mut Worksheet));

fn save(sheets: &[Filled<'_>]) -> tempfile::TempDir {
    let mut book = Workbook::new();
    for (name, fill) in sheets {
        fill(book.add_worksheet().set_name(*name).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    book.save(folder.path().join("book.xlsx")).unwrap();
    folder
}

fn read(sheets: &[Filled<'_>], sheet: Option<&str>) -> Result<TextTable, WorkbookError> {
    read_workbook(&save(sheets).path().join("book.xlsx"), "book.xlsx", sheet)
}

fn rows(table: &TextTable) -> Vec<Vec<&str>> {
    (0..table.n_records()).map(|record| table.named_columns().map(|(_, column)| column.get(record)).collect()).collect()
}

fn said(result: Result<TextTable, WorkbookError>) -> Vec<String> {
    let Err(WorkbookError::Violations(found)) = result else { panic!("expected violations, found {result:?}") };
    found.iter().map(ToString::to_string).collect()
}

fn names(sheet: &mut Worksheet, row: u32, names: &[&str]) {
    for (column, name) in (0..).zip(names) {
        sheet.write(row, column, *name).unwrap();
    }
}

#[test]
fn every_kind_of_cell_has_one_text() {
    let table = read(
        &[("Data", &|sheet| {
            names(sheet, 0, &["whole", "fraction", "flag", "date", "moment", "text", "tiny"]);
            let date = Format::new().set_num_format("dd.mm.yyyy");
            let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm");
            sheet.write(1, 0, 44.0).unwrap();
            sheet.write(1, 1, 0.1 + 0.2).unwrap();
            sheet.write(1, 2, true).unwrap();
            sheet.write_with_format(1, 3, Day::from_ymd(2024, 2, 29).unwrap(), &date).unwrap();
            sheet.write_with_format(1, 4, Day::parse_from_str("2024-02-29T13:05:00").unwrap(), &moment).unwrap();
            sheet.write(1, 5, "03/04/2021").unwrap();
            sheet.write(1, 6, -2.5e-7).unwrap();
        })],
        None,
    )
    .unwrap();
    assert_eq!(
        rows(&table),
        [["44", "0.30000000000000004", "true", "2024-02-29", "2024-02-29T13:05:00", "03/04/2021", "-2.5e-7"]]
    );
}

#[test]
fn the_header_is_the_first_row_with_anything_and_blank_rows_are_left_out() {
    let table = read(
        &[("Data", &|sheet| {
            names(sheet, 2, &["id", " er "]);
            names(sheet, 4, &["a", "positive"]);
            names(sheet, 7, &["b", "  "]);
            sheet.write_blank(9, 0, &Format::new().set_bold()).unwrap();
        })],
        None,
    )
    .unwrap();
    assert_eq!((table.header.clone(), table.lines.clone()), (vec!["id".into(), "er".into()], vec![5, 8]));
    assert_eq!(rows(&table), [["a", "positive"], ["b", ""]]);
}

#[test]
fn every_error_cell_and_every_bad_name_is_listed_at_once() {
    let result = read(
        &[("Data", &|sheet| {
            names(sheet, 0, &["id", "size", "size", "", "grade"]);
            sheet.write(1, 1, Formula::new("=NA()").set_result("#N/A")).unwrap();
            sheet.write(2, 4, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
            sheet.write(3, 6, "stray").unwrap();
        })],
        None,
    );
    assert_eq!(
        said(result),
        [
            "book.xlsx, row 1, column `size`: expected each column name once, found the name again",
            "book.xlsx, row 1, column `D`: expected a column name, found an empty cell",
            "book.xlsx, row 2, column `size`: expected a text, number, date or truth value, found the error #N/A",
            "book.xlsx, row 3, column `grade`: expected a text, number, date or truth value, found the error #DIV/0!",
            "book.xlsx, row 4, column `G`: expected values only under a column name, found a value",
        ]
    );
}

#[test]
fn merged_headers_leave_unnamed_columns_which_are_named_as_violations() {
    let result = read(
        &[("Data", &|sheet| {
            sheet.merge_range(0, 0, 0, 1, "receptors", &Format::new()).unwrap();
            names(sheet, 0, &["receptors"]);
            sheet.write(0, 2, "id").unwrap();
        })],
        None,
    );
    assert_eq!(said(result), ["book.xlsx, row 1, column `B`: expected a column name, found an empty cell"]);
}

#[test]
fn of_several_sheets_one_must_be_named() {
    let two: [Filled<'_>; 2] =
        [("Clinical", &|sheet| names(sheet, 0, &["id"])), ("Notes", &|sheet| names(sheet, 0, &["n"]))];
    let error = read(&two, None).unwrap_err().to_string();
    assert!(error.ends_with("expected a sheet to be named, found the sheets `Clinical`, `Notes`"), "{error}");
    let error = read(&two, Some("clinical")).unwrap_err().to_string();
    assert!(error.ends_with("expected the sheet `clinical`, found the sheets `Clinical`, `Notes`"), "{error}");
    assert_eq!(read(&two, Some("Notes")).unwrap().header, ["n"]);
    assert_eq!(said(read(&[("Empty", &|_| ())], None)), ["book.xlsx: expected a header row, found an empty sheet"]);
}

#[test]
fn numbers_and_dates_that_spreadsheets_do_not_keep_are_refused() {
    assert!(number_text(12_345_678_901_234_567_890.0).is_err());
    assert!(number_text(f64::NAN).is_err());
    assert_eq!(number_text(-0.0).unwrap(), "0");
    let day = |serial| date_text(ExcelDateTime::new(serial, calamine::ExcelDateTimeType::DateTime, false));
    assert_eq!(day(45351.0).unwrap(), "2024-02-29");
    assert_eq!(day(0.5).unwrap(), "12:00:00");
    assert!(day(60.0).is_err() && day(-1.0).is_err() && day(1e12).is_err() && day(f64::NAN).is_err());
    let since_1904 = ExcelDateTime::new(43889.0, calamine::ExcelDateTimeType::DateTime, true);
    assert_eq!(date_text(since_1904).unwrap(), "2024-02-29");
}

#[test]
fn a_stray_cell_in_the_last_corner_costs_no_memory() {
    let result = read(
        &[("Data", &|sheet| {
            names(sheet, 0, &["id"]);
            sheet.write(1_048_575, 16_383, "x").unwrap();
        })],
        None,
    );
    let far = "book.xlsx, row 1048576, column `XFD`: expected values only under a column name, found a value";
    assert_eq!(said(result), [far]);
}

#[test]
fn damaged_files_are_errors_never_panics() {
    let folder = save(&[("Data", &|sheet| names(sheet, 0, &["id", "er", "grade"]))]);
    let path = folder.path().join("book.xlsx");
    let whole = std::fs::read(&path).unwrap();
    for extension in ["xlsx", "xls", "xlsb", "ods"] {
        let path = folder.path().join(format!("broken.{extension}"));
        for cut in (0..whole.len()).step_by(97) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read_workbook(&path, "broken", None).is_err(), "{extension} cut at {cut}");
        }
    }
    assert!(matches!(read_workbook(&folder.path().join("absent.xlsx"), "x", None), Err(WorkbookError::Read { .. })));
}
