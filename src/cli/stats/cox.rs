use std::path::PathBuf;

use super::grid::{Grid, short};
use super::{EventArgs, RiskSetArgs, SvgArgs, follow_up, remark};
use crate::cli::CliError;
use crate::cli::output::JsonOutput;
use crate::report::classical::{hazard_ratio_svg, p_value};
use crate::study::classical::{self, CoxRequest, CoxResult, TimeTransform};

/// Treatment of tied events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ties {
    Efron,
    Breslow,
}

/// Function of time in the test of proportional hazards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Transform {
    Km,
    Rank,
    Identity,
    Log,
}

impl From<Transform> for TimeTransform {
    fn from(transform: Transform) -> Self {
        match transform {
            Transform::Km => Self::KaplanMeier,
            Transform::Rank => Self::Rank,
            Transform::Identity => Self::Identity,
            Transform::Log => Self::Log,
        }
    }
}

/// Cox proportional-hazards regression.
#[derive(Debug, clap::Args)]
pub(crate) struct Cox {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    event: EventArgs,
    #[command(flatten)]
    risk_set: RiskSetArgs,
    /// Columns of the covariates: numbers as they are, booleans as 0 and 1, text by level against the first
    #[arg(long, value_name = "A,B", value_delimiter = ',', required_unless_present = "factors")]
    covariates: Vec<String>,
    /// Covariates coded by level although they hold numbers
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    factors: Vec<String>,
    /// Treatment of tied events
    #[arg(long, value_enum, default_value = "efron")]
    ties: Ties,
    /// Column of strata, each with its own baseline hazard
    #[arg(long, value_name = "COL")]
    strata: Option<String>,
    /// Column of clusters, for robust standard errors
    #[arg(long, value_name = "COL")]
    cluster: Option<String>,
    /// Robust standard errors
    #[arg(long)]
    robust: bool,
    /// Add the baseline hazard to the JSON
    #[arg(long)]
    baseline: bool,
    /// Test proportional hazards against this function of time
    #[arg(long, value_enum, value_name = "TRANSFORM", num_args = 0..=1, default_missing_value = "km")]
    zph: Option<Transform>,
    #[command(flatten)]
    svg: SvgArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Cox {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let result = classical::cox(&CoxRequest {
            data: self.data.clone(),
            follow_up: follow_up(&self.event, Some(&self.risk_set)),
            covariates: self.covariates.clone(),
            factors: self.factors.clone(),
            ties: match self.ties {
                Ties::Efron => classical::Ties::Efron,
                Ties::Breslow => classical::Ties::Breslow,
            },
            strata: self.strata.clone(),
            cluster: self.cluster.clone(),
            robust: self.robust,
            baseline: self.baseline,
            proportional: self.zph.map(TimeTransform::from),
        })?;
        remark(&result.rows);
        if result.n_events < 10 * result.terms.len() {
            let (n_events, n_terms) = (result.n_events, result.terms.len());
            eprintln!("warning: {n_events} events for {n_terms} terms, fewer than 10 each: estimates may be unstable");
        }
        self.svg.write(|| hazard_ratio_svg(&result, self.svg.title.as_deref()))?;
        self.json.say(&print_fit(&result));
        self.json.write(&result)
    }
}

fn print_fit(result: &CoxResult) -> String {
    let se = if result.robust { "robust se" } else { "se" };
    let mut grid = Grid::new(&["term", "coef", se, "hazard ratio", "lower95", "upper95", "z", "p"]);
    for term in &result.terms {
        grid.row(vec![
            term.name.clone(),
            short(term.coef),
            short(term.se),
            short(term.hazard_ratio),
            short(term.lower95),
            short(term.upper95),
            format!("{:.2}", term.z),
            p_value(term.p),
        ]);
    }
    let mut text = vec![
        format!("{} rows, {} events, {} ties", result.n, result.n_events, result.ties),
        grid.text(""),
        format!(
            "log-likelihood {} at zero, {} at the fit",
            short(result.log_likelihood[0]),
            short(result.log_likelihood[1])
        ),
    ];
    for reference in &result.references {
        text.push(format!("reference level of {}: {}", reference.covariate, reference.level));
    }
    if let Some(tests) = &result.tests {
        let mut grid = Grid::new(&["test", "chi-squared", "df", "p"]);
        let named = [
            ("likelihood ratio", Some(tests.likelihood_ratio)),
            ("Wald", Some(tests.wald)),
            ("score", Some(tests.score)),
            ("robust score", tests.robust_score),
        ];
        for (name, test) in named {
            if let Some(test) = test {
                grid.row(vec![name.to_owned(), short(test.statistic), short(test.df), p_value(test.p)]);
            }
        }
        text.push(format!("\n{}", grid.text("")));
    }
    if let Some(found) = &result.concordance {
        text.push(format!("concordance on these rows {:.3} (se {:.3})", found.c_index, found.std_err));
    }
    if let Some(found) = &result.proportional_hazards {
        let mut grid = Grid::new(&["proportional hazards", "chi-squared", "df", "p"]);
        for term in &found.terms {
            let test = term.test;
            grid.row(vec![term.name.clone(), short(test.statistic), short(test.df), p_value(test.p)]);
        }
        let global = found.global;
        grid.row(vec!["global".to_owned(), short(global.statistic), short(global.df), p_value(global.p)]);
        text.push(format!("\n{}\ntime transformed by {}", grid.text(""), found.transform));
    }
    text.join("\n")
}
