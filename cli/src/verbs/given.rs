//! A group of arguments, with the flags that the user gave. A flag's value does not show whether it was given or is the
//! default.

use std::ops::Deref;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};

/// A group of arguments, and the flags among them that the user gave.
pub(super) struct Given<T> {
    group: T,
    flags: Vec<String>,
}

impl<T> Given<T> {
    /// The given flags, such as `--mpp`, in the order of the help.
    pub(super) fn flags(&self) -> &[String] {
        &self.flags
    }
}

impl<T> Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.group
    }
}

impl<T: clap::Args> FromArgMatches for Given<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        // Before the values are taken out.
        let flags = given::<T>(matches);
        Ok(Self { group: T::from_arg_matches_mut(matches)?, flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.flags.extend(given::<T>(matches));
        self.group.update_from_arg_matches(matches)
    }
}

impl<T: clap::Args> clap::Args for Given<T> {
    fn augment_args(command: Command) -> Command {
        T::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

/// The flags of a group that are on the command line.
fn given<T: clap::Args>(matches: &ArgMatches) -> Vec<String> {
    let group = T::augment_args(Command::new("group"));
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let flags = group.get_arguments().filter(|argument| is_given(argument.get_id().as_str()));
    flags.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Args)]
    struct Group {
        #[arg(long, default_value_t = 7)]
        number: u8,
        #[arg(long)]
        switch: bool,
    }

    #[derive(clap::Parser)]
    struct Verb {
        #[arg(long)]
        other: bool,
        #[command(flatten)]
        group: Given<Group>,
    }

    #[test]
    fn given_flags_are_listed_without_defaults() {
        let verb = |flags: &[&str]| Verb::try_parse_from([&["verb"][..], flags].concat()).unwrap();
        let plain = verb(&["--other"]);
        assert!(plain.other && plain.group.flags().is_empty());
        assert_eq!(plain.group.number, 7);
        let given = verb(&["--switch", "--number", "7"]);
        assert!(given.group.switch);
        assert_eq!(given.group.flags(), ["--number", "--switch"]);
    }
}
