//! Whose server it is, and how things are switched on there.

use crate::model::endpoint::{Host, HostSpec};
use crate::model::units::readable;
use crate::pg::facts::standing::{Settings, Standing};
use crate::pg::statement::fixes::alter_system;

/// Who runs a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    SelfHosted,
    Rds,
    CloudSql,
    AlloyDb,
    Azure,
    Aiven,
    Supabase,
    Neon,
    Heroku,
}

impl Provider {
    pub(crate) const ALL: [Provider; 9] = [
        Provider::SelfHosted,
        Provider::Rds,
        Provider::CloudSql,
        Provider::AlloyDb,
        Provider::Azure,
        Provider::Aiven,
        Provider::Supabase,
        Provider::Neon,
        Provider::Heroku,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Provider::SelfHosted => "your own server",
            Provider::Rds => "Amazon RDS or Aurora",
            Provider::CloudSql => "Cloud SQL",
            Provider::AlloyDb => "AlloyDB",
            Provider::Azure => "Azure Database",
            Provider::Aiven => "Aiven",
            Provider::Supabase => "Supabase",
            Provider::Neon => "Neon",
            Provider::Heroku => "Heroku Postgres",
        }
    }

    pub(crate) fn is_managed(self) -> bool {
        self != Provider::SelfHosted
    }

    /// How a setting of the whole server is changed there.
    pub(crate) fn set(self, name: &str, value: &str) -> String {
        let logical = name == "wal_level";
        match self {
            Provider::SelfHosted => format!("{} then restart the server", alter_system(name, value)),
            Provider::Rds if logical => {
                "set rds.logical_replication = 1 in the parameter group, and reboot".to_owned()
            }
            Provider::Rds => format!("set {name} = {value} in the parameter group, and reboot"),
            Provider::CloudSql if logical => {
                "set the flag cloudsql.logical_decoding = on (the instance restarts)".to_owned()
            }
            Provider::AlloyDb if logical => {
                "set the flag alloydb.logical_decoding = on (the instance restarts)".to_owned()
            }
            Provider::CloudSql | Provider::AlloyDb => {
                format!("set the database flag {name} = {value} (the instance restarts)")
            }
            Provider::Azure => format!("set the server parameter {name} = {value}, and restart"),
            Provider::Aiven if logical => {
                "Aiven's services have wal_level logical; where one has not, ask its support".to_owned()
            }
            Provider::Aiven => format!("set pg.{name} = {value} in the service's advanced configuration"),
            Provider::Supabase => {
                format!("supabase postgres-config update --config {name}={value} (the database restarts)")
            }
            Provider::Neon if logical => {
                "switch on logical replication in the project's settings; that cannot be undone".to_owned()
            }
            Provider::Neon => format!("ask Neon's support for {name} = {value}"),
            Provider::Heroku => {
                format!("{name} cannot be changed on Heroku; move by a snapshot (--force-method dump)")
            }
        }
    }

    /// How a role gets REPLICATION there. `grant`: the statement of your own server.
    pub(crate) fn give_replication(self, user: &str, grant: &str) -> String {
        use crate::pg::statement::fixes::grant_role;
        match self {
            Provider::Rds => grant_role("rds_replication", user),
            Provider::Neon => "make the role in Neon's console: those have REPLICATION".to_owned(),
            Provider::Heroku => {
                "no role has REPLICATION on Heroku; move by a snapshot (--force-method dump)".to_owned()
            }
            _ => grant.to_owned(),
        }
    }

    /// How an extension is let in there, before CREATE EXTENSION.
    pub(crate) fn allow_extension(self, name: &str) -> String {
        // The source's word, which may be anything: in quotes it is read as a name and not as a statement.
        let name = readable(name);
        match self {
            Provider::SelfHosted => {
                format!("install the files of {name} on the target's machine, for its version of PostgreSQL")
            }
            Provider::Rds => format!(
                "see which extensions this version of RDS has; where rds.allowed_extensions is set, add {name} to it"
            ),
            Provider::Azure => format!("add {name} to the server parameter azure.extensions"),
            Provider::Aiven => format!("Aiven has a list of extensions; ask its support for {name}"),
            Provider::Supabase => format!("switch {name} on under Database, Extensions, if it is there"),
            Provider::CloudSql | Provider::AlloyDb | Provider::Neon | Provider::Heroku => {
                format!("see whether {} has {name}", self.name())
            }
        }
    }
}

/// What is known only there comes first; a host's name next; roles last, for a copy of a provider's server brings them
/// along to anywhere.
pub(crate) fn recognise(
    hosts: &[HostSpec],
    settings: Option<&Settings>,
    standing: Option<&Standing>,
) -> Provider {
    let by_setting = [
        ("alloydb.", Provider::AlloyDb),
        ("cloudsql.", Provider::CloudSql),
        ("rds.", Provider::Rds),
        ("azure.", Provider::Azure),
        ("supautils.", Provider::Supabase),
        ("neon.", Provider::Neon),
        ("aiven.", Provider::Aiven),
    ];
    let by_host = [
        (".rds.amazonaws.com", Provider::Rds),
        (".rds.amazonaws.com.cn", Provider::Rds),
        (".postgres.database.azure.com", Provider::Azure),
        (".aivencloud.com", Provider::Aiven),
        (".supabase.co", Provider::Supabase),
        (".supabase.com", Provider::Supabase),
        (".neon.tech", Provider::Neon),
        (".compute-1.amazonaws.com", Provider::Heroku),
        (".compute.amazonaws.com", Provider::Heroku),
    ];
    let by_role = [
        ("rdsadmin", Provider::Rds),
        ("alloydbadmin", Provider::AlloyDb),
        ("cloudsqladmin", Provider::CloudSql),
        ("azuresu", Provider::Azure),
        ("supabase_admin", Provider::Supabase),
        ("cloud_admin", Provider::Neon),
    ];
    let named = |ending: &str| {
        hosts
            .iter()
            .any(|h| matches!(&h.host, Host::Tcp { name, .. } if name.to_ascii_lowercase().ends_with(ending)))
    };
    let setting = by_setting.iter().find(|(prefix, _)| settings.is_some_and(|s| s.has_prefix(prefix)));
    let host = || by_host.iter().find(|(ending, _)| named(ending));
    let role = || {
        by_role.iter().find(|(role, _)| standing.is_some_and(|s| s.provider_roles.iter().any(|r| r == role)))
    };
    let build = || {
        let text = standing.map(|s| s.version_text.as_str()).unwrap_or_default();
        text.contains("Neon").then_some(&("", Provider::Neon))
    };
    setting.or_else(host).or_else(role).or_else(build).map_or(Provider::SelfHosted, |(_, provider)| *provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> Vec<HostSpec> {
        vec![HostSpec { host: Host::Tcp { name: host.to_owned(), addr: None }, port: 5432 }]
    }

    #[test]
    fn providers_are_told_by_settings_then_hosts_then_roles() {
        let settings = |name: &str| Settings::default().with(name, "x");
        let role = |name: &str| Standing { provider_roles: vec![name.to_owned()], ..Standing::default() };
        let here = at("db.example.net");
        assert_eq!(recognise(&here, Some(&Settings::default()), None), Provider::SelfHosted);
        assert_eq!(recognise(&here, Some(&settings("rds.extensions")), None), Provider::Rds);
        assert_eq!(recognise(&here, Some(&settings("cloudsql.logical_decoding")), None), Provider::CloudSql);
        assert_eq!(recognise(&here, Some(&settings("azure.extensions")), None), Provider::Azure);
        assert_eq!(recognise(&at("x.EU-1.rds.amazonaws.com"), None, Some(&role("azuresu"))), Provider::Rds);
        assert_eq!(recognise(&at("pg-1.aivencloud.com"), None, None), Provider::Aiven);
        assert_eq!(recognise(&at("ep-x-pooler.eu.aws.neon.tech"), None, None), Provider::Neon);
        assert_eq!(recognise(&at("ec2-1-2.compute-1.amazonaws.com"), None, None), Provider::Heroku);
        assert_eq!(recognise(&here, None, Some(&role("supabase_admin"))), Provider::Supabase);
        // What an Aiven service leaves behind wherever its roles were moved to.
        assert_eq!(recognise(&here, None, Some(&role("avnadmin"))), Provider::SelfHosted);
    }

    #[test]
    fn each_provider_has_its_own_words() {
        let all: Vec<_> = Provider::ALL.iter().map(|p| p.set("wal_level", "logical")).collect();
        assert_eq!(all[0], "ALTER SYSTEM SET wal_level = 'logical'; then restart the server");
        assert!(all[1].contains("rds.logical_replication") && all[2].contains("cloudsql.logical_decoding"));
        for (i, text) in all.iter().enumerate() {
            assert!(!all[..i].contains(text), "{text}");
        }
    }
}
