//! Which model rules are in force: the user's files, the packs, the built-in ones, in this order;
//! where several measure one relation, the first of them speaks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diagnosis::graph::{
    Lookup, ModelRules, PackJobs, Question, RuleSource, SourcedRules, built_in_rules,
    parse_model_file, questions,
};
use diagnosis::pack::Pack;
use tracing::error;

use crate::app::App;
use crate::config::read_file;
use crate::judge::Detections;
use crate::judge::services::sel_of;

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelProblem {
    #[error("cannot read {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}, {problem}", path.display())]
    Invalid {
        path: PathBuf,
        problem: diagnosis::Problem,
    },
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// `None` until they were read.
    files: Option<Vec<SourcedRules>>,
    /// Of a file that has problems now, what it held before.
    before: Vec<SourcedRules>,
    packs: Arc<Vec<Pack>>,
    sources: Vec<SourcedRules>,
    lookup: Arc<Lookup>,
    asked: Option<Asked>,
}

/// The queries, and what they depend on. Parsing them costs more than most of their answers, and
/// they change only when a job comes or goes.
#[derive(Debug)]
struct Asked {
    jobs: Vec<PackJobs>,
    window: Duration,
    questions: Arc<Vec<Question>>,
}

/// Reads one file.
pub(crate) fn read_model_file(path: &Path) -> Result<ModelRules, Vec<ModelProblem>> {
    let text = read_file(path).map_err(|source| {
        let path = path.to_owned();
        vec![ModelProblem::Io { path, source }]
    })?;
    parse_model_file(&text).map_err(|problems| {
        let placed = problems.into_iter().map(|problem| ModelProblem::Invalid {
            path: path.to_owned(),
            problem,
        });
        placed.collect()
    })
}

impl Rules {
    /// Of packs alone, for tests.
    #[cfg(test)]
    pub(crate) fn of_packs(packs: Arc<Vec<Pack>>, files: Vec<SourcedRules>) -> Self {
        let mut rules = Self {
            files: Some(files),
            ..Self::default()
        };
        rules.build(packs);
        rules
    }

    pub(super) fn forget_files(&mut self, is_reload: bool) {
        if is_reload && let Some(files) = self.files.take() {
            self.before = files;
        }
    }

    /// Reads the files if they were not read yet, and takes over packs that were loaded anew.
    /// Blocks on files.
    pub(super) fn refresh(&mut self, app: &App) {
        let packs = if app.settings.packs {
            app.judge.packs()
        } else {
            Arc::default()
        };
        if self.files.is_some() && Arc::ptr_eq(&self.packs, &packs) {
            return;
        }
        if self.files.is_none() {
            let paths = app.settings.model_files.iter();
            self.files = Some(paths.filter_map(|path| self.read(path)).collect());
        }
        self.build(packs);
    }

    /// A file with a problem costs itself only; while the server runs it keeps what it held.
    fn read(&self, path: &Path) -> Option<SourcedRules> {
        let source = RuleSource::File(path.display().to_string());
        match read_model_file(path) {
            Ok(rules) => Some(SourcedRules { source, rules }),
            Err(problems) => {
                for problem in &problems {
                    error!(%problem, "a model file cannot be used");
                }
                let mut before = self.before.iter();
                before.find(|known| known.source == source).cloned()
            }
        }
    }

    fn build(&mut self, packs: Arc<Vec<Pack>>) {
        let of_packs = packs.iter().map(|pack| SourcedRules {
            source: RuleSource::Pack(pack.id.clone()),
            rules: pack.model.clone(),
        });
        let built_in = SourcedRules {
            source: RuleSource::BuiltIn,
            rules: built_in_rules(),
        };
        self.sources = self
            .files
            .iter()
            .flatten()
            .cloned()
            .chain(of_packs)
            .chain([built_in])
            .collect();
        let labels_of = |pack: &str, variant: &str| {
            let pack = packs.iter().find(|known| known.id == pack);
            let variants = pack.map_or(&[][..], |pack| &pack.variants);
            let variant = variants.iter().find(|known| known.name == variant);
            variant.map_or_else(Vec::new, |variant| variant.first_of.clone())
        };
        self.lookup = Arc::new(Lookup::new(&self.sources, &labels_of));
        self.packs = packs;
        self.asked = None;
    }

    /// The queries of all rules for the jobs of now.
    pub(super) fn questions(
        &mut self,
        detections: &Detections,
        window: Duration,
    ) -> Arc<Vec<Question>> {
        let jobs = self.jobs(detections);
        if let Some(asked) = &self.asked
            && asked.window == window
            && asked.jobs == jobs
        {
            return Arc::clone(&asked.questions);
        }
        let questions = Arc::new(questions(&self.sources, &jobs, window));
        self.asked = Some(Asked {
            jobs,
            window,
            questions: Arc::clone(&questions),
        });
        questions
    }

    pub(super) fn sources(&self) -> &[SourcedRules] {
        &self.sources
    }

    pub(super) fn lookup(&self) -> Arc<Lookup> {
        Arc::clone(&self.lookup)
    }

    /// The jobs of each pack, those together in which its variants are resolved alike.
    fn jobs(&self, detections: &Detections) -> Vec<PackJobs> {
        let mut found = Vec::new();
        for pack in self.packs.iter() {
            let mut alike: BTreeMap<BTreeMap<String, String>, Vec<&str>> = BTreeMap::new();
            for job in detections.jobs_with(&pack.id) {
                let of_job = detections.of(job).iter();
                for detection in of_job.filter(|detection| detection.pack == pack.id) {
                    let variants = detection.variants.clone();
                    alike.entry(variants).or_default().push(job);
                }
            }
            found.extend(alike.into_iter().map(|(variants, jobs)| PackJobs {
                pack: pack.id.clone(),
                sel: sel_of(&jobs),
                jobs: jobs.into_iter().map(str::to_owned).collect(),
                variants,
            }));
        }
        found
    }
}
