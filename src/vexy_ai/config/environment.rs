//! What the environment tells an analyst.

use super::SERVICE;
use crate::contract::Name;
use crate::env::{Env, EnvError};
use crate::vexy_ai::local::companies::Companies;

/// The variable with an analyst's name.
const NAME: &str = "VEXY_NAME";
/// The list of companies; its file is named by `VEXY_COMPANIES_FILE`.
const COMPANIES: &str = "VEXY_COMPANIES";

/// What the environment tells an analyst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// What it is called: in truth, in its beats, and as a consumer. The same after every start.
    pub name: String,
    /// `TICKER<TAB>NAME`, one a line, in place of the list that the program carries.
    pub companies: Option<String>,
}

impl Environment {
    /// Reads it.
    ///
    /// # Errors
    /// `VEXY_NAME` is no name of a service, or the file cannot be read.
    pub fn read(env: &Env) -> Result<Environment, EnvError> {
        Ok(Environment {
            name: name(env)?,
            companies: env.get(COMPANIES)?,
        })
    }

    /// The companies that are known by name.
    ///
    /// # Errors
    /// The file is no list of companies.
    pub fn companies(&self) -> Result<Companies, EnvError> {
        match &self.companies {
            Some(text) => Companies::parse(text.clone()).map_err(|error| EnvError {
                name: format!("{COMPANIES}_FILE"),
                reason: error.to_string(),
            }),
            None => Ok(Companies::shipped()),
        }
    }
}

/// What the analyst is called.
///
/// # Errors
/// `VEXY_NAME` is no name of a service.
pub fn name(env: &Env) -> Result<String, EnvError> {
    let name = env.text(NAME, SERVICE)?;
    match name.parse::<Name>() {
        Ok(_) => Ok(name),
        Err(error) => Err(EnvError {
            name: NAME.to_owned(),
            reason: format!("{error}, as its entry in truth has it"),
        }),
    }
}
