use std::collections::HashMap;

use polars::prelude::IdxCa;

use super::imaging::{ImagingRows, imaging_rows};
use super::{AssessRequest, AssessedCohort, Beside, assess_rows, lead};
use crate::fusion::{Ages, FuseOptions, FusionReport, fuse};
use crate::study::neighbours::Neighbourhood;
use crate::study::what_if::{Change, Changed, RefusedChange, WhatIfField, change, fields};
use crate::study::{Assessment, Error, FusedTable, ResponseModel};

/// A cohort that was read once and stays in memory with its models, so that one patient can be assessed again at once.
#[derive(Debug, Clone)]
pub struct OpenCohort {
    request: AssessRequest,
    table: FusedTable,
    fusion: FusionReport,
    images: ImagingRows,
    ages: Ages,
    neighbourhood: Neighbourhood,
    /// Row of each pseudonym; of several visits the last, as in the list of reports.
    rows: HashMap<String, usize>,
}

impl OpenCohort {
    /// Fuses the cohort and places its patients among each other.
    ///
    /// # Errors
    /// As [`super::assess_cohort`].
    pub fn read(request: AssessRequest) -> Result<Self, Error> {
        let lead = lead(&request)?;
        let options = FuseOptions {
            embeddings: request.embeddings.clone(),
            skip_invalid: request.skip_invalid,
            ..FuseOptions::default()
        };
        let fused = fuse(&request.cohort, &request.data, &options)?;
        let (fusion, ages) = (fused.report.clone(), fused.ages.clone());
        let table = FusedTable::new(&request.cohort, &request.data, fused)?;
        let x = lead.design.apply(&table.frame)?;
        let endpoint = request.cohort.endpoint.as_deref().unwrap_or_default();
        let neighbourhood = Neighbourhood::new(lead, &table, &x, endpoint)?;
        let patients = table.patients()?;
        let named = patients.iter().enumerate();
        Ok(Self {
            rows: named.map(|(row, patient)| (request.key.pseudonym(patient).to_string(), row)).collect(),
            images: imaging_rows(&request.embeddings)?,
            request,
            table,
            fusion,
            ages,
            neighbourhood,
        })
    }

    /// The models; the first leads.
    #[must_use]
    pub fn models(&self) -> &[ResponseModel] {
        &self.request.models
    }

    /// Assesses every row, or those of the one patient of the request.
    ///
    /// # Errors
    /// As [`super::assess_cohort`].
    pub fn assess(&self) -> Result<AssessedCohort, Error> {
        let only = match &self.request.only {
            Some(wanted) => {
                let patients = self.table.patients()?;
                let rows = patients.iter().zip(0_u32..).filter(|(patient, _)| *patient == wanted);
                let rows = IdxCa::from_vec("row".into(), rows.map(|(_, row)| row).collect());
                Some(self.with_frame(self.table.frame.take(&rows).map_err(crate::tables::Error::from)?))
            }
            None => None,
        };
        let table = only.as_ref().unwrap_or(&self.table);
        let nobody = table.frame.height() == 0;
        Ok(AssessedCohort {
            label: self.request.cohort.label.clone(),
            synthetic: self.request.cohort.synthetic,
            patients: if nobody { Vec::new() } else { assess_rows(&self.request, table, &self.beside())? },
            fusion: self.fusion.clone(),
        })
    }

    /// The inputs of a patient that can be changed, in the order of the dictionary; `None` for an unknown pseudonym.
    ///
    /// # Errors
    /// [`Error::Table`] never in practice: the row is there.
    pub fn what_if_fields(&self, pseudonym: &str) -> Result<Option<Vec<WhatIfField>>, Error> {
        self.row_of(pseudonym).map(|row| fields(&self.request.models, &row)).transpose()
    }

    /// The assessment of a patient as if some of her inputs were others, marked as hypothetical; `None` for an unknown
    /// pseudonym, else every refused change at once.
    ///
    /// Nothing is stored. The record of the decision engine and the rows of all models are made again from the changed row;
    /// her neighbours are looked for at her changed place.
    ///
    /// # Errors
    /// As [`super::assess_cohort`].
    pub fn what_if(
        &self,
        pseudonym: &str,
        changes: &[Change],
    ) -> Result<Option<Result<Assessment, Vec<RefusedChange>>>, Error> {
        let Some(row) = self.row_of(pseudonym) else { return Ok(None) };
        let Changed { table, hypothetical } = match change(&self.request.models, row, changes)? {
            Ok(changed) => changed,
            Err(refused) => return Ok(Some(Err(refused))),
        };
        let assessed = assess_rows(&self.request, &table, &self.beside())?;
        let Some((_, mut assessment)) = assessed.into_iter().next() else { return Ok(None) };
        for input in &mut assessment.inputs {
            if hypothetical.changes.iter().any(|changed| changed.column == input.column) {
                "hypothetical: changed by hand".clone_into(&mut input.source);
            }
        }
        assessment.hypothetical = Some(hypothetical);
        Ok(Some(Ok(assessment)))
    }

    fn beside(&self) -> Beside<'_> {
        Beside { images: &self.images, ages: &self.ages, neighbourhood: &self.neighbourhood }
    }

    /// The row of a pseudonym as a table of its own.
    fn row_of(&self, pseudonym: &str) -> Option<FusedTable> {
        let row = i64::try_from(*self.rows.get(pseudonym)?).ok()?;
        Some(self.with_frame(self.table.frame.slice(row, 1)))
    }

    fn with_frame(&self, frame: polars::prelude::DataFrame) -> FusedTable {
        FusedTable { frame, origin: self.table.origin.clone(), sha256: self.table.sha256.clone() }
    }
}
