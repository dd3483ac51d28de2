//! `kiln score --watch`: scores the tiles that arrive in a folder until the process is asked to end.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;
use kiln_files::digest::sha256_file;
use kiln_files::text::escaped;
use kiln_files::time::Timestamp;
use kiln_runtime::bundle::MANIFEST;
use kiln_runtime::score::{self, Columns, Format, Journal, JournalClaim, ListedTiles, PipelineOptions, ResumableFile};
use kiln_runtime::watch::{FolderWatch, Outcome, Round, State, Status, Waiting};
use kiln_runtime::{Bundle, DecisionRule, Error, Scorer};
use serde_json::{Map, Value, json};

use super::args::{Args, BatchSize, WatchArgs};
use super::local;
use super::work::Work;
use crate::destination::{Destination, STDOUT};
use crate::exit::Exit;
use crate::output::Output;
use crate::signal::stop_requested;

/// The status file is replaced at least this often, whatever the interval between searches.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The longest sleep: a request to end is answered within it.
const NAP: Duration = Duration::from_millis(50);

pub(super) fn run(args: &Args, folder: &Path, out: &Output) -> anyhow::Result<Exit> {
    let (target, format) = target(args)?;
    let BatchSize::Tiles(batch) = args.batch else {
        bail!("--batch auto tries sizes on tiles, and a watched folder may have none yet; name a number");
    };
    let stop = stop_requested();
    let file = args.watch.status.clone().unwrap_or_else(|| beside(&target, ".status.json"));
    refuse_targets(args, &target, &file)?;
    // Before the status file, which is that of the process whose rows these are.
    let claim = Journal::claim(&target, format)?;
    let bundle = super::open(args, out)?;
    let digest = sha256_file(&bundle.path.join(MANIFEST)).map_err(anyhow::Error::from)?;
    let status = Status::starting(folder, &target, &args.bundle, digest);
    let mut board = Board { status, file, written: Instant::now(), is_broken: false, out };
    board.write();
    let watched = Watched { args, folder, target: &target, format, batch, stop };
    let ended = watched.run(claim, &bundle, &mut board);
    match &ended {
        Ok(()) => board.status.state = State::Stopped,
        Err(error) => {
            board.status.state = State::Failed;
            board.status.fail(kiln_runtime::chain(error.as_ref()));
        }
    }
    board.write();
    ended?;
    let Status { scored, failed, waiting, .. } = board.status;
    out.event(
        format_args!("stopped: {scored} rows with a score, {failed} without, {waiting} files waiting"),
        fields([("scored", scored), ("failed", failed), ("waiting", waiting)]),
    );
    if out.json {
        out.document(&board.status)?;
    } else {
        out.line(target.display());
    }
    Ok(Exit::Done)
}

/// The growing file of the rows.
fn target(args: &Args) -> anyhow::Result<(PathBuf, Format)> {
    let Some(target) = args.out.clone().filter(|out| out.as_os_str() != STDOUT) else {
        bail!("--watch keeps the rows in a file; name one that ends with .csv or .jsonl with --out");
    };
    #[cfg(feature = "slide")]
    let for_slides = args.slide.slides || target.is_dir();
    #[cfg(not(feature = "slide"))]
    let for_slides = target.is_dir();
    if for_slides {
        bail!(
            "--watch is for tiles, whose rows go to a file; slides are scored by `kiln score BUNDLE SLIDE --out FOLDER`, one \
             call for each finished slide"
        );
    }
    #[cfg(feature = "slide")]
    super::refuse_slide_flags(args)?;
    let format = args.format.for_file(&target)?;
    if format.for_stream().is_err() {
        bail!("--out {}: a {format} file cannot grow; name one that ends with .csv or .jsonl", target.display());
    }
    Ok((target, format))
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Refuses targets in the bundle, and a status file that would replace another file. An earlier file of rows has its own
/// check: see [`Journal::claim`].
fn refuse_targets(args: &Args, target: &Path, status: &Path) -> anyhow::Result<()> {
    let rows = [target.to_owned(), Journal::path_of(target), ResumableFile::progress_of(target)];
    for (flag, file) in rows.iter().map(|file| ("--out", file.as_path())).chain([("--status", status)]) {
        Destination::new(flag, file).is_not_in("the bundle", &args.bundle)?;
    }
    let destination = Destination::new("--status", status);
    if rows.iter().any(|file| destination.is_at(file)) {
        bail!("--status {} is the file of the rows, its journal or its lock; name another one", status.display());
    }
    destination.can_be_written()?;
    match Status::read(status) {
        Ok(_) => Ok(()),
        Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => bail!(
            "{}; --status replaces nothing but an earlier status file\nhint: name another file with --status",
            kiln_runtime::chain(&error)
        ),
    }
}

fn fields<const N: usize>(counts: [(&str, usize); N]) -> Map<String, Value> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), Value::from(count))).collect()
}

/// The status file.
struct Board<'a> {
    status: Status,
    file: PathBuf,
    written: Instant,
    /// True after a failure of writing, which is reported once.
    is_broken: bool,
    out: &'a Output,
}

impl Board<'_> {
    /// Replaces the file. The work goes on without it: its age shows the fault.
    fn write(&mut self) {
        self.written = Instant::now();
        match self.status.write(&self.file) {
            Ok(()) => self.is_broken = false,
            Err(error) if !self.is_broken => {
                self.is_broken = true;
                self.out.error(&error.into());
            }
            Err(_) => {}
        }
    }

    /// Replaces the file if it is time to.
    fn beat(&mut self) {
        if self.written.elapsed() >= HEARTBEAT {
            self.write();
        }
    }
}

/// One watch.
struct Watched<'a> {
    args: &'a Args,
    folder: &'a Path,
    target: &'a Path,
    format: Format,
    batch: usize,
    stop: &'a AtomicBool,
}

impl Watched<'_> {
    /// Opens the scorers, and watches until a request to end.
    fn run(&self, claim: JournalClaim, bundle: &Bundle, board: &mut Board<'_>) -> anyhow::Result<()> {
        let rule = DecisionRule::from_manifest(&bundle.manifest);
        let decoder = super::decoder(self.args, bundle);
        let nothing = ListedTiles::new(&[], decoder);
        let work = |precision| Work {
            args: self.args,
            bundle,
            rule: &rule,
            source: &nothing,
            settings: vec![decoder.policy.to_string()],
            precision,
            out: Some(self.target.to_owned()),
            columns: Columns::for_files(rule.classes()),
            format: self.format,
        };
        #[cfg(feature = "endpoint")]
        if self.args.endpoint.is_named() {
            let work = work(self.args.precision.as_deref().unwrap_or("fp32"));
            let endpoint = super::endpoint::open(&work, board.out)?;
            let settings = super::endpoint::settings(&endpoint).map(str::to_owned);
            let batch = endpoint.max_batch().map_or(self.batch, |most| self.batch.min(most));
            return self.search(claim, &work, &mut endpoint.handles(), (batch, &settings), board);
        }
        let providers = self.args.provider.providers()?;
        let precision = self.args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(providers.first()));
        let work = work(precision);
        // The number of tiles is unknown.
        let mut sessions = local::open(&work, &providers, usize::MAX, board.out)?;
        let settings = local::settings(&sessions, &providers);
        self.search(claim, &work, &mut sessions, (self.batch, &settings), board)
    }

    /// Searches the folder again and again.
    fn search<S: Scorer + Send>(
        &self,
        claim: JournalClaim,
        work: &Work<'_>,
        scorers: &mut [S],
        (batch, settings): (usize, &[String]),
        board: &mut Board<'_>,
    ) -> anyhow::Result<()> {
        let facts: Vec<&str> = [work.precision]
            .into_iter()
            .chain(work.settings.iter().map(String::as_str))
            .chain(settings.iter().map(String::as_str))
            .collect();
        let key = score::run_key(&work.bundle.manifest, &facts, None);
        let WatchArgs { settle, patience, interval, .. } = self.args.watch;
        let waiting = Waiting { settle, patience: patience.max(settle) };
        let decoder = super::decoder(self.args, work.bundle);
        let mut watch = FolderWatch::open(self.folder, claim, (&work.columns, &key), decoder, waiting)?;
        let options = PipelineOptions { batch, workers: self.args.threads() };
        let mut reporter = Reporter { board, before: (watch.scored(), watch.failed()) };
        reporter.start(self);
        while !self.stop.load(Ordering::Relaxed) {
            let round = watch.search(scorers, work.rule, &options, self.stop, &mut |outcome| reporter.outcome(outcome));
            match round {
                Ok(round) => reporter.round(round, (watch.scored(), watch.failed())),
                // A share that is away for a while.
                Err(error @ Error::Read { .. }) => reporter.unreadable(&error),
                Err(error) => return Err(error.into()),
            }
            reporter.rest(interval, self.stop);
        }
        Ok(())
    }
}

/// Prints the course of a watch, and keeps the status file.
struct Reporter<'a, 'b> {
    board: &'a mut Board<'b>,
    /// Rows with and without a score before this search.
    before: (usize, usize),
}

impl Reporter<'_, '_> {
    fn start(&mut self, watched: &Watched<'_>) {
        let (scored, failed) = self.before;
        let Board { status, out, .. } = &mut *self.board;
        (status.scored, status.failed, status.state) = (scored, failed, State::Waiting);
        out.event(
            format_args!(
                "watching {} for tiles; {} has {scored} rows with a score and {failed} without",
                watched.folder.display(),
                watched.target.display()
            ),
            fields([("scored", scored), ("failed", failed)]),
        );
        self.board.write();
    }

    fn outcome(&mut self, outcome: &Outcome<'_>) {
        let status = &mut self.board.status;
        status.state = State::Scoring;
        match outcome {
            Outcome::Row(row) if row.is_ok() => status.scored += 1,
            Outcome::Row(row) => {
                status.failed += 1;
                let text = format!("{}: {}", escaped(&row.path), row.status);
                let fields = [("path", &row.path), ("status", &row.status)];
                let fields = fields.map(|(name, value)| (name.to_owned(), json!(value))).into_iter().collect();
                self.board.out.event(&text, fields);
                status.fail(text);
            }
            Outcome::Copy => status.copies += 1,
            Outcome::Retry(_) => {}
        }
        self.board.beat();
    }

    fn round(&mut self, round: Round, (scored, failed): (usize, usize)) {
        let Board { status, out, .. } = &mut *self.board;
        let changes = status.state == State::Scoring || status.waiting != round.waiting || status.last_scan.is_none();
        (status.scored, status.failed, status.waiting) = (scored, failed, round.waiting);
        status.last_scan = Some(Timestamp::now());
        status.state = State::Waiting;
        if round.scored + round.failed + round.copies > 0 {
            out.event(
                format_args!(
                    "{} tiles scored, {} without a score, {} copies; {} files waiting",
                    round.scored, round.failed, round.copies, round.waiting
                ),
                fields([
                    ("scored", round.scored),
                    ("failed", round.failed),
                    ("copies", round.copies),
                    ("waiting", round.waiting),
                ]),
            );
        }
        if changes { self.board.write() } else { self.board.beat() }
    }

    fn unreadable(&mut self, error: &Error) {
        let text = kiln_runtime::chain(error);
        let is_new = self.board.status.last_error.as_ref().is_none_or(|last| last.message != text);
        if is_new {
            self.board.out.event(format_args!("warning: {text}; trying again"), Map::new());
        }
        self.board.status.fail(text);
        self.board.status.state = State::Waiting;
        self.board.write();
    }

    /// Waits for the next search, or for a request to end.
    fn rest(&mut self, interval: Duration, stop: &AtomicBool) {
        let until = Instant::now() + interval;
        while !stop.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.board.beat();
            sleep(left.min(NAP));
        }
    }
}
