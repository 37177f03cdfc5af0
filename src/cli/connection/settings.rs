//! The settings of one connection from every place that libpq looks at, each with where it came from.

use super::{ConnectionError, Env, service};
use crate::model::conninfo::{self, ConninfoError, Params};
use crate::model::endpoint::Words;
use std::collections::BTreeMap;

/// Where a value was found, so that a complaint names the right culprit.
#[derive(Clone)]
enum Origin {
    Text,
    Service(String),
    Variable(&'static str),
}

pub(super) struct Settings(BTreeMap<&'static str, (String, Origin)>);

impl Settings {
    /// What the string leaves open comes from the service, and what that leaves open from the environment.
    pub(super) fn gather(text: &Params, env: &Env) -> Result<Self, ConnectionError> {
        let mut settings = Self(BTreeMap::new());
        for (keyword, value) in text.iter() {
            settings.offer(keyword, value, Origin::Text);
        }
        if let Some(name) = text.get("service").or(env.variable("PGSERVICE")).filter(|name| !name.is_empty())
        {
            let from_service = service::look_up(name, env)?;
            for (keyword, value) in from_service.iter() {
                settings.offer(keyword, value, Origin::Service(name.to_owned()));
            }
        }
        for (keyword, variable) in conninfo::variables() {
            if let Some(value) = env.variable(variable) {
                settings.offer(keyword, value, Origin::Variable(variable));
            }
        }
        if env.variable("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            settings.offer("sslmode", "require", Origin::Variable("PGREQUIRESSL"));
        }
        Ok(settings)
    }

    fn offer(&mut self, keyword: &'static str, value: &str, origin: Origin) {
        self.0.entry(keyword).or_insert_with(|| (value.to_owned(), origin));
    }

    /// The value, if it is set and not empty.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        self.even_empty(keyword).filter(|value| !value.is_empty())
    }

    pub(super) fn even_empty(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(|(value, _)| value.as_str())
    }

    /// The error for a bad value of `keyword`. `what` continues the sentence and does not quote the value.
    pub(super) fn bad(&self, keyword: &'static str, what: impl Into<String>) -> ConnectionError {
        let problem = ConninfoError::Value { keyword, what: what.into() };
        match self.0.get(keyword).map(|(_, origin)| origin.clone()) {
            None | Some(Origin::Text) => ConnectionError::Text(problem),
            Some(Origin::Service(name)) => ConnectionError::Service { name, problem },
            Some(Origin::Variable(name)) => ConnectionError::Variable { name, problem },
        }
    }

    /// One of a type's words. An empty value is none of them: behind it may be a demand that got lost.
    pub(super) fn word<T: Words>(&self, keyword: &'static str) -> Result<Option<T>, ConnectionError> {
        Ok(self.one_of(keyword, T::WORDS)?.and_then(T::parse))
    }

    pub(super) fn one_of(
        &self,
        keyword: &'static str,
        words: &[&str],
    ) -> Result<Option<&str>, ConnectionError> {
        match self.even_empty(keyword) {
            Some(value) if !words.contains(&value) => {
                Err(self.bad(keyword, format!("must be one of: {}", words.join(", "))))
            }
            value => Ok(value),
        }
    }

    pub(super) fn number(&self, keyword: &'static str) -> Result<Option<i32>, ConnectionError> {
        let parse = |value: &str| value.trim().parse().map_err(|_| self.bad(keyword, "must be an integer"));
        self.get(keyword).map(parse).transpose()
    }

    /// A number in which zero and less mean "not set".
    pub(super) fn positive(&self, keyword: &'static str) -> Result<Option<u32>, ConnectionError> {
        Ok(self.number(keyword)?.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0))
    }
}
