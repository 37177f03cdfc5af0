//! The one table from SQLSTATE to what it means for us.

/// What an error means for whoever has to decide about it: try again, ask, or give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host name has no address.
    NameNotFound,
    /// Nothing listens there.
    Refused,
    /// No answer within the time allowed.
    Timeout,
    /// No way to the host, or no right to use the socket.
    Unreachable,
    /// TLS is refused, cannot be negotiated, or the certificate is not to be trusted.
    Tls,
    /// pg_hba.conf has no place for us, or the role may not log in.
    HbaRejected,
    /// The server did not accept the password.
    WrongPassword,
    /// The server wants a password and we have none.
    PasswordMissing,
    /// The database does not exist (any more).
    NoDatabase,
    /// The role that we log in as does not exist.
    NoRole,
    /// Every connection slot is taken: the server's, the database's or the role's.
    TooManyConnections,
    /// The server starts, recovers or shuts down; it will be back.
    ServerStartingOrStopping,
    /// No host satisfies `target_session_attrs`.
    WrongSessionKind,
    /// The connection ended, or was ended, under our hands.
    ConnectionLost,
    /// A cancel request or a statement timeout stopped the statement.
    Cancelled,
    /// A lock was not to be had in time.
    LockTimeout,
    /// Two transactions waited for each other and ours was the victim.
    Deadlock,
    /// A concurrent change makes it necessary to repeat the transaction.
    SerializationFailure,
    /// The server's disk is full.
    DiskFull,
    /// The server has no memory left for this, or a limit of it is reached.
    OutOfMemory,
    /// A privilege is missing.
    InsufficientPrivilege,
    /// The session may only read.
    ReadOnly,
    /// An object of this name exists.
    DuplicateObject,
    /// An object that was named does not exist.
    MissingObject,
    /// A row contradicts a unique or primary key.
    UniqueViolation,
    /// A row contradicts another constraint: not null, check, foreign key, exclusion.
    ConstraintViolation,
    /// The server found its own files damaged.
    DataCorrupted,
    /// The server (or this program) does not have that feature.
    Unsupported,
    /// Any other SQLSTATE.
    Server,
    /// What came is not what the protocol says.
    Protocol,
    /// A mistake of ours: a value or row of another type or number than we expected.
    Internal,
}

impl ErrorKind {
    /// What a SQLSTATE means; codes from PostgreSQL's errcodes.txt.
    ///
    /// `routine` is the server function that raised it (never translated): at login, code 28000 stands for three
    /// different things that nothing else tells apart.
    pub(super) fn of(sqlstate: &str, routine: Option<&str>) -> Self {
        match sqlstate {
            "28000" => match routine {
                Some("InitializeSessionUserId") => Self::NoRole,
                _ => Self::HbaRejected,
            },
            "28P01" => Self::WrongPassword,
            "3D000" | "57P04" => Self::NoDatabase,
            "53300" => Self::TooManyConnections,
            "57P03" => Self::ServerStartingOrStopping,
            // The last four are timeouts that end the session: idle, idle in transaction, transaction.
            "08000" | "08001" | "08003" | "08004" | "08006" | "57P01" | "57P02" | "57P05" | "25P03"
            | "25P04" => Self::ConnectionLost,
            "08P01" => Self::Protocol,
            "57014" => Self::Cancelled,
            "55P03" => Self::LockTimeout,
            "40P01" => Self::Deadlock,
            "40001" => Self::SerializationFailure,
            "53100" => Self::DiskFull,
            "53000" | "53200" | "53400" => Self::OutOfMemory,
            "42501" => Self::InsufficientPrivilege,
            "25006" => Self::ReadOnly,
            "42P04" | "42P06" | "42P07" | "42710" | "42723" | "42701" => Self::DuplicateObject,
            "42P01" | "42704" | "42703" | "42883" | "3F000" => Self::MissingObject,
            "23505" => Self::UniqueViolation,
            "23000" | "23001" | "23502" | "23503" | "23514" | "23P01" => Self::ConstraintViolation,
            "XX001" | "XX002" => Self::DataCorrupted,
            "0A000" => Self::Unsupported,
            _ => Self::Server,
        }
    }

    /// Whether this kind says that no session could be opened, as opposed to something within one.
    pub fn is_connecting(self) -> bool {
        matches!(
            self,
            Self::NameNotFound
                | Self::Refused
                | Self::Timeout
                | Self::Unreachable
                | Self::Tls
                | Self::HbaRejected
                | Self::WrongPassword
                | Self::PasswordMissing
                | Self::NoDatabase
                | Self::NoRole
                | Self::TooManyConnections
                | Self::ServerStartingOrStopping
                | Self::WrongSessionKind
        )
    }
}
