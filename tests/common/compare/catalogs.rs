//! The catalogs and what is special about each. Every column is compared that is not named here or volatile by its type.

/// Which rows of a catalog belong to the user.
#[derive(Clone, Copy)]
pub(super) enum Which {
    All,
    /// Objects with an OID that initdb did not give.
    Made,
    /// Rows of such a relation, which the column names; neither temporary nor a TOAST table.
    OfRelation(&'static str),
    /// A condition on `t`; `{made}` stands for [`Which::Made`].
    If(&'static str),
}

/// How one catalog is compared.
pub(super) struct Catalog {
    pub(super) name: &'static str,
    /// What names a row, in SQL over `t`; empty: `pg_identify_object`.
    pub(super) key: &'static str,
    pub(super) which: Which,
    /// Columns that are in the key, physical or hints.
    pub(super) skip: &'static str,
    /// Further facts and columns that are read in another way.
    pub(super) extra: &'static [(&'static str, &'static str)],
    /// Kind of object for `acldefault` and owner's column.
    pub(super) acl: (&'static str, &'static str),
}

const fn catalog(name: &'static str, key: &'static str, which: Which, skip: &'static str) -> Catalog {
    Catalog { name, key, which, skip, extra: &[], acl: ("", "") }
}

/// Is never compared as rows: read in another way, or no property of the data (statistics, dependencies, origins).
pub(super) const ELSEWHERE: &str = "pg_statistic pg_statistic_ext_data pg_largeobject pg_depend pg_shdepend pg_init_privs \
    pg_replication_origin pg_subscription_rel pg_description pg_shdescription pg_seclabel pg_shseclabel";

/// Columns that are no facts: physical, hints kept lazily, versions of the machine's collations, secrets, lists in the key.
const LAZY: &str = "relpages reltuples relallvisible relallfrozen reltoastrelid relhasindex relhasrules relhastriggers relhassubclass \
    relnatts relfilenode relrewrite reltype";

/// Catalogs of one database.
pub(super) const LOCAL: &[Catalog] = &[
    Catalog {
        extra: &[
            ("partition bound", "pg_get_expr(t.relpartbound, t.oid)"),
            (
                "toast options",
                "(SELECT nullif(array(SELECT unnest(o.reloptions) ORDER BY 1), ARRAY[]::text[])::text FROM pg_catalog.pg_class o WHERE o.oid = t.reltoastrelid)",
            ),
            ("view", "CASE WHEN {system} AND t.relkind IN ('v', 'm') THEN pg_get_viewdef(t.oid) END"),
        ],
        acl: ("CASE t.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"", "relowner"),
        ..catalog("pg_class", "", Which::OfRelation("oid"), LAZY)
    },
    Catalog {
        extra: &[
            ("statistics target", "coalesce(t.attstattarget, -1)"),
            ("type", "format_type(t.atttypid, t.atttypmod)"),
        ],
        ..catalog(
            "pg_attribute",
            "(pg_identify_object('pg_class'::regclass, t.attrelid, t.attnum)).identity",
            Which::If("{relation:t.attrelid} AND t.attnum > 0 AND NOT t.attisdropped"),
            "attrelid attname attnum attcacheoff atthasmissing attmissingval attstattarget",
        )
    },
    Catalog {
        extra: &[("expression", "pg_get_expr(t.adbin, t.adrelid)")],
        ..catalog(
            "pg_attrdef",
            "(pg_identify_object('pg_class'::regclass, t.adrelid, t.adnum)).identity",
            Which::OfRelation("adrelid"),
            "",
        )
    },
    Catalog {
        // connoinherit means nothing for a key, and ATTACH PARTITION leaves it other than CREATE … PARTITION OF.
        extra: &[
            ("definition", "pg_get_constraintdef(t.oid)"),
            ("no inherit", "CASE WHEN t.contype NOT IN ('p', 'u', 'x') THEN t.connoinherit END"),
        ],
        ..catalog(
            "pg_constraint",
            "",
            Which::If(
                "(t.conrelid = 0 AND {made} OR {relation:t.conrelid}) AND ({system} OR t.contype <> 'n')",
            ),
            "connoinherit",
        )
    },
    Catalog {
        extra: &[("definition", "pg_get_indexdef(t.indexrelid)")],
        ..catalog(
            "pg_index",
            "{class:t.indexrelid}",
            Which::OfRelation("indrelid"),
            "indexrelid indcheckxmin",
        )
    },
    Catalog {
        extra: &[
            ("definition", "CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END"),
            ("of a parent", "t.tgparentid <> 0"),
        ],
        ..catalog(
            "pg_trigger",
            "CASE WHEN t.tgisinternal AND t.tgconstraint <> 0 THEN concat('internal of ', {constraint:t.tgconstraint}, ' on ', {class:t.tgrelid}, ': ', {proc:t.tgfoid}) \
             ELSE {trigger:t.oid} END",
            Which::OfRelation("tgrelid"),
            "tgname tgparentid",
        )
    },
    Catalog {
        extra: &[(
            "definition",
            "CASE WHEN {system} OR t.rulename <> '_RETURN' THEN pg_get_ruledef(t.oid) END",
        )],
        ..catalog("pg_rewrite", "", Which::OfRelation("ev_class"), "")
    },
    Catalog {
        extra: &[("key", "pg_get_partkeydef(t.partrelid)")],
        ..catalog("pg_partitioned_table", "{class:t.partrelid}", Which::OfRelation("partrelid"), "")
    },
    Catalog {
        extra: &[(
            "position",
            "(SELECT count(*) FROM pg_catalog.pg_inherits i WHERE i.inhrelid = t.inhrelid AND i.inhseqno <= t.inhseqno)",
        )],
        ..catalog(
            "pg_inherits",
            "concat({class:t.inhrelid}, ' of ', {class:t.inhparent})",
            Which::OfRelation("inhrelid"),
            "inhseqno",
        )
    },
    catalog("pg_sequence", "{class:t.seqrelid}", Which::OfRelation("seqrelid"), ""),
    catalog("pg_foreign_table", "{class:t.ftrelid}", Which::OfRelation("ftrelid"), ""),
    Catalog {
        extra: &[
            ("using", "pg_get_expr(t.polqual, t.polrelid)"),
            ("check", "pg_get_expr(t.polwithcheck, t.polrelid)"),
        ],
        ..catalog("pg_policy", "", Which::Made, "")
    },
    Catalog {
        extra: &[
            ("definition", "pg_get_statisticsobjdef(t.oid)"),
            ("statistics target", "coalesce(t.stxstattarget, -1)"),
        ],
        ..catalog("pg_statistic_ext", "", Which::Made, "stxstattarget")
    },
    Catalog {
        extra: &[
            ("definition", "CASE WHEN t.prokind <> 'a' THEN pg_get_functiondef(t.oid) END"),
            ("arguments", "pg_get_function_arguments(t.oid)"),
            ("result", "pg_get_function_result(t.oid)"),
        ],
        acl: ("'f'", "proowner"),
        ..catalog("pg_proc", "", Which::Made, "")
    },
    catalog("pg_aggregate", "{proc:t.aggfnoid}", Which::If("t.aggfnoid >= 16384"), ""),
    Catalog {
        // The text of a domain's default is as old as the domain, its names qualified by the search path of then.
        extra: &[("default", "coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault)")],
        acl: ("'T'", "typowner"),
        // Without the array types, whose names the server makes, and without what belongs to TOAST and temporary tables.
        ..catalog(
            "pg_type",
            "",
            Which::If(
                "{made} AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid) AND (t.typrelid = 0 OR {relation:t.typrelid}) AND \
             NOT EXISTS (SELECT FROM pg_catalog.pg_class s WHERE s.oid = t.typrelid AND s.relkind = 'S')",
            ),
            "typdefault",
        )
    },
    Catalog {
        extra: &[(
            "position",
            "(SELECT count(*) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.enumtypid AND e.enumsortorder <= t.enumsortorder)",
        )],
        ..catalog(
            "pg_enum",
            "concat({type:t.enumtypid}, ' ', quote_literal(t.enumlabel))",
            Which::If("t.enumtypid >= 16384"),
            "enumsortorder",
        )
    },
    catalog("pg_range", "{type:t.rngtypid}", Which::If("t.rngtypid >= 16384"), ""),
    catalog("pg_cast", "", Which::Made, ""),
    catalog("pg_operator", "", Which::Made, ""),
    catalog("pg_opclass", "", Which::Made, ""),
    catalog("pg_opfamily", "", Which::Made, ""),
    catalog("pg_amop", "", Which::Made, ""),
    catalog("pg_amproc", "", Which::Made, ""),
    catalog("pg_am", "", Which::Made, ""),
    Catalog { acl: ("'l'", "lanowner"), ..catalog("pg_language", "", Which::All, "") },
    catalog("pg_transform", "concat({type:t.trftype}, ' language ', {language:t.trflang})", Which::Made, ""),
    catalog("pg_conversion", "", Which::Made, ""),
    Catalog {
        extra: &[("locale", "coalesce(to_jsonb(t) ->> 'colllocale', to_jsonb(t) ->> 'colliculocale')")],
        // Any encoding, or this database's: the same.
        ..catalog(
            "pg_collation",
            "concat((pg_identify_object('pg_collation'::regclass, t.oid, 0)).identity, \
             CASE WHEN t.collencoding NOT IN (-1, pg_char_to_encoding(getdatabaseencoding())) THEN t.collencoding END)",
            Which::Made,
            "collversion collencoding",
        )
    },
    catalog("pg_ts_parser", "", Which::Made, ""),
    catalog("pg_ts_template", "", Which::Made, ""),
    catalog("pg_ts_dict", "", Which::Made, ""),
    catalog("pg_ts_config", "", Which::Made, ""),
    catalog(
        "pg_ts_config_map",
        "concat_ws(' ', {ts_config:t.mapcfg}, t.maptokentype, t.mapseqno)",
        Which::If("t.mapcfg >= 16384"),
        "",
    ),
    catalog("pg_event_trigger", "", Which::Made, ""),
    catalog("pg_publication", "", Which::Made, ""),
    Catalog {
        extra: &[("where", "pg_get_expr(t.prqual, t.prrelid)")],
        ..catalog("pg_publication_rel", "", Which::Made, "")
    },
    catalog("pg_publication_namespace", "", Which::Made, ""),
    catalog(
        "pg_subscription",
        "",
        Which::If(
            "t.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())",
        ),
        "subconninfo subskiplsn",
    ),
    Catalog { acl: ("'F'", "fdwowner"), ..catalog("pg_foreign_data_wrapper", "", Which::Made, "") },
    Catalog { acl: ("'S'", "srvowner"), ..catalog("pg_foreign_server", "", Which::Made, "") },
    catalog("pg_user_mapping", "", Which::Made, ""),
    Catalog {
        acl: ("'n'", "nspowner"),
        ..catalog("pg_namespace", "", Which::If("t.nspname !~ '^pg_(toast_)?temp_'"), "")
    },
    catalog("pg_extension", "", Which::All, ""),
    catalog("pg_default_acl", "", Which::Made, ""),
    Catalog { acl: ("'L'", "lomowner"), ..catalog("pg_largeobject_metadata", "t.oid::text", Which::All, "") },
    DATABASE,
    catalog(
        "pg_db_role_setting",
        "coalesce({authid:t.setrole}, 'everybody')",
        Which::If(
            "t.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())",
        ),
        "setdatabase",
    ),
];

const DATABASE: Catalog = Catalog {
    extra: &[("locale", "coalesce(to_jsonb(t) ->> 'datlocale', to_jsonb(t) ->> 'daticulocale')")],
    acl: ("'d'", "datdba"),
    ..catalog(
        "pg_database",
        "quote_ident(t.datname)",
        Which::If("t.datname = current_database()"),
        "datcollversion dathasloginevt",
    )
};

/// Catalogs of the server.
pub(super) const SHARED: &[Catalog] = &[
    Catalog {
        extra: &[("password", "md5(t.rolpassword)")],
        ..catalog(
            "pg_authid",
            "quote_ident(t.rolname)",
            Which::If("{system} OR t.oid >= 16384 OR t.rolname !~ '^pg_'"),
            "rolpassword",
        )
    },
    catalog("pg_auth_members", "concat({authid:t.member}, ' in ', {authid:t.roleid})", Which::All, ""),
    Catalog {
        acl: ("'t'", "spcowner"),
        ..catalog("pg_tablespace", "quote_ident(t.spcname)", Which::All, "")
    },
    catalog("pg_parameter_acl", "t.parname", Which::All, ""),
    catalog(
        "pg_db_role_setting",
        "coalesce({authid:t.setrole}, 'everybody')",
        Which::If("t.setdatabase = 0"),
        "setdatabase",
    ),
    // Templates that somebody made; what is in them is not compared.
    Catalog {
        which: Which::If("t.datistemplate AND t.datname NOT IN ('template0', 'template1')"),
        ..DATABASE
    },
];
