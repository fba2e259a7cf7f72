/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the mail for an address, by the alias files and `catch-all` of the local domains
 * and the directories. Pure: the caller asks the directories.
 *
 *   alias_expand_begin(&x, &where, address);
 *   while (alias_expand_next(&x)) alias_expand_answer(&x, ...x.question...);
 *   ... x.result, x.targets ...
 *   alias_expand_end(&x);
 *
 * For each address in turn, the first that fits: an alias of exactly that name; a user of
 * it; an alias of the name without its "+detail", which its targets then get, as Postfix
 * does it by default (propagate_unmatched_extensions = canonical, virtual); a user without
 * the detail; for "postmaster" the setting of that name; "@domain" of the file, or
 * `catch-all`. Each target is an address of its own, to a depth of 10; one that comes back
 * to itself is a user or nothing. An address of another domain is not looked at. */
#ifndef IMS_ALIAS_EXPAND_H
#define IMS_ALIAS_EXPAND_H

#include "lib/alias/table.h"
#include "lib/conf/conf.h"

enum {
	ALIAS_DEPTH_MAX = 10,
	ALIAS_RESULTS_MAX = 1000,
	ALIAS_NODES_MAX = 4 * ALIAS_RESULTS_MAX, /* with the aliases between */
	ALIAS_FAULTS_MAX = 16,                   /* kept of one address */
	ALIAS_HOME_MAX = 255,
};

enum alias_result {
	ALIAS_NOBODY,  /* there is no such address */
	ALIAS_KNOWN,
	ALIAS_LATER,   /* a directory or an alias file cannot be asked now */
	/* Of a recipient: nobody, for the aliases are wrong: in a circle, too deep, too many. */
	ALIAS_CIRCLE,
};

/* What stood for the address that was asked about. */
enum alias_how { ALIAS_PLAIN, ALIAS_BY_NAME, ALIAS_BY_DOMAIN };

struct alias_where {
	const struct conf *conf;
	/* The alias file of a domain that has one; NULL: it cannot be used now. */
	const struct alias_table *(*table)(void *arg, const struct conf_domain *domain);
	void *arg;
	/* Whose address is it? Then a catch-all does not count. */
	bool owner;
};

struct alias_reached {
	struct str address;
	bool known; /* its directory has it */
};

struct alias_fault {
	struct str address;
	const struct alias_table *table; /* of the alias that names it */
	const struct alias *alias;       /* NULL: a setting of the configuration */
	const char *reason;
};

struct alias_node;

struct alias_expansion {
	struct alias_where where;
	enum alias_result result; /* when alias_expand_next is false */
	enum alias_how how;
	/* Where the first alias stands; empty: none. "FILE:LINE". */
	char rule[512];
	struct alias_reached *targets;
	size_t count;
	struct alias_fault faults[ALIAS_FAULTS_MAX];
	size_t fault_count; /* those that were kept */
	/* Of the last target: whose it is, as the directory says. */
	char owner[ALIAS_ADDRESS_MAX], home[ALIAS_HOME_MAX + 1];
	size_t owner_len, home_len;
	/* To be asked now. */
	struct {
		struct str directory, address;
	} question;
	/* its own */
	struct arena arena;
	struct map seen; /* targets, and aliases with their details */
	struct alias_node *nodes;
	size_t node_count, node_cap, at, target_cap;
	bool circle, full;
};

enum alias_answer { ALIAS_ANSWER_NO, ALIAS_ANSWER_YES, ALIAS_ANSWER_LATER };

/* `address` as smtp_path_write has it, or "postmaster" alone; copied. */
void alias_expand_begin(struct alias_expansion *x, const struct alias_where *where,
			struct str address);
/* True: the directory of that name is to be asked for an address (and for it without its
 * detail). Strings of the expansion live until alias_expand_end. */
bool alias_expand_next(struct alias_expansion *x);
/* `entry` and `home`: with YES, the user's own address and his server. */
void alias_expand_answer(struct alias_expansion *x, enum alias_answer answer,
			 struct str entry, struct str home);
void alias_expand_end(struct alias_expansion *x);

/* Whether anything but the directory has a say about the address. */
bool alias_concerns(const struct conf *conf, struct str address);
/* "FILE:LINE" of what names the address. */
void alias_fault_rule(const struct alias_fault *fault, struct buf *out);

#endif
