use super::date::FhirDate;
use super::map::Side;
use super::raw_map::{Several, Unknown};

/// A value of a patient, where it comes from and when it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) date: Option<FhirDate>,
    pub(super) entry: usize,
}

/// The event that limits a column in time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// There is none.
    None,
    /// There is one, and nobody says when.
    Undated,
    On(FhirDate),
}

/// Where a candidate lies, as far as that is sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    Inside,
    Outside,
    Unsure,
}

/// Where a date lies beside an event. Days are compared as written: a value of the day itself is `Until` it.
pub(super) fn place(date: Option<&FhirDate>, event: &Event, side: Side) -> Place {
    let (date, event) = match (date, event, side) {
        (_, Event::None, Side::Until) => return Place::Inside,
        (Some(date), Event::On(event), _) => (date, event),
        _ => return Place::Unsure,
    };
    let (inside, outside) = match side {
        Side::Until => (date.last_day() <= event.first_day(), date.first_day() > event.last_day()),
        Side::Before => (date.last_day() < event.first_day(), date.first_day() >= event.last_day()),
        Side::After => (date.first_day() > event.last_day(), date.last_day() <= event.first_day()),
    };
    match (inside, outside) {
        (true, _) => Place::Inside,
        (_, true) => Place::Outside,
        _ => Place::Unsure,
    }
}

/// What several values come to.
#[derive(Debug, PartialEq)]
pub(super) enum Resolved {
    Nothing,
    One(Candidate),
    /// Different values, which the column leaves out.
    Disagree,
    /// Different values that the column refuses: what was expected, and the entries.
    Refused(&'static str, Vec<usize>),
}

/// Chooses among the values of a patient; their order in the file plays no part.
pub(super) fn resolve(mut all: Vec<Candidate>, several: Several, disagreement: Unknown) -> Resolved {
    let date_key = |candidate: &Candidate| candidate.date.as_ref().map(FhirDate::key);
    // Undated values last: `None` would sort first.
    all.sort_by(|a, b| {
        (date_key(a).is_none(), date_key(a), &a.value, a.entry).cmp(&(
            date_key(b).is_none(),
            date_key(b),
            &b.value,
            b.entry,
        ))
    });
    let best = match several {
        Several::Latest => {
            let dated = all.iter().filter(|candidate| candidate.date.is_some());
            dated.max_by(|a, b| date_key(a).cmp(&date_key(b)).then(b.value.cmp(&a.value))).or(all.first())
        }
        _ => all.first(),
    };
    let Some(best) = best.cloned() else { return Resolved::Nothing };
    // Values that may be as early (as late): only a sure order between dates rules them out.
    let rivals = |candidate: &&Candidate| match (several, &candidate.date, &best.date) {
        (Several::Earliest, Some(date), Some(chosen)) => !chosen.surely_before(date),
        (Several::Latest, Some(date), Some(chosen)) => !date.surely_before(chosen),
        _ => true,
    };
    let mut entries: Vec<usize> = all.iter().filter(rivals).map(|candidate| candidate.entry).collect();
    if all.iter().filter(rivals).all(|candidate| candidate.value == best.value) {
        return Resolved::One(best);
    }
    entries.sort_unstable();
    entries.dedup();
    match (disagreement, several) {
        (Unknown::Missing, _) => Resolved::Disagree,
        (Unknown::Refuse, Several::Only) => Resolved::Refused("one value", entries),
        (Unknown::Refuse, Several::Earliest) => Resolved::Refused("one earliest value", entries),
        (Unknown::Refuse, Several::Latest) => Resolved::Refused("one latest value", entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, date: &str, entry: usize) -> Candidate {
        Candidate { value: value.into(), date: FhirDate::read(date), entry }
    }

    fn chosen(all: &[Candidate], several: Several) -> Result<String, Vec<usize>> {
        let forward = resolve(all.to_vec(), several, Unknown::Refuse);
        let backward = resolve(all.iter().rev().cloned().collect(), several, Unknown::Refuse);
        assert_eq!(forward, backward);
        match forward {
            Resolved::One(candidate) => Ok(candidate.value),
            Resolved::Refused(_, entries) => Err(entries),
            _ => Ok(String::new()),
        }
    }

    #[test]
    fn dates_choose_and_doubtful_order_is_refused() {
        let all = [of("a", "2024-01-05", 1), of("b", "2024-03", 2), of("c", "2024-03-09", 3)];
        assert_eq!(chosen(&all, Several::Earliest), Ok("a".into()));
        assert_eq!(chosen(&all, Several::Latest), Err(vec![2, 3]));
        assert_eq!(chosen(&all, Several::Only), Err(vec![1, 2, 3]));
        assert_eq!(resolve(all.to_vec(), Several::Latest, Unknown::Missing), Resolved::Disagree);
        assert_eq!(chosen(&[of("a", "2024", 1), of("b", "", 2)], Several::Earliest), Err(vec![1, 2]));
        assert_eq!(chosen(&[of("a", "2024", 1), of("a", "", 2)], Several::Latest), Ok("a".into()));
    }

    #[test]
    fn a_value_is_placed_only_when_that_is_sure() {
        let event = Event::On(FhirDate::read("2024-03-10").unwrap());
        let at = |date: &str, side| place(FhirDate::read(date).as_ref(), &event, side);
        assert_eq!([at("2024-03-10", Side::Until), at("2024-03-11", Side::Until)], [Place::Inside, Place::Outside]);
        assert_eq!([at("2024-03", Side::Until), at("", Side::Until)], [Place::Unsure, Place::Unsure]);
        assert_eq!([at("2024-03-10", Side::Before), at("2024-02", Side::Before)], [Place::Outside, Place::Inside]);
        assert_eq!([at("2024-03-10", Side::After), at("2024-04", Side::After)], [Place::Outside, Place::Inside]);
        assert_eq!(place(None, &Event::None, Side::Until), Place::Inside);
        assert_eq!(place(FhirDate::read("2024").as_ref(), &Event::None, Side::Before), Place::Unsure);
    }
}
