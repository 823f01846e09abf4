//! What the estimate is for, whom it is not for, and what it cannot say: fixed text shown on every report.

/// What the page is for.
pub const INTENDED_USE: &str = "For researchers who study response to neoadjuvant (before-surgery) drug treatment of breast cancer. It describes how often patients with similar records in one trial had a pathological complete response. It must never be used to choose, change or withhold treatment.";

/// What the page is for when treatment starts with surgery.
pub const INTENDED_USE_AFTER_SURGERY: &str = "For researchers who study treatment after surgery for early breast cancer. It describes how long patients with similar records lived, and what published trials would change on average. It must never be used to choose, change or withhold treatment.";

/// What weakens every number on survival.
pub const LIMITS_OF_SURVIVAL: [&str; 5] = [
    "The survival model learned from METABRIC: patients diagnosed in Britain and Canada between 1977 and 2005. Its hazards are carried to 2017 by a trend that PREDICT assumes, at half strength; the interval holds none to all of it.",
    "Surgery alone is nobody\u{2019}s plan but a reference. What treatments change is taken from trials of other patients, never estimated from the cohort.",
    "A benefit is a population average: a hazard ratio of a trial on this patient\u{2019}s baseline. Whether it is the same at every age, size and subtype is not known.",
    "Other illness is not in the model beyond age: with it, fewer die of breast cancer and every benefit is smaller.",
    "Validated by cross-validation inside the same cohort only, not at any other hospital.",
];

/// People for whom the model says nothing.
pub const NOT_FOR: [&str; 6] = [
    "men",
    "cancer in both breasts (bilateral)",
    "metastatic (stage IV) disease",
    "pregnancy",
    "recurrent breast cancer",
    "anyone under 18 years",
];

/// What weakens every number on the page.
pub const LIMITS: [&str; 6] = [
    "Trained on I-SPY2: women with high-risk stage II\u{2013}III cancer treated before surgery, with a tumour of at least 2.5 cm on examination or imaging. It says nothing about smaller or lower-risk cancers.",
    "pCR is not survival. A higher probability of pCR under one arm does not mean longer life under that arm.",
    "Arms were adaptively randomised: the chance of receiving an arm changed with subtype and time, and some arms were stopped early. Differences between arms are not a randomised comparison.",
    "The model pulls differences between arms towards each other: under most arms its mean estimate lies nearer to the average than the rate observed in the trial, which stands beside it.",
    "Arms are those of a trial that began in 2010. Several agents were never approved for this use, and standards of care have changed since.",
    "Performance was measured by cross-validation inside the same trial. The estimate has not been validated prospectively or at any other hospital.",
];
