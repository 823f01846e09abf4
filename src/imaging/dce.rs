use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::mr_series::mixed_series;
use super::study::{Headed, StudyImage, count};
use super::{DicomHeader, FileReport};

/// Two positions closer than this are the same slice, in millimetres.
const SAME_SLICE_MM: f64 = 0.05;

/// One slice with its place.
#[derive(Clone, Copy)]
struct Slice<'a> {
    report: &'a FileReport,
    header: &'a DicomHeader,
    /// Zero-based number in a multi-frame object.
    frame: Option<usize>,
    position: f64,
    /// Position in steps of [`SAME_SLICE_MM`].
    place: i64,
}

/// One volume: the slices of one moment.
struct Volume<'a> {
    rank: (Option<i64>, i64, i64),
    time_s: Option<f64>,
    /// True when only InstanceNumber told the volume from the others of its series.
    by_instance: bool,
    slices: Vec<Slice<'a>>,
}

/// What distinguishes the series of one examination: matrix, orientation in hundredths, echo and repetition time.
type Protocol = (usize, usize, Option<[i64; 6]>, Option<i64>, Option<i64>);

/// The slices of the dynamic series of an examination, by phase and position, with findings about what it lacks.
///
/// Volumes of one protocol are the phases; of several protocols the one with most volumes, then most slices, is taken.
/// Inside a series the phases are told apart by TemporalPositionIdentifier, else AcquisitionNumber, else TriggerTime,
/// else AcquisitionTime, else the sum of the two, else the order of InstanceNumber at each position.
pub(super) fn order(files: &[Headed], found: &mut Vec<String>) -> Vec<StudyImage> {
    let broken = files.iter().filter(|(_, header)| header.broken_spacing).count();
    if broken > 0 {
        found.push(format!("{} refused: PixelSpacing is no pair of positive lengths", count(broken, "image")));
    }
    let files: Vec<Headed> = files.iter().copied().filter(|(_, header)| !header.broken_spacing).collect();
    let files = files.as_slice();
    mixed_series(files, found);
    let mut protocols: BTreeMap<Protocol, BTreeMap<&str, Vec<Slice>>> = BTreeMap::new();
    let frames = split_frames(files, found);
    let mut placed = 0usize;
    for Frame { report, header, frame } in &frames {
        let (report, header, frame) = (*report, header.as_ref(), *frame);
        let Some(position) = header.position_mm() else { continue };
        placed += 1;
        let slice = Slice { report, header, frame, position, place: (position / SAME_SLICE_MM).round() as i64 };
        let series = header.series_uid.as_deref().unwrap_or("");
        protocols.entry(protocol(report, header)).or_default().entry(series).or_default().push(slice);
    }
    if placed < frames.len() {
        let n = frames.len() - placed;
        found.push(format!("{} without ImagePositionPatient left out", count(n, "image")));
    }
    let dynamic = protocols.into_values().map(volumes).max_by_key(|volumes| {
        // The last maximum wins in max_by_key and BTreeMap is ordered: the choice is deterministic.
        (volumes.len(), volumes.iter().map(|volume| volume.slices.len()).sum::<usize>())
    });
    let Some(mut phases) = dynamic else { return Vec::new() };
    let kept: usize = phases.iter().map(|phase| phase.slices.len()).sum();
    if kept < placed {
        found.push(format!("{} outside the dynamic series left out", count(placed - kept, "image")));
    }
    let timed = phases.iter().all(|phase| phase.time_s.is_some());
    phases.sort_by(|a, b| {
        let by_time = if timed { a.time_s.partial_cmp(&b.time_s) } else { None };
        a.rank.0.cmp(&b.rank.0).then(by_time.unwrap_or(std::cmp::Ordering::Equal)).then(a.rank.cmp(&b.rank))
    });
    check_times(&phases, found);
    check(&phases, found);
    let start = phases.first().and_then(|phase| phase.time_s);
    let rising = phases.windows(2).all(|pair| match pair {
        [a, b] => a.time_s < b.time_s,
        _ => true,
    });
    let mut images = Vec::with_capacity(kept);
    for (number, phase) in phases.iter_mut().enumerate() {
        phase.slices.sort_by(|a, b| {
            a.position.total_cmp(&b.position).then((&a.report.path, a.frame).cmp(&(&b.report.path, b.frame)))
        });
        let after = phase.time_s.zip(start).filter(|_| timed && rising).map(|(time, start)| time - start);
        images.extend(phase.slices.iter().map(|slice| StudyImage {
            phase: Some(number),
            position_mm: Some(slice.position),
            time_s: after,
            frame: slice.frame,
            ..StudyImage::new(slice.report, slice.header)
        }));
    }
    images
}

/// One slice before it is placed: a file, or a frame of an enhanced object with its own header.
struct Frame<'a> {
    report: &'a FileReport,
    header: Cow<'a, DicomHeader>,
    frame: Option<usize>,
}

/// The frames of all files; an object of several frames that does not place them is left out.
fn split_frames<'a>(files: &[Headed<'a>], found: &mut Vec<String>) -> Vec<Frame<'a>> {
    let (mut frames, mut unplaced) = (Vec::new(), 0usize);
    for &(report, header) in files {
        let count = report.frames.unwrap_or(1);
        if count == header.frames.len() {
            frames.extend(header.frames.iter().enumerate().map(|(frame, place)| Frame {
                report,
                header: Cow::Owned(place.header_of(header)),
                frame: Some(frame),
            }));
        } else if count > 1 {
            unplaced += 1;
        } else {
            frames.push(Frame { report, header: Cow::Borrowed(header), frame: None });
        }
    }
    if unplaced > 0 {
        found.push(format!("{} with several frames and no place for each left out", count(unplaced, "image")));
    }
    frames
}

/// Tells where the order of the phases does not follow from their times.
fn check_times(phases: &[Volume], found: &mut Vec<String>) {
    let mut ties = 0usize;
    let mut falling = false;
    for (a, b) in phases.iter().zip(phases.iter().skip(1)) {
        let told_apart = a.rank.0.is_some() && a.rank.0 != b.rank.0;
        match a.time_s.zip(b.time_s) {
            Some((a, b)) if b < a => falling = true,
            Some((a, b)) if b > a => {}
            _ if told_apart => {}
            _ => ties += 1,
        }
    }
    if ties > 0 {
        found.push(format!(
            "{} of phases without a time between them: ordered by series and acquisition number",
            count(ties, "pair")
        ));
    }
    if falling {
        found.push("acquisition times do not rise with the temporal position; they are not used".to_owned());
    }
    if phases.len() > 1 && phases.iter().all(|phase| phase.by_instance) {
        found.push("no time tells the phases apart: ordered by InstanceNumber".to_owned());
    }
}

fn protocol(report: &FileReport, header: &DicomHeader) -> Protocol {
    let hundredths = |value: f64| (value * 100.0).round() as i64;
    (
        report.rows.unwrap_or(0),
        report.columns.unwrap_or(0),
        header.orientation.map(|cosines| cosines.map(hundredths)),
        header.echo_time_ms.map(hundredths),
        header.repetition_time_ms.map(hundredths),
    )
}

/// The volumes of one protocol.
fn volumes<'a>(series: BTreeMap<&str, Vec<Slice<'a>>>) -> Vec<Volume<'a>> {
    let single = series.len() == 1;
    let mut out = Vec::new();
    for slices in series.into_values() {
        let number = slices.iter().filter_map(|slice| slice.header.series_number).min().unwrap_or(0);
        let (moments, by_instance) = split(slices);
        for (key, slices) in moments {
            let time_s = slices.iter().filter_map(|slice| moment(slice.header)).min_by(f64::total_cmp);
            // Inside one series the split key is the order; between series the clock is, then the series number.
            out.push(Volume { rank: (single.then_some(key), number, key), time_s, by_instance, slices });
        }
    }
    out
}

/// When a slice was taken, in seconds.
fn moment(header: &DicomHeader) -> Option<f64> {
    match (header.acquisition_time_s, header.trigger_time_ms) {
        (Some(time), Some(trigger)) => Some(time + trigger / 1000.0),
        (time, trigger) => time.or(trigger.map(|trigger| trigger / 1000.0)),
    }
}

/// A reading of a header that may tell the moments of a series apart.
type MomentKey<'a> = &'a dyn Fn(&DicomHeader) -> Option<i64>;

/// Splits a series into moments, by the first key that leaves no position twice in one moment; true when none does and
/// the order of InstanceNumber had to.
fn split(slices: Vec<Slice>) -> (BTreeMap<i64, Vec<Slice>>, bool) {
    let once = |group: &[Slice]| group.iter().map(|slice| slice.place).collect::<BTreeSet<_>>().len() == group.len();
    if once(&slices) {
        return (BTreeMap::from([(0, slices)]), false);
    }
    let milliseconds = |value: f64| (value * 1000.0).round() as i64;
    let keys: [MomentKey; 5] = [
        &|header| header.temporal_position,
        &|header| header.acquisition_number,
        &|header| header.trigger_time_ms.map(milliseconds),
        &|header| header.acquisition_time_s.map(milliseconds),
        // Writers leave TriggerTime out of the first phase.
        &|header| moment(header).map(milliseconds),
    ];
    let places = slices.iter().map(|slice| slice.place).collect::<BTreeSet<_>>().len();
    for key in keys {
        let mut groups: BTreeMap<i64, Vec<Slice>> = BTreeMap::new();
        let complete = slices
            .iter()
            .all(|slice| key(slice.header).map(|moment| groups.entry(moment).or_default().push(*slice)).is_some());
        // A time that differs from slice to slice names slices, not volumes.
        if complete && groups.values().all(|group| once(group)) && (places == 1 || 2 * groups.len() <= slices.len()) {
            return (groups, false);
        }
    }
    let mut ordered = slices;
    let key = |slice: &Slice| (slice.place, slice.header.instance_number, slice.report.path.clone(), slice.frame);
    ordered.sort_by_cached_key(key);
    let mut groups: BTreeMap<i64, Vec<Slice>> = BTreeMap::new();
    let (mut place, mut rank) = (None, 0);
    for slice in ordered {
        rank = if place == Some(slice.place) { rank + 1 } else { 0 };
        place = Some(slice.place);
        groups.entry(rank).or_default().push(slice);
    }
    (groups, true)
}

/// Reports a single phase, slices that a phase lacks, gaps, and mixed pixel spacing.
fn check(phases: &[Volume], found: &mut Vec<String>) {
    if phases.len() == 1 {
        found.push("one phase only: enhancement cannot be measured".to_owned());
    }
    let all: BTreeSet<i64> = phases.iter().flat_map(|phase| &phase.slices).map(|slice| slice.place).collect();
    for (number, phase) in phases.iter().enumerate() {
        let here: BTreeSet<i64> = phase.slices.iter().map(|slice| slice.place).collect();
        if here.len() < all.len() {
            found.push(format!("phase {number}: {} missing", count(all.len() - here.len(), "slice")));
        }
    }
    let places: Vec<i64> = all.into_iter().collect();
    let mut gaps: Vec<i64> = places.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
    let unsorted = gaps.clone();
    gaps.sort_unstable();
    if let Some(&median) = gaps.get(gaps.len() / 2) {
        let missing: i64 =
            unsorted.iter().map(|gap| (*gap as f64 / median as f64).round() as i64 - 1).filter(|n| *n > 0).sum();
        let uneven = unsorted.iter().any(|gap| (gap - median).abs() * 10 > median);
        if missing > 0 {
            found.push(format!("{} missing from every phase", count(missing as usize, "slice")));
        } else if uneven {
            found.push("uneven slice spacing".to_owned());
        }
    }
    let spacings: BTreeSet<Option<[i64; 2]>> = phases
        .iter()
        .flat_map(|phase| &phase.slices)
        .map(|slice| slice.header.pixel_spacing_mm.map(|spacing| spacing.map(|side| (side * 1000.0).round() as i64)))
        .collect();
    if spacings.len() > 1 {
        found.push("mixed pixel spacing".to_owned());
    } else if spacings.contains(&None) {
        found.push("PixelSpacing is absent".to_owned());
    }
}
