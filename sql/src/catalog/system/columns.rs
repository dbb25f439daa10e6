//! The columns of the system relations, with PostgreSQL 15's names, types and order.
//!
//! Where PostgreSQL has a type we do not (anyarray, inet), the column has the nearest one we do; domains of
//! `information_schema` appear as their base types.

use types::{SqlType, oid};

use crate::catalog::VirtualColumn;

macro_rules! columns {
    ($($relation:ident: $($name:ident $ty:ident),+;)+) => {
        $(pub(super) static $relation: &[VirtualColumn] =
            &[$(VirtualColumn { name: stringify!($name), ty: SqlType::of(oid::$ty) }),+];)+
    };
}

columns! {
    AURORA_REPLICA_STATUS: server_id TEXT, session_id TEXT, durable_lsn INT8, highest_lsn_rcvd INT8,
        current_read_lsn INT8, cur_replay_latency_in_usec INT8, active_txns INT8, is_current BOOL,
        last_transport_error INT4, last_error_timestamp TIMESTAMPTZ, last_update_timestamp TIMESTAMPTZ,
        feedback_xmin XID8, feedback_epoch INT4, replica_lag_in_msec FLOAT8,
        log_stream_speed_in_kib_per_second FLOAT8, log_buffer_sequence_number INT8, oldest_read_view_trx_id INT8,
        oldest_read_view_lsn INT8, pending_read_ios INT8, read_ios INT8, iops INT8, cpu FLOAT8;
    REPLICA_STATUS: address TEXT, role TEXT, pid INT4, durable_lsn PG_LSN, applied_lsn PG_LSN, lag_bytes INT8,
        lag_ms FLOAT8, read_floor PG_LSN, failover_priority INT4, updated_at TIMESTAMPTZ;
    FAILOVERS: at TIMESTAMPTZ, cause TEXT, epoch INT4, vdl PG_LSN, silence_ms FLOAT8, recovery_ms FLOAT8,
        catch_up_ms FLOAT8, total_ms FLOAT8;
    STORAGE_NODES: node_id INT4, incarnation INT4, zone TEXT, address TEXT, role TEXT, state TEXT, pid INT4,
        replaces INT4, scl_received PG_LSN, scl_flushed PG_LSN, behind_bytes INT8, hydrated_bytes INT8,
        total_bytes INT8, groups_whole INT4, groups INT4;
    PROTECTION_GROUPS: group_id INT4, first_page INT8, pages INT4, durable_lsn PG_LSN, highest_lsn PG_LSN, copies INT4,
        joining INT4, membership_epoch INT4;
    PG_AGGREGATE: aggfnoid REGPROC, aggkind CHAR, aggnumdirectargs INT2, aggtransfn REGPROC, aggfinalfn REGPROC,
        aggcombinefn REGPROC, aggserialfn REGPROC, aggdeserialfn REGPROC, aggmtransfn REGPROC, aggminvtransfn REGPROC,
        aggmfinalfn REGPROC, aggfinalextra BOOL, aggmfinalextra BOOL, aggfinalmodify CHAR, aggmfinalmodify CHAR,
        aggsortop OID, aggtranstype OID, aggtransspace INT4, aggmtranstype OID, aggmtransspace INT4, agginitval TEXT,
        aggminitval TEXT;
    PG_AM: oid OID, amname NAME, amhandler REGPROC, amtype CHAR;
    PG_AMOP: oid OID, amopfamily OID, amoplefttype OID, amoprighttype OID, amopstrategy INT2, amoppurpose CHAR,
        amopopr OID, amopmethod OID, amopsortfamily OID;
    PG_AMPROC: oid OID, amprocfamily OID, amproclefttype OID, amprocrighttype OID, amprocnum INT2, amproc REGPROC;
    PG_ATTRDEF: oid OID, adrelid OID, adnum INT2, adbin PG_NODE_TREE;
    PG_ATTRIBUTE: attrelid OID, attname NAME, atttypid OID, attstattarget INT4, attlen INT2, attnum INT2,
        attndims INT4, attcacheoff INT4, atttypmod INT4, attbyval BOOL, attalign CHAR, attstorage CHAR,
        attcompression CHAR, attnotnull BOOL, atthasdef BOOL, atthasmissing BOOL, attidentity CHAR, attgenerated CHAR,
        attisdropped BOOL, attislocal BOOL, attinhcount INT4, attcollation OID, attacl ACLITEM_ARRAY,
        attoptions TEXT_ARRAY, attfdwoptions TEXT_ARRAY, attmissingval TEXT_ARRAY;
    PG_AUTH_MEMBERS: roleid OID, member OID, grantor OID, admin_option BOOL;
    PG_AUTHID: oid OID, rolname NAME, rolsuper BOOL, rolinherit BOOL, rolcreaterole BOOL, rolcreatedb BOOL,
        rolcanlogin BOOL, rolreplication BOOL, rolbypassrls BOOL, rolconnlimit INT4, rolpassword TEXT,
        rolvaliduntil TIMESTAMPTZ;
    PG_AVAILABLE_EXTENSIONS: name NAME, default_version TEXT, installed_version TEXT, comment TEXT;
    PG_AVAILABLE_EXTENSION_VERSIONS: name NAME, version TEXT, installed BOOL, superuser BOOL, trusted BOOL,
        relocatable BOOL, schema NAME, requires NAME_ARRAY, comment TEXT;
    PG_CAST: oid OID, castsource OID, casttarget OID, castfunc OID, castcontext CHAR, castmethod CHAR;
    PG_CLASS: oid OID, relname NAME, relnamespace OID, reltype OID, reloftype OID, relowner OID, relam OID,
        relfilenode OID, reltablespace OID, relpages INT4, reltuples FLOAT4, relallvisible INT4, reltoastrelid OID,
        relhasindex BOOL, relisshared BOOL, relpersistence CHAR, relkind CHAR, relnatts INT2, relchecks INT2,
        relhasrules BOOL, relhastriggers BOOL, relhassubclass BOOL, relrowsecurity BOOL, relforcerowsecurity BOOL,
        relispopulated BOOL, relreplident CHAR, relispartition BOOL, relrewrite OID, relfrozenxid XID, relminmxid XID,
        relacl ACLITEM_ARRAY, reloptions TEXT_ARRAY, relpartbound PG_NODE_TREE;
    PG_COLLATION: oid OID, collname NAME, collnamespace OID, collowner OID, collprovider CHAR,
        collisdeterministic BOOL, collencoding INT4, collcollate TEXT, collctype TEXT, colliculocale TEXT,
        collversion TEXT;
    PG_CONSTRAINT: oid OID, conname NAME, connamespace OID, contype CHAR, condeferrable BOOL, condeferred BOOL,
        convalidated BOOL, conrelid OID, contypid OID, conindid OID, conparentid OID, confrelid OID, confupdtype CHAR,
        confdeltype CHAR, confmatchtype CHAR, conislocal BOOL, coninhcount INT4, connoinherit BOOL, conkey INT2_ARRAY,
        confkey INT2_ARRAY, conpfeqop OID_ARRAY, conppeqop OID_ARRAY, conffeqop OID_ARRAY, confdelsetcols INT2_ARRAY,
        conexclop OID_ARRAY, conbin PG_NODE_TREE;
    PG_CONVERSION: oid OID, conname NAME, connamespace OID, conowner OID, conforencoding INT4, contoencoding INT4,
        conproc REGPROC, condefault BOOL;
    PG_CURSORS: name TEXT, statement TEXT, is_holdable BOOL, is_binary BOOL, is_scrollable BOOL,
        creation_time TIMESTAMPTZ;
    PG_DATABASE: oid OID, datname NAME, datdba OID, encoding INT4, datlocprovider CHAR, datistemplate BOOL,
        datallowconn BOOL, datconnlimit INT4, datfrozenxid XID, datminmxid XID, dattablespace OID, datcollate TEXT,
        datctype TEXT, daticulocale TEXT, datcollversion TEXT, datacl ACLITEM_ARRAY;
    PG_DB_ROLE_SETTING: setdatabase OID, setrole OID, setconfig TEXT_ARRAY;
    PG_DEFAULT_ACL: oid OID, defaclrole OID, defaclnamespace OID, defaclobjtype CHAR, defaclacl ACLITEM_ARRAY;
    PG_DEPEND: classid OID, objid OID, objsubid INT4, refclassid OID, refobjid OID, refobjsubid INT4, deptype CHAR;
    PG_DESCRIPTION: objoid OID, classoid OID, objsubid INT4, description TEXT;
    PG_ENUM: oid OID, enumtypid OID, enumsortorder FLOAT4, enumlabel NAME;
    PG_EVENT_TRIGGER: oid OID, evtname NAME, evtevent NAME, evtowner OID, evtfoid OID, evtenabled CHAR,
        evttags TEXT_ARRAY;
    PG_EXTENSION: oid OID, extname NAME, extowner OID, extnamespace OID, extrelocatable BOOL, extversion TEXT,
        extconfig OID_ARRAY, extcondition TEXT_ARRAY;
    PG_FOREIGN_DATA_WRAPPER: oid OID, fdwname NAME, fdwowner OID, fdwhandler OID, fdwvalidator OID,
        fdwacl ACLITEM_ARRAY, fdwoptions TEXT_ARRAY;
    PG_FOREIGN_SERVER: oid OID, srvname NAME, srvowner OID, srvfdw OID, srvtype TEXT, srvversion TEXT,
        srvacl ACLITEM_ARRAY, srvoptions TEXT_ARRAY;
    PG_FOREIGN_TABLE: ftrelid OID, ftserver OID, ftoptions TEXT_ARRAY;
    PG_GROUP: groname NAME, grosysid OID, grolist OID_ARRAY;
    PG_INDEX: indexrelid OID, indrelid OID, indnatts INT2, indnkeyatts INT2, indisunique BOOL,
        indnullsnotdistinct BOOL, indisprimary BOOL, indisexclusion BOOL, indimmediate BOOL, indisclustered BOOL,
        indisvalid BOOL, indcheckxmin BOOL, indisready BOOL, indislive BOOL, indisreplident BOOL, indkey INT2VECTOR,
        indcollation OIDVECTOR, indclass OIDVECTOR, indoption INT2VECTOR, indexprs PG_NODE_TREE, indpred PG_NODE_TREE;
    PG_INDEXES: schemaname NAME, tablename NAME, indexname NAME, tablespace NAME, indexdef TEXT;
    PG_INHERITS: inhrelid OID, inhparent OID, inhseqno INT4, inhdetachpending BOOL;
    PG_INIT_PRIVS: objoid OID, classoid OID, objsubid INT4, privtype CHAR, initprivs ACLITEM_ARRAY;
    PG_LANGUAGE: oid OID, lanname NAME, lanowner OID, lanispl BOOL, lanpltrusted BOOL, lanplcallfoid OID,
        laninline OID, lanvalidator OID, lanacl ACLITEM_ARRAY;
    PG_LARGEOBJECT_METADATA: oid OID, lomowner OID, lomacl ACLITEM_ARRAY;
    PG_LOCKS: locktype TEXT, database OID, relation OID, page INT4, tuple INT2, virtualxid TEXT, transactionid XID,
        classid OID, objid OID, objsubid INT2, virtualtransaction TEXT, pid INT4, mode TEXT, granted BOOL,
        fastpath BOOL, waitstart TIMESTAMPTZ;
    PG_MATVIEWS: schemaname NAME, matviewname NAME, matviewowner NAME, tablespace NAME, hasindexes BOOL,
        ispopulated BOOL, definition TEXT;
    PG_NAMESPACE: oid OID, nspname NAME, nspowner OID, nspacl ACLITEM_ARRAY;
    PG_OPCLASS: oid OID, opcmethod OID, opcname NAME, opcnamespace OID, opcowner OID, opcfamily OID, opcintype OID,
        opcdefault BOOL, opckeytype OID;
    PG_OPERATOR: oid OID, oprname NAME, oprnamespace OID, oprowner OID, oprkind CHAR, oprcanmerge BOOL,
        oprcanhash BOOL, oprleft OID, oprright OID, oprresult OID, oprcom OID, oprnegate OID, oprcode REGPROC,
        oprrest REGPROC, oprjoin REGPROC;
    PG_OPFAMILY: oid OID, opfmethod OID, opfname NAME, opfnamespace OID, opfowner OID;
    PG_PARAMETER_ACL: oid OID, parname TEXT, paracl ACLITEM_ARRAY;
    PG_PARTITIONED_TABLE: partrelid OID, partstrat CHAR, partnatts INT2, partdefid OID, partattrs INT2VECTOR,
        partclass OIDVECTOR, partcollation OIDVECTOR, partexprs PG_NODE_TREE;
    PG_POLICIES: schemaname NAME, tablename NAME, policyname NAME, permissive TEXT, roles NAME_ARRAY, cmd TEXT,
        qual TEXT, with_check TEXT;
    PG_POLICY: oid OID, polname NAME, polrelid OID, polcmd CHAR, polpermissive BOOL, polroles OID_ARRAY,
        polqual PG_NODE_TREE, polwithcheck PG_NODE_TREE;
    PG_PREPARED_STATEMENTS: name TEXT, statement TEXT, prepare_time TIMESTAMPTZ, parameter_types REGTYPE_ARRAY,
        from_sql BOOL, generic_plans INT8, custom_plans INT8;
    PG_PREPARED_XACTS: transaction XID, gid TEXT, prepared TIMESTAMPTZ, owner NAME, database NAME;
    PG_PROC: oid OID, proname NAME, pronamespace OID, proowner OID, prolang OID, procost FLOAT4, prorows FLOAT4,
        provariadic OID, prosupport REGPROC, prokind CHAR, prosecdef BOOL, proleakproof BOOL, proisstrict BOOL,
        proretset BOOL, provolatile CHAR, proparallel CHAR, pronargs INT2, pronargdefaults INT2, prorettype OID,
        proargtypes OIDVECTOR, proallargtypes OID_ARRAY, proargmodes CHAR_ARRAY, proargnames TEXT_ARRAY,
        proargdefaults PG_NODE_TREE, protrftypes OID_ARRAY, prosrc TEXT, probin TEXT, prosqlbody PG_NODE_TREE,
        proconfig TEXT_ARRAY, proacl ACLITEM_ARRAY;
    PG_PUBLICATION: oid OID, pubname NAME, pubowner OID, puballtables BOOL, pubinsert BOOL, pubupdate BOOL,
        pubdelete BOOL, pubtruncate BOOL, pubviaroot BOOL;
    PG_PUBLICATION_NAMESPACE: oid OID, pnpubid OID, pnnspid OID;
    PG_PUBLICATION_REL: oid OID, prpubid OID, prrelid OID, prqual PG_NODE_TREE, prattrs INT2VECTOR;
    PG_PUBLICATION_TABLES: pubname NAME, schemaname NAME, tablename NAME, attnames NAME_ARRAY, rowfilter TEXT;
    PG_RANGE: rngtypid OID, rngsubtype OID, rngmultitypid OID, rngcollation OID, rngsubopc OID, rngcanonical REGPROC,
        rngsubdiff REGPROC;
    PG_REPLICATION_SLOTS: slot_name NAME, plugin NAME, slot_type TEXT, datoid OID, database NAME, temporary BOOL,
        active BOOL, active_pid INT4, xmin XID, catalog_xmin XID, restart_lsn PG_LSN, confirmed_flush_lsn PG_LSN,
        wal_status TEXT, safe_wal_size INT8, two_phase BOOL;
    PG_REWRITE: oid OID, rulename NAME, ev_class OID, ev_type CHAR, ev_enabled CHAR, is_instead BOOL,
        ev_qual PG_NODE_TREE, ev_action PG_NODE_TREE;
    PG_ROLES: rolname NAME, rolsuper BOOL, rolinherit BOOL, rolcreaterole BOOL, rolcreatedb BOOL, rolcanlogin BOOL,
        rolreplication BOOL, rolconnlimit INT4, rolpassword TEXT, rolvaliduntil TIMESTAMPTZ, rolbypassrls BOOL,
        rolconfig TEXT_ARRAY, oid OID;
    PG_RULES: schemaname NAME, tablename NAME, rulename NAME, definition TEXT;
    PG_SECLABEL: objoid OID, classoid OID, objsubid INT4, provider TEXT, label TEXT;
    PG_SECLABELS: objoid OID, classoid OID, objsubid INT4, objtype TEXT, objnamespace OID, objname TEXT,
        provider TEXT, label TEXT;
    PG_SEQUENCE: seqrelid OID, seqtypid OID, seqstart INT8, seqincrement INT8, seqmax INT8, seqmin INT8,
        seqcache INT8, seqcycle BOOL;
    PG_SEQUENCES: schemaname NAME, sequencename NAME, sequenceowner NAME, data_type REGTYPE, start_value INT8,
        min_value INT8, max_value INT8, increment_by INT8, cycle BOOL, cache_size INT8, last_value INT8;
    PG_SETTINGS: name TEXT, setting TEXT, unit TEXT, category TEXT, short_desc TEXT, extra_desc TEXT, context TEXT,
        vartype TEXT, source TEXT, min_val TEXT, max_val TEXT, enumvals TEXT_ARRAY, boot_val TEXT, reset_val TEXT,
        sourcefile TEXT, sourceline INT4, pending_restart BOOL;
    PG_SHADOW: usename NAME, usesysid OID, usecreatedb BOOL, usesuper BOOL, userepl BOOL, usebypassrls BOOL,
        passwd TEXT, valuntil TIMESTAMPTZ, useconfig TEXT_ARRAY;
    PG_SHDEPEND: dbid OID, classid OID, objid OID, objsubid INT4, refclassid OID, refobjid OID, deptype CHAR;
    PG_SHDESCRIPTION: objoid OID, classoid OID, description TEXT;
    PG_SHSECLABEL: objoid OID, classoid OID, provider TEXT, label TEXT;
    PG_STAT_ACTIVITY: datid OID, datname NAME, pid INT4, leader_pid INT4, usesysid OID, usename NAME,
        application_name TEXT, client_addr TEXT, client_hostname TEXT, client_port INT4, backend_start TIMESTAMPTZ,
        xact_start TIMESTAMPTZ, query_start TIMESTAMPTZ, state_change TIMESTAMPTZ, wait_event_type TEXT,
        wait_event TEXT, state TEXT, backend_xid XID, backend_xmin XID, query_id INT8, query TEXT, backend_type TEXT;
    PG_STAT_ALL_TABLES: relid OID, schemaname NAME, relname NAME, seq_scan INT8, seq_tup_read INT8, idx_scan INT8,
        idx_tup_fetch INT8, n_tup_ins INT8, n_tup_upd INT8, n_tup_del INT8, n_tup_hot_upd INT8, n_live_tup INT8,
        n_dead_tup INT8, n_mod_since_analyze INT8, n_ins_since_vacuum INT8, last_vacuum TIMESTAMPTZ,
        last_autovacuum TIMESTAMPTZ, last_analyze TIMESTAMPTZ, last_autoanalyze TIMESTAMPTZ, vacuum_count INT8,
        autovacuum_count INT8, analyze_count INT8, autoanalyze_count INT8;
    PG_STAT_USER_TABLES: relid OID, schemaname NAME, relname NAME, seq_scan INT8, seq_tup_read INT8, idx_scan INT8,
        idx_tup_fetch INT8, n_tup_ins INT8, n_tup_upd INT8, n_tup_del INT8, n_tup_hot_upd INT8, n_live_tup INT8,
        n_dead_tup INT8, n_mod_since_analyze INT8, n_ins_since_vacuum INT8, last_vacuum TIMESTAMPTZ,
        last_autovacuum TIMESTAMPTZ, last_analyze TIMESTAMPTZ, last_autoanalyze TIMESTAMPTZ, vacuum_count INT8,
        autovacuum_count INT8, analyze_count INT8, autoanalyze_count INT8;
    PG_STAT_ALL_INDEXES: relid OID, indexrelid OID, schemaname NAME, relname NAME, indexrelname NAME, idx_scan INT8,
        idx_tup_read INT8, idx_tup_fetch INT8;
    PG_STAT_USER_INDEXES: relid OID, indexrelid OID, schemaname NAME, relname NAME, indexrelname NAME, idx_scan INT8,
        idx_tup_read INT8, idx_tup_fetch INT8;
    PG_STAT_DATABASE: datid OID, datname NAME, numbackends INT4, xact_commit INT8, xact_rollback INT8, blks_read INT8,
        blks_hit INT8, tup_returned INT8, tup_fetched INT8, tup_inserted INT8, tup_updated INT8, tup_deleted INT8,
        conflicts INT8, temp_files INT8, temp_bytes INT8, deadlocks INT8, checksum_failures INT8,
        checksum_last_failure TIMESTAMPTZ, blk_read_time FLOAT8, blk_write_time FLOAT8, session_time FLOAT8,
        active_time FLOAT8, idle_in_transaction_time FLOAT8, sessions INT8, sessions_abandoned INT8,
        sessions_fatal INT8, sessions_killed INT8, stats_reset TIMESTAMPTZ;
    PG_STAT_BGWRITER: checkpoints_timed INT8, checkpoints_req INT8, checkpoint_write_time FLOAT8,
        checkpoint_sync_time FLOAT8, buffers_checkpoint INT8, buffers_clean INT8, maxwritten_clean INT8,
        buffers_backend INT8, buffers_backend_fsync INT8, buffers_alloc INT8, stats_reset TIMESTAMPTZ;
    PG_STAT_REPLICATION: pid INT4, usesysid OID, usename NAME, application_name TEXT, client_addr TEXT,
        client_hostname TEXT, client_port INT4, backend_start TIMESTAMPTZ, backend_xmin XID, state TEXT,
        sent_lsn PG_LSN, write_lsn PG_LSN, flush_lsn PG_LSN, replay_lsn PG_LSN, write_lag INTERVAL,
        flush_lag INTERVAL, replay_lag INTERVAL, sync_priority INT4, sync_state TEXT, reply_time TIMESTAMPTZ;
    PG_STAT_GSSAPI: pid INT4, gss_authenticated BOOL, principal TEXT, encrypted BOOL;
    PG_STAT_SSL: pid INT4, ssl BOOL, version TEXT, cipher TEXT, bits INT4, client_dn TEXT, client_serial NUMERIC,
        issuer_dn TEXT;
    PG_STATIO_USER_TABLES: relid OID, schemaname NAME, relname NAME, heap_blks_read INT8, heap_blks_hit INT8,
        idx_blks_read INT8, idx_blks_hit INT8, toast_blks_read INT8, toast_blks_hit INT8, tidx_blks_read INT8,
        tidx_blks_hit INT8;
    PG_STATISTIC: starelid OID, staattnum INT2, stainherit BOOL, stanullfrac FLOAT4, stawidth INT4,
        stadistinct FLOAT4, stakind1 INT2, stakind2 INT2, stakind3 INT2, stakind4 INT2, stakind5 INT2, staop1 OID,
        staop2 OID, staop3 OID, staop4 OID, staop5 OID, stacoll1 OID, stacoll2 OID, stacoll3 OID, stacoll4 OID,
        stacoll5 OID, stanumbers1 FLOAT4_ARRAY, stanumbers2 FLOAT4_ARRAY, stanumbers3 FLOAT4_ARRAY,
        stanumbers4 FLOAT4_ARRAY, stanumbers5 FLOAT4_ARRAY, stavalues1 TEXT_ARRAY, stavalues2 TEXT_ARRAY,
        stavalues3 TEXT_ARRAY, stavalues4 TEXT_ARRAY, stavalues5 TEXT_ARRAY;
    PG_STATISTIC_EXT: oid OID, stxrelid OID, stxname NAME, stxnamespace OID, stxowner OID, stxstattarget INT4,
        stxkeys INT2VECTOR, stxkind CHAR_ARRAY, stxexprs PG_NODE_TREE;
    PG_STATISTIC_EXT_DATA: stxoid OID, stxdinherit BOOL, stxdndistinct BYTEA, stxddependencies BYTEA, stxdmcv BYTEA,
        stxdexpr TEXT_ARRAY;
    PG_STATS: schemaname NAME, tablename NAME, attname NAME, inherited BOOL, null_frac FLOAT4, avg_width INT4,
        n_distinct FLOAT4, most_common_vals TEXT_ARRAY, most_common_freqs FLOAT4_ARRAY, histogram_bounds TEXT_ARRAY,
        correlation FLOAT4, most_common_elems TEXT_ARRAY, most_common_elem_freqs FLOAT4_ARRAY,
        elem_count_histogram FLOAT4_ARRAY;
    PG_SUBSCRIPTION: oid OID, subdbid OID, subskiplsn PG_LSN, subname NAME, subowner OID, subenabled BOOL,
        subbinary BOOL, substream BOOL, subtwophasestate CHAR, subdisableonerr BOOL, subconninfo TEXT,
        subslotname NAME, subsynccommit TEXT, subpublications TEXT_ARRAY;
    PG_SUBSCRIPTION_REL: srsubid OID, srrelid OID, srsubstate CHAR, srsublsn PG_LSN;
    PG_TABLES: schemaname NAME, tablename NAME, tableowner NAME, tablespace NAME, hasindexes BOOL, hasrules BOOL,
        hastriggers BOOL, rowsecurity BOOL;
    PG_TABLESPACE: oid OID, spcname NAME, spcowner OID, spcacl ACLITEM_ARRAY, spcoptions TEXT_ARRAY;
    PG_TIMEZONE_NAMES: name TEXT, abbrev TEXT, utc_offset INTERVAL, is_dst BOOL;
    PG_TRANSFORM: oid OID, trftype OID, trflang OID, trffromsql REGPROC, trftosql REGPROC;
    PG_TRIGGER: oid OID, tgrelid OID, tgparentid OID, tgname NAME, tgfoid OID, tgtype INT2, tgenabled CHAR,
        tgisinternal BOOL, tgconstrrelid OID, tgconstrindid OID, tgconstraint OID, tgdeferrable BOOL,
        tginitdeferred BOOL, tgnargs INT2, tgattr INT2VECTOR, tgargs BYTEA, tgqual PG_NODE_TREE, tgoldtable NAME,
        tgnewtable NAME;
    PG_TS_CONFIG: oid OID, cfgname NAME, cfgnamespace OID, cfgowner OID, cfgparser OID;
    PG_TS_CONFIG_MAP: mapcfg OID, maptokentype INT4, mapseqno INT4, mapdict OID;
    PG_TS_DICT: oid OID, dictname NAME, dictnamespace OID, dictowner OID, dicttemplate OID, dictinitoption TEXT;
    PG_TS_PARSER: oid OID, prsname NAME, prsnamespace OID, prsstart REGPROC, prstoken REGPROC, prsend REGPROC,
        prsheadline REGPROC, prslextype REGPROC;
    PG_TS_TEMPLATE: oid OID, tmplname NAME, tmplnamespace OID, tmplinit REGPROC, tmpllexize REGPROC;
    PG_TYPE: oid OID, typname NAME, typnamespace OID, typowner OID, typlen INT2, typbyval BOOL, typtype CHAR,
        typcategory CHAR, typispreferred BOOL, typisdefined BOOL, typdelim CHAR, typrelid OID, typsubscript REGPROC,
        typelem OID, typarray OID, typinput REGPROC, typoutput REGPROC, typreceive REGPROC, typsend REGPROC,
        typmodin REGPROC, typmodout REGPROC, typanalyze REGPROC, typalign CHAR, typstorage CHAR, typnotnull BOOL,
        typbasetype OID, typtypmod INT4, typndims INT4, typcollation OID, typdefaultbin PG_NODE_TREE, typdefault TEXT,
        typacl ACLITEM_ARRAY;
    PG_USER: usename NAME, usesysid OID, usecreatedb BOOL, usesuper BOOL, userepl BOOL, usebypassrls BOOL,
        passwd TEXT, valuntil TIMESTAMPTZ, useconfig TEXT_ARRAY;
    PG_USER_MAPPING: oid OID, umuser OID, umserver OID, umoptions TEXT_ARRAY;
    PG_USER_MAPPINGS: umid OID, srvid OID, srvname NAME, umuser OID, usename NAME, umoptions TEXT_ARRAY;
    PG_VIEWS: schemaname NAME, viewname NAME, viewowner NAME, definition TEXT;
    IS_TABLES: table_catalog NAME, table_schema NAME, table_name NAME, table_type VARCHAR,
        self_referencing_column_name NAME, reference_generation VARCHAR, user_defined_type_catalog NAME,
        user_defined_type_schema NAME, user_defined_type_name NAME, is_insertable_into VARCHAR, is_typed VARCHAR,
        commit_action VARCHAR;
    IS_COLUMNS: table_catalog NAME, table_schema NAME, table_name NAME, column_name NAME, ordinal_position INT4,
        column_default VARCHAR, is_nullable VARCHAR, data_type VARCHAR, character_maximum_length INT4,
        character_octet_length INT4, numeric_precision INT4, numeric_precision_radix INT4, numeric_scale INT4,
        datetime_precision INT4, interval_type VARCHAR, interval_precision INT4, character_set_catalog NAME,
        character_set_schema NAME, character_set_name NAME, collation_catalog NAME, collation_schema NAME,
        collation_name NAME, domain_catalog NAME, domain_schema NAME, domain_name NAME, udt_catalog NAME,
        udt_schema NAME, udt_name NAME, scope_catalog NAME, scope_schema NAME, scope_name NAME,
        maximum_cardinality INT4, dtd_identifier NAME, is_self_referencing VARCHAR, is_identity VARCHAR,
        identity_generation VARCHAR, identity_start VARCHAR, identity_increment VARCHAR, identity_maximum VARCHAR,
        identity_minimum VARCHAR, identity_cycle VARCHAR, is_generated VARCHAR, generation_expression VARCHAR,
        is_updatable VARCHAR;
    IS_SCHEMATA: catalog_name NAME, schema_name NAME, schema_owner NAME, default_character_set_catalog NAME,
        default_character_set_schema NAME, default_character_set_name NAME, sql_path VARCHAR;
    IS_VIEWS: table_catalog NAME, table_schema NAME, table_name NAME, view_definition VARCHAR, check_option VARCHAR,
        is_updatable VARCHAR, is_insertable_into VARCHAR, is_trigger_updatable VARCHAR, is_trigger_deletable VARCHAR,
        is_trigger_insertable_into VARCHAR;
    IS_TABLE_CONSTRAINTS: constraint_catalog NAME, constraint_schema NAME, constraint_name NAME, table_catalog NAME,
        table_schema NAME, table_name NAME, constraint_type VARCHAR, is_deferrable VARCHAR,
        initially_deferred VARCHAR, enforced VARCHAR, nulls_distinct VARCHAR;
    IS_KEY_COLUMN_USAGE: constraint_catalog NAME, constraint_schema NAME, constraint_name NAME, table_catalog NAME,
        table_schema NAME, table_name NAME, column_name NAME, ordinal_position INT4,
        position_in_unique_constraint INT4;
    IS_CONSTRAINT_COLUMN_USAGE: table_catalog NAME, table_schema NAME, table_name NAME, column_name NAME,
        constraint_catalog NAME, constraint_schema NAME, constraint_name NAME;
    IS_REFERENTIAL_CONSTRAINTS: constraint_catalog NAME, constraint_schema NAME, constraint_name NAME,
        unique_constraint_catalog NAME, unique_constraint_schema NAME, unique_constraint_name NAME,
        match_option VARCHAR, update_rule VARCHAR, delete_rule VARCHAR;
    IS_CHECK_CONSTRAINTS: constraint_catalog NAME, constraint_schema NAME, constraint_name NAME, check_clause VARCHAR;
    IS_SEQUENCES: sequence_catalog NAME, sequence_schema NAME, sequence_name NAME, data_type VARCHAR,
        numeric_precision INT4, numeric_precision_radix INT4, numeric_scale INT4, start_value VARCHAR,
        minimum_value VARCHAR, maximum_value VARCHAR, increment VARCHAR, cycle_option VARCHAR;
    IS_ROUTINES: specific_catalog NAME, specific_schema NAME, specific_name NAME, routine_catalog NAME,
        routine_schema NAME, routine_name NAME, routine_type VARCHAR, module_catalog NAME, module_schema NAME,
        module_name NAME, udt_catalog NAME, udt_schema NAME, udt_name NAME, data_type VARCHAR,
        character_maximum_length INT4, character_octet_length INT4, character_set_catalog NAME,
        character_set_schema NAME, character_set_name NAME, collation_catalog NAME, collation_schema NAME,
        collation_name NAME, numeric_precision INT4, numeric_precision_radix INT4, numeric_scale INT4,
        datetime_precision INT4, interval_type VARCHAR, interval_precision INT4, type_udt_catalog NAME,
        type_udt_schema NAME, type_udt_name NAME, scope_catalog NAME, scope_schema NAME, scope_name NAME,
        maximum_cardinality INT4, dtd_identifier NAME, routine_body VARCHAR, routine_definition VARCHAR,
        external_name VARCHAR, external_language VARCHAR, parameter_style VARCHAR, is_deterministic VARCHAR,
        sql_data_access VARCHAR, is_null_call VARCHAR, sql_path VARCHAR, schema_level_routine VARCHAR,
        max_dynamic_result_sets INT4, is_user_defined_cast VARCHAR, is_implicitly_invocable VARCHAR,
        security_type VARCHAR, to_sql_specific_catalog NAME, to_sql_specific_schema NAME, to_sql_specific_name NAME,
        as_locator VARCHAR, created TIMESTAMPTZ, last_altered TIMESTAMPTZ, new_savepoint_level VARCHAR,
        is_udt_dependent VARCHAR, result_cast_from_data_type VARCHAR, result_cast_as_locator VARCHAR,
        result_cast_char_max_length INT4, result_cast_char_octet_length INT4, result_cast_char_set_catalog NAME,
        result_cast_char_set_schema NAME, result_cast_char_set_name NAME, result_cast_collation_catalog NAME,
        result_cast_collation_schema NAME, result_cast_collation_name NAME, result_cast_numeric_precision INT4,
        result_cast_numeric_precision_radix INT4, result_cast_numeric_scale INT4, result_cast_datetime_precision INT4,
        result_cast_interval_type VARCHAR, result_cast_interval_precision INT4, result_cast_type_udt_catalog NAME,
        result_cast_type_udt_schema NAME, result_cast_type_udt_name NAME, result_cast_scope_catalog NAME,
        result_cast_scope_schema NAME, result_cast_scope_name NAME, result_cast_maximum_cardinality INT4,
        result_cast_dtd_identifier NAME;
    IS_PARAMETERS: specific_catalog NAME, specific_schema NAME, specific_name NAME, ordinal_position INT4,
        parameter_mode VARCHAR, is_result VARCHAR, as_locator VARCHAR, parameter_name NAME, data_type VARCHAR,
        character_maximum_length INT4, character_octet_length INT4, character_set_catalog NAME,
        character_set_schema NAME, character_set_name NAME, collation_catalog NAME, collation_schema NAME,
        collation_name NAME, numeric_precision INT4, numeric_precision_radix INT4, numeric_scale INT4,
        datetime_precision INT4, interval_type VARCHAR, interval_precision INT4, udt_catalog NAME, udt_schema NAME,
        udt_name NAME, scope_catalog NAME, scope_schema NAME, scope_name NAME, maximum_cardinality INT4,
        dtd_identifier NAME, parameter_default VARCHAR;
    IS_INFORMATION_SCHEMA_CATALOG_NAME: catalog_name NAME;
    IS_TRIGGERS: trigger_catalog NAME, trigger_schema NAME, trigger_name NAME, event_manipulation VARCHAR,
        event_object_catalog NAME, event_object_schema NAME, event_object_table NAME, action_order INT4,
        action_condition VARCHAR, action_statement VARCHAR, action_orientation VARCHAR, action_timing VARCHAR,
        action_reference_old_table NAME, action_reference_new_table NAME, action_reference_old_row NAME,
        action_reference_new_row NAME, created TIMESTAMPTZ;
    IS_ENABLED_ROLES: role_name NAME;
    IS_APPLICABLE_ROLES: grantee NAME, role_name NAME, is_grantable VARCHAR;
    IS_TABLE_PRIVILEGES: grantor NAME, grantee NAME, table_catalog NAME, table_schema NAME, table_name NAME,
        privilege_type VARCHAR, is_grantable VARCHAR, with_hierarchy VARCHAR;
    IS_ROLE_TABLE_GRANTS: grantor NAME, grantee NAME, table_catalog NAME, table_schema NAME, table_name NAME,
        privilege_type VARCHAR, is_grantable VARCHAR, with_hierarchy VARCHAR;
    IS_COLUMN_PRIVILEGES: grantor NAME, grantee NAME, table_catalog NAME, table_schema NAME, table_name NAME,
        column_name NAME, privilege_type VARCHAR, is_grantable VARCHAR;
    IS_DOMAINS: domain_catalog NAME, domain_schema NAME, domain_name NAME, data_type VARCHAR,
        character_maximum_length INT4, character_octet_length INT4, character_set_catalog NAME,
        character_set_schema NAME, character_set_name NAME, collation_catalog NAME, collation_schema NAME,
        collation_name NAME, numeric_precision INT4, numeric_precision_radix INT4, numeric_scale INT4,
        datetime_precision INT4, interval_type VARCHAR, interval_precision INT4, domain_default VARCHAR,
        udt_catalog NAME, udt_schema NAME, udt_name NAME, scope_catalog NAME, scope_schema NAME, scope_name NAME,
        maximum_cardinality INT4, dtd_identifier NAME;
    IS_ELEMENT_TYPES: object_catalog NAME, object_schema NAME, object_name NAME, object_type VARCHAR,
        collection_type_identifier NAME, data_type VARCHAR, character_maximum_length INT4,
        character_octet_length INT4, character_set_catalog NAME, character_set_schema NAME, character_set_name NAME,
        collation_catalog NAME, collation_schema NAME, collation_name NAME, numeric_precision INT4,
        numeric_precision_radix INT4, numeric_scale INT4, datetime_precision INT4, interval_type VARCHAR,
        interval_precision INT4, domain_default VARCHAR, udt_catalog NAME, udt_schema NAME, udt_name NAME,
        scope_catalog NAME, scope_schema NAME, scope_name NAME, maximum_cardinality INT4, dtd_identifier NAME;
    IS_VIEW_TABLE_USAGE: view_catalog NAME, view_schema NAME, view_name NAME, table_catalog NAME, table_schema NAME,
        table_name NAME;
    IS_CONSTRAINT_TABLE_USAGE: table_catalog NAME, table_schema NAME, table_name NAME, constraint_catalog NAME,
        constraint_schema NAME, constraint_name NAME;
}
