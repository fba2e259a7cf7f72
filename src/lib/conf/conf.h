/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as every role sees it: one read-only generation.
 *
 * The structs below are made from settings.def, where each field has its unit, range,
 * default and sentence: `conf->limit.message_size_b`, `conf->spool.path`,
 * `conf->listeners[i].role == CONF_ROLE_MX`, `conf->hosts`, `conf->domains`,
 * `conf->directories`, `conf->routes`. Beside each field stands `FIELD_from`: where its
 * value came from (file and line; or "default" or "profile NAME" with line 0); a host
 * rule has one origin for all.
 *
 * conf_parse is pure: the texts come in a bundle that conf_load reads from disk, or that
 * another process sent (conf_bundle_encode, conf_bundle_decode). */
#ifndef IMS_CONF_CONF_H
#define IMS_CONF_CONF_H

#include "lib/base/arena.h"
#include "lib/base/ip.h"

/* line 0: `file` says what else it came from. An unset origin has an empty file. */
struct conf_origin {
	struct str file;
	unsigned line; /* 1 is the first */
};

struct conf_address {
	struct ip ip; /* all zero: [::]; 0.0.0.0 is the mapped form */
	uint16_t port;
};

struct conf_addresses {
	struct conf_address *at;
	size_t count;
};

struct conf_durations {
	int64_t *at; /* milliseconds */
	size_t count;
};

/* A next hop: a host name or an address without brackets; for LMTP also the path of a
 * socket, which begins with '/' and has port 0. */
struct conf_hop {
	struct str host;
	uint16_t port;
	uint16_t weight; /* 0: none */
	bool mx;         /* the hosts that the DNS names for `host` */
};

struct conf_hops {
	struct conf_hop *at;
	size_t count;
};

/* Names of domains as written; ".example.com" is all below it, "*" all there are. */
struct conf_matches {
	struct str *at;
	size_t count;
};

struct conf_network {
	struct ip_net net;
	struct conf_origin from;
};

/* Of several statements, in the order of the files. */
struct conf_networks {
	struct conf_network *at;
	size_t count;
	const struct conf_index *index; /* NULL: it is walked */
};

struct conf_texts {
	struct str *at;
	size_t count;
};

struct conf_path {
	struct str path; /* absolute */
	struct conf_origin from;
};

/* Of several statements, in the order of the files. */
struct conf_paths {
	struct conf_path *at;
	size_t count;
};

/* user@domain, @domain, @.domain (all below it) or <>; as written. */
struct conf_sender {
	struct str text;
	struct conf_origin from;
};

/* Of several statements and of a file, in that order. */
struct conf_senders {
	struct conf_sender *at;
	size_t count;
};

/* So many in so long; count 0: no limit. */
struct conf_rate_value {
	int64_t count, every_ms;
};

struct conf_ips {
	struct ip *at;
	size_t count;
};

/* Lengths of the prefix that makes a network of an address. */
struct conf_prefixes {
	unsigned v4, v6;
};

/* Addresses in 127.0.0.0/8, in host order, both ends included. */
struct conf_answer {
	uint32_t first, last;
};

struct conf_answers {
	struct conf_answer *at;
	size_t count;
};

/* A SCORE that is no number: what it is about is reason enough. */
enum { CONF_SCORE_REJECT = 1000000 };

struct conf_directory;
struct conf_route;

struct conf_users {
	bool any;                               /* every address of the domain is good */
	const struct conf_directory *directory; /* NULL if any */
	struct str name;                        /* of the directory */
};

enum conf_deliver_kind { CONF_DELIVER_MAILDIR, CONF_DELIVER_LMTP, CONF_DELIVER_ROUTE };

struct conf_deliver {
	enum conf_deliver_kind kind;
	/* Absolute; after % only d, n, u (made safe as file names by who fills them in)
	 * and % occur. */
	struct str maildir;
	struct conf_hops lmtp;          /* empty unless CONF_DELIVER_LMTP */
	const struct conf_route *route; /* NULL unless CONF_DELIVER_ROUTE; held: or none is named */
	struct str name;                /* of the route */
	bool held; /* CONF_DELIVER_ROUTE: only when somebody has asked for it (ETRN) */
};

#define CONF_PROFILE(id, word, addresses, role, sentence) CONF_PROFILE_##id,
enum conf_profile {
#include "lib/conf/settings.def"
	CONF_PROFILE_COUNT
};

/* enum conf_role { CONF_ROLE_MX, ... } and so on; the first is 0. */
#define CONF_ENUM_BEGIN(name)         enum conf_##name {
#define CONF_WORD(id, word, sentence) CONF_##id,
#define CONF_ENUM_END(name) \
	} \
	;
#include "lib/conf/settings.def"

/* The bit of one word of a CONF_FLAGS setting: conf->notify & CONF_FLAG(NOTIFY_EXPIRED).
 * Where the file says `all`, every bit is set. */
#define CONF_FLAG(id) (1u << CONF_##id)

struct conf_level {
	struct str category;
	enum conf_log_level level;
	struct conf_origin from;
};

struct conf_levels {
	struct conf_level *at;
	size_t count;
};

/* C types of the table's TYPEs. */
#define CONF_TYPE_TEXT      struct str /* without control characters */
#define CONF_TYPE_TEXTS     struct conf_texts
#define CONF_TYPE_PATH      struct str /* absolute */
#define CONF_TYPE_PATHS     struct conf_paths
#define CONF_TYPE_HOSTNAME  struct str /* as written, no final dot */
#define CONF_TYPE_MAILBOX   struct str /* local@domain, or empty */
#define CONF_TYPE_SIZE      int64_t    /* bytes */
#define CONF_TYPE_DURATION  int64_t    /* milliseconds */
#define CONF_TYPE_NUMBER    int64_t
#define CONF_TYPE_SCORE     int64_t    /* points; 0: off; CONF_SCORE_REJECT */
#define CONF_TYPE_REPLY     struct str /* printable ASCII */
#define CONF_TYPE_ANSWERS   struct conf_answers
#define CONF_TYPE_DURATIONS struct conf_durations
#define CONF_TYPE_ADDRESSES struct conf_addresses
#define CONF_TYPE_SERVERS   struct conf_addresses
#define CONF_TYPE_HOPS      struct conf_hops
#define CONF_TYPE_MATCHES   struct conf_matches
#define CONF_TYPE_NETWORKS  struct conf_networks
#define CONF_TYPE_HOSTNAMES struct conf_matches /* none begins with a dot */
#define CONF_TYPE_NAMES     struct conf_matches /* of blocks */
#define CONF_TYPE_OWNERS    struct conf_matches /* user@domain or @domain */
#define CONF_TYPE_FROM      struct conf_matches /* user@domain, @domain, @.domain or <> */
#define CONF_TYPE_IPS       struct conf_ips
#define CONF_TYPE_DATE      int64_t /* milliseconds, the begin of the day in UTC; 0: none */
#define CONF_TYPE_RATE      struct conf_rate_value
#define CONF_TYPE_PREFIXES  struct conf_prefixes
#define CONF_TYPE_SENDERS   struct conf_senders
#define CONF_TYPE_LEVELS    struct conf_levels
#define CONF_TYPE_USERS     struct conf_users
#define CONF_TYPE_DELIVER   struct conf_deliver
#define CONF_TYPE_PROFILE   enum conf_profile

/* What a block has besides its settings. */
#define CONF_KEY_NONE
#define CONF_KEY_SENDERS
#define CONF_KEY_VALUES
#define CONF_KEY_NAME    struct str name;
#define CONF_KEY_ROUTE \
	struct str name; \
	struct conf_matches listed; /* those of match_file */
#define CONF_KEY_NETWORK struct ip_net net;
#define CONF_KEY_ZONE \
	struct str name;    /* at most 180 octets: an address goes in front of it */ \
	struct str refusal; /* the sentence for a client that it lists */
#define CONF_KEY_DOMAINS \
	struct str *names; \
	size_t name_count;
#define CONF_KEY_FILE \
	uint64_t generation; \
	struct conf_index *host_index;   /* conf_host_find   */ \
	struct conf_index *domain_index; /* conf_domain_find */ \
	struct conf_matching *matching;  /* conf_route_match */ \
	struct conf_index *sender_index; /* conf_sender_find */ \
	size_t held_count;               /* domains that are held */ \
	struct arena arena;              /* everything that this struct points to */

#define CONF_BLOCK_BEGIN(tag, word, key, sentence) \
	struct tag { \
		struct conf_origin origin; \
		CONF_KEY_##key
#define CONF_SETTING(tag, field, word, type, text, min, max, sentence) \
	CONF_TYPE_##type field; \
	struct conf_origin field##_from;
#define CONF_CHOICE(tag, field, word, name, text, sentence) \
	enum conf_##name field; \
	struct conf_origin field##_from;
#define CONF_RULE(tag, field, word, name, text, sentence) enum conf_##name field;
#define CONF_FLAGS(tag, field, word, name, text, sentence) \
	unsigned field; \
	struct conf_origin field##_from;
#define CONF_ONE(tag, field, inner) struct inner field;
#define CONF_MANY(tag, field, inner, max) \
	struct inner *CONF_PLURAL_##field; \
	size_t field##_count;
#define CONF_PLURAL_listener  listeners
#define CONF_PLURAL_host      hosts
#define CONF_PLURAL_domain    domains
#define CONF_PLURAL_directory directories
#define CONF_PLURAL_route     routes
#define CONF_PLURAL_egress    egresses
#define CONF_PLURAL_filter    filters
#define CONF_PLURAL_rate      rates
#define CONF_PLURAL_dnsbl     dnsbls
#define CONF_PLURAL_tls_policy tls_policies
#define CONF_PLURAL_oauth     oauths
#define CONF_PLURAL_sender_map sender_maps
#define CONF_PLURAL_pacing    pacings
#define CONF_PLURAL_dial      dials
#define CONF_PLURAL_oauth_client oauth_clients
#define CONF_BLOCK_END(tag) \
	} \
	;
#include "lib/conf/settings.def"

/* -- The texts ----------------------------------------------------------------------- */

enum {
	CONF_FILES_MAX = 64,             /* in one bundle */
	CONF_FILE_MAX = 8 * 1024 * 1024, /* bytes of one file */
	CONF_BUNDLE_MAX = 32 * 1024 * 1024,
	CONF_ERRORS_MAX = 20, /* kept of one run; the rest is counted */
};

enum conf_source_kind {
	CONF_SOURCE_FILE,
	CONF_SOURCE_HOSTS,
	CONF_SOURCE_SENDERS,
	CONF_SOURCE_MATCHES,
	CONF_SOURCE_COUNT
};

/* One file: configuration (the main file, what it includes), or the lines of a
 * `host file PATH`, of a filter's `file PATH` or a route's `match-file PATH`, whose name is that
 * PATH. */
struct conf_source {
	enum conf_source_kind kind;
	struct str name;
	struct str text;
};

/* files[0] is the main file. Texts and names belong to the arena once conf_load,
 * conf_bundle_add or conf_bundle_decode put them there. */
struct conf_bundle {
	struct conf_source files[CONF_FILES_MAX];
	size_t count;
	uint64_t generation;
	struct str system_hostname; /* default of `hostname`; may be empty */
	struct arena arena;
};

void conf_bundle_init(struct conf_bundle *bundle);
void conf_bundle_free(struct conf_bundle *bundle);
/* Copies; false when a limit is reached. */
bool conf_bundle_add(struct conf_bundle *bundle, enum conf_source_kind kind, struct str name,
		     struct str text);
/* Files of lines, which may be very many; by bits. */
enum conf_lists {
	CONF_LISTS_NONE = 0,
	CONF_LISTS_CLIENTS = 1, /* for conf_host_find and conf_sender_find */
	CONF_LISTS_MATCHES = 2, /* for conf_route_match */
};
/* Leaves the other ones without their lines, for who does not ask for them. */
void conf_bundle_keep_lists(struct conf_bundle *bundle, unsigned lists);
bool conf_bundle_set_hostname(struct conf_bundle *bundle, struct str hostname);
/* For the master to send to the roles. A record that is damaged or too large: false. */
void conf_bundle_encode(const struct conf_bundle *bundle, struct buf *out);
bool conf_bundle_decode(struct str record, struct conf_bundle *bundle);

/* -- Errors --------------------------------------------------------------------------- */

enum conf_severity { CONF_WARNING, CONF_ERROR };

struct conf_error {
	enum conf_severity severity;
	struct conf_origin at;
	unsigned column;     /* in characters, 1 is the first; 0: the whole file */
	unsigned mark;       /* characters to underline */
	struct str sentence; /* says what is wrong and what would be right */
	struct str source;   /* the line, without control characters; may be cut */
	unsigned source_column; /* where `column` stands in `source` */
};

struct conf_errors {
	struct conf_error list[CONF_ERRORS_MAX];
	size_t count;              /* in list */
	size_t errors, warnings;   /* found in all */
	struct arena arena;
};

void conf_errors_init(struct conf_errors *errors);
void conf_errors_free(struct conf_errors *errors);
/* As an administrator reads it, in the order of the files and their lines:
 * /etc/ims/ims.conf:7:1: unknown word 'listner'; did you mean 'listener'?
 *     listner lan {
 *     ^~~~~~~                                                                            */
void conf_errors_write(const struct conf_errors *errors, struct buf *out);

/* -- Parse, ask ----------------------------------------------------------------------- */

/* Reads all texts. NULL if there was an error (or no memory, which is one too); warnings
 * may be there in both cases. The result does not point into the bundle; ends with
 * conf_free. */
struct conf *conf_parse(const struct conf_bundle *bundle, struct conf_errors *errors);
/* The same in spite of errors: what is wrong has its default. Only to find the service
 * that still runs with the file as it was before; NULL if there is no memory. */
struct conf *conf_parse_partly(const struct conf_bundle *bundle,
			       struct conf_errors *errors);
void conf_free(struct conf *conf);

/* The rule with the longest prefix that holds `ip`, or NULL. IPv6 networks hold no IPv4
 * client. Costs one hash look-up for each prefix length in use. */
const struct conf_host *conf_host_find(const struct conf *conf, struct ip ip);
/* The local domain of that name (ASCII case does not matter), or NULL. */
const struct conf_domain *conf_domain_find(const struct conf *conf, struct str name);
const struct conf_directory *conf_directory_find(const struct conf *conf, struct str name);
/* Name of the secret that it needs; empty: none. */
struct str conf_directory_secret(const struct conf_directory *d);
/* Whether two blocks say the same, wherever they stand. */
bool conf_directory_is_same(const struct conf_directory *a, const struct conf_directory *b);
const struct conf_route *conf_route_find(const struct conf *conf, struct str name);
const struct conf_egress *conf_egress_find(const struct conf *conf, struct str name);
/* The dial whose windows the mail of that route waits for, or NULL. */
const struct conf_dial *conf_dial_find(const struct conf *conf, struct str route);
const struct conf_oauth_client *conf_oauth_client_find(const struct conf *conf, struct str name);
/* Whether this route needs files: `ca`, or `certificate` and `key`, or `secret`. */
bool conf_route_has_files(const struct conf_route *route);
/* By which name it has them: its own, or empty: those that routes share which say nothing
 * about files. */
struct str conf_route_files_name(const struct conf_route *route);
/* A route that has the files of that name, or NULL. */
const struct conf_route *conf_route_with_files(const struct conf *conf, struct str name);
enum { CONF_ROUTE_FILES_MAX = 64 }; /* routes with files of their own */
/* Of what a route is chosen: the recipient's domain, the sender (local@domain; empty: null)
 * and who has logged in (empty: nobody). */
struct conf_route_ask {
	struct str domain, sender, user;
};
/* The route that fits best (see settings.def), and which of its words did; route is NULL if
 * none fits. A word is empty where the route has none of the kind. */
struct conf_route_found {
	const struct conf_route *route;
	struct str match, sender, user;
};
/* Costs one hash look-up for each label of the domain, and where routes have `sender` or `user`
 * one for each label of the sender; and of the routes that match the domain equally well each
 * is looked at. */
struct conf_route_found conf_route_match(const struct conf *conf,
					 const struct conf_route_ask *ask);
/* Where the hosts of `than`, which was found for the same, are dead: the cheapest of the routes that
 * match as well (the same word of `match`, as exact a sender and user) and cost more, the first of
 * those that cost the same. NULL route: there is none. */
struct conf_route_found conf_route_dearer(const struct conf *conf, const struct conf_route_ask *ask,
					  const struct conf_route *than);
/* Whether any route costs something. */
bool conf_routes_have_costs(const struct conf *conf);
/* Whether some route is only for some senders or users. */
bool conf_routes_are_narrowed(const struct conf *conf);
static inline bool conf_route_is_narrowed(const struct conf_route *route)
{
	return route->senders.count > 0 || route->users.count > 0;
}
/* The block that says how mail to the domain is encrypted: the longest of its names that is the
 * domain, or stands above it; NULL: none. One whose last day has passed is none. Walks all. */
const struct conf_tls_policy *conf_tls_policy_find(const struct conf *conf, struct str domain,
						   int64_t now_ms);
bool conf_tls_policy_is_over(const struct conf_tls_policy *policy, int64_t now_ms);
/* The entry of a `filter senders` that means this sender (local@domain; empty: null) and
 * what its filter does, or NULL: an address stands before its domain, that before the
 * domains above it. Costs one hash look-up for each label. */
const struct conf_sender *conf_sender_find(const struct conf *conf, struct str sender,
					   enum conf_filter_action *action);
/* The network with the longest prefix that holds `ip`, or NULL. IPv6 networks hold no IPv4
 * client. Costs as conf_host_find in lists with an index, as those of relay; walks others. */
const struct conf_network *conf_network_find(const struct conf_networks *list, struct ip ip);

/* -- Load (the only part that reads files) -------------------------------------------- */

/* Reads `path`, what it includes and its host files into an initialised bundle; sets the
 * system's host name. Errors (cannot read, too large, too many, included in a circle) go
 * to `errors`; false if there was one. */
bool conf_load(const char *path, struct conf_bundle *bundle, struct conf_errors *errors);

/* -- Show ----------------------------------------------------------------------------- */

enum conf_show_mode {
	CONF_SHOW_CHANGED,   /* what the files set, as configuration text */
	CONF_SHOW_EFFECTIVE, /* everything, as configuration text with origins */
	CONF_SHOW_JSON,      /* everything, one object a line */
};

/* Pure. The text forms parse again to an equal configuration (effective) or to the same
 * one (changed). */
void conf_show(const struct conf *conf, enum conf_show_mode mode, struct buf *out);

#endif
