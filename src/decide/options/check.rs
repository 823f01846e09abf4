use std::collections::BTreeSet;

use super::{Effect, EffectMeasure, Endpoint, Harm, OptionSet, Period, Rate, TreatmentOption};

/// Every rule that a set breaks, in words; empty when it may be used.
pub(super) fn violations(set: &OptionSet) -> Vec<String> {
    let mut broken = Vec::new();
    let mut ids = BTreeSet::new();
    let mut effects = BTreeSet::new();
    for option in &set.options {
        if !ids.insert(option.id.as_str()) {
            broken.push(format!("option id `{}` occurs twice", option.id));
        }
        for effect in &option.effects {
            if !effects.insert(effect.id.as_str()) {
                broken.push(format!("effect id `{}` occurs twice", effect.id));
            }
        }
        for other in option.given_with.iter().filter(|other| set.option(other).is_none()) {
            broken.push(format!("{}: given with `{other}`, which is not in the file", option.id));
        }
        check_option(option, &mut broken);
    }
    broken
}

fn check_option(option: &TreatmentOption, broken: &mut Vec<String>) {
    if !TreatmentOption::STANDINGS.contains(&option.standing.as_str()) {
        let expected = TreatmentOption::STANDINGS.join(", ");
        broken.push(format!("{}: standing expected one of {expected}, found `{}`", option.id, option.standing));
    }
    if !option.eligible.is_empty() && option.eligible_source.as_deref().is_none_or(|source| source.trim().is_empty()) {
        broken.push(format!("{}: eligibility rules without a source", option.id));
    }
    option.effects.iter().for_each(|effect| check_effect(effect, broken));
    option.harms.iter().for_each(|harm| check_harm(&option.id, harm, broken));
}

fn check_effect(effect: &Effect, broken: &mut Vec<String>) {
    let mut fail = |message: String| broken.push(format!("{}: {message}", effect.id));
    if effect.source.trim().is_empty() {
        fail("an effect without a source".to_owned());
    }
    let ratio = effect.measure != EffectMeasure::Rates;
    if ratio == effect.periods.is_empty() {
        fail(format!("{} periods do not fit measure {:?}", effect.periods.len(), effect.measure));
    }
    if effect.periods.is_empty() && effect.rates.is_empty() {
        fail("neither a ratio nor a rate".to_owned());
    }
    if (effect.endpoint == Endpoint::Pcr) != effect.pcr_definition.is_some() {
        fail("a definition of pathological complete response belongs to that endpoint, and to it alone".to_owned());
    }
    let applicable = effect.endpoint == Endpoint::BreastCancerDeath && ratio && effect.shown_only.is_none();
    if applicable && !effect.follow_up_years.is_some_and(|years| years > 0.0) {
        fail("a ratio that may be applied needs its follow-up".to_owned());
    }
    for period in &effect.periods {
        if let Some(message) = period_violation(period) {
            fail(message);
        }
    }
    for pair in effect.periods.windows(2) {
        if let [before, after] = pair
            && before.to_year != Some(after.from_year)
        {
            fail(format!("a period ends at {:?}, the next starts at {}", before.to_year, after.from_year));
        }
    }
    for rate in &effect.rates {
        if let Some(message) = rate_violation(rate, effect.endpoint) {
            fail(message);
        }
    }
}

fn period_violation(period: &Period) -> Option<String> {
    let estimate = period.estimate;
    if !(estimate > 0.0 && estimate < 10.0) {
        return Some(format!("a ratio lies above 0 and below 10, found {estimate}"));
    }
    if period.from_year < 0.0 || period.to_year.is_some_and(|to| to <= period.from_year) {
        return Some(format!("a period from {} to {:?}", period.from_year, period.to_year));
    }
    if period.lower95.is_some() != period.upper95.is_some() {
        return Some("an interval with one end".to_owned());
    }
    let low = period.lower95.unwrap_or(estimate);
    let high = period.upper95.unwrap_or(estimate);
    if !(0.0 < low && low <= estimate && estimate <= high) {
        return Some(format!("expected 0 < lower95 <= estimate <= upper95, found {low}, {estimate}, {high}"));
    }
    let error = period.se.or(period.se_log);
    error.filter(|error| !(*error > 0.0 && *error < 1.0)).map(|error| format!("a standard error of {error}"))
}

fn rate_violation(rate: &Rate, endpoint: Endpoint) -> Option<String> {
    let percent = |value: f64| (0.0..=100.0).contains(&value);
    let inside = |low: Option<f64>, value: f64, high: Option<f64>| {
        let (low, high) = (low.unwrap_or(value), high.unwrap_or(value));
        percent(low) && percent(high) && low <= value && value <= high
    };
    if !inside(rate.with_lower95, rate.with_pct, rate.with_upper95) {
        return Some(format!("a rate of {} % outside 0 to 100 or its own interval", rate.with_pct));
    }
    if let Some(without) = rate.without_pct
        && !inside(rate.without_lower95, without, rate.without_upper95)
    {
        return Some(format!("a rate of {without} % outside 0 to 100 or its own interval"));
    }
    let timed = rate.at_years.is_some_and(|years| years > 0.0);
    (timed == (endpoint == Endpoint::Pcr)).then(|| "a rate needs its year, except for response".to_owned())
}

fn check_harm(option: &str, harm: &Harm, broken: &mut Vec<String>) {
    for value in [harm.with_pct, harm.without_pct].into_iter().flatten() {
        if !(0.0..=100.0).contains(&value) {
            broken.push(format!("{option}: a harm in {value} % of patients"));
        }
    }
    if harm.source.trim().is_empty() {
        broken.push(format!("{option}: a harm without a source"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::DATA_SCHEMAS;

    #[test]
    fn every_shipped_file_keeps_every_rule() {
        let files = DATA_SCHEMAS.get_dir("options").unwrap().files();
        let names: Vec<&str> = files.filter_map(|file| file.path().file_stem()?.to_str()).collect();
        for expected in ["ispy2-arms", "neoadjuvant", "adjuvant"] {
            assert!(names.contains(&expected), "{names:?}");
        }
        for name in names {
            let set = OptionSet::load(name).unwrap();
            assert_eq!(set.name, name);
            // Retracted (pCR meta-analysis): never a source.
            assert!(!format!("{set:?}").contains("PMC8741368"));
        }
    }

    #[test]
    fn an_effect_in_two_files_is_the_same_effect() {
        let (arms, neoadjuvant) = (OptionSet::load("ispy2-arms").unwrap(), OptionSet::load("neoadjuvant").unwrap());
        let effects =
            |set: &OptionSet| set.options.iter().flat_map(|option| option.effects.clone()).collect::<Vec<_>>();
        let known = effects(&neoadjuvant);
        for effect in effects(&arms) {
            assert_eq!(known.iter().find(|other| other.id == effect.id), Some(&effect));
        }
    }

    #[test]
    fn all_violations_of_a_file_come_at_once() {
        let text = r#"
            name = "bad"
            version = 1
            followed_by = ""
            source = ""
            [[option]]
            id = "a"
            label = "A"
            standing = "popular"
            note = ""
            eligible = [{ er = true }]
            [[option.effect]]
            id = "e"
            endpoint = "breast_cancer_death"
            measure = "hazard_ratio"
            time_zero = "surgery"
            comparator = ""
            background = ""
            population = ""
            source = " "
            verified = true
            period = [{ estimate = 0.7, lower95 = 0.8, upper95 = 0.9 }]
            rate = [{ at_years = 5, of = "free", with_pct = 101 }]
            [[option.harm]]
            what = "h"
            with_pct = -1
            source = "s"
            verified = true
        "#;
        let message = OptionSet::parse("bad", text).unwrap_err().to_string();
        for part in ["popular", "without a source", "follow-up", "lower95 <= estimate", "101 %", "-1 %"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        let unknown = text.replace("note = \"\"", "note = \"\"\nbenefit = 1");
        assert!(OptionSet::parse("bad", &unknown).unwrap_err().to_string().contains("unknown field"));
    }
}
